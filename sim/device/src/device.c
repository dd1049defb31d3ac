#include "device_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "esp_app_desc.h"
#include "esp_efuse.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "host_image.h"
#include "nor_flash.h"
#include "signature_policy.h"
#include "sim_efuse.h"

static const char *TAG = "device";

#define TABLE_OFFSET_DEFAULT 0x8000u

// ----------------------------------------------------------------------- opening

static esp_err_t load_table(struct device *device)
{
    esp_err_t err = boot_slots_load(device->flash, device->table_offset, &device->slots);
    if (err == ESP_OK) {
        err = flash_plain_read(device->flash, device->table, device->table_offset,
                               sizeof(device->table));
    }
    if (err == ESP_OK) {
        err = esp_flash_get_size(device->flash, &device->flash_size);
    }
    if (err == ESP_OK) {
        device->table_check = partition_table_verify(device->table, device->flash_size);
    }
    return err;
}

// Said before the table is looked at as such: with a wrong key it is noise from its first byte.
static esp_err_t check_key(const struct device *device)
{
    uint8_t magic[2] = {0};
    esp_err_t err = flash_plain_read(device->flash, magic, device->table_offset, sizeof(magic));
    if (err == ESP_OK && (magic[0] | magic[1] << 8) != ESP_PARTITION_MAGIC) {
        ESP_LOGE(TAG,
                 "decrypted with this key (%s) there is no partition table at 0x%" PRIx32
                 ": it is another key, or the table is damaged",
                 device->encryption, device->table_offset);
        err = ESP_ERR_INVALID_STATE;
    }
    return err;
}

void device_hand_over(const struct device *device, uint32_t app_address, bool rollback)
{
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.chip = device->chip;
    handover.table_offset = device->table_offset;
    handover.app_address = app_address;
    handover.rollback = rollback;
    handover.anti_rollback = device->anti_rollback;
    handover.signatures = device->signatures;
    handover.trust_address = device->trust_address;
    boot_handover_set(&handover);
}

// A trust store is a data partition with its label and room for both sectors.
static void find_trust_store(struct device *device)
{
    int index = device_find_label(device, TRUST_STORE_LABEL);
    device->trust_address = BOOT_TRUST_ADDRESS_NONE;
    if (index >= 0) {
        esp_partition_info_t entry = device_entry(device, index);
        if (entry.type == PART_TYPE_DATA && entry.pos.size >= TRUST_STORE_LEN) {
            device->trust_address = entry.pos.offset;
        }
    }
}

static esp_err_t load_settings(struct device *device, const char *path)
{
    size_t size = strlen(path) + sizeof(".sdkconfig");
    char *settings_path = malloc(size);
    if (!settings_path) {
        return ESP_ERR_NO_MEM;
    }
    (void)snprintf(settings_path, size, "%s.sdkconfig", path); // it fits
    esp_err_t err = device_settings_load(settings_path, &device->signatures, &device->anti_rollback,
                                         &efuse_secure_version_bits);
    free(settings_path);
    return err;
}

static esp_err_t open_parts(struct device *device, const char *path,
                            const struct device_options *options)
{
    esp_err_t err =
        options->flash_fd > 0
            ? nor_flash_open_descriptor(options->flash_fd, path, options->read_only, &device->flash)
            : nor_flash_open(path, options->read_only, &device->flash);
    if (err != ESP_OK) {
        return err;
    }
    esp_flash_default_chip = device->flash;
    size_t size = strlen(path) + sizeof(".efuse");
    char *efuse_path = malloc(size);
    if (!efuse_path) {
        return ESP_ERR_NO_MEM;
    }
    (void)snprintf(efuse_path, size, "%s.efuse", path); // it fits
    err = device_identity_begin(device, efuse_path, options);
    efuse_default = device->efuse;
    if (err == ESP_OK) {
        err = device_encryption_begin(device, path, options);
    }
    if (err == ESP_OK && device->encryption) {
        err = check_key(device);
    }
    if (err == ESP_OK) {
        err = load_table(device);
    }
    if (err == ESP_OK) {
        find_trust_store(device);
        err = load_settings(device, path);
    }
    if (err == ESP_OK) {
        err = device_identity_find(device, efuse_path, options);
    }
    free(efuse_path);
    return err;
}

esp_err_t device_open(const char *path, const struct device_options *options, struct device **out)
{
    *out = NULL;
    struct device *device = calloc(1, sizeof(*device));
    if (!device) {
        return ESP_ERR_NO_MEM;
    }
    device->table_offset = options->table_offset ? options->table_offset : TABLE_OFFSET_DEFAULT;
    device->attempts = options->attempts;
    device->crash_limit = options->crash_limit;
    esp_err_t err = open_parts(device, path, options);
    if (err != ESP_OK) {
        device_close(device);
        return err;
    }
    device->anti_rollback |= options->anti_rollback;
    bool must_count = options->anti_rollback || (device->anti_rollback && !options->read_only);
    if (must_count && !device->efuse) {
        ESP_LOGE(TAG, "anti-rollback counts in eFuses, and there is no %s.efuse", path);
        device_close(device);
        return ESP_ERR_NOT_SUPPORTED;
    }
    device_hand_over(device, BOOT_APP_ADDRESS_NONE, options->rollback);
    *out = device;
    return ESP_OK;
}

