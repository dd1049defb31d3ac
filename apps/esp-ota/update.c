// esp-ota update: a device updates itself, as its firmware would with esp_https_ota.

#include "commands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "open_device.h"
#include "release_build.h"
#include "update.h"

#define SECRET_MAX (64u * 1024)       // chosen: far above any key
#define CA_MAX     (4u * 1024 * 1024) // chosen: far above any bundle

// ----------------------------------------------------------------------- files

static void strip_newline(struct cli_bytes *file)
{
    while (file->len > 0 &&
           (file->bytes[file->len - 1] == '\n' || file->bytes[file->len - 1] == '\r')) {
        file->bytes[--file->len] = 0;
    }
}

static bool load(const char *path, size_t max, struct cli_bytes *out)
{
    return !path || cli_read_file(path, max, out);
}

static bool load_files(struct update *u)
{
    if (!load(u->ca_file, CA_MAX, &u->ca) || !load(u->crl_file, CA_MAX, &u->crl) ||
        !load(u->cert_file, SECRET_MAX, &u->cert) || !load(u->key_file, SECRET_MAX, &u->key) ||
        !load(u->key_password_file, SECRET_MAX, &u->key_password) ||
        !load(u->decrypt_key_file, SECRET_MAX, &u->decrypt_key)) {
        return false;
    }
    if (u->key_password.bytes) {
        strip_newline(&u->key_password);
    }
    return true;
}

static int load_user(struct update *u)
{
    if (!u->user) {
        return CLI_DONE;
    }
    if (u->user[0] == '@') {
        if (!cli_read_file(u->user + 1, SECRET_MAX, &u->user_file)) {
            return CLI_FAILED;
        }
        strip_newline(&u->user_file);
    } else {
        u->user_file.len = strlen(u->user);
        u->user_file.bytes = malloc(u->user_file.len + 1);
        if (!u->user_file.bytes) {
            return cli_fail("not enough memory");
        }
        memcpy(u->user_file.bytes, u->user, u->user_file.len + 1);
    }
    u->username = (char *)u->user_file.bytes;
    u->password = strchr(u->username, ':');
    if (!u->password) {
        return cli_usage("--user wants NAME:PASSWORD, or @FILE with a file that holds it");
    }
    *u->password++ = 0;
    return CLI_DONE;
}

// ----------------------------------------------------------------------- command line

enum {
    OPT_FLASH = 256,
    OPT_CHIP,
    OPT_CACERT,
    OPT_CRLFILE,
    OPT_SYSTEM_CA,
    OPT_CERT,
    OPT_KEY,
    OPT_KEY_PASSWORD_FILE,
    OPT_USER,
    OPT_HEADER,
    OPT_ROLLBACK,
    OPT_ANTI_ROLLBACK,
    OPT_ALLOW_HTTP,
    OPT_HTTP2,
    OPT_RESUME,
    OPT_NO_RESUME,
    OPT_PROXY,
    OPT_DECRYPT_KEY,
    OPT_TRUST,
    OPT_RAM,
    OPT_NO_FULL_FALLBACK,
    OPT_DRY_RUN,
    OPT_ALLOW_DOWNGRADE,
    OPT_OLDER_INDEX,
    OPT_DEVICE_ID,
};

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"cacert", required_argument, NULL, OPT_CACERT},
    {"system-ca", no_argument, NULL, OPT_SYSTEM_CA},
    {"crlfile", required_argument, NULL, OPT_CRLFILE},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"key-password-file", required_argument, NULL, OPT_KEY_PASSWORD_FILE},
    {"user", required_argument, NULL, OPT_USER},
    {"header", required_argument, NULL, OPT_HEADER},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"anti-rollback", required_argument, NULL, OPT_ANTI_ROLLBACK},
    {"allow-http", no_argument, NULL, OPT_ALLOW_HTTP},
    {"http2", no_argument, NULL, OPT_HTTP2},
    {"timeout", required_argument, NULL, UPDATE_OPT_TIMEOUT},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"no-resume", no_argument, NULL, OPT_NO_RESUME},
    {"retries", required_argument, NULL, UPDATE_OPT_RETRIES},
    {"retry-delay", required_argument, NULL, UPDATE_OPT_RETRY_DELAY},
    {"deadline", required_argument, NULL, UPDATE_OPT_DEADLINE},
    {"min-rate", required_argument, NULL, UPDATE_OPT_MIN_RATE},
    {"rate-window", required_argument, NULL, UPDATE_OPT_RATE_WINDOW},
    {"max-bytes", required_argument, NULL, UPDATE_OPT_MAX_BYTES},
    {"range-size", required_argument, NULL, UPDATE_OPT_RANGE_SIZE},
    {"mirror", required_argument, NULL, UPDATE_OPT_MIRROR},
    {"proxy", required_argument, NULL, OPT_PROXY},
    {"decrypt-key", required_argument, NULL, OPT_DECRYPT_KEY},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"ram", required_argument, NULL, OPT_RAM},
    {"no-full-fallback", no_argument, NULL, OPT_NO_FULL_FALLBACK},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"allow-downgrade", no_argument, NULL, OPT_ALLOW_DOWNGRADE},
    {"older-index", no_argument, NULL, OPT_OLDER_INDEX},
    {"device-id", required_argument, NULL, OPT_DEVICE_ID},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int take_header(struct update *u)
{
    size_t len = strcspn(optarg, ":");
    if (len == 0 || !optarg[len] || len > 255 || strpbrk(optarg, "\r\n")) {
        return cli_usage("--header wants 'NAME: VALUE'"); // the value may be a secret
    }
    if (u->header_count == UPDATE_HEADER_MAX) {
        return cli_usage("more than %d --header", UPDATE_HEADER_MAX);
    }
    u->headers[u->header_count++] = optarg;
    return CLI_DONE;
}

