/** Deterministic ECDSA. OpenSSL 3.0 has none of its own; from 3.2 on there is a parameter for it. */
#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "esp_err.h"

/**
 * Signs a digest with the nonce of RFC 6979, HMAC with SHA-256 or, for a digest of 48 bytes, SHA-384.
 * @param pkey  a private key on a prime curve whose order is at most 48 bytes long, held in memory
 * @param r, s  where the numbers go
 * @return false: not such a key, or no memory
 */
bool ecdsa_sign_deterministic(const EVP_PKEY *pkey, const uint8_t *digest, size_t len, BIGNUM *r,
                              BIGNUM *s);
