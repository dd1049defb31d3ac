#include <stdio.h>
#include <string.h>

#include "nvs_fixture.h"

static void put_some(void)
{
    nvs_handle_t one;
    nvs_handle_t two;
    assert_int_equal(nvs_open("one", NVS_READWRITE, &one), ESP_OK);
    assert_int_equal(nvs_open("two", NVS_READWRITE, &two), ESP_OK);
    assert_int_equal(nvs_set_u8(one, "a", 1), ESP_OK);
    assert_int_equal(nvs_set_str(one, "b", "text"), ESP_OK);
    assert_int_equal(nvs_set_blob(one, "c", "blob", 4), ESP_OK);
    assert_int_equal(nvs_set_u8(two, "d", 1), ESP_OK);
}

// "namespace.key:type" of everything found, each behind a blank.
static void list(const char *ns, nvs_type_t type, char *out, size_t size)
{
    nvs_iterator_t it = NULL;
    size_t at = 0;
    out[0] = '\0';
    esp_err_t err = nvs_entry_find("nvs", ns, type, &it);
    while (err == ESP_OK) {
        nvs_entry_info_t info;
        assert_int_equal(nvs_entry_info(it, &info), ESP_OK);
        at += (size_t)snprintf(out + at, size - at, " %s.%s:%02x", info.namespace_name, info.key,
                               info.type);
        err = nvs_entry_next(&it);
    }
    assert_int_equal(err, ESP_ERR_NVS_NOT_FOUND);
    assert_null(it);
}

static void finds_by_namespace_and_type(void **state)
{
    (void)state;
    char found[256];
    put_some();
    list(NULL, NVS_TYPE_ANY, found, sizeof(found));
    assert_string_equal(found, " one.a:01 one.b:21 one.c:42 two.d:01");
    list("one", NVS_TYPE_ANY, found, sizeof(found));
    assert_string_equal(found, " one.a:01 one.b:21 one.c:42");
    list(NULL, NVS_TYPE_U8, found, sizeof(found));
    assert_string_equal(found, " one.a:01 two.d:01");
    list("one", NVS_TYPE_BLOB, found, sizeof(found));
    assert_string_equal(found, " one.c:42");
    list("none", NVS_TYPE_ANY, found, sizeof(found));
    assert_string_equal(found, "");
    nvs_handle_t handle;
    nvs_iterator_t it;
    nvs_entry_info_t info;
    assert_int_equal(nvs_open("two", NVS_READONLY, &handle), ESP_OK);
    assert_int_equal(nvs_entry_find_in_handle(handle, NVS_TYPE_ANY, &it), ESP_OK);
    assert_int_equal(nvs_entry_info(it, &info), ESP_OK);
    assert_string_equal(info.key, "d");
    nvs_release_iterator(it);
    assert_int_equal(nvs_entry_find_in_handle(999, NVS_TYPE_ANY, &it), ESP_ERR_NVS_INVALID_HANDLE);
    assert_null(it);
}

static void erasing_while_iterating_meets_every_value(void **state)
{
    (void)state;
    nvs_handle_t handle = fixture_open();
    char key[16];
    for (int i = 0; i < 150; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(nvs_set_i32(handle, key, i), ESP_OK);
    }
    nvs_iterator_t it;
    unsigned count = 0;
    esp_err_t err = nvs_entry_find("nvs", "app", NVS_TYPE_ANY, &it);
    for (; err == ESP_OK; err = nvs_entry_next(&it)) {
        nvs_entry_info_t info;
        assert_int_equal(nvs_entry_info(it, &info), ESP_OK);
        assert_int_equal(nvs_erase_key(handle, info.key), ESP_OK);
        count++;
    }
    assert_int_equal(count, 150);
}

static void an_iterator_outlives_its_partition(void **state)
{
    (void)state;
    put_some();
    nvs_iterator_t it;
    assert_int_equal(nvs_entry_find("nvs", NULL, NVS_TYPE_ANY, &it), ESP_OK);
    fixture_reboot();
    assert_int_equal(nvs_entry_next(&it), ESP_ERR_NVS_NOT_FOUND);
    assert_null(it);
    assert_int_equal(nvs_entry_next(&it), ESP_ERR_INVALID_ARG);
    assert_int_equal(nvs_entry_find("none", NULL, NVS_TYPE_ANY, &it), ESP_ERR_NVS_NOT_FOUND);
}

static void counts_add_up(void **state)
{
    (void)state;
    nvs_stats_t stats;
    nvs_handle_t handle;
    size_t used;
    assert_int_equal(nvs_get_stats("nvs", &stats), ESP_OK);
    assert_int_equal(stats.used_entries, 0);
    assert_int_equal(stats.total_entries, 4 * 126);
    put_some();
    assert_int_equal(nvs_get_stats(NULL, &stats), ESP_OK);
    assert_int_equal(stats.used_entries, 2 + 1 + 2 + 3 + 1);
    assert_int_equal(stats.free_entries, 4 * 126 - 9);
    assert_int_equal(stats.available_entries, 3 * 126 - 9);
    assert_int_equal(stats.namespace_count, 2);
    assert_int_equal(nvs_open("one", NVS_READONLY, &handle), ESP_OK);
    assert_int_equal(nvs_get_used_entry_count(handle, &used), ESP_OK);
    assert_int_equal(used, 6);
    assert_int_equal(nvs_get_stats("nvs2", &stats), ESP_ERR_NVS_NOT_INITIALIZED);
    assert_int_equal(stats.total_entries, 0);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_setup_init, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FACT(finds_by_namespace_and_type),
        FACT(erasing_while_iterating_meets_every_value),
        FACT(an_iterator_outlives_its_partition),
        FACT(counts_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
