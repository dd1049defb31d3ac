/**
 * The two schemes of flash encryption, on top of the AES of the crypto seam. The formulas are in SPEC.md "Flash encryption".
 *
 * Which device is encrypted, and where its key comes from, is not decided here: who powers the device on sets up a
 * struct flash_encryption and lets esp_flash_t.cipher point to it. No heap but what the port takes in init.
 */
#pragma once

#include "crypto_ops.h"
#include "esp_app_format.h"
#include "flash_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum flash_scheme {
    FLASH_SCHEME_ESP32, // AES-256, a key for every 32 bytes
    FLASH_SCHEME_XTS,   // XTS-AES-128 or -256, all chips but ESP32
};

#define FLASH_KEY_LEN_MAX 64u
#define FLASH_CRYPT_CONFIG_DEFAULT                                                                 \
    0xFu // fact: what ESP-IDF and espsecure use: all ranges of the key are tweaked

/** The caller's memory; must stay where it is between init and deinit. Fields are private. */
struct flash_encryption {
    struct flash_cipher base; // first, so that the two pointers convert
    uint8_t key[FLASH_KEY_LEN_MAX];
    uint32_t key_len;
    uint32_t crypt_config;
    struct crypto_aes *data;
    struct crypto_aes *tweak; // XTS only
};

/** The scheme a chip has. */
enum flash_scheme flash_encryption_scheme_of(esp_chip_id_t chip_id);

/** "XTS-AES-128" and so on, for a valid key length; "no scheme" for others. Never NULL. */
const char *flash_encryption_name(enum flash_scheme scheme, size_t key_len);

/**
 * Takes a key in the byte order of espsecure's key files: ESP32: 32 bytes, or 24 (3/4 coding); XTS: 32 bytes (AES-128),
 * 64 (AES-256), or 16, from which the 32 are derived. The key is copied.
 * @param crypt_config  FLASH_CRYPT_CONFIG, 0 .. 15; ESP32 only
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: no such key length; ESP_ERR_INVALID_ARG: crypt_config; ESP_ERR_NO_MEM;
 *         ESP_FAIL: the cryptographic library failed. On failure nothing is held.
 */
esp_err_t flash_encryption_init(struct flash_encryption *encryption, enum flash_scheme scheme,
                                const uint8_t *key, size_t key_len,
                                uint32_t crypt_config) ESP_MUST_CHECK;

/** Wipes the key and gives back what the port holds. Harmless after a failed init, or twice. */
void flash_encryption_deinit(struct flash_encryption *encryption);

#ifdef __cplusplus
}
#endif
