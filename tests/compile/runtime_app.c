/* An application in the manner of the OTA examples: macros and calls in the places where applications put them. */
#include <inttypes.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "esp_app_desc.h"
#include "esp_check.h"
#include "esp_efuse.h"
#include "esp_event.h"
#include "esp_idf_version.h"
#include "esp_log.h"
#include "esp_random.h"
#include "esp_system.h"
#include "sdkconfig.h"

#if ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 0, 0)
#error "the version must be usable in #if"
#endif

ESP_EVENT_DECLARE_BASE(DOOR_EVENT);
ESP_EVENT_DEFINE_BASE(DOOR_EVENT);

enum { DOOR_OPENED, DOOR_CLOSED, DOOR_LOCKED };

static const char *TAG = "door";
ESP_LOG_ATTR_TAG(TAG_2, "door2");

static SemaphoreHandle_t s_done;
static EventGroupHandle_t s_event_group;
const int CLOSED_BIT = BIT0;

static void event_handler(void *arg, esp_event_base_t event_base, int32_t event_id,
                          void *event_data)
{
    if (event_base == DOOR_EVENT) {
        switch (event_id) {
        case DOOR_OPENED:
            ESP_LOGI(TAG, "opened");
            break;
        case DOOR_CLOSED:
            ESP_LOGI(TAG, "closed: %d", *(int *)event_data);
            xEventGroupSetBits(s_event_group, CLOSED_BIT);
            break;
        case DOOR_LOCKED:
            ESP_LOGI(TAG, "locked");
            break;
        }
    }
}

// The macros must also be one statement where an application writes no braces.
// NOLINTBEGIN(readability-braces-around-statements)
static esp_err_t open_and_close(bool jammed)
{
    esp_err_t ret = ESP_OK;
    ESP_GOTO_ON_ERROR(esp_event_post(DOOR_EVENT, DOOR_OPENED, NULL, 0, portMAX_DELAY), end, TAG,
                      "no event");
    ESP_GOTO_ON_FALSE(!jammed, ESP_ERR_INVALID_STATE, end, TAG, "jammed since %d", 7);
    while (1) {
        const size_t len = strlen(TAG);
        int angle = (int)len;
        ESP_RETURN_ON_ERROR(
            esp_event_post(DOOR_EVENT, DOOR_CLOSED, &angle, sizeof(angle), portMAX_DELAY), TAG,
            "no event");
        break;
    }
end:
    if (ret != ESP_OK)
        ESP_LOGE(TAG, "(%s)", esp_err_to_name(ret));
    else
        ESP_LOGI(TAG, "fine");
    return ret;
}

static void log_what_applications_log(void)
{
    size_t len = 4;
    uint32_t address = 0x1000;
    esp_reset_reason_t reason = esp_reset_reason();
    char data[] = "some bytes";
    ESP_LOGI(TAG, "len %d, address 0x%08x", len, address);
    ESP_LOGW(TAG_2, "reason %d, heap %" PRIu32, reason, esp_get_free_heap_size());
    ESP_LOGD(TAG, "not shown %s", "at this level");
    ESP_LOG_LEVEL(reason == ESP_RST_SW ? ESP_LOG_WARN : ESP_LOG_INFO, TAG, "after %s", "reset");
    ESP_LOG_BUFFER_HEX(TAG, data, sizeof(data));
    ESP_LOG_BUFFER_HEXDUMP(TAG, data, sizeof(data), ESP_LOG_INFO);
    esp_log_level_set("*", ESP_LOG_INFO);
    if (esp_random() == 0 && len)
        ESP_LOGE(TAG, "unlikely");
}

static void door_task(void *pvParameter)
{
    ESP_LOGI(TAG, "running %s", esp_app_get_description()->project_name);
    if (open_and_close(true) != ESP_ERR_INVALID_STATE || open_and_close(false) != ESP_OK) {
        ESP_LOGE(TAG, "door broken");
        (void)vTaskDelete(NULL);
    }
    vTaskDelay(10 / portTICK_PERIOD_MS);
    vTaskDelay(pdMS_TO_TICKS(10));
    xSemaphoreGive(s_done);
    while (1) {
        vTaskDelete(NULL);
    }
}

static void on_shutdown(void)
{
    printf("application done\n");
}

void app_main(void)
{
    esp_err_t err = esp_event_loop_create_default();
    if (err == ESP_ERR_INVALID_STATE) {
        err = ESP_OK;
    }
    // With the blanks that applications write.
    // clang-format off
    ESP_ERROR_CHECK( err );
    // clang-format on
    s_done = xSemaphoreCreateBinary();
    s_event_group = xEventGroupCreate();
    esp_event_handler_register(DOOR_EVENT, ESP_EVENT_ANY_ID, &event_handler, NULL);
    ESP_ERROR_CHECK(esp_register_shutdown_handler(&on_shutdown));
    log_what_applications_log();
    if (esp_efuse_check_secure_version(esp_efuse_read_secure_version()) &&
        !esp_efuse_is_flash_encryption_enabled())
        ESP_ERROR_CHECK_WITHOUT_ABORT(esp_efuse_update_secure_version(0));
    xTaskCreate(&door_task, "door_task", 1024 * 8, NULL, 5, NULL);
    xSemaphoreTake(s_done, portMAX_DELAY);
    xEventGroupWaitBits(s_event_group, CLOSED_BIT, false, true, portMAX_DELAY);
}

int main(void)
{
    app_main();
    esp_restart();
}
// NOLINTEND(readability-braces-around-statements)
