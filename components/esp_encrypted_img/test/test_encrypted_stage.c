#include "esp_encrypted_img_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sealed_image.h"

static struct sealed_image s_image;
static uint8_t s_out[SEALED_PLAIN_MAX];

static struct ota_stage *create(uint64_t max_output)
{
    struct ota_stage *stage = NULL;
    assert_int_equal(
        esp_encrypted_img_stage_create(s_image.key, s_image.key_len, max_output, &stage), ESP_OK);
    return stage;
}

/** Feeds the file from..to; the plaintext goes where it belongs in s_out. */
static esp_err_t feed(struct ota_stage *stage, size_t from, size_t to)
{
    size_t in_len = to - from;
    size_t out_len = sizeof(s_out);
    size_t at = from > 512 ? from - 512 : 0;
    out_len -= at;
    esp_err_t err = stage->ops->step(stage, s_image.file + from, &in_len, s_out + at, &out_len);
    if (err == ESP_OK) {
        assert_int_equal(in_len, to - from);
    }
    return err;
}

static esp_err_t finish(struct ota_stage *stage)
{
    bool is_done = false;
    size_t out_len = 0;
    esp_err_t err = stage->ops->finish(stage, NULL, &out_len, &is_done);
    assert_int_equal(is_done, err == ESP_OK);
    stage->ops->destroy(stage);
    return err;
}

static void goes_on_from_a_state_at_every_byte(void **state)
{
    (void)state;
    for (int scheme = SEALED_RSA; scheme <= SEALED_ECIES; scheme++) {
        sealed_image_make(&s_image, (enum sealed_scheme)scheme, 70);
        for (size_t cut = 512; cut <= s_image.file_len; cut++) {
            uint8_t saved[OTA_STAGE_STATE_MAX];
            size_t len = 0;
            struct ota_stage *stage = create(70);
            memset(s_out, 0, sizeof(s_out));
            assert_int_equal(feed(stage, 0, cut), ESP_OK);
            assert_int_equal(stage->ops->save(stage, saved, &len), ESP_OK);
            stage->ops->destroy(stage);
            stage = create(70);
            assert_int_equal(stage->ops->restore(stage, saved, len), ESP_OK);
            assert_int_equal(feed(stage, cut, s_image.file_len), ESP_OK);
            assert_int_equal(finish(stage), ESP_OK);
            assert_memory_equal(s_out, s_image.plain, 70);
        }
    }
}

static void cannot_be_saved_inside_the_header(void **state)
{
    (void)state;
    uint8_t saved[OTA_STAGE_STATE_MAX];
    size_t len;
    sealed_image_make(&s_image, SEALED_ECIES, 70);
    struct ota_stage *stage = create(70);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(feed(stage, 0, 511), ESP_OK);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_ERR_NOT_SUPPORTED);
    stage->ops->destroy(stage);
}

static void notices_a_change_before_the_state_was_saved(void **state)
{
    (void)state;
    uint8_t saved[OTA_STAGE_STATE_MAX];
    size_t len;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    s_image.file[600] ^= 1;
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 1000), ESP_OK);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_OK);
    stage->ops->destroy(stage);
    stage = create(1000);
    assert_int_equal(stage->ops->restore(stage, saved, len), ESP_OK);
    assert_int_equal(feed(stage, 1000, 1512), ESP_OK);
    assert_int_equal(finish(stage), ESP_ERR_INVALID_CRC);
}

