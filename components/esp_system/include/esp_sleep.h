/**
 * Deep sleep. A host device wakes when its timer has run out, or sooner: a second is as good as a year. Nothing else wakes it.
 * fact: names and contracts as in ESP-IDF, esp_hw_support: esp_sleep.h.
 */
#pragma once

#include "esp_attr.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What woke the chip. Only what a host can meet. */
typedef enum {
    ESP_SLEEP_WAKEUP_UNDEFINED = 0, // this boot did not begin with a wake-up
    ESP_SLEEP_WAKEUP_ALL = 1,       // for esp_sleep_disable_wakeup_source()
    ESP_SLEEP_WAKEUP_EXT0 = 2,
    ESP_SLEEP_WAKEUP_EXT1 = 3,
    ESP_SLEEP_WAKEUP_TIMER = 4,
} esp_sleep_source_t;

typedef esp_sleep_source_t esp_sleep_wakeup_cause_t;

/** Wakes the chip time_in_us microseconds after it went to sleep. @return ESP_OK */
esp_err_t esp_sleep_enable_timer_wakeup(uint64_t time_in_us);

/** Forgets a wake-up source. Errors: ESP_ERR_INVALID_STATE (it was not enabled). */
esp_err_t esp_sleep_disable_wakeup_source(esp_sleep_source_t source);

/** What woke the chip: the timer after a deep sleep, else ESP_SLEEP_WAKEUP_UNDEFINED. */
esp_sleep_wakeup_cause_t esp_sleep_get_wakeup_cause(void);

/** Sleeps as the enabled sources say. Shutdown handlers do not run, as on a chip. Never returns. */
void esp_deep_sleep_start(void) ESP_NORETURN;

/** Sleeps for time_in_us microseconds; 0: without a timer. Never returns. */
void esp_deep_sleep(uint64_t time_in_us) ESP_NORETURN;

#ifdef __cplusplus
}
#endif
