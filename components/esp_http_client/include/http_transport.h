/**
 * The transport seam: what the HTTP client needs from the world outside.
 *
 * The client decides what is asked for and what an answer means (headers, redirects, credentials, events); the transport
 * owns sockets, TLS, HTTP framing and URL syntax. Exactly one port defines `esp_http_transport`; a program can hand a
 * client another one through `esp_http_client_config_t.transport`.
 *
 * A transport object serves one client, one request at a time, and is used by one thread at a time. It needs no thread of
 * its own and calls nobody back: every function returns what it has. A function with `wait_ms` may answer
 * ESP_ERR_HTTP_EAGAIN, "not yet"; the call is then repeated with the same arguments. wait_ms 0 never waits.
 *
 * The order for one request is begin, connect, write*, end_body, fetch_headers, read*. begin may come at any time and
 * gives up whatever was unfinished; so does close.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct http_transport; // defined by the implementation

/** One header field. Both strings end with NUL and hold no line ends. */
struct http_header {
    char *name;
    char *value;
};

/** A URL in parts. Strings are allocated with malloc, see http_url_free(); absent parts are NULL. */
struct http_url {
    char *scheme;   // lower case
    char *host;     // IPv6 in brackets
    char *user;     // percent-decoded
    char *password; // percent-decoded
    char *path;     // starts with '/', dot segments removed, as sent on the wire
    char *query;    // without '?', as sent on the wire
    int port;       // always set when the scheme has a default; else 0
};

/** Who may vouch for the server. */
enum http_trust {
    HTTP_TRUST_NONE,         // nobody: a TLS connection must be refused
    HTTP_TRUST_CERTIFICATES, // the certificates in `ca`
    HTTP_TRUST_SYSTEM,       // the system's store, and the certificates in `ca` if there are any
};

/** Bytes of a certificate or key: PEM or DER, told apart by content. len 0: PEM that ends with NUL. */
struct http_blob {
    const void *data;
    size_t len;
};

/** Settings of a transport object. Pointers are borrowed until destroy, except `ca` and `crl`, which are used in create only. */
struct http_transport_settings {
    enum http_trust trust;
    struct http_blob ca; // one DER or any number of PEM certificates
    struct http_blob
        crl; // PEM or DER revocation lists, used in create only; data NULL: revocation is not checked
    struct http_blob cert; // client certificate, then the rest of its chain; data NULL: none
    struct http_blob key;  // its private key
    struct http_blob key_password; // len as given; data NULL: the key is not encrypted
    const char *common_name;       // name for SNI and verification; NULL: the host
    bool skip_name_check;
    int tls_version;         // 12 or 13: exactly that one; 0: 1.2 or newer
    const char *const *alpn; // NULL-terminated list; NULL: none offered
    bool save_session;       // resume TLS sessions
    const char *interface;   // bind to this network interface; NULL: any
    int ip_version;          // 4, 6, or 0 for both
    bool keep_alive;         // TCP keep-alive, with:
    int keep_alive_idle;     // seconds before the first probe
    int keep_alive_interval; // seconds between probes
    int keep_alive_count;    // probes without answer before the connection counts as dead
    size_t buffer_size;      // bytes wanted per receive; a hint
    const char
        *setup_failure;   // one sentence: why TLS cannot be set up whatever is above; NULL: it can
    esp_err_t setup_code; // 0x80xx code for it
};

/** A request. Everything is borrowed from begin until connect returns for the first time. */
struct http_request {
    const char *method;
    const char *scheme; // "http" or "https"
    const char *host;   // where to connect to; IPv6 in brackets
    int port;
    const char *target; // path and query
    const struct http_header
        *headers; // complete, Host included; no Content-Length or Transfer-Encoding
    size_t header_count;
    bool has_body;
    int64_t body_len;        // with has_body: bytes to come, -1 when unknown
    const char *digest_user; // not NULL: answer Digest challenges of this server
    const char *digest_password;
    int connect_timeout_ms; // for name resolution, connection, proxy and TLS handshake together
    const char *proxy; // URL, see esp_http_client_set_proxy(); NULL: ask the environment; "": none
    bool offer_http2;  // with https, and only without `alpn` in the settings
    /** Called while the transport waits for the network, as often as it likes to wait: true: it did a piece of work and there
     *  may be more, so look for bytes and call again; false: nothing to do. Must not use the transport. NULL: none. */
    bool (*idle_work)(void *context);
    void *idle_context;
    /** Asked while the transport waits to be connected or for the answer's head, at least four times a second: true ends the
     *  wait as its timeout would. Must not use the transport. NULL: never. */
    bool (*is_cancelled)(void *context);
    void *cancel_context;
    size_t head_len_max;   // bytes of the answer's heads, line ends included; 0: no limit
    size_t head_count_max; // their fields; 0: no limit
};

