// Staged updates: what is refused before a byte is written, what happens after a cut, and records that nobody wrote.

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "ota_private.h"
#include "partition_table.h"
#include "staged_update.h"

#define SECTOR 4096u

// ----------------------------------------------------------------------- what is refused

static void the_final_partition_of_a_copy_is_checked_before_anything_is_written(void **state)
{
    (void)state;
    staged_start();
    const esp_partition_t *covering;
    assert_int_equal(
        esp_partition_register_external(NULL, 0x74000, 0x1000, "other", 0x40, 0, &covering),
        ESP_OK);
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("locked"), true),
                     ESP_ERR_NOT_ALLOWED);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_0"), true),
                     ESP_ERR_OTA_PARTITION_CONFLICT);
    esp_ota_handle_t other;
    assert_int_equal(esp_ota_begin(device_partition("ota_2"), OTA_WITH_SEQUENTIAL_WRITES, &other),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true),
                     ESP_ERR_OTA_ALREADY_IN_PROGRESS);
    assert_int_equal(esp_ota_abort(other), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true), ESP_OK);
    assert_int_equal(g_cut.operations, 0);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void more_than_the_final_partition_holds_is_refused_by_write(void **state)
{
    (void)state;
    staged_start();
    static uint8_t data[0x8000];
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("storage"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, data, sizeof(data)), ESP_OK);
    cut_chip_forget();
    assert_int_equal(esp_ota_write(handle, data, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(g_cut.operations, 0);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
}

static void without_room_for_a_record_nothing_is_copied(void **state)
{
    (void)state;
    staged_start();
    device_put_image("ota_2", "rollback");
    *device_bytes(0x4FFFF) = 0; // it has something up to its end
    memset(device_bytes(0x10000), 7, DEVICE_SLOT_SIZE);
    struct device_image image = staged_content(CONTENT_APP, 0xF800);
    const struct staged_scenario scenario = {.staging = "ota_1", .final = "factory"};
    assert_int_equal(staged_update(&scenario, image), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(*device_bytes(0x10000), 7);
    *device_bytes(0x40000) = 0; // now there is nothing to lose in ota_2
    assert_int_equal(staged_update(&scenario, image), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

static void a_scattered_image_is_copied_up_to_its_last_byte(void **state)
{
    (void)state;
    staged_start();
    struct device_image image = staged_content(CONTENT_APP, 9000);
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), image.len, &handle), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("factory"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes + 4000, image.len - 4000, 4000),
                     ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes, 4000, 0), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

// ----------------------------------------------------------------------- after a cut

/** An update from ota_1 to factory that is cut in the middle of its copy. */
static struct device_image leave_pending(void)
{
    staged_start();
    struct device_image image = staged_content(CONTENT_APP, 20000);
    const struct staged_scenario scenario = {.staging = "ota_1", .final = "factory"};
    assert_int_equal(staged_update(&scenario, image), ESP_OK);
    unsigned all = g_cut.operations;
    memset(device_bytes(0x10000), 0, DEVICE_SLOT_SIZE);
    staged_plan(all - 5, CUT_BITS);
    assert_int_equal(staged_update(&scenario, image), ESP_ERR_FLASH_OP_FAIL);
    assert_in_range(g_cut.address, 0x10000, 0x1FFFF);
    cut_chip_power_on();
    return image;
}

static void begin_completes_what_is_pending_in_its_partition(void **state)
{
    (void)state;
    const char *const labels[] = {"ota_1", "stage"};
    for (int i = 0; i < 2; i++) {
        struct device_image image = leave_pending();
        esp_ota_handle_t handle;
        assert_int_equal(esp_ota_begin(device_partition(labels[i]), 0, &handle), ESP_OK);
        bool is_new = device_holds(0x10000, image.bytes, image.len);
        assert_int_equal(is_new, i == 0);
        assert_int_equal(esp_ota_finish_pending_copy(), i == 0 ? ESP_ERR_NOT_FOUND : ESP_OK);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        free(image.bytes);
    }
}

static void begin_is_refused_while_the_copy_fails(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    esp_ota_handle_t handle = 5;
    staged_plan(1, CUT_BEFORE);
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, &handle), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(handle, 5);
    cut_chip_power_on();
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

static void staged_bytes_that_changed_are_not_copied(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    *device_bytes(0x30000 + 5000) ^= 1;
    uint64_t before = device_sum(0x10000, 0x20000);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_INVALID_CRC);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_true(device_sum(0x10000, 0x20000) == before);
    free(image.bytes);
}

static void the_running_partition_is_never_copied_over(void **state)
{
    (void)state;
    for (int is_same = 0; is_same < 2; is_same++) {
        struct device_image image = leave_pending();
        struct boot_handover handover = *boot_handover_get();
        handover.app_address = 0x10000;
        boot_handover_set(&handover);
        if (is_same) {
            device_put("factory", image.bytes, image.len);
        }
        uint64_t before = device_sum(0x10000, 0x20000);
        assert_int_equal(esp_ota_finish_pending_copy(),
                         is_same ? ESP_OK : ESP_ERR_OTA_PARTITION_CONFLICT);
        assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
        assert_true(device_sum(0x10000, 0x20000) == before);
        free(image.bytes);
    }
}

static void a_copy_that_no_longer_fits_the_table_is_given_up(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    esp_partition_info_t table[STAGED_TABLE_COUNT];
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    memcpy(table, g_staged_table, sizeof(g_staged_table));
    table[1].pos.size /= 2; // factory is smaller now
    assert_int_equal(partition_table_encode(table, STAGED_TABLE_COUNT, true, bytes), ESP_OK);
    device_put_plain(0x8000, bytes, sizeof(bytes));
    cut_chip_power_on();
    uint64_t before = device_sum(0x10000, 0x20000);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_true(device_sum(0x10000, 0x20000) == before);
    free(image.bytes);
}

static void a_session_on_the_staging_partition_holds_the_copy_back(void **state)
{
    (void)state;
    staged_start();
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("stage"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void a_pending_copy_keeps_the_journal_away(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    struct esp_ota_journal_identity identity = {0};
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress;
    const esp_partition_t *staging = device_partition("ota_1");
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_journal_load(staging, &journal, &progress), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_journal_clear(staging), ESP_OK);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_OK);
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_OK);
    free(image.bytes);
}

