/* From curl's result codes to the seam's: a code, the TLS detail, and a sentence that helps. */
#include "curl_transport.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <openssl/x509_vfy.h>

#include "esp_tls.h"

static esp_err_t set(struct http_transport *transport, esp_err_t code, esp_err_t tls_code,
                     int sys_errno, const char *format, ...) __attribute__((format(printf, 5, 6)));

static void set_text(struct http_transport *transport, const char *what, const char *where,
                     const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void set_text(struct http_transport *transport, const char *what, const char *where,
                     const char *format, va_list args)
{
    int len = snprintf(transport->failure_text, sizeof(transport->failure_text), "%s%.140s: ", what,
                       where);
    vsnprintf(transport->failure_text + len, sizeof(transport->failure_text) - (size_t)len, format,
              args);
}

static esp_err_t set(struct http_transport *transport, esp_err_t code, esp_err_t tls_code,
                     int sys_errno, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(transport, "", transport->where, format, args);
    va_end(args);
    transport->failure = (struct http_failure){
        .tls_code = tls_code, .sys_errno = sys_errno, .text = transport->failure_text};
    return code;
}

// --------------------------------------------------------------------------------------------- proxy

static esp_err_t blame_proxy(struct http_transport *transport, esp_err_t tls_code, int sys_errno,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As set, but the sentence is about the proxy. */
static esp_err_t blame_proxy(struct http_transport *transport, esp_err_t tls_code, int sys_errno,
                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_text(transport, "proxy ", transport->proxy.where, format, args);
    va_end(args);
    transport->failure = (struct http_failure){
        .tls_code = tls_code, .sys_errno = sys_errno, .text = transport->failure_text};
    return ESP_ERR_HTTP_CONNECT;
}

static esp_err_t blame_credentials(struct http_transport *transport, const char *answer)
{
    return blame_proxy(transport, ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, EACCES,
                       transport->proxy.user
                           ? "it refuses the user name and password (%s); check those in %s"
                           : "it wants a user name and password (%s); put user:password@ before "
                             "the host in %s",
                       answer, transport->proxy.source);
}

esp_err_t curl_failure_bad_proxy(struct http_transport *transport, esp_err_t err)
{
    snprintf(transport->failure_text, sizeof(transport->failure_text),
             err == ESP_ERR_NOT_SUPPORTED
                 ? "the kind of proxy in %s is not supported; use http, socks5 or socks5h"
                 : "the proxy in %s is not a URL; it must look like http://host:port",
             transport->proxy.source);
    transport->failure = (struct http_failure){.text = transport->failure_text};
    return ESP_ERR_HTTP_CONNECT;
}

esp_err_t curl_failure_refused_by_proxy(struct http_transport *transport)
{
    return blame_credentials(transport, "status 407");
}

/* The proxy answered CONNECT with something that is not 2xx, or not at all. */
static esp_err_t describe_tunnel(struct http_transport *transport)
{
    const esp_err_t code = ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
    long status = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status == 407) {
        return blame_credentials(transport, "status 407");
    }
    if (status == 0) {
        return blame_proxy(transport, code, ECONNRESET,
                           "no answer to CONNECT %.60s; is it an HTTP proxy? It comes from %s",
                           transport->where, transport->proxy.source);
    }
    if (status >= 500) {
        return blame_proxy(transport, code, EHOSTUNREACH,
                           "it cannot reach %.60s (CONNECT: status %ld); check the host, or set "
                           "no_proxy if it is near",
                           transport->where, status);
    }
    return blame_proxy(transport, code, EACCES,
                       "it does not allow CONNECT to %.60s (status %ld); ask who runs it, or use "
                       "another proxy",
                       transport->where, status);
}

/* What a SOCKS5 proxy answered. */
static esp_err_t describe_socks(struct http_transport *transport)
{
    const esp_err_t code = ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
    long reply = CURLPX_OK;
    curl_easy_getinfo(transport->easy, CURLINFO_PROXY_ERROR, &reply);
    switch (reply) {
    case CURLPX_NO_AUTH:
    case CURLPX_USER_REJECTED:
    case CURLPX_GSSAPI:
    case CURLPX_GSSAPI_PERMSG:
        return blame_credentials(transport, "SOCKS5");
    case CURLPX_REPLY_NOT_ALLOWED:
        return blame_proxy(transport, code, EACCES,
                           "it does not allow %.60s (SOCKS5 answer 2); ask who runs it",
                           transport->where);
    case CURLPX_REPLY_CONNECTION_REFUSED:
        return blame_proxy(transport, code, ECONNREFUSED,
                           "%.60s refused its connection (SOCKS5 answer 5); is the server running?",
                           transport->where);
    case CURLPX_REPLY_NETWORK_UNREACHABLE:
    case CURLPX_REPLY_HOST_UNREACHABLE:
    case CURLPX_REPLY_TTL_EXPIRED:
    case CURLPX_REPLY_GENERAL_SERVER_FAILURE:
        return blame_proxy(transport, code, EHOSTUNREACH,
                           "it cannot reach %.60s (SOCKS5: %.80s); check the host",
                           transport->where, transport->curl_text);
    case CURLPX_RESOLVE_HOST:
        return blame_proxy(transport, ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME, 0,
                           "%.60s cannot be resolved here; with socks5h the proxy does it",
                           transport->where);
    default:
        return blame_proxy(transport, code, ECONNRESET,
                           "SOCKS5 failed: %.100s; is it a SOCKS5 proxy? It comes from %s",
                           transport->curl_text, transport->proxy.source);
    }
}

/* Between us and the proxy, or between the proxy and the server. */
static esp_err_t describe_proxy(struct http_transport *transport)
{
    const char *source = transport->proxy.source;
    long number = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_OS_ERRNO, &number);
    switch (transport->result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
        return blame_proxy(transport, ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME, 0,
                           "its name cannot be resolved; check %s", source);
    case CURLE_COULDNT_CONNECT:
        return blame_proxy(transport, ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, (int)number,
                           "no connection: %s; is the proxy running? It comes from %s",
                           number ? strerror((int)number) : "unknown reason", source);
    case CURLE_OPERATION_TIMEDOUT:
        return blame_proxy(transport, ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT, ETIMEDOUT,
                           "no way to %.60s within %d ms; check the proxy, which comes from %s",
                           transport->where, transport->request.connect_timeout_ms, source);
    case CURLE_PROXY:
        return describe_socks(transport);
    default:
        return describe_tunnel(transport);
    }
}

