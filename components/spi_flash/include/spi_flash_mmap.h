/** Flash constants that applications include by this name. fact: ESP-IDF, spi_flash: spi_flash_mmap.h. */
#pragma once

#include "esp_err.h"

#define SPI_FLASH_SEC_SIZE      4096
#define SPI_FLASH_MMU_PAGE_SIZE 0x10000
