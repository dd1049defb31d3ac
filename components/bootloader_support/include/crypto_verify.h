/**
 * The crypto seam for signatures: what it takes to check one. Exactly one port defines esp_crypto_verify.
 *
 * Numbers are big-endian, as the standards write them. No function logs. A function that returns bool says true only
 * for a signature that verifies; everything else, lack of memory included, is false.
 */
#pragma once

#include "crypto_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CRYPTO_SHA384_LEN    48
#define CRYPTO_EC_NUMBER_MAX 48 // one coordinate, r or s of the widest curve

/** Curves; the values stand in signature blocks. */
enum crypto_curve {
    CRYPTO_CURVE_P192 = 1, // numbers of 24 bytes
    CRYPTO_CURVE_P256 = 2, // 32
    CRYPTO_CURVE_P384 = 3, // 48
};

/** A running SHA-384. Plain memory, as struct crypto_hash. */
struct crypto_hash384 {
    uint64_t state[28]; // chosen: OpenSSL needs 216 bytes
};

struct crypto_verify_ops {
    void (*sha384_begin)(struct crypto_hash384 *hash);
    void (*sha384_write)(struct crypto_hash384 *hash, const void *data, size_t len);
    void (*sha384_end)(struct crypto_hash384 *hash, uint8_t digest[CRYPTO_SHA384_LEN]);

    /** RSASSA-PSS over a SHA-256 digest: MGF1 with SHA-256, salt of exactly 32 bytes. @param n  modulus of 3072 bits */
    bool (*rsa3072_pss_verify)(const uint8_t n[CRYPTO_RSA3072_LEN], uint32_t e,
                               const uint8_t digest[CRYPTO_SHA256_LEN],
                               const uint8_t signature[CRYPTO_RSA3072_LEN]);

    /**
     * ECDSA. Refuses r and s outside 1 .. n-1, and points that are not on the curve.
     * @param x, y, r, s  as many bytes as the curve's numbers have
     * @param len         of the digest; of a longer one the leftmost bits count, as the standard says
     */
    bool (*ecdsa_verify)(enum crypto_curve curve, const uint8_t *x, const uint8_t *y,
                         const uint8_t *digest, size_t len, const uint8_t *r, const uint8_t *s);
};

extern const struct crypto_verify_ops esp_crypto_verify;

#ifdef __cplusplus
}
#endif
