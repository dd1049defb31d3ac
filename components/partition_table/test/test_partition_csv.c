#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "partition_csv.h"

static struct partition_csv_table s_table;
static struct partition_csv_problem s_problem;

static esp_err_t parse(const char *text, const struct partition_csv_options *options)
{
    partition_csv_free(&s_table);
    memset(&s_problem, 0, sizeof(s_problem));
    return partition_csv_parse(text, strlen(text), options, &s_table, &s_problem);
}

/** One refused text and what its sentence must contain. */
struct refusal {
    const char *text;
    const char *sentence;
};

static void assert_refused(const struct refusal *refusal,
                           const struct partition_csv_options *options)
{
    if (parse(refusal->text, options) != ESP_ERR_INVALID_ARG ||
        !strstr(s_problem.text, refusal->sentence)) {
        fail_msg("%s\nexpected \"%s\", got \"%s\"", refusal->text, refusal->sentence,
                 s_problem.text);
    }
}

static void refuses_with_line_field_and_remedy(void **state)
{
    (void)state;
    static const struct refusal REFUSALS[] = {
        {"\n\nd,data,nvss,,4K\n", "Line 3, subtype: \"nvss\" is not a subtype of type 1. Use ota,"},
        {"d,datum,nvs,,4K\n", "Line 1, type: \"datum\" is not known. Use one of app, data,"},
        {"d\n", "Line 1, type: the field is empty"},
        {"d,256,1,,4K", "Line 1, type: \"256\""},
        {"d,-1,1,,4K", "Line 1, type: \"-1\""},
        {"d,data,256,,4K", "Line 1, subtype: \"256\""},
        {"d,0x40,nvs,,4K", "Line 1, subtype: \"nvs\" is not a subtype of type 64. Use a number"},
        {"a,app,,,64K", "Line 1, subtype: "},
        {"d,data,0x99,0x9000,4KB", "Line 1, size: \"4KB\" is not a number"},
        {"d,data,0x99,,", "Line 1, size: the field is empty"},
        {"d,data,0x99,$X,4K", "Line 1, offset: the variable in \"$X\" is not set"},
        {"a$X,data,0x99,,4K", "Line 1, name: the variable"},
        {"d,data,0x99,,4K,secret", "Line 1, flags: \"secret\" is not known"},
        {"d,data,0x99,,4K,Readonly", "Line 1, flags: \"Readonly\""},
        {"d,data,0x99,,4K,encrypted : readonly", "Line 1, flags: \"encrypted \""},
        {"b,bootloader,primary,,", "Line 1, type: a bootloader partition needs the option"},
        {"b,bootloader,ota,,", "--primary-bootloader-offset"},
        {"d,data,0x99,0x8000,4K",
         "Line 1, offset: 0x8000 is below 0x9000, where the partition tab"},
        {"a,data,0x99,,8K\nb,data,0x98,0xa000,4K", "Line 2, offset: 0xa000 is below 0xb000, where"},
        {"a,data,0x99,0x100000000,4K", "Line 1, offset: 4294967296 is outside"},
        {"a,data,0x99,,5000000000", "Line 1, size: 5000000000 is outside"},
        {"a,data,0x99,,-0x8000", "Line 1, size: the partition would end at 0x8000"},
    };
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++) {
        assert_refused(&REFUSALS[i], &options);
    }
}

static void places_entries_behind_each_other(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    assert_int_equal(parse("a,data,0x99,,100\nb,data,0x99,,1\nf,app,factory,,1M\n"
                           "g,data,0x99,0x200000,-0x201000\nh,0x40,0,,0\n",
                           &options),
                     ESP_OK);
    static const int64_t PLACES[][2] = {
        {0x9000, 100}, {0xA000, 1}, {0x10000, 0x100000}, {0x200000, 0x1000}, {0x201000, 0}};
    assert_int_equal(s_table.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(s_table.entries[i].offset, PLACES[i][0]);
        assert_int_equal(s_table.entries[i].size, PLACES[i][1]);
        assert_int_equal(s_table.entries[i].line, i + 1);
    }
}

static void ignores_the_place_fields_of_bootloader_and_table(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    options.primary_bootloader_offset = 0x1000;
    options.recovery_bootloader_offset = 0x3F0000;
    assert_int_equal(parse("t,partition_table,primary,rubbish,rubbish\nb,bootloader,primary,x,y\n"
                           "r,bootloader,recovery,x,y\n",
                           &options),
                     ESP_OK);
    assert_int_equal(s_table.entries[0].offset, 0x8000);
    assert_int_equal(s_table.entries[0].size, 0x1000);
    assert_int_equal(s_table.entries[1].offset, 0x1000);
    assert_int_equal(s_table.entries[1].size, 0x7000);
    assert_int_equal(s_table.entries[2].offset, 0x3F0000);
    assert_int_equal(s_table.entries[2].size, 0x7000);
}

static void skips_comments_and_ignores_further_fields(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    assert_int_equal(
        parse("  # $X\n\n a , DATA , NVS , , 24k , :encrypted::readonly: , x, $Y\n", &options),
        ESP_OK);
    assert_int_equal(s_table.count, 1);
    assert_string_equal(s_table.entries[0].name, "a");
    assert_int_equal(s_table.entries[0].flags, PART_FLAG_ENCRYPTED | PART_FLAG_READONLY);
}

static void compares_names_before_cutting_them(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    assert_int_equal(
        parse("0123456789abcdefX,data,0x99,,4K\n0123456789abcdefY,data,0x99,,4K\n", &options),
        ESP_OK);
    assert_int_equal(partition_csv_encode(&s_table, &options, bytes, &s_problem), ESP_OK);
    assert_memory_equal(bytes + 12, "0123456789abcdef", 16);
    assert_memory_equal(bytes + 32 + 12, "0123456789abcdef", 16);
}

static void an_empty_text_is_an_empty_table(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    assert_int_equal(parse("", &options), ESP_OK);
    assert_int_equal(partition_csv_encode(&s_table, &options, bytes, &s_problem), ESP_OK);
    assert_int_equal(bytes[0], 0xEB);
}

static void leaves_the_result_alone_on_failure(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_table table = {.count = 77};
    assert_int_equal(partition_csv_parse("x", 1, &options, &table, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(table.count, 77);
}

static int free_table(void **state)
{
    (void)state;
    partition_csv_free(&s_table);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_line_field_and_remedy),
        cmocka_unit_test(places_entries_behind_each_other),
        cmocka_unit_test(ignores_the_place_fields_of_bootloader_and_table),
        cmocka_unit_test(skips_comments_and_ignores_further_fields),
        cmocka_unit_test(compares_names_before_cutting_them),
        cmocka_unit_test(an_empty_text_is_an_empty_table),
        cmocka_unit_test(leaves_the_result_alone_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, free_table);
}
