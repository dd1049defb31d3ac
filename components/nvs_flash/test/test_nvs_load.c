#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_flash.h"
#include "nvs_fixture.h"

static uint32_t entry_offset(uint32_t page, uint32_t index)
{
    return page * NVS_PAGE_SIZE + NVS_ENTRIES_AT + index * NVS_ENTRY_SIZE;
}

static void set_entry_state(uint32_t page, uint32_t index, enum nvs_entry_state entry_state)
{
    uint8_t byte;
    uint32_t at = page * NVS_PAGE_SIZE + NVS_STATES_AT + index / 4;
    fixture_get(at, &byte, 1);
    byte &= (uint8_t) ~(3u << 2 * (index % 4));
    byte |= (uint8_t)((uint32_t)entry_state << 2 * (index % 4));
    fixture_put(at, &byte, 1);
}

static enum nvs_entry_state entry_state(uint32_t page, uint32_t index)
{
    uint8_t byte;
    fixture_get(page * NVS_PAGE_SIZE + NVS_STATES_AT + index / 4, &byte, 1);
    return (enum nvs_entry_state)(byte >> 2 * (index % 4) & 3);
}

static uint32_t page_state(uint32_t page)
{
    uint32_t value;
    fixture_get(page * NVS_PAGE_SIZE, &value, sizeof(value));
    return value;
}

static void put_page_state(uint32_t page, uint32_t value)
{
    fixture_put(page * NVS_PAGE_SIZE, &value, sizeof(value));
}

static void stop(void)
{
    assert_int_equal(nvs_flash_deinit(), ESP_OK);
}