/* Whether connecting failed before TLS with the server began, with a proxy in between. */
static bool is_about_proxy(const struct http_transport *transport)
{
    switch (transport->result) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_INTERFACE_FAILED:
    case CURLE_ABORTED_BY_CALLBACK:
        return false;
    default:
        return transport->proxy.url && !transport->is_handshaking;
    }
}

// --------------------------------------------------------------------------------------- certificates

/* Why a certificate was refused. */
struct refusal {
    long verify_result;
    int flags;
    const char *text;
};

static const struct refusal s_refusals[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, ESP_TLS_FLAG_EXPIRED,
     "the server's certificate has expired; renew it, or check this machine's clock"},
    {X509_V_ERR_CERT_NOT_YET_VALID, ESP_TLS_FLAG_FUTURE,
     "the server's certificate is not valid yet; check this machine's clock"},
    {X509_V_ERR_CERT_REVOKED, ESP_TLS_FLAG_REVOKED, "the server's certificate has been revoked"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, ESP_TLS_FLAG_OTHER,
     "no revocation list given is of the issuer of the server's certificate; give one of each "
     "issuer"},
    {X509_V_ERR_CRL_HAS_EXPIRED, ESP_TLS_FLAG_OTHER,
     "the revocation list has expired; get a new one, or check this machine's clock"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, ESP_TLS_FLAG_NOT_TRUSTED,
     "the server's certificate is self-signed and not the one trusted; trust it or its issuer"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ESP_TLS_FLAG_NOT_TRUSTED,
     "the server's certificate is not signed by a CA that is trusted here; give the right CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, ESP_TLS_FLAG_NOT_TRUSTED,
     "the server's certificate is not signed by a CA that is trusted here; give the right CA"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, ESP_TLS_FLAG_NOT_TRUSTED,
     "the server's certificate is not signed by a CA that is trusted here; give the right CA"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, ESP_TLS_FLAG_NOT_TRUSTED,
     "the signature on the server's certificate is wrong; a CA with the same name and another "
     "key?"},
    {X509_V_ERR_HOSTNAME_MISMATCH, ESP_TLS_FLAG_NAME_MISMATCH,
     "the server's certificate is for another name; use the name in it (or, in a program, set "
     "common_name)"},
};

