#define _DEFAULT_SOURCE // realpath, open_memstream

#include "trust_words.h"

#include "trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signature_policy.h"

#define SETTINGS_MAX (1024u * 1024) // chosen: a generated sdkconfig has some 60 KiB

// ----------------------------------------------------------------------- keys

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool parse_hex(const char *word, uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    if (strlen(word) != 2u * SIGNATURE_KEY_DIGEST_LEN) {
        return false;
    }
    for (int i = 0; i < (int)SIGNATURE_KEY_DIGEST_LEN; i++) {
        int high = hex_digit(word[2 * i]);
        int low = hex_digit(word[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool trust_words_digest(const char *word, uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    struct cli_bytes file;
    if (parse_hex(word, digest)) {
        return true;
    }
    if (!cli_read_file(word, 64u * 1024, &file)) {
        return false;
    }
    bool fits = file.len == SIGNATURE_KEY_DIGEST_LEN;
    if (strstr((const char *)file.bytes, "-----BEGIN")) {
        struct trusted_key key;
        fits = trust_read_key(word, &(struct sign_secret){0}, &key);
        memcpy(digest, key.digest, SIGNATURE_KEY_DIGEST_LEN);
    } else if (fits) {
        memcpy(digest, file.bytes, SIGNATURE_KEY_DIGEST_LEN);
    } else {
        cli_report_failure("%s is no key digest: 32 bytes in a file, or 64 hexadecimal digits, are "
                           "needed",
                           word);
    }
    free(file.bytes);
    return fits;
}

const char *trust_words_hex(const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN], char out[65])
{
    for (uint32_t i = 0; i < SIGNATURE_KEY_DIGEST_LEN; i++) {
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
    return out;
}

// ----------------------------------------------------------------------- settings

const char *trust_words_mode(const struct signature_settings *settings)
{
    if (settings->secure_boot) {
        return "secure-boot";
    }
    return settings->on_boot ? "boot" : settings->on_update ? "update" : "none";
}

bool trust_words_take_mode(const char *word, struct signature_settings *settings)
{
    static const struct {
        const char *word;
        bool on_update;
        bool on_boot;
        bool secure_boot;
    } MODES[] = {
        {"none", false, false, false},
        {"update", true, false, false},
        {"boot", true, true, false},
        {"secure-boot", false, false, true},
    };
    for (size_t i = 0; i < sizeof(MODES) / sizeof(MODES[0]); i++) {
        if (strcmp(MODES[i].word, word) == 0) {
            settings->on_update = MODES[i].on_update;
            settings->on_boot = MODES[i].on_boot;
            settings->secure_boot = MODES[i].secure_boot;
            return true;
        }
    }
    return false;
}

static bool is_ours(const char *line, size_t len)
{
    static const char *const PREFIXES[] = {"CONFIG_SECURE_SIGNED_", "CONFIG_SECURE_BOOT="};
    for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(PREFIXES[0]); i++) {
        size_t prefix = strlen(PREFIXES[i]);
        if (len >= prefix && strncmp(line, PREFIXES[i], prefix) == 0) {
            return true;
        }
    }
    return len > 31 && strncmp(line, "CONFIG_SECURE_BOOT_ECDSA_KEY_LEN", 31) == 0;
}

static bool is_key_line(const char *line)
{
    static const char NAME[] = "CONFIG_SECURE_BOOT_VERIFICATION_KEY=";
    return strncmp(line, NAME, strlen(NAME)) == 0;
}

/** Copies the lines that are not replaced. */
static void copy_others(FILE *to, const char *text, bool has_new_key)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (len > 0 && !is_ours(text, len) && !(has_new_key && is_key_line(text))) {
            (void)fprintf(to, "%.*s\n", (int)len, text);
        }
        text += len + (text[len] == '\n');
    }
}

static void put_switch(FILE *to, const char *name, bool is_on)
{
    if (is_on) {
        (void)fprintf(to, "CONFIG_%s=y\n", name);
    }
}

static void put_settings(FILE *to, const struct signature_settings *settings)
{
    enum signature_scheme scheme = settings->scheme;
    bool is_ecdsa =
        scheme == SIGNATURE_P192 || scheme == SIGNATURE_P256 || scheme == SIGNATURE_P384;
    put_switch(to, "SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT", settings->on_update);
    put_switch(to, "SECURE_SIGNED_ON_BOOT_NO_SECURE_BOOT", settings->on_boot);
    put_switch(to, "SECURE_BOOT", settings->secure_boot);
    put_switch(to, "SECURE_SIGNED_DATA_PARTITION", settings->on_data);
    put_switch(to, "SECURE_SIGNED_APPS_ECDSA_SCHEME", scheme == SIGNATURE_V1);
    put_switch(to, "SECURE_SIGNED_APPS_RSA_SCHEME", scheme == SIGNATURE_RSA);
    put_switch(to, "SECURE_SIGNED_APPS_ECDSA_V2_SCHEME", is_ecdsa);
    put_switch(to, "SECURE_BOOT_ECDSA_KEY_LEN_192_BITS", scheme == SIGNATURE_P192);
    put_switch(to, "SECURE_BOOT_ECDSA_KEY_LEN_256_BITS", scheme == SIGNATURE_P256);
    put_switch(to, "SECURE_BOOT_ECDSA_KEY_LEN_384_BITS", scheme == SIGNATURE_P384);
}

/** The same file, whatever folder a later command runs in. @return false: said why */
static bool put_key(FILE *to, const char *v1_key)
{
    char *path = realpath(v1_key, NULL);
    if (!path) {
        cli_report_failure("%s cannot be read: %s", v1_key, strerror(errno));
        return false;
    }
    (void)fprintf(to, "CONFIG_SECURE_BOOT_VERIFICATION_KEY=\"%s\"\n", path);
    free(path);
    return true;
}

bool trust_words_save(const char *flash, const struct signature_settings *settings,
                      const char *v1_key)
{
    char path[4096];
    struct cli_bytes old = {0};
    char *text = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof(path), "%s.sdkconfig", flash);
    if (access(path, F_OK) == 0 && !cli_read_file(path, SETTINGS_MAX, &old)) {
        return false;
    }
    FILE *to = open_memstream(&text, &len);
    if (!to) {
        free(old.bytes);
        cli_report_failure("not enough memory");
        return false;
    }
    copy_others(to, old.bytes ? (const char *)old.bytes : "", v1_key != NULL);
    put_settings(to, settings);
    bool is_done = !v1_key || put_key(to, v1_key);
    is_done = fclose(to) == 0 && is_done && cli_write_file(path, text, len);
    free(text);
    free(old.bytes);
    return is_done;
}

