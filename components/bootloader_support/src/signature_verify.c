#include "signature_verify.h"

#include <string.h>

#define TABLE_LEN  0xC00u // fact: bytes of a partition table that its v1 signature is over
#define READ_CHUNK 4096u  // chosen: one sector on the stack

static uint32_t count_ones(uint32_t bits)
{
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) {
        count++;
    }
    return count;
}

// When blocks fail in different ways, the reason that came closest to acceptance is told.
static void note(struct signature_check *check, enum image_fault reason)
{
    if (check->fault != IMAGE_OK && reason > check->fault) {
        check->fault = reason;
    }
}

static bool has_v1_key(const struct signature_policy *policy)
{
    uint8_t bits = 0;
    for (uint32_t i = 0; i < sizeof(policy->v1_key); i++) {
        bits |= policy->v1_key[i];
    }
    return bits != 0;
}

static bool trusts_anyone(const struct signature_policy *policy)
{
    if (policy->scheme == SIGNATURE_V1) {
        return has_v1_key(policy);
    }
    uint32_t all = (1u << policy->trusted_count) - 1;
    return (all & ~(uint32_t)policy->revoked) != 0;
}

void signature_check_begin(struct signature_check *check, const struct signature_policy *policy,
                           const uint8_t *digest)
{
    memset(check, 0, sizeof(*check));
    check->policy = policy;
    check->fault = trusts_anyone(policy) ? IMAGE_SIGNATURE_MISSING : IMAGE_SIGNATURE_NO_KEYS;
    memcpy(check->digest, digest, signature_digest_len(policy->scheme));
}

// The only place where a refusal becomes an acceptance; called for each right signature of a trusted key.
static void count_signer(struct signature_check *check, uint32_t signer)
{
    uint32_t needed = check->policy->threshold > 1 ? check->policy->threshold : 1;
    check->signers |= (uint16_t)(1u << signer);
    if (count_ones(check->signers) < needed) {
        note(check, IMAGE_SIGNATURE_TOO_FEW);
        return;
    }
    check->fault = IMAGE_OK;
}

// ----------------------------------------------------------------------- v2

#define NOT_FOUND UINT32_MAX

static uint32_t find_key(const struct signature_policy *policy,
                         const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    uint32_t len = policy->digest_len > 0 ? policy->digest_len : SIGNATURE_KEY_DIGEST_LEN;
    for (uint32_t i = 0; i < policy->trusted_count; i++) {
        if (memcmp(policy->trusted[i], digest, len) == 0) {
            return i;
        }
    }
    return NOT_FOUND;
}

static bool is_right(const struct signature_check *check, const struct signature_block *block)
{
    const struct signature_key *key = &block->key;
    const struct signature_value *value = &block->value;
    if (key->scheme == SIGNATURE_RSA) {
        return esp_crypto_verify.rsa3072_pss_verify(key->n, key->e, check->digest, value->rsa);
    }
    return esp_crypto_verify.ecdsa_verify(signature_curve(key->scheme), key->x, key->y,
                                          check->digest, signature_digest_len(key->scheme),
                                          value->r, value->s);
}

static enum image_fault reason_of(enum signature_block_fault fault)
{
    switch (fault) {
    case SIGNATURE_BLOCK_ABSENT:
        return IMAGE_SIGNATURE_MISSING;
    case SIGNATURE_BLOCK_BAD_VERSION:
    case SIGNATURE_BLOCK_BAD_CURVE:
        return IMAGE_SIGNATURE_WRONG_SCHEME;
    default:
        return IMAGE_SIGNATURE_DAMAGED;
    }
}

static void judge_known_key(struct signature_check *check, uint32_t index, uint32_t signer,
                            bool is_signature_right)
{
    if (check->policy->revoked >> signer & 1) {
        note(check, IMAGE_SIGNATURE_REVOKED);
    } else if (!is_signature_right) {
        note(check, IMAGE_SIGNATURE_WRONG);
    } else {
        check->result.accepted |= (uint8_t)(1u << index);
        count_signer(check, signer);
    }
}

static void judge_block(struct signature_check *check, uint32_t index, const uint8_t *bytes)
{
    const struct signature_policy *policy = check->policy;
    struct signature_block block;
    enum signature_block_fault fault = signature_block_parse(bytes, policy->scheme, &block);
    if (fault != SIGNATURE_BLOCK_OK) {
        note(check, reason_of(fault));
        return;
    }
    uint8_t *key_digest = check->result.key_digest[index];
    check->result.well_formed |= (uint8_t)(1u << index);
    signature_block_key_digest(bytes, policy->scheme, key_digest);
    uint32_t signer = find_key(policy, key_digest);
    bool is_signature_right =
        (signer != NOT_FOUND || policy->checks_every_block) && is_right(check, &block);
    if (is_signature_right) {
        check->result.right |= (uint8_t)(1u << index);
    }
    if (signer == NOT_FOUND) {
        note(check, IMAGE_SIGNATURE_UNTRUSTED);
    } else {
        judge_known_key(check, index, signer, is_signature_right);
    }
}