static void an_image_of_espressifs_generator_is_read(void **state)
{
    (void)state;
    static uint8_t bytes[0x3000];
    FILE *file = fopen(VECTORS_DIR "/nvs/progress.bin", "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    (void)fclose(file);
    stop();
    assert_int_equal(esp_flash_write(NULL, bytes, FIXTURE_NVS_AT, sizeof(bytes)), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    nvs_handle_t handle;
    uint32_t offset;
    char url[64];
    size_t len = sizeof(url);
    assert_int_equal(nvs_open("ota", NVS_READONLY, &handle), ESP_OK);
    assert_int_equal(nvs_get_u32(handle, "offset", &offset), ESP_OK);
    assert_int_equal(offset, 123456);
    assert_int_equal(nvs_get_str(handle, "url", url, &len), ESP_OK);
    assert_string_equal(url, "https://example.com/fw.bin");
    len = sizeof(url);
    assert_int_equal(nvs_get_blob(handle, "etag", url, &len), ESP_OK);
    assert_int_equal(len, 16);
}

static void our_first_page_has_espressifs_bytes(void **state)
{
    (void)state;
    static uint8_t expected[0x1000];
    static uint8_t got[0x1000];
    FILE *file = fopen(VECTORS_DIR "/nvs/progress.bin", "rb");
    assert_non_null(file);
    assert_int_equal(fread(expected, 1, sizeof(expected), file), sizeof(expected));
    (void)fclose(file);
    nvs_handle_t handle;
    assert_int_equal(nvs_open("ota", NVS_READWRITE, &handle), ESP_OK);
    static const uint8_t ETAG[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                   0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
    assert_int_equal(nvs_set_u32(handle, "offset", 123456), ESP_OK);
    assert_int_equal(nvs_set_u8(handle, "state", 2), ESP_OK);
    assert_int_equal(nvs_set_str(handle, "url", "https://example.com/fw.bin"), ESP_OK);
    assert_int_equal(nvs_set_blob(handle, "etag", ETAG, sizeof(ETAG)), ESP_OK);
    assert_int_equal(nvs_set_u64(handle, "big", 1311768467463790320u), ESP_OK);
    assert_int_equal(nvs_set_i16(handle, "neg", -5), ESP_OK);
    fixture_get(0, got, sizeof(got));
    assert_memory_equal(got, expected, sizeof(got));
}

static void a_torn_entry_is_skipped_and_its_place_not_used_again(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint8_t value;
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    stop();
    fixture_put(entry_offset(0, 3) + 9, "torn", 4); // entry 2 stays blank
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(entry_state(0, 2), NVS_ENTRY_ERASED);
    assert_int_equal(entry_state(0, 3), NVS_ENTRY_ERASED);
    handle = fixture_open();
    assert_int_equal(nvs_set_u8(handle, "k", 2), ESP_OK);
    assert_int_equal(entry_state(0, 4), NVS_ENTRY_WRITTEN);
    fixture_reboot();
    assert_int_equal(nvs_get_u8(fixture_open(), "k", &value), ESP_OK);
    assert_int_equal(value, 2);
}

static void a_wrong_entry_crc_hides_the_entry(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint8_t value;
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    stop();
    fixture_put(entry_offset(0, 1) + 24, "\x07", 1);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_get_u8(fixture_open(), "k", &value), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(entry_state(0, 1), NVS_ENTRY_ERASED);
}

static void data_with_a_wrong_crc_hide_the_value_and_are_no_entries(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    // Data that look like an entry: a value of the key "evil" in namespace 1.
    struct nvs_entry evil[2] = {{.ns = 1, .type = 1, .span = 1, .chunk = 0xFF, .key = "evil"}};
    evil[0].crc = nvs_format_entry_crc(&evil[0]);
    assert_int_equal(nvs_set_blob(handle, "b", evil, sizeof(evil)), ESP_OK);
    assert_int_equal(nvs_find_key(handle, "evil", NULL), ESP_ERR_NVS_NOT_FOUND);
    stop();
    fixture_put(entry_offset(0, 3) + 5, "x", 1); // in the second part of the data
    assert_int_equal(nvs_flash_init(), ESP_OK);
    handle = fixture_open();
    assert_int_equal(nvs_find_key(handle, "evil", NULL), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_find_key(handle, "b", NULL), ESP_ERR_NVS_NOT_FOUND);
}

static void of_two_values_the_newer_counts(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint8_t value;
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    assert_int_equal(nvs_set_u8(handle, "k", 2), ESP_OK);
    stop();
    set_entry_state(0, 1, NVS_ENTRY_WRITTEN); // the cut came before it was erased
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_get_u8(fixture_open(), "k", &value), ESP_OK);
    assert_int_equal(value, 2);
    assert_int_equal(entry_state(0, 1), NVS_ENTRY_ERASED);
}

static void chunks_without_index_and_an_index_without_chunks_go(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    assert_int_equal(nvs_set_blob(handle, "a", "aaaa", 4), ESP_OK); // entries 1, 2, index 3
    assert_int_equal(nvs_set_blob(handle, "b", "bbbb", 4), ESP_OK); // entries 4, 5, index 6
    stop();
    set_entry_state(0, 3, NVS_ENTRY_ERASED);
    set_entry_state(0, 4, NVS_ENTRY_ERASED);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    handle = fixture_open();
    assert_int_equal(nvs_find_key(handle, "a", NULL), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_find_key(handle, "b", NULL), ESP_ERR_NVS_NOT_FOUND);
    size_t used;
    assert_int_equal(nvs_get_used_entry_count(handle, &used), ESP_OK);
    assert_int_equal(used, 0);
}

static void a_page_that_was_being_moved_is_moved_again(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    char key[16];
    for (int i = 0; i < 125; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(nvs_set_i32(handle, key, i), ESP_OK);
    }
    assert_int_equal(nvs_set_i32(handle, "last", 1), ESP_OK); // alone on page 1
    stop();
    // As if page 0 were being moved to page 1, which holds something half copied.
    put_page_state(0, NVS_PAGE_FREEING);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(page_state(0), NVS_PAGE_EMPTY);
    handle = fixture_open();
    for (int i = 0; i < 125; i++) {
        int32_t value;
        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(nvs_get_i32(handle, key, &value), ESP_OK);
        assert_int_equal(value, i);
    }
    assert_int_equal(nvs_find_key(handle, "last", NULL), ESP_ERR_NVS_NOT_FOUND);
}

static void a_page_with_a_wrong_header_is_erased_before_use(void **state)
{
    (void)state;
    assert_int_equal(nvs_set_u8(fixture_open(), "k", 1), ESP_OK);
    stop();
    fixture_put(4, "\x55", 1); // the sequence number, under the CRC
    assert_int_equal(nvs_flash_init(), ESP_OK);
    nvs_handle_t handle;
    assert_int_equal(nvs_open("app", NVS_READONLY, &handle), ESP_ERR_NVS_NOT_FOUND);
    handle = fixture_open();
    for (uint8_t i = 0; i < 250; i++) {
        assert_int_equal(nvs_set_u8(handle, "k", i), ESP_OK);
    }
}

static void a_partition_without_empty_page_is_refused(void **state)
{
    (void)state;
    struct nvs_page_header header = {.state = NVS_PAGE_FULL, .version = NVS_VERSION_2};
    nvs_handle_t handle = fixture_open();
    memset(header.unused, 0xFF, sizeof(header.unused));
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    stop();
    static uint8_t page[NVS_PAGE_SIZE];
    fixture_get(0, page, sizeof(page));
    for (uint32_t i = 1; i < FIXTURE_NVS_PAGES; i++) {
        header.seq = i;
        header.crc = nvs_format_header_crc(&header);
        memcpy(page, &header, sizeof(header));
        page[NVS_ENTRIES_AT + NVS_ENTRY_SIZE + 8] = (uint8_t)('k' + i); // another key
        struct nvs_entry *entry =
            (struct nvs_entry *)(void *)(page + NVS_ENTRIES_AT + NVS_ENTRY_SIZE);
        entry->crc = nvs_format_entry_crc(entry);
        fixture_put(i * NVS_PAGE_SIZE, page, sizeof(page));
    }
    assert_int_equal(nvs_flash_init(), ESP_ERR_NVS_NO_FREE_PAGES);
    assert_int_equal(nvs_flash_erase(), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
}

static void a_newer_format_is_refused(void **state)
{
    (void)state;
    assert_int_equal(nvs_set_u8(fixture_open(), "k", 1), ESP_OK);
    stop();
    struct nvs_page_header header;
    fixture_get(0, &header, sizeof(header));
    header.version = 0xFD;
    header.crc = nvs_format_header_crc(&header);
    fixture_put(0, &header, sizeof(header));
    assert_int_equal(nvs_flash_init(), ESP_ERR_NVS_NEW_VERSION_FOUND);
    assert_int_equal(nvs_flash_erase(), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
}

static void a_partition_that_looks_encrypted_is_refused_and_left_alone(void **state)
{
    (void)state;
    static uint8_t before[NVS_PAGE_SIZE];
    static uint8_t after[NVS_PAGE_SIZE];
    assert_int_equal(nvs_set_u8(fixture_open(), "k", 1), ESP_OK);
    stop();
    fixture_get(0, before, sizeof(before));
    for (uint32_t i = NVS_ENTRIES_AT; i < NVS_PAGE_SIZE; i++) {
        before[i] ^= (uint8_t)(i * 31);
    }
    fixture_put(0, before, sizeof(before));
    assert_int_equal(nvs_flash_init(), ESP_ERR_NVS_WRONG_ENCRYPTION);
    fixture_get(0, after, sizeof(after));
    assert_memory_equal(before, after, sizeof(after));
    assert_int_equal(nvs_flash_erase(), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
}

static void a_read_only_view_repairs_nothing_on_flash(void **state)
{
    (void)state;
    static uint8_t before[NVS_PAGE_SIZE];
    static uint8_t after[NVS_PAGE_SIZE];
    nvs_handle_t handle = fixture_open();
    uint8_t value;
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    assert_int_equal(nvs_set_u8(handle, "k", 2), ESP_OK);
    stop();
    set_entry_state(0, 1, NVS_ENTRY_WRITTEN);
    fixture_put(entry_offset(0, 5), "torn", 4);
    put_page_state(0, NVS_PAGE_FREEING);
    fixture_get(0, before, sizeof(before));
    esp_partition_t view = *fixture_partition("nvs");
    view.readonly = true;
    assert_int_equal(nvs_flash_init_partition_ptr(&view), ESP_OK);
    assert_int_equal(nvs_open("app", NVS_READONLY, &handle), ESP_OK);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_OK);
    assert_int_equal(value, 2);
    fixture_get(0, after, sizeof(after));
    assert_memory_equal(before, after, sizeof(after));
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_setup_init, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FACT(an_image_of_espressifs_generator_is_read),
        FACT(our_first_page_has_espressifs_bytes),
        FACT(a_torn_entry_is_skipped_and_its_place_not_used_again),
        FACT(a_wrong_entry_crc_hides_the_entry),
        FACT(data_with_a_wrong_crc_hide_the_value_and_are_no_entries),
        FACT(of_two_values_the_newer_counts),
        FACT(chunks_without_index_and_an_index_without_chunks_go),
        FACT(a_page_that_was_being_moved_is_moved_again),
        FACT(a_page_with_a_wrong_header_is_erased_before_use),
        FACT(a_partition_without_empty_page_is_refused),
        FACT(a_newer_format_is_refused),
        FACT(a_partition_that_looks_encrypted_is_refused_and_left_alone),
        FACT(a_read_only_view_repairs_nothing_on_flash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
