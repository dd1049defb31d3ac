/**
 * The bootloader descriptor: the first 80 data bytes of a bootloader image, since ESP-IDF v5.2.
 *
 * fact: layout as in ESP-IDF, esp_bootloader_format: esp_bootloader_desc.h. Little-endian.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_BOOTLOADER_DESC_MAGIC_BYTE 80

typedef struct {
    uint8_t magic_byte; // ESP_BOOTLOADER_DESC_MAGIC_BYTE
    uint8_t reserved[2];
    uint8_t secure_version;
    uint32_t version;
    char idf_ver[32];
    char date_time[24];
    uint8_t reserved2[16];
} esp_bootloader_desc_t;

#ifdef __cplusplus
static_assert(sizeof(esp_bootloader_desc_t) == 80, "bootloader descriptor is 80 bytes on flash");
#else
_Static_assert(sizeof(esp_bootloader_desc_t) == 80, "bootloader descriptor is 80 bytes on flash");
#endif

#ifdef __cplusplus
}
#endif
