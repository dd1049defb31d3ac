// An update made of its parts: esp_http_client brings the bytes, esp_ota_ops puts them where they belong. For those who get
// firmware in another way: replace fill() by what reads from a UART, an SD card or a radio.

#include <stdlib.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_app_format.h"
#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "sdkconfig.h"

static const char *TAG = "app";

#define BUFFER_SIZE 4096 // chosen: one flash sector
#define DESC_OFFSET (sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t))

_Static_assert(BUFFER_SIZE >= DESC_OFFSET + sizeof(esp_app_desc_t),
               "the first piece tells the version");

// Reads until size bytes are there or the file ends. Returns how many, or -1.
static int fill(esp_http_client_handle_t client, char *buffer, int size)
{
    int used = 0;
    while (used < size) {
        int len = esp_http_client_read(client, buffer + used, size - used);
        if (len < 0) {
            return -1;
        }
        if (len == 0) {
            break;
        }
        used += len;
    }
    return used;
}

static bool is_new(const char *image, int len)
{
    esp_app_desc_t offered;
    if (len < (int)(DESC_OFFSET + sizeof(offered))) {
        ESP_LOGE(TAG, "%d bytes are no firmware", len);
        return false;
    }
    memcpy(&offered, image + DESC_OFFSET, sizeof(offered));
    bool is_other =
        strncmp(offered.version, esp_app_get_description()->version, sizeof(offered.version)) != 0;
    ESP_LOGI(TAG, "version %.31s is %s", offered.version, is_other ? "new" : "what runs already");
    return is_other;
}

// Everything from the first piece to the last; the caller ends the transaction.
static esp_err_t write_all(esp_http_client_handle_t client, esp_ota_handle_t ota, char *buffer,
                           int len)
{
    esp_err_t err = ESP_OK;
    while (err == ESP_OK && len > 0) {
        err = esp_ota_write(ota, buffer, (size_t)len);
        if (err == ESP_OK) {
            len = fill(client, buffer, BUFFER_SIZE);
        }
    }
    if (err == ESP_OK && (len < 0 || !esp_http_client_is_complete_data_received(client))) {
        ESP_LOGE(TAG, "the file did not come in full");
        err = ESP_ERR_INVALID_SIZE;
    }
    return err;
}

static esp_err_t install(esp_http_client_handle_t client, char *buffer, int len)
{
    const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
    esp_ota_handle_t ota;
    if (!slot) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &ota);
    if (err != ESP_OK) {
        return err;
    }
    err = write_all(client, ota, buffer, len);
    if (err != ESP_OK) {
        (void)esp_ota_abort(ota); // the boot choice was not touched
        return err;
    }
    err = esp_ota_end(ota); // verifies what stands on flash
    if (err == ESP_OK) {
        err = esp_ota_set_boot_partition(slot);
    }
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "written to %s, it boots next", slot->label);
    }
    return err;
}

static esp_err_t fetch_and_install(esp_http_client_handle_t client, char *buffer)
{
    esp_err_t err = esp_http_client_open(client, 0);
    if (err != ESP_OK) {
        return err;
    }
    (void)esp_http_client_fetch_headers(
        client); // a negative length means that there is none; the status tells failures
    int status = esp_http_client_get_status_code(client);
    if (status != HttpStatus_Ok) {
        ESP_LOGE(TAG, "the server answers %d", status);
        return ESP_ERR_NOT_FOUND;
    }
    int len = fill(client, buffer, BUFFER_SIZE);
    return is_new(buffer, len) ? install(client, buffer, len) : ESP_ERR_INVALID_VERSION;
}

static esp_err_t update(void)
{
    esp_http_client_config_t config = {
        .url = CONFIG_NATIVE_UPDATE_URL,
        .crt_bundle_attach = esp_crt_bundle_attach,
        .timeout_ms = 10000,
        .keep_alive_enable = true,
    };
    esp_http_client_handle_t client = esp_http_client_init(&config);
    char *buffer = malloc(BUFFER_SIZE);
    esp_err_t err = client && buffer ? fetch_and_install(client, buffer) : ESP_ERR_NO_MEM;
    free(buffer);
    if (client) {
        (void)esp_http_client_cleanup(client); // the answer is known
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
    // The network works, which is all that the next update needs.
    ESP_ERROR_CHECK(esp_ota_mark_app_valid_cancel_rollback());

    esp_err_t err = update();
    if (err == ESP_OK) {
        esp_restart();
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(err));
}
