// Checks of signatures through OpenSSL's libcrypto. Its errors are cleared: the caller learns only that it failed.
//
// chosen: SHA-384 by the SHA384_* calls, for the reason given in crypto_openssl.c.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto_verify.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

_Static_assert(sizeof(SHA512_CTX) <= sizeof(struct crypto_hash384), "the hash state must fit");

// ---- SHA-384 ---------------------------------------------------------------------------------------

static void sha384_begin(struct crypto_hash384 *hash)
{
    SHA384_Init((SHA512_CTX *)hash->state);
}

static void sha384_write(struct crypto_hash384 *hash, const void *data, size_t len)
{
    SHA384_Update((SHA512_CTX *)hash->state, data, len);
}

static void sha384_end(struct crypto_hash384 *hash, uint8_t digest[CRYPTO_SHA384_LEN])
{
    SHA384_Final(digest, (SHA512_CTX *)hash->state);
}

// ---- Keys ------------------------------------------------------------------------------------------

/** Makes a public key of what builder holds; frees builder, which may be NULL. */
static EVP_PKEY *make_public(const char *type, OSSL_PARAM_BLD *builder, bool is_filled)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = is_filled ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *make_rsa(const uint8_t n[CRYPTO_RSA3072_LEN], uint32_t e)
{
    BIGNUM *modulus = BN_bin2bn(n, CRYPTO_RSA3072_LEN, NULL);
    BIGNUM *exponent = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool is_filled = builder && modulus && exponent && BN_set_word(exponent, e) == 1 &&
                     OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
                     OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1;
    EVP_PKEY *pkey = make_public("RSA", builder, is_filled);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

struct curve {
    const char *name;
    uint32_t number_len;
};

static struct curve curve_of(enum crypto_curve curve)
{
    static const struct curve CURVES[] = {
        [CRYPTO_CURVE_P192] = {"prime192v1", 24},
        [CRYPTO_CURVE_P256] = {"prime256v1", 32},
        [CRYPTO_CURVE_P384] = {"secp384r1", 48},
    };
    return (unsigned)curve < sizeof(CURVES) / sizeof(CURVES[0]) ? CURVES[curve]
                                                                : (struct curve){NULL, 0};
}

/** Refuses points that are not on the curve. */
static EVP_PKEY *make_ec(const struct curve *curve, const uint8_t *x, const uint8_t *y)
{
    uint8_t point[1 + 2 * CRYPTO_EC_NUMBER_MAX] = {0x04}; // fact: SEC 1, 2.3.3: 0x04, X, Y
    uint32_t len = curve->number_len;
    memcpy(point + 1, x, len);
    memcpy(point + 1 + len, y, len);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool is_filled =
        builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * (size_t)len) == 1;
    return make_public("EC", builder, is_filled);
}

// ---- Signatures ------------------------------------------------------------------------------------

static bool is_pss_right(EVP_PKEY_CTX *context, const uint8_t *digest, const uint8_t *signature)
{
    return EVP_PKEY_verify_init(context) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, CRYPTO_SHA256_LEN) == 1 &&
           EVP_PKEY_verify(context, signature, CRYPTO_RSA3072_LEN, digest, CRYPTO_SHA256_LEN) == 1;
}

static bool rsa3072_pss_verify(const uint8_t n[CRYPTO_RSA3072_LEN], uint32_t e,
                               const uint8_t digest[CRYPTO_SHA256_LEN],
                               const uint8_t signature[CRYPTO_RSA3072_LEN])
{
    EVP_PKEY *pkey = n[0] & 0x80 ? make_rsa(n, e) : NULL; // fact: the modulus has 3072 bits
    EVP_PKEY_CTX *context = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    bool is_right = false;
    if (context) {
        is_right = is_pss_right(context, digest, signature);
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return is_right;
}

/** DER of r and s, which is the form OpenSSL takes. @return its length; 0: failed. The caller frees *der. */
static size_t encode_ecdsa(const uint8_t *r, const uint8_t *s, uint32_t len, uint8_t **der)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r, (int)len, NULL);
    BIGNUM *s_number = BN_bin2bn(s, (int)len, NULL);
    int der_len = 0;
    if (pair && r_number && s_number && ECDSA_SIG_set0(pair, r_number, s_number) == 1) {
        der_len = i2d_ECDSA_SIG(pair, der);
    } else {
        BN_free(r_number);
        BN_free(s_number);
    }
    ECDSA_SIG_free(pair);
    return der_len > 0 ? (size_t)der_len : 0;
}

/** Whether number lies in 1 .. n-1, n being the order of the curve. */
static bool is_in_range(const EVP_PKEY *pkey, const uint8_t *number, uint32_t len)
{
    BIGNUM *order = NULL;
    BIGNUM *value = BN_bin2bn(number, (int)len, NULL);
    bool is_inside = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_ORDER, &order) == 1 && value &&
                     !BN_is_zero(value) && BN_cmp(value, order) < 0;
    BN_free(order);
    BN_free(value);
    return is_inside;
}

static bool ecdsa_verify(enum crypto_curve curve, const uint8_t *x, const uint8_t *y,
                         const uint8_t *digest, size_t len, const uint8_t *r, const uint8_t *s)
{
    struct curve known = curve_of(curve);
    EVP_PKEY *pkey = known.name ? make_ec(&known, x, y) : NULL;
    EVP_PKEY_CTX *context = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    uint8_t *der = NULL;
    size_t der_len =
        context && is_in_range(pkey, r, known.number_len) && is_in_range(pkey, s, known.number_len)
            ? encode_ecdsa(r, s, known.number_len, &der)
            : 0;
    bool is_right = false;
    if (der_len > 0 && EVP_PKEY_verify_init(context) == 1) {
        is_right = EVP_PKEY_verify(context, der, der_len, digest, len) == 1;
    }
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return is_right;
}

const struct crypto_verify_ops esp_crypto_verify = {
    .sha384_begin = sha384_begin,
    .sha384_write = sha384_write,
    .sha384_end = sha384_end,
    .rsa3072_pss_verify = rsa3072_pss_verify,
    .ecdsa_verify = ecdsa_verify,
};
