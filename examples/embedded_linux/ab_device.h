/**
 * An A/B device of three files or block devices: a small one for the state, and one for each slot. They make one flash chip for
 * the stack: the state's 64 KiB first, then slot A, then slot B.
 *
 *   0x8000   partition table      0x9000   otadata (two sectors)
 *   0x10000  slot A = ota_0       behind it slot B = ota_1
 */
#pragma once

#include <stdbool.h>

#include "boot_select.h"
#include "flash_ops.h"

struct ab_paths {
    const char *state;   // at least 64 KiB; more is not used
    const char *slot[2]; // of any size from 64 KiB; what exceeds a multiple of 64 KiB is not used
};

struct ab_device {
    esp_flash_t chip; // must be first: the driver is found by casting
    int fd[3];
    uint32_t start[4]; // of each file in the chip, and the end
    struct boot_slots slots;
};

/** Opens the files and makes them the main flash chip of this process. Says what is wrong. Call it once, before anything else. */
bool ab_device_open(const struct ab_paths *paths, struct ab_device *out);

/** Writes the partition table and forgets which slot boots; the slots are not touched. */
bool ab_device_format(struct ab_device *device);

/** Reads the table that ab_device_format() wrote. */
bool ab_device_load(struct ab_device *device);

/** Tells the stack which application runs: the start of its slot in the chip, or BOOT_APP_ADDRESS_NONE. */
void ab_device_hand_over(uint32_t app_address, bool rollback);
