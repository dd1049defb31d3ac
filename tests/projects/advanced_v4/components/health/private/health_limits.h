#pragma once
#include <cstdint>

extern const uint8_t limits_start[] asm("_binary_limits_bin_start");
extern const uint8_t limits_end[] asm("_binary_limits_bin_end");
