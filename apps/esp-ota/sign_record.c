#include "sign_record.h"

#include <stdio.h>
#include <string.h>

int record_signer_add(struct record_signer *signer, const char *name)
{
    if (signer->count == SIGNATURE_RECORD_COUNT_MAX) {
        return cli_usage("at most %u --key", SIGNATURE_RECORD_COUNT_MAX);
    }
    signer->names[signer->count++] = name;
    return CLI_DONE;
}

bool record_signer_load(struct record_signer *signer)
{
    for (uint32_t i = 0; i < signer->count; i++) {
        signer->keys[i] = sign_key_load(signer->names[i], &signer->secret);
        if (!signer->keys[i]) {
            return false;
        }
    }
    return true;
}

void record_signer_free(struct record_signer *signer)
{
    for (uint32_t i = 0; i < signer->count; i++) {
        sign_key_free(signer->keys[i]);
        signer->keys[i] = NULL;
    }
}

bool record_signer_sign(const struct record_signer *signer, uint32_t i, const void *message,
                        size_t len, uint8_t *record, size_t *record_len)
{
    struct signature_block block = {.key = *sign_key_public(signer->keys[i])};
    enum signature_scheme scheme = block.key.scheme;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    signature_record_digest(scheme, message, len, digest);
    if (!sign_key_sign(signer->keys[i], scheme, digest, &block.value)) {
        return false;
    }
    signature_record_encode(&block, record);
    *record_len = signature_record_len(scheme);
    return true;
}

bool record_policy(const struct trust *trust, struct signature_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->threshold = 1;
    policy->digest_len = SIGNATURE_KEY_DIGEST_LEN;
    for (uint32_t i = 0; i < trust->count; i++) {
        const struct trusted_key *key = &trust->keys[i];
        if (key->is_raw_v1 || key->digest_len == 0) {
            cli_report_failure("a raw v1 key signs images only; for patches and release folders "
                               "give the PEM file of the key, or its digest");
            return false;
        }
        if (key->digest_len < policy->digest_len) {
            policy->digest_len = (uint8_t)key->digest_len;
        }
        memcpy(policy->trusted[policy->trusted_count++], key->digest, sizeof(key->digest));
    }
    return true;
}

// ----------------------------------------------------------------------- reports

static bool is_trusted(const struct trust *trust, const uint8_t *digest)
{
    for (uint32_t i = 0; i < trust->count; i++) {
        const struct trusted_key *key = &trust->keys[i];
        if (key->digest_len > 0 && memcmp(key->digest, digest, key->digest_len) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *to_json(const struct signature_record_verdict *verdict, const struct trust *trust)
{
    char hex[65];
    json_t *object = json_object();
    json_object_set_new(object, "scheme", json_string(signature_scheme_name(verdict->scheme)));
    json_object_set_new(object, "signature_ok", json_boolean(verdict->is_right));
    json_object_set_new(
        object, "key_digest",
        json_string(trust_hex(verdict->key_digest, sizeof(verdict->key_digest), hex)));
    if (trust) {
        json_object_set_new(object, "trusted",
                            json_boolean(is_trusted(trust, verdict->key_digest)));
    }
    return object;
}

static void print(const struct signature_record_verdict *verdict, const struct trust *trust)
{
    char hex[65];
    if (verdict->scheme == SIGNATURE_NONE) {
        printf("  signature  damaged\n");
        return;
    }
    const char *trusted = "";
    if (trust) {
        trusted = is_trusted(trust, verdict->key_digest) ? ", trusted" : ", NOT trusted";
    }
    printf("  signature  %s, %s%s\n             key digest %s\n",
           signature_scheme_name(verdict->scheme),
           verdict->is_right ? "right" : "WRONG: not over these bytes", trusted,
           trust_hex(verdict->key_digest, sizeof(verdict->key_digest), hex));
}

void record_report(const void *message, size_t len, const struct signature_record *records,
                   uint32_t count, const struct trust *trust, json_t *object)
{
    json_t *list = object ? json_array() : NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct signature_record_verdict verdict;
        signature_record_judge(message, len, &records[i], &verdict);
        if (list) {
            json_array_append_new(list, to_json(&verdict, trust));
        } else {
            print(&verdict, trust);
        }
    }
    if (object) {
        json_object_set_new(object, "signatures", list);
    } else if (count == 0) {
        printf("  signature  none\n");
    }
}
