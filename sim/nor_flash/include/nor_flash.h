/**
 * A NOR chip backed by a plain file that is exactly the device's flash, byte for byte as a flash reader would dump it.
 *
 * Stricter than hardware: programming only clears bits, and a call that would have to raise one, leave the chip or
 * erase off a unit boundary is refused and changes nothing. The file is mapped into memory and locked while open,
 * so that two devices never share one flash.
 */
#pragma once

#include "flash_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What one operation did, for observers: tests, traces, counters. */
enum nor_flash_op {
    NOR_FLASH_PROGRAM,
    NOR_FLASH_ERASE,
    NOR_FLASH_SYNC,
};

/** Called before each operation that changes the chip; len is 0 for NOR_FLASH_SYNC. */
typedef void (*nor_flash_observer)(void *context, enum nor_flash_op op, uint32_t address,
                                   uint32_t len);

struct nor_flash_stats {
    uint64_t programmed_bytes;
    uint64_t erased_bytes;
    uint32_t program_count;
    uint32_t erase_count;
    uint32_t sync_count;
};

/**
 * Creates a flash file of size bytes, erased (all 0xFF). Refuses to overwrite an existing file.
 * @param size  1 sector to 2 GiB, a multiple of 4096
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: size; ESP_ERR_INVALID_STATE: the file exists;
 *         ESP_ERR_FLASH_OP_FAIL: it could not be created or written in full (nothing is left behind)
 */
esp_err_t nor_flash_create(const char *path, uint32_t size) ESP_MUST_CHECK;

/**
 * Opens a flash file. The caller closes *out_chip with nor_flash_close().
 * @param read_only  map without write access; program and erase then answer ESP_ERR_NOT_ALLOWED
 * @return ESP_OK; ESP_ERR_NOT_FOUND: no such file; ESP_ERR_INVALID_SIZE: empty, over 2 GiB or not a multiple of 4096;
 *         ESP_ERR_INVALID_STATE: another process has it open; ESP_ERR_NOT_ALLOWED: not readable or writable;
 *         ESP_ERR_FLASH_OP_FAIL: mapping failed; ESP_ERR_NO_MEM
 */
esp_err_t nor_flash_open(const char *path, bool read_only, esp_flash_t **out_chip) ESP_MUST_CHECK;

/**
 * Opens a flash file that is open already, as nor_flash_descriptor() of another process gave it. The lock belongs to
 * the open file, so it passes on without a gap. fd stays the caller's.
 * @param name  of the file, for messages
 * @return as nor_flash_open(); ESP_ERR_FLASH_OP_FAIL also when fd is not open
 */
esp_err_t nor_flash_open_descriptor(int fd, const char *name, bool read_only,
                                    esp_flash_t **out_chip) ESP_MUST_CHECK;

/** Descriptor of the open flash file, valid as long as the chip is; -1: the chip has no file. */
int nor_flash_descriptor(const esp_flash_t *chip);

/** Opens an erased chip without a file, for tests. @return ESP_OK, ESP_ERR_INVALID_SIZE, ESP_ERR_NO_MEM */
esp_err_t nor_flash_open_in_memory(uint32_t size, esp_flash_t **out_chip) ESP_MUST_CHECK;

/** Closes a chip; NULL is harmless. What was not synced is written by the system in its own time. */
void nor_flash_close(esp_flash_t *chip);

/** Tells observer about every operation from now on; NULL ends it. */
void nor_flash_observe(esp_flash_t *chip, nor_flash_observer observer, void *context);

/** What was done since the chip was opened. */
struct nor_flash_stats nor_flash_get_stats(const esp_flash_t *chip);

#ifdef __cplusplus
}
#endif
