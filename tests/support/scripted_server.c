#include "scripted_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_transport.h"

#define HEADERS_MAX 8
#define ANSWERS_MAX 24

struct http_transport {
    struct server_answer answer;
    struct server_request *request;
    bool is_connected;
    uint32_t position;
    unsigned stalls;
    bool (*idle_work)(void *context);
    void *idle_context;
    struct http_response response;
    struct http_header headers[HEADERS_MAX];
    char text[512];
};

struct server g_server;
static struct server_answer s_answers[ANSWERS_MAX];
static unsigned s_answer_count;
static const struct http_failure FAILURE = {.text = "scripted failure"};

static esp_err_t resolve(const char *base, const char *reference, struct http_url *url)
{
    return esp_http_transport.resolve_url(base, reference, url);
}

static esp_err_t create(void *context, const struct http_transport_settings *settings,
                        struct http_transport **transport)
{
    (void)context;
    (void)settings;
    *transport = calloc(1, sizeof(**transport));
    if (!*transport) {
        return ESP_ERR_NO_MEM;
    }
    g_server.open_count++;
    return ESP_OK;
}

static void destroy(struct http_transport *transport)
{
    if (transport) {
        g_server.open_count--;
        free(transport);
    }
}

static void append(char *text, size_t size, const char *more)
{
    size_t len = strlen(text);
    (void)snprintf(text + len, size - len, "%s", more);
}

static esp_err_t begin(struct http_transport *transport, const struct http_request *request)
{
    static const struct server_answer REFUSED = {.connect_error = ESP_ERR_HTTP_CONNECT};
    unsigned n = g_server.request_count++;
    transport->answer = n < s_answer_count ? s_answers[n] : REFUSED;
    transport->request = &g_server.requests[n < SERVER_REQUESTS ? n : SERVER_REQUESTS - 1];
    transport->position = 0;
    transport->stalls = transport->answer.stalls;
    transport->idle_work = request->idle_work;
    transport->idle_context = request->idle_context;
    struct server_request *note = transport->request;
    memset(note, 0, sizeof(*note));
    (void)snprintf(note->method, sizeof(note->method), "%s", request->method);
    (void)snprintf(note->url, sizeof(note->url), "%s://%s:%d%s", request->scheme, request->host,
                   request->port, request->target);
    for (size_t i = 0; i < request->header_count; i++) {
        append(note->headers, sizeof(note->headers), request->headers[i].name);
        append(note->headers, sizeof(note->headers), ": ");
        append(note->headers, sizeof(note->headers), request->headers[i].value);
        append(note->headers, sizeof(note->headers), "\n");
    }
    return ESP_OK;
}

static esp_err_t connect_to(struct http_transport *transport, int wait_ms, bool *is_new)
{
    (void)wait_ms;
    if (transport->answer.connect_error != ESP_OK) {
        return transport->answer.connect_error;
    }
    *is_new = !transport->is_connected;
    transport->is_connected = true;
    return ESP_OK;
}

static esp_err_t write_body(struct http_transport *transport, const void *data, size_t len,
                            int wait_ms, size_t *written)
{
    (void)wait_ms;
    char text[64];
    (void)snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
    append(transport->request->body, sizeof(transport->request->body), text);
    *written = len;
    return ESP_OK;
}

static esp_err_t end_body(struct http_transport *transport, int wait_ms)
{
    (void)transport;
    (void)wait_ms;
    return ESP_OK;
}

static void compose_head(struct http_transport *transport)
{
    const struct server_answer *answer = &transport->answer;
    char length[48] = "";
    if (answer->is_chunked) {
        (void)snprintf(length, sizeof(length), "Transfer-Encoding: chunked\n");
    } else if (!answer->is_unmeasured) {
        (void)snprintf(length, sizeof(length), "Content-Length: %u\n",
                       answer->announced ? answer->announced : answer->len);
    }
    (void)snprintf(transport->text, sizeof(transport->text), "%s%s", length,
                   answer->headers ? answer->headers : "");
}

static esp_err_t fetch_headers(struct http_transport *transport, int wait_ms,
                               const struct http_response **response)
{
    (void)wait_ms;
    if (transport->answer.head_error != ESP_OK) {
        return transport->answer.head_error;
    }
    compose_head(transport);
    size_t count = 0;
    for (char *line = transport->text; *line && count < HEADERS_MAX; count++) {
        char *colon = strstr(line, ": ");
        char *end = strchr(line, '\n');
        *colon = *end = '\0';
        transport->headers[count] = (struct http_header){line, colon + 2};
        line = end + 1;
    }
    int status = transport->answer.status ? transport->answer.status : 200;
    transport->response = (struct http_response){
        .status = status, .minor_version = 1, .headers = transport->headers, .header_count = count};
    *response = &transport->response;
    return ESP_OK;
}

static uint32_t room_until(uint32_t position, uint32_t limit, uint32_t len)
{
    return position < limit && limit - position < len ? limit - position : len;
}

static esp_err_t read_body(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                           size_t *got)
{
    (void)wait_ms;
    const struct server_answer *answer = &transport->answer;
    if (++g_server.reads == g_server.fail_read) {
        return ESP_ERR_HTTP_CONNECTION_CLOSED;
    }
    uint32_t at = transport->position;
    if (transport->stalls > 0 && at == answer->stall_at) {
        transport->stalls--;
        while (transport->idle_work && transport->idle_work(transport->idle_context)) {
        }
        return ESP_ERR_HTTP_EAGAIN;
    }
    if (answer->break_at && at == answer->break_at) {
        return ESP_ERR_HTTP_CONNECTION_CLOSED;
    }
    uint32_t count = answer->len - at < len ? answer->len - at : (uint32_t)len;
    count = answer->piece && count > answer->piece ? answer->piece : count;
    count = room_until(at, answer->stall_at, count);
    count = room_until(at, answer->break_at, count);
    if (count == 0 && answer->announced > answer->len) {
        return ESP_ERR_HTTP_INCOMPLETE_DATA;
    }
    if (count > 0) {
        memcpy(buf, answer->body + at, count);
    }
    transport->position += count;
    *got = count;
    return ESP_OK;
}

static size_t buffered(const struct http_transport *transport)
{
    return transport->answer.len - transport->position;
}

static void discard(struct http_transport *transport)
{
    transport->position = transport->answer.len;
}

static void close_connection(struct http_transport *transport)
{
    transport->is_connected = false;
}

static int get_socket(const struct http_transport *transport)
{
    return transport->is_connected ? 7 : -1;
}

static const struct http_failure *get_failure(const struct http_transport *transport)
{
    (void)transport;
    return &FAILURE;
}

static const struct http_transport_ops SCRIPTED_TRANSPORT = {
    .resolve_url = resolve,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .connect = connect_to,
    .write = write_body,
    .end_body = end_body,
    .fetch_headers = fetch_headers,
    .read = read_body,
    .buffered = buffered,
    .discard = discard,
    .close = close_connection,
    .get_socket = get_socket,
    .get_failure = get_failure,
};

void server_start(const struct server_answer *answers, unsigned count)
{
    memset(&g_server, 0, sizeof(g_server));
    memcpy(s_answers, answers, count * sizeof(*answers));
    s_answer_count = count;
}

struct esp_transport_item_t *server_transport(void)
{
    static struct esp_transport_item_t item = {.ops = &SCRIPTED_TRANSPORT};
    return &item;
}
