// The index: what is taken, what is refused, what is signed. Signatures that are right: tests/cli/test_release.py.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "esp_log.h"
#include "esp_ota_release.h"
#include "index_text.h"

static esp_err_t parse(const char *text, struct esp_ota_release *release)
{
    return esp_ota_release_parse(text, strlen(text), release);
}

static int silence(void **state)
{
    (void)state;
    esp_log_level_set("*", ESP_LOG_NONE);
    return 0;
}

static void reads_what_an_index_says(void **state)
{
    (void)state;
    struct esp_ota_release release;
    struct esp_ota_release_file file;
    size_t cursor = 0;
    static const char text[] =
        " {" HEAD
        ", \"rollout\": 25, \"expires\": 99, \"future\": [1, {\"a\": null}, \"\\u0041\"], "
        "\"files\": [" FILE_OF("zstd", "a.zst", "500", "") ", {\"kind\": \"later\"}, " FILE_OF(
            "patch", "p.patch", "12",
            ", \"memory\": 5000, \"from_size\": 900, \"from_version\": \"1\", \"from_sha256\": "
            "\"" ZEROS "\"") "]}\n";
    assert_int_equal(parse(text, &release), ESP_OK);
    assert_int_equal(release.serial, 7);
    assert_int_equal(release.expires, 99);
    assert_int_equal(release.rollout, 25);
    assert_string_equal(release.chip, "esp32");
    assert_string_equal(release.app_version, "2.0");
    assert_int_equal(release.file_count, 2);
    assert_int_equal(release.signed_len, 0);
    assert_true(esp_ota_release_next(&release, &cursor, &file));
    assert_int_equal(file.kind, ESP_OTA_RELEASE_ZSTD);
    assert_true(esp_ota_release_next(&release, &cursor, &file));
    assert_string_equal(file.name, "p.patch");
    assert_int_equal(file.memory, 5000);
    assert_false(esp_ota_release_next(&release, &cursor, &file));
    assert_false(esp_ota_release_next_withdrawn(&release, &cursor, &file));
}

