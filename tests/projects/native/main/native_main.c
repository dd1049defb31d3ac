/* An update made of its parts, as it is written for ESP-IDF: HTTP client, OTA operations, a diagnostic pin. */
#include <string.h>
#include <inttypes.h>
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "esp_system.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_app_format.h"
#include "esp_http_client.h"
#include "esp_flash_partitions.h"
#include "esp_partition.h"
#include "nvs.h"
#include "nvs_flash.h"
#include "driver/gpio.h"
#include "protocol_examples_common.h"
#include "errno.h"
#if CONFIG_EXAMPLE_CONNECT_WIFI
#include "esp_wifi.h"
#endif

#define BUFFSIZE 1024
#define HASH_LEN 32

static const char *TAG = "native";
static char ota_write_data[BUFFSIZE + 1] = {0};
extern const uint8_t server_cert_pem_start[] asm("_binary_ca_cert_pem_start");
extern const uint8_t server_cert_pem_end[] asm("_binary_ca_cert_pem_end");

static void __attribute__((noreturn)) stop(void)
{
    ESP_LOGE(TAG, "stopped");
    (void)vTaskDelete(NULL);
    while (1) {
        ;
    }
}

static bool is_new(const esp_app_desc_t *info)
{
    const esp_partition_t *last_invalid = esp_ota_get_last_invalid_partition();
    esp_app_desc_t invalid, running;
    ESP_LOGI(TAG, "new version: %s", info->version);
    if (esp_ota_get_partition_description(last_invalid, &invalid) == ESP_OK &&
        memcmp(invalid.version, info->version, sizeof(info->version)) == 0) {
        ESP_LOGW(TAG, "this version was rolled back before");
        return false;
    }
#ifndef CONFIG_EXAMPLE_SKIP_VERSION_CHECK
    if (esp_ota_get_partition_description(esp_ota_get_running_partition(), &running) == ESP_OK &&
        memcmp(running.version, info->version, sizeof(info->version)) == 0) {
        ESP_LOGW(TAG, "this version runs already");
        return false;
    }
#endif
    return true;
}

static void ota_task(void *pvParameter)
{
    esp_err_t err;
    esp_ota_handle_t update_handle = 0;
    const esp_partition_t *update_partition = NULL;
    const esp_partition_t *configured = esp_ota_get_boot_partition();
    const esp_partition_t *running = esp_ota_get_running_partition();
    if (configured != running) {
        ESP_LOGW(TAG, "configured 0x%08" PRIx32 ", running 0x%08" PRIx32, configured->address,
                 running->address);
    }
    esp_http_client_config_t config = {
        .url = CONFIG_EXAMPLE_FIRMWARE_UPG_URL,
        .cert_pem = (char *)server_cert_pem_start,
        .timeout_ms = CONFIG_EXAMPLE_OTA_RECV_TIMEOUT,
        .keep_alive_enable = true,
    };
#ifdef CONFIG_EXAMPLE_FIRMWARE_UPGRADE_URL_FROM_STDIN
    char url_buf[256];
    example_configure_stdin_stdout();
    fgets(url_buf, 256, stdin);
    url_buf[strlen(url_buf) - 1] = '\0';
    config.url = url_buf;
#endif
    esp_http_client_handle_t client = esp_http_client_init(&config);
    if (client == NULL) {
        stop();
    }
    err = esp_http_client_open(client, 0);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "cannot open: %s", esp_err_to_name(err));
        esp_http_client_cleanup(client);
        stop();
    }
    esp_http_client_fetch_headers(client);
    update_partition = esp_ota_get_next_update_partition(NULL);
    assert(update_partition != NULL);

    int binary_file_length = 0;
    bool image_header_was_checked = false;
    while (1) {
        int data_read = esp_http_client_read(client, ota_write_data, BUFFSIZE);
        if (data_read < 0) {
            ESP_LOGE(TAG, "read error");
            esp_http_client_cleanup(client);
            stop();
        } else if (data_read > 0) {
            if (image_header_was_checked == false) {
                esp_app_desc_t new_app_info;
                if (data_read <= sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t) +
                                     sizeof(esp_app_desc_t)) {
                    ESP_LOGE(TAG, "too little for a header");
                    esp_http_client_cleanup(client);
                    esp_ota_abort(update_handle);
                    stop();
                }
                memcpy(&new_app_info,
                       &ota_write_data[sizeof(esp_image_header_t) +
                                       sizeof(esp_image_segment_header_t)],
                       sizeof(esp_app_desc_t));
                if (!is_new(&new_app_info)) {
                    esp_http_client_close(client);
                    esp_http_client_cleanup(client);
                    stop();
                }
                image_header_was_checked = true;
                err = esp_ota_begin(update_partition, OTA_WITH_SEQUENTIAL_WRITES, &update_handle);
                if (err != ESP_OK) {
                    ESP_LOGE(TAG, "begin failed (%s)", esp_err_to_name(err));
                    esp_http_client_cleanup(client);
                    esp_ota_abort(update_handle);
                    stop();
                }
            }
            err = esp_ota_write(update_handle, (const void *)ota_write_data, data_read);
            if (err != ESP_OK) {
                esp_http_client_cleanup(client);
                esp_ota_abort(update_handle);
                stop();
            }
            binary_file_length += data_read;
        } else if (data_read == 0) {
            if (errno == ECONNRESET || errno == ENOTCONN) {
                ESP_LOGE(TAG, "connection closed, errno = %d", errno);
                break;
            }
            if (esp_http_client_is_complete_data_received(client) == true) {
                ESP_LOGI(TAG, "connection closed");
                break;
            }
        }
    }
    ESP_LOGI(TAG, "%d bytes written", binary_file_length);
    if (esp_http_client_is_complete_data_received(client) != true) {
        ESP_LOGE(TAG, "not the whole file");
        esp_http_client_cleanup(client);
        esp_ota_abort(update_handle);
        stop();
    }
    err = esp_ota_end(update_handle);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "end failed (%s)!", esp_err_to_name(err));
        esp_http_client_cleanup(client);
        stop();
    }
    err = esp_ota_set_boot_partition(update_partition);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "set_boot failed (%s)!", esp_err_to_name(err));
        esp_http_client_cleanup(client);
        stop();
    }
    ESP_LOGI(TAG, "update done, restarting");
    esp_restart();
    return;
}

