// A radio that is always in range: calls succeed, and connecting reports what an application waits for.
#include "esp_eth.h"
#include "esp_wifi.h"

#include <string.h>

ESP_EVENT_DEFINE_BASE(WIFI_EVENT);
ESP_EVENT_DEFINE_BASE(ETH_EVENT);

/** What esp_wifi_set_config() was told; one radio, as ESP-IDF's interface has it. */
static wifi_event_sta_connected_t s_network = {.channel = 1, .authmode = WIFI_AUTH_WPA2_PSK};

esp_err_t esp_wifi_init(const wifi_init_config_t *config)
{
    return config ? ESP_OK : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_wifi_deinit(void)
{
    return ESP_OK;
}

esp_err_t esp_wifi_set_mode(wifi_mode_t mode)
{
    (void)mode;
    return ESP_OK;
}

esp_err_t esp_wifi_set_storage(wifi_storage_t storage)
{
    (void)storage;
    return ESP_OK;
}

esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *conf)
{
    if (!conf) {
        return ESP_ERR_INVALID_ARG;
    }
    if (interface == WIFI_IF_STA) {
        memcpy(s_network.ssid, conf->sta.ssid, sizeof(s_network.ssid));
        s_network.ssid_len = (uint8_t)strnlen((const char *)s_network.ssid, sizeof(s_network.ssid));
    }
    return ESP_OK;
}

esp_err_t esp_wifi_set_ps(wifi_ps_type_t type)
{
    (void)type;
    return ESP_OK;
}

esp_err_t esp_wifi_stop(void)
{
    return ESP_OK;
}

esp_err_t esp_wifi_disconnect(void)
{
    return ESP_OK;
}

/** Posts to the default loop; without one nobody listens, which is no error. */
static esp_err_t post(esp_event_base_t base, int32_t id, const void *data, size_t size)
{
    esp_err_t err = esp_event_post(base, id, data, size, portMAX_DELAY);
    return err == ESP_ERR_INVALID_STATE ? ESP_OK : err;
}

esp_err_t esp_wifi_start(void)
{
    return post(WIFI_EVENT, WIFI_EVENT_STA_START, NULL, 0);
}

esp_err_t esp_wifi_connect(void)
{
    ip_event_got_ip_t got = {.esp_netif = esp_netif_get_default_netif(), .ip_changed = true};
    esp_err_t err = esp_netif_get_ip_info(got.esp_netif, &got.ip_info);
    if (err == ESP_OK) {
        err = post(WIFI_EVENT, WIFI_EVENT_STA_CONNECTED, &s_network, sizeof(s_network));
    }
    return err == ESP_OK ? post(IP_EVENT, IP_EVENT_STA_GOT_IP, &got, sizeof(got)) : err;
}
