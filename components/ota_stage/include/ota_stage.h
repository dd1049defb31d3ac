/**
 * The stage seam: one step between the network and flash. Bytes go in, other bytes come out: decryption, decompression, deltas.
 *
 * A stage sees its input once, in order, in pieces of any size, and owns no thread. Stages are chained by whoever pumps bytes; a
 * stage never knows its neighbours. All memory is allocated when the stage is made, none while bytes flow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Largest state that save() may need, in bytes. chosen: fits a progress record of the resume journal */
#define OTA_STAGE_STATE_MAX 256

struct ota_stage;

/** How a stage reads back what it gave in earlier calls of step. */
struct ota_stage_output {
    void *context;
    /** Reads len bytes at offset of the stage's output, all of which were given before. @return an error ends the stage */
    esp_err_t (*read)(void *context, uint32_t offset, uint8_t *out, uint32_t len);
};

struct ota_stage_ops {
    const char *name; // for log lines, e.g. "gzip"

    /**
     * Takes input and gives output, as much of both as it can.
     * @param in_len   in: bytes at in; out: bytes taken, which are not offered again
     * @param out_len  in: room at out; out: bytes written
     * When it takes nothing and gives nothing, it waits for more input (if out had room) or for more room. It never does
     * so while both input and room are there.
     * @return ESP_OK; ESP_ERR_INVALID_RESPONSE: the input is not what this stage understands, or damaged (logged);
     *         ESP_ERR_INVALID_SIZE: the output would exceed a limit; ESP_ERR_INVALID_CRC: authentication or checksum
     *         failed. After an error only destroy may be called.
     */
    esp_err_t (*step)(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len);

    /**
     * The input has ended; called when step has taken all of it. Gives output that was held back.
     * @param out_len  as in step
     * @param is_done  whether everything was given; if not, call again with more room
     * @return ESP_OK; ESP_ERR_NOT_FINISHED: the input ended too early; ESP_ERR_INVALID_CRC: as step
     */
    esp_err_t (*finish)(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done);

    /**
     * Saves what is needed to go on behind the bytes taken so far; NULL: this stage cannot be continued.
     * @param state  OTA_STAGE_STATE_MAX bytes
     * @param state_len  bytes used
     * @return ESP_OK; ESP_ERR_NOT_SUPPORTED: not at this point of the stream
     */
    esp_err_t (*save)(const struct ota_stage *stage, uint8_t *state, size_t *state_len);

    /** Continues a fresh stage from a saved state. @return ESP_OK; ESP_ERR_INVALID_ARG: not a state of this stage */
    esp_err_t (*restore)(struct ota_stage *stage, const uint8_t *state, size_t state_len);

    /** Tells the stage how to read its output back; output is copied. NULL: this stage has no use for it. */
    void (*attach)(struct ota_stage *stage, const struct ota_stage_output *output);

    /** Bytes that the stage will give in all, once its input has told; -1: not known yet. NULL: never known. */
    int64_t (*get_output_len)(const struct ota_stage *stage);

    /** Frees the stage and wipes its secrets. */
    void (*destroy)(struct ota_stage *stage);
};

/** A stage embeds this as its first member. */
struct ota_stage {
    const struct ota_stage_ops *ops;
};

#ifdef __cplusplus
}
#endif
