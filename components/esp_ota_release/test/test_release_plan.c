// Which file is chosen.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "esp_log.h"
#include "esp_ota_release.h"
#include "index_text.h"

#define BASE_SIZE 2000
#define OLD_SIZE  900

static uint8_t s_base[BASE_SIZE];
static esp_err_t s_read_answer;
static size_t s_read; // bytes
static char s_text[8192];

static esp_err_t read_base(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    (void)context;
    assert_true(offset <= BASE_SIZE && len <= BASE_SIZE - offset);
    memcpy(out, s_base + offset, len);
    s_read += len;
    return s_read_answer;
}

static const struct esp_ota_release_base BASE = {.size = BASE_SIZE, .read = read_base};
static const struct esp_ota_release_limits ALL = {
    .memory = 65536, .slot_size = 4096, .takes_gzip = true, .takes_zstd = true};

static const char *digest_of(uint32_t len, char out[65])
{
    uint8_t digest[32];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, s_base, len);
    esp_crypto.sha256_end(&hash, digest);
    for (int i = 0; i < 32; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    return out;
}

#define PATCH_OF(name, size, memory)                                                               \
    FILE_OF("patch", name, size,                                                                   \
            ", \"memory\": " memory ", \"from_size\": 900, \"from_version\": \"1\", "              \
            "\"from_sha256\": \"%s\"")

#define FORMS                                                                                      \
    FILE_OF("image", "a", "1000", "")                                                              \
    ", " FILE_OF("gzip", "a.gz", "500", "") ", " FILE_OF("zstd", "a.zst", "400", "")
#define PATCHES                                                                                    \
    PATCH_OF("large.patch", "60", "5000")                                                          \
    ", " PATCH_OF("small.patch", "40", "60000") ", " PATCH_OF("other.patch", "10", "5000")

// Two patches from what runs, of 40 bytes and 60; one from something else of 10; and the image in three forms.
static void make_index(struct esp_ota_release *release, const char *more)
{
    char digest[65];
    digest_of(OLD_SIZE, digest);
    int len = snprintf(s_text, sizeof(s_text), "{" HEAD "%s, \"files\": [" FORMS ", " PATCHES "]}",
                       more, digest, digest, ZEROS);
    assert_true(len > 0 && (size_t)len < sizeof(s_text));
    assert_int_equal(esp_ota_release_parse(s_text, strlen(s_text), release), ESP_OK);
}

static int set_up(void **state)
{
    (void)state;
    esp_log_level_set("*", ESP_LOG_NONE);
    for (size_t i = 0; i < BASE_SIZE; i++) {
        s_base[i] = (uint8_t)(i * 7 >> 2);
    }
    s_read_answer = ESP_OK;
    s_read = 0;
    return 0;
}

static void assert_plan(const struct esp_ota_release_limits *limits, const char *names)
{
    struct esp_ota_release release;
    struct esp_ota_release_plan plan;
    char found[256] = "";
    make_index(&release, "");
    assert_int_equal(esp_ota_release_plan(&release, &BASE, limits, &plan), ESP_OK);
    for (uint32_t i = 0; i < plan.count; i++) {
        (void)strncat(found, plan.files[i].name, sizeof(found) - strlen(found) - 2);
        (void)strncat(found, " ", 2);
    }
    assert_string_equal(found, names);
    assert_true(plan.has_patch);
    assert_int_equal(plan.patch_size, 40);
}

static void files_come_by_size_and_the_limits_leave_out_what_does_not_fit(void **state)
{
    (void)state;
    struct esp_ota_release_limits limits = ALL;
    assert_plan(&limits, "small.patch large.patch a.zst a.gz ");
    limits.memory = 6144;
    assert_plan(&limits, "large.patch a.zst a.gz a ");
    limits.memory = 0;
    limits.takes_zstd = false;
    assert_plan(&limits, "a.gz a ");
    limits.max_bytes = 999;
    assert_plan(&limits, "a.gz ");
    limits.patches_only = true;
    assert_plan(&limits, "");
    limits = ALL;
    limits.patches_only = true;
    assert_plan(&limits, "small.patch large.patch ");
    limits.max_bytes = 40;
    assert_plan(&limits, "small.patch ");
}

static void what_runs_is_read_once_up_to_the_longest_image_of_the_index(void **state)
{
    (void)state;
    assert_plan(&ALL, "small.patch large.patch a.zst a.gz ");
    assert_int_equal(s_read, 1000);
}

static void the_release_that_runs_and_one_that_was_withdrawn_are_told(void **state)
{
    (void)state;
    struct esp_ota_release release;
    struct esp_ota_release_plan plan;
    char digest[65];
    char more[256];
    (void)snprintf(more, sizeof(more),
                   ", \"withdrawn\": [{\"kind\": \"image\", \"name\": \"w\", \"size\": 1500, "
                   "\"sha256\": \"%s\"}]",
                   digest_of(1500, digest));
    make_index(&release, more);
    assert_int_equal(esp_ota_release_plan(&release, &BASE, &ALL, &plan), ESP_OK);
    assert_true(plan.is_withdrawn);
    assert_false(plan.is_current);
    make_index(&release, "");
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, s_base, 1000);
    esp_crypto.sha256_end(&hash, release.image_sha256);
    assert_int_equal(esp_ota_release_plan(&release, &BASE, &ALL, &plan), ESP_OK);
    assert_true(plan.is_current);
    assert_int_equal(plan.count, 0);
}

static void images_longer_than_what_can_be_read_are_no_base(void **state)
{
    (void)state;
    struct esp_ota_release release;
    struct esp_ota_release_plan plan;
    struct esp_ota_release_base base = BASE;
    base.size = OLD_SIZE - 1;
    make_index(&release, "");
    assert_int_equal(esp_ota_release_plan(&release, &base, &ALL, &plan), ESP_OK);
    assert_false(plan.has_patch);
    assert_int_equal(s_read, 0);
}

static void an_image_beyond_the_slot_and_a_read_error_are_told(void **state)
{
    (void)state;
    struct esp_ota_release release;
    struct esp_ota_release_plan plan;
    struct esp_ota_release_limits limits = ALL;
    make_index(&release, "");
    limits.slot_size = 999;
    assert_int_equal(esp_ota_release_plan(&release, &BASE, &limits, &plan), ESP_ERR_INVALID_SIZE);
    s_read_answer = ESP_FAIL;
    assert_int_equal(esp_ota_release_plan(&release, &BASE, &ALL, &plan), ESP_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_come_by_size_and_the_limits_leave_out_what_does_not_fit,
                               set_up),
        cmocka_unit_test_setup(what_runs_is_read_once_up_to_the_longest_image_of_the_index, set_up),
        cmocka_unit_test_setup(the_release_that_runs_and_one_that_was_withdrawn_are_told, set_up),
        cmocka_unit_test_setup(images_longer_than_what_can_be_read_are_no_base, set_up),
        cmocka_unit_test_setup(an_image_beyond_the_slot_and_a_read_error_are_told, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
