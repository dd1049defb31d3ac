/**
 * HTTP and HTTPS requests.
 *
 * fact: names, values, order of members and behaviour as in ESP-IDF, esp_http_client: esp_http_client.h (master). Every
 * member and function exists in every build. A handle is used by one thread at a time; all calls block for at most the
 * client's timeout at a time unless `is_async` is set.
 * differs: a NULL handle is answered with an error where ESP-IDF would crash.
 */
#pragma once

#include "esp_err.h"
#include "esp_event.h"
#include "esp_heap_caps.h" // with esp_system.h: in ESP-IDF FreeRTOS.h brings both, and applications rely on that
#include "esp_key_config.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "sdkconfig.h"

// The one place outside port/ with headers of the system: applications expect struct ifreq and AF_INET from here.
#if defined(__has_include)
#if __has_include(<sys/socket.h>)
#include <sys/socket.h>
#endif
#if __has_include(<net/if.h>)
#include <net/if.h>
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DEFAULT_HTTP_BUF_SIZE 512

ESP_EVENT_DECLARE_BASE(ESP_HTTP_CLIENT_EVENT);

typedef struct esp_http_client *esp_http_client_handle_t;
typedef struct esp_http_client_event *esp_http_client_event_handle_t;

/** What happened. Each id is also posted to the default event loop (base ESP_HTTP_CLIENT_EVENT) if there is one. */
typedef enum {
    HTTP_EVENT_ERROR = 0,    // a step of open, perform, fetch_headers or read failed
    HTTP_EVENT_ON_CONNECTED, // connected, TLS included
    HTTP_EVENT_HEADERS_SENT, // request line and headers are sent
    HTTP_EVENT_HEADER_SENT = HTTP_EVENT_HEADERS_SENT,
    HTTP_EVENT_ON_HEADER, // header_key and header_value
    HTTP_EVENT_ON_HEADERS_COMPLETE,
    HTTP_EVENT_ON_STATUS_CODE, // data: int *, before the headers
    HTTP_EVENT_ON_DATA,        // data, data_len: a piece of the body
    HTTP_EVENT_ON_FINISH,      // perform only: the body is complete
    HTTP_EVENT_DISCONNECTED,
    HTTP_EVENT_REDIRECT, // perform with disable_auto_redirect; on the default loop for every redirect
} esp_http_client_event_id_t;

typedef struct esp_http_client_event {
    esp_http_client_event_id_t event_id;
    esp_http_client_handle_t client;
    void *data; // ERROR and DISCONNECTED: an esp_tls_error_handle_t
    int data_len;
    void *user_data;
    char *header_key;
    char *header_value;
} esp_http_client_event_t;

/** Payload of ON_DATA on the default loop. */
typedef struct esp_http_client_on_data {
    esp_http_client_handle_t client;
    int64_t data_process; // bytes of the body so far
} esp_http_client_on_data_t;

/** Payload of REDIRECT on the default loop. */
typedef struct esp_http_client_redirect_event_data {
    esp_http_client_handle_t client;
    int status_code;
} esp_http_client_redirect_event_data_t;

typedef enum {
    HTTP_TRANSPORT_UNKNOWN = 0,
    HTTP_TRANSPORT_OVER_TCP,
    HTTP_TRANSPORT_OVER_SSL,
} esp_http_client_transport_t;

/** Receives events. The result is ignored. The client may be used, but not cleaned up, inside. */
typedef esp_err_t (*http_event_handle_cb)(esp_http_client_event_t *evt);

typedef enum {
    HTTP_METHOD_GET = 0,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_NOTIFY,
    HTTP_METHOD_SUBSCRIBE,
    HTTP_METHOD_UNSUBSCRIBE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_COPY,
    HTTP_METHOD_MOVE,
    HTTP_METHOD_LOCK,
    HTTP_METHOD_UNLOCK,
    HTTP_METHOD_PROPFIND,
    HTTP_METHOD_PROPPATCH,
    HTTP_METHOD_MKCOL,
    HTTP_METHOD_REPORT,
    HTTP_METHOD_MAX,
} esp_http_client_method_t;

typedef enum {
    HTTP_AUTH_TYPE_NONE = 0,
    HTTP_AUTH_TYPE_BASIC,  // sent with the first request
    HTTP_AUTH_TYPE_DIGEST, // answers a challenge
} esp_http_client_auth_type_t;

typedef enum {
    ESP_HTTP_CLIENT_TLS_VER_ANY = 0,
    ESP_HTTP_CLIENT_TLS_VER_TLS_1_2,
    ESP_HTTP_CLIENT_TLS_VER_TLS_1_3,
    ESP_HTTP_CLIENT_TLS_VER_MAX,
} esp_http_client_proto_ver_t;