static bool diagnostic(void)
{
    gpio_config_t io_conf;
    io_conf.intr_type = GPIO_INTR_DISABLE;
    io_conf.mode = GPIO_MODE_INPUT;
    io_conf.pin_bit_mask = (1ULL << CONFIG_EXAMPLE_GPIO_DIAGNOSTIC);
    io_conf.pull_down_en = GPIO_PULLDOWN_DISABLE;
    io_conf.pull_up_en = GPIO_PULLUP_ENABLE;
    gpio_config(&io_conf);
    ESP_LOGI(TAG, "diagnostics...");
    vTaskDelay(50 / portTICK_PERIOD_MS);
    bool diagnostic_is_ok = gpio_get_level(CONFIG_EXAMPLE_GPIO_DIAGNOSTIC);
    gpio_reset_pin(CONFIG_EXAMPLE_GPIO_DIAGNOSTIC);
    return diagnostic_is_ok;
}

void app_main(void)
{
    uint8_t sha_256[HASH_LEN] = {0};
    esp_partition_t partition;
    partition.address = ESP_PARTITION_TABLE_OFFSET;
    partition.size = ESP_PARTITION_TABLE_MAX_LEN;
    partition.type = ESP_PARTITION_TYPE_DATA;
    esp_partition_get_sha256(&partition, sha_256);
    ESP_LOGI(TAG, "version %s, table %02x%02x", esp_app_get_description()->version, sha_256[0],
             sha_256[1]);

    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t ota_state;
    if (esp_ota_get_state_partition(running, &ota_state) == ESP_OK) {
        if (ota_state == ESP_OTA_IMG_PENDING_VERIFY) {
            if (diagnostic()) {
                ESP_LOGI(TAG, "this version stays");
                esp_ota_mark_app_valid_cancel_rollback();
            } else {
                ESP_LOGE(TAG, "diagnostics failed, going back");
                esp_ota_mark_app_invalid_rollback_and_reboot();
            }
        }
    }
    esp_err_t err = nvs_flash_init();
    if (err == ESP_ERR_NVS_NO_FREE_PAGES || err == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_ERROR_CHECK(nvs_flash_erase());
        err = nvs_flash_init();
    }
    ESP_ERROR_CHECK(err);
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
#if CONFIG_EXAMPLE_CONNECT_WIFI
    esp_wifi_set_ps(WIFI_PS_NONE);
#endif
    xTaskCreate(&ota_task, "ota_task", 8192, NULL, 5, NULL);
}
