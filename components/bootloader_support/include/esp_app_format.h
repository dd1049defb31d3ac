/**
 * Header and segment header of an application or bootloader image.
 *
 * fact: layout and values as in ESP-IDF, bootloader_support: esp_app_format.h. Little-endian, packed.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Chip an image is made for; 16 bits on flash. */
typedef enum __attribute__((packed)) {
    ESP_CHIP_ID_ESP32 = 0x0000,
    ESP_CHIP_ID_ESP32S2 = 0x0002,
    ESP_CHIP_ID_ESP32C3 = 0x0005,
    ESP_CHIP_ID_ESP32S3 = 0x0009,
    ESP_CHIP_ID_ESP32C2 = 0x000C,
    ESP_CHIP_ID_ESP32C6 = 0x000D,
    ESP_CHIP_ID_ESP32H2 = 0x0010,
    ESP_CHIP_ID_ESP32P4 = 0x0012,
    ESP_CHIP_ID_ESP32C61 = 0x0014,
    ESP_CHIP_ID_ESP32C5 = 0x0017,
    ESP_CHIP_ID_ESP32H21 = 0x0019,
    ESP_CHIP_ID_ESP32H4 = 0x001C,
    ESP_CHIP_ID_ESP32E22 = 0x001F,
    ESP_CHIP_ID_ESP32S31 = 0x0020,
    ESP_CHIP_ID_LINUX = 0x584C, // ours: a host program, "LX" on flash; see SPEC.md "Host images"
    ESP_CHIP_ID_INVALID = 0xFFFF,
} esp_chip_id_t;

typedef enum {
    ESP_IMAGE_SPI_MODE_QIO = 0,
    ESP_IMAGE_SPI_MODE_QOUT = 1,
    ESP_IMAGE_SPI_MODE_DIO = 2,
    ESP_IMAGE_SPI_MODE_DOUT = 3,
    ESP_IMAGE_SPI_MODE_FAST_READ = 4,
    ESP_IMAGE_SPI_MODE_SLOW_READ = 5,
} esp_image_spi_mode_t;

typedef enum {
    ESP_IMAGE_SPI_SPEED_DIV_2 = 0,
    ESP_IMAGE_SPI_SPEED_DIV_3 = 1,
    ESP_IMAGE_SPI_SPEED_DIV_4 = 2,
    ESP_IMAGE_SPI_SPEED_DIV_1 = 0xF,
} esp_image_spi_freq_t;

typedef enum {
    ESP_IMAGE_FLASH_SIZE_1MB = 0,
    ESP_IMAGE_FLASH_SIZE_2MB = 1,
    ESP_IMAGE_FLASH_SIZE_4MB = 2,
    ESP_IMAGE_FLASH_SIZE_8MB = 3,
    ESP_IMAGE_FLASH_SIZE_16MB = 4,
    ESP_IMAGE_FLASH_SIZE_32MB = 5,
    ESP_IMAGE_FLASH_SIZE_64MB = 6,
    ESP_IMAGE_FLASH_SIZE_128MB = 7,
    ESP_IMAGE_FLASH_SIZE_MAX = 8,
} esp_image_flash_size_t;

#define ESP_IMAGE_HEADER_MAGIC 0xE9
#define ESP_IMAGE_MAX_SEGMENTS 16

typedef struct {
    uint8_t magic; // ESP_IMAGE_HEADER_MAGIC
    uint8_t segment_count;
    uint8_t spi_mode;      // esp_image_spi_mode_t
    uint8_t spi_speed : 4; // esp_image_spi_freq_t
    uint8_t spi_size : 4;  // esp_image_flash_size_t
    uint32_t entry_addr;
    uint8_t wp_pin; // 0xEE: disabled
    uint8_t spi_pin_drv[3];
    esp_chip_id_t chip_id;
    uint8_t min_chip_rev;       // legacy, not looked at
    uint16_t min_chip_rev_full; // major * 100 + minor
    uint16_t max_chip_rev_full; // the same; 0 and 65535: no limit
    uint8_t reserved[4];
    uint8_t hash_appended; // not 0: a SHA-256 follows the checksum
} __attribute__((packed)) esp_image_header_t;

typedef struct {
    uint32_t load_addr;
    uint32_t data_len; // a multiple of 4
} esp_image_segment_header_t;

#ifdef __cplusplus
static_assert(sizeof(esp_chip_id_t) == 2, "chip id is 16 bits on flash");
static_assert(sizeof(esp_image_header_t) == 24, "image header is 24 bytes on flash");
#else
_Static_assert(sizeof(esp_chip_id_t) == 2, "chip id is 16 bits on flash");
_Static_assert(sizeof(esp_image_header_t) == 24, "image header is 24 bytes on flash");
#endif

#ifdef __cplusplus
}
#endif
