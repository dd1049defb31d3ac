// What is erased, in which units, and what is left alone.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"

#define SECTOR 4096u
#define SLOT   0x30000u // ota_1 of the device: 64 KiB, the last two sectors for a journal
#define PIECE  8192u

static void fill_slot(uint8_t value)
{
    memset(device_bytes(SLOT), value, DEVICE_SLOT_SIZE);
}

static esp_ota_handle_t begin(uint32_t image_size, uint32_t erase_size_max)
{
    esp_ota_handle_t handle = 0;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_tune(handle, &(esp_ota_tuning_t){.image_size = image_size,
                                                              .erase_size_max = erase_size_max}),
                     ESP_OK);
    device_forget();
    return handle;
}

static void write_all(esp_ota_handle_t handle, struct device_image image, uint32_t piece)
{
    for (uint32_t at = 0; at < image.len; at += piece) {
        uint32_t len = image.len - at < piece ? image.len - at : piece;
        assert_int_equal(esp_ota_write(handle, image.bytes + at, len), ESP_OK);
    }
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_memory_equal(device_bytes(SLOT), image.bytes, image.len);
}

static void the_largest_unit_that_fits_is_erased(void **state)
{
    (void)state;
    static const struct {
        uint32_t image_size; // 0: not told
        uint32_t erase_size_max;
        unsigned erases;
        uint32_t erased_bytes;
    } ROWS[] = {
        {0, 0, 2, 0x9000},           // one unit of 32 KiB, then none fits in front of the journal
        {0x8800, 0, 2, 0x9000},      // 32 KiB and the sector behind
        {0x8800, SECTOR, 9, 0x9000}, // as small as asked for
        {0x8800, 0x8000, 2, 0x9000},
    };
    struct device_image image = DEVICE_IMAGE(.len = 0x8800, .seed = 3);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        DEVICE_START(.running = "ota_0");
        fill_slot(0);
        write_all(begin(ROWS[i].image_size, ROWS[i].erase_size_max), image, PIECE);
        assert_int_equal(g_flash.erases, ROWS[i].erases);
        assert_int_equal(g_flash.erased_bytes, ROWS[i].erased_bytes);
    }
    free(image.bytes);
}

static void what_was_erased_since_the_power_came_on_is_not_erased_again(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8800, .seed = 3);
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    assert_int_equal(esp_partition_erase_range(device_partition("ota_1"), 0, DEVICE_SLOT_SIZE),
                     ESP_OK);
    write_all(begin(image.len, 0), image, 1000);
    assert_int_equal(g_flash.erases, 0);
    write_all(begin(image.len, 0), image, 1000); // programmed by now
    assert_int_equal(g_flash.erased_bytes, 0x9000);
    free(image.bytes);
}

static void only_as_much_as_was_erased_counts_as_erased(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8800, .seed = 3);
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    const esp_partition_t *slot = device_partition("ota_1");
    assert_int_equal(esp_partition_erase_range(slot, 0, 2 * SECTOR), ESP_OK);
    assert_int_equal(esp_partition_erase_range(slot, 4 * SECTOR, 2 * SECTOR), ESP_OK);
    write_all(begin(image.len, 0), image, 1000); // of the two ranges one is remembered
    assert_int_equal(g_flash.erased_bytes, 0x7000);
    free(image.bytes);
}

static void what_looks_blank_is_erased_because_a_cut_may_have_left_it_so(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8800, .seed = 3);
    for (int is_unmapped = 0; is_unmapped <= 1; is_unmapped++) {
        DEVICE_START(.running = "ota_0");
        fill_slot(0xFF);
        esp_ota_handle_t handle = begin(image.len, 0);
        g_flash.is_unmapped = is_unmapped;
        write_all(handle, image, 1000);
        assert_int_equal(g_flash.erased_bytes, 0x9000);
    }
    free(image.bytes);
}

