/**
 * Verification of an image on the main flash chip, under ESP-IDF's names.
 *
 * fact: names and contracts as in ESP-IDF, bootloader_support: esp_image_format.h. The work is done by image_verify.h,
 * which also tells why an image is refused.
 */
#pragma once

#include "esp_app_format.h"
#include "esp_flash_partitions.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_IMAGE_HASH_LEN 32

typedef struct {
    uint32_t start_addr; // of the image, from the start of flash
    esp_image_header_t image;
    esp_image_segment_header_t segments[ESP_IMAGE_MAX_SEGMENTS];
    uint32_t segment_data[ESP_IMAGE_MAX_SEGMENTS]; // flash address of each segment's data
    uint32_t image_len;                       // header to end of digest, or of a verified signature
    uint8_t image_digest[ESP_IMAGE_HASH_LEN]; // computed SHA-256
    uint32_t secure_version;                  // of an application; 0 without a descriptor
    uint32_t mmu_page_size;                   // as the descriptor names it; 0 without
} esp_image_metadata_t;

typedef enum {
    ESP_IMAGE_VERIFY = 0,        // log what is wrong
    ESP_IMAGE_VERIFY_SILENT = 1, // do not
} esp_image_load_mode_t;

typedef enum {
    ESP_IMAGE_BOOTLOADER = 0,
    ESP_IMAGE_APPLICATION = 1,
} esp_image_type;

/**
 * Verifies the image in a region of the main flash chip; its signature too, if updates are to be signed.
 * @param[out] data  what was found; zeroed on failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or a region too large for this chip; ESP_ERR_IMAGE_INVALID: damaged;
 *         ESP_FAIL: made for another chip or revision; ESP_ERR_IMAGE_FLASH_FAIL: not readable
 */
esp_err_t esp_image_verify(esp_image_load_mode_t mode, const esp_partition_pos_t *part,
                           esp_image_metadata_t *data) ESP_MUST_CHECK;

/** As esp_image_verify, without a log line and without looking at signatures. */
esp_err_t esp_image_get_metadata(const esp_partition_pos_t *part,
                                 esp_image_metadata_t *metadata) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
