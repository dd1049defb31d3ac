/**
 * Flash chips as OTA applications see them.
 *
 * fact: names and contracts as in ESP-IDF, spi_flash: esp_flash.h. A chip pointer of NULL means the main chip.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_flash_t esp_flash_t;

/** The main chip. One process is one boot of one device, so there is one; NULL until the device is opened. */
extern esp_flash_t *esp_flash_default_chip;

/**
 * Size of the chip in bytes.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: out_size is NULL; ESP_ERR_FLASH_NOT_INITIALISED: no such chip
 */
esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *out_size) ESP_MUST_CHECK;

/**
 * Reads len bytes from address. Any alignment; len may be 0.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: the range leaves the chip, or buffer is NULL;
 *         ESP_ERR_FLASH_NOT_INITIALISED; ESP_ERR_FLASH_OP_FAIL: the chip reports a read error
 */
esp_err_t esp_flash_read(esp_flash_t *chip, void *buffer, uint32_t address,
                         uint32_t len) ESP_MUST_CHECK;

/**
 * Programs len bytes at address. Bits only fall: the caller erases first.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: the range leaves the chip, or buffer is NULL;
 *         ESP_ERR_INVALID_STATE: a bit would have to rise (the simulator refuses, hardware keeps the AND);
 *         ESP_ERR_FLASH_NOT_INITIALISED; ESP_ERR_FLASH_OP_FAIL: the chip reports a failure
 * Cut: any subset of the falling bits of this range has fallen; no byte outside changes.
 */
esp_err_t esp_flash_write(esp_flash_t *chip, const void *buffer, uint32_t address,
                          uint32_t len) ESP_MUST_CHECK;

/**
 * Reads and decrypts len bytes from address. Any alignment; len may be 0. Where flash is erased, decryption shows noise.
 * Without flash encryption as esp_flash_read(), as the cache of a chip does.
 * @return as esp_flash_read; ESP_ERR_NOT_SUPPORTED: not the main chip; ESP_FAIL: the cryptographic library failed
 */
esp_err_t esp_flash_read_encrypted(esp_flash_t *chip, uint32_t address, void *out_buffer,
                                   uint32_t length) ESP_MUST_CHECK;

/**
 * Encrypts and programs length bytes at address. The caller erases first; a block of 16 bytes is written once.
 * @return as esp_flash_write; ESP_ERR_INVALID_ARG: also when address is not a multiple of 16; ESP_ERR_INVALID_SIZE:
 *         length is not; ESP_ERR_NOT_SUPPORTED: not the main chip, or flash encryption is off; ESP_FAIL: the
 *         cryptographic library failed
 * Cut: as esp_flash_write; a block that was cut off decrypts to noise.
 */
esp_err_t esp_flash_write_encrypted(esp_flash_t *chip, uint32_t address, const void *buffer,
                                    uint32_t length) ESP_MUST_CHECK;

/**
 * Erases start .. start + len, in the largest units that fit (64, 32, 4 KiB).
 * @return ESP_OK; ESP_ERR_INVALID_ARG: not multiples of the sector size, or the range leaves the chip;
 *         ESP_ERR_FLASH_NOT_INITIALISED; ESP_ERR_FLASH_OP_FAIL: the chip reports a failure
 * Cut: the units before the interrupted one are erased, that one holds anything, those behind are untouched.
 */
esp_err_t esp_flash_erase_region(esp_flash_t *chip, uint32_t start, uint32_t len) ESP_MUST_CHECK;

/** Erases the whole chip. @return as esp_flash_erase_region */
esp_err_t esp_flash_erase_chip(esp_flash_t *chip) ESP_MUST_CHECK;

/**
 * Everything written so far survives a power cut from here on. A real chip has nothing to do; a file is synced.
 * Ours; called before a boot choice may count.
 * @return ESP_OK; ESP_ERR_FLASH_OP_FAIL: the medium did not take the data (disk full, I/O error)
 */
esp_err_t esp_flash_sync(esp_flash_t *chip) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
