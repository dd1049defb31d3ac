// How a session begins: what is refused, what is erased, from where it goes on, and what it is meant for.

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

static void dirty(const char *label)
{
    const esp_partition_t *partition = device_partition(label);
    memset(device_bytes(partition->address), 0, partition->size);
}

static void begin_needs_a_partition_and_room_for_the_handle(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(NULL, 0, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, NULL), ESP_ERR_INVALID_ARG);
}

static void begin_refuses_a_partition_that_is_not_in_the_table(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_partition_t foreign = *device_partition("ota_1");
    foreign.address += SECTOR;
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(&foreign, 0, &handle), ESP_ERR_NOT_FOUND);
}

static void begin_accepts_a_copy_of_a_table_entry(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_partition_t copy = *device_partition("ota_1");
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(&copy, 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void begin_refuses_apps_that_are_no_slots_even_when_they_run(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    assert_int_equal(try_begin("factory", 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(try_begin("test", 0), ESP_ERR_INVALID_ARG);
}

static void begin_refuses_the_running_slot_before_it_looks_at_its_state(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0", .rollback = true);
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(try_begin("ota_0", 0), ESP_ERR_OTA_PARTITION_CONFLICT);
    assert_int_equal(try_begin("ota_1", 0), ESP_ERR_OTA_ROLLBACK_INVALID_STATE);
    assert_int_equal(g_flash.operations, 0);
}

static void begin_looks_at_the_state_only_with_rollback(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
}

static void begin_of_data_needs_no_confirmed_application(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0", .rollback = true);
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(try_begin("storage", 0), ESP_OK);
}

static void one_partition_has_one_session_at_a_time(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    esp_ota_handle_t first = begin("ota_0", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(try_begin("ota_0", 0), ESP_ERR_OTA_ALREADY_IN_PROGRESS);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
    assert_int_equal(esp_ota_abort(first), ESP_OK);
    assert_int_equal(try_begin("ota_0", 0), ESP_OK);
}

static void the_final_partition_of_a_session_is_taken_too(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    esp_ota_handle_t handle = begin("storage", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_1"), false), ESP_OK);
    assert_int_equal(try_begin("ota_1", 0), ESP_ERR_OTA_ALREADY_IN_PROGRESS);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void handles_count_up(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    esp_ota_handle_t first = begin("ota_0", OTA_WITH_SEQUENTIAL_WRITES);
    esp_ota_handle_t second = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
    assert_int_equal(second, first + 1);
    assert_int_equal(esp_ota_abort(first), ESP_OK);
    assert_int_equal(esp_ota_abort(second), ESP_OK);
}

static void begin_erases_what_the_size_says(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint32_t erased;
    } ROWS[] = {
        {0, DEVICE_SLOT_SIZE},
        {OTA_SIZE_UNKNOWN, DEVICE_SLOT_SIZE},
        {OTA_WITH_SEQUENTIAL_WRITES, 0},
        {1, SECTOR},
        {SECTOR, SECTOR},
        {SECTOR + 1, 2 * SECTOR},
        {DEVICE_SLOT_SIZE - 1, DEVICE_SLOT_SIZE},
        {DEVICE_SLOT_SIZE, DEVICE_SLOT_SIZE},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("image_size 0x%zx\n", ROWS[i].size);
        DEVICE_START(.running = "ota_0");
        dirty("ota_1");
        assert_int_equal(try_begin("ota_1", ROWS[i].size), ESP_OK);
        assert_int_equal(g_flash.erased_bytes, ROWS[i].erased);
        for (uint32_t at = 0; at < DEVICE_SLOT_SIZE; at += 64) {
            assert_int_equal(*device_bytes(0x30000 + at), at < ROWS[i].erased ? 0xFF : 0);
        }
    }
}

static void begin_refuses_a_size_beyond_the_partition_and_erases_nothing(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    assert_int_equal(try_begin("ota_1", DEVICE_SLOT_SIZE + 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(try_begin("ota_1", 0xFFFFFFFD), ESP_ERR_INVALID_SIZE);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
}

static void a_failed_erase_frees_the_session_and_does_not_lock_the_partition(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    g_flash.fail_at = 1;
    assert_int_equal(try_begin("ota_1", 0), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
}

static void begin_of_a_read_only_partition_is_refused_and_leaves_no_session(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    assert_int_equal(try_begin("locked", 0), ESP_ERR_NOT_ALLOWED);
    assert_int_equal(try_begin("locked", 0), ESP_ERR_NOT_ALLOWED);
}

static void begin_with_rollback_erases_the_record_of_the_image_it_replaces(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0", .rollback = true);
    device_put_record(0, 3, ESP_OTA_IMG_VALID);
    device_put_record(1, 2, ESP_OTA_IMG_VALID);
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
    assert_int_equal(device_record(0).ota_seq, 3);
    assert_int_equal(device_record(1).ota_seq, UINT32_MAX);
}

static void begin_without_rollback_leaves_otadata_alone(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_record(0, 3, ESP_OTA_IMG_VALID);
    device_put_record(1, 2, ESP_OTA_IMG_VALID);
    uint64_t choice = device_choice();
    assert_int_equal(try_begin("ota_1", 0), ESP_OK);
    assert_true(device_choice() == choice);
}

// ----------------------------------------------------------------------- resume

static void resume_goes_on_where_the_image_was_cut(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 20000);
    const uint32_t cuts[] = {1, 16, SECTOR - 1, SECTOR, SECTOR + 1, 3 * SECTOR, image.len - 1};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        print_message("cut at %u\n", cuts[i]);
        dirty("ota_1");
        esp_ota_handle_t handle = begin("ota_1", OTA_WITH_SEQUENTIAL_WRITES);
        assert_int_equal(esp_ota_write(handle, image.bytes, cuts[i]), ESP_OK);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        device_forget();
        assert_int_equal(
            esp_ota_resume(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, cuts[i], &handle),
            ESP_OK);
        assert_int_equal(g_flash.operations, 0);
        assert_int_equal(esp_ota_write(handle, image.bytes + cuts[i], image.len - cuts[i]), ESP_OK);
        assert_int_equal(esp_ota_end(handle), ESP_OK);
    }
    free(image.bytes);
}

static void a_resumed_image_is_verified_from_its_first_byte(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    device_put("ota_1", image.bytes, SECTOR);
    *device_bytes(0x30000 + 700) ^= 1;
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_resume(device_partition("ota_1"), 0, SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes + SECTOR, image.len - SECTOR), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    free(image.bytes);
}

static void resume_checks_as_begin_does(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0", .rollback = true);
    esp_ota_handle_t handle = 77;
    const esp_partition_t *slot = device_partition("ota_1");
    esp_partition_t foreign = *slot;
    foreign.size -= SECTOR;
    assert_int_equal(esp_ota_resume(NULL, 0, 0, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume(slot, 0, 0, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume(&foreign, 0, DEVICE_SLOT_SIZE, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume(&foreign, 0, 0, &handle), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_resume(slot, 0, DEVICE_SLOT_SIZE + 1, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume(device_partition("factory"), 0, 0, &handle),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume(device_partition("ota_0"), 0, 0, &handle),
                     ESP_ERR_OTA_PARTITION_CONFLICT);
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(esp_ota_resume(slot, 0, 0, &handle), ESP_ERR_OTA_ROLLBACK_INVALID_STATE);
    assert_int_equal(handle, 77);
}

static void resume_at_the_end_of_the_partition_takes_no_more_bytes(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_resume(device_partition("ota_1"), 0, DEVICE_SLOT_SIZE, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, "x", 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_INVALID_ARG);
}

// ----------------------------------------------------------------------- final partition

static void the_final_partition_is_checked_in_order(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    const esp_partition_t *staging = device_partition("ota_1");
    esp_partition_t foreign = *device_partition("factory");
    foreign.size -= SECTOR;
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_set_final_partition(handle + 9, NULL, false), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_set_final_partition(handle + 9, &foreign, false), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_set_final_partition(handle, staging, true), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, &foreign, false), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_write(handle, "\xE9", 1), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, &foreign, false), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void the_final_partition_can_be_named_after_resuming(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_resume(device_partition("ota_1"), 0, SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "abc", 3), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("storage"), false),
                     ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void the_final_type_decides_about_the_first_bytes(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("storage"), false),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, "hello", 5), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    handle = begin("storage", 0);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_1"), false), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "hello", 5), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void a_verified_image_is_copied_to_the_final_partition(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    dirty("factory");
    struct device_image image = DEVICE_IMAGE(.len = 9000, .version = "copy");
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("factory"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

static void a_damaged_image_is_not_copied(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    dirty("factory");
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    image.bytes[5000] ^= 1;
    esp_ota_handle_t handle = begin("ota_1", 0);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("factory"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(*device_bytes(0x10000), 0);
    free(image.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(begin_needs_a_partition_and_room_for_the_handle),
        FACT(begin_refuses_a_partition_that_is_not_in_the_table),
        FACT(begin_accepts_a_copy_of_a_table_entry),
        FACT(begin_refuses_apps_that_are_no_slots_even_when_they_run),
        FACT(begin_refuses_the_running_slot_before_it_looks_at_its_state),
        FACT(begin_looks_at_the_state_only_with_rollback),
        FACT(begin_of_data_needs_no_confirmed_application),
        FACT(one_partition_has_one_session_at_a_time),
        FACT(the_final_partition_of_a_session_is_taken_too),
        FACT(handles_count_up),
        FACT(begin_erases_what_the_size_says),
        FACT(begin_refuses_a_size_beyond_the_partition_and_erases_nothing),
        FACT(a_failed_erase_frees_the_session_and_does_not_lock_the_partition),
        FACT(begin_of_a_read_only_partition_is_refused_and_leaves_no_session),
        FACT(begin_with_rollback_erases_the_record_of_the_image_it_replaces),
        FACT(begin_without_rollback_leaves_otadata_alone),
        FACT(resume_goes_on_where_the_image_was_cut),
        FACT(a_resumed_image_is_verified_from_its_first_byte),
        FACT(resume_checks_as_begin_does),
        FACT(resume_at_the_end_of_the_partition_takes_no_more_bytes),
        FACT(the_final_partition_is_checked_in_order),
        FACT(the_final_partition_can_be_named_after_resuming),
        FACT(the_final_type_decides_about_the_first_bytes),
        FACT(a_verified_image_is_copied_to_the_final_partition),
        FACT(a_damaged_image_is_not_copied),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
