/**
 * Write protection. fact: name as in ESP-IDF, spi_flash: esp_private/esp_flash_internal.h.
 */
#pragma once

#include "esp_flash.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * On a chip: whether writes to bootloader and partition table are refused. Here they never are.
 * @return ESP_OK; ESP_ERR_FLASH_NOT_INITIALISED: no such chip
 */
esp_err_t esp_flash_set_dangerous_write_protection(esp_flash_t *chip,
                                                   const bool protect) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