static void the_journal_of_the_download_ends_with_the_copy(void **state)
{
    (void)state;
    staged_start();
    struct device_image image = staged_content(CONTENT_APP, 9000);
    struct esp_ota_journal_identity identity = {.total_len = 9000};
    struct esp_ota_journal_progress progress = {.image_offset = 4096};
    struct esp_ota_journal journal;
    const esp_partition_t *staging = device_partition("ota_1");
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(
        staged_update(&(const struct staged_scenario){.staging = "ota_1", .final = "factory"},
                      image),
        ESP_OK);
    assert_int_equal(esp_ota_journal_load(staging, &journal, &progress), ESP_ERR_NOT_FOUND);
    free(image.bytes);
}

static void the_final_slot_needs_no_second_verification(void **state)
{
    (void)state;
    staged_start();
    struct device_image image = staged_content(CONTENT_APP, 30000);
    assert_int_equal(
        staged_update(&(const struct staged_scenario){.staging = "ota_1", .final = "ota_2"}, image),
        ESP_OK);
    atomic_store(&g_flash.is_unmapped, true);
    atomic_store(&g_flash.read_bytes, 0);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_2")), ESP_OK);
    assert_true(atomic_load(&g_flash.read_bytes) < 4096);
    assert_string_equal(device_boot(), "ota_2");
    free(image.bytes);
}

static void the_record_is_as_documented(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    uint8_t record[128];
    device_read(0x3E000, record, sizeof(record));
    if (memcmp(record, "OTAF", 4) != 0) {
        device_read(0x3F000, record, sizeof(record));
    }
    assert_memory_equal(record, "OTAF", 4);
    const uint32_t numbers[] = {image.len, 0x30000, 0x10000, 0x10000, 0x10000};
    assert_memory_equal(record + 4, "\x01\x00\x00\x00", 4);
    assert_memory_equal(record + 16, numbers, sizeof(numbers)); // both are little endian
    const uint8_t flags = device_is_encrypted() ? 1 : 0;
    const uint8_t places[] = {0x00, 0x11, flags, 0x00, 0x00, flags};
    assert_memory_equal(record + 36, places, sizeof(places));
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, image.bytes, image.len);
    esp_crypto.sha256_end(&hash, digest);
    assert_memory_equal(record + 52, digest, sizeof(digest));
    assert_memory_equal(record + 84, "ota_1\0\0\0\0\0\0\0\0\0\0\0factory\0\0\0\0\0\0\0\0\0", 32);
    free(image.bytes);
}

// ----------------------------------------------------------------------- forged records

static const char ERASED[16] = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

/** A slot full of bytes from the network that ends with a true record: copy me to factory. */
static uint8_t *forge(bool is_second_sector)
{
    struct device_image image = leave_pending();
    uint8_t *forged = malloc(DEVICE_SLOT_SIZE);
    assert_non_null(forged);
    device_read(0x30000, forged, DEVICE_SLOT_SIZE);
    for (uint32_t at = 0; at < DEVICE_SLOT_SIZE;
         at += 16) { // erased is 0xFF for who reads the record
        if (memcmp(device_bytes(0x30000 + at), ERASED, 16) == 0) {
            memcpy(forged + at, ERASED, 16);
        }
    }
    uint8_t *record = forged + DEVICE_SLOT_SIZE - 2 * SECTOR;
    if (memcmp(record, "OTAF", 4) != 0) {
        memcpy(record, record + SECTOR, SECTOR);
    }
    assert_memory_equal(record, "OTAF", 4);
    memset(record + SECTOR, 0x55, SECTOR);
    if (is_second_sector) {
        memcpy(record + SECTOR, record, SECTOR);
        memset(record, 0x55, SECTOR);
    }
    free(image.bytes);
    staged_start();
    return forged;
}

