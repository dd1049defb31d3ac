/*
 * Credentials. Basic is a header like any other and is made here; Digest is computed by the transport, which has the
 * nonce; what is answered, and to whom, is decided here.
 */
#include "http_client.h"

#include <stdlib.h>
#include <string.h>

static esp_err_t set_basic(struct esp_http_client *client)
{
    const char *password =
        client->password ? client->password : ""; // differs: ESP-IDF sends "(null)"
    size_t user_len = strlen(client->username);
    size_t len = user_len + 1 + strlen(password);
    char *pair = malloc(len + 1);
    char *value = malloc(sizeof("Basic ") + 4 * ((len + 2) / 3));
    esp_err_t err = ESP_ERR_NO_MEM;
    if (pair && value) {
        memcpy(pair, client->username, user_len);
        pair[user_len] = ':';
        memcpy(pair + user_len + 1, password, len - user_len);
        memcpy(value, "Basic ", 6);
        http_syntax_base64(pair, len, value + 6);
        err = http_headers_set(&client->headers, "Authorization", value, strlen(value));
    }
    free(pair);
    free(value);
    return err;
}

esp_err_t http_auth_refresh(struct esp_http_client *client)
{
    if (client->auth_type == HTTP_AUTH_TYPE_BASIC && client->username) {
        return set_basic(client);
    }
    if (client->auth_type == HTTP_AUTH_TYPE_DIGEST && client->username) {
        (void)http_headers_delete(&client->headers, "Authorization"); // the transport's from now on
    }
    return ESP_OK;
}

void http_auth_forget(struct esp_http_client *client)
{
    http_client_forget(&client->username);
    http_client_forget(&client->password);
    http_client_forget(&client->challenge);
    client->digest_answers = false;
    (void)http_headers_delete(&client->headers, "Authorization"); // there may be none
}

esp_err_t esp_http_client_set_auth_data(esp_http_client_handle_t client, const char *auth_data,
                                        int len)
{
    if (!client || !auth_data || len <= 0) {
        return ESP_ERR_INVALID_ARG;
    }
    size_t old = client->challenge ? strlen(client->challenge) + 2 : 0;
    char *text = malloc(old + (size_t)len + 1);
    if (!text) {
        return ESP_ERR_NO_MEM;
    }
    if (old) {
        snprintf(text, old + 1, "%s, ", client->challenge);
    }
    memcpy(text + old, auth_data, (size_t)len);
    text[old + (size_t)len] = '\0';
    free(client->challenge);
    client->challenge = text;
    return ESP_OK;
}

esp_err_t http_auth_take_challenge(struct esp_http_client *client)
{
    const struct http_response *response = client->response;
    for (size_t i = 0; i < response->header_count; i++) {
        const struct http_header *header = &response->headers[i];
        if (http_headers_same_name(header->name, "WWW-Authenticate") && header->value[0]) {
            esp_err_t err =
                esp_http_client_set_auth_data(client, header->value, (int)strlen(header->value));
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

/* The scheme to answer with; NONE when we know none of those offered. */
static esp_http_client_auth_type_t choose_scheme(const char *challenge)
{
    if (http_syntax_has_challenge(challenge, "Digest")) {
        return HTTP_AUTH_TYPE_DIGEST;
    }
    return http_syntax_has_challenge(challenge, "Basic") ? HTTP_AUTH_TYPE_BASIC
                                                         : HTTP_AUTH_TYPE_NONE;
}

esp_err_t esp_http_client_add_auth(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (client->state != HTTP_STATE_RES_ON_DATA_START) {
        return ESP_OK;
    }
    if (client->authorization_count >= client->config.max_authorization_retries) {
        return http_client_fail(client, ESP_FAIL,
                                "%s:%d: the server refuses the user name and password (HTTP 401)",
                                client->url.host, client->url.port);
    }
    esp_http_client_auth_type_t type =
        client->challenge ? choose_scheme(client->challenge) : HTTP_AUTH_TYPE_NONE;
    client->auth_type = type;
    if (type == HTTP_AUTH_TYPE_NONE) {
        return http_client_fail(
            client, ESP_ERR_NOT_SUPPORTED,
            "%s:%d: HTTP status 401: the server wants another way to log in than Basic or "
            "Digest",
            client->url.host, client->url.port);
    }
    client->digest_answers = type == HTTP_AUTH_TYPE_DIGEST;
    client->authorization_count++;
    client->repeat = true;
    return http_auth_refresh(client);
}
