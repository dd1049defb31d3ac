#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct signer {
    EVP_PKEY *pkey;
    struct signature_key key;
};

static void take_number(EVP_PKEY *pkey, const char *name, uint8_t *out, int len)
{
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
    assert_int_equal(BN_bn2binpad(number, out, len), len);
    BN_free(number);
}

static EVP_PKEY *make_key(enum signature_scheme scheme)
{
    static const char *const GROUPS[] = {[CRYPTO_CURVE_P192] = "prime192v1",
                                         [CRYPTO_CURVE_P256] = "prime256v1",
                                         [CRYPTO_CURVE_P384] = "secp384r1"};
    return scheme == SIGNATURE_RSA ? EVP_RSA_gen(3072)
                                   : EVP_EC_gen(GROUPS[signature_curve(scheme)]);
}

struct signer *signer_create(enum signature_scheme scheme)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    assert_non_null(signer);
    signer->pkey = make_key(scheme);
    assert_non_null(signer->pkey);
    signer->key.scheme = scheme;
    if (scheme == SIGNATURE_RSA) {
        signer->key.e = 65537;
        take_number(signer->pkey, OSSL_PKEY_PARAM_RSA_N, signer->key.n, SIGNATURE_RSA_LEN);
    } else {
        int len = (int)signature_number_len(scheme);
        take_number(signer->pkey, OSSL_PKEY_PARAM_EC_PUB_X, signer->key.x, len);
        take_number(signer->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, signer->key.y, len);
    }
    return signer;
}

void signer_free(struct signer *signer)
{
    if (signer) {
        EVP_PKEY_free(signer->pkey);
        free(signer);
    }
}

void signer_key_digest(const struct signer *signer, uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    assert_int_equal(signature_key_digest(&signer->key, digest), ESP_OK);
}

void signer_public_key(const struct signer *signer, uint8_t key[SIGNATURE_V1_KEY_LEN])
{
    memcpy(key, signer->key.x, SIGNATURE_V1_KEY_LEN / 2);
    memcpy(key + SIGNATURE_V1_KEY_LEN / 2, signer->key.y, SIGNATURE_V1_KEY_LEN / 2);
}

static void sign(const struct signer *signer, const uint8_t *digest, struct signature_value *value)
{
    uint8_t bytes[512];
    size_t len = sizeof(bytes);
    bool is_rsa = signer->key.scheme == SIGNATURE_RSA;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(signer->pkey, NULL);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    if (is_rsa) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32), 1);
    }
    assert_int_equal(
        EVP_PKEY_sign(context, bytes, &len, digest, signature_digest_len(signer->key.scheme)), 1);
    EVP_PKEY_CTX_free(context);
    if (is_rsa) {
        memcpy(value->rsa, bytes, SIGNATURE_RSA_LEN);
        return;
    }
    const unsigned char *der = bytes;
    int number_len = (int)signature_number_len(signer->key.scheme);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    assert_non_null(pair);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), value->r, number_len), number_len);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), value->s, number_len), number_len);
    ECDSA_SIG_free(pair);
}

static void hash(enum signature_scheme scheme, const uint8_t *bytes, uint32_t len, uint8_t *digest)
{
    const EVP_MD *md = scheme == SIGNATURE_P384 ? EVP_sha384() : EVP_sha256();
    assert_int_equal(EVP_Digest(bytes, len, digest, NULL, md, NULL), 1);
}

uint32_t signer_append(struct signer *const *signers, uint32_t count, uint8_t *bytes, uint32_t len)
{
    enum signature_scheme scheme = signers[0]->key.scheme;
    struct signature_block block = {0};
    if (scheme == SIGNATURE_V1) {
        hash(scheme, bytes, len, block.image_digest);
        sign(signers[0], block.image_digest, &block.value);
        signature_v1_encode(&block.value, bytes + len);
        return len + SIGNATURE_V1_LEN;
    }
    uint32_t end = signature_sector_offset(len);
    memset(bytes + len, 0xFF, end + SIGNATURE_SECTOR_LEN - len);
    hash(scheme, bytes, end, block.image_digest);
    for (uint32_t i = 0; i < count; i++) {
        block.key = signers[i]->key;
        sign(signers[i], block.image_digest, &block.value);
        assert_int_equal(signature_block_encode(&block, bytes + end + i * SIGNATURE_BLOCK_LEN),
                         ESP_OK);
    }
    return end + SIGNATURE_SECTOR_LEN;
}
