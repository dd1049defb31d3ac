// What espsecure wrote is read, and written again to the same bytes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "signature_block.h"

struct vector {
    const char *file;
    enum signature_scheme scheme;
    const char *key_digest;
};

static const struct vector VECTORS[] = {
    {"signed/esp32s3_min_rsa.bin", SIGNATURE_RSA, "keys/rsa3072_0_digest.bin"},
    {"signed/esp32c2_min_ecdsa192.bin", SIGNATURE_P192, "keys/ecdsa192_digest.bin"},
    {"signed/esp32c6_min_ecdsa256.bin", SIGNATURE_P256, "keys/ecdsa256_0_digest.bin"},
    {"signed/esp32c5_min_ecdsa384.bin", SIGNATURE_P384, "keys/ecdsa384_digest.bin"},
};
#define VECTOR_COUNT (sizeof(VECTORS) / sizeof(VECTORS[0]))

static void load(const char *name, long offset, uint8_t *bytes, size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", OTA_VECTORS_DEFAULT, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, len, file), len);
    (void)fclose(file);
}

static void load_digest(const struct vector *vector, uint8_t digest[CRYPTO_SHA256_LEN])
{
    uint8_t file[4096];
    struct crypto_hash hash;
    load(vector->file, 0, file, sizeof(file));
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file, sizeof(file));
    esp_crypto.sha256_end(&hash, digest);
}

static void reads_and_writes_the_blocks_of_every_scheme(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t bytes[SIGNATURE_BLOCK_LEN];
        uint8_t again[SIGNATURE_BLOCK_LEN];
        struct signature_block block;
        load(VECTORS[i].file, 4096, bytes, sizeof(bytes));
        assert_int_equal(signature_block_scheme(bytes), VECTORS[i].scheme);
        assert_int_equal(signature_block_parse(bytes, VECTORS[i].scheme, &block),
                         SIGNATURE_BLOCK_OK);
        assert_int_equal(signature_block_encode(&block, again), ESP_OK);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
}

static void computes_key_digests_as_the_tools_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t bytes[SIGNATURE_BLOCK_LEN];
        uint8_t expected[SIGNATURE_KEY_DIGEST_LEN];
        uint8_t found[SIGNATURE_KEY_DIGEST_LEN];
        struct signature_block block;
        load(VECTORS[i].file, 4096, bytes, sizeof(bytes));
        load(VECTORS[i].key_digest, 0, expected, sizeof(expected));
        signature_block_key_digest(bytes, VECTORS[i].scheme, found);
        assert_memory_equal(found, expected, sizeof(expected));
        assert_int_equal(signature_block_parse(bytes, VECTORS[i].scheme, &block),
                         SIGNATURE_BLOCK_OK);
        memset(found, 0, sizeof(found));
        assert_int_equal(signature_key_digest(&block.key, found), ESP_OK);
        assert_memory_equal(found, expected, sizeof(expected));
    }
}

static bool verifies(const struct signature_block *block, const uint8_t *digest)
{
    const struct signature_key *key = &block->key;
    const struct signature_value *value = &block->value;
    if (key->scheme == SIGNATURE_RSA) {
        return esp_crypto_verify.rsa3072_pss_verify(key->n, key->e, digest, value->rsa);
    }
    return esp_crypto_verify.ecdsa_verify(signature_curve(key->scheme), key->x, key->y, digest,
                                          signature_digest_len(key->scheme), value->r, value->s);
}

static void finds_the_signatures_of_every_scheme_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t bytes[SIGNATURE_BLOCK_LEN];
        uint8_t digest[SIGNATURE_DIGEST_MAX];
        struct signature_block block;
        load(VECTORS[i].file, 4096, bytes, sizeof(bytes));
        assert_int_equal(signature_block_parse(bytes, VECTORS[i].scheme, &block),
                         SIGNATURE_BLOCK_OK);
        memcpy(digest, block.image_digest, sizeof(digest));
        if (VECTORS[i].scheme != SIGNATURE_P384) {
            load_digest(&VECTORS[i], digest);
            assert_memory_equal(digest, block.image_digest, CRYPTO_SHA256_LEN);
        }
        assert_true(verifies(&block, digest));
        digest[0] ^= 1;
        assert_false(verifies(&block, digest));
        digest[0] ^= 1;
        block.value.r[3] ^= 1;
        block.value.rsa[SIGNATURE_RSA_LEN - 1] ^= 1;
        assert_false(verifies(&block, digest));
    }
}

