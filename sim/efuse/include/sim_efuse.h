/**
 * eFuses in a file beside the flash file of a device.
 *
 * The file has 128 bytes, numbers little-endian:
 *
 *     offset size
 *          0    8  "ESPEFUSE"
 *          8    2  format version, 1
 *         10    2  chip id            (esp_chip_id_t)
 *         12    2  chip revision      (major * 100 + minor)
 *         14    2  eFuse block revision
 *         16    4  CRC-32 (IEEE 802.3, as zlib) of bytes 0..15: what the chip is never changes
 *         20    4  secure version, one bit each; a chip uses the lowest 4, 9, 16 or 32
 *         24    2  recovery bootloader sector, 12 bits; all 1: switched off
 *         26    1  bit 0: maximum chip revision ignored; bit 1: maximum block revision ignored; bit 2: secure boot
 *         27    1  key digests present, bits 0..2
 *         28    1  key digests revoked, bits 0..2
 *         29    1  flash encryption: on when the number of bits is odd; ESP32 has 7, the others 3
 *         30    1  FLASH_CRYPT_CONFIG, bits 0..3 (ESP32)
 *         31    1  0
 *         32   96  three key digests, SHA-256; ESP32 has only the first, ESP32-C2 of the first only 16 bytes, and neither
 *                  can revoke
 *
 * From byte 20 on bits only ever change from 0 to 1. Each changed byte is one write, made durable before the next, so a
 * power cut leaves every byte old or new.
 */
#pragma once

#include "boot_handover.h"
#include "efuse_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Creates the file of a new device: chip as given, nothing burnt except the two "ignore" flags if chip says so.
 * Errors: ESP_ERR_INVALID_STATE (the file exists), ESP_ERR_INVALID_ARG (the chip id is not known),
 * ESP_FAIL (it could not be created or written; nothing is left behind).
 * Cut: no file or the whole file; a file "<path>.new" may remain and is used up by the next creation.
 */
esp_err_t sim_efuse_create(const char *path, const struct chip_identity *chip) ESP_MUST_CHECK;

/**
 * Opens the file of a device. The caller closes *efuse with sim_efuse_close() and lets efuse_default point to it.
 * If the file cannot be written it is opened for reading, and burning fails.
 * @param chip  NULL, or where the silicon's identity goes
 * Errors: ESP_ERR_NOT_FOUND (no file), ESP_ERR_INVALID_SIZE (not 128 bytes), ESP_ERR_NOT_SUPPORTED (not an eFuse file, or a
 * newer format), ESP_ERR_INVALID_CRC (the chip's identity is damaged), ESP_ERR_INVALID_ARG (the chip id is not known),
 * ESP_ERR_NO_MEM, ESP_FAIL (it cannot be read). On error neither chip nor efuse is written, except *efuse = NULL.
 */
esp_err_t sim_efuse_open(const char *path, struct chip_identity *chip,
                         struct efuse **efuse) ESP_MUST_CHECK;

/** Closes; NULL is harmless. */
void sim_efuse_close(struct efuse *efuse);

/** Called before each byte that is written: where, and its new value. A power cut is an observer that ends the process. */
typedef void (*sim_efuse_observer)(void *context, uint32_t offset, uint8_t value);

/** Tells observer about every write from now on; NULL ends it. */
void sim_efuse_observe(struct efuse *efuse, sim_efuse_observer observer, void *context);

#ifdef __cplusplus
}
#endif