static int take_memory(struct update *u)
{
    enum esp_delta_class ram_class;
    if (!release_class_of(optarg, &ram_class)) {
        return cli_usage("--ram is 4K, 16K or 64K, not \"%s\"", optarg);
    }
    u->memory = (uint32_t)esp_delta_class_memory(ram_class);
    return CLI_DONE;
}

static const char **text_option(int option, struct update *u)
{
    switch (option) {
    case OPT_FLASH:
        return &u->flash;
    case OPT_CHIP:
        return &u->chip;
    case OPT_CACERT:
        return &u->ca_file;
    case OPT_CRLFILE:
        return &u->crl_file;
    case OPT_CERT:
        return &u->cert_file;
    case OPT_KEY:
        return &u->key_file;
    case OPT_KEY_PASSWORD_FILE:
        return &u->key_password_file;
    case OPT_USER:
        return &u->user;
    case OPT_PROXY:
        return &u->proxy;
    case OPT_DECRYPT_KEY:
        return &u->decrypt_key_file;
    case OPT_DEVICE_ID:
        return &u->device_id;
    default:
        return NULL;
    }
}

static int take_option(int option, struct update *u)
{
    const char **text = text_option(option, u);
    if (text) {
        *text = optarg;
        return CLI_DONE;
    }
    switch (option) {
    case OPT_SYSTEM_CA:
        u->uses_system_ca = true;
        return CLI_DONE;
    case OPT_ALLOW_HTTP:
        u->allows_http = true;
        return CLI_DONE;
    case OPT_HTTP2:
        u->offers_http2 = true;
        return CLI_DONE;
    case OPT_HEADER:
        return take_header(u);
    case OPT_TRUST:
        return trust_add(&u->trust, optarg) ? CLI_DONE : CLI_FAILED;
    case OPT_RAM:
        return take_memory(u);
    case OPT_NO_FULL_FALLBACK:
        u->patches_only = true;
        return CLI_DONE;
    case OPT_DRY_RUN:
        u->only_looks = true;
        return CLI_DONE;
    case OPT_ALLOW_DOWNGRADE:
        u->allows_downgrade = true;
        return CLI_DONE;
    case OPT_OLDER_INDEX:
        u->takes_older_index = true;
        return CLI_DONE;
    case OPT_RESUME:
    case OPT_NO_RESUME:
        u->starts_afresh = option == OPT_NO_RESUME;
        return CLI_DONE;
    case OPT_ROLLBACK:
        return cli_parse_switch(optarg, &u->rollback)
                   ? CLI_DONE
                   : cli_usage("--rollback is on or off, not \"%s\"", optarg);
    case OPT_ANTI_ROLLBACK:
        return cli_parse_switch(optarg, &u->anti_rollback)
                   ? CLI_DONE
                   : cli_usage("--anti-rollback is on or off, not \"%s\"", optarg);
    case 'q':
        u->is_quiet = true;
        return CLI_DONE;
    case CLI_WRONG:
        return CLI_USAGE;
    default:
        return update_take_limit(option, u);
    }
}

