/**
 * The one event handler of applications for ESP-IDF v3, called with a struct for every event of Wi-Fi and IP.
 *
 * fact: names, values and members as in ESP-IDF v3.3, esp32: esp_event.h and esp_event_loop.h. The events come from the default loop
 * of esp_event.h; only those that esp_wifi.h posts ever happen.
 */
#pragma once

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_wifi_types.h"
#include "tcpip_adapter.h" // applications of that time find it here

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SYSTEM_EVENT_WIFI_READY = 0,
    SYSTEM_EVENT_SCAN_DONE,
    SYSTEM_EVENT_STA_START,
    SYSTEM_EVENT_STA_STOP,
    SYSTEM_EVENT_STA_CONNECTED,
    SYSTEM_EVENT_STA_DISCONNECTED,
    SYSTEM_EVENT_STA_AUTHMODE_CHANGE,
    SYSTEM_EVENT_STA_GOT_IP,
    SYSTEM_EVENT_STA_LOST_IP,
    SYSTEM_EVENT_STA_WPS_ER_SUCCESS,
    SYSTEM_EVENT_STA_WPS_ER_FAILED,
    SYSTEM_EVENT_STA_WPS_ER_TIMEOUT,
    SYSTEM_EVENT_STA_WPS_ER_PIN,
    SYSTEM_EVENT_STA_WPS_ER_PBC_OVERLAP,
    SYSTEM_EVENT_AP_START,
    SYSTEM_EVENT_AP_STOP,
    SYSTEM_EVENT_AP_STACONNECTED,
    SYSTEM_EVENT_AP_STADISCONNECTED,
    SYSTEM_EVENT_AP_STAIPASSIGNED,
    SYSTEM_EVENT_AP_PROBEREQRECVED,
    SYSTEM_EVENT_GOT_IP6,
    SYSTEM_EVENT_ETH_START,
    SYSTEM_EVENT_ETH_STOP,
    SYSTEM_EVENT_ETH_CONNECTED,
    SYSTEM_EVENT_ETH_DISCONNECTED,
    SYSTEM_EVENT_ETH_GOT_IP,
    SYSTEM_EVENT_MAX,
} system_event_id_t;

typedef wifi_event_sta_connected_t system_event_sta_connected_t;
typedef wifi_event_sta_disconnected_t system_event_sta_disconnected_t;
typedef ip_event_got_ip_t system_event_sta_got_ip_t;

/** Which member counts follows from the id; all zero for the others. */
typedef union {
    system_event_sta_connected_t connected;
    system_event_sta_disconnected_t disconnected;
    system_event_sta_got_ip_t got_ip;
} system_event_info_t;

typedef struct {
    system_event_id_t event_id;
    system_event_info_t event_info;
} system_event_t;

/** The result is ignored. */
typedef esp_err_t (*system_event_cb_t)(void *ctx, system_event_t *event);

/**
 * Creates the default loop and calls cb on its task for each event.
 * @param cb  NULL: nobody is called until esp_event_loop_set_cb()
 * @return ESP_OK; ESP_FAIL: called before; or the error of esp_event_loop_create_default(), a loop that exists being none
 */
esp_err_t esp_event_loop_init(system_event_cb_t cb, void *ctx) ESP_MUST_CHECK;

/** Another handler from now on. @return the one before */
system_event_cb_t esp_event_loop_set_cb(system_event_cb_t cb, void *ctx);

#ifdef __cplusplus
}
#endif
