#include "sign_file.h"

#include <stdio.h>
#include <string.h>

#include "image_file.h"

#define TABLE_MAGIC_0 0xAAu // fact: the first two bytes of a partition table's first entry
#define TABLE_MAGIC_1 0x50u

// ----------------------------------------------------------------------- chips

#define BIT(scheme) (1u << (scheme))

// fact: SPEC.md "Signed files"; P-192 in releases before v6.0 of ESP-IDF
static unsigned schemes_of(esp_chip_id_t chip)
{
    const unsigned ec = BIT(SIGNATURE_P192) | BIT(SIGNATURE_P256);
    switch (chip) {
    case ESP_CHIP_ID_ESP32:
        return BIT(SIGNATURE_V1) | BIT(SIGNATURE_RSA);
    case ESP_CHIP_ID_ESP32S2:
    case ESP_CHIP_ID_ESP32S3:
    case ESP_CHIP_ID_ESP32C3:
    case ESP_CHIP_ID_ESP32H21:
    case ESP_CHIP_ID_ESP32S31:
        return BIT(SIGNATURE_RSA);
    case ESP_CHIP_ID_ESP32C2:
    case ESP_CHIP_ID_ESP32C61:
        return ec;
    case ESP_CHIP_ID_ESP32C6:
    case ESP_CHIP_ID_ESP32H2:
        return BIT(SIGNATURE_RSA) | ec;
    case ESP_CHIP_ID_ESP32C5:
    case ESP_CHIP_ID_ESP32P4:
        return BIT(SIGNATURE_RSA) | ec | BIT(SIGNATURE_P384);
    default:
        return 0;
    }
}

const char *sign_file_scheme_problem(const struct chip_traits *chip, enum signature_scheme scheme,
                                     char out[160])
{
    char list[96] = "";
    unsigned known = chip ? schemes_of(chip->id) : UINT32_MAX;
    if (known & BIT(scheme)) {
        return NULL;
    }
    for (int i = SIGNATURE_V1; i < SIGNATURE_SCHEME_COUNT; i++) {
        size_t len = strlen(list);
        if (known & BIT(i)) {
            (void)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
                           signature_scheme_name((enum signature_scheme)i)); // it fits
        }
    }
    (void)snprintf(out, 160, "%s cannot verify %s; it takes %s", chip->name,
                   signature_scheme_name(scheme), list[0] ? list : "no scheme known here");
    return out;
}

uint32_t sign_file_block_max(const struct chip_traits *chip, enum signature_scheme scheme)
{
    bool is_single = chip && (chip->id == ESP_CHIP_ID_ESP32 || chip->id == ESP_CHIP_ID_ESP32C2);
    return is_single || !signature_scheme_is_v2(scheme) ? 1 : SIGNATURE_BLOCK_MAX;
}

// ----------------------------------------------------------------------- what stands there

// Counts the blocks of the sector at offset; 0: there is none. All blocks of a sector have one scheme.
static uint32_t find_blocks(const struct cli_bytes *file, size_t offset,
                            enum signature_scheme *scheme)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        size_t at = offset + (size_t)i * SIGNATURE_BLOCK_LEN;
        if (at + SIGNATURE_BLOCK_LEN > file->len) {
            break;
        }
        enum signature_scheme found = signature_block_scheme(file->bytes + at);
        if (found != SIGNATURE_NONE &&
            signature_block_parse(file->bytes + at, found, NULL) == SIGNATURE_BLOCK_OK) {
            *scheme = count == 0 ? found : *scheme;
            count++;
        }
    }
    return count;
}

// Also in what was read from a slot, where other bytes may follow. Zeros are no signature.
static bool has_v1(const struct cli_bytes *file, uint32_t offset)
{
    static const struct signature_value ZERO;
    struct signature_value value = {0};
    return file->len >= (size_t)offset + SIGNATURE_V1_LEN &&
           signature_v1_parse(file->bytes + offset, &value) &&
           memcmp(value.r, ZERO.r, sizeof(value.r)) != 0;
}

