#include "ota_download.h"

#include <string.h>

#include "esp_log.h"

static const char *TAG = "esp_https_ota";

#define SERVER_LEN             160 // chosen: room for the host names there are
#define REDIRECTS_DEFAULT      10  // fact: ESP-IDF's max_redirection_count of 0
#define AUTHORIZATIONS_DEFAULT 10  // fact: ESP-IDF's max_authorization_retries of 0

struct ota_download_budget ota_download_budget_of(const esp_http_client_config_t *config)
{
    struct ota_download_budget budget = {.redirects = config->max_redirection_count,
                                         .authorizations = config->max_authorization_retries};
    if (budget.redirects == 0) {
        budget.redirects = REDIRECTS_DEFAULT;
    }
    if (budget.authorizations == 0) {
        budget.authorizations = AUTHORIZATIONS_DEFAULT;
    }
    if (config->disable_auto_redirect || budget.redirects < 0) {
        budget.redirects = 0;
    }
    if (budget.authorizations < 0) { // fact: -1 means none
        budget.authorizations = 0;
    }
    return budget;
}

esp_err_t ota_download_send(esp_http_client_handle_t client)
{
    char *body = NULL;
    int body_len = esp_http_client_get_post_field(client, &body);
    esp_err_t err = esp_http_client_open(client, body_len);
    if (err != ESP_OK) {
        return err;
    }
    if (body_len > 0 && esp_http_client_write(client, body, body_len) != body_len) {
        ESP_LOGE(TAG, "the request body could not be sent");
        return ESP_FAIL;
    }
    return ESP_OK;
}

static esp_err_t receive_head(esp_http_client_handle_t client)
{
    int64_t len = esp_http_client_fetch_headers(client);
    if (len == -ESP_ERR_HTTP_EAGAIN) {
        ESP_LOGE(TAG, "the server did not answer in time");
        return ESP_ERR_HTTP_EAGAIN;
    }
    return len < 0 ? ESP_FAIL : ESP_OK;
}

static bool is_redirect(int status)
{
    return status == HttpStatus_MovedPermanently || status == HttpStatus_Found ||
           status == HttpStatus_SeeOther || status == HttpStatus_TemporaryRedirect ||
           status == HttpStatus_PermanentRedirect;
}

// The next request needs a clean connection: the rest of this response is not worth reading.
static esp_err_t leave_response(esp_http_client_handle_t client)
{
    return esp_http_client_close(client);
}

static esp_err_t follow_redirect(esp_http_client_handle_t client,
                                 struct ota_download_budget *budget)
{
    if (budget->redirects == 0) {
        ESP_LOGE(TAG, "too many redirects, or redirects are switched off");
        return ESP_ERR_HTTP_MAX_REDIRECT;
    }
    budget->redirects--;
    esp_err_t err = esp_http_client_set_redirection(client);
    return err == ESP_OK ? leave_response(client) : err;
}

// Host and port of who answered, which after a redirect is not who was asked. The path stays out: it may be a secret.
static const char *name_server(esp_http_client_handle_t client, char out[SERVER_LEN])
{
    if (esp_http_client_get_url(client, out, SERVER_LEN) != ESP_OK) {
        return "the server";
    }
    char *host = strstr(out, "://");
    host = host ? host + strlen("://") : out;
    host[strcspn(host, "/")] = 0;
    return host;
}

static bool has_user(esp_http_client_handle_t client)
{
    char *user = NULL;
    return esp_http_client_get_username(client, &user) == ESP_OK && user;
}

static esp_err_t authenticate(esp_http_client_handle_t client, struct ota_download_budget *budget)
{
    char server[SERVER_LEN];
    if (budget->authorizations == 0) {
        ESP_LOGE(TAG, "%s: HTTP status 401: the user name or password is not right",
                 name_server(client, server));
        return ESP_FAIL;
    }
    budget->authorizations--;
    esp_err_t err = esp_http_client_add_auth(client);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the server asks for credentials (401): %s", esp_err_to_text(err));
        return err;
    }
    if (!has_user(client)) {
        ESP_LOGE(TAG, "%s: HTTP status 401: the server asks for a user name and password",
                 name_server(client, server));
        return ESP_FAIL;
    }
    return leave_response(client);
}

static const char *advise(int status)
{
    switch (status) {
    case 400:
        return "the server does not accept the request; does it ask for a client certificate?";
    case HttpStatus_Forbidden:
        return "the server refuses access to this file";
    case HttpStatus_NotFound:
    case 410: // fact: RFC 9110, Gone
        return "there is no such file; check the URL";
    case 429: // fact: RFC 6585, Too Many Requests
        return "the server wants fewer requests; try again later";
    default:
        return status >= 500 ? "the server has a problem; try again later" : "no image to download";
    }
}

// ESP_OK: the body is the file or a part of it; ESP_ERR_NOT_FINISHED: send another request; else the verdict.
static esp_err_t judge_status(esp_http_client_handle_t client, struct ota_download_budget *budget)
{
    int status = esp_http_client_get_status_code(client);
    if (status == HttpStatus_Ok || status == HttpStatus_PartialContent ||
        status == HttpStatus_RangeNotSatisfiable) {
        return ESP_OK;
    }
    char server[SERVER_LEN];
    esp_err_t err = ESP_FAIL;
    if (is_redirect(status)) {
        err = follow_redirect(client, budget);
        return err == ESP_OK ? ESP_ERR_NOT_FINISHED : err;
    }
    if (status == HttpStatus_Unauthorized) {
        err = authenticate(client, budget);
        return err == ESP_OK ? ESP_ERR_NOT_FINISHED : err;
    }
    if (status == HttpStatus_NotModified) {
        ESP_LOGI(TAG, "the server's image has not changed (304)");
        return ESP_ERR_HTTP_NOT_MODIFIED;
    }
    ESP_LOGE(TAG, "%s: HTTP status %d: %s", name_server(client, server), status, advise(status));
    return ESP_FAIL;
}

esp_err_t ota_download_connect(esp_http_client_handle_t client,
                               const struct ota_download_budget *budget, bool is_sent)
{
    struct ota_download_budget left = *budget; // each connection has all of it
    esp_err_t err = ESP_ERR_NOT_FINISHED;
    while (err == ESP_ERR_NOT_FINISHED) {
        err = is_sent ? ESP_OK : ota_download_send(client);
        is_sent = false;
        if (err == ESP_OK) {
            err = receive_head(client);
        }
        if (err == ESP_OK) {
            err = judge_status(client, &left);
        }
    }
    return err;
}

bool ota_download_can_heal(esp_http_client_handle_t client)
{
    switch (esp_http_client_get_status_code(client)) {
    case 408: // fact: RFC 9110 and 6585: statuses that another try may change
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
    case HttpStatus_Ok: // the status was right, the rest was lost
    case HttpStatus_PartialContent:
        return true;
    default:
        return esp_http_client_get_status_code(client) < 100; // no answer at all
    }
}
