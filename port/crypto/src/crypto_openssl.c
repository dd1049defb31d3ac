// Hashes through OpenSSL's libcrypto.
//
// chosen: the SHA256_* and MD5_* calls, although OpenSSL 3 prefers EVP: they keep their state in the caller's memory and
// cannot fail, which is what the seam promises. They run the same optimised code.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto_ops.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct crypto_hash), "the hash state must fit");

static void sha256_begin(struct crypto_hash *hash)
{
    SHA256_Init((SHA256_CTX *)hash->state);
}

static void sha256_write(struct crypto_hash *hash, const void *data, size_t len)
{
    SHA256_Update((SHA256_CTX *)hash->state, data, len);
}

static void sha256_end(struct crypto_hash *hash, uint8_t digest[CRYPTO_SHA256_LEN])
{
    SHA256_Final(digest, (SHA256_CTX *)hash->state);
}

static void md5(const void *data, size_t len, uint8_t digest[CRYPTO_MD5_LEN])
{
    MD5_CTX context;
    MD5_Init(&context);
    MD5_Update(&context, data, len);
    MD5_Final(digest, &context);
}

const struct crypto_ops esp_crypto = {
    .sha256_begin = sha256_begin,
    .sha256_write = sha256_write,
    .sha256_end = sha256_end,
    .md5 = md5,
};
