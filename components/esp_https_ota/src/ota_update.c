// What can happen to an update in any state: it begins anew, or is gone.

#include "ota_update.h"

#include "esp_log.h"

static const char *TAG = "esp_https_ota";

#define RESTART_MAX 3 // chosen: a file that changes more often is not one to install

bool ota_update_has_image(const struct ota_update *update)
{
    return update->final->type == ESP_PARTITION_TYPE_APP ||
           update->final->type == ESP_PARTITION_TYPE_BOOTLOADER;
}

void ota_update_start_over(struct ota_update *update)
{
    update->restarts++;
    ESP_LOGI(TAG, "starting again from the beginning");
    ota_transaction_abort(update);
    ota_stream_clear(&update->stream);
    ota_source_restart(&update->source);
    ota_resume_forget(&update->resume);
    update->state = STATE_CONNECTED;
    update->is_judged = false;
    update->verdict = ESP_OK;
    update->buffered = 0;
    update->written = 0;
    update->to_skip = 0;
    update->resumed_from = 0;
    update->has_header = false;
    update->has_ended = false;
}

esp_err_t ota_update_note_change(struct ota_update *update)
{
    if (update->restarts == RESTART_MAX && update->source.lacks_ranges) {
        ESP_LOGE(TAG, "the connection breaks off each time, and the server does not send the rest "
                      "alone; giving up");
        return ESP_FAIL;
    }
    if (update->restarts == RESTART_MAX) {
        ESP_LOGE(TAG, "the server's file keeps changing; giving up");
        return ESP_ERR_INVALID_RESPONSE;
    }
    ota_update_start_over(update);
    return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
}

void ota_update_free(struct ota_update *update)
{
    ota_stream_clear(&update->stream);
    ota_source_destroy(&update->source);
    free(update->buffer);
    free(update);
}
