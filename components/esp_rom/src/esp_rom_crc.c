#include "esp_rom_crc.h"

// Of each half byte: as quick as bytes need it here, and 64 bytes small. The polynomial is the entry of 8.
static const uint32_t TABLE[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len)
{
    crc = ~crc;
    for (uint32_t i = 0; i < len; i++) {
        crc = TABLE[(crc ^ buf[i]) & 15] ^ crc >> 4;
        crc = TABLE[(crc ^ buf[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}
