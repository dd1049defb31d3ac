// esp-ota update: a device updates itself, as its firmware would with esp_https_ota.

#include "commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "esp_crt_bundle.h"
#include "esp_https_ota.h"
#include "open_device.h"
#include "progress.h"

#define SECRET_MAX  (64u * 1024)       // chosen: far above any key
#define CA_MAX      (4u * 1024 * 1024) // chosen: far above any bundle
#define HEADER_MAX  32
#define BUFFER_SIZE 65536 // chosen: one erase block of 64 KiB a step
#define TIMEOUT_MAX 3600

struct update {
    const char *flash;
    const char *url;
    const char *chip;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *key_password_file;
    const char *user;
    bool uses_system_ca;
    bool allows_http;
    bool rollback;
    bool is_quiet;
    int timeout_ms;
    // loaded
    struct cli_bytes ca;
    struct cli_bytes cert;
    struct cli_bytes key;
    struct cli_bytes key_password;
    struct cli_bytes user_file;
    char *password; // behind the colon of the credentials
    char *username;
    // under way
    const esp_partition_t *target;
    esp_app_desc_t desc;
    bool has_desc;
    int64_t bytes;
    int status;
    double seconds;
    struct progress progress;
};

// The library's callback that sets headers has no context; one process makes one update.
static const char *s_headers[HEADER_MAX];
static int s_header_count;

// ----------------------------------------------------------------------- what the session is made from

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
    if (!load(u->ca_file, CA_MAX, &u->ca) || !load(u->cert_file, SECRET_MAX, &u->cert) ||
        !load(u->key_file, SECRET_MAX, &u->key) ||
        !load(u->key_password_file, SECRET_MAX, &u->key_password)) {
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

static bool is_pem(const struct cli_bytes *file)
{
    return strstr((const char *)file->bytes, "-----BEGIN") != NULL;
}

// PEM is passed terminated, with length 0; anything else as DER with its length.
static void set_certificates(const struct update *u, esp_http_client_config_t *config)
{
    if (u->ca.bytes) {
        config->cert_pem = (const char *)u->ca.bytes;
        config->cert_len = is_pem(&u->ca) ? 0 : u->ca.len;
    }
    if (u->uses_system_ca) {
        config->crt_bundle_attach = esp_crt_bundle_attach;
    }
    if (u->cert.bytes) {
        config->client_cert_pem = (const char *)u->cert.bytes;
        config->client_cert_len = is_pem(&u->cert) ? 0 : u->cert.len;
        config->client_key_pem = (const char *)u->key.bytes;
        config->client_key_len = is_pem(&u->key) ? 0 : u->key.len;
    }
    if (u->key_password.bytes) {
        config->client_key_password = (const char *)u->key_password.bytes;
        config->client_key_password_len = u->key_password.len;
    }
}

// Also of answers that end the session before there is a handle to ask.
static esp_err_t note_status(esp_http_client_event_t *event)
{
    struct update *u = event->user_data;
    if (event->event_id == HTTP_EVENT_ON_STATUS_CODE && event->data) {
        u->status = *(const int *)event->data;
    }
    return ESP_OK;
}

static esp_err_t set_headers(esp_http_client_handle_t client)
{
    esp_err_t err = ESP_OK;
    for (int i = 0; i < s_header_count && err == ESP_OK; i++) {
        char name[256];
        size_t len = strcspn(s_headers[i], ":");
        const char *value = s_headers[i] + len + 1;
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, s_headers[i]); // checked to fit
        value += strspn(value, " \t");
        err = esp_http_client_set_header(client, name, value);
    }
    return err;
}

// ----------------------------------------------------------------------- words

static void name_slot(const esp_partition_t *partition, char out[8])
{
    boot_index_name((int)partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN, out);
}

// Host and port of the URL, without credentials.
static void name_server(const char *url, char *out, size_t size)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t len = strcspn(start, "/?#");
    for (size_t i = 0; i < len; i++) {
        if (start[i] == '@') {
            start += i + 1;
            len -= i + 1;
            i = (size_t)-1;
        }
    }
    if (len >= size) {
        len = size - 1;
    }
    cli_clean_text(start, len, out);
}

static void name_image(const struct update *u, char out[80])
{
    char project[33];
    char version[33];
    if (u->has_desc) {
        (void)snprintf(out, 80, "%s %s",
                       cli_clean_text(u->desc.project_name, sizeof(u->desc.project_name), project),
                       cli_clean_text(u->desc.version, sizeof(u->desc.version), version));
    } else {
        (void)snprintf(out, 80, "an image without descriptor");
    }
}

// ----------------------------------------------------------------------- the session

