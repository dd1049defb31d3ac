/** The kernel's settings: all in FreeRTOS.h here. */
#pragma once

#include "freertos/FreeRTOS.h"
