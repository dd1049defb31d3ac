// esp-ota image sign: a signature of a file, as espsecure makes it. The file is made whole in memory and written at the end.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "sign_file.h"
#include "sign_key.h"

#define FILE_MAX 0xF0000000u // what 32-bit offsets reach, with room for a sector

struct signing {
    const char *in;
    const char *out;
    const char *keys[SIGNATURE_BLOCK_MAX];
    uint32_t key_count;
    enum signature_scheme scheme; // NONE: as the key says
    struct sign_secret secret;
    bool appends;
    bool is_data;
    bool is_forced;
    // loaded
    struct cli_bytes file;
    struct sign_file found;
    struct sign_key *loaded[SIGNATURE_BLOCK_MAX];
    struct cli_bytes result;
};

// ----------------------------------------------------------------------- checks

static bool load_keys(struct signing *s)
{
    for (uint32_t i = 0; i < s->key_count; i++) {
        s->loaded[i] = sign_key_load(s->keys[i], &s->secret);
        if (!s->loaded[i]) {
            return false;
        }
    }
    return true;
}

// A key on P-256 makes v1 signatures for tables and for the chip that knows no other use of it.
static enum signature_scheme natural_scheme(const struct signing *s)
{
    enum signature_scheme scheme = sign_key_public(s->loaded[0])->scheme;
    bool is_v1 =
        s->found.kind == SIGN_TABLE || (s->found.chip && s->found.chip->id == ESP_CHIP_ID_ESP32);
    return scheme == SIGNATURE_P256 && is_v1 ? SIGNATURE_V1 : scheme;
}

static bool is_key_for(const struct sign_key *key, enum signature_scheme scheme)
{
    enum signature_scheme own = sign_key_public(key)->scheme;
    return own == scheme || (own == SIGNATURE_P256 && scheme == SIGNATURE_V1);
}

static bool check_keys(const struct signing *s)
{
    for (uint32_t i = 0; i < s->key_count; i++) {
        if (!is_key_for(s->loaded[i], s->scheme)) {
            cli_report_failure(
                "%s is a key for %s, the signature is %s; all of one file have one scheme",
                s->keys[i], signature_scheme_name(sign_key_public(s->loaded[i])->scheme),
                signature_scheme_name(s->scheme));
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (memcmp(sign_key_public(s->loaded[i]), sign_key_public(s->loaded[k]),
                       sizeof(struct signature_key)) == 0) {
                cli_report_failure("%s and %s are the same key", s->keys[k], s->keys[i]);
                return false;
            }
        }
    }
    return true;
}

static bool check_scheme(const struct signing *s)
{
    char problem[160];
    const char *reason = sign_file_scheme_problem(s->found.chip, s->scheme, problem);
    if (reason && !s->is_forced) {
        cli_report_failure("%s: %s (--force signs all the same)", s->in, reason);
        return false;
    }
    if (s->found.kind == SIGN_TABLE && s->scheme != SIGNATURE_V1) {
        cli_report_failure("%s: partition tables are signed only with v1; --data signs any bytes",
                           s->in);
        return false;
    }
    return true;
}

static bool check_present(const struct signing *s)
{
    const struct sign_file *found = &s->found;
    if (found->scheme == SIGNATURE_NONE) {
        if (s->appends) {
            cli_report_failure("%s is not signed yet; leave --append out", s->in);
        }
        return !s->appends;
    }
    if (found->scheme == SIGNATURE_V1) {
        cli_report_failure("%s is signed already, and a v1 signature stands alone", s->in);
        return false;
    }
    if (!s->appends) {
        cli_report_failure("%s is signed already (%s, %u of 3); --append adds to that", s->in,
                           signature_scheme_name(found->scheme), (unsigned)found->block_count);
        return false;
    }
    if (found->scheme != s->scheme) {
        cli_report_failure("%s is signed with %s; a %s signature cannot be added to that", s->in,
                           signature_scheme_name(found->scheme), signature_scheme_name(s->scheme));
        return false;
    }
    return true;
}

static bool check_count(const struct signing *s)
{
    uint32_t max = sign_file_block_max(s->found.chip, s->scheme);
    uint32_t wanted = s->key_count + s->found.block_count;
    if (wanted <= max ||
        (s->is_forced && signature_scheme_is_v2(s->scheme) && wanted <= SIGNATURE_BLOCK_MAX)) {
        return true;
    }
    cli_report_failure("%s would have %u signatures; %s%s takes %u", s->in, (unsigned)wanted,
                       s->found.chip && max == 1 ? s->found.chip->name : "a file",
                       signature_scheme_is_v2(s->scheme) ? "" : " with v1", (unsigned)max);
    return false;
}

