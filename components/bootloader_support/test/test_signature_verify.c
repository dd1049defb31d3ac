// Every damaged byte of a signature that matters is refused, each refusal has its reason, and a verification reads and hashes
// everything once.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "esp_rom_crc.h"
#include "image_encode.h"
#include "image_verify.h"
#include "signer.h"

#define FILE_MAX    16384u
#define CRC_AT      1196u
#define CRC_END     1200u
#define SECTOR_FULL 4096u

// ----------------------------------------------------------------------- what is hashed

static size_t s_hashed;

// NOLINTBEGIN(readability-identifier-naming): names that the linker's --wrap wants
int __real_SHA256_Update(void *context, const void *data, size_t len);
int __wrap_SHA256_Update(void *context, const void *data, size_t len);
int __real_SHA384_Update(void *context, const void *data, size_t len);
int __wrap_SHA384_Update(void *context, const void *data, size_t len);

int __wrap_SHA256_Update(void *context, const void *data, size_t len)
{
    s_hashed += len;
    return __real_SHA256_Update(context, data, len);
}

int __wrap_SHA384_Update(void *context, const void *data, size_t len)
{
    s_hashed += len;
    return __real_SHA384_Update(context, data, len);
}
// NOLINTEND(readability-identifier-naming)

// ----------------------------------------------------------------------- files

struct content {
    uint8_t *bytes;
    uint32_t len;
    size_t read_bytes;
};

static esp_err_t read_content(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    struct content *content = context;
    memset(buffer, 0xFF, len);
    if (offset < content->len) {
        uint32_t there = content->len - offset;
        memcpy(buffer, content->bytes + offset, there < len ? there : len);
    }
    content->read_bytes += len;
    return ESP_OK;
}

static struct content load(const char *name)
{
    char path[512];
    struct content content = {.bytes = malloc(FILE_MAX)};
    (void)snprintf(path, sizeof(path), "%s/%s", OTA_VECTORS_DEFAULT, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(content.bytes);
    content.len = (uint32_t)fread(content.bytes, 1, FILE_MAX, file);
    (void)fclose(file);
    return content;
}

static void trust(struct signature_policy *policy, const char *name)
{
    struct content key = load(name);
    if (policy->scheme == SIGNATURE_V1) {
        memcpy(policy->v1_key, key.bytes, SIGNATURE_V1_KEY_LEN);
    } else {
        memcpy(policy->trusted[policy->trusted_count++], key.bytes, SIGNATURE_KEY_DIGEST_LEN);
    }
    free(key.bytes);
}

static enum image_fault judge(struct content *content, const struct signature_policy *policy,
                              struct image_info *info)
{
    esp_image_header_t header;
    memcpy(&header, content->bytes, sizeof(header));
    struct image_rules rules = {
        .chip = {.chip_id = header.chip_id, .chip_rev = 300, .ignore_max_blk_rev = true},
        .flash_offset = 0x10000,
        .partition_size = 0x800000,
        .signature = policy,
    };
    struct image_source source = {read_content, content, 0x800000};
    return image_verify(&source, &rules, info);
}

// ----------------------------------------------------------------------- one byte wrong

struct vector {
    const char *file;
    const char *key;
    enum signature_scheme scheme;
    uint32_t at; // of the signature
    uint32_t key_at;
    uint32_t value_at;
    uint32_t value_len;
};

static const struct vector VECTORS[] = {
    {"signed/esp32_min_v1.bin", "keys/v1_a_pub.bin", SIGNATURE_V1, 464, 0, 0, 0},
    {"signed/esp32s3_min_rsa.bin", "keys/rsa3072_0_digest.bin", SIGNATURE_RSA, 4096, 36, 812, 384},
    {"signed/esp32c2_min_ecdsa192.bin", "keys/ecdsa192_digest.bin", SIGNATURE_P192, 4096, 36, 101,
     48},
    {"signed/esp32c6_min_ecdsa256.bin", "keys/ecdsa256_0_digest.bin", SIGNATURE_P256, 4096, 36, 101,
     64},
    {"signed/esp32c5_min_ecdsa384.bin", "keys/ecdsa384_digest.bin", SIGNATURE_P384, 4096, 52, 149,
     96},
};
#define VECTOR_COUNT (sizeof(VECTORS) / sizeof(VECTORS[0]))

static void refuses_every_changed_byte_that_the_crc_covers(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct vector *vector = &VECTORS[i];
        struct signature_policy policy = {.scheme = vector->scheme};
        struct content content = load(vector->file);
        struct image_info info;
        bool is_v1 = vector->scheme == SIGNATURE_V1;
        uint32_t len = is_v1 ? SIGNATURE_V1_LEN : SECTOR_FULL;
        uint32_t covered = is_v1 ? SIGNATURE_V1_LEN : CRC_END; // fact: SPEC.md, block
        trust(&policy, vector->key);
        assert_int_equal(judge(&content, &policy, &info), IMAGE_OK);
        for (uint32_t at = 0; at < len; at++) {
            content.bytes[vector->at + at] ^= 0x01;
            enum image_fault fault = judge(&content, &policy, &info);
            if ((fault == IMAGE_OK) != (at >= covered)) {
                fail_msg("%s, byte %u: %s", vector->file, (unsigned)at, image_fault_name(fault));
            }
            content.bytes[vector->at + at] ^= 0x01;
        }
        free(content.bytes);
    }
}

