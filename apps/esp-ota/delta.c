// esp-ota delta create, apply and info: patches between two firmware files.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "delta_encoder.h"
#include "delta_sign.h"
#include "esp_delta_ota.h"
#include "chip_traits.h"
#include "image_file.h"
#include "progress.h"

#define JSON_REAL(x) json_real((double)(int64_t)((x)*1000) / 1000)

static const char *const CLASS_NAMES[] = {"", "4K", "16K", "64K"};

// ----------------------------------------------------------------------- shared

static struct delta_file as_file(const struct cli_bytes *file)
{
    return (struct delta_file){file->bytes, file->len};
}

// What a device with this image has as its digest: the appended one, else that of the whole file.
static void base_digest(const struct cli_bytes *file, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct image_wish wish = {.flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_rules rules = image_file_rules(&wish, file);
    struct image_info info;
    if (image_file_verify(file, &rules, &info) == IMAGE_OK && info.has_digest) {
        memcpy(digest, info.digest, CRYPTO_SHA256_LEN);
        return;
    }
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file->bytes, file->len);
    esp_crypto.sha256_end(&hash, digest);
}

// ----------------------------------------------------------------------- create

struct create {
    enum esp_delta_class ram_class;
    bool excludes_streams;
    bool is_legacy;
    const char *old_path;
    const char *new_path;
    const char *out_path;
    struct cli_bytes old_file;
    struct cli_bytes new_file;
    uint8_t *patch;
    size_t patch_len;
    struct delta_account account;
    double seconds;
    struct record_signer signer;
};

static esp_err_t make_patch(struct create *c)
{
    struct delta_file old_file = as_file(&c->old_file);
    struct delta_file new_file = as_file(&c->new_file);
    if (!c->is_legacy) {
        return delta_encode(&old_file, &new_file, c->ram_class, !c->excludes_streams, &c->patch,
                            &c->patch_len, &c->account);
    }
    uint8_t digest[CRYPTO_SHA256_LEN];
    base_digest(&c->old_file, digest);
    return delta_encode_legacy(&old_file, &new_file, digest, &c->patch, &c->patch_len);
}

static void report_created(const struct create *c)
{
    double share = c->new_file.len > 0 ? 100.0 * (double)c->patch_len / (double)c->new_file.len : 0;
    if (!cli_is_json()) {
        char size[32];
        cli_say("%s: %zu bytes, %.2f %% of %s, made in %.1f s", c->out_path, c->patch_len, share,
                cli_size_text(c->new_file.len, size), c->seconds);
        return;
    }
    json_t *root = json_object();
    json_object_set_new(root, "kind", json_string(c->is_legacy ? "legacy" : "delta"));
    json_object_set_new(root, "bytes", json_integer((json_int_t)c->patch_len));
    json_object_set_new(root, "old_size", json_integer((json_int_t)c->old_file.len));
    json_object_set_new(root, "new_size", json_integer((json_int_t)c->new_file.len));
    json_object_set_new(root, "seconds", JSON_REAL(c->seconds));
    if (!c->is_legacy) {
        json_t *account = json_object();
        json_object_set_new(account, "map", JSON_REAL(c->account.map));
        json_object_set_new(account, "operations", JSON_REAL(c->account.operations));
        json_object_set_new(account, "literals", JSON_REAL(c->account.literals));
        json_object_set_new(account, "corrections", JSON_REAL(c->account.corrections));
        json_object_set_new(account, "streams", JSON_REAL(c->account.streams));
        json_object_set_new(root, "account", account);
        json_object_set_new(root, "operation_count", json_integer(c->account.operation_count));
        json_object_set_new(root, "literal_count", json_integer(c->account.literal_count));
    }
    cli_print_json(root);
}

static bool sign_patch(struct create *c)
{
    struct cli_bytes patch = {c->patch, c->patch_len};
    bool is_signed = c->signer.count == 0 || delta_sign(&c->signer, &patch);
    c->patch = patch.bytes;
    c->patch_len = patch.len;
    return is_signed;
}

