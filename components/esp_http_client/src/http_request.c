/* The request: head and body, in steps that may each say "not yet" when the client is asynchronous. */
#include "http_client.h"

#include <limits.h>
#include <string.h>

static esp_err_t check_scheme(struct esp_http_client *client)
{
    if (esp_http_client_get_transport_type(client) == HTTP_TRANSPORT_UNKNOWN) {
        return http_client_fail(client, ESP_ERR_HTTP_INVALID_TRANSPORT,
                                "the URL scheme \"%s\" is not supported; use https or http",
                                client->url.scheme);
    }
    return ESP_OK;
}

/* fact: what does not fit ESP-IDF's transmit buffer fails there, so it must not pass unnoticed on the desk. */
static esp_err_t check_sizes(struct esp_http_client *client)
{
    size_t limit = (size_t)client->buffer_size_tx;
    size_t line = strlen(http_client_method_name(client->method)) + strlen(client->target) +
                  sizeof("  HTTP/1.1\r\n") - 1;
    if (line > limit) {
        return http_client_fail(client, ESP_FAIL,
                                "the request line has %zu bytes; raise buffer_size_tx (now %zu)",
                                line, limit);
    }
    for (size_t i = 0; i < client->headers.count; i++) {
        const struct http_header *header = &client->headers.items[i];
        size_t len = strlen(header->name) + strlen(header->value) + sizeof(": \r\n") - 1;
        if (len > limit) {
            return http_client_fail(
                client, ESP_ERR_HTTP_HEADER_TOO_LONG,
                "the request header %.40s has %zu bytes; raise buffer_size_tx (now %zu)",
                header->name, len, limit);
        }
    }
    return ESP_OK;
}

static esp_err_t make_transport(struct esp_http_client *client)
{
    struct http_transport_settings settings;
    if (client->transport) {
        return ESP_OK;
    }
    http_trust_settings(client, &settings);
    settings.crl = client->crl;
    void *context = client->config.transport ? client->config.transport->context : NULL;
    esp_err_t err = client->ops->create(context, &settings, &client->transport);
    if (err != ESP_OK) {
        client->transport = NULL;
        return http_client_fail(client, err, "the transport could not be made: %s",
                                esp_err_to_text(err));
    }
    return ESP_OK;
}

/* The transport frames the body itself, so these are never taken from the application. */
static void delete_framing_headers(struct esp_http_client *client)
{
    (void)http_headers_delete(&client->headers, "Content-Length");
    (void)http_headers_delete(&client->headers, "Transfer-Encoding");
}

static bool sends_length_zero(esp_http_client_method_t method)
{
    return method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD && method != HTTP_METHOD_DELETE;
}

static esp_err_t begin_request(struct esp_http_client *client, int write_len)
{
    struct http_request request = {
        .method = http_client_method_name(client->method),
        .scheme = client->url.scheme,
        .host = client->url.host,
        .port = client->url.port,
        .target = client->target,
        .headers = client->headers.items,
        .header_count = client->headers.count,
        .has_body = write_len != 0 || sends_length_zero(client->method),
        .body_len = write_len,
        .connect_timeout_ms = client->timeout_ms,
        .proxy = client->proxy,
        .offer_http2 = client->speaks_http2,
        .idle_work = client->idle_work,
        .idle_context = client->idle_context,
        .is_cancelled = client->is_cancelled,
        .cancel_context = client->cancel_context,
        .head_len_max = client->head_len_max,
        .head_count_max = client->head_count_max,
    };
    if (client->digest_answers && client->username) {
        request.digest_user = client->username;
        request.digest_password = client->password ? client->password : "";
    }
    esp_err_t err = client->ops->begin(client->transport, &request);
    if (err != ESP_OK) {
        return http_client_fail_in_transport(client, err);
    }
    client->body_left = write_len;
    client->chunks = (struct http_chunks){0};
    client->post_sent = 0;
    client->phase = HTTP_PHASE_CONNECT;
    return ESP_OK;
}

