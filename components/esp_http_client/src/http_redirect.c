/* The URL: changed by the application or by the server, and what goes with it. */
#include "http_client.h"

#include <stdlib.h>
#include <string.h>

static bool has_default_port(const struct http_url *url)
{
    return url->port == 0 || url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
}

esp_err_t http_redirect_refresh(struct esp_http_client *client, bool host_changed)
{
    const struct http_url *url = &client->url;
    size_t size = strlen(url->path) + (url->query ? strlen(url->query) + 1 : 0) + 1;
    char *target = malloc(size);
    if (!target) {
        return ESP_ERR_NO_MEM;
    }
    snprintf(target, size, "%s%s%s", url->path, url->query ? "?" : "",
             url->query ? url->query : "");
    free(client->target);
    client->target = target;
    if (!host_changed) {
        return ESP_OK;
    }
    size = strlen(url->host) + 16;
    char *host = malloc(size);
    if (!host) {
        return ESP_ERR_NO_MEM;
    }
    if (has_default_port(url)) {
        snprintf(host, size, "%s", url->host);
    } else {
        snprintf(host, size, "%s:%d", url->host, url->port);
    }
    esp_err_t err = http_headers_set(&client->headers, "Host", host, strlen(host));
    free(host);
    return err;
}

static bool is_same_origin(const struct http_url *a, const struct http_url *b)
{
    if (!http_headers_same_name(a->host, b->host)) {
        return false;
    }
    // An upgrade on the standard ports stays with the same server.
    bool upgrade = strcmp(a->scheme, "http") == 0 && strcmp(b->scheme, "https") == 0 &&
                   a->port == 80 && b->port == 443;
    return upgrade || (a->port == b->port && strcmp(a->scheme, b->scheme) == 0);
}

static void drop_secret_headers(struct esp_http_client *client)
{
    for (size_t i = client->headers.count; i-- > 0;) {
        if (http_syntax_is_secret_name(client->headers.items[i].name)) {
            (void)http_headers_delete(&client->headers, client->headers.items[i].name);
        }
    }
}

esp_err_t http_redirect_take_url(struct esp_http_client *client, struct http_url *url, bool secrets)
{
    bool moved = !http_headers_same_name(client->url.host, url->host) ||
                 client->url.port != url->port || strcmp(client->url.scheme, url->scheme) != 0;
    if (moved) {
        if (!is_same_origin(&client->url, url)) {
            http_auth_forget(client);
            if (secrets) {
                drop_secret_headers(client);
            }
        }
        (void)esp_http_client_close(client);
    }
    esp_err_t err = ESP_OK;
    if (url->user) {
        err = http_client_replace(&client->username, url->user);
        if (err == ESP_OK) {
            err = http_client_replace(&client->password, url->password);
        }
    }
    http_url_free(&client->url);
    client->url = *url;
    return err == ESP_OK ? http_redirect_refresh(client, moved) : err;
}

/* Resolves against the current URL. */
static esp_err_t resolve(struct esp_http_client *client, const char *reference,
                         struct http_url *url)
{
    const struct http_url *now = &client->url;
    size_t size = strlen(now->scheme) + strlen(now->host) + strlen(client->target) + 32;
    char *base = malloc(size);
    if (!base) {
        return ESP_ERR_NO_MEM;
    }
    snprintf(base, size, "%s://%s:%d%s", now->scheme, now->host, now->port, client->target);
    esp_err_t err = client->ops->resolve_url(base, reference, url);
    free(base);
    return err;
}

esp_err_t esp_http_client_set_url(esp_http_client_handle_t client, const char *url)
{
    struct http_url parsed;
    if (!client || !url) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = resolve(client, url, &parsed);
    if (err == ESP_ERR_INVALID_ARG) {
        return http_client_fail(client, err, "the new URL cannot be parsed; the old one stays");
    }
    return err == ESP_OK ? http_redirect_take_url(client, &parsed, false) : err;
}

esp_err_t esp_http_client_get_url(esp_http_client_handle_t client, char *url, const int len)
{
    if (!client || !url || len <= 0) {
        return ESP_ERR_INVALID_ARG;
    }
    snprintf(url, (size_t)len, "%s://%s:%d%s", client->url.scheme, client->url.host,
             client->url.port, client->url.path);
    return ESP_OK;
}

/* 303 asks for another resource to be read, not for the body to be sent again (RFC 9110, 15.4.4). */
static void follow_see_other(struct esp_http_client *client)
{
    bool reads = client->method == HTTP_METHOD_GET || client->method == HTTP_METHOD_HEAD;
    if (client->response->status == HttpStatus_SeeOther && !reads) {
        client->method = HTTP_METHOD_GET;
        (void)esp_http_client_set_post_field(client, NULL, 0);
    }
}

static esp_err_t check_target(struct esp_http_client *client, const struct http_url *url)
{
    if (strcmp(client->url.scheme, "https") == 0 && strcmp(url->scheme, "https") != 0) {
        return http_client_fail(
            client, ESP_ERR_HTTP_REDIRECT_DOWNGRADE,
            "%s:%d redirects from https to a URL that is not https, which is refused",
            client->url.host, client->url.port);
    }
    return ESP_OK;
}

esp_err_t esp_http_client_set_redirection(esp_http_client_handle_t client)
{
    char *location;
    struct http_url url;
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (esp_http_client_get_response_header(client, "Location", &location) != ESP_OK) {
        return http_client_fail(client, ESP_ERR_INVALID_ARG,
                                "%s:%d: there is no Location header to follow", client->url.host,
                                client->url.port);
    }
    esp_err_t err = resolve(client, location, &url);
    if (err == ESP_ERR_INVALID_ARG) {
        return http_client_fail(client, err, "%s:%d redirects to something that is not a URL",
                                client->url.host, client->url.port);
    }
    if (err != ESP_OK) {
        return err;
    }
    err = check_target(client, &url);
    if (err != ESP_OK) {
        http_url_free(&url);
        return err;
    }
    esp_http_client_redirect_event_data_t payload = {client, client->response->status};
    follow_see_other(client);
    err = http_redirect_take_url(client, &url, true);
    if (err == ESP_OK) {
        client->redirect_count++;
        client->repeat = true;
        http_client_post(HTTP_EVENT_REDIRECT, &payload, sizeof(payload));
    }
    return err;
}
