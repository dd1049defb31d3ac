// The public functions, as applications call them. The verdicts on damaged files are in tests/vectors/kind_preenc.c.

#include "esp_encrypted_img.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sealed_image.h"

static struct sealed_image s_image;

static esp_decrypt_handle_t start(void)
{
    esp_decrypt_cfg_t cfg = {.rsa_priv_key = s_image.key, .rsa_priv_key_len = s_image.key_len};
    esp_decrypt_handle_t handle = esp_encrypted_img_decrypt_start(&cfg);
    assert_non_null(handle);
    return handle;
}

static esp_err_t feed(esp_decrypt_handle_t handle, size_t from, size_t to,
                      pre_enc_decrypt_arg_t *args)
{
    args->data_in = (const char *)s_image.file + from;
    args->data_in_len = to - from;
    return esp_encrypted_img_decrypt_data(handle, args);
}

static void gives_all_plaintext_of_each_piece(void **state)
{
    (void)state;
    for (int scheme = SEALED_RSA; scheme <= SEALED_ECIES; scheme++) {
        sealed_image_make(&s_image, (enum sealed_scheme)scheme, 1000);
        esp_decrypt_handle_t handle = start();
        pre_enc_decrypt_arg_t args = {0};
        assert_int_equal(feed(handle, 0, 1024, &args), ESP_ERR_NOT_FINISHED);
        assert_false(esp_encrypted_img_is_complete_data_received(handle));
        assert_int_equal(args.data_out_len, 512);
        assert_memory_equal(args.data_out, s_image.plain, 512);
        assert_int_equal(feed(handle, 1024, 1512, &args), ESP_OK); // into the same memory
        assert_int_equal(args.data_out_len, 488);
        assert_memory_equal(args.data_out, s_image.plain + 512, 488);
        free(args.data_out);
        assert_true(esp_encrypted_img_is_complete_data_received(handle));
        assert_int_equal(esp_encrypted_img_decrypt_end(handle), ESP_OK);
    }
}

static void allocates_nothing_for_pieces_of_the_header(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 16);
    esp_decrypt_handle_t handle = start();
    for (size_t at = 0; at < 512; at++) {
        pre_enc_decrypt_arg_t args = {0};
        assert_int_equal(feed(handle, at, at + 1, &args), ESP_ERR_NOT_FINISHED);
        assert_int_equal(args.data_out_len, 0);
        assert_null(args.data_out);
    }
    pre_enc_decrypt_arg_t args = {0};
    assert_int_equal(feed(handle, 512, 512, &args), ESP_ERR_NOT_FINISHED); // nothing at all
    assert_null(args.data_out);
    assert_int_equal(esp_encrypted_img_decrypt_end(handle), ESP_FAIL);
}

static void is_complete_with_the_header_when_there_is_no_data(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 0);
    esp_decrypt_handle_t handle = start();
    pre_enc_decrypt_arg_t args = {0};
    assert_int_equal(feed(handle, 0, 512, &args), ESP_OK);
    assert_int_equal(args.data_out_len, 0);
    assert_int_equal(esp_encrypted_img_decrypt_end(handle), ESP_OK);
}

static void refuses_bytes_behind_the_end(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 100);
    esp_decrypt_handle_t handle = start();
    pre_enc_decrypt_arg_t args = {0};
    assert_int_equal(feed(handle, 0, 613, &args), ESP_FAIL);
    assert_null(args.data_out);
    assert_int_equal(args.data_out_len, 0);
    assert_int_equal(feed(handle, 0, 1, &args), ESP_FAIL); // and stays so
    assert_false(esp_encrypted_img_is_complete_data_received(handle));
    assert_int_equal(esp_encrypted_img_decrypt_end(handle), ESP_FAIL);
}

static void keeps_the_callers_memory_when_it_fails(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 100);
    s_image.file[0] ^= 1;
    esp_decrypt_handle_t handle = start();
    pre_enc_decrypt_arg_t args = {.data_out = malloc(4)};
    assert_int_equal(feed(handle, 0, 600, &args), ESP_FAIL);
    assert_int_equal(args.data_out_len, 0);
    assert_non_null(args.data_out);
    free(args.data_out);
    assert_int_equal(esp_encrypted_img_decrypt_abort(handle), ESP_OK);
}

static void fails_at_the_end_when_the_tag_differs(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 100);
    s_image.file[550] ^= 1;
    esp_decrypt_handle_t handle = start();
    pre_enc_decrypt_arg_t args = {0};
    assert_int_equal(feed(handle, 0, 612, &args), ESP_OK);
    free(args.data_out);
    assert_true(esp_encrypted_img_is_complete_data_received(handle));
    assert_int_equal(esp_encrypted_img_decrypt_end(handle), ESP_FAIL);
}

static void refuses_null_and_unusable_keys(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 100);
    esp_decrypt_cfg_t cfg = {0};
    pre_enc_decrypt_arg_t args = {0};
    uint8_t *der;
    size_t len;
    assert_null(esp_encrypted_img_decrypt_start(NULL));
    assert_null(esp_encrypted_img_decrypt_start(&cfg));
    cfg.rsa_priv_key = "not a key";
    cfg.rsa_priv_key_len = 9;
    assert_null(esp_encrypted_img_decrypt_start(&cfg));
    esp_decrypt_handle_t handle = start();
    assert_int_equal(esp_encrypted_img_decrypt_data(NULL, &args), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_decrypt_data(handle, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_decrypt_data(handle, &args), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_decrypt_end(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_decrypt_abort(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_export_public_key(NULL, &der, &len), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_export_public_key(handle, NULL, &len), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_export_public_key(handle, &der, NULL), ESP_ERR_INVALID_ARG);
    assert_false(esp_encrypted_img_is_complete_data_received(NULL));
    assert_int_equal(esp_encrypted_img_decrypt_abort(handle), ESP_OK);
}

static void exports_the_public_half_of_its_key(void **state)
{
    (void)state;
    static const size_t LEN[] = {422, 91}; // fact: SubjectPublicKeyInfo of RSA-3072, of P-256
    for (int scheme = SEALED_RSA; scheme <= SEALED_ECIES; scheme++) {
        uint8_t *der = NULL;
        size_t len = 0;
        sealed_image_make(&s_image, (enum sealed_scheme)scheme, 1);
        esp_decrypt_handle_t handle = start();
        assert_int_equal(esp_encrypted_img_export_public_key(handle, &der, &len), ESP_OK);
        assert_int_equal(len, LEN[scheme]);
        assert_int_equal(der[0], 0x30);
        free(der);
        assert_int_equal(esp_encrypted_img_decrypt_abort(handle), ESP_OK);
    }
}

static void has_a_header_of_512_bytes(void **state)
{
    (void)state;
    assert_int_equal(esp_encrypted_img_get_header_size(), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_all_plaintext_of_each_piece),
        cmocka_unit_test(allocates_nothing_for_pieces_of_the_header),
        cmocka_unit_test(is_complete_with_the_header_when_there_is_no_data),
        cmocka_unit_test(refuses_bytes_behind_the_end),
        cmocka_unit_test(keeps_the_callers_memory_when_it_fails),
        cmocka_unit_test(fails_at_the_end_when_the_tag_differs),
        cmocka_unit_test(refuses_null_and_unusable_keys),
        cmocka_unit_test(exports_the_public_half_of_its_key),
        cmocka_unit_test(has_a_header_of_512_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
