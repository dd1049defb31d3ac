// The session of esp-ota update: what firmware would do with esp_https_ota, and what is told about it.

#include "update.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chip_traits.h"
#include "esp_crt_bundle.h"
#include "esp_encrypted_img_stage.h"
#include "esp_http_client_ext.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "ota_stage_registry.h"

static const char *TAG = "update";

#define BUFFER_SIZE 65536 // chosen: one erase block of 64 KiB a step

// The library's callback that sets headers has no context; one process makes one update.
static const struct update *s_update;
static volatile sig_atomic_t s_is_interrupted;

static void note_interrupt(int number)
{
    (void)number;
    s_is_interrupted = 1;
}

static bool is_interrupted(void *context)
{
    (void)context;
    return s_is_interrupted != 0;
}

bool update_session_is_interrupted(void)
{
    return s_is_interrupted != 0;
}

// ----------------------------------------------------------------------- what the session is made from

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

esp_err_t update_session_prepare(esp_http_client_handle_t client)
{
    esp_err_t err = s_update->proxy ? esp_http_client_set_proxy(client, s_update->proxy) : ESP_OK;
    if (err == ESP_OK && s_update->offers_http2) {
        err = esp_http_client_set_http_version(client, ESP_HTTP_CLIENT_HTTP_2);
    }
    if (err == ESP_OK && s_update->crl.bytes) {
        err = esp_http_client_set_crl(client, s_update->crl.bytes, s_update->crl.len);
    }
    for (int i = 0; i < s_update->header_count && err == ESP_OK; i++) {
        char name[256];
        size_t len = strcspn(s_update->headers[i], ":");
        const char *value = s_update->headers[i] + len + 1;
        (void)snprintf(name, sizeof(name), "%.*s", (int)len,
                       s_update->headers[i]); // checked to fit
        value += strspn(value, " \t");
        err = esp_http_client_set_header(client, name, value);
    }
    return err;
}

// ----------------------------------------------------------------------- words

void update_name_slot(const esp_partition_t *partition, char out[8])
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
    update_name_slot(u->target, slot);
    progress_say(&u->progress, "image: %s for %s%s%s, goes to %s", name, chip_name(header.chip_id),
                 u->progress.total > 0 ? ", " : "",
                 u->progress.total > 0 ? cli_size_text((uint64_t)u->progress.total, size) : "",
                 slot);
}