static void refuses_what_is_no_index(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        esp_err_t err;
    } cases[] = {
        {"good", "{" HEAD ", " FILES "}", ESP_OK},
        {"nothing", "", ESP_ERR_INVALID_RESPONSE},
        {"no object", "[1]", ESP_ERR_INVALID_RESPONSE},
        {"not ended", "{" HEAD ", " FILES, ESP_ERR_INVALID_RESPONSE},
        {"something behind", "{" HEAD ", " FILES "} x", ESP_ERR_INVALID_RESPONSE},
        {"no files", "{" HEAD "}", ESP_ERR_INVALID_RESPONSE},
        {"twice", "{" HEAD ", " FILES ", \"serial\": 8}", ESP_ERR_INVALID_RESPONSE},
        {"comma at the end", "{" HEAD ", " FILES ",}", ESP_ERR_INVALID_RESPONSE},
        {"path as name", "{" HEAD ", \"files\": [" FILE_OF("image", "../a", "1", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"hidden name", "{" HEAD ", \"files\": [" FILE_OF("image", ".a", "1", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"query as name", "{" HEAD ", \"files\": [" FILE_OF("image", "a?b", "1", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"size with sign", "{" HEAD ", \"files\": [" FILE_OF("image", "a", "-1", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"size with fraction", "{" HEAD ", \"files\": [" FILE_OF("image", "a", "1.0", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"size beyond 32 bits",
         "{" HEAD ", \"files\": [" FILE_OF("image", "a", "4294967296", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"size with zeros", "{" HEAD ", \"files\": [" FILE_OF("image", "a", "01", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"patch without base", "{" HEAD ", \"files\": [" FILE_OF("patch", "a", "1", "") "]}",
         ESP_ERR_INVALID_RESPONSE},
        {"rollout", "{" HEAD ", " FILES ", \"rollout\": 101}", ESP_ERR_INVALID_RESPONSE},
        {"behind the signatures", "{" HEAD ", \"signatures\": [\"00\"], " FILES "}",
         ESP_ERR_INVALID_RESPONSE},
        {"four signatures", "{" HEAD ", " FILES ", \"signatures\": [\"\",\"\",\"\",\"\"]}",
         ESP_ERR_INVALID_RESPONSE},
        {"too deep", "{\"x\": [[[[[[[[[1]]]]]]]]], " HEAD ", " FILES "}", ESP_ERR_INVALID_RESPONSE},
        {"control character", "{\"x\": \"\t\", " HEAD ", " FILES "}", ESP_ERR_INVALID_RESPONSE},
        {"later version", "{\"esp_ota_release\": 2}", ESP_ERR_INVALID_VERSION},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct esp_ota_release release;
        esp_err_t err = parse(cases[i].text, &release);
        if (err != cases[i].err) {
            fail_msg("%s: %d", cases[i].name, err);
        }
    }
}

static void every_beginning_of_an_index_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{" HEAD ", \"x\": {\"y\": [true, \"\\\"\"]}, " FILES "}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct esp_ota_release release;
        char copy[sizeof(text)];
        memcpy(copy, text, len); // so that a sanitizer sees a read beyond it
        assert_int_equal(esp_ota_release_parse(copy, len, &release), ESP_ERR_INVALID_RESPONSE);
    }
}

static void too_many_files_and_too_many_bytes_are_refused(void **state)
{
    (void)state;
    static char text[ESP_OTA_RELEASE_INDEX_MAX + 2];
    struct esp_ota_release release;
    int len = snprintf(text, sizeof(text), "{" HEAD ", \"files\": [");
    for (unsigned i = 0; i <= ESP_OTA_RELEASE_FILE_MAX; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s" FILE_OF("image", "a", "1", ""),
                        i ? "," : "");
    }
    (void)snprintf(text + len, sizeof(text) - (size_t)len, "]}");
    assert_int_equal(parse(text, &release), ESP_ERR_INVALID_SIZE);
    memset(text, ' ', sizeof(text) - 1);
    assert_int_equal(parse(text, &release), ESP_ERR_INVALID_SIZE);
}

static void what_is_signed_ends_before_the_comma_of_the_signatures(void **state)
{
    (void)state;
    static const char text[] = "{" HEAD ", " FILES "\n , \"signatures\": [\"0400\"]}";
    struct esp_ota_release release;
    uint8_t bytes[SIGNATURE_RECORD_COUNT_MAX][SIGNATURE_RECORD_MAX];
    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX];
    assert_int_equal(parse(text, &release), ESP_OK);
    assert_int_equal(release.signed_len, strlen("{" HEAD ", " FILES));
    assert_int_equal(esp_ota_release_signatures(&release, bytes, records), 1);
    assert_int_equal(records[0].len, 2);
    assert_int_equal(records[0].bytes[0], 4);
    struct signature_policy policy = {.trusted_count = 1};
    assert_int_equal(esp_ota_release_verify(&release, &policy), IMAGE_SIGNATURE_DAMAGED);
    assert_int_equal(parse("{" HEAD ", " FILES ", \"signatures\": []}", &release), ESP_OK);
    assert_int_equal(esp_ota_release_verify(&release, &policy), IMAGE_SIGNATURE_MISSING);
}

static void an_old_index_is_refused(void **state)
{
    (void)state;
    struct esp_ota_release release;
    assert_int_equal(parse("{" HEAD ", " FILES ", \"expires\": 1000}", &release), ESP_OK);
    assert_int_equal(esp_ota_release_check_age(&release, 0, 0), ESP_OK);
    assert_int_equal(esp_ota_release_check_age(&release, 7, 1000), ESP_OK);
    assert_int_equal(esp_ota_release_check_age(&release, 8, 0), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_release_check_age(&release, 0, 1001), ESP_ERR_TIMEOUT);
}

static void a_growing_rollout_only_adds_devices(void **state)
{
    (void)state;
    struct esp_ota_release release;
    unsigned offered = 0;
    assert_int_equal(parse("{" HEAD ", " FILES "}", &release), ESP_OK);
    for (unsigned id = 0; id < 1000; id++) {
        bool was_offered = false;
        for (unsigned percent = 0; percent <= 100; percent++) {
            release.rollout = (uint8_t)percent;
            bool is_offered = esp_ota_release_is_offered(&release, &id, sizeof(id));
            assert_true(is_offered || !was_offered);
            was_offered = is_offered;
            offered += percent == 30 && is_offered;
        }
        assert_true(was_offered);
    }
    assert_in_range(offered, 250, 350); // the ids are fixed, so is the number
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_an_index_says),
        cmocka_unit_test(refuses_what_is_no_index),
        cmocka_unit_test(every_beginning_of_an_index_is_refused),
        cmocka_unit_test(too_many_files_and_too_many_bytes_are_refused),
        cmocka_unit_test(what_is_signed_ends_before_the_comma_of_the_signatures),
        cmocka_unit_test(an_old_index_is_refused),
        cmocka_unit_test(a_growing_rollout_only_adds_devices),
    };
    return cmocka_run_group_tests(tests, silence, NULL);
}