#ifdef AF_INET6
typedef enum {
    HTTP_ADDR_TYPE_UNSPEC = AF_UNSPEC,
    HTTP_ADDR_TYPE_INET = AF_INET,
    HTTP_ADDR_TYPE_INET6 = AF_INET6,
} esp_http_client_addr_type_t;
#else
typedef enum {
    HTTP_ADDR_TYPE_UNSPEC = 0,
    HTTP_ADDR_TYPE_INET = 2,
    HTTP_ADDR_TYPE_INET6 = 10,
} esp_http_client_addr_type_t;
#endif

typedef enum {
    HTTP_TLS_DYN_BUF_RX_STATIC = 1,
    HTTP_TLS_DYN_BUF_STRATEGY_MAX,
} esp_http_client_tls_dyn_buf_strategy_t;

typedef enum {
    ESP_HTTP_CLIENT_ECDSA_CURVE_SECP256R1 = 0,
    ESP_HTTP_CLIENT_ECDSA_CURVE_SECP384R1,
    ESP_HTTP_CLIENT_ECDSA_CURVE_MAX,
} esp_http_client_ecdsa_curve_t;

typedef enum {
    HTTP_STATE_UNINIT = 0,
    HTTP_STATE_INIT,
    HTTP_STATE_CONNECTING,
    HTTP_STATE_CONNECTED,
    HTTP_STATE_REQ_COMPLETE_HEADER,
    HTTP_STATE_REQ_COMPLETE_DATA,
    HTTP_STATE_RES_COMPLETE_HEADER,
    HTTP_STATE_RES_ON_DATA_START,
    HTTP_STATE_RES_COMPLETE_DATA, // never entered
    HTTP_STATE_CLOSE,             // never entered
} esp_http_state_t;

typedef enum {
    HttpStatus_Ok = 200,
    HttpStatus_PartialContent = 206,
    HttpStatus_MultipleChoices = 300,
    HttpStatus_MovedPermanently = 301,
    HttpStatus_Found = 302,
    HttpStatus_SeeOther = 303,
    HttpStatus_NotModified = 304,
    HttpStatus_TemporaryRedirect = 307,
    HttpStatus_PermanentRedirect = 308,
    HttpStatus_BadRequest = 400,
    HttpStatus_Unauthorized = 401,
    HttpStatus_Forbidden = 403,
    HttpStatus_NotFound = 404,
    HttpStatus_RangeNotSatisfiable = 416,
    HttpStatus_InternalError = 500,
} HttpStatus_Code;

struct esp_transport_item_t; // http_transport.h

/**
 * What a client is made from. Zero is the default of every member. Strings are copied unless a member says borrowed:
 * then it must stay valid until esp_http_client_cleanup(). Lengths of PEM and DER: 0 means PEM that ends with NUL,
 * otherwise bytes. Members marked "no effect" concern hardware or memory layouts that do not exist here.
 */
typedef struct {
    const char *url;      // complete URL; needed unless host and path are given
    const char *host;     // together with path it wins over url
    int port;             // 0: 80 or 443; a URL's scheme or port wins
    const char *username; // a URL's user info wins
    const char *password;
    esp_http_client_auth_type_t auth_type;
    const char *path;  // default "/"
    const char *query; // without '?'
    union {
        const char *cert_pem; // CAs that vouch for the server; borrowed
        const char *cert_der;
    };
    size_t cert_len;
    union {
        const char *client_cert_pem; // borrowed; needs a key
        const char *client_cert_der;
    };
    size_t client_cert_len;
    const char *client_key_pem; // borrowed
    size_t client_key_len;
    const esp_key_config_t *client_key; // borrowed; wins over the other key members
    const char *client_key_password;    // borrowed
    size_t client_key_password_len;     // without terminator; 0: no password
    esp_http_client_proto_ver_t tls_version;
    bool use_ecdsa_peripheral;                 // no effect
    uint8_t ecdsa_key_efuse_blk;               // no effect
    uint8_t ecdsa_key_efuse_blk_high;          // no effect
    esp_http_client_ecdsa_curve_t ecdsa_curve; // no effect
    const char *user_agent;                    // default "ESP32 HTTP Client/1.0"
    esp_http_client_method_t method;
    int timeout_ms; // 0: 5000
    bool disable_auto_redirect;
    int max_redirection_count;     // 0: 10
    int max_authorization_retries; // 0: 10, -1: none
    http_event_handle_cb event_handler;
    esp_http_client_transport_t transport_type; // only without a URL scheme
    int buffer_size;    // 0: 512; largest piece that perform hands to ON_DATA
    int buffer_size_tx; // 0: 512; the request line and each header must fit
    void *user_data;    // borrowed
    bool is_async;      // differs: works for http, too
    bool use_global_ca_store;
    bool skip_cert_common_name_check; // differs: the name is still sent (SNI)
    const char *common_name; // borrowed; the name to send and to verify instead of the host
    esp_err_t (*crt_bundle_attach)(void *conf);
    bool keep_alive_enable;   // TCP keep-alive
    int keep_alive_idle;      // seconds, 0: 5
    int keep_alive_interval;  // seconds, 0: 5
    int keep_alive_count;     // 0: 3
    struct ifreq *if_name;    // network interface to use
    const char **alpn_protos; // borrowed, NULL-terminated
    void *ds_data;            // no effect
    bool save_client_session;
    struct esp_transport_item_t
        *transport; // borrowed; differs: our seam, http_transport.h, not ESP-IDF's
    esp_http_client_addr_type_t addr_type;
    esp_http_client_tls_dyn_buf_strategy_t tls_dyn_buf_strategy; // no effect
} esp_http_client_config_t;

