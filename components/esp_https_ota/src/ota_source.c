#include "ota_source.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_http_client_ext.h"
#include "esp_log.h"
#include "esp_random.h"
#include "freertos/task.h"
#include "http_retry_after.h"
#include "ota_response.h"

static const char *TAG = "esp_https_ota";

#define RETRIES_DEFAULT         5
#define RETRY_DELAY_DEFAULT     500
#define RETRY_DELAY_MAX_DEFAULT 30000
#define RATE_WINDOW_DEFAULT     10000
#define TIMEOUT_DEFAULT         5000 // fact: ESP-IDF's timeout_ms of 0
#define SLICE_MS                250 // chosen: how often limits and cancelling are looked at while nothing arrives

static uint32_t ms_since(TickType_t tick)
{
    return (uint32_t)(xTaskGetTickCount() - tick) * portTICK_PERIOD_MS;
}

// ----------------------------------------------------------------------- set-up

static void fill_defaults(esp_https_ota_ext_t *limits)
{
    if (limits->max_retries == 0) {
        limits->max_retries = RETRIES_DEFAULT;
    }
    if (limits->max_retries < 0) {
        limits->max_retries = 0;
    }
    if (limits->retry_delay_ms == 0) {
        limits->retry_delay_ms = RETRY_DELAY_DEFAULT;
    }
    if (limits->retry_delay_max_ms == 0) {
        limits->retry_delay_max_ms = RETRY_DELAY_MAX_DEFAULT;
    }
    if (limits->min_rate_window_ms == 0) {
        limits->min_rate_window_ms = RATE_WINDOW_DEFAULT;
    }
}

// The configured URL; a configuration by host and path is put together.
static char *copy_home_url(esp_http_client_handle_t client, const esp_http_client_config_t *http)
{
    char url[1024];
    const char *text = http->url && !(http->host && http->path) ? http->url : NULL;
    if (!text && esp_http_client_get_url(client, url, sizeof(url)) == ESP_OK && !http->query) {
        text = url;
    }
    char *copy = text ? malloc(strlen(text) + 1) : NULL;
    return copy ? strcpy(copy, text) : NULL; // NOLINT: room was made for it
}

esp_err_t ota_source_init(struct ota_source *s, esp_http_client_handle_t client,
                          const struct ota_source_config *config)
{
    memset(s, 0, sizeof(*s));
    s->client = client;
    if (config->ext) {
        s->limits = *config->ext;
    }
    fill_defaults(&s->limits);
    s->retries_opening = config->ext != NULL;
    s->budget = ota_download_budget_of(config->http);
    s->timeout_ms = config->http->timeout_ms > 0 ? config->http->timeout_ms : TIMEOUT_DEFAULT;
    s->range_size = config->range_size;
    s->home_url = copy_home_url(client, config->http);
    s->is_verified_here = true;
    s->began = xTaskGetTickCount();
    ota_response_forget_entity(s);
    return ESP_OK;
}

void ota_source_expect(struct ota_source *s, const struct ota_entity *entity, int64_t position)
{
    s->entity = *entity;
    s->position = position;
    s->is_verified_here =
        ota_response_strong_validator(entity) != NULL; // else its first block has to vouch for it
    s->is_pieced = true;
}

void ota_source_destroy(struct ota_source *s)
{
    if (s->client) {
        ESP_IGNORE_ERROR(esp_http_client_cleanup(s->client)); // nothing is left to do about it
    }
    free(s->home_url);
    memset(s, 0, sizeof(*s));
}

static void close_response(struct ota_source *s)
{
    s->is_open = false;
    s->is_sent = false;
    s->is_at_start = false;
    ESP_IGNORE_ERROR(esp_http_client_close(s->client)); // a connection that fails to close is gone
}

// ----------------------------------------------------------------------- mirrors

static const char *url_at(const struct ota_source *s, unsigned index)
{
    if (index == 0) {
        return s->home_url;
    }
    return s->limits.mirrors ? s->limits.mirrors[index - 1] : NULL;
}

static bool has_mirrors(const struct ota_source *s)
{
    return s->limits.mirrors && s->limits.mirrors[0] && s->home_url;
}

static void go_to_next_mirror(struct ota_source *s)
{
    if (!has_mirrors(s) || (s->is_pinned && s->position > 0)) {
        return;
    }
    s->url_index = url_at(s, s->url_index + 1) ? s->url_index + 1 : 0;
    if (esp_http_client_set_url(s->client, url_at(s, s->url_index)) == ESP_OK) {
        ESP_LOGI(TAG, "trying %s", s->url_index == 0 ? "the first server" : "the next mirror");
        s->is_verified_here = s->position == 0;
    }
}

