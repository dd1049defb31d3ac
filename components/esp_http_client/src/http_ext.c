/* Our own additions to the client: proxy, HTTP version, limits. */
#include "esp_http_client_ext.h"

#include <stdlib.h>
#include <string.h>

#include "http_client.h"

// --------------------------------------------------------------------------------------------- proxy

/* Whether the text, a URL by now, says nothing but where the proxy is and who asks. */
static esp_err_t check_proxy(const struct http_url *url)
{
    static const char *const schemes[] = {"http", "socks5", "socks5h"};
    // SOCKS URLs may have no path at all.
    if (!url->host[0] || (url->path && strcmp(url->path, "/") != 0) || url->query) {
        return ESP_ERR_INVALID_ARG;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(url->scheme, schemes[i]) == 0) {
            return ESP_OK;
        }
    }
    return ESP_ERR_NOT_SUPPORTED;
}

static esp_err_t parse_proxy(struct esp_http_client *client, const char *text)
{
    static const char prefix[] = "http://";
    struct http_url url;
    size_t size = sizeof(prefix) + strlen(text);
    char *whole = malloc(size);
    if (!whole) {
        return ESP_ERR_NO_MEM;
    }
    snprintf(whole, size, "%s%s", strstr(text, "://") ? "" : prefix, text);
    esp_err_t err = client->ops->resolve_url(NULL, whole, &url);
    http_client_forget(&whole);
    if (err == ESP_OK) {
        err = check_proxy(&url);
        http_url_free(&url);
    }
    return err;
}

/* The words leave out the URL: it may hold a password. */
static esp_err_t report_bad_proxy(struct esp_http_client *client, esp_err_t err)
{
    if (err == ESP_ERR_INVALID_ARG) {
        return http_client_fail(client, err,
                                "the proxy is not a URL; it must look like http://host:port");
    }
    if (err == ESP_ERR_NOT_SUPPORTED) {
        return http_client_fail(client, err,
                                "this kind of proxy is not supported; use http, socks5 or socks5h");
    }
    return err;
}

esp_err_t esp_http_client_set_proxy(esp_http_client_handle_t client, const char *url)
{
    char *copy = NULL;
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (url && url[0]) {
        esp_err_t err = parse_proxy(client, url);
        if (err != ESP_OK) {
            return report_bad_proxy(client, err);
        }
    }
    esp_err_t err = http_client_replace(&copy, url);
    if (err == ESP_OK) {
        http_client_forget(&client->proxy);
        client->proxy = copy;
    }
    return err;
}

// -------------------------------------------------------------------------------------- revocation

esp_err_t esp_http_client_set_crl(esp_http_client_handle_t client, const void *data, size_t len)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (client->transport) {
        return ESP_ERR_INVALID_STATE;
    }
    client->crl = (struct http_blob){.data = data, .len = len};
    return ESP_OK;
}

// ------------------------------------------------------------------------------------- HTTP version

esp_err_t esp_http_client_set_http_version(esp_http_client_handle_t client,
                                           esp_http_client_http_version_t version)
{
    if (!client || (unsigned)version > ESP_HTTP_CLIENT_HTTP_2) {
        return ESP_ERR_INVALID_ARG;
    }
    if (version == ESP_HTTP_CLIENT_HTTP_2 && client->config.alpn_protos) {
        return ESP_ERR_INVALID_STATE;
    }
    client->speaks_http2 = version == ESP_HTTP_CLIENT_HTTP_2;
    return ESP_OK;
}

int esp_http_client_get_response_http_version(esp_http_client_handle_t client)
{
    if (!client || !client->response) {
        return -1;
    }
    return client->response->is_http2 ? 20 : 10 + client->response->minor_version;
}

// ------------------------------------------------------------------------------------------- reading

esp_err_t esp_http_client_set_idle_work(esp_http_client_handle_t client,
                                        bool (*work)(void *context), void *context)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->idle_work = work;
    client->idle_context = context;
    return ESP_OK;
}

esp_err_t esp_http_client_set_cancel(esp_http_client_handle_t client,
                                     bool (*is_cancelled)(void *context), void *context)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->is_cancelled = is_cancelled;
    client->cancel_context = context;
    return ESP_OK;
}

// Certificates, keys or names that cannot be used: they are the application's, and stay as they are.
static bool is_of_settings(esp_err_t tls_code)
{
    switch (tls_code) {
    case ESP_ERR_INVALID_STATE:
    case ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED:
    case ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED:
    case ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED:
    case ESP_ERR_MBEDTLS_SSL_SETUP_FAILED:
    case ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED:
        return true;
    default:
        return false;
    }
}

bool esp_http_client_can_connect_later(esp_http_client_handle_t client)
{
    return client && client->tls_error.esp_tls_flags == 0 &&
           !is_of_settings(client->tls_error.last_error);
}

size_t esp_http_client_get_preferred_read_len(esp_http_client_handle_t client)
{
    return client ? client->ops->read_len_preferred : 0;
}

// --------------------------------------------------------------------------------- head of the answer

esp_err_t esp_http_client_set_head_limits(esp_http_client_handle_t client, size_t max_len,
                                          size_t max_count)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->head_len_max = max_len ? max_len : ESP_HTTP_CLIENT_HEAD_LEN_DEFAULT;
    client->head_count_max = max_count ? max_count : ESP_HTTP_CLIENT_HEAD_COUNT_DEFAULT;
    return ESP_OK;
}

esp_err_t esp_http_client_get_unique_response_header(esp_http_client_handle_t client,
                                                     const char *key, const char **value)
{
    if (!client || !key || !value) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct http_response *response = client->response;
    struct http_header *last =
        response ? http_headers_find(response->headers, response->header_count, key) : NULL;
    if (!last) {
        return ESP_ERR_NOT_FOUND;
    }
    if (http_headers_find(response->headers, (size_t)(last - response->headers), key)) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    *value = last->value;
    return ESP_OK;
}
