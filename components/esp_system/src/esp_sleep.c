#include "esp_sleep.h"
#include "esp_system.h"
#include "system_port.h"

#include <stdatomic.h>
#include <stdbool.h>

// One process is one boot, so there is one alarm.
static _Atomic uint64_t s_timer_us;
static atomic_bool s_has_timer;

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t time_in_us)
{
    s_timer_us = time_in_us;
    s_has_timer = true;
    return ESP_OK;
}

esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t source)
{
    if (source == ESP_SLEEP_WAKEUP_ALL) {
        s_has_timer = false;
        return ESP_OK;
    }
    bool was_enabled = source == ESP_SLEEP_WAKEUP_TIMER && atomic_exchange(&s_has_timer, false);
    return was_enabled ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_sleep_wakeup_cause_t esp_sleep_get_wakeup_cause(void)
{
    return esp_reset_reason() == ESP_RST_DEEPSLEEP ? ESP_SLEEP_WAKEUP_TIMER
                                                   : ESP_SLEEP_WAKEUP_UNDEFINED;
}

void esp_deep_sleep_start(void)
{
    esp_system_port.deep_sleep(s_has_timer ? s_timer_us : 0);
}

void esp_deep_sleep(uint64_t time_in_us)
{
    esp_system_port.deep_sleep(time_in_us);
}
