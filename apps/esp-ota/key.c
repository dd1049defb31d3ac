// esp-ota key: keys to sign with. Private keys are written once, readable by their owner only, and never shown.
#define _DEFAULT_SOURCE

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sign_file.h"
#include "sign_key.h"
#include "trust.h"

#define IMAGE_FILE_MAX 0xF0000000u

enum { OPT_SCHEME = 256, OPT_RAW, OPT_PASSPHRASE_FILE };

struct request {
    enum signature_scheme scheme;
    const char *out;
    bool is_raw;
    struct sign_secret secret;
    const char *name;
};

static const struct option OPTIONS[] = {
    {"scheme", required_argument, NULL, OPT_SCHEME},
    {"raw", no_argument, NULL, OPT_RAW},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
    {"output", required_argument, NULL, 'o'},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int parse(int argc, char **argv, struct request *out)
{
    int option;
    *out = (struct request){0};
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_SCHEME) {
            out->scheme = signature_scheme_by_name(optarg);
            if (out->scheme == SIGNATURE_NONE || out->scheme == SIGNATURE_SCHEME_COUNT) {
                return cli_usage(
                    "--scheme is v1, rsa3072, ecdsa192, ecdsa256 or ecdsa384, not \"%s\"", optarg);
            }
        } else if (option == OPT_RAW) {
            out->is_raw = true;
        } else if (option == OPT_PASSPHRASE_FILE) {
            out->secret.file = optarg;
        } else {
            out->out = optarg;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    out->name = argv[optind];
    return CLI_DONE;
}

// ----------------------------------------------------------------------- generate

// The file appears under its name at once and only if nothing has that name; it is removed when it cannot be completed.
static bool write_private(const char *path, const struct cli_bytes *pem)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) {
        cli_report_failure(errno == EEXIST ? "%s exists; a private key is never overwritten"
                                           : "%s cannot be created: %s",
                           path, strerror(errno));
        return false;
    }
    bool is_written = fchmod(file, S_IRUSR | S_IWUSR) == 0 &&
                      write(file, pem->bytes, pem->len) == (ssize_t)pem->len && fsync(file) == 0;
    int number = errno;
    is_written = close(file) == 0 && is_written;
    if (!is_written) {
        cli_report_failure("%s cannot be written: %s", path, strerror(number));
        (void)unlink(path); // nothing usable is in it
    }
    return is_written;
}

static void forget(struct cli_bytes *secret)
{
    explicit_bzero(secret->bytes, secret->len);
    free(secret->bytes);
}

static void report_new(const struct request *r, const struct sign_key *key)
{
    uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
    char hex[65];
    if (signature_key_digest(sign_key_public(key), digest) != ESP_OK) {
        return; // a key that was just made has one
    }
    trust_hex(digest, sizeof(digest), hex);
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:o, s:s, s:s}", "file", cli_json_text(r->name, strlen(r->name)),
                                 "scheme", signature_scheme_name(r->scheme), "digest", hex));
    } else {
        cli_say("%s: a new private key for %s, key digest %s", r->name,
                signature_scheme_name(r->scheme), hex);
    }
}

static int run_generate(int argc, char **argv)
{
    struct request request;
    struct cli_bytes pem;
    int code = parse(argc, argv, &request);
    if (code != CLI_DONE) {
        return code;
    }
    if (request.scheme == SIGNATURE_NONE) {
        return cli_usage("--scheme is needed");
    }
    if (access(request.name, F_OK) == 0) {
        return cli_fail("%s exists; a private key is never overwritten", request.name);
    }
    struct sign_key *key = sign_key_generate(request.scheme);
    if (!key) {
        return CLI_FAILED;
    }
    code = CLI_FAILED;
    if (sign_key_private_pem(key, &request.secret, &pem)) {
        code = write_private(request.name, &pem) ? CLI_DONE : CLI_FAILED;
        forget(&pem);
    }
    if (code == CLI_DONE) {
        report_new(&request, key);
    }
    sign_key_free(key);
    return code;
}

const struct cli_command key_generate_command = {
    .name = "key generate",
    .summary = "make a private key to sign images with",
    .usage = "key generate --scheme rsa3072|ecdsa192|ecdsa256|ecdsa384|v1 [--passphrase-file F] "
             "OUT.pem",
    .help = "Writes a new private key (PEM, PKCS#8) that only its owner can read. An existing file "
            "is never replaced.\n\n"
            "  --scheme S           what it will sign: rsa3072, ecdsa192, ecdsa256, ecdsa384 or "
            "v1 (ESP32)\n"
            "  --passphrase-file F  encrypt it (AES-256) with the first line of F\n"
            "  --json               file, scheme, digest\n\n"
            "example:  esp-ota key generate --scheme rsa3072 release.pem\n",
    .run = run_generate,
};

// ----------------------------------------------------------------------- public

static bool make_raw(const struct request *r, const struct sign_key *key, struct cli_bytes *out)
{
    const struct signature_key *numbers = sign_key_public(key);
    if (numbers->scheme != SIGNATURE_P256) {
        cli_report_failure("%s: only keys on P-256 have the raw form of v1", r->name);
        return false;
    }
    out->bytes = malloc(SIGNATURE_V1_KEY_LEN);
    if (!out->bytes) {
        cli_report_failure("not enough memory");
        return false;
    }
    out->len = SIGNATURE_V1_KEY_LEN;
    memcpy(out->bytes, numbers->x, SIGNATURE_V1_KEY_LEN / 2);
    memcpy(out->bytes + SIGNATURE_V1_KEY_LEN / 2, numbers->y, SIGNATURE_V1_KEY_LEN / 2);
    return true;
}