static void announce_image(struct update *u, esp_https_ota_handle_t session)
{
    char name[80];
    char slot[8];
    char size[32];
    esp_image_header_t header = {.chip_id = ESP_CHIP_ID_INVALID};
    u->has_desc = esp_https_ota_get_img_desc(session, &u->desc) == ESP_OK;
    if (esp_partition_read(u->target, 0, &header, sizeof(header)) != ESP_OK) {
        header.chip_id = ESP_CHIP_ID_INVALID;
    }
    cli_forget_log(); // an image without descriptor is refused later, with its own reason
    name_image(u, name);
    name_slot(u->target, slot);
    progress_say(&u->progress, "image: %s for %s%s%s, goes to %s", name, chip_name(header.chip_id),
                 u->progress.total > 0 ? ", " : "",
                 u->progress.total > 0 ? cli_size_text((uint64_t)u->progress.total, size) : "",
                 slot);
}

static esp_err_t download(struct update *u, esp_https_ota_handle_t session)
{
    esp_err_t err;
    bool is_announced = false;
    progress_expect(&u->progress, esp_https_ota_get_image_size(session));
    do {
        err = esp_https_ota_perform(session);
        int len = esp_https_ota_get_image_len_read(session);
        u->bytes = len > 0 ? len : 0;
        if (err != ESP_OK && err != ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
            break;
        }
        if (!is_announced && u->bytes > 0) {
            is_announced = true;
            announce_image(u, session);
        }
        progress_show(&u->progress, u->bytes);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    progress_end(&u->progress);
    return err;
}

static esp_err_t run_session(struct update *u, const esp_https_ota_config_t *config)
{
    esp_https_ota_handle_t session;
    char server[128];
    name_server(u->url, server, sizeof(server));
    progress_say(&u->progress, "connecting to %s", server);
    esp_err_t err = esp_https_ota_begin(config, &session);
    if (err != ESP_OK) {
        return err;
    }
    progress_say(&u->progress, "connected, HTTP status %d", u->status);
    err = download(u, session);
    if (err != ESP_OK) {
        ESP_IGNORE_ERROR(esp_https_ota_abort(session)); // the error before is the one to report
        return err;
    }
    progress_say(&u->progress, "verifying");
    return esp_https_ota_finish(session);
}

static esp_err_t transfer(struct update *u)
{
    esp_http_client_config_t http = {
        .url = u->url,
        .timeout_ms = u->timeout_ms,
        .buffer_size = BUFFER_SIZE,
        .buffer_size_tx = 4096, // chosen: room for long URLs and tokens
        .keep_alive_enable = true,
        .username = u->username,
        .password = u->password,
        .event_handler = note_status,
        .user_data = u,
    };
    set_certificates(u, &http);
    esp_https_ota_config_t config = {.http_config = &http, .http_client_init_cb = set_headers};
    esp_https_ota_allow_http(u->allows_http);
    double started = progress_now();
    progress_begin(&u->progress, u->is_quiet || cli_is_json());
    esp_err_t err = run_session(u, &config);
    progress_end(&u->progress);
    u->seconds = progress_now() - started;
    return err;
}

// ----------------------------------------------------------------------- the outcome

static void print_json(const struct update *u, esp_err_t err)
{
    char slot[8];
    json_t *root = json_object();
    bool is_done = err == ESP_OK;
    if (is_done) {
        name_slot(u->target, slot);
    }
    json_object_set_new(root, "result", json_string(esp_err_to_name(err)));
    json_object_set_new(root, "slot", is_done ? json_string(slot) : json_null());
    json_object_set_new(root, "bytes", json_integer(u->bytes));
    json_object_set_new(root, "status", u->status > 0 ? json_integer(u->status) : json_null());
    json_object_set_new(root, "project",
                        u->has_desc
                            ? cli_json_text(u->desc.project_name, sizeof(u->desc.project_name))
                            : json_null());
    json_object_set_new(root, "version",
                        u->has_desc ? cli_json_text(u->desc.version, sizeof(u->desc.version))
                                    : json_null());
    json_object_set_new(
        root, "error", is_done ? json_null() : cli_json_text(cli_failure(), strlen(cli_failure())));
    json_object_set_new(root, "seconds", json_real((double)(int64_t)(u->seconds * 1000) / 1000));
    cli_print_json(root);
}

static int report_failure(const struct update *u, esp_err_t err)
{
    int code = err == ESP_ERR_HTTP_NOT_MODIFIED
                   ? cli_fail_with(err, "the server's image has not changed (304)")
                   : cli_fail_with(err, "the update failed: %s", esp_err_to_text(err));
    if (cli_is_json()) {
        print_json(u, err);
        return code;
    }
    if (err == ESP_ERR_OTA_ROLLBACK_INVALID_STATE) {
        cli_say("first keep what runs: esp-ota otadata confirm %s", u->flash);
    }
    cli_say("the boot choice is as before");
    return code;
}

static int report_success(const struct update *u)
{
    char slot[8];
    char name[80];
    if (cli_is_json()) {
        print_json(u, ESP_OK);
        return CLI_DONE;
    }
    if (u->is_quiet) {
        return CLI_DONE;
    }
    name_slot(u->target, slot);
    name_image(u, name);
    printf("%s holds %s, verified: %lld bytes in %.2f s; it boots next\n", slot, name,
           (long long)u->bytes, u->seconds);
    printf("next: esp-ota boot --flash %s\n", u->flash);
    return CLI_DONE;
}

static int update_device(struct update *u, struct device *device)
{
    esp_err_t err = device_start_application(device, NULL);
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: what runs cannot be told", u->flash);
    }
    u->target = esp_ota_get_next_update_partition(NULL);
    err = transfer(u);
    return err == ESP_OK ? report_success(u) : report_failure(u, err);
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
    struct device_options options = {.chip = u->chip, .rollback = u->rollback};
    struct device *device = open_device(u->flash, &options);
    if (!device) {
        return CLI_FAILED;
    }
    code = update_device(u, device);
    device_close(device);
    return code;
}

