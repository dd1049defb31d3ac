// Without esp_https_ota: an application that moves the bytes itself, from esp_http_client to esp_ota_ops.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_app_format.h"
#include "esp_flash_partitions.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_system.h"

#define PIECE 1024

static const char *TAG = "weather_station";
static char s_piece[PIECE + 1];

static bool is_known_bad(const esp_app_desc_t *desc)
{
    const esp_partition_t *last_invalid_app = esp_ota_get_last_invalid_partition();
    esp_app_desc_t invalid_app_info;
    return last_invalid_app != NULL &&
           esp_ota_get_partition_description(last_invalid_app, &invalid_app_info) == ESP_OK &&
           memcmp(invalid_app_info.version, desc->version, sizeof(desc->version)) == 0;
}

static esp_err_t look_at_header(int data_read)
{
    const size_t at = sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t);
    esp_app_desc_t new_app_info;
    if (data_read < (int)(at + sizeof(esp_app_desc_t))) {
        ESP_LOGE(TAG, "the first piece is too short");
        return ESP_FAIL;
    }
    memcpy(&new_app_info, &s_piece[at], sizeof(esp_app_desc_t));
    ESP_LOGI(TAG, "version %s", new_app_info.version);
    return is_known_bad(&new_app_info) ? ESP_FAIL : ESP_OK;
}

static esp_err_t move_bytes(esp_http_client_handle_t client,
                            const esp_partition_t *update_partition)
{
    esp_ota_handle_t update_handle = 0;
    int binary_file_length = 0;
    bool image_header_was_checked = false;
    while (1) {
        int data_read = esp_http_client_read(client, s_piece, PIECE);
        if (data_read == 0 && esp_http_client_is_complete_data_received(client) == true) {
            ESP_LOGI(TAG, "%d bytes", binary_file_length);
            return esp_ota_end(update_handle);
        }
        if (data_read <= 0) {
            ESP_LOGE(TAG, "the body ends early");
            break;
        }
        if (image_header_was_checked == false) {
            image_header_was_checked = true;
            if (look_at_header(data_read) != ESP_OK ||
                esp_ota_begin(update_partition, OTA_WITH_SEQUENTIAL_WRITES, &update_handle) !=
                    ESP_OK) {
                return ESP_FAIL;
            }
        }
        if (esp_ota_write(update_handle, (const void *)s_piece, data_read) != ESP_OK) {
            break;
        }
        binary_file_length += data_read;
    }
    if (update_handle) {
        esp_ota_abort(update_handle);
    }
    return ESP_FAIL;
}

static esp_err_t update(const char *url)
{
    esp_http_client_config_t config;
    memset(&config, 0, sizeof(config));
    config.url = url;
    config.timeout_ms = 1000;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    if (client == NULL) {
        return ESP_FAIL;
    }
    const esp_partition_t *update_partition = esp_ota_get_next_update_partition(NULL);
    esp_err_t err = esp_http_client_open(client, 0);
    if (err == ESP_OK) {
        esp_http_client_fetch_headers(client);
        err = update_partition ? move_bytes(client, update_partition) : ESP_ERR_NOT_FOUND;
    }
    esp_http_client_close(client);
    esp_http_client_cleanup(client);
    return err == ESP_OK ? esp_ota_set_boot_partition(update_partition) : err;
}

int main(void)
{
    const esp_partition_t *configured = esp_ota_get_boot_partition();
    const esp_partition_t *running = esp_ota_get_running_partition();
    if (configured != NULL && running != NULL && configured != running) {
        ESP_LOGW(TAG, "0x%08" PRIx32 " is configured, 0x%08" PRIx32 " runs", configured->address,
                 running->address);
    }
    esp_err_t err = update("http://127.0.0.1:9/firmware.bin");
    if (err == ESP_OK) {
        esp_restart();
    }
    ESP_LOGI(TAG, "%s (0x%x)", esp_err_to_name(err), (unsigned)err);
    printf("application done\n");
    return 0;
}
