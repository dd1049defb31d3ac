// What an application may ask about an update.

#include <limits.h>
#include <string.h>

#include "esp_log.h"
#include "ota_events.h"
#include "ota_update.h"

static const char *TAG = "esp_https_ota";

#define DESCRIPTOR_OFFSET 0x20u // fact: image header and first segment header come before it

// Copies bytes from the start of the image, wherever they are by now.
static esp_err_t read_start(struct ota_update *update, void *out, size_t offset, size_t len)
{
    if (update->written >= (int64_t)(offset + len)) {
        return esp_partition_read(update->staging, offset, out, len);
    }
    esp_err_t err = ota_fill_wait_for_header(update);
    if (err != ESP_OK) {
        return err;
    }
    if (update->buffered < offset + len) {
        ESP_LOGE(TAG, "the body is too short for a descriptor");
        return ESP_FAIL;
    }
    memcpy(out, update->buffer + offset, len);
    return ESP_OK;
}

esp_err_t esp_https_ota_get_img_desc(esp_https_ota_handle_t https_ota_handle,
                                     esp_app_desc_t *new_app_info)
{
    ota_events_post(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
    if (!https_ota_handle || !new_app_info) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_app_desc_t desc;
    esp_err_t err = read_start(https_ota_handle, &desc, DESCRIPTOR_OFFSET, sizeof(desc));
    if (err != ESP_OK) {
        return err;
    }
    if (desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        ESP_LOGE(TAG, "the image holds no application descriptor");
        return ESP_FAIL;
    }
    *new_app_info = desc;
    return ESP_OK;
}

esp_err_t esp_https_ota_get_bootloader_img_desc(esp_https_ota_handle_t https_ota_handle,
                                                esp_bootloader_desc_t *new_img_info)
{
    ota_events_post(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
    const struct ota_update *update = https_ota_handle;
    if (!update || !new_img_info) {
        return ESP_ERR_INVALID_ARG;
    }
    if (update->final->type != ESP_PARTITION_TYPE_BOOTLOADER) {
        return ESP_FAIL;
    }
    esp_bootloader_desc_t desc;
    esp_err_t err = read_start(https_ota_handle, &desc, DESCRIPTOR_OFFSET, sizeof(desc));
    if (err == ESP_OK && desc.magic_byte != ESP_BOOTLOADER_DESC_MAGIC_BYTE) {
        err = ESP_FAIL;
    }
    if (err == ESP_OK) {
        *new_img_info = desc;
    }
    return err;
}

static int as_int(int64_t value)
{
    return value < INT_MAX ? (int)value : INT_MAX;
}

int esp_https_ota_get_image_len_read(esp_https_ota_handle_t https_ota_handle)
{
    const struct ota_update *update = https_ota_handle;
    return update && update->state != STATE_CONNECTED ? as_int(update->written) : -1;
}

int esp_https_ota_get_image_size(esp_https_ota_handle_t https_ota_handle)
{
    const struct ota_update *update = https_ota_handle;
    return update ? as_int(ota_fill_image_size(update)) : -1;
}

int esp_https_ota_get_status_code(esp_https_ota_handle_t https_ota_handle)
{
    const struct ota_update *update = https_ota_handle;
    return update ? esp_http_client_get_status_code(update->source.client) : -1;
}

bool esp_https_ota_is_complete_data_received(esp_https_ota_handle_t https_ota_handle)
{
    const struct ota_update *update = https_ota_handle;
    return update && ota_source_is_complete(&update->source);
}

esp_err_t esp_https_ota_get_stats(void *https_ota_handle, esp_https_ota_stats_t *stats)
{
    const struct ota_update *update = https_ota_handle;
    if (!update || !stats) {
        return ESP_ERR_INVALID_ARG;
    }
    *stats = (esp_https_ota_stats_t){.received = update->source.received,
                                     .resumed_from = (uint64_t)update->resumed_from,
                                     .retries = update->source.retries,
                                     .restarts = update->restarts};
    return ESP_OK;
}
