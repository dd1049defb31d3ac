/** Name of ESP-IDF v4.x; applications of that era include it. */
#pragma once

#include "esp_flash.h"
#include "spi_flash_mmap.h"
