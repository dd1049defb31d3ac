/*
 * The client object: made from a configuration, reporting events and failures, freed.
 * What it does with the network is in http_request.c, http_response.c and, all in one, http_perform.c.
 */
#include "http_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "esp_http_client_ext.h"
#include "esp_log.h"

#define DEFAULT_USER_AGENT                                                                         \
    "ESP32 HTTP Client/1.0"      // fact: esp_http_client.c, DEFAULT_HTTP_USER_AGENT
#define DEFAULT_TIMEOUT_MS  5000 // fact: DEFAULT_TIMEOUT_MS
#define DEFAULT_RETRY_COUNT 10   // fact: DEFAULT_MAX_REDIRECT, DEFAULT_MAX_AUTH_RETRIES

static const char *TAG = "HTTP_CLIENT";

ESP_EVENT_DEFINE_BASE(ESP_HTTP_CLIENT_EVENT);

const char *http_client_method_name(esp_http_client_method_t method)
{
    static const char *const names[HTTP_METHOD_MAX] = {
        "GET",    "POST",      "PUT",         "PATCH",     "DELETE", "HEAD",
        "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "OPTIONS",   "COPY",   "MOVE",
        "LOCK",   "UNLOCK",    "PROPFIND",    "PROPPATCH", "MKCOL",  "REPORT"};
    return (unsigned)method < HTTP_METHOD_MAX ? names[method] : NULL;
}

int http_client_wait_ms(const struct esp_http_client *client)
{
    return client->config.is_async ? 0 : client->timeout_ms;
}

esp_err_t http_client_replace(char **slot, const char *text)
{
    char *copy = NULL;
    if (text) {
        size_t size = strlen(text) + 1;
        copy = malloc(size);
        if (!copy) {
            return ESP_ERR_NO_MEM;
        }
        memcpy(copy, text, size);
    }
    free(*slot);
    *slot = copy;
    return ESP_OK;
}

void http_client_forget(char **slot)
{
    if (*slot) {
        for (volatile char *at = *slot; *at; at++) {
            *at = 0;
        }
        free(*slot);
        *slot = NULL;
    }
}

void http_url_free(struct http_url *url)
{
    free(url->scheme);
    free(url->host);
    free(url->user);
    free(url->password);
    free(url->path);
    free(url->query);
    *url = (struct http_url){0};
}

// -------------------------------------------------------------------------------------------- events

void http_client_post(esp_http_client_event_id_t id, const void *data, size_t size)
{
    // differs: ESP-IDF logs an error for each event when there is no default loop.
    if (!esp_event_default_loop_exists()) {
        return;
    }
    TickType_t ticks = CONFIG_ESP_HTTP_CLIENT_EVENT_POST_TIMEOUT < 0
                           ? portMAX_DELAY
                           : pdMS_TO_TICKS(CONFIG_ESP_HTTP_CLIENT_EVENT_POST_TIMEOUT);
    esp_err_t err = esp_event_post(ESP_HTTP_CLIENT_EVENT, id, data, size, ticks);
    if (err != ESP_OK && err != ESP_ERR_INVALID_STATE) {
        ESP_LOGW(TAG, "event %d was not delivered to the default event loop: %s", (int)id,
                 esp_err_to_text(err));
    }
}

static void call_handler(struct esp_http_client *client, esp_http_client_event_t *event)
{
    if (client->config.event_handler) {
        event->client = client;
        event->user_data = client->config.user_data;
        (void)client->config.event_handler(event); // fact: the result means nothing
    }
}

void http_client_dispatch(struct esp_http_client *client, esp_http_client_event_id_t id, void *data,
                          int len)
{
    call_handler(client, &(esp_http_client_event_t){.event_id = id, .data = data, .data_len = len});
    if (id == HTTP_EVENT_ON_DATA) {
        esp_http_client_on_data_t payload = {.client = client, .data_process = client->received};
        http_client_post(id, &payload, sizeof(payload));
    } else if (id != HTTP_EVENT_REDIRECT) { // posted where a redirect is taken
        http_client_post(id, &client, sizeof(esp_http_client_handle_t));
    }
}

void http_client_dispatch_header(struct esp_http_client *client, struct http_header *header)
{
    call_handler(client, &(esp_http_client_event_t){.event_id = HTTP_EVENT_ON_HEADER,
                                                    .header_key = header->name,
                                                    .header_value = header->value});
    http_client_post(HTTP_EVENT_ON_HEADER, &client, sizeof(esp_http_client_handle_t));
}

