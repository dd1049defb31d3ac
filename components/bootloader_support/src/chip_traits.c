#include "chip_traits.h"

#include <ctype.h>

static const struct chip_traits CHIPS[] = {
    {.id = ESP_CHIP_ID_ESP32,
     .name = "esp32",
     .windows = {{0x3F400000, 0x3F800000}, {0x400D0000, 0x40400000}},
     .bootloader_offset = 0x1000,
     .secure_version_bits = 32},
    {.id = ESP_CHIP_ID_ESP32S2,
     .name = "esp32s2",
     .windows = {{0x3F000000, 0x3FF80000}, {0x40080000, 0x40800000}},
     .bootloader_offset = 0x1000,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32S3,
     .name = "esp32s3",
     .windows = {{0x3C000000, 0x3E000000}, {0x42000000, 0x44000000}},
     .has_32bit_flash = true,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32C2,
     .name = "esp32c2",
     .windows = {{0x3C000000, 0x3C400000}, {0x42000000, 0x42400000}},
     .has_configurable_page = true,
     .secure_version_bits = 4},
    {.id = ESP_CHIP_ID_ESP32C3,
     .name = "esp32c3",
     .windows = {{0x3C000000, 0x3C800000}, {0x42000000, 0x42800000}},
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32C5,
     .name = "esp32c5",
     .windows = {{0x42000000, 0x44000000}},
     .has_32bit_flash = true,
     .bootloader_offset = 0x2000,
     .secure_version_bits = 9},
    {.id = ESP_CHIP_ID_ESP32C6,
     .name = "esp32c6",
     .windows = {{0x42000000, 0x43000000}},
     .has_configurable_page = true,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32C61,
     .name = "esp32c61",
     .windows = {{0x42000000, 0x44000000}},
     .has_configurable_page = true,
     .has_32bit_flash = true,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32H2,
     .name = "esp32h2",
     .windows = {{0x42000000, 0x43000000}},
     .has_configurable_page = true,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32H21,
     .name = "esp32h21",
     .windows = {{0x42000000, 0x43000000}},
     .has_configurable_page = true,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32H4,
     .name = "esp32h4",
     .windows = {{0x42000000, 0x44000000}},
     .has_configurable_page = true,
     .has_32bit_flash = true,
     .bootloader_offset = 0x2000,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32P4,
     .name = "esp32p4",
     .windows = {{0x40000000, 0x44000000}, {0x48000000, 0x4C000000}},
     .has_32bit_flash = true,
     .bootloader_offset = 0x2000,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32S31,
     .name = "esp32s31",
     .windows = {{0x40000000, 0x44000000}, {0x50000000, 0x54000000}},
     .has_configurable_page = true,
     .has_32bit_flash = true,
     .bootloader_offset = 0x2000,
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_ESP32E22, // known to esptool only: its windows are esptool's
     .name = "esp32e22",
     .windows = {{0x3C000000, 0x40000000}},
     .secure_version_bits = 16},
    {.id = ESP_CHIP_ID_LINUX, // ours: nothing is mapped at load addresses, so there are no windows
     .name = "linux",
     .has_32bit_flash = true,
     .bootloader_offset = 0x1000,
     .secure_version_bits = 32},
};

#define CHIP_COUNT (sizeof(CHIPS) / sizeof(CHIPS[0]))

const struct chip_traits *chip_traits_at(size_t index)
{
    return index < CHIP_COUNT ? &CHIPS[index] : NULL;
}

const struct chip_traits *chip_traits_by_id(uint16_t chip_id)
{
    for (size_t i = 0; i < CHIP_COUNT; i++) {
        if ((uint16_t)CHIPS[i].id == chip_id) {
            return &CHIPS[i];
        }
    }
    return NULL;
}

static bool is_same_name(const char *wanted, const char *name)
{
    while (*wanted || *name) {
        if (*wanted == '-' || *wanted == '_') {
            wanted++;
        } else if (tolower((unsigned char)*wanted++) != *name++) {
            return false;
        }
    }
    return true;
}

const struct chip_traits *chip_traits_by_name(const char *name)
{
    for (size_t i = 0; i < CHIP_COUNT; i++) {
        if (is_same_name(name, CHIPS[i].name)) {
            return &CHIPS[i];
        }
    }
    return NULL;
}

const char *chip_name(uint16_t chip_id)
{
    const struct chip_traits *traits = chip_traits_by_id(chip_id);
    return traits ? traits->name : "unknown";
}
