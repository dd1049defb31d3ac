#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "partition_csv.h"
#include "partition_table.h"

static uint8_t s_bytes[ESP_PARTITION_TABLE_MAX_LEN];
static char s_warning[512];

static void keep_warning(void *context, const char *sentence)
{
    (void)context;
    (void)snprintf(s_warning, sizeof(s_warning), "%s", sentence);
}

static void encode(const esp_partition_info_t *entries, uint32_t count, bool with_md5)
{
    assert_int_equal(partition_table_encode(entries, count, with_md5, s_bytes), ESP_OK);
}

/** Text of s_bytes; free() it. NULL: refused, see problem. */
static char *format(size_t len, const struct partition_csv_options *options,
                    struct partition_csv_problem *problem)
{
    struct partition_csv_table table;
    char *text;
    if (partition_csv_parse_binary(s_bytes, len, options, &table, problem) != ESP_OK) {
        return NULL;
    }
    assert_int_equal(partition_csv_format(&table, options, &text, NULL), ESP_OK);
    partition_csv_free(&table);
    return text;
}

static const esp_partition_info_t ENTRIES[] = {
    {.type = 1, .subtype = 2, .pos = {0x9000, 0x6000}, .label = "nvs", .flags = 4},
    {.type = 0, .subtype = 0x10, .pos = {0x10000, 0x200000}, .label = "ota_0", .flags = 3},
    {.type = 0x40, .subtype = 7, .pos = {0x210000, 0x123}, .label = "x"},
    {.type = 1, .subtype = 0x99, .pos = {0x211000, 0}, .label = "y"},
};

static void writes_sizes_and_keywords_in_the_generators_form(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {0};
    options.warn = keep_warning;
    encode(ENTRIES, 4, true);
    char *text = format(sizeof(s_bytes), &options, &problem);
    assert_non_null(text);
    assert_string_equal(text, "# ESP-IDF Partition Table\n"
                              "# Name, Type, SubType, Offset, Size, Flags\n"
                              "nvs,data,nvs,0x9000,24K,\n"
                              "ota_0,app,ota_0,0x10000,2M,encrypted:readonly\n"
                              "x,64,7,0x210000,0x123,\n"
                              "y,data,153,0x211000,0M,\n");
    assert_non_null(strstr(s_warning, "Record 0 has unknown flags 0x00000004"));
    free(text);
}

static void refuses_damaged_tables(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {0};
    encode(ENTRIES, 4, true);
    assert_null(format(5 * 32, &options, &problem));
    assert_non_null(strstr(problem.text, "end marker"));
    assert_null(format(5 * 32 + 1, &options, &problem));
    assert_non_null(strstr(problem.text, "not a multiple of 32"));
    s_bytes[32 + 28] ^= 1;
    assert_null(format(sizeof(s_bytes), &options, &problem));
    assert_non_null(strstr(problem.text, "MD5"));
    s_bytes[32] = 0;
    assert_null(format(sizeof(s_bytes), &options, &problem));
    assert_non_null(strstr(problem.text, "Record 1 begins with 0x5000"));
    encode(ENTRIES, 4, true);
    s_bytes[12] = 0xFF;
    assert_null(format(sizeof(s_bytes), &options, &problem));
    assert_non_null(strstr(problem.text, "not valid UTF-8"));
}

static void without_md5_the_record_is_refused_as_an_entry(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {0};
    options.no_md5 = true;
    encode(ENTRIES, 4, true);
    assert_null(format(sizeof(s_bytes), &options, &problem));
    encode(ENTRIES, 4, false);
    char *text = format(sizeof(s_bytes), &options, &problem);
    assert_non_null(text);
    free(text);
}

static void tells_binary_from_text(void **state)
{
    (void)state;
    assert_true(partition_csv_is_binary("\xAA\x50", 2));
    assert_false(partition_csv_is_binary("\xAA", 1));
    assert_false(partition_csv_is_binary("nvs", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_sizes_and_keywords_in_the_generators_form),
        cmocka_unit_test(refuses_damaged_tables),
        cmocka_unit_test(without_md5_the_record_is_refused_as_an_entry),
        cmocka_unit_test(tells_binary_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
