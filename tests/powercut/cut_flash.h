/** Flash that outlives the process that writes it, and a power cut at any of its operations. */
#pragma once

#include <stdbool.h>

#include "flash_encryption.h"

#define CUT_FLASH_SIZE 0x50000u
#define CUT_EXIT       42 // exit code of a life that was cut

/** How much of the operation happens before the power is gone. */
enum cut_variant {
    CUT_BEFORE, // nothing
    CUT_PREFIX, // its first bytes
    CUT_SUFFIX, // its last bytes
    CUT_BYTES,  // some bytes
    CUT_BITS,   // some bits
    CUT_VARIANT_COUNT,
};

extern const char *const CUT_VARIANT_NAMES[CUT_VARIANT_COUNT];

/** What the lives of a device share. */
struct cut_plan {
    unsigned operations; // so far, over all lives
    unsigned cut_at;     // the operation that is cut; 0: none
    enum cut_variant variant;
    uint32_t seed;
    bool is_survived; // the process lives on, and every operation from the cut on fails
    bool is_off;      // set by such a cut
    char last[64];    // the latest operation, for reports
};

/** Opens the flash as the main chip, erased, in memory that children share. plan: shared as well. */
esp_err_t cut_flash_open(struct cut_plan *plan) ESP_MUST_CHECK;

/** Its bytes, as they stand on flash. */
uint8_t *cut_flash_bytes(void);

/** Switches flash encryption on, with a key of this length. */
esp_err_t cut_flash_encrypt(enum flash_scheme scheme, uint32_t key_len) ESP_MUST_CHECK;
