// In the manner of ESP-IDF v4.x: the HTTP configuration goes straight into esp_https_ota(), old header names, an update
// server without TLS allowed by the build option of that time.
#define CONFIG_OTA_ALLOW_HTTP 1

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_spi_flash.h"
#include "esp_system.h"

static const char *TAG = "coffee_machine";
static const char s_root_ca[] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

static esp_err_t on_http_event(esp_http_client_event_t *evt)
{
    switch (evt->event_id) {
    case HTTP_EVENT_ERROR:
        ESP_LOGD(TAG, "error");
        break;
    case HTTP_EVENT_ON_CONNECTED:
        ESP_LOGD(TAG, "connected");
        break;
    case HTTP_EVENT_HEADER_SENT:
        ESP_LOGD(TAG, "header sent");
        break;
    case HTTP_EVENT_ON_HEADER:
        ESP_LOGD(TAG, "%s: %s", evt->header_key, evt->header_value);
        break;
    case HTTP_EVENT_ON_DATA:
        ESP_LOGD(TAG, "%d bytes", evt->data_len);
        break;
    case HTTP_EVENT_ON_FINISH:
    case HTTP_EVENT_DISCONNECTED:
    default:
        break;
    }
    return ESP_OK;
}

static void brew_task(void *pvParameter)
{
    const char *url = (const char *)pvParameter;
    esp_http_client_config_t config;
    memset(&config, 0, sizeof(config));
    config.url = url;
    config.cert_pem = s_root_ca;
    config.event_handler = on_http_event;
    config.keep_alive_enable = true;
    config.skip_cert_common_name_check = true;

    esp_err_t ret = esp_https_ota(&config);
    if (ret == ESP_OK) {
        esp_restart();
    } else {
        ESP_LOGI(TAG, "no new firmware: %s", esp_err_to_name(ret));
    }

    // Old code stores the function, too.
    esp_err_t (*update)(const esp_http_client_config_t *) = esp_https_ota;
    const esp_http_client_config_t *constant = &config;
    if (update(constant) == ESP_OK || esp_https_ota(constant) == ESP_OK) {
        ESP_LOGI(TAG, "updated");
    }
}

static void use_the_steps(void)
{
    esp_http_client_config_t http_config;
    memset(&http_config, 0, sizeof(http_config));
    http_config.url = "http://192.168.0.1/machine.bin";
    esp_https_ota_config_t ota_config;
    memset(&ota_config, 0, sizeof(ota_config));
    ota_config.http_config = &http_config;

    esp_https_ota_handle_t https_ota_handle = NULL;
    esp_https_ota_begin(&ota_config, &https_ota_handle);
    if (https_ota_handle == NULL) {
        return;
    }
    while (esp_https_ota_perform(https_ota_handle) == ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
        ESP_LOGD(TAG, "%d bytes", esp_https_ota_get_image_len_read(https_ota_handle));
    }
    if (esp_https_ota_is_complete_data_received(https_ota_handle) != true) {
        esp_https_ota_abort(https_ota_handle);
    } else {
        esp_https_ota_finish(https_ota_handle);
    }
}

int main(void)
{
    printf("sectors of %d bytes, IDF %s\n", SPI_FLASH_SEC_SIZE, esp_get_idf_version());
    brew_task((void *)"http://192.168.0.1/machine.bin");
    use_the_steps();
    const esp_app_desc_t *app = esp_ota_get_app_description();
    printf("application done: %s\n", app->project_name);
    return 0;
}
