// ECDSA with the nonce of RFC 6979, so that signing twice gives the same bytes, as Espressif's tool does for v1.
//
// chosen: our own few lines over OpenSSL's numbers and points. What depends on the nonce or the key runs on numbers that are
// marked for constant time; the point multiplication is OpenSSL's ladder. It signs on the machine of whoever holds the key.

#include "ecdsa_nonce.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>

#define ORDER_MAX 48u // P-384
#define HASH_MAX  48u

/** What one signature needs. Every pointer may be NULL until it is made. */
struct signing {
    EC_GROUP *group;
    BN_CTX *context;
    BIGNUM *order;
    BIGNUM *secret;
    BIGNUM *hash; // the leftmost bits of the digest
    BIGNUM *nonce;
    size_t order_len;
    const EVP_MD *md;
    size_t md_len;
};

// ----------------------------------------------------------------------- the generator of RFC 6979, 3.2

struct generator {
    const EVP_MD *md;
    size_t len;
    uint8_t k[HASH_MAX];
    uint8_t v[HASH_MAX];
};

static bool hmac(const struct generator *g, const uint8_t *data, size_t len, uint8_t *out)
{
    return HMAC(g->md, g->k, (int)g->len, data, len, out, NULL) != NULL;
}

// K = HMAC(K, V || tag || seed), V = HMAC(K, V)
static bool stir(struct generator *g, uint8_t tag, const uint8_t *seed, size_t seed_len)
{
    uint8_t data[HASH_MAX + 1 + 2 * ORDER_MAX];
    uint8_t next[HASH_MAX];
    memcpy(data, g->v, g->len);
    data[g->len] = tag;
    if (seed_len > 0) {
        memcpy(data + g->len + 1, seed, seed_len);
    }
    bool is_done = hmac(g, data, g->len + 1 + seed_len, next);
    memcpy(g->k, next, g->len);
    is_done = is_done && hmac(g, g->v, g->len, next);
    memcpy(g->v, next, g->len);
    OPENSSL_cleanse(data, sizeof(data));
    OPENSSL_cleanse(next, sizeof(next));
    return is_done;
}

// bits2int: the leftmost bits of a string of bytes
static bool take_bits(const struct signing *s, const uint8_t *bytes, size_t len, BIGNUM *out)
{
    int excess = (int)len * 8 - BN_num_bits(s->order);
    return BN_bin2bn(bytes, (int)len, out) && (excess <= 0 || BN_rshift(out, out, excess) == 1);
}

static bool begin_generator(const struct signing *s, struct generator *g)
{
    uint8_t seed[2 * ORDER_MAX];
    uint8_t *reduced = seed + s->order_len;
    BIGNUM *hash = BN_CTX_get(s->context);
    bool is_done = hash && BN_nnmod(hash, s->hash, s->order, s->context) == 1 &&
                   BN_bn2binpad(s->secret, seed, (int)s->order_len) > 0 &&
                   BN_bn2binpad(hash, reduced, (int)s->order_len) > 0;
    *g = (struct generator){.md = s->md, .len = s->md_len};
    memset(g->v, 0x01, g->len);
    is_done =
        is_done && stir(g, 0x00, seed, 2 * s->order_len) && stir(g, 0x01, seed, 2 * s->order_len);
    OPENSSL_cleanse(seed, sizeof(seed));
    return is_done;
}

static bool next_nonce(const struct signing *s, struct generator *g)
{
    uint8_t bytes[2 * HASH_MAX];
    size_t len = 0;
    while (len < s->order_len) {
        uint8_t next[HASH_MAX];
        if (!hmac(g, g->v, g->len, next)) {
            return false;
        }
        memcpy(g->v, next, g->len);
        memcpy(bytes + len, next, g->len);
        len += g->len;
    }
    bool is_done = take_bits(s, bytes, s->order_len, s->nonce);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return is_done;
}

static bool is_usable(const struct signing *s, const BIGNUM *number)
{
    return !BN_is_zero(number) && BN_cmp(number, s->order) < 0;
}

// ----------------------------------------------------------------------- the signature