static int create_patch(struct create *c)
{
    if (!record_signer_load(&c->signer) ||
        !cli_read_file(c->old_path, DELTA_FILE_MAX, &c->old_file) ||
        !cli_read_file(c->new_path, DELTA_FILE_MAX, &c->new_file)) {
        return CLI_FAILED;
    }
    double started = progress_now();
    esp_err_t err = make_patch(c);
    c->seconds = progress_now() - started;
    if (err != ESP_OK) {
        return cli_fail_with(err, "no patch from %s to %s could be made", c->old_path, c->new_path);
    }
    if (!sign_patch(c) || !cli_write_file(c->out_path, c->patch, c->patch_len)) {
        return CLI_FAILED;
    }
    report_created(c);
    return CLI_DONE;
}

static bool parse_class(const char *text, enum esp_delta_class *ram_class)
{
    for (int i = ESP_DELTA_4K; i <= ESP_DELTA_64K; i++) {
        if (strcmp(text, CLASS_NAMES[i]) == 0) {
            *ram_class = (enum esp_delta_class)i;
            return true;
        }
    }
    return false;
}

enum { OPT_RAM = 256, OPT_LEGACY, OPT_NO_STREAMS, OPT_KEY, OPT_PASSPHRASE_FILE, OPT_TRUST };

