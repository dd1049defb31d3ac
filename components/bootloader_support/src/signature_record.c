#include "signature_record.h"

#include <string.h>

#define HEAD_LEN 4u // scheme, three zeros

static void store_big(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t load_big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

size_t signature_record_len(enum signature_scheme scheme)
{
    if (scheme == SIGNATURE_RSA) {
        return SIGNATURE_RECORD_MAX;
    }
    return signature_scheme_is_v2(scheme) ? HEAD_LEN + 4 * (size_t)signature_number_len(scheme) : 0;
}

void signature_record_encode(const struct signature_block *block, uint8_t *bytes)
{
    const struct signature_key *key = &block->key;
    const struct signature_value *value = &block->value;
    memset(bytes, 0, HEAD_LEN);
    bytes[0] = (uint8_t)key->scheme;
    bytes += HEAD_LEN;
    if (key->scheme == SIGNATURE_RSA) {
        memcpy(bytes, key->n, SIGNATURE_RSA_LEN);
        store_big(bytes + SIGNATURE_RSA_LEN, key->e);
        memcpy(bytes + SIGNATURE_RSA_LEN + 4, value->rsa, SIGNATURE_RSA_LEN);
        return;
    }
    uint32_t len = signature_number_len(key->scheme);
    memcpy(bytes, key->x, len);
    memcpy(bytes + len, key->y, len);
    memcpy(bytes + 2 * (size_t)len, value->r, len);
    memcpy(bytes + 3 * (size_t)len, value->s, len);
}

bool signature_record_parse(const struct signature_record *record, struct signature_block *block)
{
    const uint8_t *bytes = record->bytes;
    if (record->len < HEAD_LEN || bytes[1] || bytes[2] || bytes[3] ||
        bytes[0] >= SIGNATURE_SCHEME_COUNT) {
        return false;
    }
    enum signature_scheme scheme = (enum signature_scheme)bytes[0];
    if (!signature_scheme_is_v2(scheme) || record->len != signature_record_len(scheme)) {
        return false;
    }
    bytes += HEAD_LEN;
    memset(block, 0, sizeof(*block));
    block->key.scheme = scheme;
    if (scheme == SIGNATURE_RSA) {
        memcpy(block->key.n, bytes, SIGNATURE_RSA_LEN);
        block->key.e = load_big(bytes + SIGNATURE_RSA_LEN);
        memcpy(block->value.rsa, bytes + SIGNATURE_RSA_LEN + 4, SIGNATURE_RSA_LEN);
        return true;
    }
    uint32_t len = signature_number_len(scheme);
    memcpy(block->key.x, bytes, len);
    memcpy(block->key.y, bytes + len, len);
    memcpy(block->value.r, bytes + 2 * (size_t)len, len);
    memcpy(block->value.s, bytes + 3 * (size_t)len, len);
    return true;
}

void signature_record_digest(enum signature_scheme scheme, const void *message, size_t len,
                             uint8_t digest[SIGNATURE_DIGEST_MAX])
{
    memset(digest, 0, SIGNATURE_DIGEST_MAX);
    if (scheme == SIGNATURE_P384) {
        struct crypto_hash384 wide;
        esp_crypto_verify.sha384_begin(&wide);
        esp_crypto_verify.sha384_write(&wide, message, len);
        esp_crypto_verify.sha384_end(&wide, digest);
        return;
    }
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, message, len);
    esp_crypto.sha256_end(&hash, digest);
}

static bool is_over(const struct signature_block *block, const uint8_t *digest)
{
    const struct signature_key *key = &block->key;
    const struct signature_value *value = &block->value;
    if (key->scheme == SIGNATURE_RSA) {
        return esp_crypto_verify.rsa3072_pss_verify(key->n, key->e, digest, value->rsa);
    }
    return esp_crypto_verify.ecdsa_verify(signature_curve(key->scheme), key->x, key->y, digest,
                                          signature_digest_len(key->scheme), value->r, value->s);
}

void signature_record_judge(const void *message, size_t len, const struct signature_record *record,
                            struct signature_record_verdict *verdict)
{
    struct signature_block block;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    memset(verdict, 0, sizeof(*verdict));
    if (!signature_record_parse(record, &block) ||
        signature_key_digest(&block.key, verdict->key_digest) != ESP_OK) {
        return; // also a modulus that is none
    }
    verdict->scheme = block.key.scheme;
    signature_record_digest(block.key.scheme, message, len, digest);
    verdict->is_right = is_over(&block, digest);
}

// Which trusted key a digest is; trusted_count: none.
static uint32_t find_key(const struct signature_policy *policy, const uint8_t *digest)
{
    uint32_t len = policy->digest_len > 0 ? policy->digest_len : SIGNATURE_KEY_DIGEST_LEN;
    uint32_t i = 0;
    while (i < policy->trusted_count && memcmp(policy->trusted[i], digest, len) != 0) {
        i++;
    }
    return i;
}

static enum image_fault judge_one(const struct signature_policy *policy,
                                  const struct signature_record_verdict *verdict, uint32_t *signers)
{
    if (verdict->scheme == SIGNATURE_NONE) {
        return IMAGE_SIGNATURE_DAMAGED;
    }
    uint32_t signer = find_key(policy, verdict->key_digest);
    if (signer == policy->trusted_count) {
        return IMAGE_SIGNATURE_UNTRUSTED;
    }
    if (policy->revoked >> signer & 1) {
        return IMAGE_SIGNATURE_REVOKED;
    }
    if (!verdict->is_right) {
        return IMAGE_SIGNATURE_WRONG;
    }
    *signers |= 1u << signer;
    return IMAGE_SIGNATURE_TOO_FEW; // until enough have signed
}

static uint32_t count_ones(uint32_t bits)
{
    uint32_t count = 0;
    for (; bits; bits &= bits - 1) {
        count++;
    }
    return count;
}

enum image_fault signature_record_verify(const void *message, size_t len,
                                         const struct signature_record *records, uint32_t count,
                                         const struct signature_policy *policy)
{
    enum image_fault fault =
        policy->trusted_count > 0 ? IMAGE_SIGNATURE_MISSING : IMAGE_SIGNATURE_NO_KEYS;
    uint32_t signers = 0;
    for (uint32_t i = 0; i < count && i < SIGNATURE_RECORD_COUNT_MAX; i++) {
        struct signature_record_verdict verdict;
        signature_record_judge(message, len, &records[i], &verdict);
        enum image_fault reason = judge_one(policy, &verdict, &signers);
        fault = reason > fault ? reason : fault;
    }
    uint32_t needed = policy->threshold > 1 ? policy->threshold : 1;
    if (signers != 0 && count_ones(signers) >= needed) {
        return IMAGE_OK; // the only line that accepts
    }
    return fault;
}
