// The digest is written first and the bit that makes it count last, so that no cut leaves half a digest that is trusted.

#include "efuse_keys.h"

#include "efuse_ops.h"
#include "esp_log.h"

#include <string.h>

static const char TAG[] = "efuse";

static uint32_t width_of(enum efuse_field field)
{
    return efuse_default ? efuse_default->ops->bit_count(efuse_default, field) : 0;
}

static enum efuse_field digest_field(uint32_t slot)
{
    return (enum efuse_field)(EFUSE_KEY_DIGEST_0 + slot);
}

uint32_t efuse_key_slot_count(void)
{
    uint32_t count = width_of(EFUSE_KEY_PRESENT);
    return count < EFUSE_KEY_SLOT_MAX ? count : EFUSE_KEY_SLOT_MAX;
}

bool efuse_key_can_revoke(void)
{
    return width_of(EFUSE_KEY_REVOKED) > 0;
}

/** Reads a field of at most 8 bits; one that the chip does not have is 0. */
static esp_err_t read_flags(enum efuse_field field, uint8_t *flags)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {0};
    esp_err_t err =
        width_of(field) > 0 ? efuse_default->ops->read(efuse_default, field, bits) : ESP_OK;
    if (err == ESP_OK) {
        *flags = bits[0];
    }
    return err;
}

static esp_err_t burn_flag(enum efuse_field field, uint32_t bit)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {(uint8_t)(1u << bit)};
    uint8_t flags = 0;
    esp_err_t err = efuse_default->ops->burn(efuse_default, field, bits);
    if (err == ESP_OK) {
        err = read_flags(field, &flags);
    }
    if (err == ESP_OK && !(flags >> bit & 1)) {
        ESP_LOGE(TAG, "bit %" PRIu32 " of eFuse field %d was burnt and does not read back", bit,
                 (int)field);
        err = ESP_FAIL;
    }
    return err;
}

esp_err_t efuse_key_read(uint32_t slot, struct efuse_key_slot *out)
{
    uint8_t present = 0;
    uint8_t revoked = 0;
    struct efuse_key_slot found = {0};
    if (slot >= efuse_key_slot_count()) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = read_flags(EFUSE_KEY_PRESENT, &present);
    if (err == ESP_OK) {
        err = read_flags(EFUSE_KEY_REVOKED, &revoked);
    }
    if (err == ESP_OK) {
        err = efuse_default->ops->read(efuse_default, digest_field(slot), found.digest);
    }
    if (err != ESP_OK) {
        return err;
    }
    static const uint8_t ZEROS[EFUSE_KEY_DIGEST_LEN];
    found.digest_len = width_of(digest_field(slot)) / 8;
    found.is_present = present >> slot & 1;
    found.is_revoked = revoked >> slot & 1;
    found.is_begun = !found.is_present && memcmp(found.digest, ZEROS, sizeof(ZEROS)) != 0;
    *out = found;
    return ESP_OK;
}

/** Whether burning wanted leads to wanted: no bit is set that it lacks. */
static bool is_part_of(const struct efuse_key_slot *found, const uint8_t *wanted)
{
    for (uint32_t i = 0; i < found->digest_len; i++) {
        if (found->digest[i] & ~wanted[i]) {
            return false;
        }
    }
    return true;
}

static esp_err_t check_can_hold(uint32_t slot, const struct efuse_key_slot *found,
                                const uint8_t *digest)
{
    static const uint8_t ZEROS[EFUSE_KEY_DIGEST_LEN];
    if (memcmp(digest, ZEROS, found->digest_len) == 0) {
        ESP_LOGE(TAG, "a digest of zeros is no key's");
        return ESP_ERR_INVALID_ARG;
    }
    if (found->is_revoked) {
        ESP_LOGE(TAG, "key slot %" PRIu32 " is revoked for ever", slot);
        return ESP_ERR_INVALID_STATE;
    }
    bool is_other = found->is_present && memcmp(found->digest, digest, found->digest_len) != 0;
    if (is_other || !is_part_of(found, digest)) {
        ESP_LOGE(TAG, "key slot %" PRIu32 " holds %s another digest", slot,
                 found->is_present ? "" : "a part of");
        return ESP_ERR_INVALID_STATE;
    }
    return ESP_OK;
}

esp_err_t efuse_key_write(uint32_t slot, const uint8_t digest[EFUSE_KEY_DIGEST_LEN])
{
    struct efuse_key_slot found;
    esp_err_t err = efuse_key_read(slot, &found);
    if (err == ESP_OK) {
        err = check_can_hold(slot, &found, digest);
    }
    if (err != ESP_OK || found.is_present) {
        return err;
    }
    err = efuse_default->ops->burn(efuse_default, digest_field(slot), digest);
    if (err == ESP_OK) {
        err = efuse_key_read(slot, &found);
    }
    if (err == ESP_OK && memcmp(found.digest, digest, found.digest_len) != 0) {
        ESP_LOGE(TAG, "key slot %" PRIu32 " does not hold the digest that was burnt", slot);
        err = ESP_FAIL;
    }
    return err == ESP_OK ? burn_flag(EFUSE_KEY_PRESENT, slot) : err;
}

esp_err_t efuse_key_revoke(uint32_t slot)
{
    if (slot >= efuse_key_slot_count()) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!efuse_key_can_revoke()) {
        ESP_LOGE(TAG, "this chip has no bits that revoke keys");
        return ESP_ERR_NOT_SUPPORTED;
    }
    return burn_flag(EFUSE_KEY_REVOKED, slot);
}

esp_err_t efuse_secure_boot_read(bool *is_on)
{
    uint8_t flag = 0;
    esp_err_t err = read_flags(EFUSE_SECURE_BOOT, &flag);
    if (err == ESP_OK) {
        *is_on = flag != 0;
    }
    return err;
}

esp_err_t efuse_secure_boot_enable(void)
{
    if (width_of(EFUSE_SECURE_BOOT) == 0) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    for (uint32_t slot = 0; slot < efuse_key_slot_count(); slot++) {
        struct efuse_key_slot found;
        esp_err_t err = efuse_key_read(slot, &found);
        if (err != ESP_OK) {
            return err;
        }
        if (found.is_present && !found.is_revoked) {
            return burn_flag(EFUSE_SECURE_BOOT, 0);
        }
    }
    ESP_LOGE(TAG, "no key is trusted yet: with Secure Boot on nothing would boot any more");
    return ESP_ERR_INVALID_STATE;
}
