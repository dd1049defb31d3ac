// AES on single blocks; the contracts are in crypto_ops.h.
#pragma once

#include "crypto_ops.h"

struct crypto_aes *crypto_aes_create(void);
bool crypto_aes_set_key(struct crypto_aes *aes, const uint8_t *key, size_t key_len, bool encrypts);
bool crypto_aes_blocks(struct crypto_aes *aes, const uint8_t *in, uint8_t *out, size_t len);
void crypto_aes_free(struct crypto_aes *aes);
