/**
 * The task watchdog. fact: names and signatures as in ESP-IDF, esp_system: esp_task_wdt.h.
 *
 * On a chip it notices that tasks, the idle task among them, do not get to run. differs: a host schedules fairly and has
 * no idle task, so what it notices here is a trial that goes on in silence: an image that is PENDING_VERIFY and neither
 * confirms itself nor calls esp_task_wdt_reset() within the time given to `esp-ota device run --watchdog`. Outside a
 * trial, and without a supervisor, feeding has no effect.
 */
#pragma once

#include "esp_err.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint32_t timeout_ms;
    uint32_t idle_core_mask; // not looked at
    bool trigger_panic;      // not looked at
} esp_task_wdt_config_t;

/** Takes the configuration. Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (initialised already). */
esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t *config);

/** Changes it. Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (not initialised). */
esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config);

/** Ends it. Errors: ESP_ERR_INVALID_STATE (not initialised). */
esp_err_t esp_task_wdt_deinit(void);

/** Subscribes a task; NULL: the calling one. @return ESP_OK */
esp_err_t esp_task_wdt_add(TaskHandle_t task);

/** Takes the subscription back. @return ESP_OK */
esp_err_t esp_task_wdt_delete(TaskHandle_t task);

/** The application is alive. Any task. differs: a task need not have subscribed. @return ESP_OK */
esp_err_t esp_task_wdt_reset(void);

#ifdef __cplusplus
}
#endif