static esp_err_t refuse(struct http_transport *transport, const struct refusal *refusal)
{
    esp_err_t code = set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, 0,
                         "%s", refusal->text);
    transport->failure.verify_result = (int)refusal->verify_result;
    transport->failure.flags = refusal->flags;
    return code;
}

static esp_err_t describe_verification(struct http_transport *transport)
{
    long verify = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    // curl compares names itself, before it asks OpenSSL for its verdict.
    if (verify == X509_V_OK || verify == X509_V_ERR_UNSPECIFIED) {
        verify = X509_V_ERR_HOSTNAME_MISMATCH;
    }
    for (size_t i = 0; i < sizeof(s_refusals) / sizeof(s_refusals[0]); i++) {
        if (s_refusals[i].verify_result == verify) {
            return refuse(transport, &s_refusals[i]);
        }
    }
    char text[160];
    snprintf(text, sizeof(text), "the server's certificate was refused: %s",
             X509_verify_cert_error_string(verify));
    return refuse(transport, &(struct refusal){verify, ESP_TLS_FLAG_OTHER, text});
}

static const char *detail(const struct http_transport *transport)
{
    return transport->curl_text[0] ? transport->curl_text : curl_easy_strerror(transport->result);
}

static esp_err_t describe_connect_timeout(struct http_transport *transport)
{
    curl_off_t resolved = 0;
    int ms = transport->request.connect_timeout_ms;
    curl_easy_getinfo(transport->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
    if (transport->is_handshaking) {
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_SERVER_HANDSHAKE_TIMEOUT,
                   ETIMEDOUT, "the TLS handshake was not done within %d ms; is this a TLS port?",
                   ms);
    }
    if (resolved == 0) {
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME,
                   ETIMEDOUT, "the host name was not resolved within %d ms; check the name server",
                   ms);
    }
    return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT, ETIMEDOUT,
               "no connection within %d ms; check host, port and firewall", ms);
}

static esp_err_t describe_no_connection(struct http_transport *transport)
{
    long number = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_OS_ERRNO, &number);
    if (number == ECONNREFUSED) {
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST,
                   ECONNREFUSED, "the connection was refused; is the server running on this port?");
    }
    return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, (int)number,
               "no connection: %s; check host, port and network",
               number ? strerror((int)number) : detail(transport));
}

static esp_err_t describe_connect(struct http_transport *transport)
{
    if (is_about_proxy(transport)) {
        return describe_proxy(transport);
    }
    switch (transport->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME, 0,
                   "the host name cannot be resolved; check the name and the name server");
    case CURLE_COULDNT_CONNECT:
        return describe_no_connection(transport);
    case CURLE_OPERATION_TIMEDOUT:
        return describe_connect_timeout(transport);
    case CURLE_PEER_FAILED_VERIFICATION:
        return describe_verification(transport);
    case CURLE_INTERFACE_FAILED:
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED, 0,
                   "the network interface %.30s cannot be used; check if_name",
                   transport->settings.interface ? transport->settings.interface : "");
    case CURLE_ABORTED_BY_CALLBACK:
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED, 0,
                   "a socket option could not be set; check the keep_alive settings");
    case CURLE_SSL_CERTPROBLEM:
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED, 0,
                   "the certificates could not be used: %.120s", detail(transport));
    case CURLE_OUT_OF_MEMORY:
        return set(transport, ESP_ERR_NO_MEM, ESP_OK, 0, "no memory for the connection");
    default:
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, 0,
                   "the TLS handshake failed: %.160s%s", detail(transport),
                   strstr(transport->curl_text, "alert handshake failure")
                       ? "; does the server want a client certificate?"
                       : "");
    }
}

/* With TLS 1.3 the server refuses a missing client certificate only after the handshake. */
static bool is_alert(const struct http_transport *transport)
{
    return strstr(transport->curl_text, "alert") != NULL;
}

