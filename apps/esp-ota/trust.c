#include "trust.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "efuse_keys.h"
#include "open_device.h"
#include "signature_policy.h"

#define KEY_FILE_MAX  65536u // chosen: far above any key
#define DIGEST_LEN_C2 16u    // fact: what ESP32-C2 keeps of a digest

const char *trust_hex(const uint8_t *bytes, uint32_t len, char out[65])
{
    out[0] = 0;
    for (uint32_t i = 0; i < len && i < SIGNATURE_KEY_DIGEST_LEN; i++) {
        (void)snprintf(out + (size_t)2 * i, 3, "%02x", bytes[i]); // two digits
    }
    return out;
}

// ----------------------------------------------------------------------- words that name keys

static bool parse_hex(const char *word, struct trusted_key *out)
{
    size_t len = strlen(word);
    if (len != 2u * SIGNATURE_KEY_DIGEST_LEN && len != 2u * DIGEST_LEN_C2) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isxdigit((unsigned char)word[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < len / 2; i++) {
        char digits[3] = {word[2 * i], word[2 * i + 1], 0};
        out->digest[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    out->digest_len = (uint32_t)(len / 2);
    return true;
}

static bool take_pem(const char *name, const struct cli_bytes *file,
                     const struct sign_secret *secret, struct trusted_key *out)
{
    struct sign_key *key = sign_key_parse_public(name, file, secret);
    if (!key) {
        return false;
    }
    const struct signature_key *numbers = sign_key_public(key);
    esp_err_t err = signature_key_digest(numbers, out->digest);
    out->scheme = numbers->scheme;
    out->digest_len = SIGNATURE_KEY_DIGEST_LEN;
    if (numbers->scheme == SIGNATURE_P256) {
        memcpy(out->v1_key, numbers->x, SIGNATURE_V1_KEY_LEN / 2);
        memcpy(out->v1_key + SIGNATURE_V1_KEY_LEN / 2, numbers->y, SIGNATURE_V1_KEY_LEN / 2);
    }
    sign_key_free(key);
    if (err != ESP_OK) {
        cli_report_error(err, "%s has no digest", name);
    }
    return err == ESP_OK;
}

static bool take_file(const char *name, const struct cli_bytes *file,
                      const struct sign_secret *secret, struct trusted_key *out)
{
    if (strstr((const char *)file->bytes, "-----BEGIN")) {
        return take_pem(name, file, secret, out);
    }
    if (file->len == SIGNATURE_KEY_DIGEST_LEN) {
        memcpy(out->digest, file->bytes, file->len);
        out->digest_len = SIGNATURE_KEY_DIGEST_LEN;
        return true;
    }
    if (file->len == SIGNATURE_V1_KEY_LEN) {
        memcpy(out->v1_key, file->bytes, file->len);
        out->scheme = SIGNATURE_V1;
        out->is_raw_v1 = true;
        return true;
    }
    cli_report_failure("%s is no key: neither PEM, nor a digest of 32 bytes, nor a v1 key of 64 "
                       "bytes",
                       name);
    return false;
}

bool trust_read_key(const char *word, const struct sign_secret *secret, struct trusted_key *out)
{
    struct cli_bytes file;
    memset(out, 0, sizeof(*out));
    if (parse_hex(word, out)) {
        return true;
    }
    if (!cli_read_file(word, KEY_FILE_MAX, &file)) {
        return false;
    }
    bool is_taken = take_file(word, &file, secret, out);
    memset(file.bytes, 0, file.len);
    free(file.bytes);
    return is_taken;
}

bool trust_add(struct trust *trust, const char *word)
{
    static const struct sign_secret ASK;
    if (trust->count == TRUST_MAX) {
        cli_report_failure("more than %d trusted keys", TRUST_MAX);
        return false;
    }
    return trust_read_key(word, &ASK, &trust->keys[trust->count]) && ++trust->count;
}

static bool add_efuses(struct trust *trust)
{
    for (uint32_t slot = 0; slot < efuse_key_slot_count() && trust->count < TRUST_MAX; slot++) {
        struct efuse_key_slot found;
        esp_err_t err = efuse_key_read(slot, &found);
        if (err != ESP_OK) {
            cli_report_error(err, "the eFuses cannot be read");
            return false;
        }
        if (found.is_present) {
            struct trusted_key *key = &trust->keys[trust->count++];
            *key = (struct trusted_key){.is_revoked = found.is_revoked,
                                        .digest_len = found.digest_len};
            memcpy(key->digest, found.digest, sizeof(key->digest));
        }
    }
    return true;
}

static void add_policy(struct trust *trust, const struct signature_policy *policy)
{
    uint32_t digest_len = policy->digest_len > 0 ? policy->digest_len : SIGNATURE_KEY_DIGEST_LEN;
    trust->threshold = policy->threshold;
    trust->first_block_only = policy->first_block_only;
    if (policy->scheme == SIGNATURE_V1 && trust->count < TRUST_MAX) {
        struct trusted_key *key = &trust->keys[trust->count++];
        *key = (struct trusted_key){.scheme = SIGNATURE_V1, .is_raw_v1 = true};
        memcpy(key->v1_key, policy->v1_key, sizeof(key->v1_key));
        return;
    }
    for (uint32_t i = 0; i < policy->trusted_count && trust->count < TRUST_MAX; i++) {
        struct trusted_key *key = &trust->keys[trust->count++];
        *key = (struct trusted_key){.scheme = policy->scheme,
                                    .is_revoked = policy->revoked >> i & 1,
                                    .digest_len = digest_len};
        memcpy(key->digest, policy->trusted[i], sizeof(key->digest));
    }
}

bool trust_add_device(struct trust *trust, const char *flash)
{
    struct device_options options = {.read_only = true, .is_chip_optional = true};
    struct signature_policy policy;
    struct device *device = open_device(flash, &options);
    if (!device) {
        return false;
    }
    esp_err_t err = device_start_application(device, NULL);
    if (err == ESP_OK) {
        err = signature_policy_load(SIGNATURE_AT_UPDATE, &policy);
    }
    bool is_added = err == ESP_OK;
    trust->is_device = true;
    if (err != ESP_OK) {
        cli_report_error(err, "%s: whom it trusts cannot be told", flash);
    } else if (policy.scheme == SIGNATURE_NONE) {
        is_added = add_efuses(trust);
    } else {
        add_policy(trust, &policy);
    }
    device_close(device);
    return is_added;
}

// ----------------------------------------------------------------------- policies

// A key on P-256 is taken for what the file is signed with.
static enum signature_scheme scheme_of_key(const struct trusted_key *key,
                                           const struct sign_file *found)
{
    bool is_v1 = found->scheme == SIGNATURE_V1 || found->kind == SIGN_TABLE;
    return key->scheme == SIGNATURE_P256 && is_v1 ? SIGNATURE_V1 : key->scheme;
}

static bool choose_scheme(const struct trust *trust, const struct sign_file *found,
                          enum signature_scheme *out)
{
    enum signature_scheme scheme = SIGNATURE_NONE;
    for (uint32_t i = 0; i < trust->count; i++) {
        enum signature_scheme own = scheme_of_key(&trust->keys[i], found);
        if (own == SIGNATURE_NONE) {
            continue;
        }
        if (scheme != SIGNATURE_NONE && scheme != own) {
            cli_report_failure("the trusted keys are for %s and for %s; a device takes one scheme",
                               signature_scheme_name(scheme), signature_scheme_name(own));
            return false;
        }
        scheme = own;
    }
    if (scheme == SIGNATURE_NONE) {
        bool is_v2 = signature_scheme_is_v2(found->scheme);
        scheme = is_v2 ? found->scheme : SIGNATURE_RSA; // unsigned, or v1: the digests fit nothing
    }
    *out = scheme;
    return true;
}

bool trust_policy(const struct trust *trust, const struct sign_file *found,
                  struct signature_policy *out)
{
    memset(out, 0, sizeof(*out));
    if (!choose_scheme(trust, found, &out->scheme)) {
        return false;
    }
    if (out->scheme == SIGNATURE_V1 && trust->count > 1) {
        cli_report_failure("a device with v1 trusts one key");
        return false;
    }
    out->threshold = (uint8_t)trust->threshold;
    out->covers_bootloader = true;
    out->digest_len = SIGNATURE_KEY_DIGEST_LEN;
    for (uint32_t i = 0; i < trust->count; i++) {
        const struct trusted_key *key = &trust->keys[i];
        if (out->scheme == SIGNATURE_V1) {
            memcpy(out->v1_key, key->v1_key, sizeof(out->v1_key));
            continue;
        }
        if (key->digest_len < out->digest_len) {
            out->digest_len = (uint8_t)key->digest_len;
        }
        out->revoked |= (uint16_t)(key->is_revoked << out->trusted_count);
        memcpy(out->trusted[out->trusted_count++], key->digest, sizeof(key->digest));
    }
    return true;
}

// ----------------------------------------------------------------------- reports

struct block_report {
    uint32_t index;
    enum signature_block_fault fault;
    enum signature_scheme scheme;
    bool is_right; // the signature is over these bytes
    const struct trusted_key *trusted;
    uint8_t key_digest[SIGNATURE_KEY_DIGEST_LEN];
};

static const struct trusted_key *find_trusted(const struct trust *trust, const uint8_t *digest)
{
    for (uint32_t i = 0; trust && i < trust->count; i++) {
        const struct trusted_key *key = &trust->keys[i];
        if (key->digest_len > 0 && memcmp(key->digest, digest, key->digest_len) == 0) {
            return key;
        }
    }
    return NULL;
}

// Whether block i is a signature of the file by the key that it brings along.
static bool is_block_right(const struct cli_bytes *file, const struct sign_file *found,
                           enum signature_scheme scheme, uint32_t index)
{
    struct signature_policy policy = {.scheme = scheme,
                                      .covers_bootloader = true,
                                      .checks_every_block = true,
                                      .digest_len = SIGNATURE_KEY_DIGEST_LEN,
                                      .trusted_count = 1};
    struct signature_result result = {0};
    (void)sign_file_verify(file, found, &policy, &result); // nothing is trusted: only right counts
    return result.right >> index & 1;
}

static struct block_report judge_block(const struct cli_bytes *file, const struct sign_file *found,
                                       const struct trust *trust, uint32_t index)
{
    struct block_report report = {.index = index, .fault = SIGNATURE_BLOCK_ABSENT};
    size_t at = (size_t)found->sector_offset + (size_t)index * SIGNATURE_BLOCK_LEN;
    if (at + SIGNATURE_BLOCK_LEN > file->len) {
        return report;
    }
    const uint8_t *bytes = file->bytes + at;
    report.scheme = signature_block_scheme(bytes);
    report.fault = signature_block_parse(
        bytes, report.scheme != SIGNATURE_NONE ? report.scheme : SIGNATURE_RSA, NULL);
    if (report.fault == SIGNATURE_BLOCK_OK) {
        signature_block_key_digest(bytes, report.scheme, report.key_digest);
        report.is_right = is_block_right(file, found, report.scheme, index);
        bool counts = !trust || !trust->first_block_only || index == 0;
        report.trusted = counts ? find_trusted(trust, report.key_digest) : NULL;
    }
    return report;
}

static const char *trust_word(const struct trust *trust, const struct block_report *report)
{
    if (!trust) {
        return "";
    }
    if (!report->trusted) {
        return ", NOT trusted";
    }
    return report->trusted->is_revoked ? ", REVOKED" : ", trusted";
}

static void print_block(const struct block_report *report, const struct trust *trust)
{
    char hex[65];
    if (report->fault != SIGNATURE_BLOCK_OK) {
        printf("  signature %u %s\n", (unsigned)report->index,
               signature_block_fault_text(report->fault));
        return;
    }
    printf("  signature %u %s, %s%s\n    key digest %s\n", (unsigned)report->index,
           signature_scheme_name(report->scheme),
           report->is_right ? "right" : "WRONG: not over these bytes", trust_word(trust, report),
           trust_hex(report->key_digest, SIGNATURE_KEY_DIGEST_LEN, hex));
}

static const char *curve_name(enum signature_scheme scheme)
{
    static const char *const NAMES[] = {[CRYPTO_CURVE_P192] = "P-192",
                                        [CRYPTO_CURVE_P256] = "P-256",
                                        [CRYPTO_CURVE_P384] = "P-384"};
    return signature_number_len(scheme) ? NAMES[signature_curve(scheme)] : NULL;
}

static json_t *block_to_json(const struct block_report *report, const struct trust *trust)
{
    char hex[65];
    bool is_block = report->fault == SIGNATURE_BLOCK_OK;
    json_t *object = json_pack(
        "{s:i, s:s, s:s?, s:b, s:b}", "block", (int)report->index, "scheme",
        signature_scheme_name(report->scheme), "curve", curve_name(report->scheme), "crc_ok",
        report->fault != SIGNATURE_BLOCK_BAD_CRC, "signature_ok", is_block && report->is_right);
    if (!is_block) {
        json_object_set_new(object, "text", json_string(signature_block_fault_text(report->fault)));
        return object;
    }
    json_object_set_new(
        object, "key_digest",
        json_string(trust_hex(report->key_digest, sizeof(report->key_digest), hex)));
    if (trust) {
        json_object_set_new(object, "trusted",
                            json_boolean(report->trusted && !report->trusted->is_revoked));
        json_object_set_new(object, "revoked",
                            json_boolean(report->trusted && report->trusted->is_revoked));
    }
    return object;
}

// A v1 signature brings no key along: without one nothing can be said about it.
static void report_v1(const struct cli_bytes *file, const struct sign_file *found,
                      const struct trust *trust, json_t *list)
{
    struct signature_policy policy = {0};
    struct signature_result result;
    bool is_known = false;
    bool is_right = false;
    for (uint32_t i = 0; trust && i < trust->count; i++) {
        const struct trusted_key *key = &trust->keys[i];
        if (key->scheme == SIGNATURE_P256 || key->scheme == SIGNATURE_V1) {
            policy.scheme = SIGNATURE_V1;
            memcpy(policy.v1_key, key->v1_key, sizeof(policy.v1_key));
            is_known = true;
            is_right |= sign_file_verify(file, found, &policy, &result) == IMAGE_OK;
        }
    }
    if (list) {
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:o}", "block", 0, "scheme", "v1",
                                              "curve", "P-256", "signature_ok",
                                              is_known ? json_boolean(is_right) : json_null()));
    } else {
        printf("  signature 0 v1, %s\n", !is_known  ? "give --trust KEY to check it"
                                         : is_right ? "right, trusted"
                                                    : "WRONG, or by another key");
    }
}

void trust_report(const struct cli_bytes *file, const struct sign_file *found,
                  const struct trust *trust, json_t *object)
{
    json_t *list = object ? json_array() : NULL;
    if (found->scheme == SIGNATURE_V1) {
        report_v1(file, found, trust, list);
    }
    for (uint32_t i = 0; found->kind != SIGN_TABLE && i < SIGNATURE_BLOCK_MAX; i++) {
        struct block_report report = judge_block(file, found, trust, i);
        bool is_silent = found->block_count == 0 ||
                         (report.fault == SIGNATURE_BLOCK_ABSENT && i >= found->block_count);
        if (is_silent) {
            continue;
        }
        if (list) {
            json_array_append_new(list, block_to_json(&report, trust));
        } else {
            print_block(&report, trust);
        }
    }
    if (object) {
        json_object_set_new(object, "signatures", list);
    } else if (found->scheme == SIGNATURE_NONE) {
        printf("  signatures  none\n");
    }
}
