// Rows of kind "signature": images, and a signed data partition, under the trust that the row names.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_verify.h"
#include "vector.h"

#define PARTITION_SIZE 0x100000u // fact: the manifest's README
#define FLASH_OFFSET   0x10000u

struct trust {
    struct signature_policy policy;
    bool is_data;
};

static esp_err_t read_file_in_flash(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct vector_bytes *file = context;
    memset(buffer, 0xFF, len);
    if (offset < file->len) {
        size_t there = file->len - offset;
        memcpy(buffer, file->data + offset, there < len ? there : len);
    }
    return ESP_OK;
}

static bool take_scheme(const struct vector_row *row, struct trust *trust)
{
    static const struct {
        const char *name;
        enum signature_scheme scheme;
        bool first_block_only;
        bool is_data;
    } SCHEMES[] = {
        {"v1", SIGNATURE_V1, false, false},
        {"v2-rsa", SIGNATURE_RSA, false, false},
        {"v2-rsa-first-block-only", SIGNATURE_RSA, true, false},
        {"v2-data-rsa", SIGNATURE_RSA, false, true},
        {"v2-ecdsa192", SIGNATURE_P192, false, false},
        {"v2-ecdsa256", SIGNATURE_P256, false, false},
        {"v2-ecdsa384", SIGNATURE_P384, false, false},
        {"v2-ecdsa192-first-block-only", SIGNATURE_P192, true, false},
        {"v2-ecdsa256-first-block-only", SIGNATURE_P256, true, false},
        {"v2-ecdsa384-first-block-only", SIGNATURE_P384, true, false},
        {"v2-data-ecdsa192", SIGNATURE_P192, false, true},
        {"v2-data-ecdsa256", SIGNATURE_P256, false, true},
        {"v2-data-ecdsa384", SIGNATURE_P384, false, true},
    };
    char name[64];
    (void)vector_param(row, "scheme", name, sizeof(name)); // an absent one is no scheme below
    for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(SCHEMES[0]); i++) {
        if (strcmp(SCHEMES[i].name, name) == 0) {
            trust->policy.scheme = SCHEMES[i].scheme;
            trust->policy.first_block_only = SCHEMES[i].first_block_only;
            trust->is_data = SCHEMES[i].is_data;
            return true;
        }
    }
    return false;
}

static bool take_key(const struct vector_row *row, const char *path,
                     struct signature_policy *policy, char *why)
{
    struct vector_bytes key;
    bool is_v1 = policy->scheme == SIGNATURE_V1;
    if (!vector_load(row, path, &key, why)) {
        return false;
    }
    bool fits = key.len == (is_v1 ? SIGNATURE_V1_KEY_LEN : SIGNATURE_KEY_DIGEST_LEN);
    if (fits && is_v1) {
        memcpy(policy->v1_key, key.data, key.len);
    } else if (fits && policy->trusted_count == 0 && policy->digest_len == 0) {
        policy->digest_len = SIGNATURE_KEY_DIGEST_LEN;
    }
    // Without hardware Secure Boot one key is trusted, the first.
    bool is_taken = !is_v1 && (!policy->first_block_only || policy->trusted_count == 0);
    if (fits && is_taken && policy->trusted_count < SIGNATURE_TRUSTED_MAX) {
        memcpy(policy->trusted[policy->trusted_count++], key.data, key.len);
    }
    free(key.data);
    return fits;
}

static bool take_keys(const struct vector_row *row, struct signature_policy *policy, char *why)
{
    char list[512];
    if (!vector_param(row, "trusted", list, sizeof(list))) {
        return false;
    }
    for (char *path = strtok(list, ","); path; path = strtok(NULL, ",")) {
        if (!take_key(row, path, policy, why)) {
            return false;
        }
    }
    return true;
}

/** Runs on the chip that the image asks for: the row is about its signature. */
static enum image_fault verify_image(const struct vector_bytes *file, const struct trust *trust,
                                     uint32_t *signed_len)
{
    esp_image_header_t header = {0};
    memcpy(&header, file->data, file->len < sizeof(header) ? file->len : sizeof(header));
    struct image_rules rules = {
        .chip = {.chip_id = header.chip_id,
                 .chip_rev = header.min_chip_rev_full,
                 .ignore_max_blk_rev = true},
        .flash_offset = FLASH_OFFSET,
        .partition_size = PARTITION_SIZE,
        .signature = &trust->policy,
    };
    struct image_source source = {
        .read = read_file_in_flash, .context = (void *)file, .size = PARTITION_SIZE};
    struct image_info info;
    enum image_fault fault = image_verify(&source, &rules, &info);
    *signed_len = info.image_len;
    return fault;
}

/** The manifest knows three reasons; ours are finer. */
static const char *reason_of(enum image_fault fault)
{
    bool is_finer = fault >= IMAGE_SIGNATURE_MISSING && fault <= IMAGE_SIGNATURE_TOO_FEW &&
                    fault != IMAGE_SIGNATURE_V1_VERSION && fault != IMAGE_SIGNATURE_WRONG;
    return is_finer ? "no_trusted_signature" : image_fault_name(fault);
}

bool check_signature(const struct vector_row *row, char *why)
{
    struct trust trust = {0};
    struct vector_bytes file;
    if (!take_scheme(row, &trust) || !take_keys(row, &trust.policy, why)) {
        return false;
    }
    if (!vector_load(row, row->path, &file, why)) {
        return false;
    }
    uint32_t signed_len = 0;
    enum image_fault fault =
        trust.is_data ? signature_verify_data(read_file_in_flash, &file, (uint32_t)file.len,
                                              &trust.policy, &signed_len)
                      : verify_image(&file, &trust, &signed_len);
    free(file.data);
    if (fault == IMAGE_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok signed_len=%u", (unsigned)signed_len);
    } else {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject:%s", reason_of(fault));
    }
    return strcmp(why, row->expect) == 0;
}