// ------------------------------------------------------------------------------------------ failures

esp_err_t http_client_fail(struct esp_http_client *client, esp_err_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(client->error_text, sizeof(client->error_text), format, args);
    va_end(args);
    ESP_LOGE(TAG, "%s", client->error_text);
    return code;
}

esp_err_t http_client_fail_in_transport(struct esp_http_client *client, esp_err_t code)
{
    const struct http_failure *failure = client->ops->get_failure(client->transport);
    client->sys_errno = failure->sys_errno;
    if (failure->tls_code != ESP_OK) {
        client->tls_error = (struct esp_tls_last_error){
            .last_error = failure->tls_code,
            .esp_tls_error_code = -failure->verify_result,
            .esp_tls_flags = failure->flags,
        };
    }
    return http_client_fail(client, code, "%s", failure->text);
}

const char *esp_http_client_get_error_text(esp_http_client_handle_t client)
{
    return client ? client->error_text : "";
}

// ------------------------------------------------------------------------------------- from and to life

static const char *scheme_of(const esp_http_client_config_t *config)
{
    return config->transport_type == HTTP_TRANSPORT_OVER_SSL ? "https" : "http";
}

/* Writes "scheme://host[:port]" for the members host, port and transport_type. False when memory is short. */
static char *base_of(const esp_http_client_config_t *config, const char *host)
{
    size_t size = strlen(host) + 32;
    char *base = malloc(size);
    if (base) {
        bool bare_ipv6 = strchr(host, ':') && host[0] != '[';
        int len =
            snprintf(base, size, bare_ipv6 ? "%s://[%s]" : "%s://%s", scheme_of(config), host);
        if (config->port > 0) {
            snprintf(base + len, size - (size_t)len, ":%d", config->port);
        }
    }
    return base;
}

static char *join(const char *a, const char *b, const char *c, const char *d)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *text = malloc(size);
    if (text) {
        snprintf(text, size, "%s%s%s%s", a, b, c, d);
    }
    return text;
}

/* URL from host, path and query. */
static esp_err_t parse_host_and_path(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    const char *path = config->path ? config->path : "/";
    char *base = base_of(config, config->host);
    char *text = base ? join(base, path[0] == '/' ? "" : "/", path, "") : NULL;
    char *whole =
        text ? join(text, config->query ? "?" : "", config->query ? config->query : "", "") : NULL;
    esp_err_t err = whole ? client->ops->resolve_url(NULL, whole, &client->url) : ESP_ERR_NO_MEM;
    free(whole);
    free(text);
    free(base);
    return err;
}

/* URL from the member url; scheme and host come from the other members where it has none. */
static esp_err_t parse_url_member(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    if (strstr(config->url, "://") || (config->url[0] != '/' && !config->host)) {
        return client->ops->resolve_url(NULL, config->url, &client->url);
    }
    char *base = base_of(config, config->host ? config->host : "host.invalid");
    if (!base) {
        return ESP_ERR_NO_MEM;
    }
    bool has_host = config->host || strncmp(config->url, "//", 2) == 0;
    esp_err_t err =
        has_host ? client->ops->resolve_url(base, config->url, &client->url) : ESP_ERR_INVALID_ARG;
    free(base);
    return err;
}

static esp_err_t parse_configured_url(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    bool from_parts = config->host && config->path;
    if (!from_parts && !config->url) {
        return http_client_fail(client, ESP_ERR_INVALID_ARG,
                                "no URL: set url, or host and path, in esp_http_client_config_t");
    }
    esp_err_t err = from_parts ? parse_host_and_path(client) : parse_url_member(client);
    if (err == ESP_ERR_INVALID_ARG) {
        return http_client_fail(client, err,
                                "the URL cannot be parsed; it must look like https://host/path");
    }
    return err;
}

static esp_err_t take_credentials(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    const char *user = client->url.user ? client->url.user : config->username;
    const char *password = client->url.user ? client->url.password : config->password;
    esp_err_t err = http_client_replace(&client->username, user);
    return err == ESP_OK ? http_client_replace(&client->password, password) : err;
}

static esp_err_t take_interface(struct esp_http_client *client)
{
#ifdef IFNAMSIZ
    if (client->config.if_name && client->config.if_name->ifr_name[0] != '\0') {
        char name[sizeof(client->config.if_name->ifr_name) + 1] = {0};
        memcpy(name, client->config.if_name->ifr_name, sizeof(name) - 1);
        return http_client_replace(&client->interface, name);
    }
#endif
    (void)client;
    return ESP_OK;
}

