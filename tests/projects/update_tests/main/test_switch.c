#include "esp_system.h"
#include "bootloader_common.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "unity.h"
#include "nvs.h"
#include "nvs_flash.h"
#include "sdkconfig.h"

ESP_LOG_ATTR_TAG(TAG, "switch");

static void note(uint32_t value)
{
    nvs_handle_t handle;
    TEST_ESP_OK(nvs_open("switch", NVS_READWRITE, &handle));
    TEST_ESP_OK(nvs_set_u32(handle, "step", value));
    TEST_ESP_OK(nvs_commit(handle));
    nvs_close(handle);
}

static uint32_t noted(void)
{
    nvs_handle_t handle;
    uint32_t value = 0;
    TEST_ESP_OK(nvs_open_from_partition("nvs", "switch", NVS_READONLY, &handle));
    TEST_ESP_OK(nvs_get_u32(handle, "step", &value));
    nvs_close(handle);
    return value;
}

static void copy_and_switch(void)
{
    const esp_partition_t *next = esp_ota_get_next_update_partition(NULL);
    ESP_LOGI(TAG, "copy to %s", next->label);
    TEST_ESP_OK(esp_partition_copy(next, 0, esp_ota_get_running_partition(), 0, next->size));
    TEST_ESP_OK(esp_ota_set_boot_partition(next));
    note(next->address);
    esp_restart();
}

static void runs_from_the_copy(void)
{
    TEST_ASSERT_EQUAL(ESP_RST_SW, esp_reset_reason());
    TEST_ASSERT_EQUAL_HEX32(noted(), esp_ota_get_running_partition()->address);
    esp_ota_img_states_t state;
    TEST_ESP_OK(esp_ota_get_state_partition(esp_ota_get_running_partition(), &state));
    TEST_ASSERT_EQUAL_HEX32(ESP_OTA_IMG_PENDING_VERIFY, state);
    TEST_ESP_OK(esp_ota_mark_app_invalid_rollback_and_reboot());
}

static void runs_from_the_first_again(void)
{
    TEST_ASSERT_NOT_EQUAL(noted(), esp_ota_get_running_partition()->address);
    TEST_ASSERT_NOT_NULL(esp_ota_get_last_invalid_partition());
    TEST_ASSERT_FALSE(bootloader_common_get_rtc_retain_mem_factory_reset_state());
}

TEST_CASE_MULTIPLE_STAGES("switch to a copy and back", "[ota][reset=SW_CPU_RESET]", copy_and_switch,
                          runs_from_the_copy, runs_from_the_first_again)
