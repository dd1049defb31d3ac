#include <string.h>

#include "nvs_fixture.h"

static void an_empty_partition_is_usable_and_init_repeats(void **state)
{
    (void)state;
    nvs_handle_t handle;
    assert_int_equal(nvs_open("app", NVS_READWRITE, &handle), ESP_ERR_NVS_NOT_INITIALIZED);
    assert_int_equal(handle, 0);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_open("app", NVS_READONLY, &handle), ESP_ERR_NVS_NOT_FOUND);
    assert_int_equal(nvs_open("app", NVS_READWRITE, &handle), ESP_OK);
    assert_int_equal(nvs_open_from_partition("nvs2", "app", NVS_READWRITE, &handle),
                     ESP_ERR_NVS_PART_NOT_FOUND);
    assert_int_equal(nvs_flash_deinit(), ESP_OK);
    assert_int_equal(nvs_flash_deinit(), ESP_ERR_NVS_NOT_INITIALIZED);
}

static void only_data_partitions_of_subtype_nvs_are_taken(void **state)
{
    (void)state;
    assert_int_equal(nvs_flash_init_partition("none"), ESP_ERR_NOT_FOUND);
    assert_int_equal(nvs_flash_init_partition("other"), ESP_ERR_NOT_FOUND);
    assert_int_equal(nvs_flash_init_partition(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(nvs_flash_init_partition("small"), ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    assert_int_equal(nvs_flash_erase_partition("none"), ESP_ERR_NOT_FOUND);
}

static void encryption_is_refused(void **state)
{
    (void)state;
    nvs_sec_cfg_t cfg = {0};
    esp_partition_t encrypted = *fixture_partition("nvs");
    encrypted.encrypted = true;
    assert_int_equal(nvs_flash_init_partition_ptr(&encrypted), ESP_ERR_NVS_WRONG_ENCRYPTION);
    assert_int_equal(nvs_flash_secure_init(&cfg), ESP_ERR_NVS_ENCR_NOT_SUPPORTED);
    assert_int_equal(nvs_flash_generate_keys(&encrypted, &cfg), ESP_ERR_NVS_ENCR_NOT_SUPPORTED);
    assert_int_equal(nvs_flash_read_security_cfg(&encrypted, &cfg), ESP_ERR_NVS_ENCR_NOT_SUPPORTED);
    assert_int_equal(nvs_flash_secure_init(NULL), ESP_OK);
}

static void handles_end_with_their_partition(void **state)
{
    (void)state;
    uint8_t value = 7;
    assert_int_equal(nvs_flash_init(), ESP_OK);
    nvs_handle_t handle = fixture_open();
    assert_int_equal(nvs_set_u8(handle, "k", 1), ESP_OK);
    assert_int_equal(nvs_flash_deinit(), ESP_OK);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_ERR_NVS_INVALID_HANDLE);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_get_u8(handle, "k", &value), ESP_ERR_NVS_INVALID_HANDLE);
    assert_int_equal(value, 7);
    assert_int_equal(nvs_get_u8(fixture_open(), "k", &value), ESP_OK);
    assert_int_equal(value, 1);
}

static void erase_takes_everything(void **state)
{
    (void)state;
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_set_u8(fixture_open(), "k", 1), ESP_OK);
    assert_int_equal(nvs_flash_erase(), ESP_OK);
    nvs_handle_t handle;
    assert_int_equal(nvs_open("app", NVS_READONLY, &handle), ESP_ERR_NVS_NOT_INITIALIZED);
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_open("app", NVS_READONLY, &handle), ESP_ERR_NVS_NOT_FOUND);
}

static void partitions_do_not_share_values(void **state)
{
    (void)state;
    uint32_t value;
    nvs_handle_t one;
    nvs_handle_t two;
    assert_int_equal(nvs_flash_init(), ESP_OK);
    assert_int_equal(nvs_flash_init_partition("nvs2"), ESP_OK);
    assert_int_equal(nvs_open("app", NVS_READWRITE, &one), ESP_OK);
    assert_int_equal(nvs_open_from_partition("nvs2", "app", NVS_READWRITE, &two), ESP_OK);
    assert_int_equal(nvs_set_u32(one, "k", 1), ESP_OK);
    assert_int_equal(nvs_get_u32(two, "k", &value), ESP_ERR_NVS_NOT_FOUND);
    nvs_close(one);
    assert_int_equal(nvs_set_u32(one, "k", 1), ESP_ERR_NVS_INVALID_HANDLE);
    assert_int_equal(nvs_set_u32(two, "k", 2), ESP_OK);
}

static void a_read_only_partition_is_read_and_not_written(void **state)
{
    (void)state;
    nvs_handle_t handle;
    assert_int_equal(nvs_flash_init_partition("ro"), ESP_OK);
    assert_int_equal(nvs_open_from_partition("ro", "app", NVS_READWRITE, &handle),
                     ESP_ERR_NOT_ALLOWED);
    assert_int_equal(nvs_open_from_partition("ro", "app", NVS_READONLY, &handle),
                     ESP_ERR_NVS_NOT_FOUND);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FACT(an_empty_partition_is_usable_and_init_repeats),
        FACT(only_data_partitions_of_subtype_nvs_are_taken),
        FACT(encryption_is_refused),
        FACT(handles_end_with_their_partition),
        FACT(erase_takes_everything),
        FACT(partitions_do_not_share_values),
        FACT(a_read_only_partition_is_read_and_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
