#include "health.h"

#include "driver/gpio.h"
#include "esp_log.h"
#include "esp_system.h"
#include "nvs.h"
#include "sdkconfig.h"

static const char *TAG = "health";

#define HEAP_MIN (32 * 1024) // chosen: what the next update needs, with room to spare

// Counts in NVS, so that reading and writing settings are both tried.
static bool can_store(void)
{
    nvs_handle_t handle;
    uint32_t checks = 0;
    if (nvs_open("health", NVS_READWRITE, &handle) != ESP_OK) {
        return false;
    }
    esp_err_t err = nvs_get_u32(handle, "checks", &checks);
    if (err == ESP_OK || err == ESP_ERR_NVS_NOT_FOUND) {
        err = nvs_set_u32(handle, "checks", checks + 1);
    }
    if (err == ESP_OK) {
        err = nvs_commit(handle);
    }
    nvs_close(handle);
    return err == ESP_OK;
}

static bool board_is_well(void)
{
    gpio_config_t pin = {
        .pin_bit_mask = 1ULL << CONFIG_ADVANCED_HEALTH_PIN,
        .mode = GPIO_MODE_INPUT,
        .pull_up_en = GPIO_PULLUP_ENABLE,
    };
    return gpio_config(&pin) == ESP_OK && gpio_get_level(CONFIG_ADVANCED_HEALTH_PIN) == 1;
}

bool health_is_good(void)
{
    bool is_good = true;
    if (!can_store()) {
        ESP_LOGE(TAG, "settings cannot be stored");
        is_good = false;
    }
    if (esp_get_free_heap_size() < HEAP_MIN) {
        ESP_LOGE(TAG, "too little memory is free");
        is_good = false;
    }
    if (!board_is_well()) {
        ESP_LOGE(TAG, "pin %d is low", CONFIG_ADVANCED_HEALTH_PIN);
        is_good = false;
    }
    return is_good;
}
