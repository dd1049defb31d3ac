#include "crypto_key.h"

#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define P256_UNCOMPRESSED_LEN (1 + CRYPTO_P256_POINT_LEN) // fact: SEC 1, 2.3.3: 0x04, X, Y

struct crypto_key {
    EVP_PKEY *pkey;
    enum crypto_key_kind kind;
};

// ---- Taking keys -----------------------------------------------------------------------------------

static bool find_kind(EVP_PKEY *pkey, enum crypto_key_kind *kind)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) == 8 * CRYPTO_RSA3072_LEN) {
        *kind = CRYPTO_KEY_RSA3072;
        return true;
    }
    *kind = CRYPTO_KEY_P256;
    return EVP_PKEY_is_a(pkey, "EC") &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

/** Whether the private half is there; a public key is no use here. */
static bool is_private(EVP_PKEY *pkey)
{
    BIGNUM *number = NULL;
    const char *name =
        EVP_PKEY_is_a(pkey, "RSA") ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY;
    bool is_there = EVP_PKEY_get_bn_param(pkey, name, &number) == 1;
    BN_clear_free(number);
    return is_there;
}

/** Takes over pkey, which may be NULL. */
static struct crypto_key *wrap(EVP_PKEY *pkey)
{
    enum crypto_key_kind kind;
    struct crypto_key *key = NULL;
    if (pkey && find_kind(pkey, &kind) && is_private(pkey) &&
        (key = OPENSSL_malloc(sizeof(*key)))) {
        *key = (struct crypto_key){.pkey = pkey, .kind = kind};
    } else {
        EVP_PKEY_free(pkey);
    }
    ERR_clear_error(); // the caller knows only that it failed
    return key;
}

/** Answers the question for a pass phrase, so that OpenSSL does not ask on the terminal. */
// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
static int no_pass_phrase(char *buffer, int size, int for_writing, void *context)
// NOLINTEND(readability-non-const-parameter)
{
    (void)buffer;
    (void)size;
    (void)for_writing;
    (void)context;
    return -1;
}

struct crypto_key *crypto_key_load(const void *bytes, size_t len)
{
    if (!bytes || len == 0 || len > INT_MAX) {
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    if (!pkey) {
        const unsigned char *der = bytes;
        pkey = d2i_AutoPrivateKey(NULL, &der, (long)len);
    }
    return wrap(pkey);
}

/** Multiplies the generator, since OpenSSL wants the public half with the private one. */
static bool public_point(const BIGNUM *scalar, uint8_t out[P256_UNCOMPRESSED_LEN])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    bool is_done = point && !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
                   EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
                   EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out,
                                      P256_UNCOMPRESSED_LEN, NULL) == P256_UNCOMPRESSED_LEN;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return is_done;
}

/** Makes a P-256 key of its parts; scalar is NULL for a public key. */
static EVP_PKEY *make_p256(const BIGNUM *scalar, const uint8_t point[P256_UNCOMPRESSED_LEN])
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         P256_UNCOMPRESSED_LEN) &&
        (!scalar || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar))) {
        params = OSSL_PARAM_BLD_to_param(builder);
    }
    EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL) : NULL;
    if (context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

struct crypto_key *crypto_key_from_scalar(const uint8_t scalar[CRYPTO_SECRET_LEN])
{
    uint8_t point[P256_UNCOMPRESSED_LEN];
    BIGNUM *number = BN_secure_new();
    EVP_PKEY *pkey = NULL;
    if (number && BN_bin2bn(scalar, CRYPTO_SECRET_LEN, number) && public_point(number, point)) {
        pkey = make_p256(number, point);
    }
    BN_clear_free(number);
    return wrap(pkey);
}

enum crypto_key_kind crypto_key_kind(const struct crypto_key *key)
{
    return key->kind;
}

void crypto_key_free(struct crypto_key *key)
{
    if (key) {
        EVP_PKEY_free(key->pkey);
        OPENSSL_clear_free(key, sizeof(*key));
    }
}

// ---- Using keys ------------------------------------------------------------------------------------

bool crypto_key_public(const struct crypto_key *key, uint8_t *der, size_t *len)
{
    unsigned char *made = NULL;
    int made_len = i2d_PUBKEY(key->pkey, &made);
    bool is_done = made_len > 0 && made_len <= CRYPTO_PUBLIC_KEY_MAX;
    if (is_done) {
        memcpy(der, made, (size_t)made_len);
        *len = (size_t)made_len;
    }
    OPENSSL_free(made);
    return is_done;
}

bool crypto_key_derive(const struct crypto_key *key, const char *tag,
                       uint8_t secret[CRYPTO_SECRET_LEN])
{
    uint8_t bytes[CRYPTO_RSA3072_LEN];
    bool is_rsa = key->kind == CRYPTO_KEY_RSA3072;
    int len = is_rsa ? CRYPTO_RSA3072_LEN : CRYPTO_SECRET_LEN;
    BIGNUM *number = NULL;
    bool is_done =
        EVP_PKEY_get_bn_param(key->pkey, is_rsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY,
                              &number) == 1 &&
        BN_bn2binpad(number, bytes, len) == len &&
        HMAC(EVP_sha256(), bytes, len, (const unsigned char *)tag, strlen(tag), secret, NULL);
    BN_clear_free(number);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return is_done;
}

bool crypto_key_rsa_open(const struct crypto_key *key, const uint8_t sealed[CRYPTO_RSA3072_LEN],
                         uint8_t secret[CRYPTO_SECRET_LEN])
{
    uint8_t message[CRYPTO_RSA3072_LEN];
    size_t len = sizeof(message);
    EVP_PKEY_CTX *context =
        key->kind == CRYPTO_KEY_RSA3072 ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
    bool is_done = context && EVP_PKEY_decrypt_init(context) == 1 &&
                   EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                   EVP_PKEY_decrypt(context, message, &len, sealed, CRYPTO_RSA3072_LEN) == 1 &&
                   len == CRYPTO_SECRET_LEN;
    if (is_done) {
        memcpy(secret, message, CRYPTO_SECRET_LEN);
    }
    EVP_PKEY_CTX_free(context);
    OPENSSL_cleanse(message, sizeof(message));
    ERR_clear_error();
    return is_done;
}

bool crypto_key_ecdh(const struct crypto_key *key, const uint8_t point[CRYPTO_P256_POINT_LEN],
                     uint8_t secret[CRYPTO_SECRET_LEN])
{
    uint8_t uncompressed[P256_UNCOMPRESSED_LEN] = {0x04};
    memcpy(uncompressed + 1, point, CRYPTO_P256_POINT_LEN);
    // refuses points that are not on the curve
    EVP_PKEY *peer = key->kind == CRYPTO_KEY_P256 ? make_p256(NULL, uncompressed) : NULL;
    EVP_PKEY_CTX *context = peer ? EVP_PKEY_CTX_new(key->pkey, NULL) : NULL;
    uint8_t shared[CRYPTO_SECRET_LEN];
    size_t len = sizeof(shared);
    bool is_done = context && EVP_PKEY_derive_init(context) == 1 &&
                   EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                   EVP_PKEY_derive(context, shared, &len) == 1 && len == CRYPTO_SECRET_LEN;
    if (is_done) {
        memcpy(secret, shared, CRYPTO_SECRET_LEN);
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    OPENSSL_cleanse(shared, sizeof(shared));
    ERR_clear_error();
    return is_done;
}
