/** The client object and what its files offer each other. */
#pragma once

#include "esp_http_client.h"
#include "esp_tls.h"
#include "http_headers.h"
#include "http_syntax.h"
#include "http_transport.h"

#define HTTP_CLIENT_ERROR_TEXT_MAX 320 // chosen: a sentence with a host name; longer ones are cut

/** Where a request stands between two calls that may both say "not yet". */
enum http_phase {
    HTTP_PHASE_IDLE,     // no request under way
    HTTP_PHASE_CONNECT,  // begun; the head is not sent yet
    HTTP_PHASE_BODY,     // the head is sent; the body may follow
    HTTP_PHASE_RESPONSE, // the head of the answer is here
};

struct esp_http_client {
    esp_http_client_config_t
        config; // as given; of its strings only borrowed ones are used after init
    const struct http_transport_ops *ops;
    struct http_transport *transport; // NULL until the first request
    char *interface;
    struct esp_tls_last_error tls_error;
    int sys_errno;
    char error_text[HTTP_CLIENT_ERROR_TEXT_MAX];

    // What to ask for
    struct http_url url;
    char *target; // path?query, as in the request line
    esp_http_client_method_t method;
    struct http_headers headers;
    char *username;
    char *password;
    esp_http_client_auth_type_t auth_type;
    char *challenge;       // WWW-Authenticate values, separated by ", "
    bool digest_answers;   // a Digest challenge is to be answered
    const char *post_data; // borrowed
    int post_len;
    int timeout_ms;
    int buffer_size;
    int buffer_size_tx;
    char *proxy;          // as given; NULL: the environment says, "": none
    struct http_blob crl; // borrowed until the transport is made
    bool speaks_http2;    // offered to servers
    bool (*idle_work)(void *context);
    void *idle_context;
    bool (*is_cancelled)(void *context);
    void *cancel_context;
    size_t head_len_max;
    size_t head_count_max;
    int redirect_count;
    int authorization_count;

    // The request under way
    esp_http_state_t state;
    enum http_phase phase;
    bool repeat;               // a redirect or an authorization was armed
    int64_t body_left;         // bytes of the request body still to come, -1 with chunks
    struct http_chunks chunks; // framing the application writes
    int post_sent;             // bytes of post_data, by perform

    // The answer
    const struct http_response *response; // the transport's; NULL while there is none
    int64_t content_length;               // -1 unknown
    bool chunked;                         // length not known in advance
    bool body_done;
    int64_t received;
    char *body_buffer; // of perform; buffer_size bytes
};

/** Sends an event to the handler and, if there is one, to the default loop. */
void http_client_dispatch(struct esp_http_client *client, esp_http_client_event_id_t id, void *data,
                          int len);

/** As above with a header. */
void http_client_dispatch_header(struct esp_http_client *client, struct http_header *header);

/** Posts to the default event loop only, if there is one. */
void http_client_post(esp_http_client_event_id_t id, const void *data, size_t size);

/** Keeps and logs what went wrong, in the client's own words. @return code */
esp_err_t http_client_fail(struct esp_http_client *client, esp_err_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Keeps and logs what the transport says went wrong. @return code */
esp_err_t http_client_fail_in_transport(struct esp_http_client *client, esp_err_t code);

/** Name of a method as on the wire. */
const char *http_client_method_name(esp_http_client_method_t method);

/** How long a call may wait: timeout_ms, or not at all for an asynchronous client. */
int http_client_wait_ms(const struct esp_http_client *client);

/** Replaces *slot by a copy of text (NULL: by NULL). Errors: ESP_ERR_NO_MEM, then nothing has changed. */
esp_err_t http_client_replace(char **slot, const char *text) ESP_MUST_CHECK;

/** Forgets the last answer. */
void http_response_reset(struct esp_http_client *client);

/** Frees *slot and sets it to NULL, overwriting the text: it may be a secret. */
void http_client_forget(char **slot);

/** Waits for the head of the answer, then reports it. Errors as in the transport, ESP_ERR_NO_MEM; logged. */
esp_err_t http_response_fetch(struct esp_http_client *client) ESP_MUST_CHECK;

/** Reads and reports a piece of the body; *got 0 at its end. Errors as in the transport; not logged. */
esp_err_t http_response_read(struct esp_http_client *client, char *buffer, size_t len,
                             size_t *got) ESP_MUST_CHECK;

/** Takes over a parsed URL (its strings move) and everything that depends on it. `secrets`: see set_redirection. */
esp_err_t http_redirect_take_url(struct esp_http_client *client, struct http_url *url,
                                 bool secrets) ESP_MUST_CHECK;

/** Sets the Host header and the request target from the URL. */
esp_err_t http_redirect_refresh(struct esp_http_client *client, bool host_changed) ESP_MUST_CHECK;

/** Makes Authorization fit the credentials. Errors: ESP_ERR_NO_MEM. */
esp_err_t http_auth_refresh(struct esp_http_client *client) ESP_MUST_CHECK;

/** Stores the challenges of the answer. Errors: ESP_ERR_NO_MEM. */
esp_err_t http_auth_take_challenge(struct esp_http_client *client) ESP_MUST_CHECK;

/** Drops user name, password, challenge and Authorization. */
void http_auth_forget(struct esp_http_client *client);

/** Settings for the transport, TLS trust resolved as of now. */
void http_trust_settings(struct esp_http_client *client, struct http_transport_settings *settings);

/** Begins the request unless one is waiting to be connected, and sends its head. Errors as esp_http_client_open(); logged. */
esp_err_t http_request_start(struct esp_http_client *client, int write_len) ESP_MUST_CHECK;