static int take_create_option(int option, struct create *create, bool *has_class)
{
    switch (option) {
    case OPT_RAM:
        *has_class = true;
        return parse_class(optarg, &create->ram_class)
                   ? CLI_DONE
                   : cli_usage("--ram is 4K, 16K or 64K, not \"%s\"", optarg);
    case OPT_LEGACY:
        create->is_legacy = true;
        return CLI_DONE;
    case OPT_NO_STREAMS:
        create->excludes_streams = true;
        return CLI_DONE;
    case OPT_KEY:
        return record_signer_add(&create->signer, optarg);
    case OPT_PASSPHRASE_FILE:
        create->signer.secret.file = optarg;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int run_create(int argc, char **argv)
{
    static const struct option options[] = {
        {"ram", required_argument, NULL, OPT_RAM},
        {"legacy", no_argument, NULL, OPT_LEGACY},
        {"no-streams", no_argument, NULL, OPT_NO_STREAMS},
        {"key", required_argument, NULL, OPT_KEY},
        {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
        {"json", no_argument, NULL, CLI_OPTION_JSON},
        {0}};
    struct create create = {.ram_class = ESP_DELTA_64K};
    bool has_class = false;
    int option;
    while ((option = cli_next_option(argc, argv, options)) != CLI_END) {
        int code = take_create_option(option, &create, &has_class);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 3, 3)) {
        return CLI_USAGE;
    }
    if (create.is_legacy && has_class) {
        return cli_usage(
            "--ram and --legacy exclude each other: legacy patches always need about 1 KB");
    }
    if (create.is_legacy && create.excludes_streams) {
        return cli_usage("--no-streams and --legacy exclude each other: legacy patches never look "
                         "into compressed pages");
    }
    if (create.is_legacy && create.signer.count > 0) {
        return cli_usage("--key and --legacy exclude each other: legacy patches have no room for a "
                         "signature");
    }
    create.old_path = argv[optind];
    create.new_path = argv[optind + 1];
    create.out_path = argv[optind + 2];
    int code = create_patch(&create);
    record_signer_free(&create.signer);
    free(create.old_file.bytes);
    free(create.new_file.bytes);
    free(create.patch);
    return code;
}

const struct cli_command delta_create_command = {
    .name = "delta create",
    .summary = "make a patch that turns one firmware file into another",
    .usage = "delta create OLD NEW OUT [--ram 4K|16K|64K] [--no-streams] [--key KEY]... [--legacy] "
             "[--json]",
    .help =
        "The patch is for devices that run OLD, to the byte. esp-ota update applies it.\n\n"
        "  OUT            where it goes; \"-\": standard output\n"
        "  --ram 4K|16K|64K\n"
        "                 memory that the device may spend on applying it; more makes smaller "
        "patches. 64K if not given\n"
        "  --no-streams   do not look into compressed pages: for devices built without that part\n"
        "  --key KEY      signs the patch, for devices that ask for it (update --trust): a PEM "
        "file or a pkcs11:\n"
        "                 URI; up to three times\n"
        "  --passphrase-file F\n"
        "                 pass phrase of the key or PIN of the token, in a file\n"
        "  --legacy       Espressif's kind, for devices with the component esp_delta_ota\n"
        "  --json         kind, bytes, old_size, new_size, seconds; and where the bytes go\n\n"
        "example:  esp-ota delta create v1.bin v2.bin v1-v2.patch\n",
    .run = run_create,
};

// ----------------------------------------------------------------------- apply

static int apply_patch(char **paths, const struct trust *trust)
{
    struct cli_bytes old_file = {0};
    struct cli_bytes patch = {0};
    uint8_t *made = NULL;
    size_t made_len = 0;
    int code = CLI_FAILED;
    if (cli_read_file(paths[0], DELTA_FILE_MAX, &old_file) &&
        cli_read_file(paths[1], DELTA_FILE_MAX, &patch) &&
        (trust->count == 0 || delta_check_trust(paths[1], &patch, trust))) {
        struct delta_file base = as_file(&old_file);
        uint8_t digest[CRYPTO_SHA256_LEN];
        base_digest(&old_file, digest);
        esp_err_t err = delta_apply(&base, digest, patch.bytes, patch.len, &made, &made_len);
        if (err == ESP_ERR_INVALID_VERSION) {
            code = cli_fail_with(err, "%s does not belong to %s", paths[1], paths[0]);
        } else if (err != ESP_OK) {
            code = cli_fail_with(err, "%s cannot be applied to %s", paths[1], paths[0]);
        } else if (cli_write_file(paths[2], made, made_len)) {
            cli_say("%s: %zu bytes", paths[2], made_len);
            code = CLI_DONE;
        }
    }
    free(old_file.bytes);
    free(patch.bytes);
    free(made);
    return code;
}

// The options of apply and info. @return an enum cli_exit
static int take_trust(int argc, char **argv, const struct option *options, int arguments,
                      struct trust *trust)
{
    int option;
    while ((option = cli_next_option(argc, argv, options)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (!trust_add(trust, optarg)) {
            return CLI_FAILED;
        }
    }
    return cli_check_arguments(argc, arguments, arguments) ? CLI_DONE : CLI_USAGE;
}

static int run_apply(int argc, char **argv)
{
    static const struct option options[] = {{"trust", required_argument, NULL, OPT_TRUST}, {0}};
    struct trust trust = {0};
    int code = take_trust(argc, argv, options, 3, &trust);
    return code == CLI_DONE ? apply_patch(argv + optind, &trust) : code;
}

const struct cli_command delta_apply_command = {
    .name = "delta apply",
    .summary = "apply a patch to a firmware file, as a device would",
    .usage = "delta apply OLD PATCH OUT [--trust KEY]...",
    .help = "Both kinds of patches are told apart by their first bytes. OUT is written only when "
            "it is the "
            "image that\n"
            "the patch announces (legacy patches announce none).\n\n"
            "  OUT            where it goes; \"-\": standard output\n"
            "  --trust KEY    refuses patches that this key has not signed: a PEM file or a "
            "digest; once or more\n\n"
            "example:  esp-ota delta apply v1.bin v1-v2.patch v2.bin\n",
    .run = run_apply,
};

// ----------------------------------------------------------------------- info

static void hex_of(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        (void)sprintf(out + 2 * i, "%02x", bytes[i]);
    }
}

static int print_patch(const char *path, const struct cli_bytes *file,
                       const struct esp_delta_patch *patch, const struct trust *trust)
{
    size_t len = file->len;
    trust = trust->count > 0 ? trust : NULL;
    char old_digest[2 * ESP_DELTA_PATCH_DIGEST_LEN + 1];
    char new_digest[2 * ESP_DELTA_PATCH_DIGEST_LEN + 1];
    size_t memory = esp_delta_patch_memory(patch);
    const char *chip =
        patch->chip_id == ESP_DELTA_PATCH_NO_CHIP ? "none" : chip_name(patch->chip_id);
    hex_of(patch->old_digest, sizeof(patch->old_digest), old_digest);
    hex_of(patch->new_digest, sizeof(patch->new_digest), new_digest);
    if (cli_is_json()) {
        json_t *root = json_object();
        json_object_set_new(root, "kind", json_string("delta"));
        json_object_set_new(root, "bytes", json_integer((json_int_t)len));
        json_object_set_new(root, "chip", json_string(chip));
        json_object_set_new(root, "ram_class", json_string(CLASS_NAMES[patch->ram_class]));
        json_object_set_new(root, "streams", json_boolean(patch->has_deflate));
        json_object_set_new(root, "memory", json_integer((json_int_t)memory));
        json_object_set_new(root, "old_size", json_integer(patch->old_size));
        json_object_set_new(root, "new_size", json_integer(patch->new_size));
        json_object_set_new(root, "body_size", json_integer(patch->body_size));
        json_object_set_new(root, "map_entries", json_integer(patch->map_entries));
        json_object_set_new(root, "old_digest", json_string(old_digest));
        json_object_set_new(root, "new_digest", json_string(new_digest));
        if (!delta_report_signatures(path, file, trust, root)) {
            json_decref(root);
            return CLI_FAILED;
        }
        cli_print_json(root);
        return CLI_DONE;
    }
    printf("delta patch for %s, %zu bytes\n", chip, len);
    printf("  from       %u bytes, SHA-256 %s...\n", (unsigned)patch->old_size, old_digest);
    printf("  to         %u bytes, SHA-256 %s...\n", (unsigned)patch->new_size, new_digest);
    printf("  memory     %zu bytes (class %s)\n", memory, CLASS_NAMES[patch->ram_class]);
    printf("  addresses  %s, %u entries in the map\n",
           patch->ignores_addresses ? "not looked at" : "followed", (unsigned)patch->map_entries);
    return delta_report_signatures(path, file, trust, NULL) ? CLI_DONE : CLI_FAILED;
}

static void print_legacy(const uint8_t *bytes, size_t len)
{
    char digest[2 * CRYPTO_SHA256_LEN + 1];
    hex_of(bytes + 4, CRYPTO_SHA256_LEN, digest);
    if (cli_is_json()) {
        json_t *root = json_object();
        json_object_set_new(root, "kind", json_string("legacy"));
        json_object_set_new(root, "bytes", json_integer((json_int_t)len));
        json_object_set_new(root, "old_digest", json_string(digest));
        cli_print_json(root);
        return;
    }
    printf("legacy patch of esp_delta_ota, %zu bytes\n  from       SHA-256 %s\n", len, digest);
}

static int show_patch(const char *path, const struct cli_bytes *file, const struct trust *trust)
{
    static const uint8_t legacy[] = {0x10, 0xDE, 0xCD, 0xFC};
    struct esp_delta_patch patch;
    if (file->len >= ESP_DELTA_OTA_HEADER_LEN && memcmp(file->bytes, legacy, 4) == 0) {
        print_legacy(file->bytes, file->len);
        return CLI_DONE;
    }
    esp_err_t err = esp_delta_patch_parse(file->bytes, file->len, &patch);
    if (err == ESP_ERR_INVALID_VERSION) {
        return cli_fail("%s: made by a later version of this program", path);
    }
    if (err != ESP_OK) {
        return cli_fail("%s: no delta patch, or its header is damaged", path);
    }
    uint64_t whole = (uint64_t)ESP_DELTA_PATCH_HEADER_LEN + patch.extension_len + patch.body_size;
    if (file->len != whole) {
        return cli_fail("%s: %zu bytes, where its header announces %llu", path, file->len,
                        (unsigned long long)whole);
    }
    return print_patch(path, file, &patch, trust);
}

static int run_info(int argc, char **argv)
{
    static const struct option options[] = {{"trust", required_argument, NULL, OPT_TRUST},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            {0}};
    struct cli_bytes file = {0};
    struct trust trust = {0};
    int code = take_trust(argc, argv, options, 1, &trust);
    if (code != CLI_DONE) {
        return code;
    }
    if (!cli_read_file(argv[optind], DELTA_FILE_MAX, &file)) {
        return CLI_FAILED;
    }
    code = show_patch(argv[optind], &file, &trust);
    free(file.bytes);
    return code;
}

const struct cli_command delta_info_command = {
    .name = "delta info",
    .summary = "tell what a patch is for and what applying it takes",
    .usage = "delta info PATCH [--trust KEY]... [--json]",
    .help = "  --trust KEY    tells which signatures are by this key\n"
            "  --json         kind, bytes, chip, ram_class, streams, memory, old_size, new_size, "
            "body_size, "
            "map_entries,\n"
            "                 old_digest, new_digest, signatures (legacy: kind, bytes, "
            "old_digest)\n\n"
            "example:  esp-ota delta info v1-v2.patch\n",
    .run = run_info,
};