static void repair_crc(uint8_t *block)
{
    store_le32(block + CRC_AT, esp_rom_crc32_le(0, block, CRC_AT));
}

// What the key digest covers is untrusted, what the signature is made of is wrong; the rest is reserved, and the digest
// field is not compared.
static enum image_fault expected_with_crc(const struct vector *vector, uint32_t at)
{
    uint32_t key_len = vector->scheme == SIGNATURE_RSA ? 776 : vector->value_len + 1;
    if (vector->scheme == SIGNATURE_P192) {
        key_len += 16;
    }
    if (at == 0) {
        return IMAGE_SIGNATURE_DAMAGED;
    }
    bool is_curve = vector->scheme != SIGNATURE_RSA && at == vector->key_at;
    if (at == 1 || is_curve) {
        return IMAGE_SIGNATURE_WRONG_SCHEME;
    }
    if (at >= vector->key_at && at < vector->key_at + key_len) {
        return IMAGE_SIGNATURE_UNTRUSTED;
    }
    bool is_value = at >= vector->value_at && at < vector->value_at + vector->value_len;
    return is_value ? IMAGE_SIGNATURE_WRONG : IMAGE_OK;
}

static void refuses_every_changed_byte_that_counts_even_with_a_right_crc(void **state)
{
    (void)state;
    for (size_t i = 1; i < VECTOR_COUNT; i++) {
        const struct vector *vector = &VECTORS[i];
        struct signature_policy policy = {.scheme = vector->scheme};
        struct content content = load(vector->file);
        struct image_info info;
        uint8_t *block = content.bytes + vector->at;
        trust(&policy, vector->key);
        for (uint32_t at = 0; at < CRC_AT; at++) {
            block[at] ^= 0x01;
            repair_crc(block);
            enum image_fault fault = judge(&content, &policy, &info);
            if (fault != expected_with_crc(vector, at)) {
                fail_msg("%s, byte %u: %s", vector->file, (unsigned)at, image_fault_name(fault));
            }
            block[at] ^= 0x01;
        }
        free(content.bytes);
    }
}

// ----------------------------------------------------------------------- policies

static void says_why_a_signature_is_refused(void **state)
{
    (void)state;
    struct content rsa = load("signed/esp32s3_min_rsa.bin");
    struct content ecdsa = load("signed/esp32c6_min_ecdsa256.bin");
    struct content erased = load("signed/esp32s3_min_rsa_erased_sector.bin");
    struct image_info info;
    struct signature_policy policy = {.scheme = SIGNATURE_RSA};
    assert_int_equal(judge(&rsa, &policy, &info), IMAGE_SIGNATURE_NO_KEYS);
    trust(&policy, "keys/rsa3072_0_digest.bin");
    assert_int_equal(judge(&erased, &policy, &info), IMAGE_SIGNATURE_MISSING);
    assert_int_equal(judge(&ecdsa, &policy, &info), IMAGE_SIGNATURE_WRONG_SCHEME);
    trust(&policy, "keys/rsa3072_1_digest.bin");
    policy.revoked = 1;
    assert_int_equal(judge(&rsa, &policy, &info), IMAGE_SIGNATURE_REVOKED);
    policy.revoked = 3;
    assert_int_equal(judge(&rsa, &policy, &info), IMAGE_SIGNATURE_NO_KEYS);
    struct signature_policy v1 = {.scheme = SIGNATURE_V1};
    assert_int_equal(judge(&rsa, &v1, &info), IMAGE_SIGNATURE_NO_KEYS);
    free(rsa.bytes);
    free(ecdsa.bytes);
    free(erased.bytes);
}

