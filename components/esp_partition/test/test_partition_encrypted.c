// Partitions of a device whose flash encryption is on.

#include "partition_fixture.h"

#include <string.h>

#include "flash_encryption.h"
#include "partition_table.h"

static struct flash_encryption s_cipher;

/** The usual device, with its table encrypted. */
static int setup(void **state)
{
    static const uint8_t key[32] = "no secret, but a key nonetheless";
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    assert_int_equal(fixture_setup(state), 0);
    assert_int_equal(esp_flash_read(NULL, table, 0x8000, sizeof(table)), ESP_OK);
    assert_int_equal(flash_encryption_init(&s_cipher, FLASH_SCHEME_XTS, key, sizeof(key), 0),
                     ESP_OK);
    esp_flash_default_chip->cipher = &s_cipher.base;
    assert_int_equal(esp_flash_erase_region(NULL, 0x8000, 0x1000), ESP_OK);
    assert_int_equal(flash_plain_write(NULL, table, 0x8000, sizeof(table)), ESP_OK);
    return 0;
}

static int teardown(void **state)
{
    int result = fixture_teardown(state);
    flash_encryption_deinit(&s_cipher);
    return result;
}

static void type_subtype_and_flag_decide_what_is_encrypted(void **state)
{
    (void)state;
    assert_true(fixture_find("otadata")->encrypted);
    assert_true(fixture_find("fact")->encrypted);
    assert_true(fixture_find("ota_1")->encrypted);
    assert_true(fixture_find("ro")->encrypted); // by its flag
    assert_false(fixture_find("nvs")->encrypted);
    assert_true(partition_table_is_encrypted(2, 0, 0));
    assert_true(partition_table_is_encrypted(3, 1, 0));
    assert_true(partition_table_is_encrypted(1, 4, 0));    // nvs_keys
    assert_true(partition_table_is_encrypted(1, 0x90, 0)); // otadata of the TEE
    assert_false(partition_table_is_encrypted(1, 2, PART_FLAG_READONLY));
    assert_false(partition_table_is_encrypted(0x40, 0, 0));
    assert_true(partition_table_is_encrypted(0x40, 0, PART_FLAG_ENCRYPTED));
    esp_partition_info_t entry = {.type = 1, .subtype = 6, .label = "ota_trust"};
    assert_true(partition_table_entry_is_encrypted(&entry));
    entry.type = 0x40; // no store has this type
    assert_false(partition_table_entry_is_encrypted(&entry));
    entry = (esp_partition_info_t){.type = 1, .subtype = 6, .label = "ota_trust2"};
    assert_false(partition_table_entry_is_encrypted(&entry));
}

static void what_is_written_is_encrypted_and_reads_back_at_any_offset(void **state)
{
    (void)state;
    const esp_partition_t *slot = fixture_find("ota_1");
    uint8_t data[5008];
    uint8_t back[5008];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31);
    }
    assert_int_equal(esp_partition_write(slot, 4080, data, sizeof(data)), ESP_OK);
    for (uint32_t skip = 0; skip < 40; skip += 3) {
        for (uint32_t len = 0; len < 60; len += 7) {
            assert_int_equal(esp_partition_read(slot, 4080 + skip, back, len), ESP_OK);
            assert_memory_equal(back, data + skip, len);
        }
    }
    assert_int_equal(esp_partition_read(slot, 4080, back, sizeof(back)), ESP_OK);
    assert_memory_equal(back, data, sizeof(data));
    assert_int_equal(esp_partition_read_raw(slot, 4080, back, sizeof(back)), ESP_OK);
    assert_memory_not_equal(back, data, sizeof(data));
}

static void writes_are_whole_blocks(void **state)
{
    (void)state;
    const esp_partition_t *slot = fixture_find("ota_1");
    static const uint8_t zeros[32];
    assert_int_equal(esp_partition_write(slot, 8, zeros, 16), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_write(slot, 0, zeros, 17), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_partition_write(slot, 0, zeros, 0), ESP_OK);
    assert_int_equal(esp_partition_write(slot, 0, zeros, 16), ESP_OK);
    assert_int_equal(esp_partition_write(slot, 0, "0123456789abcdef", 16), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_partition_write_raw(slot, 33, zeros, 3), ESP_OK);
    assert_int_equal(esp_partition_write(fixture_find("nvs"), 3, zeros, 5), ESP_OK);
}

static void erased_flash_reads_as_noise_and_raw_as_ones(void **state)
{
    (void)state;
    uint8_t ones[64];
    uint8_t back[64];
    memset(ones, 0xFF, sizeof(ones));
    assert_int_equal(esp_partition_read_raw(fixture_find("ota_1"), 0, back, sizeof(back)), ESP_OK);
    assert_memory_equal(back, ones, sizeof(ones));
    assert_int_equal(esp_partition_read(fixture_find("ota_1"), 0, back, sizeof(back)), ESP_OK);
    assert_memory_not_equal(back, ones, 16);
}

