/*
 * A whole exchange in one call. The loop goes from phase to phase; an asynchronous client leaves it wherever the network
 * has nothing yet and comes back to the same phase with the next call.
 */
#include "http_client.h"

static esp_err_t start(struct esp_http_client *client)
{
    return http_request_start(client, client->post_data ? client->post_len : 0);
}

static esp_err_t send_body(struct esp_http_client *client)
{
    while (client->body_left > 0) {
        int sent = esp_http_client_write(client, client->post_data + client->post_sent,
                                         client->post_len - client->post_sent);
        if (sent < 0) {
            return ESP_ERR_HTTP_WRITE_DATA;
        }
        if (sent == 0) {
            return client->config.is_async
                       ? ESP_ERR_HTTP_EAGAIN
                       : http_client_fail_in_transport(client, ESP_ERR_HTTP_WRITE_DATA);
        }
        client->post_sent += sent;
    }
    return ESP_OK;
}

static bool is_redirect(int status)
{
    return status == HttpStatus_MovedPermanently || status == HttpStatus_Found ||
           status == HttpStatus_SeeOther || status == HttpStatus_TemporaryRedirect ||
           status == HttpStatus_PermanentRedirect;
}

static esp_err_t follow(struct esp_http_client *client)
{
    if (client->redirect_count >= client->config.max_redirection_count) {
        return http_client_fail(client, ESP_ERR_HTTP_MAX_REDIRECT,
                                "%s:%d: more than %d redirects; raise max_redirection_count or "
                                "check the server for a loop",
                                client->url.host, client->url.port,
                                client->config.max_redirection_count);
    }
    if (client->config.disable_auto_redirect) {
        http_client_dispatch(client, HTTP_EVENT_REDIRECT, NULL,
                             0); // the handler may arm the redirect
        return ESP_OK;
    }
    return esp_http_client_set_redirection(client);
}

/* Decides what the status means: done, or once more. */
static esp_err_t check_response(struct esp_http_client *client)
{
    int status = client->response->status;
    if (status >= 200 && status <= 299) {
        return esp_http_client_reset_redirect_counter(client);
    }
    if (is_redirect(status)) {
        return follow(client);
    }
    return status == HttpStatus_Unauthorized ? esp_http_client_add_auth(client) : ESP_OK;
}

static esp_err_t read_body(struct esp_http_client *client)
{
    while (!client->body_done) {
        size_t got;
        esp_err_t err =
            http_response_read(client, client->body_buffer, (size_t)client->buffer_size, &got);
        if (client->phase != HTTP_PHASE_RESPONSE) {
            return ESP_OK; // a handler closed the connection
        }
        if (err == ESP_ERR_HTTP_EAGAIN && client->config.is_async) {
            return err;
        }
        if (err != ESP_OK) {
            return http_client_fail_in_transport(client, err == ESP_ERR_HTTP_EAGAIN
                                                             ? ESP_ERR_HTTP_READ_TIMEOUT
                                                             : ESP_ERR_HTTP_INCOMPLETE_DATA);
        }
    }
    return ESP_OK;
}

/* The body first, so that a redirect or 401 finds the connection free; then what the status asks for. */
static esp_err_t finish(struct esp_http_client *client)
{
    esp_err_t err = read_body(client);
    if (err != ESP_OK || client->phase != HTTP_PHASE_RESPONSE) {
        return err;
    }
    bool persistent = esp_http_client_is_persistent_connection(client);
    err = check_response(client);
    if (err != ESP_OK) {
        return err;
    }
    if (!client->repeat) {
        http_client_dispatch(client, HTTP_EVENT_ON_FINISH, NULL, 0);
    }
    if (!persistent) {
        (void)esp_http_client_close(client);
    } else if (client->state > HTTP_STATE_CONNECTED) {
        client->state = HTTP_STATE_CONNECTED; // fact: as ESP-IDF leaves a kept connection
    }
    client->phase = HTTP_PHASE_IDLE;
    return ESP_OK;
}

/* One step. *done when the exchange is complete. */
static esp_err_t step(struct esp_http_client *client, bool *done)
{
    esp_err_t err;
    switch (client->phase) {
    case HTTP_PHASE_IDLE:
    case HTTP_PHASE_CONNECT:
        return start(client);
    case HTTP_PHASE_BODY:
        err = send_body(client);
        return err == ESP_OK ? http_response_fetch(client) : err;
    case HTTP_PHASE_RESPONSE:
        err = finish(client);
        *done = err == ESP_OK && !client->repeat;
        return err;
    }
    return ESP_FAIL;
}

/* After a failure in the middle nothing on this connection can be trusted. */
static esp_err_t give_up(struct esp_http_client *client, esp_err_t err)
{
    bool silent = err == ESP_ERR_HTTP_EAGAIN; // fact: no ERROR event when the answer is late
    if (!silent) {
        http_client_dispatch(client, HTTP_EVENT_ERROR, &client->tls_error, 0);
    }
    (void)esp_http_client_close(client);
    return err;
}

esp_err_t esp_http_client_perform(esp_http_client_handle_t client)
{
    if (!client) {
        return ESP_FAIL;
    }
    if (!client->config.is_async || client->state < HTTP_STATE_CONNECTING) {
        client->phase = HTTP_PHASE_IDLE;
    }
    bool done = false;
    while (!done) {
        esp_err_t err = step(client, &done);
        if (err == ESP_ERR_HTTP_EAGAIN && client->config.is_async) {
            return err;
        }
        if (err != ESP_OK) {
            return give_up(client, err);
        }
        if (client->phase == HTTP_PHASE_IDLE && !client->repeat) {
            done = true;
        }
    }
    return ESP_OK;
}