static void refuses_a_state_with_any_bit_changed(void **state)
{
    (void)state;
    uint8_t saved[OTA_STAGE_STATE_MAX];
    size_t len;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 1000), ESP_OK);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_OK);
    stage->ops->destroy(stage);
    stage = create(1000);
    for (size_t bit = 0; bit < len * 8; bit++) {
        saved[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(stage->ops->restore(stage, saved, len), ESP_ERR_INVALID_ARG);
        saved[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(stage->ops->restore(stage, saved, len - 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(stage->ops->restore(stage, saved, len + 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(stage->ops->restore(stage, saved, len), ESP_OK);
    assert_int_equal(stage->ops->restore(stage, saved, len), ESP_ERR_INVALID_ARG); // not fresh
    stage->ops->destroy(stage);
}

static void refuses_a_state_of_another_device_or_above_the_limit(void **state)
{
    (void)state;
    uint8_t saved[OTA_STAGE_STATE_MAX];
    size_t len;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 600), ESP_OK);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_OK);
    stage->ops->destroy(stage);
    stage = create(999);
    assert_int_equal(stage->ops->restore(stage, saved, len), ESP_ERR_INVALID_ARG);
    stage->ops->destroy(stage);
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    stage = create(1000);
    assert_int_equal(stage->ops->restore(stage, saved, len), ESP_ERR_INVALID_ARG);
    stage->ops->destroy(stage);
}

static bool contains(const uint8_t *bytes, size_t len, const uint8_t *part, size_t part_len)
{
    for (size_t i = 0; i + part_len <= len; i++) {
        if (memcmp(bytes + i, part, part_len) == 0) {
            return true;
        }
    }
    return false;
}

static void does_not_show_the_files_key_in_a_state(void **state)
{
    (void)state;
    static const uint8_t key[32] = {1, 2, 3}; // of sealed_image_make() with RSA
    uint8_t saved[OTA_STAGE_STATE_MAX];
    uint8_t later[OTA_STAGE_STATE_MAX];
    size_t len;
    sealed_image_make(&s_image, SEALED_RSA, 1000);
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 600), ESP_OK);
    assert_int_equal(stage->ops->save(stage, saved, &len), ESP_OK);
    assert_int_equal(feed(stage, 600, 700), ESP_OK);
    assert_int_equal(stage->ops->save(stage, later, &len), ESP_OK);
    stage->ops->destroy(stage);
    assert_false(contains(saved, len, key, 8));
    assert_false(contains(saved, len, key + 8, 8));
    assert_memory_not_equal(saved + 92, later + 92, 32); // the same key under another pad
}

static void refuses_more_than_its_limit_with_the_header(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    struct ota_stage *stage = create(999);
    assert_int_equal(feed(stage, 0, 511), ESP_OK);
    assert_int_equal(feed(stage, 511, 512), ESP_ERR_INVALID_SIZE);
    stage->ops->destroy(stage);
}

static void refuses_a_wrong_magic_with_its_last_byte(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    s_image.file[0] ^= 1;
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 3), ESP_OK);
    assert_int_equal(feed(stage, 3, 4), ESP_ERR_INVALID_RESPONSE);
    stage->ops->destroy(stage);
}

static void refuses_a_key_for_another_device_with_its_last_byte(void **state)
{
    (void)state;
    static struct sealed_image other;
    sealed_image_make(&s_image, SEALED_RSA, 1000);
    sealed_image_make(&other, SEALED_RSA, 1000);
    memcpy(s_image.file, other.file, sizeof(other.file));
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 387), ESP_OK);
    assert_int_equal(feed(stage, 387, 388), ESP_ERR_INVALID_RESPONSE);
    stage->ops->destroy(stage);
}

static void tells_truncation_from_damage(void **state)
{
    (void)state;
    sealed_image_make(&s_image, SEALED_ECIES, 1000);
    struct ota_stage *stage = create(1000);
    assert_int_equal(feed(stage, 0, 1511), ESP_OK);
    assert_int_equal(finish(stage), ESP_ERR_NOT_FINISHED);
    stage = create(1000);
    assert_int_equal(finish(stage), ESP_ERR_NOT_FINISHED);
    s_image.file[410] ^= 1;
    stage = create(1000);
    assert_int_equal(feed(stage, 0, 1512), ESP_OK);
    assert_int_equal(finish(stage), ESP_ERR_INVALID_CRC);
}

static void refuses_unusable_keys(void **state)
{
    (void)state;
    struct ota_stage *stage = NULL;
    uint8_t zeros[33] = {0};
    assert_int_equal(esp_encrypted_img_stage_create(NULL, 0, 1, &stage), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_stage_create(zeros, 31, 1, &stage), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_encrypted_img_stage_create(zeros, 33, 1, &stage), ESP_ERR_INVALID_ARG);
    assert_null(stage);
    assert_int_equal(esp_encrypted_img_stage_create(zeros, 32, 1, &stage), ESP_OK);
    stage->ops->destroy(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_from_a_state_at_every_byte),
        cmocka_unit_test(cannot_be_saved_inside_the_header),
        cmocka_unit_test(notices_a_change_before_the_state_was_saved),
        cmocka_unit_test(refuses_a_state_with_any_bit_changed),
        cmocka_unit_test(refuses_a_state_of_another_device_or_above_the_limit),
        cmocka_unit_test(does_not_show_the_files_key_in_a_state),
        cmocka_unit_test(refuses_more_than_its_limit_with_the_header),
        cmocka_unit_test(refuses_a_wrong_magic_with_its_last_byte),
        cmocka_unit_test(refuses_a_key_for_another_device_with_its_last_byte),
        cmocka_unit_test(tells_truncation_from_damage),
        cmocka_unit_test(refuses_unusable_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
