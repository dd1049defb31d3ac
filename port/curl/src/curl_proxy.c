/*
 * The environment is read here and not by curl, because only who knows the proxy can say what is wrong with it.
 * fact: the names of the variables and the forms of no_proxy are those of curl(1), section PROXY ENVIRONMENT VARIABLES.
 */
#include "curl_proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define SEPARATORS   ", \t"
#define DEFAULT_PORT "1080" // fact: CURLOPT_PROXY(3)
#define HOST_MAX     256    // chosen: DNS names have 253 characters

// ------------------------------------------------------------------------------------------ no_proxy

/* An IP address as bytes, in network order. */
struct address {
    unsigned char bytes[16];
    int bits; // 32, 128; 0: not an address
};

static struct address parse_address(const char *text)
{
    struct address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1) {
        address.bits = 32;
    } else if (inet_pton(AF_INET6, text, address.bytes) == 1) {
        address.bits = 128;
    }
    return address;
}

static bool has_prefix(const struct address *address, const struct address *network, int bits)
{
    size_t whole = (size_t)bits / 8;
    int rest = bits % 8;
    return memcmp(address->bytes, network->bytes, whole) == 0 &&
           (rest == 0 || (address->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0);
}

/* "10.0.0.0/8", "10.1.2.3", "fe80::/10", "[::1]" */
static bool names_address(char *entry, const struct address *host)
{
    char *slash = strchr(entry, '/');
    long bits = host->bits;
    if (slash) {
        char *end;
        *slash = '\0';
        bits = strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end || bits < 0 || bits > host->bits) {
            return false;
        }
    }
    size_t len = strlen(entry);
    if (entry[0] == '[' && entry[len - 1] == ']') {
        entry[len - 1] = '\0';
        entry++;
    }
    struct address network = parse_address(entry);
    return network.bits == host->bits && has_prefix(host, &network, (int)bits);
}

/* "example.com" and ".example.com" name the domain and what is below it. */
static bool names_domain(const char *entry, const char *host)
{
    entry += entry[0] == '.';
    size_t len = strlen(entry);
    size_t host_len = strlen(host);
    if (len > 0 && entry[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len > host_len || strncasecmp(host + host_len - len, entry, len) != 0) {
        return false;
    }
    return len == host_len || host[host_len - len - 1] == '.';
}

/* The host without brackets and without the dot at the end. False: too long to be one. */
static bool bare_host(const char *host, char bare[HOST_MAX])
{
    size_t len = strlen(host);
    if (len > 0 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (len > 0 && host[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len >= HOST_MAX) {
        return false;
    }
    memcpy(bare, host, len);
    bare[len] = '\0';
    return true;
}

bool curl_proxy_is_exempt(const char *list, const char *host)
{
    char bare[HOST_MAX];
    if (strcmp(list, "*") == 0) {
        return true;
    }
    if (!bare_host(host, bare)) {
        return false;
    }
    const struct address address = parse_address(bare);
    for (list += strspn(list, SEPARATORS); *list; list += strspn(list, SEPARATORS)) {
        char entry[HOST_MAX];
        size_t len = strcspn(list, SEPARATORS);
        if (len < sizeof(entry)) {
            memcpy(entry, list, len);
            entry[len] = '\0';
            if (address.bits ? names_address(entry, &address) : names_domain(entry, bare)) {
                return true;
            }
        }
        list += len;
    }
    return false;
}

// --------------------------------------------------------------------------------------- environment

static const char *first_set(const char *const *names, const char **source)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && value[0]) {
            *source = *names;
            return value;
        }
    }
    return NULL;
}

static bool is_loopback(const char *host)
{
    return curl_proxy_is_exempt("localhost,127.0.0.0/8,::1", host);
}

/* What the environment says for the request. NULL: no proxy. */
static const char *ask_environment(const struct http_request *request, const char **source)
{
    static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                            NULL};
    static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const for_none[] = {"no_proxy", "NO_PROXY", NULL};
    const char *ignored;
    const char *exempt = first_set(for_none, &ignored);
    if (is_loopback(request->host) || (exempt && curl_proxy_is_exempt(exempt, request->host))) {
        return NULL;
    }
    return first_set(strcmp(request->scheme, "https") == 0 ? for_https : for_http, source);
}

// ----------------------------------------------------------------------------------------------- URL

