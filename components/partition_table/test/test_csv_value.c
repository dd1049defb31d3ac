#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csv_value.h"

#define BAD INT64_MIN // in the tables: refused

static struct csv_slice slice(const char *text)
{
    return (struct csv_slice){text, strlen(text)};
}

struct number_case {
    const char *text;
    int64_t value;
};

static void reads_numbers_as_the_generator_does(void **state)
{
    (void)state;
    static const struct number_case CASES[] = {
        {"0", 0},         {"00", 0},        {"0_0", 0},        {"4096", 4096},   {"+5", 5},
        {"-0x10", -16},   {"0x1000", 4096}, {"0XfF", 255},     {"0o17", 15},     {"0b101", 5},
        {"1_000", 1000},  {"0x_1f", 31},    {"4k", 4096},      {"4K", 4096},     {"1m", 1048576},
        {"4kk", 4 << 20}, {"4 K", 4096},    {"-1M", -1048576}, {"0x10k", 16384}, {"", BAD},
        {"k", BAD},       {"010", BAD},     {"0_1", BAD},      {"4KB", BAD},     {"4 k k", BAD},
        {"1__0", BAD},    {"_1", BAD},      {"1_", BAD},       {"0x", BAD},      {"0x_", BAD},
        {"0b2", BAD},     {"0o8", BAD},     {"- 5", BAD},      {"+-5", BAD},     {"1.5M", BAD},
        {"1e3", BAD},     {"ff", BAD},      {"$SIZE", BAD},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int64_t value = BAD;
        bool ok = csv_value_parse_size(slice(CASES[i].text), &value);
        if (ok != (CASES[i].value != BAD) || (ok && value != CASES[i].value)) {
            fail_msg("\"%s\": %s, value %lld", CASES[i].text, ok ? "accepted" : "refused",
                     (long long)value);
        }
    }
}

static void huge_numbers_stay_huge_instead_of_wrapping(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"99999999999999999999999999", "0xffffffffffffffffffffff",
                                        "1mmmmmmmmmmmmmmmm", "0xffffffffffffffffkkkkkkkkkk"};
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        int64_t value = 0;
        assert_true(csv_value_parse_size(slice(TEXTS[i]), &value));
        assert_true(value > UINT32_MAX);
    }
    int64_t value = 0;
    assert_true(csv_value_parse_size(slice("-99999999999999999999mm"), &value));
    assert_true(value < -(int64_t)UINT32_MAX);
}

static void reads_keywords_in_any_case_after_suffix_and_number(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    int64_t value;
    assert_true(csv_value_parse_type(slice("DaTa"), &value) && value == 1);
    assert_true(csv_value_parse_type(slice("partition_table"), &value) && value == 3);
    assert_true(csv_value_parse_type(slice("appk"), &value) && value == 0);
    assert_true(csv_value_parse_type(slice("datak"), &value) && value == 1024);
    assert_false(csv_value_parse_type(slice("datum"), &value));
    assert_true(csv_value_parse_subtype(slice("OTA_15"), 0, &options, &value) && value == 0x1F);
    assert_true(csv_value_parse_subtype(slice("ota"), 1, &options, &value) && value == 0);
    assert_true(csv_value_parse_subtype(slice("ota"), 2, &options, &value) && value == 1);
    assert_false(csv_value_parse_subtype(slice("ota"), 0x40, &options, &value));
    assert_false(csv_value_parse_subtype(slice("ota_16"), 0, &options, &value));
}

static void an_added_keyword_that_ends_in_a_suffix_is_never_recognised(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    options.extra[0] = (struct partition_csv_subtype){1, 0x42, "my_rom", 6};
    options.extra[1] = (struct partition_csv_subtype){1, 0x43, "my_rom2", 7};
    options.extra_count = 2;
    int64_t value;
    assert_false(csv_value_parse_subtype(slice("my_rom"), 1, &options, &value));
    assert_true(csv_value_parse_subtype(slice("My_Rom2"), 1, &options, &value) && value == 0x43);
    assert_false(csv_value_parse_subtype(slice("my_rom2"), 0, &options, &value));
}

static void finds_the_keyword_of_a_value(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    assert_true(csv_text_equals_string(csv_value_type_name(2), "bootloader"));
    assert_int_equal(csv_value_type_name(0x40).len, 0);
    assert_true(csv_text_equals_string(csv_value_subtype_name(1, 0x83, &options), "littlefs"));
    assert_int_equal(csv_value_subtype_name(1, 0x99, &options).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_as_the_generator_does),
        cmocka_unit_test(huge_numbers_stay_huge_instead_of_wrapping),
        cmocka_unit_test(reads_keywords_in_any_case_after_suffix_and_number),
        cmocka_unit_test(an_added_keyword_that_ends_in_a_suffix_is_never_recognised),
        cmocka_unit_test(finds_the_keyword_of_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
