// Keys made by OpenSSL in the forms that people have, and key derivation against published answers.

#include "crypto_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const struct crypto_secret_ops *const CRYPTO = &esp_crypto_secret;

static EVP_PKEY *s_rsa;
static EVP_PKEY *s_p256;

static int make_keys(void **state)
{
    (void)state;
    s_rsa = EVP_RSA_gen(3072);
    s_p256 = EVP_EC_gen("P-256");
    return s_rsa && s_p256 ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(s_rsa);
    EVP_PKEY_free(s_p256);
    return 0;
}

/** Loads what a BIO holds, with and without a terminating zero. */
static struct crypto_key *load(BIO *bio)
{
    char text[8192] = {0};
    int len = BIO_read(bio, text, sizeof(text) - 1);
    assert_true(len > 0);
    struct crypto_key *with_zero = CRYPTO->key_load(text, (size_t)len + 1);
    assert_non_null(with_zero);
    CRYPTO->key_free(with_zero);
    BIO_free(bio);
    return CRYPTO->key_load(text, (size_t)len);
}

static void assert_is_key(struct crypto_key *key, EVP_PKEY *pkey, enum crypto_key_kind kind)
{
    uint8_t der[CRYPTO_PUBLIC_KEY_MAX];
    size_t len = 0;
    unsigned char *expected = NULL;
    assert_non_null(key);
    assert_int_equal(CRYPTO->key_kind(key), kind);
    assert_true(CRYPTO->key_public(key, der, &len));
    assert_int_equal(i2d_PUBKEY(pkey, &expected), (int)len);
    assert_memory_equal(der, expected, len);
    OPENSSL_free(expected);
    CRYPTO->key_free(key);
}

static void loads_pem_and_der_old_and_new(void **state)
{
    (void)state;
    EVP_PKEY *const keys[] = {s_rsa, s_p256};
    for (size_t i = 0; i < 2; i++) {
        enum crypto_key_kind kind = i == 0 ? CRYPTO_KEY_RSA3072 : CRYPTO_KEY_P256;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PrivateKey(bio, keys[i], NULL, NULL, 0, NULL, NULL), 1);
        assert_is_key(load(bio), keys[i], kind);
        bio = BIO_new(BIO_s_mem());
        assert_int_equal(
            PEM_write_bio_PrivateKey_traditional(bio, keys[i], NULL, NULL, 0, NULL, NULL), 1);
        assert_is_key(load(bio), keys[i], kind);
        bio = BIO_new(BIO_s_mem());
        assert_int_equal(i2d_PrivateKey_bio(bio, keys[i]), 1);
        assert_is_key(load(bio), keys[i], kind);
        bio = BIO_new(BIO_s_mem());
        assert_int_equal(i2d_PKCS8PrivateKey_bio(bio, keys[i], NULL, NULL, 0, NULL, NULL), 1);
        assert_is_key(load(bio), keys[i], kind);
    }
}

static void assert_refused(EVP_PKEY *pkey)
{
    char text[8192];
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    int len = BIO_read(bio, text, sizeof(text));
    assert_null(CRYPTO->key_load(text, (size_t)len));
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

static void refuses_other_keys_and_what_is_none(void **state)
{
    (void)state;
    char text[8192];
    assert_refused(EVP_RSA_gen(2048));
    assert_refused(EVP_EC_gen("P-384"));
    assert_refused(EVP_EC_gen("secp256k1"));
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, s_rsa), 1);
    int len = BIO_read(bio, text, sizeof(text));
    assert_null(CRYPTO->key_load(text, (size_t)len)); // the public half
    assert_int_equal(PEM_write_bio_PrivateKey(bio, s_rsa, EVP_aes_128_cbc(),
                                              (const unsigned char *)"x", 1, NULL, NULL),
                     1);
    len = BIO_read(bio, text, sizeof(text));
    assert_null(CRYPTO->key_load(text, (size_t)len)); // with a pass phrase
    BIO_free(bio);
    assert_null(CRYPTO->key_load("no key", 6));
    assert_null(CRYPTO->key_load("", 0));
    assert_null(CRYPTO->key_load(NULL, 0));
}

