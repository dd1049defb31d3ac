/**
 * The task watchdog, as the harmless host version: nobody is watched inside the process. A device that hangs is noticed by
 * whoever powers it.
 *
 * fact: names as in ESP-IDF, esp_system: esp_task_wdt.h. Every function answers ESP_OK.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint32_t timeout_ms;
    uint32_t idle_core_mask;
    bool trigger_panic;
} esp_task_wdt_config_t;

struct tskTaskControlBlock;

esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t *config) ESP_MUST_CHECK;
esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config) ESP_MUST_CHECK;
esp_err_t esp_task_wdt_deinit(void) ESP_MUST_CHECK;
esp_err_t esp_task_wdt_add(struct tskTaskControlBlock *task) ESP_MUST_CHECK;
esp_err_t esp_task_wdt_delete(struct tskTaskControlBlock *task) ESP_MUST_CHECK;
esp_err_t esp_task_wdt_reset(void) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
