#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csv_text.h"

static struct csv_slice slice(const char *text)
{
    return (struct csv_slice){text, strlen(text)};
}

struct encoded {
    const char *bytes;
    size_t len;
    const char *utf8; // NULL: refused
};
#define ENCODED(bytes, utf8)                                                                       \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, utf8                                                             \
    }

static void decodes_by_the_byte_order_mark(void **state)
{
    (void)state;
    static const struct encoded CASES[] = {
        ENCODED("a,\xC3\xA4", "a,\xC3\xA4"),
        ENCODED("\xEF\xBB\xBFnvs", "nvs"),
        ENCODED("\xFF\xFEn\0v\0", "nv"),
        ENCODED("\xFE\xFF\0n\0v", "nv"),
        ENCODED("\xFF\xFE\0\0n\0\0\0", "n"),
        ENCODED("\0\0\xFE\xFF\0\0\0n", "n"),
        ENCODED("\xFF\xFE\x3D\xD8\x00\xDE", "\xF0\x9F\x98\x80"), // a surrogate pair
        ENCODED("\xFF\xFE\x3D\xD8", NULL),                       // half of one
        ENCODED("\xFF\xFE\x00\xDE\x3D\xD8", NULL),
        ENCODED("\xFF\xFEn", NULL),
        ENCODED("\xFF\xFE\0\0\0\0\x11\0", NULL), // beyond the last code point
        ENCODED("\xC3", NULL),
        ENCODED("\xC0\xAF", NULL), // longer than needed
        ENCODED("\xED\xA0\x80", NULL),
        ENCODED("\x80", NULL),
        ENCODED("\xF5\x80\x80\x80", NULL),
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct csv_buffer out = {0};
        struct partition_csv_problem problem = {0};
        esp_err_t err = csv_text_decode(CASES[i].bytes, CASES[i].len, &out, &problem);
        bool ok = CASES[i].utf8 ? err == ESP_OK && out.len == strlen(CASES[i].utf8) &&
                                      memcmp(out.at, CASES[i].utf8, out.len) == 0
                                : err == ESP_ERR_INVALID_ARG && strstr(problem.text, "UTF-8");
        free(out.at);
        if (!ok) {
            fail_msg("case %zu", i);
        }
    }
}

static void cuts_lines_where_python_does(void **state)
{
    (void)state;
    struct csv_slice rest = slice("a\r\nb\rc\n\nd\x0b"
                                  "e\xE2\x80\xA8"
                                  "f\xC2\x85g");
    static const char *const LINES[] = {"a", "b", "c", "", "d", "e", "f", "g"};
    struct csv_slice line;
    for (size_t i = 0; i < 8; i++) {
        assert_true(csv_text_next_line(&rest, &line));
        assert_true(csv_text_equals_string(line, LINES[i]));
    }
    assert_false(csv_text_next_line(&rest, &line));
}

static void strips_blanks_of_any_alphabet(void **state)
{
    (void)state;
    assert_true(
        csv_text_equals_string(csv_text_strip(slice(" \t\xC2\xA0x y\xE3\x80\x80\x1F ")), "x y"));
    assert_int_equal(csv_text_strip(slice(" \t ")).len, 0);
    struct csv_slice rest = slice(" a , b,,c");
    assert_true(csv_text_equals_string(csv_text_next_field(&rest), "a"));
    assert_true(csv_text_equals_string(csv_text_next_field(&rest), "b"));
    assert_int_equal(csv_text_next_field(&rest).len, 0);
    assert_true(csv_text_equals_string(csv_text_next_field(&rest), "c"));
    assert_int_equal(csv_text_next_field(&rest).len, 0);
}

static const char *look_up(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "SIZE") == 0 ? "1M" : strcmp(name, "LOOP") == 0 ? "$SIZE" : NULL;
}

static void replaces_variables_once(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    options.lookup = look_up;
    static const char *const CASES[][2] = {
        {"$SIZE", "1M"},     {"a${SIZE}b", "a1Mb"}, {"$SIZES", "$SIZES"},
        {"$", "$"},          {"${SIZE", "${SIZE"},  {"$LOOP", "$SIZE"},
        {"\\$SIZE", "\\1M"}, {"$-$SIZE", "$-1M"},   {"${}", "${}"},
    };
    struct csv_buffer out = {0};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_int_equal(csv_text_expand(slice(CASES[i][0]), &options, &out), ESP_OK);
        assert_true(csv_text_equals_string((struct csv_slice){out.at, out.len}, CASES[i][1]));
    }
    free(out.at);
}

static void notices_variables_without_value(void **state)
{
    (void)state;
    assert_true(csv_text_has_variable(slice("a$B")));
    assert_true(csv_text_has_variable(slice("${B}")));
    assert_false(csv_text_has_variable(slice("\\$B")));
    assert_false(csv_text_has_variable(slice("5$")));
    assert_false(csv_text_has_variable(slice("$5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_by_the_byte_order_mark),
        cmocka_unit_test(cuts_lines_where_python_does),
        cmocka_unit_test(strips_blanks_of_any_alphabet),
        cmocka_unit_test(replaces_variables_once),
        cmocka_unit_test(notices_variables_without_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
