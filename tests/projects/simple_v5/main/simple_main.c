/* The least an application does to update itself, as it is written for ESP-IDF v5. */
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "esp_system.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "protocol_examples_common.h"
#include "string.h"
#ifdef CONFIG_EXAMPLE_USE_CERT_BUNDLE
#include "esp_crt_bundle.h"
#endif

#include "nvs.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include <sys/socket.h>
#if CONFIG_EXAMPLE_CONNECT_WIFI
#include "esp_wifi.h"
#endif

#define HASH_LEN 32
#define URL_SIZE 256

#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_BIND_IF
#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_BIND_IF_ETH
static const char *bind_to = EXAMPLE_NETIF_DESC_ETH;
#else
static const char *bind_to = EXAMPLE_NETIF_DESC_STA;
#endif
#endif

static const char *TAG = "simple";
extern const uint8_t server_cert_pem_start[] asm("_binary_ca_cert_pem_start");
extern const uint8_t server_cert_pem_end[] asm("_binary_ca_cert_pem_end");

static esp_err_t on_http(esp_http_client_event_t *evt)
{
    switch (evt->event_id) {
    case HTTP_EVENT_ERROR:
        ESP_LOGD(TAG, "error");
        break;
    case HTTP_EVENT_ON_CONNECTED:
        ESP_LOGI(TAG, "connected");
        break;
    case HTTP_EVENT_HEADER_SENT:
        break;
    case HTTP_EVENT_ON_HEADER:
        ESP_LOGD(TAG, "header %s=%s", evt->header_key, evt->header_value);
        break;
    case HTTP_EVENT_ON_DATA:
        ESP_LOGD(TAG, "data %d", evt->data_len);
        break;
    case HTTP_EVENT_ON_FINISH:
    case HTTP_EVENT_DISCONNECTED:
        break;
    case HTTP_EVENT_REDIRECT:
        ESP_LOGD(TAG, "redirect");
        break;
    }
    return ESP_OK;
}

static void read_url(char *url)
{
#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_URL_FROM_STDIN
    example_configure_stdin_stdout();
    fgets(url, URL_SIZE, stdin);
    int len = strlen(url);
    url[len - 1] = '\0';
#else
    strcpy(url, CONFIG_EXAMPLE_FIRMWARE_UPGRADE_URL);
#endif
}

void update_task(void *pvParameter)
{
    char url[URL_SIZE];
    ESP_LOGI(TAG, "certificate of %d bytes", server_cert_pem_end - server_cert_pem_start);
    assert(server_cert_pem_end[-1] == 0);
    read_url(url);
#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_BIND_IF
    esp_netif_t *netif = get_example_netif_from_desc(bind_to);
    if (netif == NULL) {
        ESP_LOGE(TAG, "no netif");
        abort();
    }
    struct ifreq ifr;
    esp_netif_get_netif_impl_name(netif, ifr.ifr_name);
#endif
    esp_http_client_config_t config = {
        .url = url,
#ifdef CONFIG_EXAMPLE_USE_CERT_BUNDLE
        .crt_bundle_attach = esp_crt_bundle_attach,
#else
        .cert_pem = (char *)server_cert_pem_start,
#endif
        .event_handler = on_http,
        .keep_alive_enable = true,
#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_BIND_IF
        .if_name = &ifr,
#endif
    };
#ifdef CONFIG_EXAMPLE_SKIP_COMMON_NAME_CHECK
    config.skip_cert_common_name_check = true;
#endif
    ESP_LOGI(TAG, "download from %s", config.url);
    esp_https_ota_config_t ota_config = {
        .http_config = &config,
    };
    esp_err_t ret = esp_https_ota(&ota_config);
    if (ret == ESP_OK) {
        ESP_LOGI(TAG, "update done, restarting");
        esp_restart();
    } else {
        ESP_LOGE(TAG, "update failed");
    }
    while (1) {
        vTaskDelay(1000 / portTICK_PERIOD_MS);
    }
}

static void log_digests(void)
{
    uint8_t sha_256[HASH_LEN] = {0};
    esp_partition_t partition;
    partition.address = ESP_BOOTLOADER_OFFSET;
    partition.size = ESP_PARTITION_TABLE_OFFSET;
    partition.type = ESP_PARTITION_TYPE_APP;
    esp_partition_get_sha256(&partition, sha_256);
    esp_partition_get_sha256(esp_ota_get_running_partition(), sha_256);
    char text[HASH_LEN * 2 + 1];
    for (int i = 0; i < HASH_LEN; ++i) {
        sprintf(&text[i * 2], "%02x", sha_256[i]);
    }
    ESP_LOGI(TAG, "firmware %s in %s", text, esp_ota_get_running_partition()->label);
}

void app_main(void)
{
    ESP_LOGI(TAG, "version %s", esp_ota_get_app_description()->version);
    esp_err_t err = nvs_flash_init();
    if (err == ESP_ERR_NVS_NO_FREE_PAGES || err == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_ERROR_CHECK(nvs_flash_erase());
        err = nvs_flash_init();
    }
    ESP_ERROR_CHECK(err);
    log_digests();
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
#if CONFIG_EXAMPLE_CONNECT_WIFI
    esp_wifi_set_ps(WIFI_PS_NONE);
#endif
    xTaskCreate(&update_task, "update_task", 8192, NULL, 5, NULL);
}
