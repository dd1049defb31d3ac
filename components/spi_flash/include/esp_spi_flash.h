/**
 * Flash under the names of ESP-IDF v3 and v4: the main chip, addressed from its start.
 *
 * fact: names and order of arguments as in ESP-IDF v4.4, spi_flash: esp_spi_flash.h. Errors and what a cut leaves: the function of
 * esp_flash.h that each calls.
 */
#pragma once

#include "esp_flash.h"
#include "spi_flash_mmap.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of the chip; 0: it is not open. */
static inline size_t spi_flash_get_chip_size(void)
{
    uint32_t size = 0;
    return esp_flash_get_size(NULL, &size) == ESP_OK ? size : 0;
}

ESP_MUST_CHECK static inline esp_err_t spi_flash_read(size_t src_addr, void *dest, size_t size)
{
    return esp_flash_read(NULL, dest, (uint32_t)src_addr, (uint32_t)size);
}

ESP_MUST_CHECK static inline esp_err_t spi_flash_write(size_t dest_addr, const void *src,
                                                       size_t size)
{
    return esp_flash_write(NULL, src, (uint32_t)dest_addr, (uint32_t)size);
}

/** Both are multiples of SPI_FLASH_SEC_SIZE. */
ESP_MUST_CHECK static inline esp_err_t spi_flash_erase_range(size_t start_address, size_t size)
{
    return esp_flash_erase_region(NULL, (uint32_t)start_address, (uint32_t)size);
}

/** Sectors count from 0. */
ESP_MUST_CHECK static inline esp_err_t spi_flash_erase_sector(size_t sector)
{
    return spi_flash_erase_range(sector * SPI_FLASH_SEC_SIZE, SPI_FLASH_SEC_SIZE);
}

#ifdef __cplusplus
}
#endif
