#include "esp_sleep.h"
#include "system_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static jmp_buf s_asleep;
static uint64_t s_slept_us;

ESP_NORETURN static void scripted_sleep(uint64_t us)
{
    s_slept_us = us;
    longjmp(s_asleep, 1);
}

const struct system_ops esp_system_port = {.deep_sleep = scripted_sleep};

static void sleeping_takes_the_time_it_is_given(void **state)
{
    (void)state;
    if (setjmp(s_asleep) == 0) {
        esp_deep_sleep(1234567890123);
    }
    assert_int_equal(s_slept_us, 1234567890123);
}

static void the_timer_is_what_was_enabled_last(void **state)
{
    (void)state;
    assert_int_equal(esp_sleep_enable_timer_wakeup(5), ESP_OK);
    assert_int_equal(esp_sleep_enable_timer_wakeup(7), ESP_OK);
    if (setjmp(s_asleep) == 0) {
        esp_deep_sleep_start();
    }
    assert_int_equal(s_slept_us, 7);
    assert_int_equal(esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_TIMER), ESP_OK);
    assert_int_equal(esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_TIMER),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_EXT0), ESP_ERR_INVALID_STATE);
    if (setjmp(s_asleep) == 0) {
        esp_deep_sleep_start();
    }
    assert_int_equal(s_slept_us, 0);
}

static void all_sources_can_be_disabled_at_once(void **state)
{
    (void)state;
    assert_int_equal(esp_sleep_enable_timer_wakeup(5), ESP_OK);
    assert_int_equal(esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_ALL), ESP_OK);
    assert_int_equal(esp_sleep_disable_wakeup_source(ESP_SLEEP_WAKEUP_TIMER),
                     ESP_ERR_INVALID_STATE);
}

static void nothing_wakes_a_host_device(void **state)
{
    (void)state;
    assert_int_equal(esp_sleep_get_wakeup_cause(), ESP_SLEEP_WAKEUP_UNDEFINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_takes_the_time_it_is_given),
        cmocka_unit_test(the_timer_is_what_was_enabled_last),
        cmocka_unit_test(all_sources_can_be_disabled_at_once),
        cmocka_unit_test(nothing_wakes_a_host_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
