#include "staged_update.h"

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "partition_table.h"

const esp_partition_info_t g_staged_table[STAGED_TABLE_COUNT] = {
    {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
    {.type = 0, .subtype = 0, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "factory"},
    {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    {.type = 0, .subtype = 0x11, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_1"},
    {.type = 0, .subtype = 0x12, .pos = {0x40000, DEVICE_SLOT_SIZE}, .label = "ota_2"},
    {.type = 1, .subtype = 6, .pos = {0x50000, 0x8000}, .label = "storage"},
    {.type = 1, .subtype = 6, .pos = {0x60000, 0x10000}, .label = "stage"},
    {.type = 1, .subtype = 6, .pos = {0x70000, 0x4000}, .label = "locked", .flags = 2},
};

void staged_start(void)
{
    DEVICE_START(.running = "ota_0", .table = g_staged_table, .table_count = STAGED_TABLE_COUNT);
    cut_chip_install();
    device_put_image("ota_0", "old");
    device_put_image("ota_2", "rollback");
    device_put_record(0, 1, ESP_OTA_IMG_UNDEFINED);
}

struct device_image staged_content(enum staged_content content, uint32_t len)
{
    struct device_image image;
    if (content == CONTENT_TABLE) {
        esp_partition_info_t table[STAGED_TABLE_COUNT];
        memcpy(table, g_staged_table, sizeof(g_staged_table));
        memcpy(table[5].label, "renamed", 8);
        image = (struct device_image){.bytes = malloc(ESP_PARTITION_TABLE_MAX_LEN),
                                      .len = ESP_PARTITION_TABLE_MAX_LEN};
        assert_non_null(image.bytes);
        assert_int_equal(partition_table_encode(table, STAGED_TABLE_COUNT, true, image.bytes),
                         ESP_OK);
        return image;
    }
    image = DEVICE_IMAGE(.len = len, .version = "new", .seed = 9);
    if (content == CONTENT_BOOTLOADER) {
        memcpy(image.bytes + 24, "\x00\x00\x08\x40", 4); // loaded to RAM, so it may stand anywhere
    }
    if (content == CONTENT_DATA) {
        image.bytes[0] = 'd';
    }
    return image;
}

const esp_partition_t *staged_final(const struct staged_scenario *scenario)
{
    if (scenario->external == 0) {
        return device_partition(scenario->final);
    }
    const esp_partition_t *found = esp_partition_find_first(
        ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, scenario->final);
    if (!found) {
        esp_partition_type_t type = scenario->content == CONTENT_TABLE
                                        ? ESP_PARTITION_TYPE_PARTITION_TABLE
                                        : ESP_PARTITION_TYPE_BOOTLOADER;
        assert_int_equal(esp_partition_register_external(NULL, scenario->external,
                                                         scenario->external_size, scenario->final,
                                                         type, 0, &found),
                         ESP_OK);
    }
    return found;
}

esp_err_t staged_update(const struct staged_scenario *scenario, struct device_image image)
{
    esp_ota_handle_t handle;
    esp_err_t err =
        esp_ota_begin(device_partition(scenario->staging), OTA_WITH_SEQUENTIAL_WRITES, &handle);
    if (err != ESP_OK) {
        return err;
    }
    err = esp_ota_set_final_partition(handle, staged_final(scenario), true);
    for (uint32_t at = 0; at < image.len && err == ESP_OK; at += 3000) {
        uint32_t left = image.len - at;
        err = esp_ota_write(handle, image.bytes + at, left < 3000 ? left : 3000);
    }
    if (err != ESP_OK) {
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        return err;
    }
    return esp_ota_end(handle);
}

void staged_plan(unsigned cut_at, enum cut_variant variant)
{
    cut_chip_power_on();
    g_cut.cut_at = cut_at;
    g_cut.variant = variant;
    g_cut.seed = 3;
}
