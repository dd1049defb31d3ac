#include "signature_policy.h"

#include <string.h>

#include "efuse_ops.h"
#include "esp_log.h"
#include "flash_ops.h"

static const char *TAG = "signature";

#define HEADER_LEN         24u
#define SEGMENT_HEADER_LEN 8u
#define DESCRIPTOR_AT      0x20u // fact: image header and first segment header come before it
#define C2_DIGEST_LEN      16u   // fact: SPEC.md "Signatures": this chip keeps half a digest
#define EFUSE_SLOTS        3u

// ----------------------------------------------------------------------- what an image says of its signers

/** Finds the end of an image by its headers: nothing is hashed. */
static esp_err_t measure(uint32_t address, uint32_t *content_len)
{
    esp_image_header_t header;
    esp_err_t err = flash_plain_read(NULL, &header, address, sizeof(header));
    if (err != ESP_OK) {
        return err;
    }
    if (header.magic != ESP_IMAGE_HEADER_MAGIC || header.segment_count > ESP_IMAGE_MAX_SEGMENTS) {
        return ESP_ERR_NOT_FOUND;
    }
    uint32_t at = HEADER_LEN;
    for (uint32_t i = 0; i < header.segment_count; i++) {
        esp_image_segment_header_t segment;
        err = flash_plain_read(NULL, &segment, address + at, sizeof(segment));
        if (err != ESP_OK) {
            return err;
        }
        uint32_t room = UINT32_MAX - at - 4 * SIGNATURE_SECTOR_LEN;
        if (segment.data_len > room) {
            return ESP_ERR_NOT_FOUND;
        }
        at += SEGMENT_HEADER_LEN + segment.data_len;
    }
    *content_len = ((at + 16) & ~15u) + (header.hash_appended ? CRYPTO_SHA256_LEN : 0);
    return ESP_OK;
}

esp_err_t signature_read_keys(uint32_t address, enum signature_scheme scheme,
                              uint8_t digests[SIGNATURE_BLOCK_MAX][SIGNATURE_KEY_DIGEST_LEN],
                              uint8_t *well_formed)
{
    uint8_t bytes[SIGNATURE_BLOCK_LEN];
    uint8_t found = 0;
    uint32_t content_len = 0;
    esp_err_t err = measure(address, &content_len);
    uint32_t sector = address + signature_sector_offset(content_len);
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX && err == ESP_OK; i++) {
        err = flash_plain_read(NULL, bytes, sector + i * SIGNATURE_BLOCK_LEN, sizeof(bytes));
        if (err == ESP_OK && signature_block_parse(bytes, scheme, NULL) == SIGNATURE_BLOCK_OK) {
            signature_block_key_digest(bytes, scheme, digests[i]);
            found |= (uint8_t)(1u << i);
        }
    }
    if (err == ESP_OK) {
        *well_formed = found;
    }
    return err;
}

// ----------------------------------------------------------------------- sources of trust

// fact: without hardware Secure Boot ESP-IDF trusts the first valid block of what runs, and looks at block 0 of what comes
static esp_err_t trust_running(struct signature_policy *policy)
{
    uint8_t digests[SIGNATURE_BLOCK_MAX][SIGNATURE_KEY_DIGEST_LEN];
    uint8_t found = 0;
    uint32_t address = boot_handover_get()->app_address;
    policy->first_block_only = true;
    if (address == BOOT_APP_ADDRESS_NONE) {
        ESP_LOGW(TAG, "no application runs whose key could be trusted");
        return ESP_OK;
    }
    esp_err_t err = signature_read_keys(address, policy->scheme, digests, &found);
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX && err == ESP_OK; i++) {
        if (found >> i & 1) {
            memcpy(policy->trusted[policy->trusted_count++], digests[i], sizeof(digests[i]));
            return ESP_OK;
        }
    }
    ESP_LOGW(TAG, "the running application is not signed with %s, so no key is trusted",
             signature_scheme_name(policy->scheme));
    return err == ESP_ERR_NOT_FOUND ? ESP_OK : err;
}

static esp_err_t read_bits(enum efuse_field field, uint8_t bits[EFUSE_FIELD_BYTES_MAX])
{
    memset(bits, 0, EFUSE_FIELD_BYTES_MAX);
    if (!efuse_default || efuse_default->ops->bit_count(efuse_default, field) == 0) {
        return ESP_OK;
    }
    return efuse_default->ops->read(efuse_default, field, bits);
}

static esp_err_t trust_efuses(struct signature_policy *policy)
{
    uint8_t present[EFUSE_FIELD_BYTES_MAX];
    uint8_t revoked[EFUSE_FIELD_BYTES_MAX];
    bool is_c2 = boot_handover_get()->chip.chip_id == ESP_CHIP_ID_ESP32C2;
    policy->digest_len = is_c2 ? C2_DIGEST_LEN : SIGNATURE_KEY_DIGEST_LEN;
    policy->covers_bootloader = policy->scheme != SIGNATURE_V1;
    esp_err_t err = read_bits(EFUSE_KEY_PRESENT, present);
    if (err == ESP_OK) {
        err = read_bits(EFUSE_KEY_REVOKED, revoked);
    }
    for (uint32_t slot = 0; slot < EFUSE_SLOTS && err == ESP_OK; slot++) {
        if (!(present[0] >> slot & 1)) {
            continue;
        }
        uint8_t digest[EFUSE_FIELD_BYTES_MAX];
        err = read_bits((enum efuse_field)(EFUSE_KEY_DIGEST_0 + slot), digest);
        if (err == ESP_OK) {
            policy->revoked |= (uint16_t)((revoked[0] >> slot & 1u) << policy->trusted_count);
            memcpy(policy->trusted[policy->trusted_count++], digest, SIGNATURE_KEY_DIGEST_LEN);
        }
    }
    return err;
}