static void asks_for_as_many_different_keys_as_the_threshold_says(void **state)
{
    (void)state;
    struct content three = load("signed/esp32s3_min_rsa_x3.bin");
    struct content one = load("signed/esp32s3_min_rsa.bin");
    struct image_info info;
    struct signature_policy policy = {.scheme = SIGNATURE_RSA, .threshold = 2};
    trust(&policy, "keys/rsa3072_0_digest.bin");
    assert_int_equal(judge(&three, &policy, &info), IMAGE_SIGNATURE_TOO_FEW);
    trust(&policy, "keys/rsa3072_2_digest.bin");
    assert_int_equal(judge(&three, &policy, &info), IMAGE_OK);
    assert_int_equal(info.signature.accepted, 5);
    assert_int_equal(info.signature.well_formed, 7);
    assert_int_equal(info.signature.right, 5);
    assert_memory_equal(info.signature.key_digest[2], policy.trusted[1], SIGNATURE_KEY_DIGEST_LEN);
    assert_int_equal(judge(&one, &policy, &info), IMAGE_SIGNATURE_TOO_FEW);
    // the same key twice is one signer
    memcpy(one.bytes + 4096 + SIGNATURE_BLOCK_LEN, one.bytes + 4096, SIGNATURE_BLOCK_LEN);
    assert_int_equal(judge(&one, &policy, &info), IMAGE_SIGNATURE_TOO_FEW);
    policy.checks_every_block = true;
    assert_int_equal(judge(&three, &policy, &info), IMAGE_OK);
    assert_int_equal(info.signature.right, 7);
    free(three.bytes);
    free(one.bytes);
}

static void compares_half_a_digest_on_a_chip_that_keeps_half(void **state)
{
    (void)state;
    struct content content = load("signed/esp32c2_min_ecdsa192.bin");
    struct image_info info;
    struct signature_policy policy = {.scheme = SIGNATURE_P192, .digest_len = 16};
    trust(&policy, "keys/ecdsa192_digest.bin");
    policy.trusted[0][16] ^= 1;
    assert_int_equal(judge(&content, &policy, &info), IMAGE_OK);
    policy.trusted[0][15] ^= 1;
    assert_int_equal(judge(&content, &policy, &info), IMAGE_SIGNATURE_UNTRUSTED);
    free(content.bytes);
}

static void needs_room_for_the_signature(void **state)
{
    (void)state;
    struct content content = load("signed/esp32s3_min_rsa.bin");
    struct image_info info;
    struct signature_policy policy = {.scheme = SIGNATURE_RSA};
    trust(&policy, "keys/rsa3072_0_digest.bin");
    struct image_rules rules = {.chip = {.chip_id = ESP_CHIP_ID_ESP32S3},
                                .flash_offset = 0x10000,
                                .partition_size = 8191,
                                .signature = &policy};
    struct image_source source = {read_content, &content, 8191};
    assert_int_equal(image_verify(&source, &rules, &info), IMAGE_EXCEEDS_PARTITION);
    rules.partition_size = 8192;
    source.size = 8192;
    assert_int_equal(image_verify(&source, &rules, &info), IMAGE_OK);
    assert_int_equal(info.image_len, 8192);
    assert_int_equal(info.content_len, 480);
    free(content.bytes);
}

// ----------------------------------------------------------------------- cost

