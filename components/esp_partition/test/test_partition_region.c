#include "partition_fixture.h"

static void the_smallest_erase_is_a_sector(void **state)
{
    (void)state;
    assert_int_equal(esp_partition_get_main_flash_sector_size(), 4096);
}

static void a_region_is_writable_unless_it_touches_a_readonly_partition(void **state)
{
    (void)state;
    assert_true(esp_partition_is_flash_region_writable(0x9000, 0x1000));
    assert_true(esp_partition_is_flash_region_writable(0x30F000, 0x1000));
    assert_false(esp_partition_is_flash_region_writable(0x30F000, 0x1001));
    assert_false(esp_partition_is_flash_region_writable(0x31FFFF, 1));
    assert_true(esp_partition_is_flash_region_writable(0x320000, 1));
    assert_false(esp_partition_is_flash_region_writable(0, SIZE_MAX));
}

static void a_region_is_safe_behind_the_table_and_outside_the_running_partition(void **state)
{
    (void)state;
    assert_false(esp_partition_main_flash_region_safe(0x1000, 0x100));
    assert_false(esp_partition_main_flash_region_safe(0x8C00, 1));
    assert_true(esp_partition_main_flash_region_safe(0x8C01, 1));
    assert_true(esp_partition_main_flash_region_safe(0x10000, 0x100000));
    assert_false(esp_partition_main_flash_region_safe(0x10000, 0x100001)); // ota_0 runs
    assert_false(esp_partition_main_flash_region_safe(0x20FFFF, 1));
    assert_true(esp_partition_main_flash_region_safe(0x210000, 1));
}

static void without_a_table_no_region_is_called_writable_or_safe(void **state)
{
    (void)state;
    assert_int_equal(esp_flash_erase_region(NULL, 0x8000, 0x1000), ESP_OK);
    assert_false(esp_partition_is_flash_region_writable(0x9000, 1));
    assert_false(esp_partition_main_flash_region_safe(0x9000, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_smallest_erase_is_a_sector),
        TEST(a_region_is_writable_unless_it_touches_a_readonly_partition),
        TEST(a_region_is_safe_behind_the_table_and_outside_the_running_partition),
        TEST(without_a_table_no_region_is_called_writable_or_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
