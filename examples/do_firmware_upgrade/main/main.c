// The least that an application does to update itself: one function, do_firmware_upgrade(). It takes whatever firmware the
// server has and restarts into it.

#include "esp_app_desc.h"
#include "esp_event.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"

static const char *TAG = "app";

// The embedded file server_certs/ca_cert.pem; it ends with a zero.
extern const char server_cert_pem_start[] asm("_binary_ca_cert_pem_start");

// Returns only when there is nothing new to run: no update, or one that failed. What ran before goes on running.
static esp_err_t do_firmware_upgrade(void)
{
    esp_http_client_config_t http_config = {
        .url = CONFIG_FIRMWARE_UPGRADE_URL,
        .cert_pem = server_cert_pem_start,
        .timeout_ms = 10000,
        .keep_alive_enable = true,
    };
    esp_https_ota_config_t ota_config = {.http_config = &http_config};
    esp_err_t err = esp_https_ota(&ota_config);
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "the new firmware is in place, restarting");
        esp_restart();
    }
    return err;
}

void app_main(void)
{
    ESP_LOGI(TAG, "version %s runs from %s", esp_app_get_description()->version,
             esp_ota_get_running_partition()->label);
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());

    esp_err_t err = do_firmware_upgrade();
    ESP_LOGW(TAG, "no new firmware: %s", esp_err_to_name(err));
}
