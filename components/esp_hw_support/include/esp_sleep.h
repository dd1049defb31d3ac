/**
 * Sleep. fact: names and values as in ESP-IDF, esp_hw_support: esp_sleep.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_SLEEP_WAKEUP_UNDEFINED = 0,
    ESP_SLEEP_WAKEUP_ALL = 1,
    ESP_SLEEP_WAKEUP_EXT0 = 2,
    ESP_SLEEP_WAKEUP_EXT1 = 3,
    ESP_SLEEP_WAKEUP_TIMER = 4,
} esp_sleep_source_t;

typedef esp_sleep_source_t esp_sleep_wakeup_cause_t;

/** Ends this boot with ESP_EXIT_DEEP_SLEEP (system_port.h), without shutdown handlers; the time is left to whoever wakes
 *  the device. Does not return. */
void esp_deep_sleep(uint64_t time_in_us) ESP_NORETURN;
void esp_deep_sleep_start(void) ESP_NORETURN;

/** Remembers nothing: whoever wakes the device knows when. @return ESP_OK */
esp_err_t esp_sleep_enable_timer_wakeup(uint64_t time_in_us) ESP_MUST_CHECK;

/** What ended the last sleep: ESP_SLEEP_WAKEUP_TIMER after a boot with reason ESP_RST_DEEPSLEEP, else UNDEFINED. */
esp_sleep_wakeup_cause_t esp_sleep_get_wakeup_cause(void);

#ifdef __cplusplus
}
#endif