static bool has_scheme(const char *url, const char *scheme)
{
    for (; *scheme; url++, scheme++) {
        if (tolower((unsigned char)*url) != *scheme) {
            return false;
        }
    }
    return true;
}

static int check_mirrors(const struct update *u)
{
    for (int i = 0; i < u->mirror_count; i++) {
        if (!has_scheme(u->mirrors[i], "https://") &&
            !(u->allows_http && has_scheme(u->mirrors[i], "http://"))) {
            return cli_usage("the URL of --mirror must begin with https://, or with http:// and "
                             "--allow-http");
        }
    }
    return CLI_DONE;
}

static int check_options(const struct update *u)
{
    bool is_https = has_scheme(u->url, "https://");
    if (!u->flash) {
        return cli_usage("--flash FLASH is needed");
    }
    if (!is_https && !has_scheme(u->url, "http://")) {
        return cli_usage("the URL must begin with https://");
    }
    if (strchr("/?#", strstr(u->url, "://")[3])) { // also the end of the text
        return cli_usage("the URL names no server; it must look like https://host/path");
    }
    if (!is_https && !u->allows_http) {
        return cli_usage("plain http lets anyone on the way replace the firmware; use https, or "
                         "--allow-http if that is meant");
    }
    if (is_https && !u->ca_file && !u->uses_system_ca) {
        return cli_usage("an https server must be verified: give --cacert FILE with the authority "
                         "that signed its certificate, or --system-ca");
    }
    if (!u->cert_file != !u->key_file) {
        return cli_usage("--cert and --key go together");
    }
    if (u->key_password_file && !u->key_file) {
        return cli_usage("--key-password-file goes with --key");
    }
    return check_mirrors(u);
}

// Options that only mean something with a release folder must not be ignored with anything else.
static int check_folder_options(const struct update *u)
{
    bool has_any = u->patches_only || u->only_looks || u->allows_downgrade ||
                   u->takes_older_index || u->device_id;
    if (has_any && !update_is_folder(u->url)) {
        return cli_usage("--no-full-fallback, --dry-run, --allow-downgrade, --older-index and "
                         "--device-id need a release folder: a URL that ends with / or "
                         "with " ESP_OTA_RELEASE_INDEX_NAME);
    }
    if (u->mirror_count > 0 && update_is_folder(u->url)) {
        return cli_usage("--mirror names further URLs of one file; a release folder has many");
    }
    return CLI_DONE;
}

static int parse(int argc, char **argv, struct update *u)
{
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, u);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    u->url = argv[optind];
    int code = check_options(u);
    return code == CLI_DONE ? check_folder_options(u) : code;
}

static void free_secret(struct cli_bytes *file)
{
    if (file->bytes) {
        memset(file->bytes, 0, file->len);
    }
    free(file->bytes);
}

static int run_update(struct update *u)
{
    int code = load_user(u);
    if (code != CLI_DONE) {
        return code;
    }
    if (!load_files(u)) {
        return CLI_FAILED;
    }
    struct device_options options = {
        .chip = u->chip, .rollback = u->rollback, .anti_rollback = u->anti_rollback};
    struct device *device = open_device(u->flash, &options);
    if (!device) {
        return CLI_FAILED;
    }
    code = update_session_run(u, device);
    device_close(device);
    return code;
}

static int run(int argc, char **argv)
{
    static struct update update; // one process, one update
    update.rollback = true;
    update.memory = (uint32_t)esp_delta_class_memory(ESP_DELTA_64K);
    int code = parse(argc, argv, &update);
    if (code == CLI_DONE) {
        code = run_update(&update);
    }
    free(update.ca.bytes);
    free(update.crl.bytes);
    free(update.cert.bytes);
    free_secret(&update.key);
    free_secret(&update.key_password);
    free_secret(&update.user_file);
    free_secret(&update.decrypt_key);
    return code;
}

