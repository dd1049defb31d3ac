// Every operation costs what the part's table says, and reaches the chip below.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nor_flash.h"
#include "nor_timed.h"

#define CHIP_SIZE (256u * 1024)
#define US        VIRTUAL_NS_PER_US

// Figures that tell which of them was used.
static const struct nor_part PART = {.name = "test part",
                                     .source = "made up",
                                     .size = CHIP_SIZE,
                                     .program_page = {100, 900},
                                     .erase_4k = {2000, 30000},
                                     .erase_32k = {5000, 60000},
                                     .erase_64k = {7000, 80000},
                                     .bus_bytes_per_us = 64};

struct noted {
    int count;
    enum nor_activity activity;
    uint64_t start_ns;
    uint64_t end_ns;
    uint32_t address;
    uint32_t len;
};

struct fixture {
    struct virtual_clock clock;
    struct nor_part part;
    struct nor_timed_config config;
    struct noted noted;
    esp_flash_t *memory;
    esp_flash_t *chip;
};

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    fixture.part = PART;
    fixture.config = (struct nor_timed_config){.part = &fixture.part, .clock = &fixture.clock};
    assert_int_equal(nor_flash_open_in_memory(CHIP_SIZE, &fixture.memory), ESP_OK);
    fixture.config.chip = fixture.memory;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    nor_timed_close(fixture->chip);
    nor_flash_close(fixture->memory);
    return 0;
}

static void open_chip(struct fixture *fixture)
{
    assert_int_equal(nor_timed_open(&fixture->config, &fixture->chip), ESP_OK);
}

// What an erase of one unit takes.
static uint64_t erase_ns(struct fixture *fixture, uint32_t address, uint32_t unit)
{
    uint64_t before = fixture->clock.now_ns;
    assert_int_equal(fixture->chip->ops->erase(fixture->chip, address, unit), ESP_OK);
    return fixture->clock.now_ns - before;
}

static void note(void *context, enum nor_activity activity, uint64_t start_ns, uint64_t end_ns,
                 uint32_t address, uint32_t len)
{
    struct noted *noted = context;
    *noted = (struct noted){noted->count + 1, activity, start_ns, end_ns, address, len};
}

static void programming_costs_pages_and_their_transfer(void **state)
{
    static const struct {
        uint32_t address;
        uint32_t len;
        uint32_t pages;
    } CASES[] = {{0, 256, 1},  {256, 512, 2},    {1024, 1, 1},  {1279, 2, 2},
                 {2047, 1, 1}, {2048, 4096, 16}, {8191, 258, 3}};
    struct fixture *fixture = *state;
    uint8_t zeros[4096] = {0};
    open_chip(fixture);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        uint64_t before = fixture->clock.now_ns;
        assert_int_equal(
            fixture->chip->ops->program(fixture->chip, zeros, CASES[i].address, CASES[i].len),
            ESP_OK);
        assert_int_equal(fixture->clock.now_ns - before,
                         CASES[i].pages * 100 * US + CASES[i].len * US / 64);
    }
    assert_int_equal(nor_timed_spent_ns(fixture->chip, NOR_PROGRAMMING), fixture->clock.now_ns);
    assert_int_equal(nor_timed_spent_ns(fixture->chip, NOR_ERASING), 0);
}

static void an_erase_costs_what_its_unit_costs(void **state)
{
    struct fixture *fixture = *state;
    open_chip(fixture);
    assert_int_equal(erase_ns(fixture, 0, 65536), 7000 * US);
    assert_int_equal(erase_ns(fixture, 32768, 32768), 5000 * US);
    assert_int_equal(erase_ns(fixture, 4096, 4096), 2000 * US);
    assert_int_equal(nor_timed_spent_ns(fixture->chip, NOR_ERASING), 14000 * US);
}

static void reading_costs_the_bus_and_nothing_is_mapped(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[6400];
    open_chip(fixture);
    assert_int_equal(esp_flash_read(fixture->chip, bytes, 0, sizeof(bytes)), ESP_OK);
    assert_int_equal(fixture->clock.now_ns, 100 * US);
    assert_int_equal(nor_timed_spent_ns(fixture->chip, NOR_READING), 100 * US);
    assert_null(flash_map(fixture->chip, 0, 4096));
}

static void the_worst_case_takes_the_longest_times(void **state)
{
    struct fixture *fixture = *state;
    uint8_t page[256] = {0};
    fixture->config.is_worst_case = true;
    open_chip(fixture);
    assert_int_equal(erase_ns(fixture, 0, 65536), 80000 * US);
    assert_int_equal(erase_ns(fixture, 0, 32768), 60000 * US);
    assert_int_equal(erase_ns(fixture, 0, 4096), 30000 * US);
    assert_int_equal(fixture->chip->ops->program(fixture->chip, page, 0, 256), ESP_OK);
    assert_int_equal(nor_timed_spent_ns(fixture->chip, NOR_PROGRAMMING), 904 * US);
}

