// esp-ota update: a small file, as a whole, into memory.

#define _POSIX_C_SOURCE 200809L

#include "update.h"

#include <time.h>

#include "esp_http_client_ext.h"
#include "esp_log.h"

static const char *TAG = "update";

#define REDIRECT_MAX  10   // fact: default of esp_http_client_config_t.max_redirection_count
#define AUTH_MAX      2    // chosen: a Digest challenge, and one more for a stale nonce
#define RETRY_DEFAULT 5    // fact: default of esp_https_ota_ext_t.max_retries ...
#define DELAY_DEFAULT 500u // ... and of retry_delay_ms
#define DELAY_MAX     30000u

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Follows redirects and answers 401 until there is something to read.
static esp_err_t open_file(esp_http_client_handle_t client, struct update *u)
{
    int redirects = REDIRECT_MAX;
    int answers = AUTH_MAX;
    for (;;) {
        esp_err_t err = esp_http_client_open(client, 0);
        if (err != ESP_OK) {
            return err;
        }
        if (esp_http_client_fetch_headers(client) < 0) {
            return ESP_ERR_HTTP_FETCH_HEADER;
        }
        u->status = esp_http_client_get_status_code(client);
        if (is_redirect(u->status) && redirects-- > 0) {
            err = esp_http_client_set_redirection(client);
        } else if (u->status == 401 && u->username && answers-- > 0) {
            err = esp_http_client_add_auth(client);
        } else {
            return ESP_OK;
        }
        if (err == ESP_OK) {
            err = esp_http_client_close(client); // the rest of this answer is not worth reading
        }
        if (err != ESP_OK) {
            return err;
        }
    }
}

// Reads one byte more than there is room for, to know whether the file ends there.
static esp_err_t read_file(esp_http_client_handle_t client, uint8_t *bytes, size_t size,
                           size_t *len)
{
    *len = 0;
    while (!update_session_is_interrupted()) {
        char more;
        bool is_full = *len == size;
        int got = esp_http_client_read(client, is_full ? &more : (char *)bytes + *len,
                                       is_full ? 1 : (int)(size - *len));
        if (got < 0) {
            ESP_LOGE(TAG, "the connection broke after %u bytes of the index", (unsigned)*len);
            return ESP_ERR_HTTP_READ_TIMEOUT;
        }
        if (got == 0) {
            return ESP_OK;
        }
        if (is_full) {
            ESP_LOGE(TAG, "the index has more than %u bytes", (unsigned)size);
            return ESP_ERR_INVALID_SIZE;
        }
        *len += (size_t)got;
    }
    return ESP_ERR_NOT_FINISHED;
}

static esp_err_t fetch_once(struct update *u, const char *url, uint8_t *bytes, size_t size,
                            size_t *len, bool *is_final)
{
    esp_http_client_config_t http = update_session_http(u, url);
    esp_http_client_handle_t client = esp_http_client_init(&http);
    if (!client) {
        return ESP_FAIL;
    }
    u->status = 0;
    esp_err_t err = update_session_prepare(client);
    if (err == ESP_OK) { // a cache on the way should ask whether its copy is still the newest
        err = esp_http_client_set_header(client, "Cache-Control", "no-cache");
    }
    if (err == ESP_OK) {
        err = open_file(client, u);
    }
    if (err == ESP_OK && u->status != 200) {
        ESP_LOGE(TAG,
                 u->status == 404 ? "the server has no release folder there: HTTP status %d"
                                  : "the server answers with HTTP status %d instead of the index",
                 u->status);
        err = ESP_ERR_NOT_FOUND;
    }
    if (err == ESP_OK) {
        err = read_file(client, bytes, size, len);
    }
    *is_final = err == ESP_ERR_HTTP_CONNECT && !esp_http_client_can_connect_later(client);
    ESP_IGNORE_ERROR(esp_http_client_cleanup(client)); // the error before is the one to report
    return err;
}

static bool can_heal(const struct update *u, esp_err_t err)
{
    switch (u->status) {
    case 408: // fact: RFC 9110 and 6585: statuses that another try may change
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    case 0:
    case 200:
        return err != ESP_ERR_INVALID_SIZE && err != ESP_ERR_NOT_FINISHED;
    default:
        return false;
    }
}

static void wait(uint32_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL); // a signal ends it early, which is right
}

esp_err_t update_fetch(struct update *u, const char *url, uint8_t *bytes, size_t size, size_t *len)
{
    int retries = u->limits.max_retries == 0 ? RETRY_DEFAULT : u->limits.max_retries;
    uint32_t delay = u->limits.retry_delay_ms > 0 ? u->limits.retry_delay_ms : DELAY_DEFAULT;
    for (;;) {
        size_t got = 0;
        bool is_final = false;
        esp_err_t err = fetch_once(u, url, bytes, size, &got, &is_final);
        if (err == ESP_OK) {
            *len = got;
        }
        if (err == ESP_OK || retries-- <= 0 || is_final || !can_heal(u, err) ||
            update_session_is_interrupted()) {
            return err;
        }
        cli_forget_log();
        wait(delay);
        delay = delay < DELAY_MAX / 2 ? delay * 2 : DELAY_MAX;
    }
}
