// Who may sign the next image, and what it must be like. Rotation: the keys that signed the confirmed image are the trusted
// ones from then on.

#include "esp_ota_ext.h"
#include "ota_private.h"

#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "signature_policy.h"

static const char *TAG = "esp_ota_ops";

// chosen: the first sector, which is signed in every image: room behind the application descriptor for digests
#define ANNOUNCED_LEN SIGNATURE_SECTOR_LEN

esp_err_t ota_trust_load(struct ota_trust *trust)
{
    memset(trust, 0, sizeof(*trust));
    esp_err_t err = signature_policy_load(SIGNATURE_AT_UPDATE, &trust->signature);
    return err == ESP_OK ? image_policy_load(&trust->policy) : err;
}

esp_err_t esp_ota_get_image_policy(struct image_policy *policy)
{
    return policy ? image_policy_load(policy) : ESP_ERR_INVALID_ARG;
}

// ----------------------------------------------------------------------- rotation

/** Reads the store if it rotates keys and has some; else flags are 0. */
static esp_err_t read_rotating_store(struct trust_record *record)
{
    const struct boot_handover *handover = boot_handover_get();
    memset(record, 0, sizeof(*record));
    if (handover->trust_address == BOOT_TRUST_ADDRESS_NONE ||
        !signature_scheme_is_v2(handover->signatures.scheme)) {
        return ESP_OK;
    }
    esp_err_t err = trust_store_read(NULL, handover->trust_address, record);
    if (err == ESP_OK &&
        (!(record->flags & TRUST_STORE_FLAG_ROTATE) || record->trusted_count == 0)) {
        memset(record, 0, sizeof(*record));
    }
    return err;
}

static bool holds(const uint8_t *bytes, uint32_t len, const uint8_t *digest)
{
    for (uint32_t at = 0; at + SIGNATURE_KEY_DIGEST_LEN <= len; at++) {
        if (memcmp(bytes + at, digest, SIGNATURE_KEY_DIGEST_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/**
 * Leaves out signers that the store does not know and the signed bytes do not announce. Signatures do not cover the sector
 * they stand in: whoever can change a file on its way can add a block of their own to it, but not a digest to its content.
 */
static esp_err_t leave_out_unannounced(const struct trust_record *record, uint32_t address,
                                       struct signature_result *result)
{
    uint8_t start[ANNOUNCED_LEN];
    if (!(record->flags & TRUST_STORE_FLAG_ANNOUNCED)) {
        return ESP_OK;
    }
    esp_err_t err = flash_plain_read(NULL, start, address, sizeof(start));
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX && err == ESP_OK; i++) {
        const uint8_t *digest = result->key_digest[i];
        if (!trust_record_trusts(record, digest) && !holds(start, sizeof(start), digest)) {
            result->right &= (uint8_t) ~(1u << i);
        }
    }
    return err;
}

/** Whether the blocks of what runs name other keys than the store trusts; nothing is verified for that. */
static esp_err_t differs_from_running(const struct trust_record *record, bool keeps_newer,
                                      bool *differs)
{
    struct signature_result claimed = {0};
    struct trust_record next = *record;
    const struct boot_handover *handover = boot_handover_get();
    esp_err_t err = signature_read_keys(handover->app_address, handover->signatures.scheme,
                                        claimed.key_digest, &claimed.right);
    if (err == ESP_OK) {
        err = leave_out_unannounced(record, handover->app_address, &claimed);
    }
    if (err == ESP_OK) {
        *differs = trust_record_rotate(&next, &claimed, keeps_newer);
    }
    return err;
}

/** Verifies what runs, every block of it. @return IMAGE_OK: the store's keys accept it */
static enum image_fault verify_running(const struct trust_record *record,
                                       const esp_partition_t *running, struct image_info *info)
{
    struct signature_policy policy = {.scheme = boot_handover_get()->signatures.scheme,
                                      .checks_every_block = true};
    trust_record_to_policy(record, &policy);
    return ota_describe_verify(running, false, &policy, info);
}

static esp_err_t rotate(struct trust_record *record, const esp_partition_t *running,
                        bool keeps_newer)
{
    struct image_info info;
    enum image_fault fault = verify_running(record, running, &info);
    if (fault != IMAGE_OK) {
        ESP_LOGW(TAG, "the trusted keys stay: the running image in %s: %s", running->label,
                 image_fault_text(fault));
        return ESP_OK;
    }
    esp_err_t err = leave_out_unannounced(record, running->address, &info.signature);
    if (err != ESP_OK || !trust_record_rotate(record, &info.signature, keeps_newer)) {
        return err;
    }
    ESP_LOGI(TAG, "the keys that signed %s are the trusted ones now: %u", running->label,
             record->trusted_count);
    return trust_store_write(NULL, boot_handover_get()->trust_address, record);
}

static esp_err_t rotate_to_running(bool keeps_newer)
{
    struct trust_record record;
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_err_t err = read_rotating_store(&record);
    bool differs = false;
    if (err != ESP_OK || record.flags == 0 || !running) {
        return err;
    }
    err = differs_from_running(&record, keeps_newer, &differs);
    return err == ESP_OK && differs ? rotate(&record, running, keeps_newer) : err;
}

esp_err_t ota_trust_rotate(void)
{
    return rotate_to_running(false);
}

// A cut may have come between the confirmation and the keys. Or the record of a newer image has decayed, and an older one
// runs again: that is no reason to revoke the keys that came with the newer one.
esp_err_t ota_trust_complete_rotation(void)
{
    esp_ota_img_states_t state;
    const esp_partition_t *running = esp_ota_get_running_partition();
    if (!running || boot_handover_get()->trust_address == BOOT_TRUST_ADDRESS_NONE) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_get_state_partition(running, &state);
    if (err != ESP_OK || state != ESP_OTA_IMG_VALID) {
        bool has_none = err == ESP_ERR_NOT_FOUND || err == ESP_ERR_NOT_SUPPORTED;
        return has_none ? ESP_OK : err; // what has no record was never confirmed
    }
    return rotate_to_running(true);
}