const struct cli_command update_command = {
    .name = "update",
    .summary = "let a device update itself over HTTPS",
    .usage = "update --flash FLASH (--cacert FILE|--system-ca) [OPTIONS] URL",
    .help =
        "The device downloads the image into its next slot, verifies it and boots it next. If "
        "anything fails, what\n"
        "runs and what boots stay as they are.\n\n"
        "  --flash FLASH             the device's flash file\n"
        "  --cacert FILE             authority that signed the server's certificate (PEM or DER)\n"
        "  --system-ca               trust the authorities of this system\n"
        "  --crlfile FILE            revoked certificates (PEM or DER), a list of each authority; "
        "not "
        "checked if\n"
        "                            not given\n"
        "  --cert FILE --key FILE    certificate and key of the device, for servers that ask\n"
        "  --key-password-file F     password of the key, in a file\n"
        "  --user NAME:PASSWORD      for servers that ask (Basic or Digest); @FILE: read it from a "
        "file, which\n"
        "                            keeps it out of the list of processes\n"
        "  --header 'NAME: VALUE'    further request headers; as often as wanted\n"
        "  --rollback on|off         whether the new image must confirm itself; on if not given\n"
        "  --anti-rollback on|off    refuse images whose secure version is below the one in "
        "FLASH.efuse; off if\n"
        "                            not given, on implies --rollback on\n"
        "  --allow-http              accept an http URL\n"
        "  --http2                   offer HTTP/2; slower for one file, but some servers want it\n"
        "  --timeout SECONDS         patience with a silent server, for each step; 5 if not given\n"
        "  --retries N               attempts in a row that bring nothing; 5 if not given, 0: "
        "none\n"
        "  --retry-delay SECONDS     pause before the first retry, doubled each time; 0.5 if not "
        "given\n"
        "  --deadline SECONDS        for the whole download; none if not given\n"
        "  --min-rate BYTES          a second; slower counts as a broken connection\n"
        "  --rate-window SECONDS     over which --min-rate is measured; 10 if not given\n"
        "  --max-bytes N             over the network, retries included\n"
        "  --resume, --no-resume     whether to continue what an earlier run began; resume if not "
        "given\n"
        "  --range-size N            fetch the file in ranges of N bytes over one connection\n"
        "  --mirror URL              another place of the same file, for retries; as often as "
        "wanted\n"
        "  --proxy URL               http:// or socks5h://; \"\": none; as the environment says if "
        "not given\n"
        "  --decrypt-key FILE        private key of a pre-encrypted image (RSA-3072 or P-256)\n"
        "  --trust KEY               patches and release folders must be signed by this key: a PEM "
        "file or a digest; once\n"
        "                            or more\n"
        "  --ram 4K|16K|64K          memory that a patch may take; 64K if not given\n"
        "  --chip C                  the device's chip, if neither FLASH.efuse nor an image tells\n"
        "  --flash-key FILE          key of the flash encryption, if it is not in FLASH.key\n"
        "  --quiet, -q               no messages but errors\n"
        "  --json                    result, slot, bytes, status, project, version, error, "
        "seconds,\n"
        "                            received, resumed_from, retries, restarts; of a release "
        "folder also release\n\n"
        "A URL that ends with / is a release folder (esp-ota release add). The smallest file that "
        "turns what runs into the\n"
        "release is fetched; if it is missing, damaged or does not fit, the next larger one.\n\n"
        "  --dry-run                 only tells what would be fetched\n"
        "  --no-full-fallback        a patch or nothing; --max-bytes is the other way to keep to a "
        "data budget\n"
        "  --allow-downgrade         also when the folder offers something older than what runs\n"
        "  --older-index             take an index older than one that was seen, as after a change "
        "of folders\n"
        "  --device-id ID            which part of a rollout the device is in; the flash file's "
        "name if not given\n\n"
        "gzip and zstd files are unpacked on the way, delta patches applied to what the device "
        "runs "
        "(esp-ota delta create).\n"
        "Ctrl-C leaves a device that the same command "
        "continues.\n\n"
        "example:  esp-ota update --flash dev.bin --cacert ca.pem https://localhost:8443/v2.bin\n",
    .run = run,
};
