/**
 * Flash functions of the chip's ROM: none is used by what runs here; applications include it.
 */
#pragma once

#include "esp_flash.h"
#include "esp_rom_sys.h"
