/**
 * What differs between chips as far as images and boot are concerned: one row a chip.
 *
 * fact: windows, page sizes and limits as the loaders of ESP-IDF (v6.2-dev) use them; see SPEC.md "Chips".
 */
#pragma once

#include "esp_app_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Half-open range of load addresses that are mapped from flash instead of copied. */
struct address_window {
    uint32_t start;
    uint32_t end;
};

struct chip_traits {
    esp_chip_id_t id;
    const char *name;                 // as esptool spells it, e.g. "esp32c3"
    struct address_window windows[2]; // the first holds read-only data
    bool has_configurable_page;       // the descriptor names the MMU page size
    bool has_32bit_flash;             // images may exceed 16 MiB
    uint32_t bootloader_offset;
    uint8_t secure_version_bits; // width of the anti-rollback eFuse field
};

#define CHIP_MMU_PAGE_DEFAULT                                                                      \
    0x10000u // fact: every chip's default page, and the only one of those without a choice

/** Row of a chip id; NULL when unknown. */
const struct chip_traits *chip_traits_by_id(uint16_t chip_id);

/** Row of a name, in any case and with or without dashes ("ESP32-C3"); NULL when unknown. */
const struct chip_traits *chip_traits_by_name(const char *name);

/** Row at index, for lists; NULL behind the last. */
const struct chip_traits *chip_traits_at(size_t index);

/** Name of a chip id; "unknown" when it has no row. Never NULL. */
const char *chip_name(uint16_t chip_id);

#ifdef __cplusplus
}
#endif