static esp_err_t read_store(struct trust_record *record)
{
    uint32_t address = boot_handover_get()->trust_address;
    memset(record, 0, sizeof(*record));
    return address == BOOT_TRUST_ADDRESS_NONE ? ESP_OK : trust_store_read(NULL, address, record);
}

/** Refuses those of the eFuse keys that the store has revoked. */
static void revoke_by_store(const struct trust_record *record, struct signature_policy *policy)
{
    for (uint32_t i = 0; i < policy->trusted_count; i++) {
        if (trust_record_revokes(record, policy->trusted[i])) {
            policy->revoked |= (uint16_t)(1u << i);
        }
    }
}

// ----------------------------------------------------------------------- putting it together

bool signature_is_secure_boot_on(void)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX];
    return boot_handover_get()->signatures.secure_boot ||
           read_bits(EFUSE_SECURE_BOOT, bits) != ESP_OK || (bits[0] & 1);
}

// chosen: the eFuse says only that Secure Boot is on; then RSA, which most chips take, or what is left
static enum signature_scheme default_scheme(void)
{
    esp_chip_id_t chip = boot_handover_get()->chip.chip_id;
    bool has_no_rsa = chip == ESP_CHIP_ID_ESP32C2 || chip == ESP_CHIP_ID_ESP32C61;
    return has_no_rsa ? SIGNATURE_P256 : SIGNATURE_RSA;
}

static bool is_wanted(enum signature_moment moment, bool has_store_keys)
{
    const struct signature_settings *settings = &boot_handover_get()->signatures;
    if (moment == SIGNATURE_AT_UPDATE) {
        return settings->on_update;
    }
    // fact: without hardware Secure Boot ESP-IDF's bootloader can check v1 only: it has no v2 key
    return settings->on_boot && (settings->scheme == SIGNATURE_V1 || has_store_keys);
}

static esp_err_t fill(enum signature_moment moment, bool is_secure_boot,
                      struct signature_policy *policy)
{
    const struct signature_settings *settings = &boot_handover_get()->signatures;
    struct trust_record record;
    policy->scheme = settings->scheme;
    memcpy(policy->v1_key, settings->v1_key, sizeof(policy->v1_key));
    if (is_secure_boot && policy->scheme == SIGNATURE_NONE) {
        policy->scheme = default_scheme();
    }
    esp_err_t err = read_store(&record);
    if (err != ESP_OK) {
        return err;
    }
    if (is_secure_boot) {
        err = policy->scheme == SIGNATURE_V1 ? ESP_OK : trust_efuses(policy);
        revoke_by_store(&record, policy);
        return err;
    }
    if (!is_wanted(moment, record.trusted_count > 0)) {
        policy->scheme = SIGNATURE_NONE;
    } else if (policy->scheme == SIGNATURE_V1) {
        return ESP_OK;
    } else if (record.trusted_count > 0) {
        trust_record_to_policy(&record, policy);
    } else if (policy->scheme != SIGNATURE_NONE) {
        err = trust_running(policy);
        revoke_by_store(&record, policy);
    }
    return err;
}

// What a device without knowledge of its keys believes: nobody.
static void refuse_all(struct signature_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->scheme = SIGNATURE_RSA;
    policy->covers_bootloader = true;
}

esp_err_t signature_policy_load(enum signature_moment moment, struct signature_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    esp_err_t err = fill(moment, signature_is_secure_boot_on(), policy);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the trusted keys cannot be read: %s", esp_err_to_name(err));
        refuse_all(policy);
    }
    return err;
}

esp_err_t image_policy_load(struct image_policy *policy)
{
    struct image_policy loaded = {0};
    struct trust_record record;
    esp_app_desc_t desc;
    uint32_t address = boot_handover_get()->app_address;
    esp_err_t err = read_store(&record);
    if (err == ESP_OK && address != BOOT_APP_ADDRESS_NONE && record.flags != 0) {
        err = flash_plain_read(NULL, &desc, address + DESCRIPTOR_AT, sizeof(desc));
        if (err == ESP_OK && desc.magic_word == ESP_APP_DESC_MAGIC_WORD) {
            image_policy_set_running(&loaded, &desc);
        }
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the device's policy cannot be read: %s", esp_err_to_name(err));
        return err;
    }
    loaded.same_project = record.flags & TRUST_STORE_FLAG_PROJECT;
    loaded.no_version_down = record.flags & TRUST_STORE_FLAG_VERSION;
    loaded.min_len = record.min_len;
    loaded.max_len = record.max_len;
    *policy = loaded;
    return ESP_OK;
}
