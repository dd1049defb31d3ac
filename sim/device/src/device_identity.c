// A flash file made here has its eFuses beside it. One dumped from a real device has not; then the images on it tell: the
// device evidently ran them, so it is of their chip and not older than the highest minimum revision they ask for.

#include "device_private.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "chip_traits.h"
#include "esp_app_desc.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "sim_efuse.h"

static const char *TAG = "device";

#define START_LEN       512u // chosen: header, first segment header and descriptor are in there
#define DESC_OFFSET     32u  // fact: SPEC.md "Image", first data byte of the first segment
#define CANDIDATE_COUNT (BOOT_SLOT_MAX + 6)

/** A place where an image may start. */
struct candidate {
    uint32_t offset;
    uint32_t size;
    bool is_bootloader;
};

static void add_slot(struct candidate *list, uint32_t *count, esp_partition_pos_t pos)
{
    if (pos.size > 0) {
        list[(*count)++] = (struct candidate){.offset = pos.offset, .size = pos.size};
    }
}

// What otadata selects first, then the other slots, then where bootloaders stand.
static uint32_t list_candidates(const struct device *device, struct candidate *list)
{
    static const uint32_t BOOTLOADERS[] = {0x1000, 0x0, 0x2000}; // fact: SPEC.md "Chips"
    const struct boot_slots *slots = &device->slots;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    uint32_t count = 0;
    if (slots->otadata.size >= OTADATA_MIN_SIZE && slots->ota_count > 0 &&
        otadata_read(device->flash, slots->otadata.offset, records) == ESP_OK &&
        otadata_active(records) != OTADATA_NONE) {
        uint32_t slot = otadata_slot(records[otadata_active(records)].ota_seq, slots->ota_count);
        if (slot < BOOT_SLOT_MAX) {
            add_slot(list, &count, slots->ota[slot]);
        }
    }
    add_slot(list, &count, slots->factory);
    for (int i = 0; i < BOOT_SLOT_MAX; i++) {
        add_slot(list, &count, slots->ota[i]);
    }
    add_slot(list, &count, slots->test);
    for (size_t i = 0; i < sizeof(BOOTLOADERS) / sizeof(BOOTLOADERS[0]); i++) {
        if (BOOTLOADERS[i] < device->table_offset) {
            list[count++] = (struct candidate){.offset = BOOTLOADERS[i],
                                               .size = device->table_offset - BOOTLOADERS[i],
                                               .is_bootloader = true};
        }
    }
    return count;
}

// The oldest silicon that an image runs on; false when no plausible image starts there.
static bool read_identity(const struct device *device, const struct candidate *candidate,
                          struct chip_identity *out)
{
    uint8_t start[START_LEN];
    uint32_t len = candidate->size < START_LEN ? candidate->size : START_LEN;
    esp_image_header_t header;
    if (len < DESC_OFFSET + sizeof(esp_app_desc_t) ||
        flash_plain_read(device->flash, start, candidate->offset, len) != ESP_OK) {
        return false;
    }
    memcpy(&header, start, sizeof(header));
    const struct chip_traits *traits = chip_traits_by_id(header.chip_id);
    if (header.magic != ESP_IMAGE_HEADER_MAGIC || !traits ||
        (candidate->is_bootloader && traits->bootloader_offset != candidate->offset)) {
        return false;
    }
    struct chip_identity chip = {.chip_id = traits->id, .chip_rev = header.min_chip_rev_full};
    esp_app_desc_t desc;
    memcpy(&desc, start + DESC_OFFSET, sizeof(desc));
    if (!candidate->is_bootloader && desc.magic_word == ESP_APP_DESC_MAGIC_WORD &&
        desc.min_efuse_blk_rev_full != UINT16_MAX) {
        chip.blk_rev = desc.min_efuse_blk_rev_full;
    }
    struct image_rules rules = {.chip = chip,
                                .flash_offset = candidate->offset,
                                .partition_size = candidate->size,
                                .is_bootloader = candidate->is_bootloader};
    if (image_check_header(start, len, 0, &rules) != IMAGE_OK) {
        return false;
    }
    *out = chip;
    return true;
}

// Raises the revisions to what the images of this chip ask for; an unset chip becomes that of the first image.
static void learn_from_images(struct device *device)
{
    struct candidate list[CANDIDATE_COUNT];
    uint32_t count = list_candidates(device, list);
    for (uint32_t i = 0; i < count; i++) {
        struct chip_identity chip;
        if (!read_identity(device, &list[i], &chip)) {
            continue;
        }
        if (device->chip.chip_id == ESP_CHIP_ID_INVALID) {
            device->chip.chip_id = chip.chip_id;
            device->chip_source = DEVICE_CHIP_FROM_IMAGES;
        }
        if (chip.chip_id != device->chip.chip_id) {
            continue;
        }
        if (chip.chip_rev > device->chip.chip_rev) {
            device->chip.chip_rev = chip.chip_rev;
        }
        if (chip.blk_rev > device->chip.blk_rev) {
            device->chip.blk_rev = chip.blk_rev;
        }
    }
}

static esp_err_t apply_given_chip(struct device *device, const char *name)
{
    const struct chip_traits *traits = chip_traits_by_name(name);
    if (!traits) {
        ESP_LOGE(TAG, "\"%s\" is no chip known here; write for example esp32 or esp32c3", name);
        return ESP_ERR_INVALID_ARG;
    }
    if (device->chip_source == DEVICE_CHIP_FROM_EFUSE && device->chip.chip_id == traits->id) {
        return ESP_OK;
    }
    if (device->chip_source == DEVICE_CHIP_FROM_EFUSE) {
        ESP_LOGW(TAG, "the eFuse file says %s; taken as %s, as asked",
                 chip_name(device->chip.chip_id), traits->name);
    }
    device->chip = (struct chip_identity){.chip_id = traits->id};
    device->chip_source = DEVICE_CHIP_GIVEN;
    return ESP_OK;
}

esp_err_t device_identity_begin(struct device *device, const char *efuse_path,
                                const struct device_options *options)
{
    device->chip = (struct chip_identity){.chip_id = ESP_CHIP_ID_INVALID};
    if (access(efuse_path, F_OK) == 0) {
        esp_err_t err = sim_efuse_open(efuse_path, &device->chip, &device->efuse);
        if (err != ESP_OK) {
            return err;
        }
        device->chip_source = DEVICE_CHIP_FROM_EFUSE;
    }
    return options->chip ? apply_given_chip(device, options->chip) : ESP_OK;
}

esp_err_t device_identity_find(struct device *device, const char *efuse_path,
                               const struct device_options *options)
{
    if (device->chip_source != DEVICE_CHIP_FROM_EFUSE) {
        learn_from_images(device);
    }
    if (device->chip_source == DEVICE_CHIP_UNKNOWN && !options->is_chip_optional) {
        ESP_LOGE(TAG,
                 "no image on this flash tells which chip it belongs to, and there is no %s; "
                 "name the chip with --chip",
                 efuse_path);
        return ESP_ERR_NOT_FOUND;
    }
    return ESP_OK;
}
