// Any bytes as an NVS partition of three pages: a read-only view changes nothing; taken into use it is read, written and
// read again without contradictions. Byte 0 of the input repairs the CRCs, so that what lies behind them is reached.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_flash.h"
#include "esp_log.h"
#include "fuzz_check.h"
#include "nor_flash.h"
#include "nvs_flash.h"
#include "nvs_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NVS_LEN (3 * NVS_PAGE_SIZE)

static esp_partition_t s_partition = {.type = ESP_PARTITION_TYPE_DATA,
                                      .subtype = ESP_PARTITION_SUBTYPE_DATA_NVS,
                                      .size = NVS_LEN,
                                      .erase_size = NVS_PAGE_SIZE,
                                      .label = "nvs"};
static uint8_t s_bytes[NVS_LEN];
static uint8_t s_value[NVS_LEN];

static void repair(uint8_t *page)
{
    struct nvs_page_header header;
    memcpy(&header, page, sizeof(header));
    header.crc = nvs_format_header_crc(&header);
    memcpy(page, &header, sizeof(header));
    for (uint32_t i = 0; i < NVS_ENTRY_COUNT; i++) {
        struct nvs_entry entry;
        uint8_t *at = page + NVS_ENTRIES_AT + i * NVS_ENTRY_SIZE;
        memcpy(&entry, at, sizeof(entry));
        uint32_t room = (NVS_ENTRY_COUNT - i - 1) * NVS_ENTRY_SIZE;
        if (nvs_format_has_data(entry.type) && entry.u.data.size <= room) {
            entry.u.data.crc = nvs_format_crc(at + NVS_ENTRY_SIZE, entry.u.data.size);
        }
        entry.crc = nvs_format_entry_crc(&entry);
        memcpy(at, &entry, sizeof(entry));
    }
}

static void read_value(const nvs_entry_info_t *info)
{
    nvs_handle_t handle;
    nvs_type_t type;
    size_t len = 0;
    FUZZ_CHECK(memchr(info->key, 0, sizeof(info->key)) && info->key[0]);
    FUZZ_CHECK(memchr(info->namespace_name, 0, sizeof(info->namespace_name)));
    esp_err_t err = nvs_open(info->namespace_name, NVS_READONLY, &handle);
    FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_NVS_INVALID_STATE);
    if (err != ESP_OK) {
        return;
    }
    // Two namespaces may have one number, or a namespace two: then the key is found under another name, or not.
    if (nvs_find_key(handle, info->key, &type) == ESP_OK && type == NVS_TYPE_BLOB) {
        FUZZ_CHECK(nvs_get_blob(handle, info->key, NULL, &len) == ESP_OK);
        FUZZ_CHECK(len <= sizeof(s_value));
        FUZZ_CHECK(nvs_get_blob(handle, info->key, s_value, &len) == ESP_OK);
    } else if (nvs_get_str(handle, info->key, NULL, &len) == ESP_OK) {
        FUZZ_CHECK(len <= sizeof(s_value));
        err = nvs_get_str(handle, info->key, (char *)s_value, &len);
        FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_NVS_INVALID_STATE);
    }
    nvs_close(handle);
}

static unsigned read_all(void)
{
    nvs_iterator_t it = NULL;
    unsigned count = 0;
    esp_err_t err = nvs_entry_find("nvs", NULL, NVS_TYPE_ANY, &it);
    for (; err == ESP_OK; err = nvs_entry_next(&it)) {
        nvs_entry_info_t info;
        FUZZ_CHECK(nvs_entry_info(it, &info) == ESP_OK);
        read_value(&info);
        count++;
    }
    FUZZ_CHECK(err == ESP_ERR_NVS_NOT_FOUND && !it);
    return count;
}

static void write_some(void)
{
    nvs_handle_t handle;
    uint32_t value = 0;
    if (nvs_open("fuzz", NVS_READWRITE, &handle) != ESP_OK) {
        return; // full
    }
    for (uint32_t i = 0; i < 40; i++) {
        memset(s_value, (int)i, 300);
        esp_err_t err = nvs_set_u32(handle, "n", i);
        FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_NVS_NOT_ENOUGH_SPACE);
        FUZZ_CHECK(err != ESP_OK || (nvs_get_u32(handle, "n", &value) == ESP_OK && value == i));
        err = nvs_set_blob(handle, "b", s_value, 300);
        FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    }
    nvs_close(handle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t before[NVS_LEN];
    if (!esp_flash_default_chip) {
        esp_log_level_set("*", ESP_LOG_NONE);
        FUZZ_CHECK(nor_flash_open_in_memory(NVS_LEN, &esp_flash_default_chip) == ESP_OK);
    }
    memset(s_bytes, 0xFF, sizeof(s_bytes));
    if (size > 1) {
        memcpy(s_bytes, data + 1, size - 1 < sizeof(s_bytes) ? size - 1 : sizeof(s_bytes));
    }
    for (uint32_t page = 0; page < 3 && size > 0; page++) {
        if (data[0] >> page & 1) {
            repair(s_bytes + page * NVS_PAGE_SIZE);
        }
    }
    FUZZ_CHECK(esp_flash_erase_region(NULL, 0, NVS_LEN) == ESP_OK);
    FUZZ_CHECK(esp_flash_write(NULL, s_bytes, 0, NVS_LEN) == ESP_OK);
    s_partition.readonly = true;
    if (nvs_flash_init_partition_ptr(&s_partition) == ESP_OK) {
        (void)read_all();
        FUZZ_CHECK(nvs_flash_deinit() == ESP_OK);
    }
    FUZZ_CHECK(esp_flash_read(NULL, before, 0, NVS_LEN) == ESP_OK);
    FUZZ_CHECK(memcmp(before, s_bytes, NVS_LEN) == 0);
    s_partition.readonly = false;
    if (nvs_flash_init_partition_ptr(&s_partition) == ESP_OK) {
        unsigned count = read_all();
        FUZZ_CHECK(nvs_flash_deinit() == ESP_OK);
        FUZZ_CHECK(nvs_flash_init_partition_ptr(&s_partition) == ESP_OK);
        FUZZ_CHECK(read_all() == count);
        write_some();
        FUZZ_CHECK(nvs_flash_deinit() == ESP_OK);
    }
    return 0;
}
