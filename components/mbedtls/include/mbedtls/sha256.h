/**
 * SHA-256 under the names of mbedTLS, over the crypto seam. The rest of mbedTLS is not here.
 *
 * fact: names and results as in mbedTLS 3 (and of mbedTLS 2, _ret). SHA-224 is refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MBEDTLS_ERR_SHA256_BAD_INPUT_DATA (-0x0074)

/** A running hash; plain memory. */
typedef struct mbedtls_sha256_context {
    struct crypto_hash hash;
} mbedtls_sha256_context;

void mbedtls_sha256_init(mbedtls_sha256_context *ctx);
void mbedtls_sha256_free(mbedtls_sha256_context *ctx);
void mbedtls_sha256_clone(mbedtls_sha256_context *dst, const mbedtls_sha256_context *src);

/** Each: 0, or MBEDTLS_ERR_SHA256_BAD_INPUT_DATA when is224 is not 0. finish() writes 32 bytes. */
int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224);
int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input, size_t ilen);
int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output);
int mbedtls_sha256(const unsigned char *input, size_t ilen, unsigned char *output, int is224);

#define mbedtls_sha256_starts_ret(ctx, is224)          mbedtls_sha256_starts(ctx, is224)
#define mbedtls_sha256_update_ret(ctx, input, ilen)    mbedtls_sha256_update(ctx, input, ilen)
#define mbedtls_sha256_finish_ret(ctx, output)         mbedtls_sha256_finish(ctx, output)
#define mbedtls_sha256_ret(input, ilen, output, is224) mbedtls_sha256(input, ilen, output, is224)

#ifdef __cplusplus
}
#endif
