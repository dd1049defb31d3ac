// ESP-IDF's names for what image_verify.c and otadata.c do, on the main flash chip.

#include "bootloader_common.h"

#include <string.h>

#include "boot_handover.h"
#include "chip_traits.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "image_verify.h"
#include "otadata.h"
#include "signature_policy.h"

static const char *TAG = "esp_image";

#define DESCRIPTOR_OFFSET 0x20u // fact: image header and first segment header come before it
#define HASH_CHUNK        4096u // chosen: one sector on the stack

// ----------------------------------------------------------------------- images

static bool is_bootloader_region(uint32_t offset)
{
    const struct chip_traits *traits = chip_traits_by_id(boot_handover_get()->chip.chip_id);
    return traits && offset == traits->bootloader_offset;
}

static void fill_metadata(const struct image_info *info, uint32_t start, esp_image_metadata_t *data)
{
    memset(data, 0, sizeof(*data));
    data->start_addr = start;
    data->image = info->header;
    for (uint32_t i = 0; i < info->segment_count; i++) {
        data->segments[i].load_addr = info->segments[i].load_addr;
        data->segments[i].data_len = info->segments[i].data_len;
        data->segment_data[i] = start + info->segments[i].data_offset;
    }
    data->image_len = info->image_len;
    memcpy(data->image_digest, info->digest, sizeof(data->image_digest));
    const esp_app_desc_t *desc = image_app_desc(info);
    if (desc) {
        data->secure_version = desc->secure_version;
        data->mmu_page_size = desc->mmu_page_size ? 1u << (desc->mmu_page_size & 31) : 0;
    }
}

// fact: ESP-IDF reads metadata without looking at signatures
static esp_err_t verify(const esp_partition_pos_t *part, const struct signature_policy *signature,
                        bool is_silent, esp_image_metadata_t *data)
{
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .flash_offset = part->offset,
                                .partition_size = part->size,
                                .is_bootloader = is_bootloader_region(part->offset),
                                .signature = signature};
    struct image_info info;
    enum image_fault fault = image_verify_flash(NULL, &rules, &info);
    if (fault == IMAGE_OK) {
        fill_metadata(&info, part->offset, data);
    } else if (!is_silent) {
        ESP_LOGE(TAG, "image at 0x%" PRIx32 ": %s", part->offset, image_fault_text(fault));
    }
    return image_fault_to_err(fault);
}

esp_err_t esp_image_verify(esp_image_load_mode_t mode, const esp_partition_pos_t *part,
                           esp_image_metadata_t *data)
{
    if (!part || !data) {
        return ESP_ERR_INVALID_ARG;
    }
    memset(data, 0, sizeof(*data));
    struct signature_policy policy;
    if (signature_policy_load(SIGNATURE_AT_UPDATE, &policy) != ESP_OK) {
        return ESP_ERR_IMAGE_FLASH_FAIL;
    }
    return verify(part, &policy, mode == ESP_IMAGE_VERIFY_SILENT, data);
}

esp_err_t esp_image_get_metadata(const esp_partition_pos_t *part, esp_image_metadata_t *metadata)
{
    if (!part || !metadata) {
        return ESP_ERR_INVALID_ARG;
    }
    memset(metadata, 0, sizeof(*metadata));
    return verify(part, NULL, true, metadata);
}

esp_err_t bootloader_common_get_partition_description(const esp_partition_pos_t *partition,
                                                      esp_app_desc_t *app_desc)
{
    if (!partition || !app_desc) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_app_desc_t desc;
    esp_err_t err =
        flash_plain_read(NULL, &desc, partition->offset + DESCRIPTOR_OFFSET, sizeof(desc));
    if (err != ESP_OK) {
        return err;
    }
    if (desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        return ESP_ERR_NOT_FOUND;
    }
    *app_desc = desc;
    return ESP_OK;
}

static esp_err_t hash_region(uint32_t address, uint32_t size, uint8_t *digest)
{
    struct crypto_hash hash;
    uint8_t chunk[HASH_CHUNK];
    esp_crypto.sha256_begin(&hash);
    while (size > 0) {
        uint32_t len = size < HASH_CHUNK ? size : HASH_CHUNK;
        esp_err_t err = flash_plain_read(NULL, chunk, address, len);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, chunk, len);
        address += len;
        size -= len;
    }
    esp_crypto.sha256_end(&hash, digest);
    return ESP_OK;
}

esp_err_t bootloader_common_get_sha256_of_partition(uint32_t address, uint32_t size, int type,
                                                    uint8_t *out_sha_256)
{
    if (!out_sha_256 || size == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    if (type != PART_TYPE_APP && type != PART_TYPE_BOOTLOADER) {
        return hash_region(address, size, out_sha_256);
    }
    esp_partition_pos_t part = {.offset = address, .size = size};
    esp_image_metadata_t data;
    if (esp_image_get_metadata(&part, &data) != ESP_OK) {
        return ESP_ERR_IMAGE_INVALID;
    }
    memcpy(out_sha_256, data.image_digest, sizeof(data.image_digest));
    return ESP_OK;
}

esp_err_t bootloader_common_check_chip_validity(const esp_image_header_t *img_hdr,
                                                esp_image_type type)
{
    if (!img_hdr) {
        return ESP_ERR_INVALID_ARG;
    }
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .is_bootloader = type == ESP_IMAGE_BOOTLOADER};
    enum image_fault fault = image_check_chip(img_hdr, &rules);
    if (fault != IMAGE_OK) {
        ESP_LOGE(TAG, "image for %s, revisions %u to %u: %s", chip_name(img_hdr->chip_id),
                 img_hdr->min_chip_rev_full, img_hdr->max_chip_rev_full, image_fault_text(fault));
        return ESP_FAIL;
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- otadata

uint32_t bootloader_common_ota_select_crc(const esp_ota_select_entry_t *s)
{
    return otadata_crc(s->ota_seq);
}

bool bootloader_common_ota_select_valid(const esp_ota_select_entry_t *s)
{
    return otadata_is_good(s);
}

bool bootloader_common_ota_select_invalid(const esp_ota_select_entry_t *s)
{
    return otadata_is_bad(s);
}

int bootloader_common_get_active_otadata(esp_ota_select_entry_t *two_otadata)
{
    return two_otadata ? otadata_active(two_otadata) : OTADATA_NONE;
}

bool bootloader_common_get_rtc_retain_mem_factory_reset_state(void)
{
    return false;
}
