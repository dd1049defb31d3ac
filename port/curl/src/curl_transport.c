/*
 * The HTTP transport over libcurl's multi interface, pulled by its user: nothing happens between two calls.
 *
 * A request is one curl transfer. curl is run until what the caller waits for is there: the connection, room for body
 * bytes, the head, or body bytes. Body bytes go from curl's receive buffer straight into the reader's; what curl
 * delivers beyond that waits in a stash, which is large enough that receiving is practically never paused.
 */
#include "curl_transport.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// --------------------------------------------------------------------------------------- running curl

static bool has_field(const struct curl_head *head, const char *name)
{
    for (size_t i = 0; i < head->count; i++) {
        if (strcasecmp(head->bytes + head->offsets[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_connection_kept(const struct http_transport *transport)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    return curl_easy_getinfo(transport->easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
           socket != CURL_SOCKET_BAD;
}

/*
 * A body that only the end of the connection ends must have TLS's own end, or it may be cut (RFC 9112, 9.8).
 * HTTP/2 marks the end of every body, but curl does not tell whether it saw the mark.
 * measured: libcurl 7.88 calls a stream complete that was reset when the connection ends at the same time. A connection
 * that is still good has ended its stream properly; without it, a body without length is not believed.
 */
static bool is_cut_short(const struct http_transport *transport)
{
    const struct curl_head *head = &transport->head;
    bool may_have_body =
        !transport->is_head && head->status >= 200 && head->status != 204 && head->status != 304;
    if (!transport->is_https || !may_have_body || has_field(head, "Content-Length")) {
        return false;
    }
    if (head->is_http2) {
        return !is_connection_kept(transport);
    }
    return !has_field(head, "Transfer-Encoding") && !transport->said_goodbye;
}

static void run(struct http_transport *transport)
{
    int running;
    int queued;
    CURLMsg *message;
    if (transport->is_done || !transport->is_attached) {
        return;
    }
    CURLMcode code = curl_multi_perform(transport->multi, &running);
    if (code != CURLM_OK) {
        transport->is_done = true;
        transport->result = code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_RECV_ERROR;
        return;
    }
    if (running > 0) {
        return;
    }
    while ((message = curl_multi_info_read(transport->multi, &queued)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            transport->is_done = true;
            transport->result = message->data.result;
            if (transport->result == CURLE_OK && is_cut_short(transport)) {
                transport->result = CURLE_PARTIAL_FILE;
            }
        }
    }
}

/* Waits until something happens on the network; what there is to do meanwhile is done. */
static void wait_for_network(struct http_transport *transport, int wait_ms)
{
    const struct http_request *request = &transport->request;
    bool has_worked = request->idle_work && request->idle_work(request->idle_context);
    curl_multi_poll(transport->multi, NULL, 0, has_worked ? 0 : wait_ms, NULL);
}

#define CANCEL_SLICE_MS 250 // fact: http_transport.h promises four questions a second

static bool is_cancelled(const struct http_request *request)
{
    return request->is_cancelled && request->is_cancelled(request->cancel_context);
}

/* Runs curl until `reached`, the end of the transfer, or for wait_ms (-1: no limit). false: the time is over, or the wait was
 * cancelled. */
static bool run_until(struct http_transport *transport,
                      bool (*reached)(const struct http_transport *transport), int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        run(transport);
        if (transport->is_done || reached(transport)) {
            return true;
        }
        int64_t left = wait_ms < 0 ? 1000 : deadline - now_ms();
        if (left <= 0 || is_cancelled(&transport->request)) {
            return false;
        }
        wait_for_network(transport, (int)(left < CANCEL_SLICE_MS ? left : CANCEL_SLICE_MS));
    }
}

static void resume(struct http_transport *transport)
{
    if (transport->is_done) {
        return;
    }
    curl_easy_pause(transport->easy, (transport->is_send_paused ? CURLPAUSE_SEND : 0) |
                                         (transport->is_receive_paused ? CURLPAUSE_RECV : 0));
}

/* Ends the transfer; an unfinished one takes its connection with it. */
static void detach(struct http_transport *transport)
{
    if (transport->is_attached) {
        curl_multi_remove_handle(transport->multi, transport->easy);
        transport->is_attached = false;
    }
    transport->is_done = true;
    transport->stash_len = 0;
}

// ------------------------------------------------------------------------------------------- lifetime

static void destroy(struct http_transport *transport)
{
    if (!transport) {
        return;
    }
    detach(transport);
    curl_multi_cleanup(transport->multi);
    curl_easy_cleanup(transport->easy);
    curl_setup_free_request(transport);
    curl_proxy_free(&transport->proxy);
    curl_head_free(&transport->head);
    curl_tls_free(transport->tls);
    free(transport->stash);
    free(transport);
}

static esp_err_t create(void *context, const struct http_transport_settings *settings,
                        struct http_transport **out)
{
    (void)context;
    struct http_transport *transport = calloc(1, sizeof(*transport));
    if (!transport) {
        return ESP_ERR_NO_MEM;
    }
    transport->settings = *settings;
    // Now, because the global store may be another one by the time TLS is needed.
    transport->tls = curl_tls_create(settings, &transport->tls_problem);
    transport->failure.text = "";
    transport->is_done = true;
    if (curl_setup_handle(transport) != ESP_OK) {
        destroy(transport);
        return ESP_ERR_NO_MEM;
    }
    *out = transport;
    return ESP_OK;
}

static void close_connection(struct http_transport *transport)
{
    detach(transport);
    // Dropping the multi handle is curl's only way to close connections that are kept alive.
    curl_multi_cleanup(transport->multi);
    transport->multi = NULL;
}

// -------------------------------------------------------------------------------------------- request

static esp_err_t begin(struct http_transport *transport, const struct http_request *request)
{
    detach(transport);
    curl_head_reset(&transport->head);
    transport->head.received_max = request->head_len_max;
    transport->head.fields_max = request->head_count_max;
    transport->request = *request;
    transport->is_https = strcmp(request->scheme, "https") == 0;
    transport->is_head = strcmp(request->method, "HEAD") == 0;
    transport->answers_digest = request->digest_user != NULL;
    transport->is_handshaking = false;
    transport->is_connected = false;
    transport->result = CURLE_OK;
    transport->upload_len = 0;
    transport->upload_taken = 0;
    transport->upload_ended = false;
    transport->is_send_paused = false;
    transport->is_receive_paused = false;
    transport->had_body_bytes = false;
    transport->challenges = 0;
    transport->curl_text[0] = '\0';
    if (!transport->multi) {
        transport->multi = curl_multi_init();
        if (!transport->multi) {
            return ESP_ERR_NO_MEM;
        }
        curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, 1L);
    }
    return ESP_OK;
}

/* Certificates that cannot be used matter only to those who use TLS. */
static esp_err_t check_tls(struct http_transport *transport)
{
    const struct curl_tls_problem *problem = &transport->tls_problem;
    if (transport->tls || !transport->is_https) {
        return ESP_OK;
    }
    snprintf(transport->failure_text, sizeof(transport->failure_text), "%s:%d: %s",
             transport->request.host, transport->request.port, problem->text);
    transport->failure =
        (struct http_failure){.tls_code = problem->code, .text = transport->failure_text};
    return problem->code == ESP_ERR_NO_MEM ? ESP_ERR_NO_MEM : ESP_ERR_HTTP_CONNECT;
}

static esp_err_t start_transfer(struct http_transport *transport)
{
    esp_err_t err = check_tls(transport);
    if (err != ESP_OK) {
        return err;
    }
    curl_proxy_free(&transport->proxy);
    err = curl_proxy_choose(&transport->request, &transport->proxy);
    if (err == ESP_ERR_INVALID_ARG || err == ESP_ERR_NOT_SUPPORTED) {
        return curl_failure_bad_proxy(transport, err);
    }
    if (err == ESP_OK) {
        err = curl_setup_request(transport);
    }
    if (err == ESP_OK && curl_multi_add_handle(transport->multi, transport->easy) != CURLM_OK) {
        err = ESP_ERR_NO_MEM;
    }
    if (err != ESP_OK) {
        transport->failure = (struct http_failure){.text = "no memory for the request"};
        return err;
    }
    transport->is_attached = true;
    transport->is_done = false;
    return ESP_OK;
}

static bool is_connected(const struct http_transport *transport)
{
    return transport->is_connected;
}

static esp_err_t connect_to_server(struct http_transport *transport, int wait_ms, bool *is_new)
{
    if (!transport->is_attached) {
        esp_err_t err = start_transfer(transport);
        if (err != ESP_OK) {
            return err;
        }
    }
    if (!run_until(transport, is_connected, wait_ms)) {
        return curl_failure_timeout(transport, CURL_STEP_CONNECT, wait_ms);
    }
    // An answer that failed already is fetch_headers' to report.
    bool has_failed =
        transport->is_done && transport->result != CURLE_OK && !transport->head.complete;
    bool could_send = transport->is_connected && transport->result != CURLE_SEND_ERROR;
    if (has_failed && !could_send) {
        return curl_failure_describe(transport,
                                     transport->is_connected ? CURL_STEP_SEND : CURL_STEP_CONNECT);
    }
    long connections = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_NUM_CONNECTS, &connections);
    *is_new = connections > 0;
    return ESP_OK;
}

/* Whether the bytes given were taken, or nobody wants them any more. */
static bool is_upload_over(const struct http_transport *transport)
{
    return transport->upload_len == 0 ||
           (transport->head.complete && transport->head.status >= 300);
}

static esp_err_t write_body(struct http_transport *transport, const void *data, size_t len,
                            int wait_ms, size_t *written)
{
    transport->upload = data;
    transport->upload_len = len;
    transport->is_send_paused = false;
    resume(transport);
    bool over = run_until(transport, is_upload_over, wait_ms);
    size_t left = transport->upload_len;
    transport->upload_len = 0;
    if (transport->is_done && transport->result != CURLE_OK && !transport->head.complete) {
        return curl_failure_describe(transport, CURL_STEP_SEND);
    }
    if (!over && left == len) {
        return curl_failure_timeout(transport, CURL_STEP_SEND, wait_ms);
    }
    *written = over ? len : len - left;
    return ESP_OK;
}

static esp_err_t end_body(struct http_transport *transport, int wait_ms)
{
    (void)wait_ms;
    transport->upload_ended = true;
    transport->is_send_paused = false;
    resume(transport);
    run(transport);
    if (transport->is_done && transport->result != CURLE_OK && !transport->head.complete) {
        return curl_failure_describe(transport, CURL_STEP_SEND);
    }
    return ESP_OK;
}

// --------------------------------------------------------------------------------------------- answer

/* A 401 that curl answers by itself with a Digest response has no body for us and is not the end. */
static bool has_final_head(const struct http_transport *transport)
{
    bool may_repeat = transport->answers_digest && transport->head.status == 401 &&
                      transport->challenges < CURL_CHALLENGES_MAX;
    return transport->head.complete && (!may_repeat || transport->had_body_bytes);
}

/* A proxy that forwards speaks for itself with this status only; servers do not use it (RFC 9110, 15.5.8). */
static bool is_refused_by_proxy(const struct http_transport *transport)
{
    return transport->head.status == 407 && transport->proxy.is_http && !transport->is_https;
}

static esp_err_t fetch_headers(struct http_transport *transport, int wait_ms,
                               const struct http_response **response)
{
    if (!run_until(transport, has_final_head, wait_ms)) {
        return curl_failure_timeout(transport, CURL_STEP_HEAD, wait_ms);
    }
    if (!transport->head.complete) {
        return curl_failure_describe(transport, CURL_STEP_HEAD);
    }
    if (is_refused_by_proxy(transport)) {
        return curl_failure_refused_by_proxy(transport);
    }
    if (!curl_head_publish(&transport->head, &transport->response)) {
        return ESP_ERR_NO_MEM;
    }
    *response = &transport->response;
    return ESP_OK;
}

static size_t take_from_stash(struct http_transport *transport, char *buf, size_t len)
{
    size_t count = transport->stash_len < len ? transport->stash_len : len;
    memcpy(buf, transport->stash + transport->stash_start, count);
    transport->stash_start += count;
    transport->stash_len -= count;
    return count;
}

/* Fills the target until it is full, the transfer ends or wait_ms are over. However slowly bytes drip, the reader gets its turn. */
static void fill_target(struct http_transport *transport, int wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (transport->target_len < transport->target_capacity && !transport->is_done) {
        size_t before = transport->target_len;
        if (transport->is_receive_paused) {
            transport->is_receive_paused = false;
            resume(transport);
        }
        run(transport);
        int64_t left = deadline - now_ms();
        if (transport->is_done || left <= 0) {
            break;
        }
        if (transport->target_len == before) {
            wait_for_network(transport, (int)left);
        }
    }
}

static esp_err_t read_body(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                           size_t *got)
{
    transport->target = buf;
    transport->target_capacity = len;
    transport->target_len = take_from_stash(transport, buf, len);
    fill_target(transport, wait_ms);
    transport->target = NULL;
    if (transport->target_len == 0) {
        if (!transport->is_done) {
            return curl_failure_timeout(transport, CURL_STEP_BODY, wait_ms);
        }
        if (transport->result != CURLE_OK || !transport->head.complete) {
            return curl_failure_describe(transport, CURL_STEP_BODY);
        }
    }
    *got = transport->target_len;
    return ESP_OK;
}

static size_t buffered(const struct http_transport *transport)
{
    return transport->stash_len;
}

static void discard(struct http_transport *transport)
{
    transport->stash_len = 0;
}

static int get_socket(const struct http_transport *transport)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (!transport->is_done && transport->is_connected) {
        return transport->socket;
    }
    // Between requests curl tells which connection is kept; it does not while one runs.
    if (!transport->multi ||
        curl_easy_getinfo(transport->easy, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK) {
        return -1;
    }
    return socket == CURL_SOCKET_BAD ? -1 : (int)socket;
}

static const struct http_failure *get_failure(const struct http_transport *transport)
{
    return &transport->failure;
}

const struct http_transport_ops esp_http_transport = {
    .read_len_preferred = 16384, // chosen: one TLS record
    .resolve_url = curl_url_resolve,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .connect = connect_to_server,
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
