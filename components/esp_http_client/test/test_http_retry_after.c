#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_retry_after.h"

#define EXAMPLE 784111777 // fact: the date of RFC 9110, 5.6.7, in seconds since 1970

static void reads_seconds_and_the_three_forms_of_a_date(void **state)
{
    static const struct {
        const char *text;
        time_t now;
        int64_t delay_s;
    } rows[] = {
        {"0", EXAMPLE, 0},
        {"120", EXAMPLE, 120},
        {"007", EXAMPLE, 7},
        {"2147483647", EXAMPLE, HTTP_RETRY_AFTER_MAX_S},
        {"2147483648", EXAMPLE, HTTP_RETRY_AFTER_MAX_S},
        {"99999999999999999999999999", EXAMPLE, HTTP_RETRY_AFTER_MAX_S},
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE - 30, 30},
        {"Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE - 30, 30},
        {"Sun Nov  6 08:49:37 1994", EXAMPLE - 30, 30},
        {"Wed Nov 16 08:49:37 1994", EXAMPLE, 10 * 86400},
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE + 1, 0},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 - 1, 1},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799, 1},
        {"Fri, 31 Dec 9999 23:59:59 GMT", EXAMPLE, HTTP_RETRY_AFTER_MAX_S},
        {"Mon, 01 Jan 0001 00:00:00 GMT", 0, 0},
        {"Sat, 01 Jan 0000 00:00:00 GMT", 0, 0},
        {"Friday, 01-Jan-27 00:00:00 GMT", 1795000000, 3761600},
        {"Friday, 01-Jan-99 00:00:00 GMT", 1795000000, 0}, // 1999, not 2099
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t delay_s = -1;
        print_message("%s\n", rows[i].text);
        assert_int_equal(http_retry_after_parse(rows[i].text, rows[i].now, &delay_s), ESP_OK);
        assert_int_equal(delay_s, rows[i].delay_s);
    }
}

static void refuses_everything_else_and_writes_nothing(void **state)
{
    static const char *const rows[] = {
        "",
        "-1",
        "+1",
        "1.5",
        "10 ",
        "10s",
        "soon",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t delay_s = -7;
        print_message("\"%s\"\n", rows[i]);
        assert_int_equal(http_retry_after_parse(rows[i], EXAMPLE, &delay_s),
                         ESP_ERR_INVALID_RESPONSE);
        assert_int_equal(delay_s, -7);
    }
}

static void null_is_an_invalid_argument(void **state)
{
    int64_t delay_s;
    (void)state;
    assert_int_equal(http_retry_after_parse(NULL, 0, &delay_s), ESP_ERR_INVALID_ARG);
    assert_int_equal(http_retry_after_parse("1", 0, NULL), ESP_ERR_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_seconds_and_the_three_forms_of_a_date),
        cmocka_unit_test(refuses_everything_else_and_writes_nothing),
        cmocka_unit_test(null_is_an_invalid_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