static void where_no_write_was_ever_cut_blank_and_equal_sectors_are_used_as_they_are(void **state)
{
    (void)state;
    static const struct {
        bool is_right;   // the slot holds the image but for two sectors; otherwise it is blank
        uint32_t erased; // bytes
        unsigned programs;
    } ROWS[] = {{false, 0, 8}, {true, 2 * SECTOR, 2}};
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    esp_ota_tuning_t tuning = {
        .image_size = image.len, .erase_size_max = SECTOR, .is_settled = true};
    for (int i = 0; i < 4; i++) {
        DEVICE_START(.running = "ota_0");
        fill_slot(0xFF);
        if (ROWS[i / 2].is_right) {
            device_put("ota_1", image.bytes, image.len);
            *device_bytes(SLOT + 3 * SECTOR + 9) ^= 1;
            *device_bytes(SLOT + 6 * SECTOR + SECTOR - 1) ^= 1;
        }
        esp_ota_handle_t handle = begin(0, 0);
        g_flash.is_unmapped = i % 2;
        assert_int_equal(esp_ota_tune(handle, &tuning), ESP_OK);
        write_all(handle, image, PIECE);
        assert_int_equal(g_flash.erased_bytes, ROWS[i / 2].erased);
        assert_int_equal(g_flash.programs, ROWS[i / 2].programs);
    }
    free(image.bytes);
}

static void a_blank_sector_of_an_image_is_erased_though_it_looks_right(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    memset(image.bytes + 2 * SECTOR, 0xFF,
           SECTOR); // its digest is wrong then, which nobody asks for here
    DEVICE_START(.running = "ota_0");
    device_put("ota_1", image.bytes, image.len);
    esp_ota_handle_t handle = begin(image.len, SECTOR);
    assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
    assert_int_equal(g_flash.erased_bytes, SECTOR);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(image.bytes);
}

static void an_image_that_is_there_already_is_not_erased_but_programmed_once_more(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    assert_int_equal(image.len % SECTOR, 0);
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    device_put("ota_1", image.bytes, image.len);
    write_all(begin(image.len, 0), image, PIECE);
    assert_int_equal(g_flash.erases, 0);
    assert_int_equal(g_flash.programs, image.len / PIECE);
    free(image.bytes);
}

static void
only_sectors_that_changed_are_written_where_the_beginning_of_a_unit_was_kept(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    DEVICE_START(.running = "ota_0");
    device_put("ota_1", image.bytes, image.len);
    *device_bytes(SLOT + 3 * SECTOR + 9) ^= 1;
    *device_bytes(SLOT + 6 * SECTOR + SECTOR - 1) ^= 1;
    write_all(begin(image.len, 0), image, PIECE);
    assert_int_equal(g_flash.erased_bytes, 2 * SECTOR);
    free(image.bytes);
}

static void every_byte_of_a_sector_is_compared(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 2 * SECTOR, .seed = 3);
    for (uint32_t at = 0; at < image.len; at += 63) {
        DEVICE_START(.running = "ota_0");
        device_put("ota_1", image.bytes, image.len);
        *device_bytes(SLOT + at) ^= 0x10;
        write_all(begin(image.len, 0), image, PIECE);
        assert_in_range(g_flash.erased_bytes, SECTOR, 2 * SECTOR);
    }
    free(image.bytes);
}

// Whoever says that no write was ever cut is believed less than the journal.
static void what_a_power_cut_may_have_left_is_erased_whatever_it_looks_like(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    struct esp_ota_journal journal;
    struct esp_ota_journal_identity identity = {.total_len = image.len};
    struct esp_ota_journal_progress progress = {.image_offset = SECTOR};
    for (int is_settled = 0; is_settled <= 1; is_settled++) {
        DEVICE_START(.running = "ota_0");
        device_put("ota_1", image.bytes, image.len);
        assert_int_equal(
            esp_ota_journal_begin(device_partition("ota_1"), image.len, &identity, &journal),
            ESP_OK);
        assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
        esp_ota_handle_t handle = begin(0, 0);
        esp_ota_tuning_t tuning = {.image_size = image.len, .is_settled = is_settled};
        assert_int_equal(esp_ota_tune(handle, &tuning), ESP_OK);
        write_all(handle, image, PIECE);
        assert_int_equal(g_flash.erased_bytes, 0x8000);
    }
    free(image.bytes);
}

static void a_journal_beside_the_image_costs_no_second_pass(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    struct esp_ota_journal journal;
    struct esp_ota_journal_identity identity = {.total_len = image.len};
    struct esp_ota_journal_progress progress = {.image_offset = SECTOR};
    DEVICE_START(.running = "ota_0");
    esp_ota_handle_t handle = begin(image.len, SECTOR);
    assert_int_equal(esp_ota_write(handle, image.bytes, SECTOR), ESP_OK);
    assert_int_equal(
        esp_ota_journal_begin(device_partition("ota_1"), image.len, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes + SECTOR, image.len - SECTOR), ESP_OK);
    device_forget();
    g_flash.is_unmapped = true;
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_int_equal(g_flash.read_bytes, 0);
    free(image.bytes);
}