void signature_check_block(struct signature_check *check, const uint8_t bytes[SIGNATURE_BLOCK_LEN])
{
    uint32_t index = check->block_count++;
    bool counts = index == 0 || !check->policy->first_block_only;
    if (counts && index < SIGNATURE_BLOCK_MAX && check->fault != IMAGE_SIGNATURE_NO_KEYS) {
        judge_block(check, index, bytes);
    }
}

// ----------------------------------------------------------------------- v1

void signature_check_v1(struct signature_check *check, const uint8_t bytes[SIGNATURE_V1_LEN])
{
    const uint8_t *key = check->policy->v1_key;
    struct signature_value value;
    if (check->fault == IMAGE_SIGNATURE_NO_KEYS) {
        return;
    }
    if (!signature_v1_parse(bytes, &value)) {
        note(check, IMAGE_SIGNATURE_V1_VERSION);
    } else if (!esp_crypto_verify.ecdsa_verify(CRYPTO_CURVE_P256, key,
                                               key + SIGNATURE_V1_KEY_LEN / 2, check->digest,
                                               CRYPTO_SHA256_LEN, value.r, value.s)) {
        note(check, IMAGE_SIGNATURE_WRONG);
    } else {
        count_signer(check, 0);
    }
}

enum image_fault signature_check_end(const struct signature_check *check,
                                     struct signature_result *result)
{
    *result = check->result;
    return check->fault;
}

// ----------------------------------------------------------------------- other signed things

static enum image_fault hash_range(signature_read read, void *context, uint32_t len,
                                   enum signature_scheme scheme, uint8_t *digest)
{
    struct crypto_hash hash;
    struct crypto_hash384 hash384;
    uint8_t chunk[READ_CHUNK];
    esp_crypto.sha256_begin(&hash);
    esp_crypto_verify.sha384_begin(&hash384);
    for (uint32_t at = 0; at < len;) {
        uint32_t part = len - at < READ_CHUNK ? len - at : READ_CHUNK;
        if (read(context, at, chunk, part) != ESP_OK) {
            return IMAGE_READ_ERROR;
        }
        if (scheme == SIGNATURE_P384) {
            esp_crypto_verify.sha384_write(&hash384, chunk, part);
        } else {
            esp_crypto.sha256_write(&hash, chunk, part);
        }
        at += part;
    }
    if (scheme == SIGNATURE_P384) {
        esp_crypto_verify.sha384_end(&hash384, digest);
    } else {
        esp_crypto.sha256_end(&hash, digest);
    }
    return IMAGE_OK;
}

enum image_fault signature_verify_data(signature_read read, void *context, uint32_t len,
                                       const struct signature_policy *policy, uint32_t *signed_len)
{
    struct signature_check check;
    struct signature_result result;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    uint8_t block[SIGNATURE_BLOCK_LEN];
    if (len < 2 * SIGNATURE_SECTOR_LEN) {
        return IMAGE_TRUNCATED;
    }
    if (!signature_scheme_is_v2(policy->scheme)) {
        return IMAGE_SIGNATURE_WRONG_SCHEME;
    }
    uint32_t content = len / SIGNATURE_SECTOR_LEN * SIGNATURE_SECTOR_LEN - SIGNATURE_SECTOR_LEN;
    enum image_fault fault = hash_range(read, context, content, policy->scheme, digest);
    if (fault != IMAGE_OK) {
        return fault;
    }
    signature_check_begin(&check, policy, digest);
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        if (read(context, content + i * SIGNATURE_BLOCK_LEN, block, sizeof(block)) != ESP_OK) {
            return IMAGE_READ_ERROR;
        }
        signature_check_block(&check, block);
    }
    fault = signature_check_end(&check, &result);
    if (fault == IMAGE_OK) {
        *signed_len = content + SIGNATURE_SECTOR_LEN;
    }
    return fault;
}

enum image_fault signature_verify_table(signature_read read, void *context,
                                        const struct signature_policy *policy)
{
    struct signature_check check;
    struct signature_result result;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    uint8_t bytes[SIGNATURE_V1_LEN];
    if (policy->scheme != SIGNATURE_V1) {
        return IMAGE_SIGNATURE_WRONG_SCHEME;
    }
    enum image_fault fault = hash_range(read, context, TABLE_LEN, policy->scheme, digest);
    if (fault != IMAGE_OK) {
        return fault;
    }
    if (read(context, TABLE_LEN, bytes, sizeof(bytes)) != ESP_OK) {
        return IMAGE_READ_ERROR;
    }
    signature_check_begin(&check, policy, digest);
    signature_check_v1(&check, bytes);
    return signature_check_end(&check, &result);
}