// r = x of nonce * G, s = (hash + r * secret) / nonce, both modulo the order
static bool make_signature(const struct signing *sg, BIGNUM *r, BIGNUM *s)
{
    BIGNUM *x = BN_CTX_get(sg->context);
    BIGNUM *exponent = BN_CTX_get(sg->context);
    BIGNUM *inverse = BN_CTX_get(sg->context);
    EC_POINT *point = EC_POINT_new(sg->group);
    BN_MONT_CTX *mont = BN_MONT_CTX_new();
    // the order is prime: nonce^(order - 2) is its inverse, by an exponentiation of constant time
    bool is_done = inverse && point && mont && BN_MONT_CTX_set(mont, sg->order, sg->context) == 1 &&
                   EC_POINT_mul(sg->group, point, sg->nonce, NULL, NULL, sg->context) == 1 &&
                   EC_POINT_get_affine_coordinates(sg->group, point, x, NULL, sg->context) == 1 &&
                   BN_nnmod(r, x, sg->order, sg->context) == 1 && BN_copy(exponent, sg->order) &&
                   BN_sub_word(exponent, 2) == 1 &&
                   BN_mod_exp_mont_consttime(inverse, sg->nonce, exponent, sg->order, sg->context,
                                             mont) == 1 &&
                   BN_mod_mul(s, r, sg->secret, sg->order, sg->context) == 1 &&
                   BN_mod_add(s, s, sg->hash, sg->order, sg->context) == 1 &&
                   BN_mod_mul(s, s, inverse, sg->order, sg->context) == 1;
    BN_MONT_CTX_free(mont);
    EC_POINT_clear_free(point);
    return is_done && !BN_is_zero(r) && !BN_is_zero(s);
}

static bool try_nonces(const struct signing *sg, BIGNUM *r, BIGNUM *s)
{
    struct generator g;
    bool is_done = begin_generator(sg, &g);
    for (int i = 0; is_done && i < 64; i++) { // chosen: the second is needed once in 2^32
        if (!next_nonce(sg, &g)) {
            break;
        }
        if (is_usable(sg, sg->nonce) && make_signature(sg, r, s)) {
            OPENSSL_cleanse(&g, sizeof(g));
            return true;
        }
        is_done = stir(&g, 0x00, NULL, 0);
    }
    OPENSSL_cleanse(&g, sizeof(g));
    return false;
}

static bool prepare(struct signing *s, const EVP_PKEY *pkey, const uint8_t *digest, size_t len)
{
    char name[64];
    size_t name_len = 0;
    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name),
                                       &name_len) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &s->secret) != 1) {
        return false;
    }
    s->group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(name));
    s->context = BN_CTX_secure_new();
    if (s->context) {
        BN_CTX_start(s->context);
    }
    s->hash = BN_new();
    s->nonce = BN_secure_new();
    const BIGNUM *order = s->group ? EC_GROUP_get0_order(s->group) : NULL;
    s->order = order ? BN_dup(order) : NULL;
    s->order_len = s->order ? (size_t)BN_num_bytes(s->order) : 0;
    s->md = len == 48 ? EVP_sha384() : EVP_sha256();
    s->md_len = len == 48 ? 48 : 32;
    if (!s->context || !s->hash || !s->nonce || s->order_len == 0 || s->order_len > ORDER_MAX) {
        return false;
    }
    BN_set_flags(s->secret, BN_FLG_CONSTTIME);
    BN_set_flags(s->nonce, BN_FLG_CONSTTIME);
    return take_bits(s, digest, len, s->hash);
}

bool ecdsa_sign_deterministic(const EVP_PKEY *pkey, const uint8_t *digest, size_t len, BIGNUM *r,
                              BIGNUM *s)
{
    struct signing signing = {0};
    bool is_prepared = prepare(&signing, pkey, digest, len);
    bool is_done = is_prepared && try_nonces(&signing, r, s);
    if (signing.context) {
        BN_CTX_end(signing.context);
    }
    BN_CTX_free(signing.context);
    EC_GROUP_free(signing.group);
    BN_free(signing.order);
    BN_free(signing.hash);
    BN_clear_free(signing.secret);
    BN_clear_free(signing.nonce);
    return is_done;
}
