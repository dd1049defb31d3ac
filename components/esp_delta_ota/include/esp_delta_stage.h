/** Delta patches as a stage between network and flash: a patch goes in, the new image comes out. */
#pragma once

#include "esp_delta_patch.h"
#include "ota_stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The old image, usually what runs. */
struct esp_delta_base {
    void *context;
    uint32_t size; // bytes that can be read: the partition
    /** Reads len bytes at offset; all of them are below size. @return anything but ESP_OK ends the patch */
    esp_err_t (*read)(void *context, uint32_t offset, uint8_t *out, uint32_t len);
    /** The SHA-256 that legacy patches name: the one appended to the image, else of all of it. NULL: no legacy patches. */
    esp_err_t (*get_digest)(void *context, uint8_t digest[32]);
};

/**
 * Makes a stage that applies one patch, of our kind or Espressif's (with its 64-byte container).
 *
 * Before the first byte comes out the base has been held against the digest in the patch, and sizes against their limits.
 * Copies may come from the new image itself: ota_stage_ops.attach must have told how to read it back before the first
 * step, or patches with such copies end with ESP_ERR_INVALID_STATE.
 *
 * Has no state to be continued from (save is NULL): applying the patch again from the start gives the same bytes.
 *
 * Errors of its step: ESP_ERR_INVALID_RESPONSE: not such a patch, damaged; ESP_ERR_INVALID_VERSION: made for another base,
 * or for a later decoder; ESP_ERR_INVALID_SIZE: the new image exceeds max_output; ESP_ERR_NO_MEM: it needs more than
 * memory_max (logged); ESP_ERR_INVALID_CRC: the image that came out is not the announced one; or what base->read said. Of its
 * finish: ESP_ERR_NOT_FINISHED: the patch ends too early.
 *
 * @param base        copied; its context is borrowed
 * @param memory_max  bytes of memory for decoding, esp_delta_class_memory() of the largest class wanted; allocated here
 * @param max_output  limit of the new image in bytes, usually the size of the slot
 * @param[out] stage  freed with stage->ops->destroy(); NULL after an error
 * @return ESP_OK; ESP_ERR_NO_MEM
 */
ESP_MUST_CHECK esp_err_t esp_delta_stage_create(const struct esp_delta_base *base,
                                                size_t memory_max, uint64_t max_output,
                                                struct ota_stage **stage);

#ifdef __cplusplus
}
#endif
