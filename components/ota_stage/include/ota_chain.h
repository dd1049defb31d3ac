/**
 * A chain of stages, pumped as one: what the first puts out, the next takes in.
 *
 * The chain owns its stages and lives in the caller's memory. It allocates nothing and starts no thread; one thread at a
 * time may use it. The result does not depend on the sizes of the pieces.
 */
#pragma once

#include "ota_stage.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OTA_CHAIN_STAGES_MAX 4

/** Room between two stages below which init refuses, in bytes. chosen: a stage may want to see a whole block at once */
#define OTA_CHAIN_LINK_MIN 16

/** Largest state that ota_chain_save() gives, in bytes. chosen: two stages of OTA_STAGE_STATE_MAX less their frames */
#define OTA_CHAIN_STATE_MAX 512

/** Bytes on their way between two stages. Private to the chain. */
struct ota_chain_link {
    uint8_t *bytes;
    size_t start; // of the bytes not yet taken
    size_t len;   // of them
};

/** Private to the chain; set up by ota_chain_init(). */
struct ota_chain {
    struct ota_stage *stages[OTA_CHAIN_STAGES_MAX];
    size_t count;
    struct ota_chain_link links[OTA_CHAIN_STAGES_MAX - 1]; // links[i] is between stages i and i + 1
    size_t link_size;
    size_t finished; // so many stages, from the first, have given everything
    esp_err_t error; // the first one; all later calls repeat it
};

/**
 * Sets up a chain.
 * @param stages  count of them, first the one that sees the input; owned by the chain when this succeeds
 * @param count   1 to OTA_CHAIN_STAGES_MAX; without stages the caller passes its bytes on himself
 * @param buffer  room for bytes between the stages, shared out evenly; unused for one stage, which may pass NULL and 0.
 *                Must outlive the chain.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: count out of range, a stage is NULL; ESP_ERR_INVALID_SIZE: less than
 *         OTA_CHAIN_LINK_MIN bytes of buffer for each pair of neighbours
 */
ESP_MUST_CHECK esp_err_t ota_chain_init(struct ota_chain *chain, struct ota_stage *const *stages,
                                        size_t count, uint8_t *buffer, size_t buffer_len);

/**
 * Takes input and gives output, as much of both as the stages can; the contract of ota_stage_ops.step.
 * Call with *in_len 0 to get output that waited for room: if fewer than *out_len bytes come out, none is left.
 * @param in_len   in: bytes at in; out: bytes taken
 * @param out_len  in: room at out; out: bytes written; of no use after an error
 * @return ESP_OK; the error of a stage (ota_stage_ops.step and .finish), also of every later call;
 *         ESP_ERR_INVALID_STATE: a stage neither takes nor gives although it could (a mistake in the stage)
 */
ESP_MUST_CHECK esp_err_t ota_chain_step(struct ota_chain *chain, const uint8_t *in, size_t *in_len,
                                        uint8_t *out, size_t *out_len);

/**
 * The input has ended, and ota_chain_step() has taken all of it. Gives output that was held back.
 * @param out_len  as in ota_chain_step()
 * @param is_done  whether everything was given and all checks at the end were passed; if not, call again with more room
 * @return as ota_chain_step(); ESP_ERR_NOT_FINISHED: the input ended too early
 */
ESP_MUST_CHECK esp_err_t ota_chain_finish(struct ota_chain *chain, uint8_t *out, size_t *out_len,
                                          bool *is_done);

/** Whether every stage can be continued at all. Some may still refuse at some points of the stream. */
bool ota_chain_can_save(const struct ota_chain *chain);

/**
 * Saves what is needed to go on behind the input taken and the output given so far.
 * @param state      OTA_CHAIN_STATE_MAX bytes
 * @param state_len  bytes used
 * @return ESP_OK; ESP_ERR_NOT_SUPPORTED: a stage cannot be continued, or not at this point, or bytes wait between two
 *         stages (step with *in_len 0 until less comes out than there is room); ESP_ERR_INVALID_SIZE: the states
 *         together are too large; ESP_ERR_INVALID_STATE: the chain has failed or is finishing
 */
ESP_MUST_CHECK esp_err_t ota_chain_save(const struct ota_chain *chain, uint8_t *state,
                                        size_t *state_len);

/**
 * Continues a fresh chain of the same stages from a saved state.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: not a state of such a chain. The chain can only be destroyed then, as some of its
 *         stages may have been restored.
 */
ESP_MUST_CHECK esp_err_t ota_chain_restore(struct ota_chain *chain, const uint8_t *state,
                                           size_t state_len);

/** Destroys the stages and wipes the bytes between them. A chain of zeros, or one destroyed already, is left alone. */
void ota_chain_destroy(struct ota_chain *chain);

#ifdef __cplusplus
}
#endif
