// In the manner of ESP-IDF v3.3: one handler for the events of Wi-Fi and IP, an event group, the HTTP configuration straight into
// esp_https_ota(), flash under its old names.
#include <stdio.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/task.h"

#include "esp_event_loop.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_spi_flash.h"
#include "esp_wifi.h"

static const char *TAG = "thermostat";
static EventGroupHandle_t s_wifi;
static const int CONNECTED_BIT = BIT0;

static esp_err_t on_event(void *ctx, system_event_t *event)
{
    (void)ctx;
    switch (event->event_id) {
    case SYSTEM_EVENT_STA_START:
        esp_wifi_connect();
        break;
    case SYSTEM_EVENT_STA_CONNECTED:
        printf("network %.*s\n", (int)event->event_info.connected.ssid_len,
               (const char *)event->event_info.connected.ssid);
        break;
    case SYSTEM_EVENT_STA_GOT_IP:
        printf("address known: %d\n", event->event_info.got_ip.ip_info.ip.addr != 0);
        xEventGroupSetBits(s_wifi, CONNECTED_BIT);
        break;
    case SYSTEM_EVENT_STA_DISCONNECTED:
        ESP_LOGW(TAG, "reason %d", event->event_info.disconnected.reason);
        esp_wifi_connect();
        xEventGroupClearBits(s_wifi, CONNECTED_BIT);
        break;
    default:
        break;
    }
    return ESP_OK;
}

static void start_wifi(void)
{
    tcpip_adapter_init();
    s_wifi = xEventGroupCreate();
    ESP_ERROR_CHECK(esp_event_loop_init(on_event, NULL));
    wifi_init_config_t cfg = WIFI_INIT_CONFIG_DEFAULT();
    ESP_ERROR_CHECK(esp_wifi_init(&cfg));
    ESP_ERROR_CHECK(esp_wifi_set_storage(WIFI_STORAGE_RAM));
    wifi_config_t wifi_config;
    memset(&wifi_config, 0, sizeof(wifi_config));
    memcpy(wifi_config.sta.ssid, "attic", sizeof("attic"));
    ESP_ERROR_CHECK(esp_wifi_set_mode(WIFI_MODE_STA));
    ESP_ERROR_CHECK(esp_wifi_set_config(ESP_IF_WIFI_STA, &wifi_config));
    ESP_ERROR_CHECK(esp_wifi_start());
}

static void look_at_flash(const esp_partition_t *partition)
{
    const void *data = NULL;
    spi_flash_mmap_memory_t memory = SPI_FLASH_MMAP_DATA;
    spi_flash_mmap_handle_t handle;
    if (esp_partition_mmap(partition, 0, SPI_FLASH_SEC_SIZE, memory, &data, &handle) == ESP_OK) {
        spi_flash_munmap(handle);
    }
    uint8_t bytes[16];
    if (spi_flash_read(ESP_PARTITION_TABLE_OFFSET, bytes, sizeof(bytes)) == ESP_OK &&
        spi_flash_erase_sector(8) == ESP_OK && spi_flash_erase_range(0x8000, 0x1000) == ESP_OK) {
        (void)spi_flash_write(ESP_PARTITION_TABLE_OFFSET, bytes, sizeof(bytes));
    }
    printf("%u KB of flash\n", (unsigned)(spi_flash_get_chip_size() / 1024));
}

int main(void)
{
    printf(LOG_COLOR_I "thermostat" LOG_RESET_COLOR "\n");
    start_wifi();
    xEventGroupWaitBits(s_wifi, CONNECTED_BIT, false, true, portMAX_DELAY);
    look_at_flash(esp_ota_get_running_partition()); // no device is open here: each call says so
    esp_http_client_config_t config;
    memset(&config, 0, sizeof(config));
    config.url = "https://192.168.0.1/thermostat.bin";
    esp_err_t ret = esp_https_ota(&config);
    if (ret == ESP_OK) {
        esp_restart();
    }
    printf("application done: %s\n", esp_err_to_name(ret));
    return 0;
}
