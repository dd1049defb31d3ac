// Decoder of detools' sequential patches compressed with heatshrink, the only kind that Espressif's component applies.
//
// Two machines, one behind the other: heatshrink gives one byte at a time, the patch reader takes it. A patch is a list of
// groups: so many bytes that are base byte + difference, so many new bytes, then a step in the base.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#define LEGACY_WINDOW_LEN     256  // fact: 2^8, the window that Espressif's component is built for
#define LEGACY_PARAMETERS     0x44 // fact: window 2^8, lookahead 2^7
#define LEGACY_BASE_UNLIMITED UINT32_MAX

/** Reads from the base image. */
typedef esp_err_t (*legacy_read_base)(void *context, uint32_t offset, uint8_t *out, size_t len);

enum legacy_phase {
    LEGACY_KIND,        // the byte with type and compression
    LEGACY_TARGET_SIZE, // before the compressed part
    LEGACY_PARAMETER,   // the first byte of the compressed part
    LEGACY_FORMAT,      // from here on: decompressed
    LEGACY_DIFF_SIZE,
    LEGACY_DIFF,
    LEGACY_EXTRA_SIZE,
    LEGACY_EXTRA,
    LEGACY_ADJUSTMENT,
    LEGACY_DONE,
};

struct legacy_number {
    uint32_t value;
    unsigned shift; // 0: no byte yet
    bool is_negative;
};

struct legacy_patch {
    enum legacy_phase phase;
    legacy_read_base read_base;
    void *context;
    uint32_t base_len;
    uint32_t target_max;
    uint32_t target_len;
    uint32_t produced;
    uint32_t base_at;
    uint32_t left; // bytes of the current diff or extra part
    struct legacy_number number;

    // heatshrink
    uint32_t bits; // the lowest bit_count of them wait
    unsigned bit_count;
    unsigned copy_left;
    unsigned copy_distance;
    uint8_t window[LEGACY_WINDOW_LEN]; // the last bytes that came out, ring
    uint8_t window_at;

    // base bytes read ahead
    uint8_t base[64];
    uint32_t base_cached_at;
    uint32_t base_cached;
};

// Begins a patch. base_len: of the base image, LEGACY_BASE_UNLIMITED: read_base knows; target_max: limit of the new image.
void legacy_patch_init(struct legacy_patch *patch, legacy_read_base read_base, void *context,
                       uint32_t base_len, uint32_t target_max);

// As ota_stage_ops.step. Behind the end of the patch it takes everything and gives nothing.
// ESP_ERR_NOT_SUPPORTED: another kind of patch (logged); ESP_ERR_INVALID_RESPONSE: damaged (logged); ESP_ERR_INVALID_SIZE:
// the target is larger than target_max; or the error of read_base.
esp_err_t legacy_patch_step(struct legacy_patch *patch, const uint8_t *in, size_t *in_len,
                            uint8_t *out, size_t *out_len) ESP_MUST_CHECK;

static inline bool legacy_patch_is_complete(const struct legacy_patch *patch)
{
    return patch->phase == LEGACY_DONE;
}