bool ota_source_go_alone(struct ota_source *s)
{
    unsigned count = 1;
    while (has_mirrors(s) && url_at(s, count)) {
        count++;
    }
    if (s->alone_count == count || (s->alone_count == 0 && !s->is_pieced)) {
        return false;
    }
    s->position = 0;
    go_to_next_mirror(s);
    s->alone_count++;
    s->is_pinned = true;
    return true;
}

// What the first bytes of the file must hash to, and how many they are. false: they were not seen.
static bool known_beginning(const struct ota_source *s, uint8_t digest[CRYPTO_SHA256_LEN],
                            int64_t *len)
{
    *len = SOURCE_FIRST_BLOCK_LEN;
    if (s->entity.has_first_block) {
        memcpy(digest, s->entity.first_block, CRYPTO_SHA256_LEN);
        return true;
    }
    if (s->position >= SOURCE_FIRST_BLOCK_LEN) {
        return false; // the application knows them
    }
    struct crypto_hash copy = s->first_block_hash;
    esp_crypto.sha256_end(&copy, digest);
    *len = s->position;
    return true;
}

// Reads the first len bytes of the file, or all if there are fewer.
static esp_err_t read_beginning(struct ota_source *s, int64_t len, uint8_t *digest,
                                struct ota_entity *seen)
{
    struct crypto_hash hash;
    struct http_content_range range;
    char block[512];
    esp_err_t err = ota_response_ask_for_range(s, 0, len - 1, false);
    if (err == ESP_OK) {
        err = ota_download_connect(s->client, &s->budget, false);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (esp_http_client_get_status_code(s->client) != HttpStatus_PartialContent ||
        ota_response_content_range(s, &range) != ESP_OK || range.first != 0) {
        s->lacks_ranges = esp_http_client_get_status_code(s->client) == HttpStatus_Ok;
        return ESP_ERR_INVALID_RESPONSE; // no ranges here: of no use in the middle of a file
    }
    *seen = ota_response_entity(s, range.total);
    len = range.last + 1 < len ? range.last + 1 : len;
    esp_crypto.sha256_begin(&hash);
    while (len > 0) {
        int got = esp_http_client_read(s->client, block, len < 512 ? (int)len : 512);
        if (got <= 0) {
            return ESP_FAIL;
        }
        esp_crypto.sha256_write(&hash, block, (size_t)got);
        len -= got;
    }
    esp_crypto.sha256_end(&hash, digest);
    return ESP_OK;
}

// Another server's validators say nothing about ours, and some servers have none. Length and first block tell something.
static esp_err_t verify_file(struct ota_source *s)
{
    struct ota_entity seen;
    uint8_t known[CRYPTO_SHA256_LEN];
    uint8_t digest[CRYPTO_SHA256_LEN];
    int64_t len;
    bool is_known = known_beginning(s, known, &len);
    esp_err_t err = is_known ? read_beginning(s, len, digest, &seen) : ESP_ERR_INVALID_RESPONSE;
    if (err == ESP_OK) {
        bool has_same_len = s->entity.total < 0 || seen.total < 0 || s->entity.total == seen.total;
        err = has_same_len && memcmp(digest, known, sizeof(digest)) == 0 ? ESP_OK
                                                                         : ESP_ERR_INVALID_RESPONSE;
    }
    if (err == ESP_ERR_INVALID_RESPONSE) {
        ESP_LOGW(TAG, "%s serves another file, or no parts of it",
                 s->url_index == 0 ? "the server" : "this mirror");
        return s->url_index == 0 ? ESP_ERR_INVALID_RESPONSE : ESP_FAIL;
    }
    if (err != ESP_OK) {
        return err;
    }
    close_response(s);
    memcpy(s->entity.etag, seen.etag, sizeof(seen.etag));
    memcpy(s->entity.last_modified, seen.last_modified, sizeof(seen.last_modified));
    s->is_verified_here = true;
    return ESP_OK;
}

// ----------------------------------------------------------------------- limits

static esp_err_t check_received(const struct ota_source *s)
{
    if (s->limits.max_bytes > 0 && s->received > s->limits.max_bytes) {
        ESP_LOGE(TAG, "the server sent more than the allowed %llu bytes",
                 (unsigned long long)s->limits.max_bytes);
        return ESP_ERR_INVALID_SIZE;
    }
    return ESP_OK;
}

static bool is_cancelled(const struct ota_source *s)
{
    return s->limits.is_cancelled && s->limits.is_cancelled(s->limits.cancel_context);
}

static esp_err_t end_cancelled(void)
{
    ESP_LOGW(TAG, "the update was cancelled");
    return ESP_ERR_NOT_FINISHED;
}

static esp_err_t check_limits(const struct ota_source *s)
{
    if (is_cancelled(s)) {
        return end_cancelled();
    }
    if (s->limits.deadline_ms > 0 && ms_since(s->began) >= s->limits.deadline_ms) {
        ESP_LOGE(TAG, "the update was not complete after %" PRIu32 " ms", s->limits.deadline_ms);
        return ESP_ERR_TIMEOUT;
    }
    return check_received(s);
}

static bool is_too_slow(struct ota_source *s)
{
    uint32_t elapsed = ms_since(s->window_began);
    if (s->limits.min_rate == 0 || elapsed < s->limits.min_rate_window_ms) {
        return false;
    }
    bool is_slow = s->window_bytes * 1000 < (int64_t)s->limits.min_rate * elapsed;
    s->window_began = xTaskGetTickCount();
    s->window_bytes = 0;
    return is_slow;
}

// ----------------------------------------------------------------------- retries

static bool is_worth_retrying(const struct ota_source *s, esp_err_t err)
{
    switch (err) {
    case ESP_ERR_HTTP_CONNECT:
        return esp_http_client_can_connect_later(s->client);
    case ESP_FAIL:
        return ota_download_can_heal(s->client);
    case ESP_ERR_HTTP_WRITE_DATA:
    case ESP_ERR_HTTP_EAGAIN:
    case ESP_ERR_HTTP_READ_TIMEOUT:
    case ESP_ERR_HTTP_FETCH_HEADER:
    case ESP_ERR_HTTP_CONNECTION_CLOSED:
    case ESP_ERR_HTTP_INCOMPLETE_DATA:
        return true;
    default:
        return false;
    }
}

// How long the server asks to wait; 0: it does not.
static uint32_t retry_after_ms(struct ota_source *s)
{
    char text[64];
    int64_t seconds = 0;
    ota_response_copy_header(s->client, "Retry-After", text, sizeof(text));
    if (http_retry_after_parse(text, time(NULL), &seconds) != ESP_OK) {
        return 0;
    }
    return seconds < 86400 ? (uint32_t)seconds * 1000 : 86400u * 1000;
}

static uint32_t back_off_ms(struct ota_source *s)
{
    uint32_t delay = s->limits.retry_delay_ms;
    for (int i = 1; i < s->failures && delay < s->limits.retry_delay_max_ms; i++) {
        delay *= 2;
    }
    delay = delay / 2 +
            esp_random() % (delay / 2 + 1); // jitter, so that a fleet does not return all at once
    uint32_t wanted = retry_after_ms(s);
    delay = wanted > delay ? wanted : delay;
    return delay < s->limits.retry_delay_max_ms ? delay : s->limits.retry_delay_max_ms;
}

// Before the next connection to the same server: without a strong validator its first block has to vouch for the file.
static void doubt_file(struct ota_source *s)
{
    bool is_known = s->entity.has_first_block || s->position < SOURCE_FIRST_BLOCK_LEN;
    if (s->position > 0) {
        s->is_pieced = true;
        s->is_verified_here =
            s->is_verified_here && (ota_response_strong_validator(&s->entity) || !is_known);
    }
}

// What cannot heal here (a certificate, a 404) may be fine at the next mirror.
static bool is_hopeless(struct ota_source *s, esp_err_t err)
{
    bool has_choice = has_mirrors(s) && !(s->is_pinned && s->position > 0);
    if (err == ESP_ERR_HTTP_NOT_MODIFIED || err == ESP_ERR_NO_MEM) {
        return true;
    }
    return !is_worth_retrying(s, err) && !has_choice;
}

static void warn_of_retry(const struct ota_source *s, esp_err_t err)
{
    if (s->entity.total < 0) { // nothing came yet
        ESP_LOGW(TAG, "%s; trying again in %" PRIu32 " ms (%d of %d)", esp_err_to_text(err),
                 s->wait_ms, s->failures, s->limits.max_retries);
        return;
    }
    ESP_LOGW(TAG, "%s at byte %lld of %lld; trying again in %" PRIu32 " ms (%d of %d)",
             esp_err_to_text(err), (long long)s->position, (long long)s->entity.total, s->wait_ms,
             s->failures, s->limits.max_retries);
}

// Decides what a failed attempt means: IN_PROGRESS, try again later; else the error itself.
static esp_err_t note_failure(struct ota_source *s, esp_err_t err, bool can_retry)
{
    bool is_over = !can_retry || is_hopeless(s, err);
    s->failures++;
    if (is_over || s->failures > s->limits.max_retries) {
        close_response(s);
        return err == ESP_ERR_NOT_ALLOWED || err == ESP_ERR_HTTP_INCOMPLETE_DATA ? ESP_FAIL : err;
    }
    s->wait_ms = back_off_ms(s);
    s->wait_began = xTaskGetTickCount();
    s->is_waiting = true;
    s->retries++;
    warn_of_retry(s, err);
    close_response(s);
    doubt_file(s);
    go_to_next_mirror(s);
    return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
}

// IN_PROGRESS until the pause is over.
static esp_err_t wait_for_retry(struct ota_source *s)
{
    uint32_t waited = ms_since(s->wait_began);
    if (!s->is_waiting || waited >= s->wait_ms) {
        s->is_waiting = false;
        return ESP_OK;
    }
    uint32_t left = s->wait_ms - waited;
    vTaskDelay(pdMS_TO_TICKS(left < SLICE_MS ? left : SLICE_MS) + 1);
    return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
}

// ----------------------------------------------------------------------- opening

static esp_err_t request_response(struct ota_source *s)
{
    ESP_IGNORE_ERROR(
        esp_http_client_set_timeout_ms(s->client, s->timeout_ms)); // s->client is there
    bool is_sent = s->is_sent;
    s->is_sent = false;
    s->lacks_ranges = false;
    esp_err_t err = s->is_verified_here ? ESP_OK : verify_file(s);
    if (err == ESP_OK && !is_sent) {
        err = ota_response_prepare(s);
    }
    if (err == ESP_OK) {
        err = ota_download_connect(s->client, &s->budget, is_sent);
    }
    if (err != ESP_OK) {
        return err;
    }
    s->last_byte = xTaskGetTickCount();
    s->window_began = s->last_byte;
    s->window_bytes = 0;
    return ota_response_accept(s);
}

static esp_err_t open_response(struct ota_source *s, bool can_retry)
{
    esp_err_t err = check_limits(s);
    if (err == ESP_OK) {
        err = wait_for_retry(s);
    }
    if (err != ESP_OK) {
        return err;
    }
    err = request_response(s);
    if (err == ESP_OK || err == ESP_ERR_INVALID_RESPONSE) {
        return err;
    }
    if (is_cancelled(s)) { // that may be why there was no answer
        return end_cancelled();
    }
    return note_failure(s, err, can_retry);
}

esp_err_t ota_source_open(struct ota_source *s)
{
    esp_err_t err = ESP_OK;
    if (s->is_open) { // after a restart
        return err;
    }
    do {
        err = open_response(s, s->retries_opening);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}

void ota_source_restart(struct ota_source *s)
{
    s->position = 0;
    s->is_waiting = false;
    s->is_verified_here = true;
    s->is_pieced = false;
    if (s->is_open && s->is_at_start) { // the very response that showed the change can be read
        struct ota_entity seen = ota_response_entity(s, s->response_end);
        ota_response_forget_entity(s);
        ota_response_adopt(s, &seen);
        return;
    }
    ota_response_forget_entity(s);
    close_response(s);
}

// ----------------------------------------------------------------------- reading

bool ota_source_is_complete(const struct ota_source *s)
{
    return s->entity.total >= 0 && s->position >= s->entity.total;
}

static void note_first_block(struct ota_source *s, const void *data, size_t len)
{
    if (s->entity.has_first_block || s->position >= SOURCE_FIRST_BLOCK_LEN) {
        return;
    }
    size_t room = (size_t)(SOURCE_FIRST_BLOCK_LEN - s->position);
    esp_crypto.sha256_write(&s->first_block_hash, data, len < room ? len : room);
    int64_t end = s->position + (int64_t)len;
    if (end >= SOURCE_FIRST_BLOCK_LEN || end == s->entity.total) {
        struct crypto_hash copy = s->first_block_hash;
        esp_crypto.sha256_end(&copy, s->entity.first_block);
        s->entity.has_first_block = true;
    }
}

static void note_bytes(struct ota_source *s, const void *data, size_t len)
{
    note_first_block(s, data, len);
    s->position += (int64_t)len;
    s->received += len;
    s->window_bytes += (int64_t)len;
    s->last_byte = xTaskGetTickCount();
    s->owed_bytes -= (int64_t)len;
    if (s->owed_bytes <= 0) {
        s->owed_bytes = 0;
        s->failures = 0;
    }
    s->is_at_start = false;
}

// The response has ended in order. Is it the end of the file, of a range, or too early?
static esp_err_t end_response(struct ota_source *s, bool *is_end)
{
    *is_end = s->entity.total < 0 || s->position >= s->entity.total;
    if (*is_end) {
        s->entity.total = s->position;
        return ESP_OK;
    }
    s->is_open = false; // the connection stays, for the next range
    bool is_range_done = s->response_end >= 0 && s->position >= s->response_end;
    return is_range_done ? ESP_OK : note_failure(s, ESP_ERR_HTTP_INCOMPLETE_DATA, true);
}

// A server that sends a few bytes on each connection must not be asked for ever: after a stall only as much as the minimum
// rate brings in one window is progress.
static esp_err_t note_stall(struct ota_source *s)
{
    s->owed_bytes = (int64_t)s->limits.min_rate * s->limits.min_rate_window_ms / 1000;
    esp_err_t err = note_failure(s, ESP_ERR_HTTP_READ_TIMEOUT, true);
    if (err == ESP_ERR_HTTP_READ_TIMEOUT) {
        ESP_LOGE(TAG, "the server fell silent, or was too slow, at byte %lld",
                 (long long)s->position);
    }
    return err;
}

static esp_err_t note_silence(struct ota_source *s)
{
    bool is_dead = ms_since(s->last_byte) >= (uint32_t)s->timeout_ms;
    return is_dead || is_too_slow(s) ? note_stall(s) : ESP_ERR_HTTPS_OTA_IN_PROGRESS;
}

// A range is complete: the server can prepare the next one while this one goes to flash.
static void ask_ahead(struct ota_source *s)
{
    bool is_range_done = s->range_size > 0 && s->position == s->response_end;
    if (!is_range_done || s->entity.total < 0 || ota_source_is_complete(s)) {
        return;
    }
    s->is_open = false; // the connection stays
    ESP_IGNORE_ERROR(
        esp_http_client_set_timeout_ms(s->client, s->timeout_ms)); // s->client is there
    s->is_sent = ota_response_prepare(s) == ESP_OK && ota_download_send(s->client) == ESP_OK;
    if (!s->is_sent) { // the next read asks again, and reports
        ESP_LOGW(TAG, "the connection was lost between two ranges; making a new one");
    }
}

static esp_err_t read_response(struct ota_source *s, void *buf, size_t len, size_t *got,
                               bool *is_end)
{
    if (s->response_end >= 0 && (int64_t)len > s->response_end - s->position) {
        len = (size_t)(s->response_end - s->position);
    }
    int count = len > 0 ? esp_http_client_read(s->client, buf, (int)len) : 0;
    if (count == -ESP_ERR_HTTP_EAGAIN) {
        return note_silence(s);
    }
    if (count < 0) {
        return note_failure(s, ESP_FAIL, true);
    }
    if (count == 0) {
        bool is_whole = len == 0 || esp_http_client_is_complete_data_received(s->client);
        return is_whole ? end_response(s, is_end) : note_failure(s, ESP_FAIL, true);
    }
    note_bytes(s, buf, (size_t)count);
    *got = (size_t)count;
    ask_ahead(s);
    return is_too_slow(s) ? note_stall(s) : ESP_OK;
}

esp_err_t ota_source_read(struct ota_source *s, void *buf, size_t len, size_t *got)
{
    bool is_end = ota_source_is_complete(s);
    *got = 0;
    while (!is_end && *got == 0) {
        esp_err_t err = check_limits(s);
        if (err == ESP_OK && !s->is_open) {
            err = open_response(s, true);
        }
        if (err == ESP_OK) {
            int slice = s->timeout_ms < SLICE_MS ? s->timeout_ms : SLICE_MS;
            ESP_IGNORE_ERROR(
                esp_http_client_set_timeout_ms(s->client, slice)); // s->client is there
            err = read_response(s, buf, len, got, &is_end);
        }
        if (err != ESP_OK && !(err == ESP_ERR_HTTPS_OTA_IN_PROGRESS && *got > 0)) {
            return err;
        }
    }
    return *got == 0 ? check_received(s) : ESP_OK; // the last bytes count too
}
