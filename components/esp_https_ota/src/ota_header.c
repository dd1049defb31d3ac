#include "ota_header.h"

#include <string.h>

#include "boot_handover.h"
#include "chip_traits.h"
#include "efuse_ops.h"
#include "esp_efuse.h"
#include "esp_log.h"
#include "esp_ota_ext.h"
#include "image_verify.h"
#include "ota_events.h"

static const char *TAG = "esp_https_ota";

#define DESCRIPTOR_OFFSET 0x20u // fact: image header and first segment header come before it

static uint32_t capacity_of(const struct ota_header *header)
{
    return header->staging->size < header->final->size ? header->staging->size
                                                       : header->final->size;
}

static esp_err_t err_of_fault(enum image_fault fault)
{
    switch (fault) {
    case IMAGE_OK:
        return ESP_OK;
    case IMAGE_BAD_CHIP_ID:
    case IMAGE_BAD_MIN_CHIP_REV:
    case IMAGE_BAD_MAX_CHIP_REV:
    case IMAGE_BAD_MIN_BLK_REV:
    case IMAGE_BAD_MAX_BLK_REV:
        return ESP_ERR_INVALID_VERSION;
    case IMAGE_EXCEEDS_PARTITION:
        return ESP_ERR_INVALID_SIZE;
    default:
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
}

static void log_fault(const struct ota_header *header, enum image_fault fault)
{
    const struct chip_identity *chip = &boot_handover_get()->chip;
    if (fault == IMAGE_BAD_CHIP_ID) {
        esp_image_header_t image;
        memcpy(&image, header->bytes, sizeof(image));
        ESP_LOGE(TAG, "the image is made for %s (chip id %u), this device is %s",
                 chip_name(image.chip_id), image.chip_id, chip_name(chip->chip_id));
    } else if (fault == IMAGE_EXCEEDS_PARTITION) {
        ESP_LOGE(TAG, "the image has %lld bytes, %s has room for %" PRIu32,
                 (long long)header->image_size, header->final->label, capacity_of(header));
    } else if (fault == IMAGE_BAD_MAGIC && header->bytes[0] == '<') {
        ESP_LOGE(TAG, "the server sent a web page instead of an image; check the URL");
    } else {
        ESP_LOGE(TAG, "the image is refused: %s", image_fault_text(fault));
    }
}

static void post_events(const esp_image_header_t *image)
{
    esp_chip_id_t chip_id = image->chip_id;
    uint16_t revision = image->min_chip_rev_full;
    ota_events_post(ESP_HTTPS_OTA_VERIFY_CHIP_ID, &chip_id, sizeof(chip_id));
    ota_events_post(ESP_HTTPS_OTA_VERIFY_CHIP_REVISION, &revision, sizeof(revision));
}

static bool read_app_desc(const struct ota_header *header, esp_app_desc_t *desc)
{
    if (header->len < DESCRIPTOR_OFFSET + sizeof(*desc)) {
        return false;
    }
    memcpy(desc, header->bytes + DESCRIPTOR_OFFSET, sizeof(*desc));
    return desc->magic_word == ESP_APP_DESC_MAGIC_WORD;
}

static uint32_t secure_version_max(void)
{
    return efuse_default ? efuse_default->ops->bit_count(efuse_default, EFUSE_SECURE_VERSION) : 0;
}

// differs: ESP-IDF finds out when the image is chosen to boot, after the download, and erases it then
static esp_err_t check_secure_version(const struct ota_header *header, const esp_app_desc_t *desc)
{
    if (!boot_handover_get()->anti_rollback || header->final->type != ESP_PARTITION_TYPE_APP) {
        return ESP_OK;
    }
    if (!desc) {
        ESP_LOGE(TAG, "the image has no descriptor that tells its secure version");
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (!esp_efuse_check_secure_version(desc->secure_version)) {
        ESP_LOGE(TAG,
                 "the image has secure version %" PRIu32 ", this device takes none below %" PRIu32,
                 desc->secure_version, esp_efuse_read_secure_version());
        return ESP_ERR_OTA_SMALL_SEC_VER;
    }
    if (desc->secure_version > secure_version_max()) {
        ESP_LOGE(TAG,
                 "the image has secure version %" PRIu32 ", this device can count to %" PRIu32
                 ": it could never confirm it",
                 desc->secure_version, secure_version_max());
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    return ESP_OK;
}

esp_err_t ota_header_check(const struct ota_header *header)
{
    esp_image_header_t image;
    if (header->len < sizeof(image)) {
        ESP_LOGE(TAG, "the server sent %zu bytes: too short for an image", header->len);
        return header->len > 0 ? ESP_ERR_OTA_VALIDATE_FAILED : ESP_FAIL;
    }
    memcpy(&image, header->bytes, sizeof(image));
    post_events(&image);
    struct image_policy policy;
    esp_err_t err = esp_ota_get_image_policy(&policy);
    if (err != ESP_OK) {
        return err;
    }
    bool is_app = header->final->type == ESP_PARTITION_TYPE_APP;
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .policy = is_app ? &policy : NULL,
                                .flash_offset = header->staging->address,
                                .partition_size = capacity_of(header),
                                .is_bootloader =
                                    header->final->type == ESP_PARTITION_TYPE_BOOTLOADER};
    uint64_t total = header->image_size > 0 ? (uint64_t)header->image_size : 0;
    enum image_fault fault = image_check_header(header->bytes, header->len, total, &rules);
    if (fault != IMAGE_OK) {
        log_fault(header, fault);
        return err_of_fault(fault);
    }
    esp_app_desc_t desc;
    bool has_desc = read_app_desc(header, &desc);
    err = check_secure_version(header, has_desc ? &desc : NULL);
    return err == ESP_OK
               ? esp_ota_check_image_validity(header->final->type, &image, has_desc ? &desc : NULL)
               : err;
}

esp_err_t ota_header_check_size(const struct ota_header *header)
{
    if (header->len == 0) {
        ESP_LOGE(TAG, "the server sent nothing");
        return ESP_FAIL;
    }
    if (header->image_size > capacity_of(header)) {
        log_fault(header, IMAGE_EXCEEDS_PARTITION);
        return ESP_ERR_INVALID_SIZE;
    }
    return ESP_OK;
}
