/**
 * Types of esp_wifi.h. fact: names and values as in ESP-IDF, esp_wifi: esp_wifi_types.h.
 */
#pragma once

#include "esp_err.h"
#include "esp_event_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    WIFI_PS_NONE = 0,
    WIFI_PS_MIN_MODEM = 1,
    WIFI_PS_MAX_MODEM = 2,
} wifi_ps_type_t;

typedef enum {
    WIFI_MODE_NULL = 0,
    WIFI_MODE_STA = 1,
    WIFI_MODE_AP = 2,
    WIFI_MODE_APSTA = 3,
    WIFI_MODE_MAX = 4,
} wifi_mode_t;

typedef enum {
    WIFI_IF_STA = 0,
    WIFI_IF_AP = 1,
} wifi_interface_t;

#define ESP_IF_WIFI_STA WIFI_IF_STA // name until v4.4
#define ESP_IF_WIFI_AP  WIFI_IF_AP

typedef enum {
    WIFI_STORAGE_FLASH = 0,
    WIFI_STORAGE_RAM = 1,
} wifi_storage_t;

typedef enum {
    WIFI_AUTH_OPEN = 0,
    WIFI_AUTH_WEP = 1,
    WIFI_AUTH_WPA_PSK = 2,
    WIFI_AUTH_WPA2_PSK = 3,
    WIFI_AUTH_WPA_WPA2_PSK = 4,
} wifi_auth_mode_t;

/** The members that applications set; the rest of ESP-IDF's struct is left out. */
typedef struct {
    uint8_t ssid[32];
    uint8_t password[64];
    bool bssid_set;
    uint8_t bssid[6];
    uint8_t channel;
    struct {
        int8_t rssi;
        wifi_auth_mode_t authmode;
    } threshold;
} wifi_sta_config_t;

typedef struct {
    uint8_t ssid[32];
    uint8_t password[64];
    uint8_t ssid_len;
    uint8_t channel;
    wifi_auth_mode_t authmode;
    uint8_t max_connection;
} wifi_ap_config_t;

typedef union {
    wifi_ap_config_t ap;
    wifi_sta_config_t sta;
} wifi_config_t;

/** Events of the radio: esp_wifi_start() posts STA_START, esp_wifi_connect() STA_CONNECTED and IP_EVENT_STA_GOT_IP. */
ESP_EVENT_DECLARE_BASE(WIFI_EVENT);

typedef enum {
    WIFI_EVENT_WIFI_READY = 0,
    WIFI_EVENT_SCAN_DONE = 1,
    WIFI_EVENT_STA_START = 2,
    WIFI_EVENT_STA_STOP = 3,
    WIFI_EVENT_STA_CONNECTED = 4,
    WIFI_EVENT_STA_DISCONNECTED = 5,
} wifi_event_t;

/** Data of WIFI_EVENT_STA_CONNECTED: the network of esp_wifi_set_config(). */
typedef struct {
    uint8_t ssid[32]; // ssid_len bytes, not terminated
    uint8_t ssid_len;
    uint8_t bssid[6];
    uint8_t channel;
    wifi_auth_mode_t authmode;
} wifi_event_sta_connected_t;

/** Data of WIFI_EVENT_STA_DISCONNECTED, which never happens here. */
typedef struct {
    uint8_t ssid[32];
    uint8_t ssid_len;
    uint8_t bssid[6];
    uint8_t reason;
    int8_t rssi;
} wifi_event_sta_disconnected_t;

#ifdef __cplusplus
}
#endif