/**
 * Makes a client; no network traffic. @return NULL, with a logged reason, when config is NULL, there is neither a URL nor
 * host and path, the URL cannot be parsed, addr_type or method is unknown, or memory is short.
 */
esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config);

/** Closes the connection and frees the client. Errors: ESP_FAIL (NULL). */
esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client);

/**
 * A whole exchange: connects or uses the open connection, sends the request with the post field, reads the answer to its
 * end while passing it to the event handler, follows redirects and answers one 401 after another within the limits.
 * Statuses other than 2xx, 3xx and 401 are ESP_OK. Redirects keep method and body except 303, which
 * becomes GET without body unless the method is HEAD (differs: RFC 9110, 15.4.4). With is_async it returns
 * ESP_ERR_HTTP_EAGAIN while there is nothing to do; call again.
 * Errors: ESP_FAIL (NULL; request line longer than buffer_size_tx; too many authorization rounds),
 * ESP_ERR_HTTP_CONNECT, _INVALID_TRANSPORT, _WRITE_DATA, _HEADER_TOO_LONG, _EAGAIN (no answer before the timeout),
 * _CONNECTION_CLOSED (before the answer), _FETCH_HEADER, _READ_TIMEOUT, _INCOMPLETE_DATA (body), _MAX_REDIRECT,
 * _REDIRECT_DOWNGRADE, ESP_ERR_NOT_SUPPORTED (401 with no scheme we know), ESP_ERR_INVALID_ARG (bad Location).
 */
esp_err_t esp_http_client_perform(esp_http_client_handle_t client);

/** Forgets the last answer and renews Authorization, before request_send. Errors: ESP_FAIL (NULL), ESP_ERR_NO_MEM. */
esp_err_t esp_http_client_prepare(esp_http_client_handle_t client);

/**
 * Sends request line and headers on the open connection. differs: connects if there is none.
 * Arguments and errors as esp_http_client_open(), without the event ERROR.
 */
esp_err_t esp_http_client_request_send(esp_http_client_handle_t client, int write_len);

/**
 * Connects if necessary and sends request line and headers.
 * @param write_len length of the body that follows; -1: a body in chunks, see esp_http_client_chunk_write_begin()
 * Errors: ESP_FAIL (NULL; write_len < -1; request line longer than buffer_size_tx), ESP_ERR_HTTP_CONNECT,
 * _INVALID_TRANSPORT (scheme), _WRITE_DATA, _HEADER_TOO_LONG; _EAGAIN with is_async: call again.
 */
esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len);

/**
 * Sends body bytes; after open with -1 they are chunk framing and data as on the wire.
 * @return len; -1 for NULL, negative len, before open, more than announced, broken framing, or a failed connection;
 *         0 when the timeout passed
 */
int esp_http_client_write(esp_http_client_handle_t client, const char *buffer, int len);

/** Starts a chunk of len bytes, which esp_http_client_write() then delivers. @return 0, or -1 */
int esp_http_client_chunk_write_begin(esp_http_client_handle_t client, const int len);

/** Ends a chunk, and with last_chunk the body. @return 0, or -1 */
int esp_http_client_chunk_write_end(esp_http_client_handle_t client, bool last_chunk);

/**
 * Waits for the head of the answer.
 * @return Content-Length; 0 if chunked, absent or zero; -1 on failure; -ESP_ERR_HTTP_EAGAIN after timeout_ms
 */
