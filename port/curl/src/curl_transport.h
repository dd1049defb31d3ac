/** The transport object over libcurl and what its files offer each other. */
#pragma once

#include <curl/curl.h>

#include "curl_proxy.h"
#include "curl_tls.h"
#include "http_transport.h"

#define CURL_FAILURE_MAX 288 // chosen: a sentence with a host name or two; longer ones are cut

#define CURL_CHALLENGES_MAX 3 // chosen: none yet, stale, refused
#define CURL_CANDIDATES     4 // chosen: addresses curl tries at the same time, and some more

/** The head of the answer as it arrives. */
struct curl_head {
    char *bytes; // name NUL value NUL, ...
    size_t len;
    size_t capacity;
    size_t *offsets; // of each field's name
    size_t count;
    size_t offset_capacity;
    struct http_header *headers; // made when the head is complete
    int status;
    int minor_version;
    bool is_http2;
    bool complete;
    size_t received; // bytes of all lines, those of interim answers and trailers included
    size_t fields;
    size_t received_max; // 0: no limit
    size_t fields_max;
    bool too_long;
    bool too_many;
};

struct http_transport {
    struct http_transport_settings settings;
    struct curl_tls *tls; // NULL: TLS cannot be used, see tls_problem
    struct curl_tls_problem tls_problem;
    CURLM *multi;
    CURL *easy;
    bool is_attached; // easy is in multi

    // The request
    struct http_request request; // its pointers are good until connect returns for the first time
    bool is_https;
    bool is_head;
    bool answers_digest;
    struct curl_proxy proxy; // that of the request
    struct curl_slist *header_lines;
    struct curl_slist *connect_to;
    char *url;
    char where[160];                 // host:port for messages
    bool said_goodbye;               // the server ended TLS properly
    bool is_handshaking;             // TCP is connected, TLS has begun
    bool is_connected;               // the head of the request may go out
    int candidates[CURL_CANDIDATES]; // sockets made last, newest first; one of them wins
    int socket;                      // of the connection in use
    bool is_done;
    CURLcode result;
    const char *upload;
    size_t upload_len;
    size_t upload_taken; // bytes of the body curl has asked for so far
    bool upload_ended;
    bool is_send_paused;

    // The answer
    struct curl_head head;
    struct http_response response;
    char *target; // the reader's buffer, NULL outside read
    size_t target_len;
    size_t target_capacity;
    char *stash; // body bytes nobody has asked for yet
    size_t stash_start;
    size_t stash_len;
    size_t stash_capacity;
    bool is_receive_paused;
    bool had_body_bytes;
    unsigned challenges; // heads with 401 of this request

    struct http_failure failure;
    char failure_text[CURL_FAILURE_MAX];
    char curl_text[CURL_ERROR_SIZE];
};

/** Sets the options that stay, once. Errors: ESP_ERR_NO_MEM. */
esp_err_t curl_setup_handle(struct http_transport *transport) ESP_MUST_CHECK;

/** Sets the options of the request in transport->request. Errors: ESP_ERR_NO_MEM. */
esp_err_t curl_setup_request(struct http_transport *transport) ESP_MUST_CHECK;

/** Frees what curl_setup_request made. */
void curl_setup_free_request(struct http_transport *transport);

/** Takes a line of the head, line end included. false: out of memory or over the limits. */
bool curl_head_take_line(struct curl_head *head, const char *line, size_t len);

/** Makes the fields readable once the head is complete. false: out of memory. */
bool curl_head_publish(struct curl_head *head, struct http_response *response);

/** Ready for the head of the next request; keeps memory and limits. */
void curl_head_reset(struct curl_head *head);
void curl_head_free(struct curl_head *head);

/** What a step was about when it failed. */
enum curl_step { CURL_STEP_CONNECT, CURL_STEP_SEND, CURL_STEP_HEAD, CURL_STEP_BODY };

/** Describes transport->result. @return the step's error code */
esp_err_t curl_failure_describe(struct http_transport *transport, enum curl_step step);

/** Describes that nothing happened for wait_ms. @return ESP_ERR_HTTP_EAGAIN */
esp_err_t curl_failure_timeout(struct http_transport *transport, enum curl_step step, int wait_ms);

/** Describes why transport->proxy could not be chosen. @return the request's error code */
esp_err_t curl_failure_bad_proxy(struct http_transport *transport, esp_err_t err);

/** Describes that an HTTP proxy answered 407 to a plain request. @return the request's error code */
esp_err_t curl_failure_refused_by_proxy(struct http_transport *transport);

/** The seam's resolve_url. */
esp_err_t curl_url_resolve(const char *base, const char *reference, struct http_url *url);
