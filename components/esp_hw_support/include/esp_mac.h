/**
 * Hardware addresses. fact: names as in ESP-IDF, esp_hw_support: esp_mac.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_MAC_WIFI_STA = 0,
    ESP_MAC_WIFI_SOFTAP = 1,
    ESP_MAC_BT = 2,
    ESP_MAC_ETH = 3,
} esp_mac_type_t;

#define MACSTR       "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC2STR(mac) (mac)[0], (mac)[1], (mac)[2], (mac)[3], (mac)[4], (mac)[5]

/** A locally administered address, 02:00:00:00:00:00 plus the type. The environment's ESP_OTA_MAC ("02:...:7f") replaces the
 *  first. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or no such type */
esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type) ESP_MUST_CHECK;

/** As esp_read_mac() of the first type. */
esp_err_t esp_efuse_mac_get_default(uint8_t *mac) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
