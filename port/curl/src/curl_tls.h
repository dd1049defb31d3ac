/** Certificates and keys of one transport, parsed once with OpenSSL and given to each of curl's TLS contexts. */
#pragma once

#include <curl/curl.h>

#include "http_transport.h"

struct curl_tls;

/** Why certificates or keys cannot be used. */
struct curl_tls_problem {
    esp_err_t code;   // 0x80xx
    const char *text; // a sentence without the host
};

/**
 * Parses what the settings hold. On failure *problem says why and NULL is returned; NULL with problem->code
 * ESP_ERR_NO_MEM when memory is short.
 */
struct curl_tls *curl_tls_create(const struct http_transport_settings *settings,
                                 struct curl_tls_problem *problem);
void curl_tls_free(struct curl_tls *tls);

/**
 * Makes an SSL_CTX of curl's use them.
 * @param said_goodbye set when the server ends TLS with close_notify; must outlive the context
 * Errors: CURLE_SSL_CERTPROBLEM, CURLE_SSL_CONNECT_ERROR (ALPN), CURLE_OUT_OF_MEMORY.
 */
CURLcode curl_tls_fill_context(const struct curl_tls *tls, void *ssl_context, bool *said_goodbye);
