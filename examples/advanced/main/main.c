// An update with everything a product wants: a new version must be another one and none that failed before; its progress is
// told; it stays only if the board is well with it.

#include <string.h>

#include "esp_app_desc.h"
#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "health.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"

static const char *TAG = "app";

#define PROGRESS_STEP 20 // chosen: percent between two lines

// ---- is it wanted? ----

static bool has_version(const esp_partition_t *partition, const char *version)
{
    esp_app_desc_t there;
    return partition && esp_ota_get_partition_description(partition, &there) == ESP_OK &&
           strncmp(there.version, version, sizeof(there.version)) == 0;
}

static bool is_wanted(const esp_app_desc_t *offered)
{
    if (has_version(esp_ota_get_running_partition(), offered->version)) {
        ESP_LOGI(TAG, "version %s runs already", offered->version);
        return false;
    }
    if (has_version(esp_ota_get_last_invalid_partition(), offered->version)) {
        ESP_LOGW(TAG, "version %s failed on this board before", offered->version);
        return false;
    }
    return true;
}

// ---- download ----

static void tell_progress(esp_https_ota_handle_t ota, int *told)
{
    int size = esp_https_ota_get_image_size(ota);
    int percent = size > 0 ? (int)(100LL * esp_https_ota_get_image_len_read(ota) / size) : 0;
    if (percent >= *told + PROGRESS_STEP) {
        *told = percent - percent % PROGRESS_STEP;
        ESP_LOGI(TAG, "%d %% of %d bytes", *told, size);
    }
}

// Leaves the transaction open on success, closed on failure.
static esp_err_t download(esp_https_ota_handle_t ota)
{
    esp_app_desc_t offered;
    int told = 0;
    esp_err_t err = esp_https_ota_get_img_desc(ota, &offered);
    if (err == ESP_OK && !is_wanted(&offered)) {
        err = ESP_ERR_INVALID_VERSION;
    }
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "version %s is new, taking it", offered.version);
        do {
            err = esp_https_ota_perform(ota);
            tell_progress(ota, &told);
        } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    }
    if (err == ESP_OK && !esp_https_ota_is_complete_data_received(ota)) {
        err = ESP_ERR_INVALID_SIZE;
    }
    return err;
}

static esp_err_t update(void)
{
    esp_http_client_config_t http_config = {
        .url = CONFIG_ADVANCED_UPDATE_URL,
        .crt_bundle_attach = esp_crt_bundle_attach,
        .timeout_ms = 10000,
        .keep_alive_enable = true,
    };
    esp_https_ota_config_t ota_config = {.http_config = &http_config};
    esp_https_ota_handle_t ota = NULL;
    esp_err_t err = esp_https_ota_begin(&ota_config, &ota);
    if (err != ESP_OK) {
        return err;
    }
    err = download(ota);
    if (err != ESP_OK) {
        (void)esp_https_ota_abort(ota); // the running firmware is as it was
        return err;
    }
    return esp_https_ota_finish(ota); // verifies the image, and lets it boot next
}

static void update_task(void *arg)
{
    (void)arg;
    esp_err_t err = update();
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "restarting into the new version");
        esp_restart();
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(err));
    vTaskDelete(NULL);
}

// ---- may it stay? ----

// On the first start behind an update; before anything else, so that firmware that gets stuck later was never confirmed too early.
static void confirm_or_go_back(void)
{
    esp_ota_img_states_t state;
    if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) != ESP_OK ||
        state != ESP_OTA_IMG_PENDING_VERIFY) {
        return;
    }
    if (health_is_good()) {
        ESP_LOGI(TAG, "all is well, this version stays");
        ESP_ERROR_CHECK(esp_ota_mark_app_valid_cancel_rollback());
        return;
    }
    ESP_LOGE(TAG, "going back to the version before");
    ESP_ERROR_CHECK(
        esp_ota_mark_app_invalid_rollback_and_reboot()); // returns only if there is none
}

static void init_storage(void)
{
    esp_err_t err = nvs_flash_init();
    if (err == ESP_ERR_NVS_NO_FREE_PAGES || err == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_ERROR_CHECK(nvs_flash_erase());
        err = nvs_flash_init();
    }
    ESP_ERROR_CHECK(err);
}

void app_main(void)
{
    ESP_LOGI(TAG, "version %s runs from %s", esp_app_get_description()->version,
             esp_ota_get_running_partition()->label);
    init_storage();
    confirm_or_go_back();
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
    xTaskCreate(update_task, "update", 8192, NULL, 5, NULL);
}
