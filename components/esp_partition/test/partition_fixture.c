#include "partition_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "partition_table.h"

static const esp_partition_info_t ENTRIES[] = {
    {.type = 1, .subtype = 2, .pos = {0x9000, 0x4000}, .label = "nvs"},
    {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
    {.type = 0, .subtype = 0, .pos = {0x10000, 0x100000}, .label = "fact"},
    {.type = 0, .subtype = 0x10, .pos = {0x110000, 0x100000}, .label = "ota_0"},
    {.type = 0, .subtype = 0x11, .pos = {0x210000, 0x100000}, .label = "ota_1"},
    {.type = 1, .subtype = 0x81, .pos = {0x310000, 0x10000}, .label = "ro", .flags = 3},
};

void fixture_put(uint32_t address, const void *bytes, uint32_t len)
{
    uint32_t start = address / FLASH_SECTOR_SIZE * FLASH_SECTOR_SIZE;
    uint32_t end = (address + len + FLASH_SECTOR_SIZE - 1) / FLASH_SECTOR_SIZE * FLASH_SECTOR_SIZE;
    assert_int_equal(esp_flash_erase_region(NULL, start, end - start), ESP_OK);
    assert_int_equal(esp_flash_write(NULL, bytes, address, len), ESP_OK);
}

void fixture_put_table(const esp_partition_info_t *entries, uint32_t count, bool with_md5)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    assert_int_equal(partition_table_encode(entries, count, with_md5, bytes), ESP_OK);
    fixture_put(boot_handover_get()->table_offset, bytes, sizeof(bytes));
}

int fixture_setup(void **state)
{
    (void)state;
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.app_address = 0x110000;
    boot_handover_set(&handover);
    if (nor_flash_open_in_memory(FIXTURE_FLASH_SIZE, &esp_flash_default_chip) != ESP_OK) {
        return -1;
    }
    fixture_put_table(ENTRIES, sizeof(ENTRIES) / sizeof(ENTRIES[0]), true);
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    esp_partition_unload_all();
    nor_flash_close(esp_flash_default_chip);
    esp_flash_default_chip = NULL;
    return 0;
}

const esp_partition_t *fixture_find(const char *label)
{
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, label);
    assert_non_null(partition);
    return partition;
}
