/** Signs images in tests: fresh keys of every scheme, and the sectors and trailers that tools would append. */
#pragma once

#include "signature_verify.h"

struct signer;

/** Makes a new key. RSA keys take a moment to find: prefer ECDSA where the scheme does not matter. */
struct signer *signer_create(enum signature_scheme scheme);
void signer_free(struct signer *signer);

/** The key digest as a device knows it; of a v1 key, nothing. */
void signer_key_digest(const struct signer *signer, uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/** X and Y of an ECDSA key. */
void signer_public_key(const struct signer *signer, uint8_t key[SIGNATURE_V1_KEY_LEN]);

/**
 * Signs the first len bytes with up to three keys of one scheme and puts the signature behind them.
 * @param bytes  room for another 8192 bytes behind len
 * @return the length with the signature
 */
uint32_t signer_append(struct signer *const *signers, uint32_t count, uint8_t *bytes, uint32_t len);
