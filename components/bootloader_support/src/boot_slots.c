#include "boot_slots.h"

#include "esp_log.h"
#include "flash_ops.h"

static const char *TAG = "boot_slots";

static void collect_app(struct boot_slots *slots, const esp_partition_info_t *entry)
{
    if (entry->subtype == PART_SUBTYPE_FACTORY) {
        slots->factory = entry->pos;
    } else if (entry->subtype == PART_SUBTYPE_TEST) {
        slots->test = entry->pos;
    } else if ((entry->subtype & ~PART_SUBTYPE_OTA_MASK) == PART_SUBTYPE_OTA_FLAG) {
        slots->ota[entry->subtype & PART_SUBTYPE_OTA_MASK] = entry->pos;
        slots->ota_count++;
    }
}

struct boot_slots boot_slots_collect(const uint8_t *table, uint32_t count)
{
    struct boot_slots slots = {0};
    for (uint32_t i = 0; i < count; i++) {
        esp_partition_info_t entry = partition_table_entry(table, i);
        if (entry.type == PART_TYPE_APP) {
            collect_app(&slots, &entry);
        } else if (entry.type == PART_TYPE_DATA && entry.subtype == PART_SUBTYPE_DATA_OTA) {
            slots.otadata = entry.pos;
        }
    }
    return slots;
}

esp_err_t boot_slots_load(esp_flash_t *chip, uint32_t table_offset, struct boot_slots *out)
{
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    uint32_t flash_size = 0;
    esp_err_t err = esp_flash_get_size(chip, &flash_size);
    if (err == ESP_OK && flash_size < table_offset + sizeof(table)) {
        ESP_LOGE(TAG,
                 "the flash has %" PRIu32 " bytes: too small for a partition table at 0x%" PRIx32,
                 flash_size, table_offset);
        return ESP_ERR_INVALID_SIZE;
    }
    if (err == ESP_OK) {
        err = flash_plain_read(chip, table, table_offset, sizeof(table));
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "no partition table can be read at 0x%" PRIx32 ": %s", table_offset,
                 esp_err_to_name(err));
        return err;
    }
    struct partition_table_check check = partition_table_verify(table, flash_size);
    if (check.fault != PARTITION_TABLE_OK) {
        ESP_LOGE(TAG, "partition table at 0x%" PRIx32 ", record %" PRIu32 ": %s", table_offset,
                 check.index, partition_table_fault_text(check.fault));
        return check.fault == PARTITION_TABLE_BAD_SIZE ? ESP_ERR_INVALID_SIZE
                                                       : ESP_ERR_INVALID_STATE;
    }
    *out = boot_slots_collect(table, check.count);
    return ESP_OK;
}
