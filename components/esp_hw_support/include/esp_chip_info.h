/**
 * The chip that runs. fact: names as in ESP-IDF, esp_hw_support: esp_chip_info.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CHIP_ESP32 = 1,
    CHIP_POSIX_LINUX = 999,
} esp_chip_model_t;

#define CHIP_FEATURE_EMB_FLASH (1u << 0)
#define CHIP_FEATURE_WIFI_BGN  (1u << 1)
#define CHIP_FEATURE_BLE       (1u << 4)
#define CHIP_FEATURE_BT        (1u << 5)

typedef struct {
    esp_chip_model_t model;
    uint32_t features;
    uint16_t revision;
    uint8_t cores;
} esp_chip_info_t;

/** CHIP_POSIX_LINUX with one core and no features. */
void esp_chip_info(esp_chip_info_t *out_info);

#ifdef __cplusplus
}
#endif
