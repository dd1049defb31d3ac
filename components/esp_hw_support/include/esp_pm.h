/**
 * Power management, as the harmless host version: a configuration is taken, a lock is counted nowhere.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int max_freq_mhz;
    int min_freq_mhz;
    bool light_sleep_enable;
} esp_pm_config_t;

/** @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t esp_pm_configure(const void *config) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
