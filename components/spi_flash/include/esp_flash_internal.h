/** Name of ESP-IDF v5.5 and before. */
#pragma once

#include "esp_private/esp_flash_internal.h"
