// How a session ends: the verdict, and what it is about.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "esp_ota_ext.h"
#include "freertos/task.h"
#include "partition_table.h"

static esp_ota_handle_t begin(const char *label, size_t size)
{
    esp_ota_handle_t handle = 0;
    assert_int_equal(esp_ota_begin(device_partition(label), size, &handle), ESP_OK);
    assert_int_not_equal(handle, 0);
    return handle;
}

static esp_err_t try_begin(const char *label, size_t size)
{
    esp_ota_handle_t handle = 77;
    esp_err_t err = esp_ota_begin(device_partition(label), size, &handle);
    if (err == ESP_OK) {
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
    } else {
        assert_int_equal(handle, 77);
    }
    return err;
}

static void unknown_handles_are_not_found(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    assert_int_equal(esp_ota_end(0), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(0), ESP_ERR_NOT_FOUND);
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_NOT_FOUND);
}

static void end_without_a_byte_is_refused_and_frees_the_handle(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_NOT_FOUND);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
}

static void every_damaged_byte_of_an_image_is_noticed(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    for (uint32_t at = 1; at < image.len; at += 7) {
        DEVICE_START(.running = "ota_0");
        image.bytes[at] ^= 0x10;
        esp_err_t err = device_install("ota_1", image);
        image.bytes[at] ^= 0x10;
        assert_int_equal(err, ESP_ERR_OTA_VALIDATE_FAILED);
    }
    free(image.bytes);
}

static void a_truncated_image_is_noticed_at_every_length(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    for (uint32_t len = 1; len < image.len; len += 13) {
        DEVICE_START(.running = "ota_0");
        assert_int_equal(device_install("ota_1", (struct device_image){image.bytes, len}),
                         ESP_ERR_OTA_VALIDATE_FAILED);
    }
    DEVICE_START(.running = "ota_0");
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    free(image.bytes);
}

static void bytes_behind_the_image_do_no_harm(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "signature", 9), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    free(image.bytes);
}

static void what_others_do_to_the_image_during_a_session_is_noticed(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    for (uint32_t when = 1000; when <= 9000; when += 4000) {
        DEVICE_START(.running = "ota_0");
        esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
        for (uint32_t at = 0; at < image.len; at += 1000) {
            uint32_t len = image.len - at < 1000 ? image.len - at : 1000;
            assert_int_equal(esp_ota_write(handle, image.bytes + at, len), ESP_OK);
            if (at + 1000 == when) {
                assert_int_equal(esp_partition_write(device_partition("ota_1"), 500, "\0\0\0\0", 4),
                                 ESP_OK);
            }
        }
        assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    }
    free(image.bytes);
}

static void an_image_written_by_one_session_alone_is_not_read_a_second_time(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    g_flash.is_unmapped = true;
    struct device_image image = DEVICE_IMAGE(.len = 30000);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    assert_in_range(g_flash.read_bytes, image.len,
                    image.len + 5000); // and the search for a pending copy
    free(image.bytes);
}

static void end_and_abort_leave_the_boot_choice_alone(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    uint64_t choice = device_choice();
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    assert_true(device_choice() == choice);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
    assert_true(device_choice() == choice);
    free(image.bytes);
}

static void a_failing_sync_is_an_error_of_end(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
    g_flash.fail_at = g_flash.operations + 1;
    assert_int_equal(esp_ota_end(handle), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_NOT_FOUND);
    free(image.bytes);
}

// ----------------------------------------------------------------------- tables and bootloaders

static const esp_partition_t *register_external(uint32_t at, esp_partition_type_t type)
{
    const esp_partition_t *out = NULL;
    assert_int_equal(esp_partition_register_external(esp_flash_default_chip, at, 0x2000, "ext",
                                                     type, (esp_partition_subtype_t)0, &out),
                     ESP_OK);
    return out;
}

static void a_partition_table_is_verified_before_it_counts(void **state)
{
    (void)state;
    for (int damage = 0; damage <= 1; damage++) {
        DEVICE_START(.running = "ota_0");
        uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
        device_read(0x8000, table, sizeof(table));
        const esp_partition_t *target =
            register_external(0x7A000, ESP_PARTITION_TYPE_PARTITION_TABLE);
        esp_ota_handle_t handle;
        assert_int_equal(esp_ota_begin(target, 0, &handle), ESP_OK);
        assert_int_equal(esp_ota_write(handle, "xy", 2), ESP_ERR_OTA_VALIDATE_FAILED);
        table[40] ^= damage;
        assert_int_equal(esp_ota_write(handle, table, sizeof(table)), ESP_OK);
        assert_int_equal(esp_ota_end(handle), damage ? ESP_ERR_OTA_VALIDATE_FAILED : ESP_OK);
    }
}

static void a_bootloader_must_be_an_image(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    const esp_partition_t *target = register_external(0x7A000, ESP_PARTITION_TYPE_BOOTLOADER);
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(target, 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "xy", 2), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(esp_ota_write(handle, "\xE9zzzzzzzz", 9), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
}

// ----------------------------------------------------------------------- threads

struct worker {
    const char *label;
    struct device_image image;
    esp_err_t err;
    atomic_bool is_done;
};

static void install_often(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; i < 20 && worker->err == ESP_OK; i++) {
        worker->err = device_install(worker->label, worker->image);
    }
    atomic_store(&worker->is_done, true);
    vTaskDelete(NULL);
}

static void sessions_run_in_two_threads(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    static struct worker workers[2];
    for (int i = 0; i < 2; i++) {
        workers[i].label = i ? "ota_1" : "ota_0";
        workers[i].image = DEVICE_IMAGE(.len = 20000, .seed = (uint32_t)i);
        assert_int_equal(xTaskCreate(install_often, "install", 0, &workers[i], 1, NULL), pdPASS);
    }
    for (int i = 0; i < 2; i++) {
        while (!atomic_load(&workers[i].is_done)) {
            vTaskDelay(1);
        }
        assert_int_equal(workers[i].err, ESP_OK);
        assert_true(
            device_holds(i ? 0x30000 : 0x20000, workers[i].image.bytes, workers[i].image.len));
        free(workers[i].image.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(unknown_handles_are_not_found),
        FACT(end_without_a_byte_is_refused_and_frees_the_handle),
        FACT(every_damaged_byte_of_an_image_is_noticed),
        FACT(a_truncated_image_is_noticed_at_every_length),
        FACT(bytes_behind_the_image_do_no_harm),
        FACT(what_others_do_to_the_image_during_a_session_is_noticed),
        FACT(an_image_written_by_one_session_alone_is_not_read_a_second_time),
        FACT(end_and_abort_leave_the_boot_choice_alone),
        FACT(a_failing_sync_is_an_error_of_end),
        FACT(a_partition_table_is_verified_before_it_counts),
        FACT(a_bootloader_must_be_an_image),
        FACT(sessions_run_in_two_threads),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
