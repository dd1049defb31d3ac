/** Runs a stage over bytes in pieces; for tests. */
#pragma once

#include "ota_stage.h"

struct stage_result {
    esp_err_t err; // of the call that ended the run
    bool is_done;
    size_t len; // of the output, also before an error
};

/**
 * Runs the stage to its end and destroys it. Checks the contract of step on the way and aborts when it is broken.
 * @param seed  of the sizes of the pieces, up to most bytes each; most 0: everything at once
 * @param out   capacity bytes
 */
struct stage_result stage_run(struct ota_stage *stage, const uint8_t *in, size_t in_len,
                              uint8_t *out, size_t capacity, uint32_t seed, uint32_t most);