// The device looks for the signature behind the image, so nothing else may stand there.
static bool check_end(const struct signing *s)
{
    const struct sign_file *found = &s->found;
    size_t end = signature_scheme_is_v2(s->scheme) ? found->sector_offset : found->content_len;
    end += found->block_count > 0 ? SIGNATURE_SECTOR_LEN : 0;
    bool is_end = found->kind != SIGN_IMAGE || s->file.len <= end;
    for (size_t i = end; !is_end && i < s->file.len && s->file.bytes[i] == 0xFF; i++) {
        is_end = i + 1 == s->file.len;
    }
    if (!is_end) {
        cli_report_failure(
            "%s: behind the image, where the device looks for the signature (0x%zx), "
            "stand other bytes",
            s->in, end);
    }
    return is_end;
}

// ----------------------------------------------------------------------- signing

static bool start_result(struct signing *s)
{
    bool is_v2 = signature_scheme_is_v2(s->scheme);
    size_t end = is_v2 ? s->found.sector_offset : s->found.content_len;
    s->result.len = end + (is_v2 ? SIGNATURE_SECTOR_LEN : SIGNATURE_V1_LEN);
    s->result.bytes = malloc(s->result.len);
    if (!s->result.bytes) {
        cli_report_failure("%s: not enough memory", s->in);
        return false;
    }
    memset(s->result.bytes, 0xFF, s->result.len);
    size_t kept = s->found.block_count > 0 ? end + SIGNATURE_SECTOR_LEN : end;
    memcpy(s->result.bytes, s->file.bytes, s->file.len < kept ? s->file.len : kept);
    return true;
}

static bool sign_v1(struct signing *s, const uint8_t *digest)
{
    struct signature_value value;
    if (!sign_key_sign(s->loaded[0], SIGNATURE_V1, digest, &value)) {
        return false;
    }
    signature_v1_encode(&value, s->result.bytes + s->found.content_len);
    return true;
}

// The bytes of block i; what was there counts only if it is a signature of these bytes by another key.
static bool check_old_block(const struct signing *s, const uint8_t *bytes, const uint8_t *digest,
                            bool *is_free)
{
    struct signature_block block;
    enum signature_block_fault fault = signature_block_parse(bytes, s->scheme, &block);
    *is_free = fault == SIGNATURE_BLOCK_ABSENT;
    if (*is_free) {
        return true;
    }
    if (fault != SIGNATURE_BLOCK_OK) {
        cli_report_failure("%s: its signature sector is damaged: %s", s->in,
                           signature_block_fault_text(fault));
        return false;
    }
    if (memcmp(block.image_digest, digest, signature_digest_len(s->scheme)) != 0) {
        cli_report_failure("%s was changed after it was signed; sign the unsigned file", s->in);
        return false;
    }
    for (uint32_t i = 0; i < s->key_count; i++) {
        if (memcmp(&block.key, sign_key_public(s->loaded[i]), sizeof(block.key)) == 0) {
            cli_report_failure("%s is signed with %s already", s->in, s->keys[i]);
            return false;
        }
    }
    return true;
}

static bool sign_block(struct signing *s, uint32_t key, const uint8_t *digest, uint8_t *bytes)
{
    struct signature_block block = {.key = *sign_key_public(s->loaded[key])};
    memcpy(block.image_digest, digest, signature_digest_len(s->scheme));
    if (!sign_key_sign(s->loaded[key], s->scheme, digest, &block.value)) {
        return false;
    }
    esp_err_t err = signature_block_encode(&block, bytes);
    if (err != ESP_OK) {
        cli_report_error(err, "%s: a key of this form has no block", s->keys[key]);
    }
    return err == ESP_OK;
}

static bool sign_v2(struct signing *s, const uint8_t *digest)
{
    uint32_t next = 0;
    bool is_free[SIGNATURE_BLOCK_MAX];
    uint8_t *sector = s->result.bytes + s->found.sector_offset;
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        if (!check_old_block(s, sector + (size_t)i * SIGNATURE_BLOCK_LEN, digest, &is_free[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX && next < s->key_count; i++) {
        if (is_free[i] &&
            !sign_block(s, next++, digest, sector + (size_t)i * SIGNATURE_BLOCK_LEN)) {
            return false;
        }
    }
    return true;
}

static bool sign(struct signing *s)
{
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    if (!start_result(s)) {
        return false;
    }
    sign_file_digest(&s->file, &s->found, s->scheme, digest);
    return signature_scheme_is_v2(s->scheme) ? sign_v2(s, digest) : sign_v1(s, digest);
}

// ----------------------------------------------------------------------- result

static void report(const struct signing *s)
{
    uint32_t count = s->found.block_count + s->key_count;
    size_t at = signature_scheme_is_v2(s->scheme) ? s->found.sector_offset : s->found.content_len;
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:o, s:s, s:I, s:I, s:I}", "file",
                                 cli_json_text(s->out, strlen(s->out)), "scheme",
                                 signature_scheme_name(s->scheme), "signatures", (json_int_t)count,
                                 "offset", (json_int_t)at, "length", (json_int_t)s->result.len));
    } else {
        cli_say("%s: %s, %u signature%s at 0x%zx, %zu bytes", s->out,
                signature_scheme_name(s->scheme), (unsigned)count, count == 1 ? "" : "s", at,
                s->result.len);
    }
}

