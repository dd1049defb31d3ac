#include "ota_private.h"

#include <string.h>

#include "boot_handover.h"
#include "chip_traits.h"
#include "esp_log.h"
#include "flash_ops.h"

static const char *TAG = "esp_ota_ops";

#define DESCRIPTOR_OFFSET 0x20u // fact: image header and first segment header come before it

// ----------------------------------------------------------------------- verification

static esp_err_t read_partition(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    return esp_partition_read(context, offset, buffer, len);
}

enum image_fault ota_describe_verify(const esp_partition_t *partition, bool is_bootloader,
                                     const struct signature_policy *signature,
                                     struct image_info *info)
{
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .flash_offset = partition->address,
                                .partition_size = partition->size,
                                .is_bootloader = is_bootloader,
                                .signature = signature};
    if (!partition->encrypted) {
        return image_verify_flash(partition->flash_chip, &rules, info);
    }
    struct image_source source = {
        .read = read_partition, .context = (void *)partition, .size = partition->size};
    return image_verify(&source, &rules, info);
}

bool ota_describe_is_valid(const esp_partition_t *partition)
{
    struct image_info info;
    struct ota_trust trust;
    if (ota_trust_load(&trust) != ESP_OK) {
        return false;
    }
    enum image_fault fault = ota_describe_verify(partition, false, &trust.signature, &info);
    if (fault != IMAGE_OK) {
        ESP_LOGE(TAG, "image in %s: %s", partition->label, image_fault_text(fault));
    }
    return fault == IMAGE_OK;
}

// ----------------------------------------------------------------------- descriptors

esp_err_t esp_ota_get_partition_description(const esp_partition_t *partition,
                                            esp_app_desc_t *app_desc)
{
    if (!partition || !app_desc) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    esp_app_desc_t desc;
    esp_err_t err = esp_partition_read(partition, DESCRIPTOR_OFFSET, &desc, sizeof(desc));
    if (err != ESP_OK) {
        return err;
    }
    if (desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        return ESP_ERR_NOT_FOUND;
    }
    *app_desc = desc;
    return ESP_OK;
}

static esp_err_t read_primary_bootloader(esp_bootloader_desc_t *desc)
{
    const struct chip_traits *traits = chip_traits_by_id(boot_handover_get()->chip.chip_id);
    if (!traits) {
        return ESP_ERR_NOT_FOUND;
    }
    return flash_plain_read(NULL, desc, traits->bootloader_offset + DESCRIPTOR_OFFSET,
                            sizeof(*desc));
}

esp_err_t esp_ota_get_bootloader_description(const esp_partition_t *bootloader_partition,
                                             esp_bootloader_desc_t *desc)
{
    if (!desc) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_bootloader_desc_t read;
    esp_err_t err =
        bootloader_partition
            ? esp_partition_read(bootloader_partition, DESCRIPTOR_OFFSET, &read, sizeof(read))
            : read_primary_bootloader(&read);
    if (err != ESP_OK) {
        return err;
    }
    if (read.magic_byte != ESP_BOOTLOADER_DESC_MAGIC_BYTE) {
        return ESP_ERR_NOT_FOUND;
    }
    *desc = read;
    return ESP_OK;
}

static esp_err_t check_spi_mode(const esp_app_desc_t *app_desc)
{
    uint8_t running = esp_app_get_description()->spi_flash_mode;
    if (running == 0 || app_desc->spi_flash_mode == 0 || running == app_desc->spi_flash_mode) {
        return ESP_OK; // fact: 0 is an image from before the field existed
    }
    ESP_LOGE(TAG, "the image was built for SPI flash mode %u, the running one for %u",
             app_desc->spi_flash_mode, running);
    return ESP_ERR_OTA_SPI_MODE_MISMATCH;
}

esp_err_t esp_ota_check_image_validity(esp_partition_type_t part_type,
                                       const esp_image_header_t *img_hdr,
                                       const esp_app_desc_t *app_desc)
{
    bool is_app = part_type == ESP_PARTITION_TYPE_APP;
    if (!img_hdr || (!is_app && part_type != ESP_PARTITION_TYPE_BOOTLOADER)) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_image_type type = is_app ? ESP_IMAGE_APPLICATION : ESP_IMAGE_BOOTLOADER;
    if (bootloader_common_check_chip_validity(img_hdr, type) != ESP_OK) {
        return ESP_ERR_INVALID_VERSION;
    }
    return is_app && app_desc ? check_spi_mode(app_desc) : ESP_OK;
}

const esp_app_desc_t *esp_ota_get_app_description(void)
{
    return esp_app_get_description();
}

int esp_ota_get_app_elf_sha256(char *dst, size_t size)
{
    return esp_app_get_elf_sha256(dst, size);
}