int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client);

/**
 * Reads body bytes until len are there, the body ends, or timeout_ms are over: what came by then is returned.
 * @return bytes; 0: the body is complete, also after esp_http_client_perform(); -ESP_ERR_HTTP_EAGAIN: nothing arrived; -1: failure or truncated body,
 *         with errno left at ECONNRESET or similar
 */
int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len);

/** Reads until len bytes are there or read has no more. @return bytes read; -1 for bad arguments */
int esp_http_client_read_response(esp_http_client_handle_t client, char *buffer, int len);

/**
 * Reads and drops the rest of the body. @param len NULL, or receives the bytes dropped
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_FAIL (read failed; differs: also when nothing arrives before the timeout).
 */
esp_err_t esp_http_client_flush_response(esp_http_client_handle_t client, int *len);

/** Closes the connection; event DISCONNECTED if one was open. Errors: ESP_FAIL (NULL). */
esp_err_t esp_http_client_close(esp_http_client_handle_t client);

/** Drops body bytes that have arrived already. Errors: ESP_ERR_INVALID_ARG (NULL). */
esp_err_t esp_http_client_clear_response_buffer(esp_http_client_handle_t client);

/**
 * Gives up the request that is under way; the next request connects again.
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (not connected).
 */
esp_err_t esp_http_client_cancel_request(esp_http_client_handle_t client);

/**
 * Changes the URL; relative ones are resolved against the current one (RFC 3986). User info replaces the credentials.
 * Another host, port or scheme closes the connection and renews Host; another origin also drops user name, password,
 * challenge and the Authorization header. Same host from http to https keeps them.
 * Errors: ESP_ERR_INVALID_ARG (NULL, not a URL), ESP_ERR_NO_MEM.
 */
esp_err_t esp_http_client_set_url(esp_http_client_handle_t client, const char *url);

/** Writes scheme://host:port/path, cut to len bytes with the terminator. Errors: ESP_ERR_INVALID_ARG (NULL, len < 1). */
esp_err_t esp_http_client_get_url(esp_http_client_handle_t client, char *url, const int len);

/** Errors: ESP_ERR_INVALID_ARG (NULL, unknown method). */
esp_err_t esp_http_client_set_method(esp_http_client_handle_t client,
                                     esp_http_client_method_t method);

/**
 * Sets a request header; an equal name (any case) is replaced, blanks around the value are removed. Content-Length and
 * Transfer-Encoding are accepted but follow from esp_http_client_open().
 * @param value NULL deletes
 * Errors: ESP_ERR_INVALID_ARG (NULL; name not a token; line end in the value), ESP_ERR_NOT_FOUND (nothing to delete),
 * ESP_ERR_NO_MEM.
 */
esp_err_t esp_http_client_set_header(esp_http_client_handle_t client, const char *key,
                                     const char *value);

/**
 * Request header. @param value points into the client until the header changes; NULL when there is none (fact: written
 * on ESP_ERR_NOT_FOUND, too). Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_NOT_FOUND.
 */
esp_err_t esp_http_client_get_header(esp_http_client_handle_t client, const char *key,
                                     char **value);

/** Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_NOT_FOUND. */
esp_err_t esp_http_client_delete_header(esp_http_client_handle_t client, const char *key);

/** Also removes User-Agent and Host; differs: Host is sent all the same, HTTP/1.1 demands it. */
esp_err_t esp_http_client_delete_all_headers(esp_http_client_handle_t client);

/**
 * Response header; of repeated ones the last. @param value belongs to the client until the next request
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_NOT_FOUND.
 */
esp_err_t esp_http_client_get_response_header(esp_http_client_handle_t client, const char *key,
                                              char **value);

/**
 * Body for perform; borrowed. Adds Content-Type application/x-www-form-urlencoded if none is set; NULL removes the body
 * and Content-Type. Errors: ESP_ERR_INVALID_ARG (NULL handle, negative len), ESP_ERR_NO_MEM.
 */
esp_err_t esp_http_client_set_post_field(esp_http_client_handle_t client, const char *data,
                                         int len);

/** @return length, 0 if there is none (*data then untouched) */
int esp_http_client_get_post_field(esp_http_client_handle_t client, char **data);

/** Copies; NULL removes. Errors: ESP_ERR_INVALID_ARG (NULL handle), ESP_ERR_NO_MEM. */
esp_err_t esp_http_client_set_username(esp_http_client_handle_t client, const char *username);
esp_err_t esp_http_client_set_password(esp_http_client_handle_t client, const char *password);