static esp_err_t download(struct update *u, esp_https_ota_handle_t session)
{
    esp_err_t err;
    bool is_announced = false;
    progress_expect(&u->progress, esp_https_ota_get_image_size(session),
                    esp_https_ota_get_image_len_read(session));
    do {
        err = esp_https_ota_perform(session);
        int len = esp_https_ota_get_image_len_read(session);
        is_announced = is_announced && len >= u->bytes; // fewer: another file, from its start
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

// Whatever way the image came, it must be the one that the signed index, or the signed patch, announced.
static esp_err_t check_wanted(const struct update *u)
{
    struct crypto_hash hash;
    uint8_t digest[CRYPTO_SHA256_LEN];
    uint8_t bytes[4096];
    if (u->wanted_digest_len == 0 && u->trust.count == 0) {
        return ESP_OK;
    }
    if (u->wanted_digest_len == 0) {
        ESP_LOGE(TAG,
                 "what came is no signed patch; with --trust the URL is that of a signed patch "
                 "or of a release folder");
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < u->wanted_size;) {
        uint32_t len = u->wanted_size - at;
        len = len < sizeof(bytes) ? len : sizeof(bytes);
        esp_err_t err = esp_partition_read(u->target, at, bytes, len);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, bytes, len);
        at += len;
    }
    esp_crypto.sha256_end(&hash, digest);
    if (memcmp(digest, u->wanted_digest, u->wanted_digest_len) != 0) {
        ESP_LOGE(TAG, "the image is not the one that was announced by who is trusted");
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    return ESP_OK;
}

// A file of another length is another file; better known before it is fetched than after.
static esp_err_t check_length(const struct update *u, int64_t len)
{
    if (u->file_size == 0 || len < 0 || len == u->file_size) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "the server's file has %lld bytes, where the index says %lld", (long long)len,
             (long long)u->file_size);
    return ESP_ERR_OTA_VALIDATE_FAILED;
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
    ESP_IGNORE_ERROR(esp_https_ota_get_stats(session, &u->stats)); // the session is open
    if (u->stats.resumed_from > 0) {
        progress_say(&u->progress, "going on at byte %llu, where an earlier update ended",
                     (unsigned long long)u->stats.resumed_from);
    }
    err = check_length(u, esp_https_ota_get_image_size(session));
    if (err == ESP_OK) {
        err = download(u, session);
    }
    ESP_IGNORE_ERROR(esp_https_ota_get_stats(session, &u->stats)); // the session is open
    if (err == ESP_OK) {
        progress_say(&u->progress, "verifying");
        err = check_wanted(u);
    }
    if (err != ESP_OK) {
        ESP_IGNORE_ERROR(esp_https_ota_abort(session)); // the error before is the one to report
        return err;
    }
    return esp_https_ota_finish(session);
}

static struct ota_stage *make_decrypter(void *context, uint32_t max_output)
{
    (void)context;
    struct ota_stage *stage = NULL;
    const struct cli_bytes *key = &s_update->decrypt_key;
    return esp_encrypted_img_stage_create(key->bytes, key->len, max_output, &stage) == ESP_OK
               ? stage
               : NULL;
}

esp_http_client_config_t update_session_http(struct update *u, const char *url)
{
    esp_http_client_config_t http = {
        .url = url,
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
    return http;
}

esp_err_t update_session_transfer(struct update *u)
{
    esp_http_client_config_t http = update_session_http(u, u->url);
    esp_https_ota_config_t config = {.http_config = &http,
                                     .http_client_init_cb = update_session_prepare,
                                     .partial_http_download = u->range_size > 0,
                                     .max_http_request_size = u->range_size,
                                     .ota_resumption = !u->starts_afresh,
                                     .ext = &u->limits};
    update_delta_enable(u);
    if (u->decrypt_key.bytes) {
        ota_stage_register(OTA_STAGE_ENCRYPTED, make_decrypter, NULL);
    }
    esp_https_ota_allow_http(u->allows_http);
    double started = progress_now();
    progress_begin(&u->progress, u->is_quiet || cli_is_json());
    u->status = 0;
    u->bytes = 0;
    u->progress.total = -1;
    esp_err_t err = run_session(u, &config);
    progress_end(&u->progress);
    u->seconds += progress_now() - started;
    return err;
}

// ----------------------------------------------------------------------- the outcome

json_t *update_session_json(const struct update *u, esp_err_t err)
{
    char slot[8];
    json_t *root = json_object();
    bool is_done = err == ESP_OK;
    if (is_done) {
        update_name_slot(u->target, slot);
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
    json_object_set_new(root, "received", json_integer((json_int_t)u->stats.received));
    json_object_set_new(root, "resumed_from", json_integer((json_int_t)u->stats.resumed_from));
    json_object_set_new(root, "retries", json_integer(u->stats.retries));
    json_object_set_new(root, "restarts", json_integer(u->stats.restarts));
    return root;
}

// Sequence number of the record that decides what boots.
static uint32_t read_choice(const struct device *device)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_partition_pos_t pos = device->slots.otadata;
    if (pos.size < OTADATA_MIN_SIZE || otadata_read(device->flash, pos.offset, records) != ESP_OK ||
        otadata_active(records) == OTADATA_NONE) {
        return OTADATA_SEQ_EMPTY;
    }
    return records[otadata_active(records)].ota_seq;
}

// The library names the field of its configuration; here it came from an option.
static void name_option(const struct update *u)
{
    const struct {
        const char *field;
        const char *option;
        const char *value;
    } ORIGINS[] = {{"client_key_pem", "--key", u->key_file},
                   {"client_cert_pem", "--cert", u->cert_file},
                   {"cert_pem", "--cacert", u->ca_file}};
    for (size_t i = 0; i < sizeof(ORIGINS) / sizeof(ORIGINS[0]); i++) {
        if (ORIGINS[i].value && strstr(cli_failure(), ORIGINS[i].field)) {
            cli_say("%s came from %s %s", ORIGINS[i].field, ORIGINS[i].option, ORIGINS[i].value);
            return;
        }
    }
}

// Whether a second try has a better chance: the image itself was not what failed.
static bool can_go_on(const struct update *u, esp_err_t err)
{
    bool is_budget_spent = u->limits.max_bytes > 0 && u->stats.received > u->limits.max_bytes;
    bool is_image_wrong =
        err == ESP_ERR_OTA_VALIDATE_FAILED || (err == ESP_ERR_INVALID_SIZE && !is_budget_spent);
    return u->bytes > 0 && !u->starts_afresh && !is_image_wrong;
}

static int report_failure(const struct update *u, const struct device *device, esp_err_t err)
{
    int code;
    if (err == ESP_ERR_HTTP_NOT_MODIFIED) {
        code = cli_fail_with(err, "the server's image has not changed (304)");
    } else if (s_is_interrupted) {
        cli_forget_log();
        code = cli_fail_with(err, "interrupted after %lld bytes", (long long)u->bytes);
    } else {
        code = cli_fail_with(err, "the update failed: %s", esp_err_to_text(err));
    }
    if (cli_is_json()) {
        cli_print_json(update_session_json(u, err));
        return code;
    }
    name_option(u);
    if (err == ESP_ERR_OTA_ROLLBACK_INVALID_STATE) {
        cli_say("first keep what runs: esp-ota otadata confirm %s", u->flash);
    }
    if (can_go_on(u, err)) {
        cli_say("the same command goes on where this one ended");
    }
    if (err == ESP_ERR_OTA_VALIDATE_FAILED && device->signatures.on_update) {
        cli_say("esp-ota trust show --flash %s tells whose signatures this device takes", u->flash);
    }
    cli_say(read_choice(device) == u->chosen ? "the boot choice is as before"
                                             : "the boot choice changed: see esp-ota flash info");
    return code;
}

static int report_success(const struct update *u)
{
    char slot[8];
    char name[80];
    if (cli_is_json()) {
        cli_print_json(update_session_json(u, ESP_OK));
        return CLI_DONE;
    }
    if (u->is_quiet) {
        return CLI_DONE;
    }
    update_name_slot(u->target, slot);
    name_image(u, name);
    printf("%s holds %s%s%s%s, verified: %lld bytes in %.2f s; it boots next\n", slot, name,
           u->release ? " (release " : "", u->release ? u->release : "", u->release ? ")" : "",
           (long long)u->bytes, u->seconds);
    printf("next: esp-ota boot --flash %s\n", u->flash);
    return CLI_DONE;
}

int update_session_report(const struct update *u, const struct device *device, esp_err_t err)
{
    return err == ESP_OK ? report_success(u) : report_failure(u, device, err);
}

int update_session_run(struct update *u, struct device *device)
{
    esp_err_t err = device_start_application(device, NULL);
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: what runs cannot be told", u->flash);
    }
    u->target = esp_ota_get_next_update_partition(NULL);
    u->chosen = read_choice(device);
    u->limits.is_cancelled = is_interrupted;
    (void)signal(SIGINT, note_interrupt); // the second one ends the program as usual
    s_update = u;
    if (u->trust.count > 0 && !record_policy(&u->trust, &u->policy)) {
        return CLI_FAILED;
    }
    if (device->slots.otadata.size == 0) { // better known now than after the download
        ESP_LOGE(TAG, "%s has no otadata partition: no update could be chosen to boot", u->flash);
        return update_session_report(u, device, ESP_ERR_NOT_FOUND);
    }
    if (update_is_folder(u->url)) {
        return update_release_run(u, device);
    }
    return update_session_report(u, device, update_session_transfer(u));
}