static void reads_and_hashes_every_byte_of_4_mib_once(void **state)
{
    (void)state;
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32C5,
                                     .project = "large",
                                     .version = "1",
                                     .payload_len = 4u * 1024 * 1024};
    uint32_t len = image_encode_len(&spec);
    struct content content = {.bytes = calloc(1, len + 2 * SECTOR_FULL)};
    assert_non_null(content.bytes);
    for (int i = SIGNATURE_V1; i <= SIGNATURE_P384; i++) {
        struct signature_policy policy = {.scheme = (enum signature_scheme)i};
        struct signer *signer = signer_create(policy.scheme);
        struct image_info info;
        assert_int_equal(image_encode(&spec, content.bytes), ESP_OK);
        content.len = signer_append(&signer, 1, content.bytes, len);
        if (i == SIGNATURE_V1) {
            signer_public_key(signer, policy.v1_key);
        } else {
            signer_key_digest(signer, policy.trusted[policy.trusted_count++]);
        }
        uint32_t hashed = i == SIGNATURE_V1 ? len : signature_sector_offset(len);
        s_hashed = 0;
        content.read_bytes = 0;
        assert_int_equal(judge(&content, &policy, &info), IMAGE_OK);
        assert_in_range(content.read_bytes, content.len, content.len + SECTOR_FULL);
        // SHA-384 runs beside the image's own SHA-256, in the same pass; a key digest is over less than 1 KiB
        uint32_t expected = i == SIGNATURE_P384 ? hashed + (len - CRYPTO_SHA256_LEN) : hashed;
        assert_in_range(s_hashed, expected, expected + 1024);
        signer_free(signer);
    }
    free(content.bytes);
}

// ----------------------------------------------------------------------- data and tables

static void verifies_data_and_its_length(void **state)
{
    (void)state;
    struct content content = load("signed/data_rsa.bin");
    struct signature_policy policy = {.scheme = SIGNATURE_RSA};
    uint32_t signed_len = 0;
    trust(&policy, "keys/rsa3072_0_digest.bin");
    assert_int_equal(
        signature_verify_data(read_content, &content, content.len, &policy, &signed_len), IMAGE_OK);
    assert_int_equal(signed_len, 12288);
    assert_int_equal(
        signature_verify_data(read_content, &content, content.len + 4095, &policy, &signed_len),
        IMAGE_OK);
    assert_int_equal(signature_verify_data(read_content, &content, 8191, &policy, &signed_len),
                     IMAGE_TRUNCATED);
    assert_int_equal(signature_verify_data(read_content, &content, 8192, &policy, &signed_len),
                     IMAGE_SIGNATURE_DAMAGED);
    content.bytes[5] ^= 1;
    assert_int_equal(
        signature_verify_data(read_content, &content, content.len, &policy, &signed_len),
        IMAGE_SIGNATURE_WRONG);
    free(content.bytes);
}

static void verifies_a_partition_table_signed_with_v1(void **state)
{
    (void)state;
    struct signature_policy policy = {.scheme = SIGNATURE_V1};
    struct signer *signer = signer_create(SIGNATURE_V1);
    struct content table = {.bytes = malloc(FILE_MAX)};
    memset(table.bytes, 0x5A, 0xC00);
    table.len = signer_append(&signer, 1, table.bytes, 0xC00);
    signer_public_key(signer, policy.v1_key);
    assert_int_equal(signature_verify_table(read_content, &table, &policy), IMAGE_OK);
    table.bytes[0xBFF] ^= 1;
    assert_int_equal(signature_verify_table(read_content, &table, &policy), IMAGE_SIGNATURE_WRONG);
    table.len = 0xC00;
    assert_int_equal(signature_verify_table(read_content, &table, &policy),
                     IMAGE_SIGNATURE_V1_VERSION);
    signer_free(signer);
    free(table.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_changed_byte_that_the_crc_covers),
        cmocka_unit_test(refuses_every_changed_byte_that_counts_even_with_a_right_crc),
        cmocka_unit_test(says_why_a_signature_is_refused),
        cmocka_unit_test(asks_for_as_many_different_keys_as_the_threshold_says),
        cmocka_unit_test(compares_half_a_digest_on_a_chip_that_keeps_half),
        cmocka_unit_test(needs_room_for_the_signature),
        cmocka_unit_test(reads_and_hashes_every_byte_of_4_mib_once),
        cmocka_unit_test(verifies_data_and_its_length),
        cmocka_unit_test(verifies_a_partition_table_signed_with_v1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
