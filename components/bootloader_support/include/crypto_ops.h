/**
 * The crypto seam: hashes now, signatures and ciphers later. Exactly one port defines `esp_crypto`;
 * which one is chosen by the build. State lives in the caller's memory, so no call needs a heap or can fail.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CRYPTO_SHA256_LEN 32
#define CRYPTO_MD5_LEN    16

/** A running hash. Plain memory: may be copied to fork the hash, needs no clean-up. */
struct crypto_hash {
    uint64_t state
        [16]; // chosen: 128 bytes hold the state of any implementation known to us (OpenSSL: 112)
};

struct crypto_ops {
    void (*sha256_begin)(struct crypto_hash *hash);
    void (*sha256_write)(struct crypto_hash *hash, const void *data, size_t len);
    void (*sha256_end)(struct crypto_hash *hash, uint8_t digest[CRYPTO_SHA256_LEN]);
    void (*md5)(const void *data, size_t len, uint8_t digest[CRYPTO_MD5_LEN]);
};

extern const struct crypto_ops esp_crypto;

#ifdef __cplusplus
}
#endif