static void takes_scalars_from_1_to_below_the_order(void **state)
{
    (void)state;
    // fact: SEC 2, 2.4.2: the order of the curve
    uint8_t scalar[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                          0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                          0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
    assert_null(CRYPTO->key_from_scalar(scalar));
    scalar[31]--;
    struct crypto_key *key = CRYPTO->key_from_scalar(scalar);
    assert_non_null(key);
    CRYPTO->key_free(key);
    memset(scalar, 0, sizeof(scalar));
    assert_null(CRYPTO->key_from_scalar(scalar));
    scalar[31] = 1;
    key = CRYPTO->key_from_scalar(scalar);
    assert_non_null(key);
    CRYPTO->key_free(key);
    memset(scalar, 0xFF, sizeof(scalar));
    assert_null(CRYPTO->key_from_scalar(scalar));
}

static struct crypto_key *key_of(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    return load(bio);
}

static void agree_on_a_secret_only_with_points_of_the_curve(void **state)
{
    (void)state;
    struct crypto_key *key = key_of(s_p256);
    uint8_t der[CRYPTO_PUBLIC_KEY_MAX];
    uint8_t scalar[32] = {[31] = 1};
    uint8_t mine[32];
    uint8_t theirs[32];
    size_t len = 0;
    struct crypto_key *one = CRYPTO->key_from_scalar(scalar);
    assert_true(CRYPTO->key_public(key, der, &len));
    uint8_t *point = der + len - CRYPTO_P256_POINT_LEN; // the point ends the encoding
    assert_true(CRYPTO->ecdh(one, point, mine));
    assert_memory_equal(mine, point, 32); // 1 * P is P
    assert_true(CRYPTO->key_public(one, der, &len));
    assert_true(CRYPTO->ecdh(key, point, theirs));
    assert_memory_equal(mine, theirs, 32);
    point[40] ^= 1;
    assert_false(CRYPTO->ecdh(key, point, mine));
    memset(point, 0, CRYPTO_P256_POINT_LEN);
    assert_false(CRYPTO->ecdh(key, point, mine));
    CRYPTO->key_free(one);
    CRYPTO->key_free(key);
}

static void seal(EVP_PKEY *pkey, size_t len, uint8_t sealed[CRYPTO_RSA3072_LEN])
{
    uint8_t message[64] = {1, 2, 3};
    size_t sealed_len = CRYPTO_RSA3072_LEN;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, sealed, &sealed_len, message, len), 1);
    EVP_PKEY_CTX_free(context);
}

static void opens_only_32_bytes_with_rsa(void **state)
{
    (void)state;
    struct crypto_key *key = key_of(s_rsa);
    uint8_t sealed[CRYPTO_RSA3072_LEN];
    uint8_t secret[32];
    seal(s_rsa, 32, sealed);
    assert_true(CRYPTO->rsa_open(key, sealed, secret));
    assert_memory_equal(secret, "\1\2\3\0", 4);
    seal(s_rsa, 31, sealed);
    assert_false(CRYPTO->rsa_open(key, sealed, secret));
    seal(s_rsa, 33, sealed);
    assert_false(CRYPTO->rsa_open(key, sealed, secret));
    memset(sealed, 0xFF, sizeof(sealed)); // above the modulus
    assert_false(CRYPTO->rsa_open(key, sealed, secret));
    CRYPTO->key_free(key);
}

static void refuses_the_operation_of_the_other_kind_of_key(void **state)
{
    (void)state;
    uint8_t sealed[CRYPTO_RSA3072_LEN] = {0};
    uint8_t secret[32];
    struct crypto_key *rsa = key_of(s_rsa);
    struct crypto_key *p256 = key_of(s_p256);
    assert_false(CRYPTO->ecdh(rsa, sealed, secret));
    assert_false(CRYPTO->rsa_open(p256, sealed, secret));
    CRYPTO->key_free(rsa);
    CRYPTO->key_free(p256);
}

static void derives_a_secret_for_each_key_and_tag(void **state)
{
    (void)state;
    struct crypto_key *rsa = key_of(s_rsa);
    struct crypto_key *p256 = key_of(s_p256);
    uint8_t secrets[5][32];
    assert_true(CRYPTO->key_derive(rsa, "a", secrets[0]));
    assert_true(CRYPTO->key_derive(rsa, "b", secrets[1]));
    assert_true(CRYPTO->key_derive(p256, "a", secrets[2]));
    assert_true(CRYPTO->key_derive(p256, "b", secrets[3]));
    assert_true(CRYPTO->key_derive(rsa, "a", secrets[4]));
    assert_memory_equal(secrets[0], secrets[4], 32);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(secrets[i], secrets[k], 32);
        }
    }
    CRYPTO->key_free(rsa);
    CRYPTO->key_free(p256);
}

static void derives_as_published(void **state)
{
    (void)state;
    uint8_t out[42];
    uint8_t secret[22];
    uint8_t salt[13];
    uint8_t info[10];
    memset(secret, 0x0B, sizeof(secret)); // fact: RFC 5869, A.1
    for (size_t i = 0; i < sizeof(salt); i++) {
        salt[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof(info); i++) {
        info[i] = (uint8_t)(0xF0 + i);
    }
    assert_true(CRYPTO->hkdf_sha256(secret, 22, salt, 13, info, 10, out, 42));
    assert_memory_equal(out, "\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a", 8);
    assert_memory_equal(out + 34, "\x72\x08\xd5\xb8\x87\x18\x58\x65", 8);
    // fact: RFC 7914, 11
    assert_true(CRYPTO->pbkdf2_sha256("passwd", 6, "salt", 4, 1, out, 32));
    assert_memory_equal(out, "\x55\xac\x04\x6e\x56\xe3\x08\x9f", 8);
    // fact: RFC 4231, 4.3
    assert_true(CRYPTO->hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out));
    assert_memory_equal(out, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_pem_and_der_old_and_new),
        cmocka_unit_test(refuses_other_keys_and_what_is_none),
        cmocka_unit_test(takes_scalars_from_1_to_below_the_order),
        cmocka_unit_test(agree_on_a_secret_only_with_points_of_the_curve),
        cmocka_unit_test(opens_only_32_bytes_with_rsa),
        cmocka_unit_test(refuses_the_operation_of_the_other_kind_of_key),
        cmocka_unit_test(derives_a_secret_for_each_key_and_tag),
        cmocka_unit_test(derives_as_published),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
