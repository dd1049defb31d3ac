#include "ota_events.h"

#include "esp_log.h"

static const char *TAG = "esp_https_ota";

ESP_EVENT_DEFINE_BASE(ESP_HTTPS_OTA_EVENT);

void ota_events_post(esp_https_ota_event_t event, const void *data, size_t size)
{
    if (!esp_event_default_loop_exists()) {
        return;
    }
    TickType_t ticks = pdMS_TO_TICKS(CONFIG_ESP_HTTPS_OTA_EVENT_POST_TIMEOUT);
    esp_err_t err = esp_event_post(ESP_HTTPS_OTA_EVENT, event, data, size, ticks);
    if (err != ESP_OK) {
        ESP_LOGW(TAG, "event %d was not posted: %s", (int)event, esp_err_to_name(err));
    }
}