static esp_err_t describe_head(struct http_transport *transport)
{
    if (transport->head.too_long) {
        return set(transport, ESP_ERR_HTTP_FETCH_HEADER, ESP_OK, 0,
                   "the head of the answer has more than %zu bytes; if this server is right, "
                   "raise the limit with esp_http_client_set_head_limits",
                   transport->head.received_max);
    }
    if (transport->head.too_many) {
        return set(transport, ESP_ERR_HTTP_FETCH_HEADER, ESP_OK, 0,
                   "the head of the answer has more than %zu fields; if this server is right, "
                   "raise the limit with esp_http_client_set_head_limits",
                   transport->head.fields_max);
    }
    // fact: curl lib/urldata.h, CURL_MAX_HTTP_HEADER; curl gives both the same code.
    if (transport->result == CURLE_OUT_OF_MEMORY) {
        return set(transport, ESP_ERR_HTTP_FETCH_HEADER, ESP_OK, 0,
                   "a line of the head is longer than 100 KiB, or memory is short");
    }
    if (is_alert(transport)) {
        return set(transport, ESP_ERR_HTTP_CONNECT, ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, 0,
                   "the server ended TLS: %.160s; does it want a client certificate?",
                   detail(transport));
    }
    // The body cannot be had again from the application, and repeating e.g. a POST is for it to decide.
    if (transport->result == CURLE_SEND_FAIL_REWIND) {
        return set(transport, ESP_ERR_HTTP_CONNECTION_CLOSED, ESP_ERR_ESP_TLS_TCP_CLOSED_FIN,
                   ENOTCONN,
                   "the server closed the kept connection while the request was sent; repeat it");
    }
    bool closed = transport->result == CURLE_GOT_NOTHING || transport->result == CURLE_RECV_ERROR ||
                  transport->result == CURLE_SEND_ERROR;
    if (closed && transport->head.status == 0) {
        return set(transport, ESP_ERR_HTTP_CONNECTION_CLOSED, ESP_ERR_ESP_TLS_TCP_CLOSED_FIN,
                   ENOTCONN, "the server closed the connection before it answered");
    }
    return set(transport, ESP_ERR_HTTP_FETCH_HEADER, ESP_OK, ECONNRESET,
               "no valid HTTP answer: %.160s", detail(transport));
}

static esp_err_t describe_body(struct http_transport *transport)
{
    curl_off_t expected = -1;
    curl_off_t received = 0;
    curl_easy_getinfo(transport->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &expected);
    curl_easy_getinfo(transport->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    if (!transport->is_attached) {
        return set(transport, ESP_ERR_HTTP_CONNECTION_CLOSED, ESP_OK, ENOTCONN,
                   "the connection is closed");
    }
    if (transport->head.too_long || transport->head.too_many) {
        return set(transport, ESP_ERR_HTTP_CONNECTION_CLOSED, ESP_OK, ECONNRESET,
                   "the fields behind the body exceed the limits of the head");
    }
    if (transport->result == CURLE_PARTIAL_FILE && expected >= 0) {
        return set(transport, ESP_ERR_HTTP_INCOMPLETE_DATA, ESP_OK, ECONNRESET,
                   "the connection ended after %lld of %lld bytes", (long long)received,
                   (long long)expected);
    }
    if (transport->result == CURLE_PARTIAL_FILE) {
        return set(transport, ESP_ERR_HTTP_INCOMPLETE_DATA, ESP_OK, ECONNRESET,
                   "the connection ended after %lld bytes, in the middle of the body",
                   (long long)received);
    }
    return set(transport, ESP_ERR_HTTP_CONNECTION_CLOSED, ESP_ERR_MBEDTLS_SSL_READ_FAILED,
               ECONNRESET, "reading the body failed after %lld bytes: %.160s", (long long)received,
               detail(transport));
}

esp_err_t curl_failure_describe(struct http_transport *transport, enum curl_step step)
{
    switch (step) {
    case CURL_STEP_CONNECT:
        return describe_connect(transport);
    case CURL_STEP_SEND:
        if (is_alert(transport) || transport->result == CURLE_SEND_FAIL_REWIND ||
            transport->head.too_long || transport->head.too_many) {
            return describe_head(transport);
        }
        return set(transport, ESP_ERR_HTTP_WRITE_DATA, ESP_ERR_MBEDTLS_SSL_WRITE_FAILED, ECONNRESET,
                   "the request could not be sent: %.160s", detail(transport));
    case CURL_STEP_HEAD:
        return describe_head(transport);
    case CURL_STEP_BODY:
        break;
    }
    return describe_body(transport);
}

esp_err_t curl_failure_timeout(struct http_transport *transport, enum curl_step step, int wait_ms)
{
    static const char *const what[] = {
        [CURL_STEP_CONNECT] = "no connection yet",
        [CURL_STEP_SEND] = "the server took no more of the request",
        [CURL_STEP_HEAD] = "no answer arrived",
        [CURL_STEP_BODY] = "no more data arrived",
    };
    return set(transport, ESP_ERR_HTTP_EAGAIN, ESP_OK, EAGAIN, "%s within %d ms", what[step],
               wait_ms);
}
