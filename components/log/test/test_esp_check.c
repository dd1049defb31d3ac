#include "esp_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char TAG[] = "test";
static char s_output[256];
static int s_evaluated;
static bool s_reached_end;

uint32_t esp_log_timestamp(void)
{
    return 0;
}

__attribute__((format(printf, 1, 0))) static int capture(const char *format, va_list args)
{
    return vsnprintf(s_output, sizeof(s_output), format, args);
}

static int start_capture(void **state)
{
    (void)state;
    s_output[0] = '\0';
    s_evaluated = 0;
    s_reached_end = false;
    (void)esp_log_set_vprintf(capture);
    return 0;
}

static esp_err_t evaluate(esp_err_t err)
{
    s_evaluated++;
    return err;
}

static esp_err_t return_on_error(esp_err_t err)
{
    ESP_RETURN_ON_ERROR(evaluate(err), TAG, "without arguments");
    s_reached_end = true;
    return ESP_OK;
}

static void return_void_on_error(esp_err_t err)
{
    ESP_RETURN_VOID_ON_ERROR(evaluate(err), TAG, "code %d", err);
    s_reached_end = true;
}

static esp_err_t goto_on_error(esp_err_t err)
{
    esp_err_t ret = ESP_OK;
    ESP_GOTO_ON_ERROR(evaluate(err), out, TAG, "code %d", err);
    s_reached_end = true;
out:
    return ret;
}

static esp_err_t return_on_false(bool condition)
{
    ESP_RETURN_ON_FALSE(condition, ESP_ERR_INVALID_ARG, TAG, "no");
    s_reached_end = true;
    return ESP_OK;
}

static void return_void_on_false(bool condition)
{
    ESP_RETURN_VOID_ON_FALSE(condition, TAG, "no");
    s_reached_end = true;
}

static esp_err_t goto_on_false(bool condition)
{
    esp_err_t ret = ESP_OK;
    ESP_GOTO_ON_FALSE(condition, ESP_ERR_NOT_FOUND, out, TAG, "no");
    s_reached_end = true;
out:
    return ret;
}

static void checks_that_hold_are_silent(void **state)
{
    (void)state;
    assert_int_equal(return_on_error(ESP_OK), ESP_OK);
    assert_true(s_reached_end);
    assert_int_equal(goto_on_error(ESP_OK), ESP_OK);
    assert_int_equal(return_on_false(true), ESP_OK);
    assert_int_equal(goto_on_false(true), ESP_OK);
    s_reached_end = false;
    return_void_on_error(ESP_OK);
    assert_true(s_reached_end);
    s_reached_end = false;
    return_void_on_false(true);
    assert_true(s_reached_end);
    assert_string_equal(s_output, "");
}

static void a_failed_check_logs_function_and_line_and_leaves_with_the_code(void **state)
{
    (void)state;
    assert_int_equal(return_on_error(ESP_ERR_NO_MEM), ESP_ERR_NO_MEM);
    assert_false(s_reached_end);
    assert_int_equal(s_evaluated, 1);
    assert_int_equal(strncmp(s_output, "E (0) test: return_on_error(", 28), 0);
    assert_non_null(strstr(s_output, "): without arguments\n"));
}

static void every_form_leaves(void **state)
{
    (void)state;
    return_void_on_error(7);
    assert_non_null(strstr(s_output, "): code 7\n"));
    assert_int_equal(goto_on_error(ESP_FAIL), ESP_FAIL);
    assert_non_null(strstr(s_output, "): code -1\n"));
    assert_int_equal(return_on_false(false), ESP_ERR_INVALID_ARG);
    return_void_on_false(false);
    assert_int_equal(goto_on_false(false), ESP_ERR_NOT_FOUND);
    assert_false(s_reached_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checks_that_hold_are_silent, start_capture),
        cmocka_unit_test_setup(a_failed_check_logs_function_and_line_and_leaves_with_the_code,
                               start_capture),
        cmocka_unit_test_setup(every_form_leaves, start_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