void device_close(struct device *device)
{
    if (!device) {
        return;
    }
    efuse_default = NULL;
    device_encryption_end(device);
    sim_efuse_close(device->efuse);
    nor_flash_close(device->flash);
    free(device);
}

// ----------------------------------------------------------------------- booting

static esp_err_t burn_secure_version(void *context, uint32_t version)
{
    (void)context; // the eFuses of this process are the device's
    if (esp_efuse_update_secure_version(version) != ESP_OK) {
        // fact: a bootloader starts the image all the same; it is new enough
        ESP_LOGW(TAG, "the device's secure version stays %" PRIu32 ", the image has %" PRIu32,
                 esp_efuse_read_secure_version(), version);
    }
    return ESP_OK;
}

esp_err_t device_boot_request(struct device *device, bool rollback, struct boot_request *out)
{
    *out = (struct boot_request){
        .chip = device->flash,
        .identity = device->chip,
        .slots = &device->slots,
        .rollback = rollback,
        .anti_rollback = boot_handover_get()->anti_rollback,
        .signature = &device->boot_policy,
        .attempts = device->attempts,
        .crash_limit = device->crash_limit,
        .secure_version = esp_efuse_read_secure_version(),
        .burn_secure_version = burn_secure_version,
    };
    return signature_policy_load(SIGNATURE_AT_BOOT, &device->boot_policy);
}

esp_err_t device_boot(struct device *device, bool rollback, bool dry_run, struct boot_decision *out)
{
    struct boot_request request;
    esp_err_t err = device_boot_request(device, rollback, &request);
    request.dry_run = dry_run;
    return err == ESP_OK ? boot_select(&request, out) : err;
}

// An unconfirmed image runs: its boot has compared its version already, and deciding again would give it up.
static bool has_unconfirmed(const struct device *device)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_partition_pos_t pos = device->slots.otadata;
    return pos.size >= OTADATA_MIN_SIZE &&
           otadata_read(device->flash, pos.offset, records) == ESP_OK &&
           (records[0].ota_state == ESP_OTA_IMG_PENDING_VERIFY ||
            records[1].ota_state == ESP_OTA_IMG_PENDING_VERIFY);
}

esp_err_t device_start_application(struct device *device, struct boot_decision *out)
{
    struct boot_decision decision;
    const struct boot_handover *handover = boot_handover_get();
    struct boot_request request;
    esp_err_t err = device_boot_request(device, false, &request);
    request.dry_run = true;
    request.anti_rollback = request.anti_rollback && !has_unconfirmed(device);
    if (err == ESP_OK) {
        err = boot_select(&request, &decision);
    }
    if (err != ESP_OK) {
        return err;
    }
    bool runs = decision.booted != BOOT_INDEX_NONE;
    device_hand_over(device, runs ? decision.partition.offset : BOOT_APP_ADDRESS_NONE,
                     handover->rollback);
    const esp_app_desc_t *desc = runs ? image_app_desc(&decision.image) : NULL;
    if (desc) {
        esp_app_set_description(desc);
    }
    if (!runs) {
        ESP_LOGI(TAG, "no partition holds a valid image; no application runs");
    }
    if (out) {
        *out = decision;
    }
    return ESP_OK;
}

// Where the image stands that otadata selects, an unconfirmed one included; size 0: nowhere.
static esp_partition_pos_t selected_slot(const struct device *device)
{
    const struct boot_slots *slots = &device->slots;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    if (slots->otadata.size >= OTADATA_MIN_SIZE && slots->ota_count > 0 &&
        otadata_read(device->flash, slots->otadata.offset, records) == ESP_OK &&
        otadata_active(records) != OTADATA_NONE) {
        uint32_t slot = otadata_slot(records[otadata_active(records)].ota_seq, slots->ota_count);
        return slot < BOOT_SLOT_MAX ? slots->ota[slot] : (esp_partition_pos_t){0, 0};
    }
    return slots->factory.size > 0 ? slots->factory : slots->ota[0];
}

bool device_wants_rollback(const struct device *device)
{
    esp_partition_pos_t pos = selected_slot(device);
    struct {
        esp_image_header_t header;
        esp_image_segment_header_t segment;
        esp_app_desc_t desc;
    } start;
    if (pos.size < sizeof(start) ||
        flash_plain_read(device->flash, &start, pos.offset, sizeof(start)) != ESP_OK) {
        return true;
    }
    bool is_host = start.header.magic == ESP_IMAGE_HEADER_MAGIC &&
                   start.header.chip_id == ESP_CHIP_ID_LINUX &&
                   start.desc.magic_word == ESP_APP_DESC_MAGIC_WORD;
    return !is_host || start.desc.reserv3[0] != HOST_IMAGE_ROLLBACK_OFF;
}

// ----------------------------------------------------------------------- the table

esp_partition_info_t device_entry(const struct device *device, int index)
{
    return partition_table_entry(device->table, (uint32_t)index);
}

int device_find_label(const struct device *device, const char *label)
{
    size_t len = strlen(label);
    for (int i = 0; i < (int)device->table_check.count; i++) {
        esp_partition_info_t entry = device_entry(device, i);
        if (len <= sizeof(entry.label) && memcmp(entry.label, label, len) == 0 &&
            (len == sizeof(entry.label) || entry.label[len] == 0)) {
            return i;
        }
    }
    return -1;
}
