#include "esp_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char TAG[] = "test";
static char s_output[2048];
static size_t s_output_len;

uint32_t esp_log_timestamp(void)
{
    return 1234;
}

__attribute__((format(printf, 1, 0))) static int capture(const char *format, va_list args)
{
    int len = vsnprintf(s_output + s_output_len, sizeof(s_output) - s_output_len, format, args);
    if (len > 0) {
        s_output_len += (size_t)len;
    }
    return len;
}

static int start_capture(void **state)
{
    (void)state;
    s_output[0] = '\0';
    s_output_len = 0;
    esp_log_level_set("*", ESP_LOG_INFO);
    (void)esp_log_set_vprintf(capture);
    return 0;
}

static void a_line_has_letter_time_tag_and_message(void **state)
{
    (void)state;
    ESP_LOGE(TAG, "number %d", 7);
    assert_string_equal(s_output, "E (1234) test: number 7\n");
}

static void each_level_has_its_letter(void **state)
{
    (void)state;
    esp_log_level_set("*", ESP_LOG_VERBOSE);
    ESP_LOGE(TAG, "x");
    ESP_LOGW(TAG, "x");
    ESP_LOGI(TAG, "x");
    ESP_LOGD(TAG, "x");
    ESP_LOGV(TAG, "x");
    assert_string_equal(s_output, "E (1234) test: x\nW (1234) test: x\nI (1234) test: x\n"
                                  "D (1234) test: x\nV (1234) test: x\n");
}

static void lines_above_the_limit_of_their_tag_are_left_out(void **state)
{
    (void)state;
    ESP_LOGD(TAG, "hidden");
    esp_log_level_set(TAG, ESP_LOG_DEBUG);
    ESP_LOGD(TAG, "shown");
    ESP_LOGD("other", "hidden");
    esp_log_level_set(TAG, ESP_LOG_NONE);
    ESP_LOGE(TAG, "hidden");
    assert_string_equal(s_output, "D (1234) test: shown\n");
}

static void a_star_sets_the_default_and_clears_the_rest(void **state)
{
    (void)state;
    esp_log_level_set("a", ESP_LOG_VERBOSE);
    assert_int_equal(esp_log_level_get("a"), ESP_LOG_VERBOSE);
    assert_int_equal(esp_log_level_get("b"), ESP_LOG_INFO);
    esp_log_level_set("*", ESP_LOG_WARN);
    assert_int_equal(esp_log_level_get("a"), ESP_LOG_WARN);
    assert_int_equal(esp_log_level_get("b"), ESP_LOG_WARN);
}

static void more_tags_than_there_is_room_for_keep_the_default(void **state)
{
    (void)state;
    char tag[16];
    for (int i = 0; i < 40; i++) {
        snprintf(tag, sizeof(tag), "tag%d", i);
        esp_log_level_set(tag, ESP_LOG_DEBUG);
    }
    assert_int_equal(esp_log_level_get("tag0"), ESP_LOG_DEBUG);
    assert_int_equal(esp_log_level_get("tag39"), ESP_LOG_INFO);
}

static int discard(const char *format, va_list args)
{
    (void)format;
    (void)args;
    return 0;
}

static void setting_the_sink_gives_back_the_old_one(void **state)
{
    (void)state;
    assert_ptr_equal(esp_log_set_vprintf(discard), capture);
    ESP_LOGI(TAG, "nobody sees this");
    assert_ptr_equal(esp_log_set_vprintf(capture), discard);
    assert_string_equal(s_output, "");
}

static void writing_adds_nothing_to_the_format(void **state)
{
    (void)state;
    esp_log_write(ESP_LOG_INFO, TAG, "%s", "raw");
    esp_log_write(ESP_LOG_DEBUG, TAG, "%s", "hidden");
    assert_string_equal(s_output, "raw");
}

static void a_level_may_be_an_expression(void **state)
{
    (void)state;
    for (int failed = 0; failed < 2; failed++) {
        ESP_LOG_LEVEL(failed ? ESP_LOG_ERROR : ESP_LOG_INFO, TAG, "%d", failed);
        ESP_LOG_LEVEL_LOCAL(failed ? ESP_LOG_WARN : ESP_LOG_DEBUG, TAG, "%d", failed);
    }
    assert_string_equal(s_output, "I (1234) test: 0\nE (1234) test: 1\nW (1234) test: 1\n");
}

static void a_long_message_is_cut_not_lost(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ESP_LOGI(TAG, "%s", text);
    assert_true(s_output_len > 500);
    assert_int_equal(s_output[s_output_len - 1], '\n');
}

static void buffers_are_shown_sixteen_bytes_a_line(void **state)
{
    (void)state;
    uint8_t bytes[18];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)('0' + i);
    }
    bytes[0] = 0;
    ESP_LOG_BUFFER_HEX(TAG, bytes, sizeof(bytes));
    assert_string_equal(s_output, "I (1234) test: 00 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f\n"
                                  "I (1234) test: 40 41\n");
    start_capture(NULL);
    ESP_LOG_BUFFER_CHAR(TAG, bytes, sizeof(bytes));
    assert_string_equal(s_output, "I (1234) test: .123456789:;<=>?\nI (1234) test: @A\n");
    start_capture(NULL);
    ESP_LOG_BUFFER_HEXDUMP(TAG, bytes, sizeof(bytes), ESP_LOG_INFO);
    assert_non_null(strstr(s_output, "00 31 32 33"));
    assert_non_null(strstr(s_output, "|.123456789:;<=>?|\n"));
    assert_non_null(strstr(s_output, "|@A|\n"));
    start_capture(NULL);
    ESP_LOG_BUFFER_HEX_LEVEL(TAG, bytes, sizeof(bytes), ESP_LOG_DEBUG);
    ESP_LOG_BUFFER_HEX(TAG, bytes, 0);
    assert_string_equal(s_output, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, start_capture)
        TEST(a_line_has_letter_time_tag_and_message),
        TEST(each_level_has_its_letter),
        TEST(lines_above_the_limit_of_their_tag_are_left_out),
        TEST(a_star_sets_the_default_and_clears_the_rest),
        TEST(more_tags_than_there_is_room_for_keep_the_default),
        TEST(setting_the_sink_gives_back_the_old_one),
        TEST(writing_adds_nothing_to_the_format),
        TEST(a_level_may_be_an_expression),
        TEST(a_long_message_is_cut_not_lost),
        TEST(buffers_are_shown_sixteen_bytes_a_line),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
