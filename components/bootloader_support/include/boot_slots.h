/** The partitions that matter for booting, as the bootloader reads them from the partition table. */
#pragma once

#include "esp_flash.h"
#include "esp_flash_partitions.h"
#include "partition_table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BOOT_SLOT_MAX 16

/** A size of 0 means: not in the table. A later entry of the same kind replaces an earlier one, as on the chip. */
struct boot_slots {
    esp_partition_pos_t factory;
    esp_partition_pos_t test;
    esp_partition_pos_t otadata;
    esp_partition_pos_t ota[BOOT_SLOT_MAX];
    uint32_t
        ota_count; // OTA entries in the table; fact: with holes in the numbering this is not the highest slot
};

/** Collects the slots of a table that was verified. table: its bytes; count: its entries. */
struct boot_slots boot_slots_collect(const uint8_t *table, uint32_t count);

/**
 * Reads and verifies the table on flash, then collects its slots. Logs what is wrong with the table.
 * @return ESP_OK; ESP_ERR_INVALID_STATE or ESP_ERR_INVALID_SIZE: the table is damaged or does not fit the chip;
 *         or the flash error
 */
esp_err_t boot_slots_load(esp_flash_t *chip, uint32_t table_offset,
                          struct boot_slots *out) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