static void forget(char **text)
{
    for (volatile char *at = *text; at && *at; at++) {
        *at = 0;
    }
    free(*text);
    *text = NULL;
}

void curl_proxy_free(struct curl_proxy *proxy)
{
    forget(&proxy->user);
    forget(&proxy->password);
    free(proxy->url);
    *proxy = (struct curl_proxy){0};
}

/* A copy of a part; "" when it is absent. */
static esp_err_t copy_part(CURLU *parsed, CURLUPart part, unsigned flags, char **copy)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(parsed, part, &text, flags);
    if (code == CURLUE_OUT_OF_MEMORY) {
        return ESP_ERR_NO_MEM;
    }
    if (code == CURLUE_URLDECODE) { // a control character
        return ESP_ERR_INVALID_ARG;
    }
    *copy = strdup(code == CURLUE_OK && text ? text : "");
    curl_free(text);
    return *copy ? ESP_OK : ESP_ERR_NO_MEM;
}

static esp_err_t take_user(CURLU *parsed, struct curl_proxy *proxy)
{
    esp_err_t err = copy_part(parsed, CURLUPART_USER, CURLU_URLDECODE, &proxy->user);
    if (err == ESP_OK) {
        err = copy_part(parsed, CURLUPART_PASSWORD, CURLU_URLDECODE, &proxy->password);
    }
    if (err == ESP_OK && !proxy->user[0] && !proxy->password[0]) {
        forget(&proxy->user);
        forget(&proxy->password);
    }
    return err;
}

static bool is_known_scheme(const char *scheme)
{
    return strcmp(scheme, "http") == 0 || strcmp(scheme, "socks5") == 0 ||
           strcmp(scheme, "socks5h") == 0;
}

static esp_err_t take_place(CURLU *parsed, struct curl_proxy *proxy)
{
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    esp_err_t err = copy_part(parsed, CURLUPART_SCHEME, 0, &scheme);
    if (err == ESP_OK) {
        err = is_known_scheme(scheme) ? copy_part(parsed, CURLUPART_HOST, 0, &host)
                                      : ESP_ERR_NOT_SUPPORTED;
    }
    if (err == ESP_OK) {
        err = host[0] ? copy_part(parsed, CURLUPART_PORT, 0, &port) : ESP_ERR_INVALID_ARG;
    }
    if (err == ESP_OK) {
        size_t size = strlen(scheme) + strlen(host) + 16;
        proxy->url = malloc(size);
        err = proxy->url ? ESP_OK : ESP_ERR_NO_MEM;
        if (err == ESP_OK) {
            snprintf(proxy->url, size, "%s://%s:%s", scheme, host, port[0] ? port : DEFAULT_PORT);
            proxy->where = proxy->url + strlen(scheme) + 3;
            proxy->is_http = strcmp(scheme, "http") == 0;
        }
    }
    free(scheme);
    free(host);
    free(port);
    return err;
}

static esp_err_t parse(const char *text, struct curl_proxy *proxy)
{
    const unsigned flags = CURLU_NON_SUPPORT_SCHEME;
    static const char prefix[] = "http://";
    size_t size = sizeof(prefix) + strlen(text);
    char *whole = calloc(1, size);
    CURLU *parsed = curl_url();
    esp_err_t err = ESP_ERR_NO_MEM;
    if (whole && parsed) {
        snprintf(whole, size, "%s%s", strstr(text, "://") ? "" : prefix, text);
        CURLUcode code = curl_url_set(parsed, CURLUPART_URL, whole, flags);
        err = code == CURLUE_OK              ? take_place(parsed, proxy)
              : code == CURLUE_OUT_OF_MEMORY ? ESP_ERR_NO_MEM
                                             : ESP_ERR_INVALID_ARG;
    }
    if (err == ESP_OK) {
        err = take_user(parsed, proxy);
    }
    forget(&whole);
    curl_url_cleanup(parsed);
    return err;
}

esp_err_t curl_proxy_choose(const struct http_request *request, struct curl_proxy *proxy)
{
    struct curl_proxy chosen = {0};
    const char *source = "esp_http_client_set_proxy";
    const char *text = request->proxy ? request->proxy : ask_environment(request, &source);
    esp_err_t err = text && text[0] ? parse(text, &chosen) : ESP_OK;
    if (err != ESP_OK) {
        curl_proxy_free(&chosen);
    }
    chosen.source = source;
    *proxy = chosen;
    return err;
}
