#include "mbedtls/sha256.h"

#include <string.h>

void mbedtls_sha256_init(mbedtls_sha256_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_sha256_free(mbedtls_sha256_context *ctx)
{
    if (ctx) {
        memset(ctx, 0, sizeof(*ctx));
    }
}

void mbedtls_sha256_clone(mbedtls_sha256_context *dst, const mbedtls_sha256_context *src)
{
    *dst = *src;
}

int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224)
{
    if (is224 != 0) {
        return MBEDTLS_ERR_SHA256_BAD_INPUT_DATA;
    }
    esp_crypto.sha256_begin(&ctx->hash);
    return 0;
}

int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input, size_t ilen)
{
    esp_crypto.sha256_write(&ctx->hash, input, ilen);
    return 0;
}

int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output)
{
    esp_crypto.sha256_end(&ctx->hash, output);
    return 0;
}

int mbedtls_sha256(const unsigned char *input, size_t ilen, unsigned char *output, int is224)
{
    mbedtls_sha256_context ctx;
    int rc = mbedtls_sha256_starts(&ctx, is224);
    if (rc == 0) {
        rc = mbedtls_sha256_update(&ctx, input, ilen);
    }
    return rc == 0 ? mbedtls_sha256_finish(&ctx, output) : rc;
}
