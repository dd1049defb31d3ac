/**
 * Helpers that ESP-IDF shares between bootloader and application, under its names.
 *
 * fact: names and contracts as in ESP-IDF, bootloader_support: bootloader_common.h.
 */
#pragma once

#include "esp_app_desc.h"
#include "esp_flash_partitions.h"
#include "esp_image_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/** CRC that belongs into a record with this sequence number. */
uint32_t bootloader_common_ota_select_crc(const esp_ota_select_entry_t *s);

/** Not empty, not refused, and the CRC is right. */
bool bootloader_common_ota_select_valid(const esp_ota_select_entry_t *s);

/** Empty or refused; the CRC is not looked at. */
bool bootloader_common_ota_select_invalid(const esp_ota_select_entry_t *s);

/** Index of the active one of two records, or -1. */
int bootloader_common_get_active_otadata(esp_ota_select_entry_t *two_otadata);

/**
 * Reads the application descriptor of a region of the main flash chip.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND: no descriptor magic; or the flash error
 */
esp_err_t bootloader_common_get_partition_description(const esp_partition_pos_t *partition,
                                                      esp_app_desc_t *app_desc) ESP_MUST_CHECK;

/**
 * SHA-256 of a region of the main flash chip. Applications and bootloaders: of the verified image, as its appended
 * digest if there is one; anything else: of all its bytes.
 * @param type  PART_TYPE_*
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL or size 0; ESP_ERR_IMAGE_INVALID: not a valid image; or the flash error
 */
esp_err_t bootloader_common_get_sha256_of_partition(uint32_t address, uint32_t size, int type,
                                                    uint8_t *out_sha_256) ESP_MUST_CHECK;

/**
 * Whether an image fits this device's chip and revision; logs why not.
 * @return ESP_OK; ESP_FAIL: it does not; ESP_ERR_INVALID_ARG: NULL
 */
esp_err_t bootloader_common_check_chip_validity(const esp_image_header_t *img_hdr,
                                                esp_image_type type) ESP_MUST_CHECK;

/** Whether the bootloader noted a factory reset in memory that outlives a reset: never, there is no such memory. */
bool bootloader_common_get_rtc_retain_mem_factory_reset_state(void);

#ifdef __cplusplus
}
#endif
