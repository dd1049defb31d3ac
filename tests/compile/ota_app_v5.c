// In the manner of ESP-IDF v5 and later: esp_https_ota_config_t, begin / perform / finish, the descriptor of the new
// image, events on the default loop, confirmation after the restart.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_check.h"
#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static const char *TAG = "greenhouse";

static void on_event(void *arg, esp_event_base_t event_base, int32_t event_id, void *event_data)
{
    (void)arg;
    if (event_base != ESP_HTTPS_OTA_EVENT) {
        return;
    }
    switch (event_id) {
    case ESP_HTTPS_OTA_START:
        ESP_LOGI(TAG, "update started");
        break;
    case ESP_HTTPS_OTA_CONNECTED:
        ESP_LOGI(TAG, "connected");
        break;
    case ESP_HTTPS_OTA_GET_IMG_DESC:
        break;
    case ESP_HTTPS_OTA_VERIFY_CHIP_ID:
        ESP_LOGI(TAG, "made for chip %d", *(esp_chip_id_t *)event_data);
        break;
    case ESP_HTTPS_OTA_VERIFY_CHIP_REVISION:
        ESP_LOGI(TAG, "made for revision %d", *(esp_chip_id_t *)event_data);
        break;
    case ESP_HTTPS_OTA_DECRYPT_CB:
        break;
    case ESP_HTTPS_OTA_WRITE_FLASH:
        ESP_LOGD(TAG, "%d bytes on flash", *(int *)event_data);
        break;
    case ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION:
        ESP_LOGI(TAG, "slot %d boots next", *(esp_partition_subtype_t *)event_data);
        break;
    case ESP_HTTPS_OTA_FINISH:
    case ESP_HTTPS_OTA_ABORT:
        break;
    }
}

static esp_err_t add_headers(esp_http_client_handle_t http_client)
{
    return esp_http_client_set_header(http_client, "X-Greenhouse", "7");
}

static esp_err_t refuse_same_version(esp_app_desc_t *new_app_info)
{
    if (new_app_info == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_app_desc_t running_app_info;
    if (running != NULL &&
        esp_ota_get_partition_description(running, &running_app_info) == ESP_OK &&
        memcmp(new_app_info->version, running_app_info.version, sizeof(new_app_info->version)) ==
            0) {
        ESP_LOGW(TAG, "version %s runs already", running_app_info.version);
        return ESP_FAIL;
    }
    return ESP_OK;
}

static esp_err_t update_in_steps(const esp_https_ota_config_t *ota_config)
{
    esp_https_ota_handle_t handle = NULL;
    esp_app_desc_t app_desc;
    esp_err_t ret = ESP_OK;
    ESP_RETURN_ON_ERROR(esp_https_ota_begin(ota_config, &handle), TAG, "begin");
    ESP_GOTO_ON_ERROR(esp_https_ota_get_img_desc(handle, &app_desc), failed, TAG, "descriptor");
    ESP_GOTO_ON_ERROR(refuse_same_version(&app_desc), failed, TAG, "version");
    while (1) {
        ret = esp_https_ota_perform(handle);
        if (ret != ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
            break;
        }
        const size_t len = esp_https_ota_get_image_len_read(handle);
        ESP_LOGD(TAG, "%zu of %d bytes, status %d", len, esp_https_ota_get_image_size(handle),
                 esp_https_ota_get_status_code(handle));
    }
    if (ret == ESP_OK && esp_https_ota_is_complete_data_received(handle)) {
        return esp_https_ota_finish(handle);
    }
failed:
    esp_https_ota_abort(handle);
    return ret;
}

static void confirm_or_roll_back(bool is_healthy)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t ota_state;
    if (running == NULL || esp_ota_get_state_partition(running, &ota_state) != ESP_OK ||
        ota_state != ESP_OTA_IMG_PENDING_VERIFY) {
        return;
    }
    if (is_healthy) {
        esp_ota_mark_app_valid_cancel_rollback();
    } else {
        esp_ota_mark_app_invalid_rollback_and_reboot();
    }
}

int main(void)
{
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(
        esp_event_handler_register(ESP_HTTPS_OTA_EVENT, ESP_EVENT_ANY_ID, &on_event, NULL));
    confirm_or_roll_back(true);

    esp_http_client_config_t config;
    memset(&config, 0, sizeof(config));
    config.url = "https://greenhouse.invalid/firmware.bin";
    config.crt_bundle_attach = esp_crt_bundle_attach;
    config.timeout_ms = 1000;
    config.keep_alive_enable = true;
    esp_https_ota_config_t ota_config;
    memset(&ota_config, 0, sizeof(ota_config));
    ota_config.http_config = &config;
    ota_config.http_client_init_cb = add_headers;
    ota_config.bulk_flash_erase = true;
    ota_config.partial_http_download = false;
    ota_config.max_http_request_size = 0;
    ota_config.buffer_caps = 0;

    const esp_https_ota_config_t *constant = &ota_config;
    esp_err_t ret = esp_https_ota(&ota_config);
    if (ret == ESP_OK || esp_https_ota(constant) == ESP_OK || update_in_steps(constant) == ESP_OK) {
        esp_restart();
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(ret));
    ESP_ERROR_CHECK(esp_event_handler_unregister(ESP_HTTPS_OTA_EVENT, ESP_EVENT_ANY_ID, &on_event));
    ESP_ERROR_CHECK(esp_event_loop_delete_default());
    printf("application done\n");
    return 0;
}
