/** Flash constants that applications include by this name. fact: ESP-IDF, spi_flash: spi_flash_mmap.h. */
#pragma once

#include "esp_err.h"

#define SPI_FLASH_SEC_SIZE      4096
#define SPI_FLASH_MMU_PAGE_SIZE 0x10000

/** Names of ESP-IDF v4.x for what esp_partition_mmap() takes and gives. */
typedef uint32_t spi_flash_mmap_handle_t;

typedef enum {
    SPI_FLASH_MMAP_DATA = 0,
    SPI_FLASH_MMAP_INST = 1,
} spi_flash_mmap_memory_t;
