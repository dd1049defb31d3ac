/**
 * Flash as the bootloader sees it, for the tests that ESP-IDF writes against it. All on the main chip.
 *
 * fact: names and contracts as in ESP-IDF, bootloader_support: bootloader_flash_priv.h. Nothing is encrypted or decrypted.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef FLASH_SECTOR_SIZE
#define FLASH_SECTOR_SIZE 4096u
#endif

/** Pointer to size bytes at src_addr, following later writes; NULL: outside the chip, or it cannot be mapped. */
const void *bootloader_mmap(uint32_t src_addr, uint32_t size);

/** Nothing to do. */
void bootloader_munmap(const void *mapping);

/** As esp_flash_read() and esp_flash_write(); the last argument is without effect. */
esp_err_t bootloader_flash_read(size_t src_addr, void *dest, size_t size,
                                bool allow_decrypt) ESP_MUST_CHECK;
esp_err_t bootloader_flash_write(size_t dest_addr, void *src, size_t size,
                                 bool write_encrypted) ESP_MUST_CHECK;

/** Erases a sector by its number, or sectors by address. Errors: those of esp_flash_erase_region(). */
esp_err_t bootloader_flash_erase_sector(size_t sector) ESP_MUST_CHECK;
esp_err_t bootloader_flash_erase_range(uint32_t start_addr, uint32_t size) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
