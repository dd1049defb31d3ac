// What a region of the main chip may be used for.

#include "boot_handover.h"
#include "esp_flash_partitions.h"
#include "flash_ops.h"
#include "partition_list.h"

uint32_t esp_partition_get_main_flash_sector_size(void)
{
    return FLASH_SECTOR_SIZE;
}

static bool is_readonly(const esp_partition_t *partition)
{
    return partition->readonly;
}

bool esp_partition_is_flash_region_writable(size_t addr, size_t size)
{
    return partition_list_load() == ESP_OK && !partition_list_any_overlap(addr, size, is_readonly);
}

static bool is_running(const esp_partition_t *partition)
{
    return partition->type == ESP_PARTITION_TYPE_APP &&
           partition->address == boot_handover_get()->app_address;
}

bool esp_partition_main_flash_region_safe(size_t addr, size_t size)
{
    // fact: the first byte behind the table's data counts as unsafe too
    uint64_t last_unsafe =
        (uint64_t)boot_handover_get()->table_offset + ESP_PARTITION_TABLE_MAX_LEN;
    return addr > last_unsafe && partition_list_load() == ESP_OK &&
           !partition_list_any_overlap(addr, size, is_running);
}