static void refuses_r_and_s_outside_the_order_of_the_curve(void **state)
{
    // fact: order of P-256, FIPS 186-4, D.1.2.3
    static const uint8_t ORDER[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    (void)state;
    uint8_t bytes[SIGNATURE_BLOCK_LEN];
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct signature_block block;
    load(VECTORS[2].file, 4096, bytes, sizeof(bytes));
    load_digest(&VECTORS[2], digest);
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P256, &block), SIGNATURE_BLOCK_OK);
    struct signature_block changed = block;
    memset(changed.value.r, 0, sizeof(changed.value.r));
    assert_false(verifies(&changed, digest));
    changed = block;
    memset(changed.value.s, 0, sizeof(changed.value.s));
    assert_false(verifies(&changed, digest));
    changed = block;
    memcpy(changed.value.r, ORDER, sizeof(ORDER));
    assert_false(verifies(&changed, digest));
    changed = block;
    memcpy(changed.value.s, ORDER, sizeof(ORDER));
    assert_false(verifies(&changed, digest));
    changed = block;
    changed.key.x[5] ^= 1; // no longer a point of the curve
    assert_false(verifies(&changed, digest));
}

static void says_why_bytes_are_no_block(void **state)
{
    (void)state;
    uint8_t bytes[SIGNATURE_BLOCK_LEN];
    struct signature_block block;
    load(VECTORS[2].file, 4096, bytes, sizeof(bytes));
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_RSA, NULL),
                     SIGNATURE_BLOCK_BAD_VERSION);
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P192, NULL), SIGNATURE_BLOCK_BAD_CURVE);
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P384, NULL), SIGNATURE_BLOCK_BAD_CURVE);
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_V1, NULL), SIGNATURE_BLOCK_BAD_VERSION);
    bytes[200] ^= 1;
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P256, NULL), SIGNATURE_BLOCK_BAD_CRC);
    bytes[0] = 0xE6;
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P256, NULL), SIGNATURE_BLOCK_BAD_MAGIC);
    assert_int_equal(signature_block_scheme(bytes), SIGNATURE_NONE);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(signature_block_parse(bytes, SIGNATURE_P256, NULL), SIGNATURE_BLOCK_ABSENT);
    memset(&block, 0, sizeof(block));
    block.key.scheme = SIGNATURE_RSA; // a modulus of 0
    assert_int_equal(signature_block_encode(&block, bytes), ESP_ERR_INVALID_ARG);
    block.key.scheme = SIGNATURE_V1;
    assert_int_equal(signature_block_encode(&block, bytes), ESP_ERR_INVALID_ARG);
}

static void reads_and_writes_v1(void **state)
{
    (void)state;
    uint8_t bytes[SIGNATURE_V1_LEN];
    uint8_t again[SIGNATURE_V1_LEN];
    uint8_t image[464];
    uint8_t key[SIGNATURE_V1_KEY_LEN];
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct signature_value value;
    struct crypto_hash hash;
    load("signed/esp32_min_v1.bin", 0, image, sizeof(image));
    load("signed/esp32_min_v1.bin", sizeof(image), bytes, sizeof(bytes));
    load("keys/v1_a_pub.bin", 0, key, sizeof(key));
    assert_true(signature_v1_parse(bytes, &value));
    signature_v1_encode(&value, again);
    assert_memory_equal(again, bytes, sizeof(bytes));
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, image, sizeof(image));
    esp_crypto.sha256_end(&hash, digest);
    assert_true(esp_crypto_verify.ecdsa_verify(CRYPTO_CURVE_P256, key, key + 32, digest,
                                               sizeof(digest), value.r, value.s));
    bytes[0] = 1;
    assert_false(signature_v1_parse(bytes, &value));
}

static void computes_sha384(void **state)
{
    // fact: FIPS 180-4 example, "abc"
    static const uint8_t EXPECTED[8] = {0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b};
    (void)state;
    struct crypto_hash384 hash;
    uint8_t digest[CRYPTO_SHA384_LEN];
    esp_crypto_verify.sha384_begin(&hash);
    esp_crypto_verify.sha384_write(&hash, "a", 1);
    esp_crypto_verify.sha384_write(&hash, "bc", 2);
    esp_crypto_verify.sha384_end(&hash, digest);
    assert_memory_equal(digest, EXPECTED, sizeof(EXPECTED));
}

static void names_every_scheme(void **state)
{
    (void)state;
    for (int i = 0; i < SIGNATURE_SCHEME_COUNT; i++) {
        enum signature_scheme scheme = (enum signature_scheme)i;
        assert_int_equal(signature_scheme_by_name(signature_scheme_name(scheme)), scheme);
    }
    assert_int_equal(signature_scheme_by_name("rsa"), SIGNATURE_SCHEME_COUNT);
    assert_int_equal(signature_sector_offset(0), 0);
    assert_int_equal(signature_sector_offset(1), 4096);
    assert_int_equal(signature_sector_offset(4096), 4096);
    assert_int_equal(signature_sector_offset(4097), 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_blocks_of_every_scheme),
        cmocka_unit_test(computes_key_digests_as_the_tools_do),
        cmocka_unit_test(finds_the_signatures_of_every_scheme_right),
        cmocka_unit_test(refuses_r_and_s_outside_the_order_of_the_curve),
        cmocka_unit_test(says_why_bytes_are_no_block),
        cmocka_unit_test(reads_and_writes_v1),
        cmocka_unit_test(computes_sha384),
        cmocka_unit_test(names_every_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