static void a_part_without_32_kib_units_does_not_offer_them(void **state)
{
    struct fixture *fixture = *state;
    fixture->part.erase_32k = (struct nor_duration){0, 0};
    open_chip(fixture);
    const uint32_t *units = fixture->chip->geometry.erase_units;
    assert_int_equal(units[0], 65536);
    assert_int_equal(units[1], 4096);
    assert_int_equal(units[2], 0);
    // 32 KiB are then eight sectors.
    assert_int_equal(esp_flash_erase_region(fixture->chip, 32768, 32768), ESP_OK);
    assert_int_equal(fixture->clock.now_ns, 8 * 2000 * US);
}

static void a_region_is_erased_in_the_largest_units_that_fit(void **state)
{
    struct fixture *fixture = *state;
    open_chip(fixture);
    assert_int_equal(esp_flash_erase_region(fixture->chip, 28672, 4096 + 32768 + 65536 + 4096),
                     ESP_OK);
    assert_int_equal(fixture->clock.now_ns, (2000 + 5000 + 7000 + 2000) * US);
}

static void wear_is_counted_for_each_sector(void **state)
{
    struct fixture *fixture = *state;
    open_chip(fixture);
    assert_int_equal(fixture->chip->ops->erase(fixture->chip, 65536, 65536), ESP_OK);
    assert_int_equal(fixture->chip->ops->erase(fixture->chip, 65536 + 4096, 4096), ESP_OK);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 65535), 0);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 65536), 1);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 65536 + 4096), 2);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 65536 + 8191), 2);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 131071), 1);
    assert_int_equal(nor_timed_erase_count(fixture->chip, 131072), 0);
}

static void the_chip_below_gets_every_operation_and_keeps_its_rules(void **state)
{
    struct fixture *fixture = *state;
    uint8_t data[256];
    uint8_t back[256];
    memset(data, 0x5A, sizeof(data));
    open_chip(fixture);
    assert_int_equal(fixture->chip->geometry.size, CHIP_SIZE);
    assert_int_equal(fixture->chip->ops->program(fixture->chip, data, 512, 256), ESP_OK);
    assert_int_equal(esp_flash_read(fixture->memory, back, 512, 256), ESP_OK);
    assert_memory_equal(back, data, 256);
    memset(data, 0xA5, sizeof(data));
    assert_int_equal(fixture->chip->ops->program(fixture->chip, data, 512, 256),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(fixture->chip->ops->erase(fixture->chip, 0, 4096), ESP_OK);
    assert_int_equal(fixture->chip->ops->sync(fixture->chip), ESP_OK);
    struct nor_flash_stats stats = nor_flash_get_stats(fixture->memory);
    assert_int_equal(stats.program_count, 1);
    assert_int_equal(stats.erase_count, 1);
    assert_int_equal(stats.sync_count, 1);
}

static void the_observer_hears_of_each_operation_with_its_time(void **state)
{
    struct fixture *fixture = *state;
    uint8_t page[256] = {0};
    fixture->config.observer = note;
    fixture->config.observer_context = &fixture->noted;
    fixture->clock.now_ns = 5;
    open_chip(fixture);
    assert_int_equal(fixture->chip->ops->erase(fixture->chip, 8192, 4096), ESP_OK);
    assert_int_equal(fixture->noted.activity, NOR_ERASING);
    assert_int_equal(fixture->noted.start_ns, 5);
    assert_int_equal(fixture->noted.end_ns, 5 + 2000 * US);
    assert_int_equal(fixture->noted.address, 8192);
    assert_int_equal(fixture->noted.len, 4096);
    assert_int_equal(fixture->chip->ops->program(fixture->chip, page, 8192, 256), ESP_OK);
    assert_int_equal(fixture->noted.activity, NOR_PROGRAMMING);
    assert_int_equal(fixture->noted.start_ns, 5 + 2000 * US);
    assert_int_equal(fixture->noted.count, 2);
}

static void a_chip_larger_than_the_part_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->part.size = CHIP_SIZE - 4096;
    fixture->chip = (esp_flash_t *)&fixture->part; // must not stay
    assert_int_equal(nor_timed_open(&fixture->config, &fixture->chip), ESP_ERR_INVALID_SIZE);
    assert_null(fixture->chip);
    fixture->part.size = CHIP_SIZE + 4096; // a smaller one may be: not all of the part is used
    open_chip(fixture);
}

static void closing_takes_it_out_of_the_default_place(void **state)
{
    struct fixture *fixture = *state;
    open_chip(fixture);
    esp_flash_default_chip = fixture->chip;
    nor_timed_close(fixture->chip);
    fixture->chip = NULL;
    assert_null(esp_flash_default_chip);
    nor_timed_close(NULL);
}

#define WITH_CHIP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHIP(programming_costs_pages_and_their_transfer),
        WITH_CHIP(an_erase_costs_what_its_unit_costs),
        WITH_CHIP(reading_costs_the_bus_and_nothing_is_mapped),
        WITH_CHIP(the_worst_case_takes_the_longest_times),
        WITH_CHIP(a_part_without_32_kib_units_does_not_offer_them),
        WITH_CHIP(a_region_is_erased_in_the_largest_units_that_fit),
        WITH_CHIP(wear_is_counted_for_each_sector),
        WITH_CHIP(the_chip_below_gets_every_operation_and_keeps_its_rules),
        WITH_CHIP(the_observer_hears_of_each_operation_with_its_time),
        WITH_CHIP(a_chip_larger_than_the_part_is_refused),
        WITH_CHIP(closing_takes_it_out_of_the_default_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
