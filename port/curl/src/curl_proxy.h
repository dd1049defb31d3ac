/** Which proxy a request goes through: the one given, or the one the environment names. */
#pragma once

#include "http_transport.h"

/** A proxy. Texts are malloc'ed; all NULL: none. */
struct curl_proxy {
    char *url;          // scheme://host:port, nothing secret
    char *user;         // decoded; NULL: none
    char *password;     // decoded; not NULL if user is not
    const char *where;  // host:port, inside url
    const char *source; // who named it: a variable of the environment or a function of ours
    bool is_http;       // else SOCKS5
};

/**
 * Chooses the proxy of a request. Errors: ESP_ERR_INVALID_ARG (not a URL), ESP_ERR_NOT_SUPPORTED (another kind of proxy),
 * ESP_ERR_NO_MEM; *proxy then holds only the source.
 */
esp_err_t curl_proxy_choose(const struct http_request *request,
                            struct curl_proxy *proxy) ESP_MUST_CHECK;

/** Whether a list in the form of no_proxy names the host (IPv6 in brackets). */
bool curl_proxy_is_exempt(const char *list, const char *host);

/** Frees the texts and overwrites the secret ones. */
void curl_proxy_free(struct curl_proxy *proxy);
