#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "partition_csv.h"

static char s_warning[512];

static void keep_warning(void *context, const char *sentence)
{
    (void)context;
    (void)snprintf(s_warning, sizeof(s_warning), "%s", sentence);
}

/** Result of parsing text; problem->text is empty on success. */
static esp_err_t check(const char *text, const struct partition_csv_options *options,
                       struct partition_csv_problem *problem)
{
    struct partition_csv_table table = {0};
    memset(problem, 0, sizeof(*problem));
    esp_err_t err = partition_csv_parse(text, strlen(text), options, &table, problem);
    partition_csv_free(&table);
    return err;
}

static void verifies_each_rule_unless_switched_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *sentence;
    } CASES[] = {
        {"f,app,factory,0x11000,1M",
         "Line 1, offset: 0x11000 of \"f\" is not a multiple of 0x10000"},
        {"n,data,nvs,0x9100,0x6000", "Use 0xa000"},
        {"c,0x40,0,0x9001,1", "not a multiple of 0x1000"},
        {"f,app,factory,,0x10100", "Line 1, size: 0x10100 of app \"f\""},
        {"o,data,ota,,8K,readonly", "Line 1, flags: \"o\" is otadata or coredump"},
        {"c,data,coredump,,8K,readonly", "Remove \"readonly\""},
        {"n,data,nvs,,8K", "too small for a writable NVS partition"},
        {"a,data,0x99,,4K\na,data,0x98,,4K", "Line 2, name: \"a\" is already the name of entry 1"},
        {"o1,data,ota,,8K\no2,data,ota,,8K", "Line 2, subtype: \"o2\" is a second otadata"},
        {"o1,data,ota,,4K", "must be exactly 0x2000"},
        {"t1,data,tee_ota,,4K", "TEE otadata"},
    };
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        options.no_verify = false;
        if (check(CASES[i].text, &options, &problem) != ESP_ERR_INVALID_ARG ||
            !strstr(problem.text, CASES[i].sentence)) {
            fail_msg("%s\nexpected \"%s\", got \"%s\"", CASES[i].text, CASES[i].sentence,
                     problem.text);
        }
        options.no_verify = true;
        assert_int_equal(check(CASES[i].text, &options, &problem), ESP_OK);
    }
}

static void a_small_nvs_partition_may_be_readonly(void **state)
{
    (void)state;
    const struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    assert_int_equal(check("n,data,nvs,,4K,readonly", &options, &problem), ESP_OK);
}

static void secure_v1_wants_apps_of_64_kib(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    static const char TEXT[] = "f,app,factory,,0x11000";
    options.secure = PARTITION_CSV_SECURE_V1;
    assert_int_equal(check(TEXT, &options, &problem), ESP_ERR_INVALID_ARG);
    options.secure = PARTITION_CSV_SECURE_V2;
    assert_int_equal(check(TEXT, &options, &problem), ESP_OK);
}

static void the_last_partition_must_fit_the_flash(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    options.flash_size = 0x200000;
    assert_int_equal(check("f,app,factory,0x100000,1M", &options, &problem), ESP_OK);
    assert_int_equal(check("f,app,factory,0x100000,0x101000", &options, &problem),
                     ESP_ERR_INVALID_ARG);
    assert_non_null(strstr(problem.text, "ends at 0x201000 but the flash has 0x200000 bytes"));
}

static void the_bootloader_must_stand_below_the_table(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    options.primary_bootloader_offset = 0x8000;
    assert_int_equal(check("n,data,nvs,,24K", &options, &problem), ESP_ERR_INVALID_ARG);
}

static void warns_about_names_that_look_like_another_kind(void **state)
{
    (void)state;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    options.warn = keep_warning;
    static const struct {
        const char *text;
        bool warns;
    } CASES[] = {
        {"app,data,0x99,,4K", true},     {"nvs,data,phy,,4K", true},
        {"ota,data,ota,,8K", false},     {"factory,0x40,0,,4K", true},
        {"data,data,1,,4K", false},      {"storage,data,fat,,4K", false},
        {"primary,data,0x99,,4K", true}, {"NVS,data,phy,,4K", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        s_warning[0] = '\0';
        assert_int_equal(check(CASES[i].text, &options, &problem), ESP_OK);
        if ((s_warning[0] != '\0') != CASES[i].warns) {
            fail_msg("%s: \"%s\"", CASES[i].text, s_warning);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_each_rule_unless_switched_off),
        cmocka_unit_test(a_small_nvs_partition_may_be_readonly),
        cmocka_unit_test(secure_v1_wants_apps_of_64_kib),
        cmocka_unit_test(the_last_partition_must_fit_the_flash),
        cmocka_unit_test(the_bootloader_must_stand_below_the_table),
        cmocka_unit_test(warns_about_names_that_look_like_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