static bool prepare(struct signing *s)
{
    if (!cli_read_file(s->in, FILE_MAX, &s->file) ||
        !sign_file_examine(s->in, &s->file, s->is_data, &s->found) || !load_keys(s)) {
        return false;
    }
    if (s->scheme == SIGNATURE_NONE) {
        s->scheme = s->appends && s->found.scheme != SIGNATURE_NONE &&
                            is_key_for(s->loaded[0], s->found.scheme)
                        ? s->found.scheme
                        : natural_scheme(s);
    }
    return check_keys(s) && check_scheme(s) && check_present(s) && check_count(s) && check_end(s);
}

static int run_signing(struct signing *s)
{
    bool is_done = prepare(s) && sign(s) && cli_write_file(s->out, s->result.bytes, s->result.len);
    if (is_done && strcmp(s->out, "-") != 0) {
        report(s);
    }
    for (uint32_t i = 0; i < s->key_count; i++) {
        sign_key_free(s->loaded[i]);
    }
    free(s->file.bytes);
    free(s->result.bytes);
    return is_done ? CLI_DONE : CLI_FAILED;
}

// ----------------------------------------------------------------------- command line

enum { OPT_KEY = 256, OPT_SCHEME, OPT_APPEND, OPT_DATA, OPT_FORCE, OPT_PASSPHRASE_FILE };

static const struct option OPTIONS[] = {
    {"key", required_argument, NULL, OPT_KEY},
    {"scheme", required_argument, NULL, OPT_SCHEME},
    {"append", no_argument, NULL, OPT_APPEND},
    {"data", no_argument, NULL, OPT_DATA},
    {"force", no_argument, NULL, OPT_FORCE},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
    {"output", required_argument, NULL, 'o'},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int take_option(int option, struct signing *s)
{
    switch (option) {
    case OPT_KEY:
        if (s->key_count == SIGNATURE_BLOCK_MAX) {
            return cli_usage("a file takes at most 3 signatures");
        }
        s->keys[s->key_count++] = optarg;
        return CLI_DONE;
    case OPT_SCHEME:
        s->scheme = signature_scheme_by_name(optarg);
        return s->scheme != SIGNATURE_NONE && s->scheme != SIGNATURE_SCHEME_COUNT
                   ? CLI_DONE
                   : cli_usage(
                         "--scheme is v1, rsa3072, ecdsa192, ecdsa256 or ecdsa384, not \"%s\"",
                         optarg);
    case OPT_APPEND:
        s->appends = true;
        return CLI_DONE;
    case OPT_DATA:
        s->is_data = true;
        return CLI_DONE;
    case OPT_FORCE:
        s->is_forced = true;
        return CLI_DONE;
    case OPT_PASSPHRASE_FILE:
        s->secret.file = optarg;
        return CLI_DONE;
    case 'o':
        s->out = optarg;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int run(int argc, char **argv)
{
    static struct signing signing; // one process, one file
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, &signing);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    if (signing.key_count == 0) {
        return cli_usage("--key KEY is needed");
    }
    if (!signing.out) {
        return cli_usage("-o FILE is needed");
    }
    signing.in = argv[optind];
    return run_signing(&signing);
}

const struct cli_command image_sign_command = {
    .name = "image sign",
    .summary = "sign an image, a partition table or data, as espsecure does",
    .usage = "image sign --key KEY [--key KEY]... [--scheme S] [--append] [--data] "
             "[--passphrase-file F] -o OUT IN",
    .help =
        "Signs IN for Secure Boot, or for the check on update without it. The scheme follows from "
        "the key: RSA-3072,\n"
        "P-192, P-256 or P-384 make a v2 signature sector behind the image, padded to 4096 with "
        "0xFF; P-256 makes a\n"
        "v1 signature of ESP32 images and of partition tables. Refused, with a reason: what the "
        "image's chip cannot\n"
        "verify, a fourth signature, a second scheme, an image that is not valid.\n\n"
        "  --key KEY            private key: a PEM file, or a pkcs11: URI of a key in a token; up "
        "to three times\n"
        "  --scheme S           v1, rsa3072, ecdsa192, ecdsa256, ecdsa384\n"
        "  --append             add to the signatures that are there\n"
        "  --data               the bytes are those of a data partition, whatever they look like\n"
        "  --passphrase-file F  pass phrase of the key or PIN of the token, in a file; asked for "
        "if not given\n"
        "  --force              sign also what the chip cannot verify\n"
        "  --output, -o OUT     the signed file; it may be IN\n"
        "  --json               file, scheme, signatures, offset, length\n\n"
        "example:  esp-ota image sign --key release.pem --key backup.pem -o v2.signed.bin v2.bin\n",
    .run = run,
};
