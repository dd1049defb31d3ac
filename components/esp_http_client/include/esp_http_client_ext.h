/**
 * What esp_http_client.h has no words for: proxies, the HTTP version, limits of the answer's head. All of it is ours.
 *
 * Settings count from the next request on. The same rules as in esp_http_client.h: one thread at a time per handle.
 */
#pragma once

#include "esp_http_client.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Chooses the proxy. Requests to https go through a tunnel (HTTP CONNECT or SOCKS), so TLS and the check of the server's
 * certificate are as without a proxy; plain http is forwarded by an HTTP proxy, which sees and may change it.
 *
 * The environment, which is the default, is read as curl reads it, at each request: https_proxy or HTTPS_PROXY for https,
 * http_proxy (lower case only: a CGI program gets HTTP_PROXY from a request header) for http, else all_proxy or
 * ALL_PROXY; hosts in no_proxy or NO_PROXY (names with their subdomains, IP addresses, networks such as 10.0.0.0/8, or a
 * single *) are reached directly. differs: so are localhost and loopback addresses, which mean another machine to a proxy.
 * A proxy given here is used for every host.
 *
 * @param url NULL: as the environment says. "": none. Else [scheme://][user:password@]host[:port], where scheme is http
 *            (the default), socks5 (we resolve the server's name) or socks5h (the proxy does); port 1080 unless given, as
 *            with curl. User and password are percent-decoded, go to the proxy only (Basic, or SOCKS5's own form) and
 *            appear in no message. Copied.
 * Errors: ESP_ERR_INVALID_ARG (NULL handle; not such a URL), ESP_ERR_NOT_SUPPORTED (another scheme),
 * ESP_ERR_NO_MEM; then nothing has changed.
 *
 * A proxy that cannot be used makes open and perform fail with ESP_ERR_HTTP_CONNECT, never go around it; the sentence
 * names the proxy (host and port), what it answered and what to do. An HTTP proxy's 407 is such a failure, too.
 */
esp_err_t esp_http_client_set_proxy(esp_http_client_handle_t client, const char *url);

/** Which HTTP to speak. */
typedef enum {
    ESP_HTTP_CLIENT_HTTP_AUTO = 0, // 1.1: a single download gains nothing from HTTP/2, see below
    ESP_HTTP_CLIENT_HTTP_1_1,
    ESP_HTTP_CLIENT_HTTP_2, // if the server offers it by ALPN, else 1.1
} esp_http_client_http_version_t;

/**
 * Chooses the HTTP version. HTTP/2 is spoken over TLS only, and only if the server agrees; else HTTP/1.1 is.
 * measured: 256 MiB from nginx on the same machine in reads of 64 KiB take 12 % more CPU time and 8 % longer with HTTP/2
 * (medians of 25 runs, x86-64, libcurl 7.88); therefore it is a choice.
 * Errors: ESP_ERR_INVALID_ARG (NULL, not a version), ESP_ERR_INVALID_STATE (HTTP/2 together with alpn_protos, which then
 * says what is offered; nothing has changed).
 */
esp_err_t esp_http_client_set_http_version(esp_http_client_handle_t client,
                                           esp_http_client_http_version_t version);

/** HTTP version of the answer: 10, 11 or 20; -1 while there is none. */
int esp_http_client_get_response_http_version(esp_http_client_handle_t client);

/**
 * Gives lists of revoked certificates (RFC 5280). Without them, which is the default, revocation is not checked: neither a
 * distribution point nor an OCSP responder named in a certificate is asked, and a missing staple is not missed, as with
 * ESP-IDF. With them every certificate of the server's chain, up to the trusted one, must have a list of its
 * issuer that is valid now and does not name it; else connecting fails with ESP_ERR_HTTP_CONNECT.
 * @param data one DER list, or any number in PEM; borrowed until the first request. NULL: none
 * @param len  bytes; 0: PEM that ends with NUL
 * Errors: ESP_ERR_INVALID_ARG (NULL handle), ESP_ERR_INVALID_STATE (after the first request). Lists that cannot be
 * parsed are reported when connecting.
 */
esp_err_t esp_http_client_set_crl(esp_http_client_handle_t client, const void *data, size_t len);

#define ESP_HTTP_CLIENT_HEAD_LEN_DEFAULT                                                           \
    (64 * 1024) // chosen: eight times what common servers send at most
#define ESP_HTTP_CLIENT_HEAD_COUNT_DEFAULT                                                         \
    200 // chosen: twice what common servers allow in requests

/**
 * Limits the head of the answer. What is larger ends the request with ESP_ERR_HTTP_FETCH_HEADER. Interim answers (1xx)
 * count together with the final one, fields behind a body in chunks as well.
 * @param max_len   bytes of all lines, line ends included, and never more than 100 KiB in one; 0: the default
 * @param max_count header fields; 0: the default
 * Errors: ESP_ERR_INVALID_ARG (NULL).
 */
esp_err_t esp_http_client_set_head_limits(esp_http_client_handle_t client, size_t max_len,
                                          size_t max_count);

/**
 * Work to be done in pieces while the client waits for the network: in the thread that waits, between two looks whether
 * something arrived. A piece should be short; it must not use the client.
 * @param work  true: it did a piece; false: nothing to do now. NULL: none. Counts from the next request on.
 * Errors: ESP_ERR_INVALID_ARG (NULL client).
 */
esp_err_t esp_http_client_set_idle_work(esp_http_client_handle_t client,
                                        bool (*work)(void *context), void *context);

/**
 * Ends waiting early: for the connection and for the answer's head, then with ESP_ERR_HTTP_EAGAIN. A read is not asked: its
 * timeout may be short, as what came stays.
 * @param is_cancelled  asked at least four times a second; must not use the client. NULL: never. Counts from the next request on.
 * Errors: ESP_ERR_INVALID_ARG (NULL client).
 */
esp_err_t esp_http_client_set_cancel(esp_http_client_handle_t client,
                                     bool (*is_cancelled)(void *context), void *context);

/**
 * Whether another try may end otherwise than the last one, which ended with ESP_ERR_HTTP_CONNECT. false: the server's certificate was
 * refused, a certificate, key or name of the configuration cannot be used, or client is NULL.
 */
bool esp_http_client_can_connect_later(esp_http_client_handle_t client);

/** Bytes a read should ask for, so that reading costs little more than copying them; 0: any. */
size_t esp_http_client_get_preferred_read_len(esp_http_client_handle_t client);

/**
 * Value of a response header that must stand there once, such as Content-Range or ETag.
 * @param value belongs to the client until its next request; do not change it
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_NOT_FOUND, ESP_ERR_INVALID_RESPONSE (more than one).
 */
esp_err_t esp_http_client_get_unique_response_header(esp_http_client_handle_t client,
                                                     const char *key, const char **value);

#ifdef __cplusplus
}
#endif
