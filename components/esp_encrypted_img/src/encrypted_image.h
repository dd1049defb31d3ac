/**
 * One pre-encrypted file under way: the header is collected, then every byte of ciphertext is one of plaintext.
 * Both faces of the component, the public functions and the stage, are thin around this.
 */
#pragma once

#include <stdbool.h>

#include "crypto_ops.h"
#include "esp_compiler.h"
#include "esp_err.h"

// fact: esp_encrypted_img 2.7, layout of the header
#define ENCRYPTED_HEADER_LEN 512
#define ENCRYPTED_MAGIC_LEN  4
#define ENCRYPTED_KEY_OFFSET 4
#define ENCRYPTED_KEY_LEN    384
#define ENCRYPTED_IV_OFFSET  388
#define ENCRYPTED_IV_LEN     16
#define ENCRYPTED_LEN_OFFSET 404
#define ENCRYPTED_TAG_OFFSET 408
#define ENCRYPTED_TAG_LEN    CRYPTO_AES_BLOCK_LEN

struct encrypted_image {
    struct crypto_key *device_key;
    struct crypto_gcm *gcm;
    uint64_t max_output;
    uint8_t header[ENCRYPTED_HEADER_LEN];
    size_t header_len;                        // so many bytes of it are there
    uint8_t header_digest[CRYPTO_SHA256_LEN]; // from here on: valid when the header is complete
    uint8_t tag[ENCRYPTED_TAG_LEN];
    uint8_t content_key[CRYPTO_SECRET_LEN];
    uint32_t len;      // of the ciphertext, which is that of the plaintext
    uint32_t position; // bytes of it so far
    bool has_failed;
};

/**
 * Begins a file. @param key  see esp_decrypt_cfg_t
 * @return ESP_OK; ESP_ERR_INVALID_ARG: not a usable key (logged); ESP_ERR_NO_MEM. After an error nothing is held.
 */
ESP_MUST_CHECK esp_err_t encrypted_image_init(struct encrypted_image *image, const void *key,
                                              size_t key_len, uint64_t max_output);

/** As ota_stage_ops.step; errors as listed at esp_encrypted_img_stage_create(). */
ESP_MUST_CHECK esp_err_t encrypted_image_decrypt(struct encrypted_image *image, const uint8_t *in,
                                                 size_t *in_len, uint8_t *out, size_t *out_len);

/** Whether header and ciphertext are there, and nothing has failed. */
bool encrypted_image_is_complete(const struct encrypted_image *image);

/** @return ESP_OK: complete and authentic; ESP_ERR_NOT_FINISHED; ESP_ERR_INVALID_CRC: the tag differs */
ESP_MUST_CHECK esp_err_t encrypted_image_verify(struct encrypted_image *image);

/** As ota_stage_ops.save and .restore. */
ESP_MUST_CHECK esp_err_t encrypted_image_save(const struct encrypted_image *image, uint8_t *state,
                                              size_t *state_len);
ESP_MUST_CHECK esp_err_t encrypted_image_restore(struct encrypted_image *image,
                                                 const uint8_t *state, size_t state_len);

/** Wipes everything. */
void encrypted_image_deinit(struct encrypted_image *image);
