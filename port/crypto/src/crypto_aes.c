#include "crypto_aes.h"

#include <limits.h>

#include <openssl/evp.h>

// The context is the whole state; OpenSSL wipes its key when it is freed.
static EVP_CIPHER_CTX *context_of(struct crypto_aes *aes)
{
    return (EVP_CIPHER_CTX *)aes;
}

struct crypto_aes *crypto_aes_create(void)
{
    return (struct crypto_aes *)EVP_CIPHER_CTX_new();
}

bool crypto_aes_set_key(struct crypto_aes *aes, const uint8_t *key, size_t key_len, bool encrypts)
{
    EVP_CIPHER_CTX *context = context_of(aes);
    const EVP_CIPHER *cipher = key_len == 16   ? EVP_aes_128_ecb()
                               : key_len == 32 ? EVP_aes_256_ecb()
                                               : NULL;
    // Naming the cipher again makes OpenSSL look it up again, which costs more than the key schedule.
    bool is_same = cipher && EVP_CIPHER_CTX_get0_cipher(context) &&
                   EVP_CIPHER_CTX_get_key_length(context) == (int)key_len;
    return cipher &&
           EVP_CipherInit_ex(context, is_same ? NULL : cipher, NULL, key, NULL, encrypts) == 1 &&
           EVP_CIPHER_CTX_set_padding(context, 0) == 1;
}

bool crypto_aes_blocks(struct crypto_aes *aes, const uint8_t *in, uint8_t *out, size_t len)
{
    int done = 0;
    return len <= INT_MAX && EVP_CipherUpdate(context_of(aes), out, &done, in, (int)len) == 1 &&
           (size_t)done == len;
}

void crypto_aes_free(struct crypto_aes *aes)
{
    EVP_CIPHER_CTX_free(context_of(aes));
}
