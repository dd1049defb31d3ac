#include "esp_task_wdt.h"
#include "system_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int s_fed;

static void count_feeding(void)
{
    s_fed++;
}

const struct system_ops esp_system_port = {.feed_watchdog = count_feeding};

static void the_watchdog_is_there_before_the_application(void **state)
{
    (void)state;
    esp_task_wdt_config_t config = {.timeout_ms = 5000, .trigger_panic = true};
    assert_int_equal(esp_task_wdt_init(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_task_wdt_init(&config), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_task_wdt_reconfigure(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_task_wdt_reconfigure(&config), ESP_OK);
    assert_int_equal(esp_task_wdt_deinit(), ESP_OK);
    assert_int_equal(esp_task_wdt_deinit(), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_task_wdt_reconfigure(&config), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_task_wdt_init(&config), ESP_OK);
}

static void every_reset_reaches_the_supervisor(void **state)
{
    (void)state;
    assert_int_equal(esp_task_wdt_add(NULL), ESP_OK);
    assert_int_equal(s_fed, 0);
    assert_int_equal(esp_task_wdt_reset(), ESP_OK);
    assert_int_equal(esp_task_wdt_reset(), ESP_OK);
    assert_int_equal(s_fed, 2);
    assert_int_equal(esp_task_wdt_delete(NULL), ESP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watchdog_is_there_before_the_application),
        cmocka_unit_test(every_reset_reaches_the_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
