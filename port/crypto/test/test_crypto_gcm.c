// Our AES-256-GCM against OpenSSL's, and continued where it was saved.

#include "crypto_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#define LEN_MAX 5000

static const struct crypto_secret_ops *const CRYPTO = &esp_crypto_secret;

static uint8_t s_key[CRYPTO_SECRET_LEN];
static uint8_t s_plain[LEN_MAX];
static uint8_t s_cipher[LEN_MAX];
static uint8_t s_out[LEN_MAX];

static int fill(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (size_t i = 0; i < LEN_MAX; i++) {
        seed = seed * 1664525u + 1013904223u;
        s_plain[i] = (uint8_t)(seed >> 24);
    }
    memcpy(s_key, s_plain + 1000, sizeof(s_key));
    return 0;
}

/** Encrypts with OpenSSL. */
static void seal(const uint8_t *iv, size_t iv_len, size_t len, uint8_t tag[16])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0;
    assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)iv_len, NULL), 1);
    assert_int_equal(EVP_EncryptInit_ex(context, NULL, NULL, s_key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(context, s_cipher, &done, s_plain, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, s_cipher + done, &done), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
    EVP_CIPHER_CTX_free(context);
}

/** Decrypts in pieces; with resumes another decryption goes on after each. */
static bool open_in_pieces(const uint8_t *iv, size_t iv_len, size_t len, size_t piece, bool resumes,
                           const uint8_t tag[16])
{
    struct crypto_gcm *gcm = CRYPTO->gcm_create();
    assert_non_null(gcm);
    assert_true(CRYPTO->gcm_begin(gcm, s_key, iv, iv_len));
    memset(s_out, 0, sizeof(s_out));
    for (size_t at = 0; at < len; at += piece) {
        size_t now = piece < len - at ? piece : len - at;
        assert_true(CRYPTO->gcm_decrypt(gcm, s_cipher + at, s_out + at, now));
        if (resumes) {
            struct crypto_gcm_state state;
            CRYPTO->gcm_save(gcm, &state);
            CRYPTO->gcm_free(gcm);
            gcm = CRYPTO->gcm_create();
            assert_non_null(gcm);
            assert_true(CRYPTO->gcm_resume(gcm, s_key, &state));
        }
    }
    bool is_authentic = CRYPTO->gcm_verify(gcm, tag);
    CRYPTO->gcm_free(gcm);
    return is_authentic;
}

static void agrees_with_openssl_for_all_lengths_and_pieces(void **state)
{
    (void)state;
    static const size_t LENS[] = {0, 1, 15, 16, 17, 31, 32, 33, 255, 256, 4095, LEN_MAX};
    static const size_t PIECES[] = {1, 7, 16, 17, 1024, LEN_MAX};
    uint8_t tag[16];
    for (size_t i = 0; i < sizeof(LENS) / sizeof(LENS[0]); i++) {
        for (size_t k = 0; k < sizeof(PIECES) / sizeof(PIECES[0]); k++) {
            seal(s_plain + i, 16, LENS[i], tag);
            assert_true(open_in_pieces(s_plain + i, 16, LENS[i], PIECES[k], false, tag));
            assert_memory_equal(s_out, s_plain, LENS[i]);
        }
    }
}

static void takes_initial_vectors_of_any_length(void **state)
{
    (void)state;
    uint8_t tag[16];
    for (size_t iv_len = 1; iv_len <= 40; iv_len++) {
        seal(s_plain, iv_len, 100, tag);
        assert_true(open_in_pieces(s_plain, iv_len, 100, 100, false, tag));
        assert_memory_equal(s_out, s_plain, 100);
    }
}

static void goes_on_at_every_byte(void **state)
{
    (void)state;
    uint8_t tag[16];
    seal(s_plain, 16, 300, tag);
    for (size_t piece = 1; piece < 50; piece++) {
        assert_true(open_in_pieces(s_plain, 16, 300, piece, true, tag));
        assert_memory_equal(s_out, s_plain, 300);
    }
}

/** The last 32 bits of the first counter are so near their end that they begin again within the message. */
static void counts_blocks_in_32_bits(void **state)
{
    (void)state;
    // measured: the first little-endian number that is such an IV for this key
    const uint8_t iv[16] = {0x35, 0x2C, 0xA6};
    uint8_t tag[16];
    struct crypto_gcm_state at;
    struct crypto_gcm *gcm = CRYPTO->gcm_create();
    assert_non_null(gcm);
    assert_true(CRYPTO->gcm_begin(gcm, s_key, iv, sizeof(iv)));
    CRYPTO->gcm_save(gcm, &at);
    assert_memory_equal(at.first_counter + 12, "\xFF\xFF\xFF", 3);
    CRYPTO->gcm_free(gcm);
    seal(iv, sizeof(iv), LEN_MAX, tag);
    for (size_t piece = 13; piece <= LEN_MAX + 13; piece += LEN_MAX) {
        assert_true(open_in_pieces(iv, sizeof(iv), LEN_MAX, piece, piece == 13, tag));
        assert_memory_equal(s_out, s_plain, LEN_MAX);
    }
}

static void notices_every_changed_bit_of_a_block(void **state)
{
    (void)state;
    uint8_t tag[16];
    seal(s_plain, 16, 40, tag);
    for (size_t bit = 0; bit < 40 * 8; bit++) {
        s_cipher[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(open_in_pieces(s_plain, 16, 40, 40, false, tag));
        s_cipher[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 16 * 8; bit++) {
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(open_in_pieces(s_plain, 16, 40, 40, false, tag));
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(open_in_pieces(s_plain, 16, 40, 40, false, tag));
}

static void decrypts_in_place(void **state)
{
    (void)state;
    uint8_t tag[16];
    struct crypto_gcm *gcm = CRYPTO->gcm_create();
    assert_non_null(gcm);
    seal(s_plain, 16, LEN_MAX, tag);
    assert_true(CRYPTO->gcm_begin(gcm, s_key, s_plain, 16));
    assert_true(CRYPTO->gcm_decrypt(gcm, s_cipher, s_cipher, LEN_MAX));
    assert_true(CRYPTO->gcm_verify(gcm, tag));
    assert_memory_equal(s_cipher, s_plain, LEN_MAX);
    CRYPTO->gcm_free(gcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_openssl_for_all_lengths_and_pieces),
        cmocka_unit_test(takes_initial_vectors_of_any_length),
        cmocka_unit_test(goes_on_at_every_byte),
        cmocka_unit_test(counts_blocks_in_32_bits),
        cmocka_unit_test(notices_every_changed_bit_of_a_block),
        cmocka_unit_test(decrypts_in_place),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
