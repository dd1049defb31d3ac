/** Pre-encrypted images as a stage between network and flash, which allocates nothing per piece and can be continued. */
#pragma once

#include "esp_encrypted_img.h"
#include "ota_stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes a stage that decrypts one file. See esp_encrypted_img.h for what plaintext is worth before finish has succeeded.
 *
 * Errors of its step: ESP_ERR_INVALID_RESPONSE: the magic differs, the key cannot be opened, bytes behind the end;
 * ESP_ERR_INVALID_SIZE: the header announces more than max_output bytes. Of its finish: ESP_ERR_NOT_FINISHED: the file is
 * shorter than announced; ESP_ERR_INVALID_CRC: the tag differs.
 *
 * It can be saved from the end of the header (512 bytes) on, at any byte; ESP_ERR_NOT_SUPPORTED before. A state holds the
 * file's key and running hash encrypted, and is authenticated, both under a secret derived from the device's key: it may
 * lie on flash. Restoring with another device key, or a state that was changed, ends with ESP_ERR_INVALID_ARG. A state
 * does not show where in the file it belongs on its own account: the caller goes on with the byte at which it was saved.
 *
 * No allocation while bytes flow, but for what the crypto port needs for a moment to open the header's key.
 *
 * @param key         as esp_decrypt_cfg_t.private_key
 * @param max_output  limit of the plaintext in bytes, usually the size of the slot
 * @param[out] stage  freed with stage->ops->destroy(), which wipes it; NULL after an error
 * @return ESP_OK; ESP_ERR_INVALID_ARG: not a usable key (logged); ESP_ERR_NO_MEM
 */
ESP_MUST_CHECK esp_err_t esp_encrypted_img_stage_create(const void *key, size_t key_len,
                                                        uint64_t max_output,
                                                        struct ota_stage **stage);

#ifdef __cplusplus
}
#endif