static esp_err_t set_up_request(struct esp_http_client *client, int write_len)
{
    client->error_text[0] = '\0';
    client->phase = HTTP_PHASE_IDLE;
    esp_err_t err = check_scheme(client);
    if (err == ESP_OK) {
        err = esp_http_client_prepare(client);
    }
    if (err == ESP_OK) {
        delete_framing_headers(client);
        err = http_redirect_refresh(
            client, !http_headers_find(client->headers.items, client->headers.count, "Host"));
    }
    if (err == ESP_OK) {
        err = check_sizes(client);
    }
    if (err == ESP_OK) {
        err = make_transport(client);
    }
    return err == ESP_OK ? begin_request(client, write_len) : err;
}

/* Gives up the connection without further ado. */
static void drop_connection(struct esp_http_client *client)
{
    bool was_connected = client->state >= HTTP_STATE_CONNECTED;
    client->phase = HTTP_PHASE_IDLE;
    client->state = HTTP_STATE_INIT;
    if (client->transport) {
        client->ops->close(client->transport);
    }
    if (was_connected) {
        http_client_dispatch(client, HTTP_EVENT_DISCONNECTED, &client->tls_error, 0);
    }
}

static esp_err_t connect_and_send_head(struct esp_http_client *client)
{
    bool is_new = false;
    bool was_connected = client->state >= HTTP_STATE_CONNECTED;
    int wait_ms = client->config.is_async ? 0 : -1; // the transport limits connecting itself
    esp_err_t err = client->ops->connect(client->transport, wait_ms, &is_new);
    if (err == ESP_ERR_HTTP_EAGAIN) {
        client->state = was_connected ? client->state : HTTP_STATE_CONNECTING;
        return err;
    }
    if (err != ESP_OK) {
        err = http_client_fail_in_transport(client, err);
        drop_connection(client);
        return err;
    }
    if (is_new && was_connected) { // the server had closed the kept connection
        http_client_dispatch(client, HTTP_EVENT_DISCONNECTED, &client->tls_error, 0);
    }
    if (is_new || !was_connected) {
        client->state = HTTP_STATE_CONNECTED;
        http_client_dispatch(client, HTTP_EVENT_ON_CONNECTED, NULL, 0);
    }
    client->phase = HTTP_PHASE_BODY;
    client->state = HTTP_STATE_REQ_COMPLETE_HEADER;
    http_client_dispatch(client, HTTP_EVENT_HEADERS_SENT, NULL, 0);
    return ESP_OK;
}

esp_err_t http_request_start(struct esp_http_client *client, int write_len)
{
    if (write_len < -1) {
        return ESP_FAIL;
    }
    if (client->phase != HTTP_PHASE_CONNECT) {
        esp_err_t err = set_up_request(client, write_len);
        if (err != ESP_OK) {
            return err;
        }
    }
    return connect_and_send_head(client);
}

esp_err_t esp_http_client_prepare(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_FAIL;
    }
    client->repeat = false;
    http_response_reset(client);
    http_client_forget(&client->challenge);
    return http_auth_refresh(client);
}

esp_err_t esp_http_client_request_send(esp_http_client_handle_t client, int write_len)
{
    return client ? http_request_start(client, write_len) : ESP_FAIL;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len)
{
    if (!client) {
        return ESP_FAIL;
    }
    esp_err_t err = http_request_start(client, write_len);
    if (err != ESP_OK && err != ESP_ERR_HTTP_EAGAIN) {
        http_client_dispatch(client, HTTP_EVENT_ERROR, &client->tls_error, 0);
    }
    return err;
}

esp_err_t esp_http_client_cancel_request(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (client->state < HTTP_STATE_CONNECTED) {
        return ESP_ERR_INVALID_STATE;
    }
    drop_connection(client);
    return esp_http_client_prepare(client);
}

// ---------------------------------------------------------------------------------------------- body

