#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "partition_csv.h"

/** Reads all words; *rest is the first that is no option. */
static esp_err_t read_words(const char *const *words, size_t count,
                            struct partition_csv_options *options, size_t *rest)
{
    struct partition_csv_problem problem = {0};
    size_t taken = 0;
    for (*rest = 0; *rest < count; *rest += taken) {
        esp_err_t err =
            partition_csv_read_option(words + *rest, count - *rest, options, &taken, &problem);
        if (err != ESP_OK) {
            assert_true(strlen(problem.text) > 20);
            return err;
        }
        if (taken == 0) {
            break;
        }
    }
    return ESP_OK;
}

#define COUNT(words) (sizeof(words) / sizeof((words)[0]))

static void reads_every_option(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"--offset",
                                        "0x10000",
                                        "--primary-bootloader-offset=0x1000",
                                        "--recovery-bootloader-offset",
                                        "4063232",
                                        "--disable-md5sum",
                                        "--flash-size",
                                        "16MB",
                                        "--no-verify",
                                        "--extra-partition-subtypes",
                                        "app,my_app,0x41",
                                        "data, my_data ,42",
                                        "--secure",
                                        "v2",
                                        "table.csv"};
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    size_t rest;
    assert_int_equal(read_words(WORDS, COUNT(WORDS), &options, &rest), ESP_OK);
    assert_int_equal(rest, COUNT(WORDS) - 1);
    assert_int_equal(options.table_offset, 0x10000);
    assert_int_equal(options.primary_bootloader_offset, 0x1000);
    assert_int_equal(options.recovery_bootloader_offset, 0x3E0000);
    assert_int_equal(options.flash_size, 0x1000000);
    assert_int_equal(options.secure, PARTITION_CSV_SECURE_V2);
    assert_true(options.no_md5 && options.no_verify);
    assert_int_equal(options.extra_count, 2);
    assert_int_equal(options.extra[1].subtype, 0x42);
}

static void knows_the_short_words_and_the_one_that_does_nothing(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"-v", "--verify", "-o", "0x9000", "table.csv"};
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    size_t rest;
    assert_int_equal(read_words(WORDS, COUNT(WORDS), &options, &rest), ESP_OK);
    assert_int_equal(rest, COUNT(WORDS) - 1);
    assert_int_equal(options.table_offset, 0x9000);
    assert_false(options.no_verify);
}

static void secure_without_value_means_v1_and_leaves_the_next_word(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"--secure", "table.csv"};
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    size_t rest;
    assert_int_equal(read_words(WORDS, COUNT(WORDS), &options, &rest), ESP_OK);
    assert_int_equal(rest, 1);
    assert_int_equal(options.secure, PARTITION_CSV_SECURE_V1);
}

static void refuses_wrong_and_missing_values(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"--offset", NULL},
        {"--offset", "4K"},
        {"--offset=", NULL},
        {"--offset", "0x100000000"},
        {"--offset", "-1"},
        {"--flash-size", "3MB"},
        {"--flash-size", NULL},
        {"--secure=v3", NULL},
        {"--extra-partition-subtypes", "app,x"},
        {"--extra-partition-subtypes", "app,x,0x10"}, // already ota_0
        {"--extra-partition-subtypes", "app,x,0x100"},
        {"--extra-partition-subtypes", "foo,x,0x41"},
        {"--extra-partition-subtypes", "data,x,zz"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
        size_t rest;
        if (read_words(CASES[i], CASES[i][1] ? 2 : 1, &options, &rest) != ESP_ERR_INVALID_ARG) {
            fail_msg("%s %s", CASES[i][0], CASES[i][1] ? CASES[i][1] : "");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_option),
        cmocka_unit_test(knows_the_short_words_and_the_one_that_does_nothing),
        cmocka_unit_test(secure_without_value_means_v1_and_leaves_the_next_word),
        cmocka_unit_test(refuses_wrong_and_missing_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
