/** AES-256-GCM that can be continued; contracts: struct crypto_secret_ops. */
#pragma once

#include "crypto_ops.h"

struct crypto_gcm *crypto_gcm_create(void);
bool crypto_gcm_begin(struct crypto_gcm *gcm, const uint8_t key[CRYPTO_SECRET_LEN],
                      const uint8_t *iv, size_t iv_len);
bool crypto_gcm_resume(struct crypto_gcm *gcm, const uint8_t key[CRYPTO_SECRET_LEN],
                       const struct crypto_gcm_state *state);
bool crypto_gcm_decrypt(struct crypto_gcm *gcm, const uint8_t *in, uint8_t *out, size_t len);
void crypto_gcm_save(const struct crypto_gcm *gcm, struct crypto_gcm_state *state);
bool crypto_gcm_verify(struct crypto_gcm *gcm, const uint8_t tag[CRYPTO_AES_BLOCK_LEN]);
void crypto_gcm_free(struct crypto_gcm *gcm);
