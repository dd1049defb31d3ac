// The same surface from C++: bases across languages, lambdas as handlers, tasks that own objects.
#include <atomic>
#include <cstdio>
#include <string>

#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "esp_app_desc.h"
#include "esp_check.h"
#include "esp_efuse.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_random.h"
#include "esp_system.h"

extern "C" {
ESP_EVENT_DECLARE_BASE(LAMP_EVENT);
}
ESP_EVENT_DEFINE_BASE(LAMP_EVENT);

static const char *TAG = "lamp";

namespace {

enum class Lamp : int32_t { on, off };

std::atomic<int> switched{0};
SemaphoreHandle_t done;

esp_err_t post(Lamp what, const std::string &text)
{
    ESP_RETURN_ON_FALSE(!text.empty(), ESP_ERR_INVALID_ARG, TAG, "no text");
    ESP_RETURN_ON_ERROR(esp_event_post(LAMP_EVENT, static_cast<int32_t>(what), text.c_str(),
                                       text.size() + 1, portMAX_DELAY),
                        TAG, "no event for %s", text.c_str());
    return ESP_OK;
}

esp_err_t post_two()
{
    esp_err_t ret = ESP_OK;
    ESP_GOTO_ON_ERROR(post(Lamp::on, "bright"), end, TAG, "first");
    ESP_GOTO_ON_ERROR(post(Lamp::off, ""), end, TAG, "second");
end:
    return ret;
}

void lamp_task(void *arg)
{
    auto *text = static_cast<std::string *>(arg);
    ESP_LOGI(TAG, "%s %u", text->c_str(), (unsigned)esp_random() & 1u);
    xSemaphoreGive(done);
    vTaskDelete(nullptr);
}

} // namespace

extern "C" void app_main(void)
{
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    esp_event_handler_instance_t instance = nullptr;
    ESP_ERROR_CHECK(esp_event_handler_instance_register(
        LAMP_EVENT, ESP_EVENT_ANY_ID,
        [](void *, esp_event_base_t base, int32_t id, void *data) {
            ESP_LOGI(TAG, "%s %d %s", base, (int)id, static_cast<const char *>(data));
            switched++;
        },
        nullptr, &instance));
    done = xSemaphoreCreateBinary();
    std::string text = "hello";
    if (post_two() == ESP_ERR_INVALID_ARG) {
        xTaskCreate(lamp_task, "lamp", 4096, &text, tskIDLE_PRIORITY + 1, nullptr);
        xSemaphoreTake(done, pdMS_TO_TICKS(10000));
    }
    while (switched == 0) {
        vTaskDelay(1);
    }
    ESP_ERROR_CHECK(esp_event_handler_instance_unregister(LAMP_EVENT, ESP_EVENT_ANY_ID, instance));
    ESP_ERROR_CHECK(esp_event_loop_delete_default());
    std::printf("application done %s\n", esp_app_get_description()->version);
}

int main()
{
    app_main();
    esp_restart();
}
