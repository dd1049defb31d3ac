/**
 * The chip's CRC. fact: name and behaviour as in ESP-IDF, esp_rom: esp_rom_crc.h.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * CRC-32 of @p len bytes at @p buf, with the reflected polynomial 0xEDB88320.
 *
 * @p crc is inverted at the start and the result at the end, as a chip's ROM does. So 0 gives the value that zlib
 * gives, the result of one call goes on in the next, and UINT32_MAX, which otadata and NVS use, makes the register
 * start at 0. @p buf may be NULL when @p len is 0. No allocation; any thread.
 */
uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len);

#ifdef __cplusplus
}
#endif
