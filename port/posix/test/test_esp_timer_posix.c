#include "esp_timer.h"

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void give(void *arg)
{
    xSemaphoreGive(arg);
}

static void time_goes_on_and_a_timer_calls_when_it_comes(void **state)
{
    (void)state;
    SemaphoreHandle_t called = xSemaphoreCreateCounting(1000, 0);
    esp_timer_create_args_t args = {.callback = give, .arg = called, .name = "test"};
    esp_timer_handle_t timer = NULL;
    assert_int_equal(esp_timer_create(&args, &timer), ESP_OK);
    int64_t before = esp_timer_get_time();
    assert_int_equal(esp_timer_start_once(timer, 2000), ESP_OK);
    assert_int_equal(xSemaphoreTake(called, portMAX_DELAY), pdTRUE);
    assert_true(esp_timer_get_time() - before >= 2000);
    assert_false(esp_timer_is_active(timer));
    assert_int_equal(esp_timer_start_periodic(timer, 100), ESP_OK);
    assert_int_equal(xSemaphoreTake(called, portMAX_DELAY), pdTRUE);
    assert_int_equal(xSemaphoreTake(called, portMAX_DELAY), pdTRUE);
    assert_int_equal(esp_timer_stop(timer), ESP_OK);
    assert_int_equal(esp_timer_delete(timer), ESP_OK);
    vTaskDelay(2); // a call under way may still use the semaphore
    vSemaphoreDelete(called);
}

static void wrong_states_and_arguments_are_refused(void **state)
{
    (void)state;
    esp_timer_handle_t timer = NULL;
    assert_int_equal(esp_timer_create(NULL, &timer), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_timer_start_once(NULL, 1), ESP_ERR_INVALID_ARG);
    esp_timer_create_args_t args = {.callback = give};
    assert_int_equal(esp_timer_create(&args, &timer), ESP_OK);
    assert_int_equal(esp_timer_stop(timer), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_timer_restart(timer, 5), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_timer_start_once(timer, UINT64_MAX), ESP_OK);
    assert_int_equal(esp_timer_start_once(timer, 1), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_timer_restart(timer, UINT64_MAX), ESP_OK);
    assert_int_equal(esp_timer_delete(timer), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_timer_stop(timer), ESP_OK);
    assert_int_equal(esp_timer_delete(timer), ESP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_on_and_a_timer_calls_when_it_comes),
        cmocka_unit_test(wrong_states_and_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