// ----------------------------------------------------------------------- command line

enum {
    OPT_FLASH = 256,
    OPT_CHIP,
    OPT_CACERT,
    OPT_SYSTEM_CA,
    OPT_CERT,
    OPT_KEY,
    OPT_KEY_PASSWORD_FILE,
    OPT_USER,
    OPT_HEADER,
    OPT_ROLLBACK,
    OPT_ALLOW_HTTP,
    OPT_TIMEOUT,
};

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"cacert", required_argument, NULL, OPT_CACERT},
    {"system-ca", no_argument, NULL, OPT_SYSTEM_CA},
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"key-password-file", required_argument, NULL, OPT_KEY_PASSWORD_FILE},
    {"user", required_argument, NULL, OPT_USER},
    {"header", required_argument, NULL, OPT_HEADER},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"allow-http", no_argument, NULL, OPT_ALLOW_HTTP},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"quiet", no_argument, NULL, 'q'},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int take_header(void)
{
    size_t len = strcspn(optarg, ":");
    if (len == 0 || !optarg[len] || len > 255 || strpbrk(optarg, "\r\n")) {
        return cli_usage("--header wants 'NAME: VALUE'"); // the value may be a secret
    }
    if (s_header_count == HEADER_MAX) {
        return cli_usage("more than %d --header", HEADER_MAX);
    }
    s_headers[s_header_count++] = optarg;
    return CLI_DONE;
}

static int take_timeout(struct update *u)
{
    uint64_t seconds;
    if (!cli_parse_number(optarg, TIMEOUT_MAX, &seconds) || seconds == 0) {
        return cli_usage("--timeout wants 1 to %d seconds, not \"%s\"", TIMEOUT_MAX, optarg);
    }
    u->timeout_ms = (int)seconds * 1000;
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
    case OPT_CERT:
        return &u->cert_file;
    case OPT_KEY:
        return &u->key_file;
    case OPT_KEY_PASSWORD_FILE:
        return &u->key_password_file;
    case OPT_USER:
        return &u->user;
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
    case OPT_HEADER:
        return take_header();
    case OPT_TIMEOUT:
        return take_timeout(u);
    case OPT_ROLLBACK:
        return cli_parse_switch(optarg, &u->rollback)
                   ? CLI_DONE
                   : cli_usage("--rollback is on or off, not \"%s\"", optarg);
    case 'q':
        u->is_quiet = true;
        return CLI_DONE;
    default:
        return CLI_USAGE;
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

static int check_options(const struct update *u)
{
    bool is_https = has_scheme(u->url, "https://");
    if (!u->flash) {
        return cli_usage("--flash FLASH is needed");
    }
    if (!is_https && !has_scheme(u->url, "http://")) {
        return cli_usage("the URL must begin with https://");
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
    return check_options(u);
}

static void free_secret(struct cli_bytes *file)
{
    if (file->bytes) {
        memset(file->bytes, 0, file->len);
    }
    free(file->bytes);
}

static int run(int argc, char **argv)
{
    static struct update update; // one process, one update
    update.rollback = true;
    int code = parse(argc, argv, &update);
    if (code == CLI_DONE) {
        code = run_update(&update);
    }
    free(update.ca.bytes);
    free(update.cert.bytes);
    free_secret(&update.key);
    free_secret(&update.key_password);
    free_secret(&update.user_file);
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
        "  --cert FILE --key FILE    certificate and key of the device, for servers that ask\n"
        "  --key-password-file F     password of the key, in a file\n"
        "  --user NAME:PASSWORD      for servers that ask (Basic or Digest); @FILE: read it from a "
        "file, which\n"
        "                            keeps it out of the list of processes\n"
        "  --header 'NAME: VALUE'    further request headers; as often as wanted\n"
        "  --rollback on|off         whether the new image must confirm itself; on if not given\n"
        "  --allow-http              accept an http URL\n"
        "  --timeout SECONDS         patience with a silent server, for each step; 5 if not given\n"
        "  --chip C                  the device's chip, if neither FLASH.efuse nor an image tells\n"
        "  --quiet, -q               no messages but errors\n"
        "  --json                    result, slot, bytes, status, project, version, error, "
        "seconds\n\n"
        "example:  esp-ota update --flash dev.bin --cacert ca.pem https://localhost:8443/v2.bin\n",
    .run = run,
};
