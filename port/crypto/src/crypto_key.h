/** Private keys through OpenSSL; contracts: struct crypto_secret_ops. */
#pragma once

#include "crypto_ops.h"

struct crypto_key *crypto_key_load(const void *bytes, size_t len);
struct crypto_key *crypto_key_from_scalar(const uint8_t scalar[CRYPTO_SECRET_LEN]);
enum crypto_key_kind crypto_key_kind(const struct crypto_key *key);
void crypto_key_free(struct crypto_key *key);
bool crypto_key_public(const struct crypto_key *key, uint8_t *der, size_t *len);
bool crypto_key_derive(const struct crypto_key *key, const char *tag,
                       uint8_t secret[CRYPTO_SECRET_LEN]);
bool crypto_key_rsa_open(const struct crypto_key *key, const uint8_t sealed[CRYPTO_RSA3072_LEN],
                         uint8_t secret[CRYPTO_SECRET_LEN]);
bool crypto_key_ecdh(const struct crypto_key *key, const uint8_t point[CRYPTO_P256_POINT_LEN],
                     uint8_t secret[CRYPTO_SECRET_LEN]);
