#include "esp_task_wdt.h"
#include "system_port.h"

#include <stdatomic.h>
#include <stdbool.h>

// fact: ESP-IDF starts the watchdog before app_main() unless told otherwise (CONFIG_ESP_TASK_WDT_INIT)
static atomic_bool s_is_initialised = true; // one watchdog a boot

esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t *config)
{
    if (!config) {
        return ESP_ERR_INVALID_ARG;
    }
    return atomic_exchange(&s_is_initialised, true) ? ESP_ERR_INVALID_STATE : ESP_OK;
}

esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config)
{
    if (!config) {
        return ESP_ERR_INVALID_ARG;
    }
    return s_is_initialised ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_task_wdt_deinit(void)
{
    return atomic_exchange(&s_is_initialised, false) ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_task_wdt_add(TaskHandle_t task)
{
    (void)task; // the supervisor watches the boot, not its tasks
    return ESP_OK;
}

esp_err_t esp_task_wdt_delete(TaskHandle_t task)
{
    (void)task; // as above
    return ESP_OK;
}

esp_err_t esp_task_wdt_reset(void)
{
    esp_system_port.feed_watchdog();
    return ESP_OK;
}
