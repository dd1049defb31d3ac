/**
 * Makes delta patches. Host only: needs memory of about 20 times the images.
 *
 * Everything is in memory: two whole files in, one patch out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct delta_file {
    const uint8_t *bytes;
    size_t len;
};

/**
 * Makes a patch of Espressif's kind (container, detools sequential, heatshrink) that esp_delta_ota of ESP-IDF applies too.
 * @param base_digest  32 bytes: what the device will find as the SHA-256 of its running image
 * @param[out] patch   patch_len bytes, freed by the caller
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: a file of 64 MiB or more; ESP_ERR_NO_MEM
 */
ESP_MUST_CHECK esp_err_t delta_encode_legacy(const struct delta_file *old_file,
                                             const struct delta_file *new_file,
                                             const uint8_t base_digest[32], uint8_t **patch,
                                             size_t *patch_len);

#ifdef __cplusplus
}
#endif
