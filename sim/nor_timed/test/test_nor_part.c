// The table of parts: found by name, and no figure that cannot be.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nor_part.h"

static void finds_a_part_whatever_the_case_of_its_letters(void **state)
{
    (void)state;
    assert_non_null(nor_part_find("W25Q32JV"));
    assert_ptr_equal(nor_part_find("w25q32jv"), nor_part_find("W25Q32JV"));
    assert_null(nor_part_find("W25Q32"));
    assert_null(nor_part_find(""));
}

static void lists_at_least_six_parts_and_ends(void **state)
{
    (void)state;
    size_t count = 0;
    while (nor_part_at(count)) {
        assert_ptr_equal(nor_part_find(nor_part_at(count)->name), nor_part_at(count));
        count++;
    }
    assert_true(count >= 6);
    assert_null(nor_part_at(count + 1));
    assert_null(nor_part_at(SIZE_MAX));
}

static void the_longest_time_is_never_below_the_typical_one(void **state)
{
    (void)state;
    for (size_t i = 0; nor_part_at(i); i++) {
        const struct nor_part *part = nor_part_at(i);
        const struct nor_duration *durations[] = {&part->program_page, &part->erase_4k,
                                                  &part->erase_32k, &part->erase_64k};
        for (int j = 0; j < 4; j++) {
            assert_true(durations[j]->worst_us >= durations[j]->typical_us);
        }
        assert_true(part->program_page.typical_us > 0);
        assert_true(part->erase_4k.typical_us > 0);
        assert_true(part->erase_64k.typical_us > part->erase_4k.typical_us);
        assert_true(part->bus_bytes_per_us > 0);
        assert_true(part->size >= 1024 * 1024 && part->size % 65536 == 0);
        assert_non_null(part->source);
    }
}

static void a_large_unit_costs_less_for_each_byte(void **state)
{
    (void)state;
    for (size_t i = 0; nor_part_at(i); i++) {
        const struct nor_part *part = nor_part_at(i);
        assert_true(part->erase_64k.typical_us < 16 * part->erase_4k.typical_us);
        assert_true(part->erase_32k.typical_us < 8 * part->erase_4k.typical_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_part_whatever_the_case_of_its_letters),
        cmocka_unit_test(lists_at_least_six_parts_and_ends),
        cmocka_unit_test(the_longest_time_is_never_below_the_typical_one),
        cmocka_unit_test(a_large_unit_costs_less_for_each_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
