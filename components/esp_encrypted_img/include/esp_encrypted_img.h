/**
 * Espressif's pre-encrypted images: decrypts a download on its way to flash.
 *
 * A file is a header of 512 bytes and AES-256-GCM ciphertext. The header brings the AES key, either encrypted for an RSA-3072
 * key or agreed with a P-256 key (ECIES). Names and signatures as in Espressif's component esp_encrypted_img 2.x.
 *
 * Plaintext comes out before the tag is checked, as the tag stands for the whole file: nothing that came out may be
 * trusted, let alone booted, before esp_encrypted_img_decrypt_end() has returned ESP_OK. The tag shows that the file is as
 * its sender made it, not who that was: whoever has the public key can be the sender. Only an image signature does that.
 *
 * A handle is used by one thread at a time. Keys and plaintext are never logged; keys are wiped with the handle.
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

typedef void *esp_decrypt_handle_t;

/**
 * The key that opens headers; the scheme follows from it:
 *   RSA-3072 private key in PEM or DER         RSA
 *   P-256 private key in PEM or DER            ECIES, the key as it is
 *   exactly 32 bytes                           ECIES, the device's HMAC key, from which the P-256 key is derived
 * PEM may include a terminating zero. Keys with a pass phrase are refused.
 * differs: Espressif's component is built for one scheme and one form of key.
 */
typedef struct {
    union {
        const char *rsa_priv_key; // need not outlive esp_encrypted_img_decrypt_start()
        const char *rsa_pub_key;  // an older name of the same
        const char *private_key;  // ours, for any of the keys above
    };
    union {
        size_t rsa_priv_key_len; // bytes
        size_t rsa_pub_key_len;
        size_t private_key_len;
    };
    int hmac_key_id; // differs: not used, there are no HMAC keys in our eFuses; give the key itself
} esp_decrypt_cfg_t;

typedef struct {
    const char *data_in; // data_in_len bytes of the file, in order, cut anywhere
    size_t data_in_len;
    char *data_out; // in: NULL or memory from malloc(), which is reused; out: see data_out_len
    size_t
        data_out_len; // out: bytes of plaintext; if above 0, data_out is to be freed by the caller
} pre_enc_decrypt_arg_t;

/**
 * Begins a file.
 * @return NULL: no configuration, no usable key (logged), out of memory
 */
esp_decrypt_handle_t esp_encrypted_img_decrypt_start(const esp_decrypt_cfg_t *cfg);

/**
 * Takes the next bytes of the file and gives their plaintext, all of it, in memory from realloc().
 * With data_out_len 0 data_out is left as it was. After ESP_FAIL nothing but end and abort works.
 *
 * @return ESP_OK: the file is complete; ESP_ERR_NOT_FINISHED: more is to come; ESP_ERR_INVALID_ARG: a NULL;
 *         ESP_ERR_NO_MEM; ESP_FAIL: not such a file, its key cannot be opened with ours, or longer than its header says
 */
ESP_MUST_CHECK esp_err_t esp_encrypted_img_decrypt_data(esp_decrypt_handle_t ctx,
                                                        pre_enc_decrypt_arg_t *args);

/**
 * Checks the tag and frees the handle, on every path but the NULL.
 * @return ESP_OK: the file is complete and authentic; ESP_FAIL: it is not, or decrypting has failed before;
 *         ESP_ERR_INVALID_ARG: ctx is NULL
 */
ESP_MUST_CHECK esp_err_t esp_encrypted_img_decrypt_end(esp_decrypt_handle_t ctx);

/** Whether as many bytes have come as the header announced. false for NULL. */
bool esp_encrypted_img_is_complete_data_received(esp_decrypt_handle_t ctx);

/** Gives up and frees the handle. @return ESP_OK; ESP_ERR_INVALID_ARG: ctx is NULL */
esp_err_t esp_encrypted_img_decrypt_abort(esp_decrypt_handle_t ctx);

/** Bytes before the ciphertext: 512 for both schemes. */
uint16_t esp_encrypted_img_get_header_size(void);

/**
 * Gives the public half of the handle's key, with which files for this device are encrypted.
 * @param[out] pub_key      SubjectPublicKeyInfo in DER, from malloc(), to be freed by the caller
 * @param[out] pub_key_len  bytes
 * @return ESP_OK; ESP_ERR_INVALID_ARG: a NULL; ESP_ERR_NO_MEM; ESP_FAIL: the crypto library failed
 */
ESP_MUST_CHECK esp_err_t esp_encrypted_img_export_public_key(esp_decrypt_handle_t ctx,
                                                             uint8_t **pub_key,
                                                             size_t *pub_key_len);

#ifdef __cplusplus
}
#endif
