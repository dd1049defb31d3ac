/** Flash constants that applications include by this name. fact: ESP-IDF, spi_flash: spi_flash_mmap.h. */
#pragma once

#include "esp_err.h"

#define SPI_FLASH_SEC_SIZE      4096
#define SPI_FLASH_MMU_PAGE_SIZE 0x10000

/** Name in ESP-IDF v4.x of what esp_partition_mmap() gives; the other names of that time are in esp_partition.h. */
typedef uint32_t spi_flash_mmap_handle_t;