/** The head of an answer. Belongs to the transport, valid until the next begin or destroy. */
struct http_response {
    int status;
    int minor_version; // of HTTP/1.x
    bool is_http2;
    struct http_header *headers; // in the order received; the client does not change them
    size_t header_count;
};

/** Why the last function failed. */
struct http_failure {
    esp_err_t tls_code; // 0x80xx; ESP_OK when neither connecting nor TLS was the cause
    int verify_result;  // the TLS library's number for a refused certificate, or 0
    int flags;          // ESP_TLS_FLAG_*
    int sys_errno;      // 0 when unknown
    const char *text;   // one sentence: what, where (host:port), what to do; no secrets; never NULL
};

/** The functions. None takes NULL except where said; out-parameters are written only on ESP_OK. */
struct http_transport_ops {
    size_t read_len_preferred; // bytes at which reading costs little more than copying; 0: any
    /**
     * Takes a URL apart. With `base` (an absolute URL) `reference` may be relative (RFC 3986, section 5).
     * Pure: no transport object, no network. Errors: ESP_ERR_INVALID_ARG (not a URL), ESP_ERR_NO_MEM.
     */
    esp_err_t (*resolve_url)(const char *base, const char *reference, struct http_url *url);

    /** Makes an object; no network. Unusable TLS settings are reported by connect. Errors: ESP_ERR_NO_MEM. */
    esp_err_t (*create)(void *context, const struct http_transport_settings *settings,
                        struct http_transport **transport);

    /** Closes and frees; NULL is allowed. */
    void (*destroy)(struct http_transport *transport);

    /** Takes a new request; no network. A connection kept alive stays usable. Errors: ESP_ERR_NO_MEM. */
    esp_err_t (*begin)(struct http_transport *transport, const struct http_request *request);

    /**
     * Connects if needed and sends the request's head.
     * @param is_new whether a connection was made (false: one kept alive is used)
     * Errors: EAGAIN, ESP_ERR_HTTP_CONNECT (the proxy included), ESP_ERR_HTTP_WRITE_DATA, ESP_ERR_NO_MEM.
     */
    esp_err_t (*connect)(struct http_transport *transport, int wait_ms, bool *is_new);

    /**
     * Sends body bytes. Where the server has already answered and wants no more, they are dropped and count as written.
     * @param written 1..len. Errors: EAGAIN (nothing accepted within wait_ms), ESP_ERR_HTTP_WRITE_DATA.
     */
    esp_err_t (*write)(struct http_transport *transport, const void *data, size_t len, int wait_ms,
                       size_t *written);

    /** The body is complete; needed for bodies of unknown length. Errors: EAGAIN, ESP_ERR_HTTP_WRITE_DATA. */
    esp_err_t (*end_body)(struct http_transport *transport, int wait_ms);

    /**
     * Waits for the head of the final answer (1xx are skipped).
     * Errors: EAGAIN, ESP_ERR_HTTP_CONNECTION_CLOSED (before a byte came), ESP_ERR_HTTP_FETCH_HEADER (no HTTP, or over
     * the limits), ESP_ERR_HTTP_CONNECT (the proxy refuses to forward).
     */
    esp_err_t (*fetch_headers)(struct http_transport *transport, int wait_ms,
                               const struct http_response **response);

    /**
     * Reads body bytes, transfer coding removed, until buf is full, the body ends or wait_ms are over.
     * @param got bytes written to buf; 0: the body is complete. Less than len is possible before an error or a pause;
     *            the reason then comes with the next call.
     * Errors: EAGAIN (nothing arrived), ESP_ERR_HTTP_INCOMPLETE_DATA (the body stopped short),
     *         ESP_ERR_HTTP_CONNECTION_CLOSED (the connection failed).
     */
    esp_err_t (*read)(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                      size_t *got);

    /** Bytes that read would deliver without the network. */
    size_t (*buffered)(const struct http_transport *transport);

    /** Drops those bytes. */
    void (*discard)(struct http_transport *transport);

    /** Closes the connection, whatever goes on. */
    void (*close)(struct http_transport *transport);

    /** The socket, -1 when there is none. */
    int (*get_socket)(const struct http_transport *transport);

    /** Describes the last failure (also ESP_ERR_HTTP_EAGAIN); valid until the next call on the object. */
    const struct http_failure *(*get_failure)(const struct http_transport *transport);
};

/** The host's transport. */
extern const struct http_transport_ops esp_http_transport;

/** A transport for one client, see `esp_http_client_config_t.transport`; `context` goes to create. */
struct esp_transport_item_t {
    const struct http_transport_ops *ops;
    void *context;
};

/** Frees the parts and sets them to NULL. */
void http_url_free(struct http_url *url);

#ifdef __cplusplus
}
#endif
