/* The answer: its head, and its body piece by piece straight into the caller's buffer. */
#include "http_client.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void http_response_reset(struct esp_http_client *client)
{
    client->response = NULL;
    client->content_length = -1;
    client->chunked = false;
    client->body_done = false;
    client->received = 0;
}

static const char *header_value(const struct http_response *response, const char *name)
{
    const struct http_header *header =
        http_headers_find(response->headers, response->header_count, name);
    return header ? header->value : NULL;
}

static bool has_no_body(const struct esp_http_client *client)
{
    int status = client->response->status;
    return client->method == HTTP_METHOD_HEAD || status < 200 || status == 204 || status == 304;
}

static void take_length(struct esp_http_client *client)
{
    const char *length = header_value(client->response, "Content-Length");
    bool coded = header_value(client->response, "Transfer-Encoding") != NULL;
    client->content_length = length && !coded ? http_syntax_number(length) : -1;
    client->chunked = client->content_length < 0;
    client->body_done = has_no_body(client) || client->content_length == 0;
}

static void announce_head(struct esp_http_client *client)
{
    const struct http_response *response = client->response;
    int status = response->status;
    http_client_dispatch(client, HTTP_EVENT_ON_STATUS_CODE, &status, sizeof(status));
    for (size_t i = 0; i < response->header_count && client->response == response; i++) {
        http_client_dispatch_header(client, &response->headers[i]);
    }
    http_client_dispatch(client, HTTP_EVENT_ON_HEADERS_COMPLETE, NULL, 0);
}

/* Waits for the head. Errors as in the transport. */
static esp_err_t fetch_head(struct esp_http_client *client)
{
    const struct http_response *response;
    esp_err_t err =
        client->ops->fetch_headers(client->transport, http_client_wait_ms(client), &response);
    if (err != ESP_OK) {
        return err;
    }
    client->response = response;
    client->phase = HTTP_PHASE_RESPONSE;
    client->state = HTTP_STATE_RES_COMPLETE_HEADER;
    take_length(client);
    err = http_auth_take_challenge(client);
    if (err != ESP_OK) {
        return err;
    }
    announce_head(client);
    if (client->phase == HTTP_PHASE_RESPONSE) { // unless a handler closed the connection
        client->state = HTTP_STATE_RES_ON_DATA_START;
    }
    return ESP_OK;
}

esp_err_t http_response_fetch(struct esp_http_client *client)
{
    esp_err_t err = fetch_head(client);
    if (err == ESP_OK || (err == ESP_ERR_HTTP_EAGAIN && client->config.is_async)) {
        return err;
    }
    if (err == ESP_ERR_NO_MEM) {
        return http_client_fail(client, err, "no memory for the answer");
    }
    return http_client_fail_in_transport(client, err);
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client)
{
    if (!client || client->phase != HTTP_PHASE_BODY) {
        return -1;
    }
    esp_err_t err = http_response_fetch(client);
    if (err == ESP_ERR_HTTP_EAGAIN) {
        return -ESP_ERR_HTTP_EAGAIN;
    }
    if (err != ESP_OK) {
        http_client_dispatch(client, HTTP_EVENT_ERROR, &client->tls_error, 0);
        return -1;
    }
    return client->content_length > 0 ? client->content_length : 0;
}

esp_err_t http_response_read(struct esp_http_client *client, char *buffer, size_t len, size_t *got)
{
    if (client->body_done) {
        *got = 0;
        return ESP_OK;
    }
    size_t count = 0;
    esp_err_t err =
        client->ops->read(client->transport, buffer, len, http_client_wait_ms(client), &count);
    if (err != ESP_OK) {
        return err;
    }
    client->received += (int64_t)count;
    client->body_done = count == 0 || client->received == client->content_length;
    *got = count;
    if (count > 0) {
        http_client_dispatch(client, HTTP_EVENT_ON_DATA, buffer, (int)count);
    }
    return ESP_OK;
}