static void a_record_that_an_image_brings_along_is_refused(void **state)
{
    (void)state;
    const uint32_t steps[] = {1, 7, 4096, DEVICE_SLOT_SIZE};
    for (int second = 0; second < 2; second++) {
        for (size_t i = 0; i < 4; i++) {
            uint8_t *forged = forge(second);
            esp_ota_handle_t handle;
            assert_int_equal(
                esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                ESP_OK);
            esp_err_t err = esp_ota_write(handle, forged, steps[i] == 1 ? 0xD000 : 1);
            for (uint32_t at = steps[i] == 1 ? 0xD000 : 1; at < DEVICE_SLOT_SIZE && err == ESP_OK;
                 at += steps[i]) {
                uint32_t left = DEVICE_SLOT_SIZE - at;
                err = esp_ota_write(handle, forged + at, left < steps[i] ? left : steps[i]);
            }
            assert_int_equal(err, ESP_ERR_OTA_VALIDATE_FAILED);
            assert_int_equal(esp_ota_abort(handle), ESP_OK);
            assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
            free(forged);
        }
    }
}

static void a_record_that_comes_in_pieces_is_refused_with_the_last_one(void **state)
{
    (void)state;
    uint8_t *forged = forge(false);
    uint32_t tail = DEVICE_SLOT_SIZE - 2 * SECTOR;
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, forged, tail, 0), ESP_OK);
    uint32_t unit = device_is_encrypted() ? 16 : 4;
    uint32_t last = 288 - unit;
    assert_int_equal(
        esp_ota_write_with_offset(handle, forged + tail + unit, last - unit, tail + unit), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, forged + tail + last, unit, tail + last),
                     ESP_ERR_OTA_VALIDATE_FAILED); // only the magic is missing
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(forged);
}

static void no_cut_makes_a_record_of_almost_one(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION() // there even almost one is refused
    for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
        for (unsigned cut_at = 1, is_cut = 1; is_cut; cut_at++) {
            uint8_t *forged = forge(true);
            forged[DEVICE_SLOT_SIZE - SECTOR] &= (uint8_t)~1; // two bits that may not have
            forged[DEVICE_SLOT_SIZE - SECTOR + 4] = 0;        // fallen when the power goes
            esp_ota_handle_t handle;
            staged_plan(cut_at, (enum cut_variant)variant);
            esp_err_t err =
                esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle);
            if (err == ESP_OK) {
                err = esp_ota_write(handle, forged, DEVICE_SLOT_SIZE);
                assert_int_equal(esp_ota_abort(handle), ESP_OK);
            }
            is_cut = g_cut.is_off;
            assert_int_equal(err, is_cut ? ESP_ERR_FLASH_OP_FAIL : ESP_OK);
            cut_chip_power_on();
            assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
            free(forged);
        }
    }
}

static void a_copy_brings_no_record_along(void **state)
{
    (void)state;
    uint8_t *forged = forge(true);
    forged[0] = 'd';
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("stage"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, forged, DEVICE_SLOT_SIZE), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(
        ota_finalize_copy(device_partition("stage"), device_partition("ota_1"), DEVICE_SLOT_SIZE),
        ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    free(forged);
}

#define TEST(name) cmocka_unit_test_teardown(name, device_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_final_partition_of_a_copy_is_checked_before_anything_is_written),
        TEST(more_than_the_final_partition_holds_is_refused_by_write),
        TEST(without_room_for_a_record_nothing_is_copied),
        TEST(a_scattered_image_is_copied_up_to_its_last_byte),
        TEST(begin_completes_what_is_pending_in_its_partition),
        TEST(begin_is_refused_while_the_copy_fails),
        TEST(staged_bytes_that_changed_are_not_copied),
        TEST(the_running_partition_is_never_copied_over),
        TEST(a_copy_that_no_longer_fits_the_table_is_given_up),
        TEST(a_session_on_the_staging_partition_holds_the_copy_back),
        TEST(a_pending_copy_keeps_the_journal_away),
        TEST(the_journal_of_the_download_ends_with_the_copy),
        TEST(the_final_slot_needs_no_second_verification),
        TEST(the_record_is_as_documented),
        TEST(a_record_that_an_image_brings_along_is_refused),
        TEST(a_record_that_comes_in_pieces_is_refused_with_the_last_one),
        TEST(no_cut_makes_a_record_of_almost_one),
        TEST(a_copy_brings_no_record_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
