#include "esp_event_loop.h"

#include <string.h>

// ESP-IDF v3 has one loop with one handler, so these are single. They change on the application's task while the loop's task reads
// them, as there; init comes before anything that posts.
static system_event_cb_t s_callback;
static void *s_context;
static bool s_is_initialised;

static void deliver(system_event_id_t id, const void *data, size_t size)
{
    system_event_t event = {.event_id = id};
    if (data) {
        memcpy(&event.event_info, data, size);
    }
    if (s_callback) {
        ESP_IGNORE_ERROR(s_callback(s_context, &event)); // fact: ignored in ESP-IDF too
    }
}

static void on_wifi(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    switch (id) {
    case WIFI_EVENT_STA_START:
        deliver(SYSTEM_EVENT_STA_START, NULL, 0);
        break;
    case WIFI_EVENT_STA_STOP:
        deliver(SYSTEM_EVENT_STA_STOP, NULL, 0);
        break;
    case WIFI_EVENT_STA_CONNECTED:
        deliver(SYSTEM_EVENT_STA_CONNECTED, data, sizeof(system_event_sta_connected_t));
        break;
    case WIFI_EVENT_STA_DISCONNECTED:
        deliver(SYSTEM_EVENT_STA_DISCONNECTED, data, sizeof(system_event_sta_disconnected_t));
        break;
    default: // nothing an application could wait for here
        break;
    }
}

static void on_address(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    if (id == IP_EVENT_STA_GOT_IP) {
        deliver(SYSTEM_EVENT_STA_GOT_IP, data, sizeof(system_event_sta_got_ip_t));
    }
}

esp_err_t esp_event_loop_init(system_event_cb_t cb, void *ctx)
{
    if (s_is_initialised) {
        return ESP_FAIL;
    }
    esp_err_t err = esp_event_loop_create_default();
    if (err != ESP_OK && err != ESP_ERR_INVALID_STATE) {
        return err;
    }
    (void)esp_event_loop_set_cb(cb, ctx); // there was none before
    err = esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL);
    if (err == ESP_OK) {
        err = esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_address, NULL);
    }
    s_is_initialised = err == ESP_OK;
    return err;
}

system_event_cb_t esp_event_loop_set_cb(system_event_cb_t cb, void *ctx)
{
    system_event_cb_t before = s_callback;
    s_context = ctx;
    s_callback = cb;
    return before;
}
