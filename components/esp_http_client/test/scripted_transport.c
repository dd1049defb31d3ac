#include "scripted_transport.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

struct http_transport {
    const struct script_exchange *exchange;
    struct script_request *request;
    bool connected;
    int waits;
    size_t body_at;
    struct http_response response;
    struct http_header headers[16];
    char header_text[1024];
};

struct script g_script;
char g_events[512];
static struct script_exchange s_exchanges[SCRIPT_MAX];

__attribute__((weak)) uint32_t esp_log_timestamp(void)
{
    return 0;
}

static esp_err_t fake_create(void *context, const struct http_transport_settings *settings,
                             struct http_transport **transport)
{
    (void)context;
    g_script.settings = *settings;
    g_script.failure.text = "scripted failure";
    *transport = calloc(1, sizeof(**transport));
    return *transport ? ESP_OK : ESP_ERR_NO_MEM;
}

static void fake_destroy(struct http_transport *transport)
{
    g_script.destroy_count++;
    free(transport);
}

static void note_request(struct script_request *note, const struct http_request *request)
{
    snprintf(note->method, sizeof(note->method), "%s", request->method);
    snprintf(note->scheme, sizeof(note->scheme), "%s", request->scheme);
    snprintf(note->host, sizeof(note->host), "%s", request->host);
    snprintf(note->target, sizeof(note->target), "%s", request->target);
    note->port = request->port;
    note->has_body = request->has_body;
    note->body_len = request->body_len;
    for (size_t i = 0; i < request->header_count; i++) {
        size_t len = strlen(note->headers);
        snprintf(note->headers + len, sizeof(note->headers) - len, "%s: %s\n",
                 request->headers[i].name, request->headers[i].value);
    }
    if (request->digest_user) {
        snprintf(note->digest_user, sizeof(note->digest_user), "%s", request->digest_user);
        snprintf(note->digest_password, sizeof(note->digest_password), "%s",
                 request->digest_password);
    }
}

static void note_extensions(struct script_request *note, const struct http_request *request)
{
    note->has_proxy = request->proxy != NULL;
    snprintf(note->proxy, sizeof(note->proxy), "%s", request->proxy ? request->proxy : "");
    note->offer_http2 = request->offer_http2;
    note->head_len_max = request->head_len_max;
    note->head_count_max = request->head_count_max;
}

static esp_err_t fake_begin(struct http_transport *transport, const struct http_request *request)
{
    static const struct script_exchange refused = {.connect_error = ESP_ERR_HTTP_CONNECT};
    size_t n = g_script.request_count;
    transport->exchange = n < g_script.exchange_count ? &g_script.exchanges[n] : &refused;
    transport->request = &g_script.requests[n < SCRIPT_MAX - 1 ? n : SCRIPT_MAX - 1];
    transport->waits = transport->exchange->not_yet;
    transport->body_at = 0;
    note_request(transport->request, request);
    note_extensions(transport->request, request);
    g_script.request_count++;
    return ESP_OK;
}

/* The scripted number of "not yet" before each step. */
static bool is_too_early(struct http_transport *transport)
{
    if (transport->waits > 0) {
        transport->waits--;
        return true;
    }
    transport->waits = transport->exchange->not_yet;
    return false;
}

static esp_err_t fake_connect(struct http_transport *transport, int wait_ms, bool *is_new)
{
    (void)wait_ms;
    if (is_too_early(transport)) {
        return ESP_ERR_HTTP_EAGAIN;
    }
    if (transport->exchange->connect_error != ESP_OK) {
        return transport->exchange->connect_error;
    }
    *is_new = !transport->connected || transport->exchange->new_connection;
    transport->connected = true;
    return ESP_OK;
}

static esp_err_t fake_write(struct http_transport *transport, const void *data, size_t len,
                            int wait_ms, size_t *written)
{
    (void)wait_ms;
    if (is_too_early(transport)) {
        return ESP_ERR_HTTP_EAGAIN;
    }
    if (transport->exchange->write_error != ESP_OK) {
        return transport->exchange->write_error;
    }
    char *body = transport->request->body;
    strncat(body, data,
            len < sizeof(transport->request->body) - 1 - strlen(body)
                ? len
                : sizeof(transport->request->body) - 1 - strlen(body));
    *written = len;
    return ESP_OK;
}

static esp_err_t fake_end_body(struct http_transport *transport, int wait_ms)
{
    (void)wait_ms;
    transport->request->body_ended = true;
    return ESP_OK;
}

