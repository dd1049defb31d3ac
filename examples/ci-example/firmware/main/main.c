// A product's firmware, as small as can be: it remembers the brightness of a lamp and keeps itself up to date.

#include <stdlib.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "nvs.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"

static const char *TAG = "lamp";

// Settings live on in NVS, whatever is updated.
static uint32_t turn_up_brightness(void)
{
    nvs_handle_t handle;
    uint32_t brightness = 0;
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(nvs_open("lamp", NVS_READWRITE, &handle));
    (void)nvs_get_u32(handle, "brightness", &brightness); // not there at the first start
    brightness++;
    ESP_ERROR_CHECK(nvs_set_u32(handle, "brightness", brightness));
    ESP_ERROR_CHECK(nvs_commit(handle));
    nvs_close(handle);
    return brightness;
}

static esp_err_t download_if_new(esp_https_ota_handle_t ota)
{
    esp_app_desc_t offered;
    esp_err_t err = esp_https_ota_get_img_desc(ota, &offered);
    if (err == ESP_OK && strcmp(offered.version, esp_app_get_description()->version) == 0) {
        return ESP_ERR_INVALID_VERSION;
    }
    while (err == ESP_OK || err == ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
        err = esp_https_ota_perform(ota);
        if (err == ESP_OK) {
            break;
        }
    }
    return err;
}

static esp_err_t update(void)
{
    esp_http_client_config_t http = {.url = CONFIG_LAMP_UPDATE_URL,
                                     .crt_bundle_attach = esp_crt_bundle_attach,
                                     .timeout_ms = 10000};
    esp_https_ota_config_t config = {.http_config = &http};
    esp_https_ota_handle_t ota = NULL;
    esp_err_t err = esp_https_ota_begin(&config, &ota);
    if (err != ESP_OK) {
        return err;
    }
    err = download_if_new(ota);
    if (err != ESP_OK) {
        (void)esp_https_ota_abort(ota); // nothing has changed
        return err;
    }
    return esp_https_ota_finish(ota);
}

void app_main(void)
{
    ESP_LOGI(TAG, "version %s", esp_app_get_description()->version);
    ESP_LOGI(TAG, "brightness %lu", (unsigned long)turn_up_brightness());
#ifdef CONFIG_LAMP_BREAKS
    abort();
#endif
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
    ESP_ERROR_CHECK(esp_ota_mark_app_valid_cancel_rollback());
    ESP_LOGI(TAG, "self-test done");

    esp_err_t err = update();
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "updated");
        esp_restart();
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(err));
}
