#include "unity.h"
#include "nvs_flash.h"
#include "nvs.h"
#include "esp_err.h"

void setUp(void)
{
    ESP_ERROR_CHECK(nvs_flash_init());
}

void tearDown(void)
{
    ESP_ERROR_CHECK(nvs_flash_deinit());
}

void app_main(void)
{
    unity_run_menu();
}
