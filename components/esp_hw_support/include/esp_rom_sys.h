/**
 * Functions of the chip's ROM. fact: names as in ESP-IDF, esp_rom: esp_rom_sys.h.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define esp_rom_printf(...) printf(__VA_ARGS__)

/** Busy-waits on a chip; sleeps here. */
void esp_rom_delay_us(uint32_t us);

/** Where the ROM looks for the bootloader: CONFIG_BOOTLOADER_OFFSET_IN_FLASH of this build, 0. Can be set for tests. */
uint32_t esp_rom_get_bootloader_offset(void);
void esp_rom_set_bootloader_offset(const uint32_t offset);

#ifdef __cplusplus
}
#endif
