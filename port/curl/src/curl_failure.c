/* From curl's result codes to the seam's: a code, the TLS detail, and a sentence that helps. */
#include "curl_transport.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <openssl/x509_vfy.h>

#include "esp_tls.h"

static esp_err_t set(struct http_transport *transport, esp_err_t code, esp_err_t tls_code,
                     int sys_errno, const char *format, ...) __attribute__((format(printf, 5, 6)));

static esp_err_t set(struct http_transport *transport, esp_err_t code, esp_err_t tls_code,
                     int sys_errno, const char *format, ...)
{
    int len = snprintf(transport->failure_text, sizeof(transport->failure_text),
                       "%s: ", transport->where);
    va_list args;
    va_start(args, format);
    vsnprintf(transport->failure_text + len, sizeof(transport->failure_text) - (size_t)len, format,
              args);
    va_end(args);
    transport->failure = (struct http_failure){
        .tls_code = tls_code, .sys_errno = sys_errno, .text = transport->failure_text};
    return code;
}

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
     "the server's certificate is for another name; use the name in it, or set common_name"},
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
                   "the head of the answer is longer than %d bytes", CURL_HEAD_MAX);
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
        if (is_alert(transport) || transport->result == CURLE_SEND_FAIL_REWIND) {
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
