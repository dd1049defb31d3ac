// A server that has one file, behind the transport seam: no sockets, any range, never late.

#include "powercut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_transport.h"

struct memory_server g_memory_server;

struct http_transport {
    bool is_connected;
    bool is_range;
    uint32_t position;
    uint32_t end;
    struct http_response response;
    struct http_header headers[4];
    char texts[3][64];
};

static const struct http_failure FAILURE = {.text = "the connection is gone"};

static char *copy_of(const char *text, size_t len)
{
    char *copy = calloc(1, len + 1);
    if (copy) {
        memcpy(copy, text, len);
    }
    return copy;
}

// The one URL there is: https://HOST/PATH.
static esp_err_t resolve(const char *base, const char *reference, struct http_url *url)
{
    (void)base;
    const char *host = strstr(reference, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path) {
        return ESP_ERR_INVALID_ARG;
    }
    *url = (struct http_url){.port = 443};
    url->scheme = copy_of("https", 5);
    url->host = copy_of(host + 3, (size_t)(path - host - 3));
    url->path = copy_of(path, strlen(path));
    if (!url->scheme || !url->host || !url->path) {
        http_url_free(url);
        return ESP_ERR_NO_MEM;
    }
    return ESP_OK;
}

static esp_err_t create(void *context, const struct http_transport_settings *settings,
                        struct http_transport **transport)
{
    (void)context;
    (void)settings;
    *transport = calloc(1, sizeof(**transport));
    return *transport ? ESP_OK : ESP_ERR_NO_MEM;
}

static void destroy(struct http_transport *transport)
{
    free(transport);
}

// "FROM-" or "FROM-TO"; one that begins behind the end is answered with the whole.
static void take_range(struct http_transport *transport, const char *text)
{
    char *end = NULL;
    unsigned long from = strtoul(text, &end, 10);
    if (end == text || *end != '-' || from >= g_memory_server.len) {
        return;
    }
    const char *second = end + 1;
    unsigned long to = strtoul(second, &end, 10);
    transport->is_range = true;
    transport->position = (uint32_t)from;
    transport->end =
        end != second && to < g_memory_server.len ? (uint32_t)to + 1 : g_memory_server.len;
}

static esp_err_t begin(struct http_transport *transport, const struct http_request *request)
{
    transport->position = 0;
    transport->end = g_memory_server.len;
    transport->is_range = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const char *value = request->headers[i].value;
        if (strcmp(request->headers[i].name, "Range") == 0 && strncmp(value, "bytes=", 6) == 0) {
            take_range(transport, value + 6);
        }
    }
    return ESP_OK;
}

static esp_err_t connect_to(struct http_transport *transport, int wait_ms, bool *is_new)
{
    (void)wait_ms;
    *is_new = !transport->is_connected;
    transport->is_connected = true;
    return ESP_OK;
}

static esp_err_t write_body(struct http_transport *transport, const void *data, size_t len,
                            int wait_ms, size_t *written)
{
    (void)transport;
    (void)data;
    (void)wait_ms;
    *written = len;
    return ESP_OK;
}

static esp_err_t end_body(struct http_transport *transport, int wait_ms)
{
    (void)transport;
    (void)wait_ms;
    return ESP_OK;
}

static void add_header(struct http_transport *transport, const char *name, const char *text)
{
    struct http_response *response = &transport->response;
    char *value = transport->texts[response->header_count];
    static char names[4][24];
    (void)snprintf(value, sizeof(transport->texts[0]), "%s", text);
    (void)snprintf(names[response->header_count], sizeof(names[0]), "%s", name);
    transport->headers[response->header_count].name = names[response->header_count];
    transport->headers[response->header_count].value = value;
    response->header_count++;
}

static void describe_length(struct http_transport *transport)
{
    char text[64];
    char total[16] = "*";
    if (g_memory_server.hides_len) {
        add_header(transport, "Transfer-Encoding", "chunked");
    } else {
        (void)snprintf(total, sizeof(total), "%u", g_memory_server.len);
        (void)snprintf(text, sizeof(text), "%u", transport->end - transport->position);
        add_header(transport, "Content-Length", text);
    }
    if (transport->is_range) {
        (void)snprintf(text, sizeof(text), "bytes %u-%u/%s", transport->position,
                       transport->end - 1, total);
        add_header(transport, "Content-Range", text);
    }
}

static esp_err_t fetch_headers(struct http_transport *transport, int wait_ms,
                               const struct http_response **response)
{
    (void)wait_ms;
    char text[64];
    uint32_t sum = 2166136261u; // tells one file from another
    for (uint32_t i = 0; i < g_memory_server.len; i += 97) {
        sum = (sum ^ g_memory_server.bytes[i]) * 16777619u;
    }
    transport->response = (struct http_response){.status = transport->is_range ? 206 : 200,
                                                 .minor_version = 1,
                                                 .headers = transport->headers};
    (void)snprintf(text, sizeof(text), "\"%08x-%x\"", sum, g_memory_server.len);
    add_header(transport, "ETag", text);
    describe_length(transport);
    *response = &transport->response;
    return ESP_OK;
}

static esp_err_t read_body(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                           size_t *got)
{
    (void)wait_ms;
    struct memory_server *server = &g_memory_server;
    server->reads++;
    if (server->count) {
        *server->count = server->reads;
    }
    if (server->fail_read && (server->reads == server->fail_read ||
                              (server->fails_on && server->reads > server->fail_read))) {
        transport->is_connected = false;
        return ESP_ERR_HTTP_CONNECTION_CLOSED;
    }
    uint32_t end =
        server->ends_at && server->ends_at < transport->end ? server->ends_at : transport->end;
    uint32_t left = end > transport->position ? end - transport->position : 0;
    uint32_t count = left < len ? left : (uint32_t)len;
    if (count == 0 && end < transport->end) {
        return ESP_ERR_HTTP_INCOMPLETE_DATA;
    }
    if (count > 0) {
        memcpy(buf, server->bytes + transport->position, count);
    }
    uint32_t lie = server->lie_at - 1;
    if (server->lie_at && lie >= transport->position && lie - transport->position < count) {
        ((uint8_t *)buf)[lie - transport->position] ^= 0x10;
    }
    transport->position += count;
    *got = count;
    return ESP_OK;
}

static size_t buffered(const struct http_transport *transport)
{
    return transport->end - transport->position;
}

static void discard(struct http_transport *transport)
{
    transport->position = transport->end;
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

static const struct http_transport_ops MEMORY_TRANSPORT = {
    .read_len_preferred =
        16384, // as port/curl: whole sectors arrive at once, so equal ones are seen
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

struct esp_transport_item_t *memory_server_transport(void)
{
    static struct esp_transport_item_t item = {.ops = &MEMORY_TRANSPORT};
    return &item;
}
