/**
 * Old name of esp_rom_sys.h.
 */
#pragma once

#include "esp_rom_sys.h"

#define ets_printf(...)  esp_rom_printf(__VA_ARGS__)
#define ets_delay_us(us) esp_rom_delay_us(us)