// ----------------------------------------------------------------------- report

static json_t *digests_to_json(const uint8_t list[][SIGNATURE_KEY_DIGEST_LEN], uint32_t count,
                               uint16_t left_out)
{
    char hex[65];
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        if (!(left_out >> i & 1)) {
            json_array_append_new(array, json_string(trust_words_hex(list[i], hex)));
        }
    }
    return array;
}

static json_t *policy_to_json(const struct signature_policy *policy)
{
    return json_pack("{s:s, s:b, s:i, s:o}", "scheme", signature_scheme_name(policy->scheme),
                     "first_block_only", policy->first_block_only, "threshold",
                     policy->threshold > 1 ? policy->threshold : 1, "trusted",
                     digests_to_json(policy->trusted, policy->trusted_count, policy->revoked));
}

static json_t *store_to_json(const struct trust_record *record)
{
    return json_pack("{s:I, s:o, s:o, s:i, s:b, s:b, s:b, s:b, s:I, s:I}", "sequence",
                     (json_int_t)record->sequence, "trusted",
                     digests_to_json(record->trusted, record->trusted_count, 0), "revoked",
                     digests_to_json(record->revoked, record->revoked_count, 0), "threshold",
                     record->threshold > 1 ? record->threshold : 1, "rotate",
                     record->flags & TRUST_STORE_FLAG_ROTATE, "announced",
                     record->flags & TRUST_STORE_FLAG_ANNOUNCED, "same_project",
                     record->flags & TRUST_STORE_FLAG_PROJECT, "no_downgrade",
                     record->flags & TRUST_STORE_FLAG_VERSION, "min_size",
                     (json_int_t)record->min_len, "max_size", (json_int_t)record->max_len);
}