/* Sends data; *sent counts what went out, also before an error. */
static esp_err_t send_data(struct esp_http_client *client, const char *data, size_t len,
                           size_t *sent)
{
    *sent = 0;
    while (*sent < len) {
        size_t written = 0;
        esp_err_t err = client->ops->write(client->transport, data + *sent, len - *sent,
                                           http_client_wait_ms(client), &written);
        if (err != ESP_OK) {
            return err;
        }
        *sent += written;
    }
    return ESP_OK;
}

static esp_err_t end_chunks(struct esp_http_client *client)
{
    esp_err_t err = client->ops->end_body(client->transport, http_client_wait_ms(client));
    client->state = err == ESP_OK ? HTTP_STATE_REQ_COMPLETE_DATA : client->state;
    return err;
}

/* Bytes with framing, as the application writes them; the transport gets the data and frames it itself. */
static esp_err_t send_chunked(struct esp_http_client *client, const char *bytes, size_t len,
                              size_t *sent)
{
    *sent = 0;
    while (*sent < len) {
        size_t used;
        size_t data_len;
        size_t data_sent;
        if (!http_syntax_unchunk(&client->chunks, bytes + *sent, len - *sent, &used, &data_len)) {
            return http_client_fail(client, ESP_ERR_INVALID_ARG,
                                    "the request body is not framed as chunks");
        }
        esp_err_t err = send_data(client, bytes + *sent + used - data_len, data_len, &data_sent);
        if (err == ESP_OK && client->chunks.state == HTTP_CHUNK_DONE) {
            err = end_chunks(client);
        }
        if (err != ESP_OK) {
            // Bytes already taken out of the framing cannot be offered again.
            return err == ESP_ERR_HTTP_EAGAIN && data_len > 0
                       ? http_client_fail(client, ESP_ERR_HTTP_WRITE_DATA,
                                          "a chunk could not be sent before the timeout")
                       : err;
        }
        *sent += used;
    }
    return ESP_OK;
}

static esp_err_t send_announced(struct esp_http_client *client, const char *data, size_t len,
                                size_t *sent)
{
    *sent = 0;
    if ((int64_t)len > client->body_left) {
        return http_client_fail(client, ESP_ERR_INVALID_SIZE,
                                "more body bytes written than announced in open");
    }
    esp_err_t err = send_data(client, data, len, sent);
    client->body_left -= (int64_t)*sent;
    if (client->body_left == 0) {
        client->state = HTTP_STATE_REQ_COMPLETE_DATA;
    }
    return err;
}

int esp_http_client_write(esp_http_client_handle_t client, const char *buffer, int len)
{
    if (!client || len < 0 || (!buffer && len > 0) || client->phase != HTTP_PHASE_BODY) {
        return -1;
    }
    size_t sent;
    esp_err_t err = client->body_left < 0 ? send_chunked(client, buffer, (size_t)len, &sent)
                                          : send_announced(client, buffer, (size_t)len, &sent);
    if (err == ESP_OK || (err == ESP_ERR_HTTP_EAGAIN && sent > 0)) {
        return (int)sent;
    }
    if (err == ESP_ERR_HTTP_EAGAIN) {
        return 0;
    }
    if (err == ESP_ERR_HTTP_WRITE_DATA && !client->error_text[0]) {
        (void)http_client_fail_in_transport(client, err);
    }
    return -1;
}

int esp_http_client_chunk_write_begin(esp_http_client_handle_t client, const int len)
{
    char line[16];
    if (!client || len <= 0) {
        return -1;
    }
    int line_len = snprintf(line, sizeof(line), "%x\r\n", (unsigned)len);
    return esp_http_client_write(client, line, line_len) == line_len ? 0 : -1;
}

int esp_http_client_chunk_write_end(esp_http_client_handle_t client, bool last_chunk)
{
    const char *tail = last_chunk ? "\r\n0\r\n\r\n" : "\r\n";
    int len = (int)strlen(tail);
    return client && esp_http_client_write(client, tail, len) == len ? 0 : -1;
}
