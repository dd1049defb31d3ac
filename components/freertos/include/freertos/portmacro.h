/** Types and macros of the port: all in FreeRTOS.h here. */
#pragma once

#include "freertos/FreeRTOS.h"
