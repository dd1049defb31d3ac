/**
 * Makes delta patches. Host only: takes memory of some thirty times the images.
 *
 * Everything is in memory: two whole files in, one patch out. No state is kept between calls.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_delta_patch.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DELTA_FILE_MAX (64u * 1024 * 1024) // chosen: four times the largest image of most chips

struct delta_file {
    const uint8_t *bytes;
    size_t len;
};

/** Where the bytes of a patch go. All figures in bytes. */
struct delta_account {
    double map;
    double operations; // what is copied from where
    double literals;
    double corrections; // in copies
    double streams;     // tokens and codes of compressed pages
    uint32_t operation_count;
    uint32_t literal_count;
};

/**
 * Makes a patch of our kind. Several settings are tried; the smallest result is decoded again and compared.
 * @param ram_class    what the device may spend; fewer bytes make larger patches
 * @param[out] patch   patch_len bytes, freed by the caller
 * @param[out] account NULL: not wanted
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: a file of 64 MiB or more; ESP_ERR_NO_MEM; ESP_FAIL: the patch did not make the new
 *         file (a mistake in the encoder)
 */
ESP_MUST_CHECK esp_err_t delta_encode(const struct delta_file *old_file,
                                      const struct delta_file *new_file,
                                      enum esp_delta_class ram_class, uint8_t **patch,
                                      size_t *patch_len, struct delta_account *account);

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

/**
 * Applies a patch of either kind, through the stage that a device uses.
 * @param base_digest     32 bytes, as delta_encode_legacy(); NULL: legacy patches are refused with ESP_ERR_NOT_SUPPORTED
 * @param[out] new_bytes  new_len bytes, freed by the caller
 * @return ESP_OK; ESP_ERR_NO_MEM; or what the steps of esp_delta_stage_create() say
 */
ESP_MUST_CHECK esp_err_t delta_apply(const struct delta_file *old_file, const uint8_t *base_digest,
                                     const uint8_t *patch, size_t patch_len, uint8_t **new_bytes,
                                     size_t *new_len);

#ifdef __cplusplus
}
#endif
