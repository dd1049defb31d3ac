// Espressif's functions at their edges; good and bad patches are rows of the reference vectors (tests/vectors, kind delta).

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "esp_delta_ota.h"
#include "esp_log.h"

static uint8_t s_out[64];
static size_t s_out_len;
static esp_err_t s_read_answer;
static esp_err_t s_write_answer;

static esp_err_t read_base(uint8_t *out, size_t size, int offset)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(offset + (int)i);
    }
    return s_read_answer;
}

static esp_err_t write_target(const uint8_t *bytes, size_t size)
{
    assert_true(size <= sizeof(s_out) - s_out_len);
    memcpy(s_out + s_out_len, bytes, size);
    s_out_len += size;
    return s_write_answer;
}

static int set_up(void **state)
{
    esp_delta_ota_cfg_t cfg = {.read_cb = read_base, .write_cb = write_target};
    esp_log_level_set("*", ESP_LOG_NONE);
    s_out_len = 0;
    s_read_answer = ESP_OK;
    s_write_answer = ESP_OK;
    *state = esp_delta_ota_init(&cfg);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    return esp_delta_ota_deinit(*state) == ESP_OK ? 0 : -1;
}

// Three bytes 5, 6, 7 as base bytes 4 to 6 plus 1: literals of heatshrink, most significant bit first.
static const uint8_t PLAIN[] = {0 /* format */, 0, 0, 4 /* step */, 3, 1, 1, 1, 0, 0 /* step */};

static size_t make_patch(uint8_t *out)
{
    size_t len = 3;
    uint32_t bits = 0;
    unsigned count = 0;
    out[0] = 0x04;
    out[1] = 3;
    out[2] = 0x44;
    for (size_t i = 0; i < sizeof(PLAIN); i++) {
        bits = bits << 9 | 0x100u | PLAIN[i];
        for (count += 9; count >= 8; count -= 8) {
            out[len++] = (uint8_t)(bits >> (count - 8));
        }
    }
    out[len++] = (uint8_t)(bits << (8 - count));
    return len;
}

static void applies_a_patch_without_user_data(void **state)
{
    uint8_t patch[32];
    size_t len = make_patch(patch);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(esp_delta_ota_feed_patch(*state, patch + i, 1), ESP_OK);
    }
    assert_int_equal(esp_delta_ota_finalize(*state), ESP_OK);
    assert_int_equal(s_out_len, 3);
    assert_memory_equal(s_out, "\5\6\7", 3);
}

static void is_not_complete_before_the_last_step_has_come(void **state)
{
    uint8_t patch[32];
    size_t len = make_patch(patch);
    assert_int_equal(esp_delta_ota_feed_patch(*state, patch, (int)len - 2), ESP_OK);
    assert_int_equal(s_out_len, 3);
    assert_int_equal(esp_delta_ota_finalize(*state), ESP_FAIL);
}

static void a_failed_callback_ends_the_patch_for_good(void **state)
{
    uint8_t patch[32];
    size_t len = make_patch(patch);
    s_read_answer = ESP_ERR_NO_MEM;
    assert_int_equal(esp_delta_ota_feed_patch(*state, patch, (int)len), ESP_FAIL);
    s_read_answer = ESP_OK;
    assert_int_equal(esp_delta_ota_feed_patch(*state, patch, (int)len), ESP_FAIL);
    assert_int_equal(esp_delta_ota_finalize(*state), ESP_FAIL);
}

static void a_write_that_fails_is_told(void **state)
{
    uint8_t patch[32];
    size_t len = make_patch(patch);
    s_write_answer = ESP_FAIL;
    assert_int_equal(esp_delta_ota_feed_patch(*state, patch, (int)len), ESP_FAIL);
}

static void wants_its_arguments(void **state)
{
    esp_delta_ota_cfg_t cfg = {.read_cb = read_base};
    uint8_t byte = 0;
    assert_null(esp_delta_ota_init(NULL));
    assert_null(esp_delta_ota_init(&cfg));
    assert_int_equal(esp_delta_ota_feed_patch(NULL, &byte, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_delta_ota_feed_patch(*state, NULL, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_delta_ota_feed_patch(*state, &byte, -1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_delta_ota_finalize(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_delta_ota_deinit(NULL), ESP_ERR_INVALID_ARG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(applies_a_patch_without_user_data),
        TEST(is_not_complete_before_the_last_step_has_come),
        TEST(a_failed_callback_ends_the_patch_for_good),
        TEST(a_write_that_fails_is_told),
        TEST(wants_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