static void parse_headers(struct http_transport *transport)
{
    char *save = NULL;
    size_t count = 0;
    const char *text = transport->exchange->headers ? transport->exchange->headers : "";
    snprintf(transport->header_text, sizeof(transport->header_text), "%s", text);
    for (char *line = strtok_r(transport->header_text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        *colon = '\0';
        transport->headers[count++] = (struct http_header){line, colon + 2};
    }
    transport->response =
        (struct http_response){.status = transport->exchange->status,
                               .minor_version = transport->exchange->minor_version_minus_1 + 1,
                               .headers = transport->headers,
                               .header_count = count};
}

static esp_err_t fake_fetch_headers(struct http_transport *transport, int wait_ms,
                                    const struct http_response **response)
{
    (void)wait_ms;
    if (is_too_early(transport)) {
        return ESP_ERR_HTTP_EAGAIN;
    }
    if (transport->exchange->head_error != ESP_OK) {
        return transport->exchange->head_error;
    }
    parse_headers(transport);
    *response = &transport->response;
    return ESP_OK;
}

static esp_err_t fake_read(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                           size_t *got)
{
    (void)wait_ms;
    if (is_too_early(transport)) {
        return ESP_ERR_HTTP_EAGAIN;
    }
    const struct script_exchange *exchange = transport->exchange;
    const char *body = exchange->body ? exchange->body : "";
    size_t left = strlen(body) - transport->body_at;
    if (left == 0 && exchange->body_error != ESP_OK) {
        return exchange->body_error;
    }
    size_t count = left < len ? left : len;
    count = exchange->chunk && count > exchange->chunk ? exchange->chunk : count;
    memcpy(buf, body + transport->body_at, count);
    transport->body_at += count;
    *got = count;
    return ESP_OK;
}

static size_t fake_buffered(const struct http_transport *transport)
{
    return strlen(transport->exchange->body) - transport->body_at;
}

static void fake_discard(struct http_transport *transport)
{
    transport->body_at = strlen(transport->exchange->body);
}

static void fake_close(struct http_transport *transport)
{
    g_script.close_count++;
    transport->connected = false;
}

static int fake_get_socket(const struct http_transport *transport)
{
    return transport->connected ? 7 : -1;
}

static const struct http_failure *fake_get_failure(const struct http_transport *transport)
{
    (void)transport;
    return &g_script.failure;
}

static esp_err_t fake_resolve_url(const char *base, const char *reference, struct http_url *url)
{
    return esp_http_transport.resolve_url(base, reference, url);
}

static const struct http_transport_ops s_ops = {
    .resolve_url = fake_resolve_url,
    .create = fake_create,
    .destroy = fake_destroy,
    .begin = fake_begin,
    .connect = fake_connect,
    .write = fake_write,
    .end_body = fake_end_body,
    .fetch_headers = fake_fetch_headers,
    .read = fake_read,
    .buffered = fake_buffered,
    .discard = fake_discard,
    .close = fake_close,
    .get_socket = fake_get_socket,
    .get_failure = fake_get_failure,
};

void script_start(const struct script_exchange *exchanges, size_t count)
{
    memset(&g_script, 0, sizeof(g_script));
    memcpy(s_exchanges, exchanges, count * sizeof(*exchanges));
    g_script.exchanges = s_exchanges;
    g_script.exchange_count = count;
    g_script.failure.text = "scripted failure";
    g_events[0] = '\0';
}

esp_http_client_handle_t script_client(esp_http_client_config_t config)
{
    static struct esp_transport_item_t item = {.ops = &s_ops};
    config.transport = &item;
    if (!config.url && !config.host) {
        config.url = "https://host.example/dir/file?q";
    }
    if (!config.event_handler) {
        config.event_handler = script_note_event;
    }
    return esp_http_client_init(&config);
}

esp_err_t script_note_event(esp_http_client_event_t *event)
{
    static const char letters[] = {
        [HTTP_EVENT_ERROR] = 'E',
        [HTTP_EVENT_ON_CONNECTED] = 'C',
        [HTTP_EVENT_HEADERS_SENT] = 'S',
        [HTTP_EVENT_ON_HEADER] = 'h',
        [HTTP_EVENT_ON_HEADERS_COMPLETE] = 'H',
        [HTTP_EVENT_ON_STATUS_CODE] = 's',
        [HTTP_EVENT_ON_DATA] = 'D',
        [HTTP_EVENT_ON_FINISH] = 'F',
        [HTTP_EVENT_DISCONNECTED] = 'X',
        [HTTP_EVENT_REDIRECT] = 'R',
    };
    size_t len = strlen(g_events);
    if (len < sizeof(g_events) - 1) {
        g_events[len] = letters[event->event_id];
        g_events[len + 1] = '\0';
    }
    return ESP_OK;
}
