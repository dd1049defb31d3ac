// The table of what opens encrypted images, and its plain functions, through OpenSSL's libcrypto.

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto_aes.h"
#include "crypto_gcm.h"
#include "crypto_key.h"

static bool hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t mac[CRYPTO_SHA256_LEN])
{
    return HMAC(EVP_sha256(), key, (int)key_len, data, len, mac, NULL) != NULL;
}

static bool hkdf_sha256(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
                        const void *info, size_t info_len, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                          secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
        OSSL_PARAM_construct_end(),
    };
    bool is_done = context && EVP_KDF_derive(context, out, out_len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return is_done;
}

static bool pbkdf2_sha256(const void *password, size_t password_len, const void *salt,
                          size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len)
{
    return PKCS5_PBKDF2_HMAC(password, (int)password_len, salt, (int)salt_len, (int)iterations,
                             EVP_sha256(), (int)out_len, out) == 1;
}

static bool is_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

const struct crypto_secret_ops esp_crypto_secret = {
    .key_load = crypto_key_load,
    .key_from_scalar = crypto_key_from_scalar,
    .key_kind = crypto_key_kind,
    .key_free = crypto_key_free,
    .key_public = crypto_key_public,
    .key_derive = crypto_key_derive,
    .rsa_open = crypto_key_rsa_open,
    .ecdh = crypto_key_ecdh,
    .hmac_sha256 = hmac_sha256,
    .hkdf_sha256 = hkdf_sha256,
    .pbkdf2_sha256 = pbkdf2_sha256,
    .gcm_create = crypto_gcm_create,
    .gcm_begin = crypto_gcm_begin,
    .gcm_resume = crypto_gcm_resume,
    .gcm_decrypt = crypto_gcm_decrypt,
    .gcm_save = crypto_gcm_save,
    .gcm_verify = crypto_gcm_verify,
    .gcm_free = crypto_gcm_free,
    .aes_create = crypto_aes_create,
    .aes_set_key = crypto_aes_set_key,
    .aes_blocks = crypto_aes_blocks,
    .aes_free = crypto_aes_free,
    .is_equal = is_equal,
    .wipe = OPENSSL_cleanse,
};