static void a_mapping_shows_plain_text_and_follows_what_happens(void **state)
{
    (void)state;
    const esp_partition_t *slot = fixture_find("ota_1");
    const void *mapped;
    esp_partition_mmap_handle_t handle;
    uint8_t back[4096];
    assert_int_equal(esp_partition_write(slot, 4096, "first, sixteen..", 16), ESP_OK);
    assert_int_equal(
        esp_partition_mmap(slot, 4099, 9000, ESP_PARTITION_MMAP_DATA, &mapped, &handle), ESP_OK);
    assert_memory_equal(mapped, "st, sixteen..", 13);
    assert_int_equal(esp_partition_write(slot, 4112, "second, sixteen.", 16), ESP_OK);
    assert_memory_equal((const uint8_t *)mapped + 13, "second, sixteen.", 16);
    assert_int_equal(esp_partition_erase_range(slot, 4096, 4096), ESP_OK);
    assert_int_equal(esp_partition_read(slot, 4099, back, 4000), ESP_OK);
    assert_memory_equal(mapped, back, 4000);
    esp_partition_munmap(handle);
    assert_int_equal(esp_partition_erase_range(slot, 4096, 4096), ESP_OK); // nobody is told
}

static void a_mapping_of_what_is_not_encrypted_is_the_chip_itself(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    const void *mapped;
    esp_partition_mmap_handle_t handle;
    assert_int_equal(esp_partition_mmap(nvs, 0, 64, ESP_PARTITION_MMAP_DATA, &mapped, &handle),
                     ESP_OK);
    assert_ptr_equal(mapped, flash_map(NULL, nvs->address, 64));
    esp_partition_munmap(handle);
}

static void copies_cross_the_border_in_both_directions(void **state)
{
    (void)state;
    const esp_partition_t *slot = fixture_find("ota_1");
    const esp_partition_t *nvs = fixture_find("nvs");
    uint8_t data[5000];
    uint8_t back[5000];
    memset(data, 0x37, sizeof(data));
    assert_int_equal(esp_partition_write(nvs, 0, data, sizeof(data)), ESP_OK);
    assert_int_equal(esp_partition_copy(slot, 0, nvs, 0, sizeof(data)), ESP_OK);
    assert_int_equal(esp_partition_read(slot, 0, back, sizeof(back)), ESP_OK);
    assert_memory_equal(back, data, sizeof(data));
    uint32_t erases = nor_flash_get_stats(esp_flash_default_chip).erase_count;
    assert_int_equal(esp_partition_copy(slot, 0, nvs, 0, sizeof(data)), ESP_OK);
    assert_int_equal(nor_flash_get_stats(esp_flash_default_chip).erase_count, erases);
    assert_int_equal(esp_partition_copy(nvs, 0, slot, 0, 4999), ESP_OK);
    assert_int_equal(esp_partition_read_raw(nvs, 0, back, 5000), ESP_OK);
    assert_memory_equal(back, data, 4999);
    assert_int_equal(back[4999], 0xFF);
}

static void encrypted_calls_know_their_chip(void **state)
{
    (void)state;
    esp_flash_t *other;
    uint8_t block[16] = {0};
    assert_int_equal(nor_flash_open_in_memory(0x10000, &other), ESP_OK);
    assert_int_equal(esp_flash_write_encrypted(other, 0, block, 16), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_flash_read_encrypted(other, 0, block, 16), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_flash_write_encrypted(NULL, FIXTURE_FLASH_SIZE - 16, block, 32),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_read_encrypted(NULL, FIXTURE_FLASH_SIZE - 8, block, 9),
                     ESP_ERR_INVALID_ARG);
    nor_flash_close(other);
}

static void keys_of_other_lengths_are_refused(void **state)
{
    (void)state;
    static const uint8_t key[FLASH_KEY_LEN_MAX];
    for (size_t len = 0; len <= sizeof(key); len++) {
        struct flash_encryption encryption;
        bool is_xts = len == 16 || len == 32 || len == 64;
        bool is_esp32 = len == 24 || len == 32;
        assert_int_equal(flash_encryption_init(&encryption, FLASH_SCHEME_XTS, key, len, 0),
                         is_xts ? ESP_OK : ESP_ERR_INVALID_SIZE);
        flash_encryption_deinit(&encryption);
        assert_int_equal(flash_encryption_init(&encryption, FLASH_SCHEME_ESP32, key, len, 15),
                         is_esp32 ? ESP_OK : ESP_ERR_INVALID_SIZE);
        flash_encryption_deinit(&encryption);
        assert_int_equal(flash_encryption_init(&encryption, FLASH_SCHEME_ESP32, key, len, 16),
                         ESP_ERR_INVALID_ARG);
        flash_encryption_deinit(&encryption);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(type_subtype_and_flag_decide_what_is_encrypted),
        TEST(what_is_written_is_encrypted_and_reads_back_at_any_offset),
        TEST(writes_are_whole_blocks),
        TEST(erased_flash_reads_as_noise_and_raw_as_ones),
        TEST(a_mapping_shows_plain_text_and_follows_what_happens),
        TEST(a_mapping_of_what_is_not_encrypted_is_the_chip_itself),
        TEST(copies_cross_the_border_in_both_directions),
        TEST(encrypted_calls_know_their_chip),
        TEST(keys_of_other_lengths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
