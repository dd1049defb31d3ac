#include "partition_fixture.h"

static esp_blockdev_handle_t open_device(const char *label)
{
    esp_blockdev_handle_t device;
    assert_int_equal(esp_partition_get_blockdev(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY,
                                                label, &device),
                     ESP_OK);
    return device;
}

static void describes_the_partition(void **state)
{
    (void)state;
    esp_blockdev_handle_t device = open_device("nvs");
    assert_int_equal(device->geometry.disk_size, 0x4000);
    assert_int_equal(device->geometry.read_size, 1);
    assert_int_equal(device->geometry.write_size, 1);
    assert_int_equal(device->geometry.erase_size, 4096);
    assert_false(device->device_flags.read_only);
    assert_int_equal(device->ops->release(device), ESP_OK);
}

static void reads_writes_and_erases(void **state)
{
    (void)state;
    uint8_t got[4];
    esp_blockdev_handle_t device = open_device("nvs");
    assert_int_equal(device->ops->write(device, (const uint8_t *)"abcd", 0x1000, 4), ESP_OK);
    assert_int_equal(device->ops->read(device, got, sizeof(got), 0x1000, 4), ESP_OK);
    assert_memory_equal(got, "abcd", 4);
    assert_int_equal(device->ops->erase(device, 0x1000, 0x1000), ESP_OK);
    assert_int_equal(device->ops->read(device, got, sizeof(got), 0x1000, 1), ESP_OK);
    assert_int_equal(got[0], 0xFF);
    assert_int_equal(device->ops->sync(device), ESP_OK);
    assert_int_equal(device->ops->release(device), ESP_OK);
}

static void refuses_wrong_ranges(void **state)
{
    (void)state;
    uint8_t byte = 0xFF;
    esp_blockdev_handle_t device = open_device("nvs");
    assert_int_equal(device->ops->read(device, &byte, 1, 0, 2), ESP_ERR_INVALID_ARG);
    assert_int_equal(device->ops->read(device, &byte, 1, UINT64_C(1) << 40, 1),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(device->ops->read(device, &byte, 1, 0x4000, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(device->ops->write(device, &byte, 0x4000, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(device->ops->erase(device, 1, 0x1000), ESP_ERR_INVALID_SIZE);
    assert_int_equal(device->ops->erase(device, 0, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(device->ops->release(device), ESP_OK);
}

static void a_readonly_partition_supports_no_changes(void **state)
{
    (void)state;
    uint8_t byte = 0xFF;
    esp_blockdev_handle_t device = open_device("ro");
    assert_true(device->device_flags.read_only);
    assert_int_equal(device->ops->write(device, &byte, 0, 1), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(device->ops->erase(device, 0, 0x1000), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(device->ops->release(device), ESP_OK);
}

static void tells_why_there_is_no_device(void **state)
{
    (void)state;
    esp_blockdev_handle_t device = (esp_blockdev_handle_t)(void *)state;
    assert_int_equal(esp_partition_get_blockdev(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY,
                                                "no", &device),
                     ESP_ERR_NOT_FOUND);
    assert_null(device);
    assert_int_equal(esp_partition_ptr_get_blockdev(NULL, &device), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_ptr_get_blockdev(fixture_find("nvs"), NULL),
                     ESP_ERR_INVALID_ARG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(describes_the_partition),      TEST(reads_writes_and_erases),
        TEST(refuses_wrong_ranges),         TEST(a_readonly_partition_supports_no_changes),
        TEST(tells_why_there_is_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
