#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <freertos/semphr.h>
#include <unity.h>
#include <test_utils.h>
#include <esp_ota_ops.h>
#include "esp_flash.h"
#include "esp_flash_partitions.h"
#include "esp_image_format.h"
#include "esp_partition.h"
#include "esp_rom_spiflash.h"
#include "esp_system.h"
#include "spi_flash_mmap.h"
#include "bootloader_common.h"
#include "../bootloader_flash/include/bootloader_flash_priv.h"
#include "nvs_flash.h"
#include "sdkconfig.h"

TEST_CASE("begin refuses nonsense", "[ota]")
{
    esp_ota_handle_t handle = 0;
    TEST_ESP_ERR(ESP_ERR_INVALID_ARG, esp_ota_begin(NULL, OTA_SIZE_UNKNOWN, &handle));
    TEST_ASSERT_EQUAL(0, handle);
    TEST_ESP_ERR(ESP_ERR_INVALID_ARG, esp_ota_begin(esp_ota_get_running_partition(), 0, &handle));
    const esp_partition_t *data =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
    TEST_ASSERT_NOT_NULL(data);
    TEST_ASSERT_NOT_EQUAL(NULL, esp_ota_get_next_update_partition(NULL));
}

TEST_CASE("the descriptor of the running application is found", "[ota]")
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    TEST_ASSERT_NOT_NULL(running);
    esp_app_desc_t a, b = {0};
    TEST_ESP_OK(esp_ota_get_partition_description(running, &a));
    const esp_partition_pos_t pos = {.offset = running->address, .size = running->size};
    TEST_ESP_OK(bootloader_common_get_partition_description(&pos, &b));
    TEST_ASSERT_EQUAL_MEMORY(&a, &b, sizeof(a));
    TEST_ASSERT_EQUAL_STRING("update_tests", a.project_name);
    uint8_t sha[32];
    TEST_ESP_OK(bootloader_common_get_sha256_of_partition(running->address, running->size,
                                                          running->type, sha));
}

TEST_CASE("a region outside the table can be registered and written", "[ota][flash]")
{
    uint32_t size = 0;
    TEST_ESP_OK(esp_flash_get_size(NULL, &size));
    const esp_partition_t *extra = NULL;
    TEST_ESP_OK(esp_partition_register_external(
        esp_flash_default_chip, size - SPI_FLASH_SEC_SIZE, SPI_FLASH_SEC_SIZE, "extra",
        ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_UNDEFINED, &extra));
    char text[16] = "some text";
    TEST_ESP_OK(esp_partition_erase_range(extra, 0, SPI_FLASH_SEC_SIZE));
    TEST_ESP_OK(bootloader_flash_write(extra->address, text, sizeof(text), false));
    const void *mapped = bootloader_mmap(extra->address, SPI_FLASH_SEC_SIZE);
    TEST_ASSERT_NOT_NULL(mapped);
    TEST_ASSERT_EQUAL_STRING("some text", (const char *)mapped);
    bootloader_munmap(mapped);
    TEST_ESP_OK(esp_partition_deregister_external(extra));
}

TEST_CASE("this one is wrong", "[fails]")
{
    TEST_ASSERT_EQUAL_UINT32(1, 2);
}
