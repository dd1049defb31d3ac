#include "nvs_fixture.h"

#include "boot_handover.h"
#include "esp_flash.h"
#include "esp_flash_partitions.h"
#include "esp_log.h"
#include "nor_flash.h"
#include "partition_table.h"

static const esp_partition_info_t ENTRIES[] = {
    {.type = 1, .subtype = 2, .pos = {FIXTURE_NVS_AT, FIXTURE_NVS_PAGES * 0x1000}, .label = "nvs"},
    {.type = 1, .subtype = 2, .pos = {0x10000, 0x3000}, .label = "nvs2"},
    {.type = 1, .subtype = 2, .pos = {0x20000, 0x1000}, .label = "ro", .flags = 2},
    {.type = 1, .subtype = 2, .pos = {0x24000, 0x2000}, .label = "small"},
    {.type = 1, .subtype = 6, .pos = {0x26000, 0x3000}, .label = "other"},
};

int fixture_setup(void **state)
{
    (void)state;
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    boot_handover_set(&handover);
    esp_log_level_set("*", ESP_LOG_NONE);
    if (nor_flash_open_in_memory(0x40000, &esp_flash_default_chip) != ESP_OK ||
        partition_table_encode(ENTRIES, sizeof(ENTRIES) / sizeof(ENTRIES[0]), true, table) !=
            ESP_OK) {
        return -1;
    }
    return esp_flash_write(NULL, table, handover.table_offset, sizeof(table)) == ESP_OK ? 0 : -1;
}

int fixture_setup_init(void **state)
{
    return fixture_setup(state) == 0 && nvs_flash_init() == ESP_OK ? 0 : -1;
}

int fixture_teardown(void **state)
{
    (void)state;
    static const char *const LABELS[] = {"nvs", "nvs2", "ro"};
    for (size_t i = 0; i < sizeof(LABELS) / sizeof(LABELS[0]); i++) {
        ESP_IGNORE_ERROR(nvs_flash_deinit_partition(LABELS[i])); // may not be in use
    }
    esp_partition_unload_all();
    nor_flash_close(esp_flash_default_chip);
    esp_flash_default_chip = NULL;
    return 0;
}

void fixture_reboot(void)
{
    assert_int_equal(nvs_flash_deinit(), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
}

nvs_handle_t fixture_open(void)
{
    nvs_handle_t handle;
    assert_int_equal(nvs_open("app", NVS_READWRITE, &handle), ESP_OK);
    return handle;
}

const esp_partition_t *fixture_partition(const char *label)
{
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, label);
    assert_non_null(partition);
    return partition;
}

void fixture_put(uint32_t offset, const void *bytes, uint32_t len)
{
    static uint8_t sector[NVS_PAGE_SIZE];
    uint32_t start = offset / NVS_PAGE_SIZE * NVS_PAGE_SIZE;
    assert_true(offset + len <= start + NVS_PAGE_SIZE);
    fixture_get(start, sector, sizeof(sector));
    for (uint32_t i = 0; i < len; i++) {
        sector[offset - start + i] = ((const uint8_t *)bytes)[i];
    }
    assert_int_equal(esp_flash_erase_region(NULL, FIXTURE_NVS_AT + start, NVS_PAGE_SIZE), ESP_OK);
    assert_int_equal(esp_flash_write(NULL, sector, FIXTURE_NVS_AT + start, NVS_PAGE_SIZE), ESP_OK);
}

void fixture_get(uint32_t offset, void *bytes, uint32_t len)
{
    assert_int_equal(esp_flash_read(NULL, bytes, FIXTURE_NVS_AT + offset, len), ESP_OK);
}