static void erasing_ahead_goes_one_unit_at_a_time_and_not_behind_the_image(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x9800, .seed = 3);
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    esp_ota_handle_t handle = begin(0, 0);
    esp_ota_tuning_t tuning = {.image_size = image.len, .erase_ahead = DEVICE_SLOT_SIZE};
    assert_int_equal(esp_ota_tune(handle, &tuning), ESP_OK);
    static const uint32_t ERASED[] = {0x8000, 0x9000, 0xA000};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(esp_ota_erase_ahead(handle), ESP_OK);
        assert_int_equal(g_flash.erased_bytes, ERASED[i]);
    }
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_ERR_NOT_FOUND);
    write_all(handle, image, 1000);
    assert_int_equal(g_flash.erased_bytes, 0xA000);
    free(image.bytes);
}

static void erasing_ahead_ends_where_it_is_told_to(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    esp_ota_handle_t handle = begin(0, SECTOR);
    esp_ota_tuning_t tuning = {.erase_size_max = SECTOR, .erase_ahead = 2 * SECTOR};
    assert_int_equal(esp_ota_tune(handle, &tuning), ESP_OK);
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_OK);
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_OK);
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void nothing_is_erased_ahead_as_long_as_the_slot_may_hold_the_image(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    DEVICE_START(.running = "ota_0");
    device_put("ota_1", image.bytes, image.len);
    esp_ota_handle_t handle = begin(image.len, 0);
    assert_int_equal(esp_ota_write(handle, image.bytes, PIECE), ESP_OK);
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_ERR_NOT_FOUND);
    assert_int_equal(g_flash.erases, 0);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(image.bytes);
}

static void the_first_unit_is_erased_ahead(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    esp_ota_handle_t handle = begin(0x9800, 0);
    assert_int_equal(esp_ota_erase_ahead(handle), ESP_OK);
    assert_int_equal(g_flash.erased_bytes, 0x8000);
    assert_int_equal(esp_ota_erase_ahead(handle),
                     ESP_ERR_NOT_FOUND); // the next one is not certain yet
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void count_call(void *context)
{
    ++*(unsigned *)context;
}

static void others_get_their_turn_between_flash_operations(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 0x8000, .seed = 3);
    DEVICE_START(.running = "ota_0");
    fill_slot(0);
    unsigned calls = 0;
    esp_ota_handle_t handle = begin(0, 0);
    esp_ota_tuning_t tuning = {.image_size = image.len,
                               .erase_size_max = SECTOR,
                               .yield = count_call,
                               .yield_context = &calls};
    assert_int_equal(esp_ota_tune(handle, &tuning), ESP_OK);
    write_all(handle, image, image.len);
    assert_int_equal(g_flash.erases, 8);
    assert_int_equal(calls, g_flash.erases + g_flash.programs);
    free(image.bytes);
}

static void unknown_handles_are_refused(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_ota_tuning_t tuning = {0};
    assert_int_equal(esp_ota_tune(99, &tuning), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_erase_ahead(99), ESP_ERR_INVALID_ARG);
    esp_ota_handle_t handle = begin(0, 0);
    assert_int_equal(esp_ota_tune(handle, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

#define TEST(f) cmocka_unit_test_teardown(f, device_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_largest_unit_that_fits_is_erased),
        TEST(what_was_erased_since_the_power_came_on_is_not_erased_again),
        TEST(only_as_much_as_was_erased_counts_as_erased),
        TEST(what_looks_blank_is_erased_because_a_cut_may_have_left_it_so),
        TEST(where_no_write_was_ever_cut_blank_and_equal_sectors_are_used_as_they_are),
        TEST(a_blank_sector_of_an_image_is_erased_though_it_looks_right),
        TEST(an_image_that_is_there_already_is_not_erased_but_programmed_once_more),
        TEST(only_sectors_that_changed_are_written_where_the_beginning_of_a_unit_was_kept),
        TEST(every_byte_of_a_sector_is_compared),
        TEST(what_a_power_cut_may_have_left_is_erased_whatever_it_looks_like),
        TEST(a_journal_beside_the_image_costs_no_second_pass),
        TEST(erasing_ahead_goes_one_unit_at_a_time_and_not_behind_the_image),
        TEST(the_first_unit_is_erased_ahead),
        TEST(erasing_ahead_ends_where_it_is_told_to),
        TEST(nothing_is_erased_ahead_as_long_as_the_slot_may_hold_the_image),
        TEST(others_get_their_turn_between_flash_operations),
        TEST(unknown_handles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
