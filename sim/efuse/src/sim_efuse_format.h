/** The bytes of an eFuse file; see sim_efuse.h. Touches memory only. */
#pragma once

#include "sim_efuse.h"

#define SIM_EFUSE_SIZE 128u

/** A field inside the file; bit_shift is not 0 only where bit_count is 1. */
struct efuse_place {
    uint32_t offset;
    uint32_t bit_shift;
    uint32_t bit_count; // 0: this chip has no such field
};

/** Where a field stands for a chip. */
struct efuse_place sim_efuse_place(enum efuse_field field, esp_chip_id_t chip_id);

/** Fills bytes as the file of a new device. Errors: ESP_ERR_INVALID_ARG (unknown chip). */
esp_err_t sim_efuse_encode(const struct chip_identity *chip,
                           uint8_t bytes[SIM_EFUSE_SIZE]) ESP_MUST_CHECK;

/** Checks bytes and reads the identity; errors as sim_efuse_open(), without a log line. */
esp_err_t sim_efuse_parse(const uint8_t bytes[SIM_EFUSE_SIZE],
                          struct chip_identity *chip) ESP_MUST_CHECK;