static bool is_erased_from(const struct cli_bytes *file, size_t offset)
{
    for (size_t i = offset; i < file->len; i++) {
        if (file->bytes[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

static enum image_fault verify_image(const struct cli_bytes *file, struct image_info *info)
{
    struct image_wish wish = {.flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_rules rules = image_file_rules(&wish, file);
    enum image_fault fault = image_file_verify(file, &rules, info);
    if (fault == IMAGE_BAD_APP_DESC_MAGIC || fault == IMAGE_SEGMENT0_TOO_SHORT) {
        rules.is_bootloader = true; // it has no such descriptor
        fault = image_file_verify(file, &rules, info);
    }
    return fault;
}

static bool examine_image(const char *name, const struct cli_bytes *file, struct sign_file *out)
{
    struct image_info info;
    enum image_fault fault = verify_image(file, &info);
    if (fault != IMAGE_OK) {
        cli_report_failure("%s is no valid image: %s (%s); --data signs any bytes", name,
                           image_fault_text(fault), image_fault_name(fault));
        return false;
    }
    out->chip = chip_traits_by_id(info.header.chip_id);
    out->content_len = info.image_len;
    out->sector_offset = signature_sector_offset(info.image_len);
    out->block_count = find_blocks(file, out->sector_offset, &out->scheme);
    bool can_be_v1 = out->chip && (schemes_of(out->chip->id) & BIT(SIGNATURE_V1));
    if (out->block_count == 0 && can_be_v1 && has_v1(file, info.image_len)) {
        out->scheme = SIGNATURE_V1;
    }
    return true;
}

static void examine_data(const struct cli_bytes *file, struct sign_file *out)
{
    const uint32_t sector = SIGNATURE_SECTOR_LEN;
    out->content_len = (uint32_t)file->len;
    out->sector_offset = signature_sector_offset((uint32_t)file->len);
    if (file->len >= 2u * sector && file->len % sector == 0) {
        out->block_count = find_blocks(file, file->len - sector, &out->scheme);
    }
    if (out->block_count > 0) {
        out->sector_offset = out->content_len = (uint32_t)file->len - sector;
    }
}

bool sign_file_examine(const char *name, const struct cli_bytes *file, bool is_data,
                       struct sign_file *out)
{
    *out = (struct sign_file){.kind = SIGN_DATA};
    if (file->len == 0 || file->len > UINT32_MAX - 2 * SIGNATURE_SECTOR_LEN) {
        cli_report_failure("%s has %zu bytes; a signature needs at least one, and fewer than 4 GiB",
                           name, file->len);
        return false;
    }
    if (!is_data && file->bytes[0] == ESP_IMAGE_HEADER_MAGIC) {
        out->kind = SIGN_IMAGE;
        return examine_image(name, file, out);
    }
    if (!is_data && file->len >= 2 && file->bytes[0] == TABLE_MAGIC_0 &&
        file->bytes[1] == TABLE_MAGIC_1) {
        out->kind = SIGN_TABLE;
        out->content_len = SIGN_TABLE_LEN;
        out->scheme = has_v1(file, SIGN_TABLE_LEN) ? SIGNATURE_V1 : SIGNATURE_NONE;
        size_t end = SIGN_TABLE_LEN + (out->scheme == SIGNATURE_V1 ? SIGNATURE_V1_LEN : 0);
        if (file->len < SIGN_TABLE_LEN || !is_erased_from(file, end)) {
            cli_report_failure("%s: a partition table has 0xc00 bytes and at most a v1 signature "
                               "behind them; --data signs any bytes",
                               name);
            return false;
        }
        return true;
    }
    examine_data(file, out);
    return true;
}

// ----------------------------------------------------------------------- digests and verdicts

static void write_padded(const struct cli_bytes *file, uint32_t len,
                         void (*write)(void *hash, const void *data, size_t len), void *hash)
{
    uint8_t erased[256];
    memset(erased, 0xFF, sizeof(erased));
    size_t there = file->len < len ? file->len : len;
    write(hash, file->bytes, there);
    for (size_t at = there; at < len;) {
        size_t step = len - at < sizeof(erased) ? len - at : sizeof(erased);
        write(hash, erased, step);
        at += step;
    }
}

static void write_256(void *hash, const void *data, size_t len)
{
    esp_crypto.sha256_write(hash, data, len);
}

static void write_384(void *hash, const void *data, size_t len)
{
    esp_crypto_verify.sha384_write(hash, data, len);
}

void sign_file_digest(const struct cli_bytes *file, const struct sign_file *found,
                      enum signature_scheme scheme, uint8_t digest[SIGNATURE_DIGEST_MAX])
{
    uint32_t len = signature_scheme_is_v2(scheme) ? found->sector_offset : found->content_len;
    if (scheme == SIGNATURE_P384) {
        struct crypto_hash384 hash;
        esp_crypto_verify.sha384_begin(&hash);
        write_padded(file, len, write_384, &hash);
        esp_crypto_verify.sha384_end(&hash, digest);
    } else {
        struct crypto_hash hash;
        esp_crypto.sha256_begin(&hash);
        write_padded(file, len, write_256, &hash);
        esp_crypto.sha256_end(&hash, digest);
    }
}

// Bytes at offset, or what erased flash has there.
static void copy_bytes(const struct cli_bytes *file, size_t offset, uint8_t *out, size_t len)
{
    memset(out, 0xFF, len);
    if (offset < file->len) {
        size_t there = file->len - offset;
        memcpy(out, file->bytes + offset, there < len ? there : len);
    }
}

enum image_fault sign_file_verify(const struct cli_bytes *file, const struct sign_file *found,
                                  const struct signature_policy *policy,
                                  struct signature_result *result)
{
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    uint8_t bytes[SIGNATURE_BLOCK_LEN];
    struct signature_check check;
    struct sign_file at = *found;
    if (policy->scheme == SIGNATURE_V1 && at.kind == SIGN_DATA &&
        at.content_len >= SIGNATURE_V1_LEN) {
        at.content_len -= SIGNATURE_V1_LEN; // nothing but the key tells that it is there
    }
    sign_file_digest(file, &at, policy->scheme, digest);
    signature_check_begin(&check, policy, digest);
    if (policy->scheme == SIGNATURE_V1) {
        copy_bytes(file, at.content_len, bytes, SIGNATURE_V1_LEN);
        signature_check_v1(&check, bytes);
        return signature_check_end(&check, result);
    }
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        copy_bytes(file, (size_t)at.sector_offset + (size_t)i * SIGNATURE_BLOCK_LEN, bytes,
                   sizeof(bytes));
        signature_check_block(&check, bytes);
    }
    return signature_check_end(&check, result);
}