/** The client's own string, NULL if there is none. Errors: ESP_ERR_INVALID_ARG (NULL). */
esp_err_t esp_http_client_get_username(esp_http_client_handle_t client, char **value);
esp_err_t esp_http_client_get_password(esp_http_client_handle_t client, char **value);

/** Errors: ESP_ERR_INVALID_ARG (NULL, unknown type). */
esp_err_t esp_http_client_set_authtype(esp_http_client_handle_t client,
                                       esp_http_client_auth_type_t auth_type);

/** Adds text to the stored challenge, as if it had come in WWW-Authenticate. Errors: ESP_ERR_INVALID_ARG, _NO_MEM. */
esp_err_t esp_http_client_set_auth_data(esp_http_client_handle_t client, const char *auth_data,
                                        int len);

/**
 * Chooses how to answer the challenge of a 401; nothing happens in other states than after fetch_headers.
 * Digest is preferred to Basic when both are offered.
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_FAIL (max_authorization_retries reached), ESP_ERR_NOT_SUPPORTED (no challenge,
 * or none we know).
 */
esp_err_t esp_http_client_add_auth(esp_http_client_handle_t client);

/**
 * Takes the Location of the answer as the new URL, relative ones included. On another host (or another port, except
 * http to https) request headers that look like secrets are dropped: those whose name contains auth, cookie,
 * token, secret, key, session, password or credential.
 * Errors: ESP_ERR_INVALID_ARG (NULL, no Location, not a URL), ESP_ERR_HTTP_REDIRECT_DOWNGRADE (from https to anything
 * else; nothing has changed), ESP_ERR_NO_MEM.
 */
esp_err_t esp_http_client_set_redirection(esp_http_client_handle_t client);

/** Forgets how many redirects and authorization rounds were made. Errors: ESP_ERR_INVALID_ARG (NULL). */
esp_err_t esp_http_client_reset_redirect_counter(esp_http_client_handle_t client);

/** Errors: ESP_ERR_INVALID_ARG (NULL). */
esp_err_t esp_http_client_set_user_data(esp_http_client_handle_t client, void *data);
esp_err_t esp_http_client_get_user_data(esp_http_client_handle_t client, void **data);
esp_err_t esp_http_client_set_event_handler(esp_http_client_handle_t client,
                                            http_event_handle_cb handler);

/** For everything that waits from now on; 0: 5000. Errors: ESP_ERR_INVALID_ARG (NULL, negative). */
esp_err_t esp_http_client_set_timeout_ms(esp_http_client_handle_t client, int timeout_ms);

/** Status of the answer; -1 while there is none. */
int esp_http_client_get_status_code(esp_http_client_handle_t client);

/** Content-Length; -1 if chunked or absent. */
int64_t esp_http_client_get_content_length(esp_http_client_handle_t client);

/** Total of Content-Range "bytes a-b/total"; -1 if unknown, malformed or absent (differs: never a stale value). */
int64_t esp_http_client_get_content_range(esp_http_client_handle_t client);

/** Whether the length is unknown: chunked, or no Content-Length. */
bool esp_http_client_is_chunked_response(esp_http_client_handle_t client);

/** Whether the whole body was received. */
bool esp_http_client_is_complete_data_received(esp_http_client_handle_t client);

/**
 * For chunked answers. differs: chunk borders are the transport's business; this is what read delivers without waiting.
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_FAIL (not chunked).
 */
esp_err_t esp_http_client_get_chunk_length(esp_http_client_handle_t client, int *len);

/** By the current scheme. */
esp_http_client_transport_t esp_http_client_get_transport_type(esp_http_client_handle_t client);

/** errno of the last failure, then cleared; -1 for NULL. */
int esp_http_client_get_errno(esp_http_client_handle_t client);

/** Last connection or TLS error, then cleared. @return 0x80xx code, ESP_OK if none, ESP_FAIL for NULL */
esp_err_t esp_http_client_get_and_clear_last_tls_error(esp_http_client_handle_t client,
                                                       int *esp_tls_error_code, int *esp_tls_flags);

/** UNINIT for NULL. */
esp_http_state_t esp_http_client_get_state(esp_http_client_handle_t client);

/** Whether the connection stays usable after this answer. */
bool esp_http_client_is_persistent_connection(esp_http_client_handle_t client);

/** The socket; -1 if there is none. */
int esp_http_client_get_socket(esp_http_client_handle_t client);

/**
 * The last failure in one sentence, as it was logged: what, where, what to do. "" if there was none since the last
 * request began. Belongs to the client until its next call. Ours.
 */
const char *esp_http_client_get_error_text(esp_http_client_handle_t client);

#ifdef __cplusplus
}
#endif
