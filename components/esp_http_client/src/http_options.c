/* What can be asked and changed between requests. */
#include "http_client.h"

#include <string.h>

static const char FORM_TYPE[] = "application/x-www-form-urlencoded";

// ------------------------------------------------------------------------------------------- headers

esp_err_t esp_http_client_set_header(esp_http_client_handle_t client, const char *key,
                                     const char *value)
{
    if (!client || !key) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!value) {
        return http_headers_delete(&client->headers, key);
    }
    // differs: ESP-IDF sends line ends in a value, and with them further headers, as they are.
    if (!http_syntax_is_token(key) || strpbrk(value, "\r\n")) {
        return ESP_ERR_INVALID_ARG;
    }
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        len--;
    }
    return http_headers_set(&client->headers, key, value, len);
}

esp_err_t esp_http_client_get_header(esp_http_client_handle_t client, const char *key, char **value)
{
    if (!client || !key || !value) {
        return ESP_ERR_INVALID_ARG;
    }
    struct http_header *item = http_headers_find(client->headers.items, client->headers.count, key);
    *value = item ? item->value : NULL;
    return item ? ESP_OK : ESP_ERR_NOT_FOUND;
}

esp_err_t esp_http_client_delete_header(esp_http_client_handle_t client, const char *key)
{
    return client && key ? http_headers_delete(&client->headers, key) : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_http_client_delete_all_headers(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    http_headers_clear(&client->headers);
    return ESP_OK;
}

esp_err_t esp_http_client_get_response_header(esp_http_client_handle_t client, const char *key,
                                              char **value)
{
    if (!client || !key || !value) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct http_response *response = client->response;
    struct http_header *item =
        response ? http_headers_find(response->headers, response->header_count, key) : NULL;
    if (!item) {
        return ESP_ERR_NOT_FOUND;
    }
    *value = item->value;
    return ESP_OK;
}

// ---------------------------------------------------------------------------------- method, body, login

esp_err_t esp_http_client_set_method(esp_http_client_handle_t client,
                                     esp_http_client_method_t method)
{
    if (!client || !http_client_method_name(method)) {
        return ESP_ERR_INVALID_ARG;
    }
    client->method = method;
    return ESP_OK;
}

esp_err_t esp_http_client_set_post_field(esp_http_client_handle_t client, const char *data, int len)
{
    if (!client || len < 0) {
        return ESP_ERR_INVALID_ARG;
    }
    client->post_data = data;
    client->post_len = data ? len : 0;
    char *type;
    if (!data) {
        (void)esp_http_client_delete_header(client, "Content-Type"); // none is fine, too
        return ESP_OK;
    }
    if (esp_http_client_get_header(client, "Content-Type", &type) == ESP_OK) {
        return ESP_OK;
    }
    return esp_http_client_set_header(client, "Content-Type", FORM_TYPE);
}

int esp_http_client_get_post_field(esp_http_client_handle_t client, char **data)
{
    if (!client || !data || !client->post_data) {
        return 0;
    }
    *data = (char *)client->post_data;
    return client->post_len;
}

esp_err_t esp_http_client_set_username(esp_http_client_handle_t client, const char *username)
{
    return client ? http_client_replace(&client->username, username) : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_http_client_set_password(esp_http_client_handle_t client, const char *password)
{
    return client ? http_client_replace(&client->password, password) : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_http_client_get_username(esp_http_client_handle_t client, char **value)
{
    if (!client || !value) {
        return ESP_ERR_INVALID_ARG;
    }
    *value = client->username;
    return ESP_OK;
}

esp_err_t esp_http_client_get_password(esp_http_client_handle_t client, char **value)
{
    if (!client || !value) {
        return ESP_ERR_INVALID_ARG;
    }
    *value = client->password;
    return ESP_OK;
}

esp_err_t esp_http_client_set_authtype(esp_http_client_handle_t client,
                                       esp_http_client_auth_type_t auth_type)
{
    if (!client || (unsigned)auth_type > HTTP_AUTH_TYPE_DIGEST) {
        return ESP_ERR_INVALID_ARG;
    }
    client->auth_type = auth_type;
    client->digest_answers = client->digest_answers && auth_type == HTTP_AUTH_TYPE_DIGEST;
    return ESP_OK;
}

// -------------------------------------------------------------------------------- callbacks and timeout

esp_err_t esp_http_client_set_user_data(esp_http_client_handle_t client, void *data)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->config.user_data = data;
    return ESP_OK;
}

esp_err_t esp_http_client_get_user_data(esp_http_client_handle_t client, void **data)
{
    if (!client || !data) {
        return ESP_ERR_INVALID_ARG;
    }
    *data = client->config.user_data;
    return ESP_OK;
}

esp_err_t esp_http_client_set_event_handler(esp_http_client_handle_t client,
                                            http_event_handle_cb handler)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->config.event_handler = handler;
    return ESP_OK;
}

esp_err_t esp_http_client_set_timeout_ms(esp_http_client_handle_t client, int timeout_ms)
{
    if (!client || timeout_ms < 0) {
        return ESP_ERR_INVALID_ARG;
    }
    client->timeout_ms = timeout_ms ? timeout_ms : 5000;
    return ESP_OK;
}

esp_err_t esp_http_client_reset_redirect_counter(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    client->redirect_count = 0;
    client->authorization_count = 0;
    return ESP_OK;
}

// ---------------------------------------------------------------------------------------- connection

esp_http_state_t esp_http_client_get_state(esp_http_client_handle_t client)
{
    return client ? client->state : HTTP_STATE_UNINIT;
}

esp_http_client_transport_t esp_http_client_get_transport_type(esp_http_client_handle_t client)
{
    if (!client) {
        return HTTP_TRANSPORT_UNKNOWN;
    }
    if (strcmp(client->url.scheme, "https") == 0) {
        return HTTP_TRANSPORT_OVER_SSL;
    }
    return strcmp(client->url.scheme, "http") == 0 ? HTTP_TRANSPORT_OVER_TCP
                                                   : HTTP_TRANSPORT_UNKNOWN;
}

int esp_http_client_get_socket(esp_http_client_handle_t client)
{
    return client && client->transport ? client->ops->get_socket(client->transport) : -1;
}

int esp_http_client_get_errno(esp_http_client_handle_t client)
{
    if (!client) {
        return -1;
    }
    int value = client->sys_errno;
    client->sys_errno = 0;
    return value;
}

esp_err_t esp_http_client_get_and_clear_last_tls_error(esp_http_client_handle_t client,
                                                       int *esp_tls_error_code, int *esp_tls_flags)
{
    if (!client) {
        return ESP_FAIL;
    }
    return esp_tls_get_and_clear_last_error(&client->tls_error, esp_tls_error_code, esp_tls_flags);
}
