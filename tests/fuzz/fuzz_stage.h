/** What the harnesses of the stages have in common. */
#pragma once

#include "ota_stage.h"

#define FUZZ_STAGE_LIMIT 20000 // of the output

/** The end of a run: its verdict, and the output so far. */
struct fuzz_stage_run {
    esp_err_t err;
    size_t len;
    uint8_t out[FUZZ_STAGE_LIMIT + 1];
};

/**
 * Runs a fresh stage over data in pieces of at most most bytes (0: whole) and destroys it. Checks the contract of the seam:
 * progress, known errors, nothing beyond the limit.
 */
void fuzz_stage_run(struct ota_stage *stage, const uint8_t *data, size_t size, uint32_t most,
                    struct fuzz_stage_run *run);

/** Checks that two runs over the same data came to the same end. */
void fuzz_stage_compare(const struct fuzz_stage_run *a, const struct fuzz_stage_run *b);
