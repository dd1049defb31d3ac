// Revoking a key of Secure Boot is safe only if everything that has to boot is signed with another one as well.

#include "esp_ota_ext.h"
#include "ota_private.h"

#include "boot_handover.h"
#include "chip_traits.h"
#include "efuse_keys.h"
#include "esp_efuse.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "signature_policy.h"

static const char *TAG = "esp_ota_ops";

// fact: ESP-IDF with rollback asks for VALID; without it no image is ever unconfirmed
static bool is_confirmed(const esp_partition_t *running)
{
    esp_ota_img_states_t state;
    esp_err_t err = esp_ota_get_state_partition(running, &state);
    if (boot_handover_get()->rollback) {
        return err == ESP_OK && state == ESP_OTA_IMG_VALID;
    }
    return err != ESP_OK || (state != ESP_OTA_IMG_NEW && state != ESP_OTA_IMG_PENDING_VERIFY);
}

/** What the device will accept at boot when the slot is revoked. */
static esp_err_t load_policy_without(uint32_t slot, struct signature_policy *policy)
{
    esp_err_t err = signature_policy_load(SIGNATURE_AT_BOOT, policy);
    uint32_t entry = 0; // present slots stand in the policy in their order
    for (uint32_t i = 0; i <= slot && err == ESP_OK; i++) {
        struct efuse_key_slot key;
        err = efuse_key_read(i, &key);
        if (err == ESP_OK && key.is_present) {
            policy->revoked |= (uint16_t)((i == slot) << entry);
            entry++;
        }
    }
    return err;
}

static esp_err_t check_application(const esp_partition_t *running,
                                   const struct signature_policy *policy, uint32_t slot)
{
    struct image_info info;
    enum image_fault fault = ota_describe_verify(running, false, policy, &info);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "without key %" PRIu32 " the running image in %s would not boot: %s", slot,
             running->label, image_fault_text(fault));
    return ESP_FAIL;
}

/** Where this chip's ROM looks for the bootloader. @return whether something stands there */
static bool find_bootloader(esp_partition_t *out)
{
    uint8_t magic = 0xFF;
    const struct boot_handover *handover = boot_handover_get();
    const struct chip_traits *chip = chip_traits_by_id(handover->chip.chip_id);
    if (!chip || chip->bootloader_offset >= handover->table_offset) {
        return false;
    }
    *out = (esp_partition_t){.flash_chip = esp_flash_default_chip,
                             .type = ESP_PARTITION_TYPE_BOOTLOADER,
                             .address = chip->bootloader_offset,
                             .size = handover->table_offset - chip->bootloader_offset,
                             .erase_size = FLASH_SECTOR_SIZE,
                             .label = "bootloader",
                             .encrypted = flash_is_encrypted(NULL)};
    // An erased chip has none; what cannot be read is taken for one, and then does not verify.
    return esp_flash_read(NULL, &magic, out->address, 1) != ESP_OK || magic != 0xFF;
}

static esp_err_t check_bootloader(const struct signature_policy *policy, uint32_t slot)
{
    esp_partition_t bootloader;
    struct image_info info;
    if (!find_bootloader(&bootloader)) {
        return ESP_OK;
    }
    enum image_fault fault = ota_describe_verify(&bootloader, true, policy, &info);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "without key %" PRIu32 " the bootloader would not start: %s", slot,
             image_fault_text(fault));
    return ESP_FAIL;
}

static esp_err_t check_index(uint32_t slot)
{
    if (slot > SECURE_BOOT_PUBLIC_KEY_INDEX_2) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!efuse_key_can_revoke()) {
        ESP_LOGE(TAG, "this chip has no bits that revoke keys");
        return ESP_ERR_NOT_SUPPORTED;
    }
    return slot < efuse_key_slot_count() ? ESP_OK : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_ota_check_revocation(esp_ota_secure_boot_public_key_index_t index)
{
    struct signature_policy policy;
    uint32_t slot = (uint32_t)index;
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_err_t err = check_index(slot);
    if (err != ESP_OK) {
        return err;
    }
    if (!signature_is_secure_boot_on()) {
        ESP_LOGE(TAG, "Secure Boot is off: there is no need to revoke a key");
        return ESP_FAIL;
    }
    if (!running || !is_confirmed(running)) {
        ESP_LOGE(TAG, "no key is revoked while %s",
                 running ? "the running image is not confirmed" : "nothing runs");
        return ESP_FAIL;
    }
    if (load_policy_without(slot, &policy) != ESP_OK) {
        return ESP_FAIL;
    }
    err = check_application(running, &policy, slot);
    return err == ESP_OK ? check_bootloader(&policy, slot) : err;
}

esp_err_t esp_ota_revoke_secure_boot_public_key(esp_ota_secure_boot_public_key_index_t index)
{
    esp_err_t err = esp_ota_check_revocation(index);
    return err == ESP_OK ? esp_efuse_set_digest_revoke((unsigned)index) : err;
}
