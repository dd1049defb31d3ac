#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_content_range.h"

static void reads_ranges_with_and_without_a_total(void **state)
{
    static const struct {
        const char *text;
        struct http_content_range range;
    } rows[] = {
        {"bytes 0-0/1", {0, 0, 1}},
        {"bytes 100-999/1000", {100, 999, 1000}},
        {"Bytes 5-9/*", {5, 9, HTTP_CONTENT_RANGE_TOTAL_UNKNOWN}},
        {"bytes 007-008/0009", {7, 8, 9}},
        {"bytes 5000000000-5000000001/9000000000", {5000000000, 5000000001, 9000000000}},
        {"bytes 9223372036854775806-9223372036854775806/9223372036854775807",
         {INT64_MAX - 1, INT64_MAX - 1, INT64_MAX}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_content_range range;
        print_message("%s\n", rows[i].text);
        assert_int_equal(http_content_range_parse(rows[i].text, &range), ESP_OK);
        assert_int_equal(range.first, rows[i].range.first);
        assert_int_equal(range.last, rows[i].range.last);
        assert_int_equal(range.total, rows[i].range.total);
    }
}

static void refuses_everything_else_and_writes_nothing(void **state)
{
    static const char *const rows[] = {
        "",
        "bytes",
        "bytes ",
        "bytes 0-0",
        "bytes 0-0/",
        "bytes */500",
        "bytes */*",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes 0-0/0",
        "bytes 0-0/12x",
        "bytes 0-0/12 ",
        "bytes 0-0/12, bytes 0-0/12",
        "bytes 0-0/12,",
        "bytes 0-0/**",
        "bytes  0-0/12",
        " bytes 0-0/12",
        "bytes\t0-0/12",
        "bytes=0-0/12",
        "items 0-0/12",
        "bytes 0 - 0/12",
        "bytes -1-0/12",
        "bytes 0--1/12",
        "bytes -5/12",
        "bytes 5-/12",
        "bytes +1-2/12",
        "bytes 0x1-2/12",
        "bytes 0-9223372036854775808/*",
        "bytes 9223372036854775808-9223372036854775809/*",
        "bytes 0-0/99999999999999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_content_range range = {1, 2, 3};
        print_message("\"%s\"\n", rows[i]);
        assert_int_equal(http_content_range_parse(rows[i], &range), ESP_ERR_INVALID_RESPONSE);
        assert_true(range.first == 1 && range.last == 2 && range.total == 3);
    }
}

static void null_is_an_invalid_argument(void **state)
{
    struct http_content_range range;
    (void)state;
    assert_int_equal(http_content_range_parse(NULL, &range), ESP_ERR_INVALID_ARG);
    assert_int_equal(http_content_range_parse("bytes 0-0/1", NULL), ESP_ERR_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ranges_with_and_without_a_total),
        cmocka_unit_test(refuses_everything_else_and_writes_nothing),
        cmocka_unit_test(null_is_an_invalid_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
