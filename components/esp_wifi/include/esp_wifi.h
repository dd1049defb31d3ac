/**
 * Wi-Fi, as the harmless host version: there is no radio, every call succeeds, and connecting reports an address at once.
 *
 * fact: names as in ESP-IDF, esp_wifi: esp_wifi.h.
 */
#pragma once

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_wifi_types.h"
#include "tcpip_adapter.h" // applications of ESP-IDF v3 and v4.0 find it here

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int magic;
} wifi_init_config_t;

#define WIFI_INIT_CONFIG_MAGIC 0x1F2F3F4F
// clang-format off
#define WIFI_INIT_CONFIG_DEFAULT() {.magic = WIFI_INIT_CONFIG_MAGIC}
// clang-format on

/** Each answers ESP_OK and keeps nothing, except: NULL is ESP_ERR_INVALID_ARG where a pointer is wanted. */
esp_err_t esp_wifi_init(const wifi_init_config_t *config) ESP_MUST_CHECK;
esp_err_t esp_wifi_deinit(void) ESP_MUST_CHECK;
esp_err_t esp_wifi_set_mode(wifi_mode_t mode) ESP_MUST_CHECK;
esp_err_t esp_wifi_set_storage(wifi_storage_t storage) ESP_MUST_CHECK;
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *conf) ESP_MUST_CHECK;
esp_err_t esp_wifi_set_ps(wifi_ps_type_t type) ESP_MUST_CHECK;
esp_err_t esp_wifi_stop(void) ESP_MUST_CHECK;
esp_err_t esp_wifi_disconnect(void) ESP_MUST_CHECK;

/** Posts WIFI_EVENT_STA_START to the default loop, if there is one. Errors: those of esp_event_post(). */
esp_err_t esp_wifi_start(void) ESP_MUST_CHECK;

/** Posts WIFI_EVENT_STA_CONNECTED and IP_EVENT_STA_GOT_IP to the default loop, if there is one. Errors: as above. */
esp_err_t esp_wifi_connect(void) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
