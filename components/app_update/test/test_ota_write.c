// What a session accepts, and that it stands on flash.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "esp_ota_ext.h"

#define SECTOR 4096u

static esp_ota_handle_t begin(const char *label, size_t size)
{
    esp_ota_handle_t handle = 0;
    assert_int_equal(esp_ota_begin(device_partition(label), size, &handle), ESP_OK);
    assert_int_not_equal(handle, 0);
    return handle;
}

static void dirty(const char *label)
{
    const esp_partition_t *partition = device_partition(label);
    memset(device_bytes(partition->address), 0, partition->size);
}

static void write_checks_its_arguments(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    assert_int_equal(esp_ota_write(9999, NULL, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write(9999, NULL, 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write(9999, "", 0), ESP_OK);
    assert_int_equal(esp_ota_write(9999, "\xE9", 1), ESP_ERR_INVALID_ARG);
}

static void on_the_fly_each_sector_is_erased_once(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 5);
    const uint32_t pieces[] = {1, 7, 16, 1000, 1024, SECTOR - 1, SECTOR, SECTOR + 1, 9000, 20000};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        print_message("pieces of %u\n", pieces[i]);
        DEVICE_START(.running = "ota_0");
        dirty("ota_1");
        esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
        assert_int_equal(esp_ota_tune(handle, &(esp_ota_tuning_t){.image_size = image.len}),
                         ESP_OK);
        for (uint32_t at = 0; at < image.len; at += pieces[i]) {
            uint32_t len = image.len - at < pieces[i] ? image.len - at : pieces[i];
            assert_int_equal(esp_ota_write(handle, image.bytes + at, len), ESP_OK);
        }
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        assert_int_equal(g_flash.erased_bytes, (image.len + SECTOR - 1) / SECTOR * SECTOR);
        assert_true(device_holds(0x30000, image.bytes, image.len));
    }
    free(image.bytes);
}

static void a_wrong_first_byte_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(esp_ota_write(handle, "<html>", 6), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(esp_ota_write(handle, "\xE9", 1), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "<html>", 6), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void data_may_begin_with_anything(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("storage", 0);
    assert_int_equal(esp_ota_write(handle, "<html>", 6), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_memory_equal(device_bytes(0x50000), "<html>", 6);
}

static void write_stops_at_the_end_of_the_partition(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    uint8_t *bytes = malloc(DEVICE_SLOT_SIZE + 1);
    memset(bytes, 0xE9, DEVICE_SLOT_SIZE + 1);
    uint64_t behind = device_sum(0x40000, DEVICE_FLASH_SIZE);
    esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(esp_ota_write(handle, bytes, DEVICE_SLOT_SIZE + 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(esp_ota_write(handle, bytes, DEVICE_SLOT_SIZE - 1), ESP_OK);
    assert_int_equal(esp_ota_write(handle, bytes, 2), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_write(handle, bytes, 1), ESP_OK);
    assert_int_equal(esp_ota_write(handle, bytes, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_write(handle, bytes, SIZE_MAX), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_true(device_sum(0x40000, DEVICE_FLASH_SIZE) == behind);
    free(bytes);
}

static void a_failed_write_can_be_repeated(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 4; k++) {
        DEVICE_START(.running = "ota_0");
        dirty("ota_1");
        struct device_image image = DEVICE_IMAGE(.len = 6000);
        esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
        assert_int_equal(esp_ota_tune(handle, &(esp_ota_tuning_t){.image_size = image.len}),
                         ESP_OK);
        g_flash.fail_at = k;
        unsigned failures = 0;
        for (uint32_t at = 0; at < image.len;) {
            uint32_t len = image.len - at < 3000 ? image.len - at : 3000;
            esp_err_t err = esp_ota_write(handle, image.bytes + at, len);
            failures += err != ESP_OK;
            at += err == ESP_OK ? len : 0;
        }
        assert_int_equal(failures, 1);
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        free(image.bytes);
    }
}

static void flash_that_does_not_hold_what_was_written_is_noticed(void **state)
{
    (void)state;
    for (int is_unmapped = 0; is_unmapped <= 1; is_unmapped++) {
        DEVICE_START(.running = "ota_0");
        g_flash.is_unmapped = is_unmapped;
        struct device_image image = DEVICE_IMAGE(.len = 9000);
        esp_ota_handle_t handle = begin("ota_1", 0);
        g_flash.loses_bits = true;
        assert_int_equal(esp_ota_write(handle, image.bytes, image.len - 1), ESP_ERR_FLASH_OP_FAIL);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        free(image.bytes);
    }
}

static void a_failing_read_back_is_an_error_of_write(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    g_flash.is_unmapped = true;
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    esp_ota_handle_t handle = begin("ota_1", 0);
    g_flash.fail_read = g_flash.reads + 2;
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(image.bytes);
}

// ----------------------------------------------------------------------- write with offset

static void pieces_may_come_in_any_order(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    esp_ota_handle_t handle = begin("ota_1", 0);
    for (uint32_t end = image.len; end > 0;) {
        uint32_t len = end < 1000 ? end : 1000;
        end -= len;
        assert_int_equal(esp_ota_write_with_offset(handle, image.bytes + end, len, end), ESP_OK);
    }
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    free(image.bytes);
}

static void a_missing_piece_is_noticed_at_the_end(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes, 4000, 0), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes + 4001, image.len - 4001, 4001),
                     ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    free(image.bytes);
}

static void write_with_offset_checks_its_arguments(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_write_with_offset(handle, NULL, 1, 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write_with_offset(handle + 9, "x", 1, 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write_with_offset(handle, "x", 1, DEVICE_SLOT_SIZE),
                     ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_write_with_offset(handle, "xy", 2, UINT32_MAX), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void write_with_offset_needs_a_partition_erased_at_the_beginning(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(esp_ota_write_with_offset(handle, "x", 1, 0), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(write_checks_its_arguments),
        FACT(on_the_fly_each_sector_is_erased_once),
        FACT(a_wrong_first_byte_is_refused_before_anything_is_erased),
        FACT(data_may_begin_with_anything),
        FACT(write_stops_at_the_end_of_the_partition),
        FACT(a_failed_write_can_be_repeated),
        FACT(flash_that_does_not_hold_what_was_written_is_noticed),
        FACT(a_failing_read_back_is_an_error_of_write),
        FACT(pieces_may_come_in_any_order),
        FACT(a_missing_piece_is_noticed_at_the_end),
        FACT(write_with_offset_checks_its_arguments),
        FACT(write_with_offset_needs_a_partition_erased_at_the_beginning),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