static void print_policy(const char *when, const struct signature_policy *policy)
{
    char hex[65];
    if (policy->scheme == SIGNATURE_NONE) {
        printf("%s  no signature is asked for\n", when);
        return;
    }
    printf("%s  %s%s, by %d trusted key%s\n", when, signature_scheme_name(policy->scheme),
           policy->first_block_only ? ", first block only" : "",
           policy->threshold > 1 ? policy->threshold : 1, policy->threshold > 1 ? "s" : "");
    for (uint32_t i = 0; i < policy->trusted_count; i++) {
        if (!(policy->revoked >> i & 1)) {
            printf("           trusts %s\n", trust_words_hex(policy->trusted[i], hex));
        }
    }
    if (policy->scheme != SIGNATURE_V1 && policy->trusted_count == 0) {
        printf("           trusts no key: nothing is accepted\n");
    }
}

static void print_store(const struct trust_record *record)
{
    char hex[65];
    printf("store      record %u: threshold %d, rotation %s, project %s, version %s\n",
           (unsigned)record->sequence, record->threshold > 1 ? record->threshold : 1,
           record->flags & TRUST_STORE_FLAG_ANNOUNCED ? "to announced keys"
           : record->flags & TRUST_STORE_FLAG_ROTATE  ? "on"
                                                      : "off",
           record->flags & TRUST_STORE_FLAG_PROJECT ? "must match" : "free",
           record->flags & TRUST_STORE_FLAG_VERSION ? "must not go down" : "free");
    if (record->min_len > 0 || record->max_len > 0) {
        printf("           images of %u to %u bytes (0: no limit)\n", (unsigned)record->min_len,
               (unsigned)record->max_len);
    }
    for (uint32_t i = 0; i < record->trusted_count; i++) {
        printf("           trusted %s\n", trust_words_hex(record->trusted[i], hex));
    }
    for (uint32_t i = 0; i < record->revoked_count; i++) {
        printf("           revoked %s\n", trust_words_hex(record->revoked[i], hex));
    }
}

int trust_words_report(const struct device *device, const char *flash)
{
    struct signature_policy at_update;
    struct signature_policy at_boot;
    struct trust_record record = {0};
    bool has_store = device->trust_address != BOOT_TRUST_ADDRESS_NONE;
    esp_err_t err = signature_policy_load(SIGNATURE_AT_UPDATE, &at_update);
    if (err == ESP_OK) {
        err = signature_policy_load(SIGNATURE_AT_BOOT, &at_boot);
    }
    if (err == ESP_OK && has_store) {
        err = trust_store_read(device->flash, device->trust_address, &record);
    }
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: its trust cannot be read", flash);
    }
    if (cli_is_json()) {
        json_t *root =
            json_pack("{s:s, s:s, s:b, s:o, s:o}", "signed", trust_words_mode(&device->signatures),
                      "scheme", signature_scheme_name(device->signatures.scheme), "signed_data",
                      device->signatures.on_data, "update", policy_to_json(&at_update), "boot",
                      policy_to_json(&at_boot));
        json_object_set_new(root, "store", has_store ? store_to_json(&record) : json_null());
        cli_print_json(root);
        return CLI_DONE;
    }
    printf("firmware   checks signatures: %s, scheme %s\n", trust_words_mode(&device->signatures),
           signature_scheme_name(device->signatures.scheme));
    print_policy("on update", &at_update);
    print_policy("at boot  ", &at_boot);
    if (!has_store) {
        printf("store      none: the partition table has no data partition \"%s\"\n",
               TRUST_STORE_LABEL);
    } else if (record.sequence == 0) {
        printf("store      empty\n");
    } else {
        print_store(&record);
    }
    return CLI_DONE;
}
