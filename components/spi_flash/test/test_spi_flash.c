// The NOR rules between callers and a driver.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "flash_ops.h"
#include "nor_flash.h"

#define CHIP_SIZE (256u * 1024)

struct seen {
    uint32_t units[16];
    unsigned count;
};

static int open_chip(void **state)
{
    esp_flash_t *chip = NULL;
    assert_int_equal(nor_flash_open_in_memory(CHIP_SIZE, &chip), ESP_OK);
    *state = chip;
    return 0;
}

static int close_chip(void **state)
{
    nor_flash_close(*state);
    return 0;
}

static void note_erase(void *context, enum nor_flash_op op, uint32_t address, uint32_t len)
{
    (void)address;
    struct seen *seen = context;
    if (op == NOR_FLASH_ERASE && seen->count < 16) {
        seen->units[seen->count++] = len;
    }
}

static void erases_in_the_largest_units_that_fit(void **state)
{
    struct seen seen = {0};
    nor_flash_observe(*state, note_erase, &seen);
    // 4 KiB up to a 32 KiB boundary, 32 KiB up to a 64 KiB boundary, 64 KiB, and back down.
    assert_int_equal(esp_flash_erase_region(*state, 0x7000, 0x1000 + 0x8000 + 0x10000 + 0x9000),
                     ESP_OK);
    const uint32_t expected[] = {0x1000, 0x8000, 0x10000, 0x8000, 0x1000};
    assert_int_equal(seen.count, 5);
    assert_memory_equal(seen.units, expected, sizeof(expected));
}

static esp_err_t fail_erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    (void)address;
    (void)unit;
    return ESP_ERR_FLASH_OP_FAIL;
}

static void what_was_erased_is_known_until_it_is_programmed(void **state)
{
    static const struct {
        const char *what;
        char op; // e: erase, p: program, f: an erase that fails
        uint32_t address;
        uint32_t len;
        uint32_t from; // what is known then
        uint32_t to;
    } ROWS[] = {
        {"nothing, although it reads as blank", 'p', 0x30000, 1, 0, 0},
        {"an erase", 'e', 0x10000, 0x10000, 0x10000, 0x20000},
        {"the end of it is programmed", 'p', 0x1F000, 256, 0x10000, 0x1F000},
        {"the beginning", 'p', 0x10000, 16, 0x10010, 0x1F000},
        {"both sides of a program: the larger stays", 'p', 0x12000, 4096, 0x13000, 0x1F000},
        {"elsewhere", 'p', 0x30000, 16, 0x13000, 0x1F000},
        {"a smaller one elsewhere", 'e', 0x2000, 0x1000, 0x13000, 0x1F000},
        {"one next to it", 'e', 0x1F000, 0x2000, 0x13000, 0x21000},
        {"one across its beginning", 'e', 0x12000, 0x2000, 0x12000, 0x21000},
        {"a larger one elsewhere", 'e', 0x30000, 0x10000, 0x30000, 0x40000},
        {"a failing one", 'f', 0x38000, 0x1000, 0x30000, 0x38000},
    };
    esp_flash_t *chip = *state;
    uint8_t zeros[4096] = {0};
    struct flash_ops failing = *chip->ops;
    const struct flash_ops *working = chip->ops;
    failing.erase = fail_erase;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("%s\n", ROWS[i].what);
        chip->ops = ROWS[i].op == 'f' ? &failing : working;
        esp_err_t err = ROWS[i].op == 'p'
                            ? esp_flash_write(chip, zeros, ROWS[i].address, ROWS[i].len)
                            : esp_flash_erase_region(chip, ROWS[i].address, ROWS[i].len);
        assert_int_equal(err, ROWS[i].op == 'f' ? ESP_ERR_FLASH_OP_FAIL : ESP_OK);
        assert_int_equal(flash_erased_len(chip, ROWS[i].from), ROWS[i].to - ROWS[i].from);
        assert_int_equal(flash_erased_len(chip, ROWS[i].from - 1), 0);
        assert_int_equal(flash_erased_len(chip, ROWS[i].to), 0);
    }
    chip->ops = working;
}

static void refuses_ranges_that_leave_the_chip(void **state)
{
    uint8_t byte = 0;
    assert_int_equal(esp_flash_read(*state, &byte, CHIP_SIZE, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_read(*state, &byte, UINT32_MAX, 2), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_write(*state, &byte, CHIP_SIZE - 1, 2), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_erase_region(*state, CHIP_SIZE - 4096, 8192), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_read(*state, &byte, CHIP_SIZE, 0), ESP_OK);
    assert_null(flash_map(*state, CHIP_SIZE - 1, 2));
}

static void refuses_erasing_off_a_sector_boundary(void **state)
{
    assert_int_equal(esp_flash_erase_region(*state, 1, 4096), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_flash_erase_region(*state, 0, 4095), ESP_ERR_INVALID_ARG);
}

static void answers_not_initialised_without_a_chip(void **state)
{
    (void)state;
    uint8_t byte;
    uint32_t size;
    assert_int_equal(esp_flash_read(NULL, &byte, 0, 1), ESP_ERR_FLASH_NOT_INITIALISED);
    assert_int_equal(esp_flash_get_size(NULL, &size), ESP_ERR_FLASH_NOT_INITIALISED);
    assert_int_equal(esp_flash_sync(NULL), ESP_ERR_FLASH_NOT_INITIALISED);
}

static void uses_the_default_chip_for_null(void **state)
{
    uint32_t size = 0;
    esp_flash_default_chip = *state;
    assert_int_equal(esp_flash_get_size(NULL, &size), ESP_OK);
    assert_int_equal(size, CHIP_SIZE);
    esp_flash_default_chip = NULL;
}

static void a_watch_notices_writes_and_erases_inside_its_range_only(void **state)
{
    struct flash_watch watch = {.address = 0x2000, .len = 0x1000};
    uint8_t byte = 0x55;
    flash_watch_start(*state, &watch);
    assert_int_equal(esp_flash_write(*state, &byte, 0x1FFF, 1), ESP_OK);
    assert_int_equal(esp_flash_erase_region(*state, 0x3000, 0x1000), ESP_OK);
    assert_false(watch.touched);
    assert_int_equal(esp_flash_write(*state, &byte, 0x2FFF, 1), ESP_OK);
    assert_true(watch.touched);
    flash_watch_stop(*state, &watch);

    flash_watch_start(*state, &watch);
    assert_false(watch.touched);
    assert_int_equal(esp_flash_erase_region(*state, 0, 0x10000), ESP_OK);
    assert_true(watch.touched);
    flash_watch_stop(*state, &watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(erases_in_the_largest_units_that_fit, open_chip,
                                        close_chip),
        cmocka_unit_test_setup_teardown(what_was_erased_is_known_until_it_is_programmed, open_chip,
                                        close_chip),
        cmocka_unit_test_setup_teardown(refuses_ranges_that_leave_the_chip, open_chip, close_chip),
        cmocka_unit_test_setup_teardown(refuses_erasing_off_a_sector_boundary, open_chip,
                                        close_chip),
        cmocka_unit_test(answers_not_initialised_without_a_chip),
        cmocka_unit_test_setup_teardown(uses_the_default_chip_for_null, open_chip, close_chip),
        cmocka_unit_test_setup_teardown(a_watch_notices_writes_and_erases_inside_its_range_only,
                                        open_chip, close_chip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