/* fact: applications look at errno after a failed read. */
static int report_failed_read(struct esp_http_client *client, esp_err_t err)
{
    (void)http_client_fail_in_transport(client, err);
    http_client_dispatch(client, HTTP_EVENT_ERROR, &client->tls_error, 0);
    errno = client->sys_errno ? client->sys_errno : ECONNRESET;
    return -1;
}

int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len)
{
    size_t got;
    if (!client || !buffer || len < 0) {
        return -1;
    }
    if (client->phase != HTTP_PHASE_RESPONSE && client->body_done) {
        return 0; // perform has read it all
    }
    if (client->phase != HTTP_PHASE_RESPONSE) {
        errno = ENOTCONN;
        return -1;
    }
    if (len == 0) {
        return 0;
    }
    errno = 0;
    esp_err_t err = http_response_read(client, buffer, (size_t)len, &got);
    if (err == ESP_ERR_HTTP_EAGAIN) {
        return -ESP_ERR_HTTP_EAGAIN;
    }
    return err == ESP_OK ? (int)got : report_failed_read(client, err);
}

int esp_http_client_read_response(esp_http_client_handle_t client, char *buffer, int len)
{
    if (!client || !buffer || len < 0) {
        return -1;
    }
    int total = 0;
    while (total < len) {
        int got = esp_http_client_read(client, buffer + total, len - total);
        if (got <= 0) {
            break;
        }
        total += got;
    }
    return total;
}

esp_err_t esp_http_client_flush_response(esp_http_client_handle_t client, int *len)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    int64_t total = 0;
    int got;
    while ((got = esp_http_client_read(client, client->body_buffer, client->buffer_size)) > 0) {
        total += got;
    }
    if (got < 0) {
        return ESP_FAIL;
    }
    if (len) {
        *len = total > INT_MAX ? INT_MAX : (int)total;
    }
    return ESP_OK;
}

esp_err_t esp_http_client_clear_response_buffer(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_ERR_INVALID_ARG;
    }
    if (client->transport) {
        client->ops->discard(client->transport);
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------------------------- questions

int esp_http_client_get_status_code(esp_http_client_handle_t client)
{
    return client && client->response ? client->response->status : -1;
}

int64_t esp_http_client_get_content_length(esp_http_client_handle_t client)
{
    return client ? client->content_length : -1;
}

int64_t esp_http_client_get_content_range(esp_http_client_handle_t client)
{
    const char *value =
        client && client->response ? header_value(client->response, "Content-Range") : NULL;
    return value ? http_syntax_content_range_total(value) : -1;
}

bool esp_http_client_is_chunked_response(esp_http_client_handle_t client)
{
    return client && client->chunked;
}

bool esp_http_client_is_complete_data_received(esp_http_client_handle_t client)
{
    return client && client->response && client->body_done;
}

esp_err_t esp_http_client_get_chunk_length(esp_http_client_handle_t client, int *len)
{
    if (!client || !len) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!client->response || !header_value(client->response, "Transfer-Encoding")) {
        return ESP_FAIL;
    }
    *len = (int)client->ops->buffered(client->transport);
    return ESP_OK;
}

bool esp_http_client_is_persistent_connection(esp_http_client_handle_t client)
{
    if (!client || !client->response) {
        return false;
    }
    const struct http_response *response = client->response;
    const char *connection = header_value(response, "Connection");
    bool closes = connection && http_syntax_list_has(connection, "close");
    bool keeps = connection && http_syntax_list_has(connection, "keep-alive");
    const char *coding = header_value(response, "Transfer-Encoding");
    // HTTP/2 frames every body and closes connections, not answers.
    bool delimited = response->is_http2 || client->content_length >= 0 || has_no_body(client) ||
                     (coding && http_syntax_list_has(coding, "chunked"));
    return delimited && !closes && (response->minor_version >= 1 || keeps);
}
