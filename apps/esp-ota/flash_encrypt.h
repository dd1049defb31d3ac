/** Flash encryption as commands need it: keys from files, and bytes of any number for encrypted flash. */
#pragma once

#include "flash_encryption.h"

#define FLASH_KEY_FILE_MAX                                                                         \
    4096u // chosen: far above any key, so that a wrong file is named for its length

/** "32 or 24 bytes" and so on: what a key file of this scheme may have. */
static inline const char *flash_key_lens_text(enum flash_scheme scheme)
{
    return scheme == FLASH_SCHEME_ESP32 ? "32 bytes (or 24)" : "32 or 64 bytes (or 16)";
}

/** Writes len bytes at address, encrypted; the last block is filled up with 0xFF. @return as esp_flash_write_encrypted */
esp_err_t flash_encrypt_write(esp_flash_t *flash, uint32_t address, const uint8_t *bytes,
                              uint32_t len) ESP_MUST_CHECK;
