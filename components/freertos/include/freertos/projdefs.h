/** pdTRUE, pdMS_TO_TICKS and friends: all in FreeRTOS.h here. */
#pragma once

#include "freertos/FreeRTOS.h"