static int run_public(int argc, char **argv)
{
    struct request request;
    struct cli_bytes result;
    int code = parse(argc, argv, &request);
    if (code != CLI_DONE) {
        return code;
    }
    struct sign_key *key = sign_key_load_public(request.name, &request.secret);
    if (!key) {
        return CLI_FAILED;
    }
    code = CLI_FAILED;
    if (request.is_raw ? make_raw(&request, key, &result) : sign_key_public_pem(key, &result)) {
        bool is_done = cli_write_file(request.out ? request.out : "-", result.bytes, result.len);
        code = is_done ? CLI_DONE : CLI_FAILED;
        free(result.bytes);
    }
    sign_key_free(key);
    return code;
}

const struct cli_command key_public_command = {
    .name = "key public",
    .summary = "the public half of a key",
    .usage = "key public [--raw] [--passphrase-file F] [-o OUT] KEY",
    .help = "Writes the public key of a PEM file, or of a key in a token (pkcs11: URI), as PEM.\n\n"
            "  --raw                64 bytes X, Y instead, as ESP32 firmware with v1 signatures "
            "holds it\n"
            "  --passphrase-file F  pass phrase of the key, in a file; asked for if not given\n"
            "  --output, -o OUT     where to; standard output if not given\n\n"
            "example:  esp-ota key public -o release_pub.pem release.pem\n",
    .run = run_public,
};

// ----------------------------------------------------------------------- digest

struct digests {
    uint32_t count;
    enum signature_scheme scheme;
    uint8_t of[SIGNATURE_BLOCK_MAX][SIGNATURE_KEY_DIGEST_LEN];
};

static bool digests_of_image(const struct request *r, const struct cli_bytes *file,
                             struct digests *out)
{
    struct sign_file found;
    if (!sign_file_examine(r->name, file, false, &found)) {
        return false;
    }
    out->scheme = found.scheme;
    for (uint32_t i = 0; found.block_count > 0 && i < SIGNATURE_BLOCK_MAX; i++) {
        size_t at = (size_t)found.sector_offset + (size_t)i * SIGNATURE_BLOCK_LEN;
        if (at + SIGNATURE_BLOCK_LEN <= file->len &&
            signature_block_parse(file->bytes + at, found.scheme, NULL) == SIGNATURE_BLOCK_OK) {
            signature_block_key_digest(file->bytes + at, found.scheme, out->of[out->count++]);
        }
    }
    if (out->count == 0) {
        cli_report_failure("%s is neither a key nor a file with v2 signatures", r->name);
    }
    return out->count > 0;
}

static bool digest_of_key(struct sign_key *key, struct digests *out)
{
    if (!key) {
        return false;
    }
    out->scheme = sign_key_public(key)->scheme;
    out->count = signature_key_digest(sign_key_public(key), out->of[0]) == ESP_OK;
    sign_key_free(key);
    if (out->count == 0) {
        cli_report_failure("the key has a form that no signature block can hold");
    }
    return out->count > 0;
}

static bool find_digests(const struct request *r, struct digests *out)
{
    struct cli_bytes file;
    if (strncmp(r->name, "pkcs11:", 7) == 0) {
        return digest_of_key(sign_key_load_public(r->name, &r->secret), out);
    }
    if (!cli_read_file(r->name, IMAGE_FILE_MAX, &file)) {
        return false;
    }
    bool is_pem = file.len < 65536 && strstr((const char *)file.bytes, "-----BEGIN");
    bool is_found = is_pem ? digest_of_key(sign_key_parse_public(r->name, &file, &r->secret), out)
                           : digests_of_image(r, &file, out);
    forget(&file);
    return is_found;
}

static void print_digests(const struct request *r, const struct digests *digests)
{
    char hex[65];
    json_t *list = json_array();
    for (uint32_t i = 0; i < digests->count; i++) {
        trust_hex(digests->of[i], SIGNATURE_KEY_DIGEST_LEN, hex);
        json_array_append_new(list, json_string(hex));
        if (!cli_is_json()) {
            printf("%s\n", hex);
        }
    }
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:o, s:s, s:o}", "file", cli_json_text(r->name, strlen(r->name)),
                                 "scheme", signature_scheme_name(digests->scheme), "digests",
                                 list));
    } else {
        json_decref(list);
    }
}

static int run_digest(int argc, char **argv)
{
    struct request request;
    struct digests digests = {0};
    int code = parse(argc, argv, &request);
    if (code != CLI_DONE) {
        return code;
    }
    if (!find_digests(&request, &digests)) {
        return CLI_FAILED;
    }
    if (request.out) {
        return cli_write_file(request.out, digests.of,
                              (size_t)digests.count * SIGNATURE_KEY_DIGEST_LEN)
                   ? CLI_DONE
                   : CLI_FAILED;
    }
    print_digests(&request, &digests);
    return CLI_DONE;
}

const struct cli_command key_digest_command = {
    .name = "key digest",
    .summary = "the digest by which a device knows a key",
    .usage = "key digest [--passphrase-file F] [-o OUT] [--json] KEY|SIGNED",
    .help = "Prints the SHA-256 that is burnt into eFuses: of a key (PEM, private or public, or a "
            "pkcs11: URI), or of\n"
            "each signature of a signed file. ESP32-C2 keeps the first 16 bytes of it.\n\n"
            "  --passphrase-file F  pass phrase of the key, in a file; asked for if not given\n"
            "  --output, -o OUT     write the 32 bytes instead of printing them\n"
            "  --json               file, scheme, digests\n\n"
            "example:  esp-ota key digest release.pem\n",
    .run = run_digest,
};
