#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_flash.h"
#include "nor_flash.h"
#include "nvs_fixture.h"

static void integers_of_all_types_come_back_after_a_reboot(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
#define SET(suffix, value) assert_int_equal(nvs_set_##suffix(handle, #suffix, value), ESP_OK)
    SET(i8, INT8_MIN);
    SET(u8, UINT8_MAX);
    SET(i16, INT16_MIN);
    SET(u16, UINT16_MAX);
    SET(i32, INT32_MIN);
    SET(u32, UINT32_MAX);
    SET(i64, INT64_MIN);
    SET(u64, UINT64_MAX);
    assert_int_equal(nvs_commit(handle), ESP_OK);
    fixture_reboot();
    handle = fixture_open();
#define GET(suffix, type, expected)                                                                \
    do {                                                                                           \
        type got;                                                                                  \
        assert_int_equal(nvs_get_##suffix(handle, #suffix, &got), ESP_OK);                         \
        assert_true(got == (expected));                                                            \
    } while (0)
    GET(i8, int8_t, INT8_MIN);
    GET(u8, uint8_t, UINT8_MAX);
    GET(i16, int16_t, INT16_MIN);
    GET(u16, uint16_t, UINT16_MAX);
    GET(i32, int32_t, INT32_MIN);
    GET(u32, uint32_t, UINT32_MAX);
    GET(i64, int64_t, INT64_MIN);
    GET(u64, uint64_t, UINT64_MAX);
}

static void wrong_arguments_have_their_codes(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint8_t value = 5;
    size_t len = 1;
    assert_int_equal(nvs_set_u8(handle, "", 1), ESP_ERR_NVS_INVALID_NAME);
    assert_int_equal(nvs_set_u8(handle, NULL, 1), ESP_ERR_NVS_INVALID_NAME);
    assert_int_equal(nvs_set_u8(handle, "sixteen_chars_xx", 1), ESP_ERR_NVS_KEY_TOO_LONG);
    assert_int_equal(nvs_set_u8(handle, "fifteen_chars_x", 1), ESP_OK);
    assert_int_equal(nvs_set_u8(handle + 1, "k", 1), ESP_ERR_NVS_INVALID_HANDLE);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_get_u8(handle, "k", NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(nvs_get_i8(handle, "fifteen_chars_x", (int8_t *)&value),
                     ESP_ERR_NVS_TYPE_MISMATCH);
    assert_int_equal(nvs_get_str(handle, "fifteen_chars_x", (char *)&value, &len),
                     ESP_ERR_NVS_TYPE_MISMATCH);
    assert_int_equal(nvs_get_str(handle, "k", NULL, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(value, 5);
    assert_int_equal(nvs_set_str(handle, "k", NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(nvs_set_blob(handle, "k", NULL, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(nvs_erase_key(handle, "k"), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_open("sixteen_chars_xx", NVS_READWRITE, &handle),
                     ESP_ERR_NVS_INVALID_NAME);
    assert_int_equal(nvs_open("", NVS_READWRITE, &handle), ESP_ERR_NVS_INVALID_NAME);
    assert_int_equal(nvs_open("app", NVS_READWRITE, NULL), ESP_ERR_INVALID_ARG);
}

static void a_read_only_handle_does_not_write(void **state)
{
    (void)state;
    nvs_handle_t writer = fixture_open();
    assert_int_equal(nvs_set_u8(writer, "k", 1), ESP_OK);
    nvs_handle_t reader;
    uint8_t value;
    assert_int_equal(nvs_open("app", NVS_READONLY, &reader), ESP_OK);
    assert_int_equal(nvs_set_u8(reader, "k", 2), ESP_ERR_NVS_READ_ONLY);
    assert_int_equal(nvs_set_blob(reader, "k", "", 0), ESP_ERR_NVS_READ_ONLY);
    assert_int_equal(nvs_erase_key(reader, "k"), ESP_ERR_NVS_READ_ONLY);
    assert_int_equal(nvs_erase_all(reader), ESP_ERR_NVS_READ_ONLY);
    assert_int_equal(nvs_get_u8(reader, "k", &value), ESP_OK);
    assert_int_equal(value, 1);
}

static void an_equal_value_costs_no_write(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint8_t blob[5000];
    memset(blob, 0x3C, sizeof(blob));
    for (int i = 0; i < 2; i++) {
        struct nor_flash_stats before = nor_flash_get_stats(esp_flash_default_chip);
        assert_int_equal(nvs_set_i32(handle, "i", -5), ESP_OK);
        assert_int_equal(nvs_set_str(handle, "s", "text"), ESP_OK);
        assert_int_equal(nvs_set_blob(handle, "b", blob, sizeof(blob)), ESP_OK);
        struct nor_flash_stats after = nor_flash_get_stats(esp_flash_default_chip);
        assert_true(i == 0 || after.programmed_bytes == before.programmed_bytes);
    }
}

static void strings_tell_their_length(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    char text[16] = "unchanged";
    size_t len = 0;
    assert_int_equal(nvs_set_str(handle, "s", "twelve bytes"), ESP_OK);
    assert_int_equal(nvs_get_str(handle, "s", NULL, &len), ESP_OK);
    assert_int_equal(len, 13);
    len = 12;
    assert_int_equal(nvs_get_str(handle, "s", text, &len), ESP_ERR_NVS_INVALID_LENGTH);
    assert_int_equal(len, 13);
    assert_string_equal(text, "unchanged");
    len = sizeof(text);
    assert_int_equal(nvs_get_str(handle, "s", text, &len), ESP_OK);
    assert_int_equal(len, 13);
    assert_string_equal(text, "twelve bytes");
    assert_int_equal(nvs_set_str(handle, "s", ""), ESP_OK);
    assert_int_equal(nvs_get_str(handle, "s", text, &len), ESP_OK);
    assert_int_equal(len, 1);
}

static void a_string_ends_at_4000_bytes(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    static char text[4002];
    static char again[4002];
    memset(text, 'x', 4000);
    assert_int_equal(nvs_set_str(handle, "s", text), ESP_ERR_NVS_VALUE_TOO_LONG);
    text[3999] = '\0';
    assert_int_equal(nvs_set_str(handle, "s", text), ESP_OK);
    size_t len = sizeof(again);
    assert_int_equal(nvs_get_str(handle, "s", again, &len), ESP_OK);
    assert_int_equal(len, 4000);
    assert_string_equal(again, text);
}

static void check_blob(nvs_handle_t handle, const char *key, const uint8_t *bytes, size_t len)
{
    static uint8_t got[16384];
    size_t got_len = sizeof(got);
    assert_int_equal(nvs_get_blob(handle, key, got, &got_len), ESP_OK);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, bytes, len);
}

static void blobs_of_many_sizes_come_back_and_replace_each_other(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    static uint8_t bytes[6000];
    static const size_t SIZES[] = {0, 1, 31, 32, 33, 3999, 4000, 4001, 5000, 6000, 2, 0};
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        bytes[0] = (uint8_t)i;
        assert_int_equal(nvs_set_blob(handle, "b", bytes, SIZES[i]), ESP_OK);
        check_blob(handle, "b", bytes, SIZES[i]);
        fixture_reboot();
        handle = fixture_open();
        check_blob(handle, "b", bytes, SIZES[i]);
    }
}

static void a_blob_that_does_not_fit_leaves_the_old_one(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    static uint8_t bytes[13000];
    assert_int_equal(nvs_set_blob(handle, "b", bytes, 5000), ESP_OK);
    assert_int_equal(nvs_set_blob(handle, "b", bytes, 12001), ESP_ERR_NVS_VALUE_TOO_LONG);
    assert_int_equal(nvs_set_blob(handle, "b", bytes, 9000), ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    assert_int_equal(nvs_set_blob(handle, "c", bytes, 6900), ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    check_blob(handle, "b", bytes, 5000);
    assert_int_equal(nvs_find_key(handle, "c", NULL), ESP_ERR_NVS_NOT_FOUND);
    fixture_reboot();
    handle = fixture_open();
    check_blob(handle, "b", bytes, 5000);
    assert_int_equal(nvs_set_blob(handle, "c", bytes, 5500), ESP_OK);
}

static void a_value_of_another_type_is_replaced(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    nvs_type_t type;
    uint8_t value;
    assert_int_equal(nvs_set_blob(handle, "k", "blob", 4), ESP_OK);
    assert_int_equal(nvs_find_key(handle, "k", &type), ESP_OK);
    assert_int_equal(type, NVS_TYPE_BLOB);
    assert_int_equal(nvs_set_u8(handle, "k", 9), ESP_OK);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_OK);
    assert_int_equal(value, 9);
    size_t used;
    assert_int_equal(nvs_get_used_entry_count(handle, &used), ESP_OK);
    assert_int_equal(used, 1);
    assert_int_equal(nvs_set_str(handle, "k", "s"), ESP_OK);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_ERR_NVS_TYPE_MISMATCH);
}

static void namespaces_keep_their_keys_apart(void **state)
{
    (void)state;
    nvs_handle_t one;
    nvs_handle_t two;
    uint8_t value;
    assert_int_equal(nvs_open("one", NVS_READWRITE, &one), ESP_OK);
    assert_int_equal(nvs_open("two", NVS_READWRITE, &two), ESP_OK);
    assert_int_equal(nvs_set_u8(one, "k", 1), ESP_OK);
    assert_int_equal(nvs_set_u8(two, "k", 2), ESP_OK);
    assert_int_equal(nvs_set_blob(one, "b", "x", 1), ESP_OK);
    assert_int_equal(nvs_erase_all(one), ESP_OK);
    assert_int_equal(nvs_get_u8(one, "k", &value), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_find_key(one, "b", NULL), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_get_u8(two, "k", &value), ESP_OK);
    assert_int_equal(value, 2);
    assert_int_equal(nvs_erase_key(two, "k"), ESP_OK);
    assert_int_equal(nvs_get_u8(two, "k", &value), ESP_ERR_NVS_NOT_FOUND);
}

static void namespaces_end_at_254(void **state)
{
    (void)state;
    nvs_handle_t handle;
    char name[8];
    for (int i = 0; i < 254; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(nvs_open(name, NVS_READWRITE, &handle), ESP_OK);
        nvs_close(handle);
    }
    assert_int_equal(nvs_open("more", NVS_READWRITE, &handle), ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    assert_int_equal(nvs_open("n0", NVS_READWRITE, &handle), ESP_OK);
}

// Many rewrites: pages fill, are moved and erased, and what was set last counts.
static void values_survive_many_rewrites_and_wear_is_spread(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    uint32_t counter = 0;
    static char text[600];
    assert_int_equal(nvs_set_str(handle, "constant", "never touched again"), ESP_OK);
    for (uint32_t i = 1; i <= 2000; i++) {
        assert_int_equal(nvs_set_u32(handle, "counter", i), ESP_OK);
        memset(text, 'a' + (int)(i % 26), i % 500);
        text[i % 500] = '\0';
        assert_int_equal(nvs_set_str(handle, i % 2 ? "odd" : "even", text), ESP_OK);
    }
    fixture_reboot();
    handle = fixture_open();
    char again[600];
    size_t len = sizeof(again);
    assert_int_equal(nvs_get_u32(handle, "counter", &counter), ESP_OK);
    assert_int_equal(counter, 2000);
    assert_int_equal(nvs_get_str(handle, "even", again, &len), ESP_OK);
    assert_string_equal(again, text);
    len = sizeof(again);
    assert_int_equal(nvs_get_str(handle, "constant", again, &len), ESP_OK);
    assert_string_equal(again, "never touched again");
}

static void a_full_partition_says_so_and_keeps_what_it_has(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    char key[16];
    uint32_t count = 0;
    esp_err_t err;
    do {
        (void)snprintf(key, sizeof(key), "k%u", (unsigned)count);
        err = nvs_set_u32(handle, key, count);
    } while (err == ESP_OK && ++count < 1000);
    assert_int_equal(err, ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    assert_int_equal(count, 3 * 126 - 1); // one entry is the namespace
    uint32_t value;
    assert_int_equal(nvs_set_u32(handle, "k5", 6), ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    assert_int_equal(nvs_get_u32(handle, "k5", &value), ESP_OK);
    assert_int_equal(value, 5);
    assert_int_equal(nvs_erase_key(handle, "k7"), ESP_OK);
    assert_int_equal(nvs_set_u32(handle, "k5", 6), ESP_OK);
    assert_int_equal(nvs_set_u32(handle, "k9", 6), ESP_OK);
    fixture_reboot();
    handle = fixture_open();
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(key, sizeof(key), "k%u", (unsigned)i);
        err = nvs_get_u32(handle, key, &value);
        assert_int_equal(err, i == 7 ? ESP_ERR_NVS_NOT_FOUND : ESP_OK);
        assert_true(i == 7 || value == (i == 5 || i == 9 ? 6 : i));
    }
}

static void purging_leaves_nothing_of_the_old_value(void **state)
{
    (void)state;
    static const char SECRET[] = "a secret that must not stay";
    static uint8_t bytes[FIXTURE_NVS_PAGES * NVS_PAGE_SIZE];
    nvs_handle_t handle;
    assert_int_equal(nvs_open("app", NVS_READWRITE_PURGE, &handle), ESP_OK);
    assert_int_equal(nvs_set_blob(handle, "b", SECRET, sizeof(SECRET)), ESP_OK);
    assert_int_equal(nvs_set_str(handle, "s", SECRET), ESP_OK);
    assert_int_equal(nvs_erase_key(handle, "b"), ESP_OK);
    assert_int_equal(nvs_set_str(handle, "s", "new"), ESP_OK);
    fixture_get(0, bytes, sizeof(bytes));
    for (size_t i = 0; i + sizeof(SECRET) <= sizeof(bytes); i++) {
        assert_true(memcmp(bytes + i, SECRET, sizeof(SECRET) - 1) != 0);
    }
    fixture_reboot();
    char text[8];
    size_t len = sizeof(text);
    assert_int_equal(nvs_get_str(fixture_open(), "s", text, &len), ESP_OK);
    assert_string_equal(text, "new");
}

static void *count_up(void *arg)
{
    const char *key = arg;
    nvs_handle_t handle;
    if (nvs_open("app", NVS_READWRITE, &handle) != ESP_OK) {
        return NULL;
    }
    for (uint32_t i = 1; i <= 200; i++) {
        uint32_t value = 0;
        if (nvs_set_u32(handle, key, i) != ESP_OK || nvs_get_u32(handle, key, &value) != ESP_OK ||
            value != i) {
            return NULL;
        }
    }
    nvs_close(handle);
    return arg;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    static char keys[3][4] = {"a", "b", "c"};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, keys[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, keys[i]);
    }
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_setup_init, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FACT(integers_of_all_types_come_back_after_a_reboot),
        FACT(wrong_arguments_have_their_codes),
        FACT(a_read_only_handle_does_not_write),
        FACT(an_equal_value_costs_no_write),
        FACT(strings_tell_their_length),
        FACT(a_string_ends_at_4000_bytes),
        FACT(blobs_of_many_sizes_come_back_and_replace_each_other),
        FACT(a_blob_that_does_not_fit_leaves_the_old_one),
        FACT(a_value_of_another_type_is_replaced),
        FACT(namespaces_keep_their_keys_apart),
        FACT(namespaces_end_at_254),
        FACT(values_survive_many_rewrites_and_wear_is_spread),
        FACT(a_full_partition_says_so_and_keeps_what_it_has),
        FACT(purging_leaves_nothing_of_the_old_value),
        FACT(threads_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