static bool has_known_values(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    if (!http_client_method_name(config->method)) {
        (void)http_client_fail(client, ESP_ERR_INVALID_ARG, "unknown HTTP method %d",
                               config->method);
        return false;
    }
    if (config->addr_type != HTTP_ADDR_TYPE_UNSPEC && config->addr_type != HTTP_ADDR_TYPE_INET &&
        config->addr_type != HTTP_ADDR_TYPE_INET6) {
        (void)http_client_fail(client, ESP_ERR_INVALID_ARG, "unknown addr_type %d",
                               config->addr_type);
        return false;
    }
    return true;
}

static void take_numbers(struct esp_http_client *client)
{
    const esp_http_client_config_t *config = &client->config;
    client->method = config->method;
    client->head_len_max = ESP_HTTP_CLIENT_HEAD_LEN_DEFAULT;
    client->head_count_max = ESP_HTTP_CLIENT_HEAD_COUNT_DEFAULT;
    client->auth_type = config->auth_type;
    client->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    client->buffer_size = config->buffer_size > 0 ? config->buffer_size : DEFAULT_HTTP_BUF_SIZE;
    client->buffer_size_tx =
        config->buffer_size_tx > 0 ? config->buffer_size_tx : DEFAULT_HTTP_BUF_SIZE;
    if (config->max_redirection_count == 0) {
        client->config.max_redirection_count = DEFAULT_RETRY_COUNT;
    }
    if (config->max_authorization_retries == 0) {
        client->config.max_authorization_retries = DEFAULT_RETRY_COUNT;
    } else if (config->max_authorization_retries < 0) {
        client->config.max_authorization_retries = 0;
    }
}

static esp_err_t set_up(struct esp_http_client *client)
{
    if (!has_known_values(client)) {
        return ESP_ERR_INVALID_ARG;
    }
    take_numbers(client);
    const char *agent = client->config.user_agent ? client->config.user_agent : DEFAULT_USER_AGENT;
    esp_err_t err = parse_configured_url(client);
    if (err == ESP_OK) {
        err = take_credentials(client);
    }
    if (err == ESP_OK) {
        err = take_interface(client);
    }
    if (err == ESP_OK) {
        err = esp_http_client_set_header(client, "User-Agent", agent);
    }
    if (err == ESP_OK) {
        err = http_redirect_refresh(client, true);
    }
    if (err == ESP_OK) {
        client->body_buffer = malloc((size_t)client->buffer_size);
        err = client->body_buffer ? ESP_OK : ESP_ERR_NO_MEM;
    }
    return err;
}

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config)
{
    if (!config) {
        ESP_LOGE(TAG, "esp_http_client_init needs a configuration");
        return NULL;
    }
    struct esp_http_client *client = calloc(1, sizeof(*client));
    if (!client) {
        ESP_LOGE(TAG, "no memory for a client");
        return NULL;
    }
    client->config = *config;
    client->ops = config->transport ? config->transport->ops : &esp_http_transport;
    client->state = HTTP_STATE_INIT;
    http_response_reset(client);
    esp_err_t err = set_up(client);
    if (err != ESP_OK) {
        if (!client->error_text[0]) {
            ESP_LOGE(TAG, "the client could not be made: %s", esp_err_to_text(err));
        }
        esp_http_client_cleanup(client);
        return NULL;
    }
    return client;
}

esp_err_t esp_http_client_close(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_FAIL;
    }
    client->phase = HTTP_PHASE_IDLE;
    if (client->state > HTTP_STATE_INIT) {
        client->state = HTTP_STATE_INIT;
        client->ops->close(client->transport);
        http_client_dispatch(client, HTTP_EVENT_DISCONNECTED, &client->tls_error, 0);
    }
    return ESP_OK;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_FAIL;
    }
    (void)esp_http_client_close(client);
    if (client->transport) {
        client->ops->destroy(client->transport);
    }
    http_headers_clear(&client->headers);
    http_url_free(&client->url);
    http_client_forget(&client->username);
    http_client_forget(&client->password);
    http_client_forget(&client->proxy);
    free(client->interface);
    free(client->target);
    free(client->challenge);
    free(client->body_buffer);
    free(client);
    return ESP_OK;
}
