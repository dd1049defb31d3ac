#include "curl_transport.h"

#include <stdlib.h>
#include <string.h>

/* A part as malloc'ed text; absent parts stay NULL. */
static esp_err_t take_part(CURLU *parsed, CURLUPart part, unsigned flags, char **slot)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(parsed, part, &text, flags);
    if (code == CURLUE_OK && text) {
        *slot = strdup(text);
        curl_free(text);
        return *slot ? ESP_OK : ESP_ERR_NO_MEM;
    }
    curl_free(text);
    bool absent = code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_QUERY ||
                  code == CURLUE_NO_PORT || code == CURLUE_OK;
    return absent ? ESP_OK : code == CURLUE_OUT_OF_MEMORY ? ESP_ERR_NO_MEM : ESP_ERR_INVALID_ARG;
}

static esp_err_t take_parts(CURLU *parsed, struct http_url *url)
{
    char *port = NULL;
    esp_err_t err = take_part(parsed, CURLUPART_SCHEME, 0, &url->scheme);
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_HOST, 0, &url->host);
    }
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_USER, CURLU_URLDECODE, &url->user);
    }
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password);
    }
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_PATH, 0, &url->path);
    }
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_QUERY, 0, &url->query);
    }
    if (err == ESP_OK) {
        err = take_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port);
    }
    url->port = port ? (int)strtol(port, NULL, 10) : 0; // curl has checked the range
    free(port);
    return err;
}

/* Control characters would end up in the request line and in log lines. */
static bool is_clean(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* curl forgives "https:///path" and makes "path" the host; nobody means that. */
static bool has_empty_host(const char *text)
{
    const char *slashes = text + strcspn(text, "/?#");
    return strncmp(slashes, "///", 3) == 0;
}

esp_err_t curl_url_resolve(const char *base, const char *reference, struct http_url *url)
{
    const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
    struct http_url parts = {0};
    CURLU *parsed = curl_url();
    if (!parsed) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = ESP_ERR_INVALID_ARG;
    if (is_clean(reference) && !has_empty_host(reference) &&
        (!base || curl_url_set(parsed, CURLUPART_URL, base, flags) == CURLUE_OK) &&
        curl_url_set(parsed, CURLUPART_URL, reference, flags) == CURLUE_OK) {
        err = take_parts(parsed, &parts);
        if (err == ESP_OK && (!parts.host || !parts.host[0] || !parts.path)) {
            err = ESP_ERR_INVALID_ARG;
        }
    }
    curl_url_cleanup(parsed);
    if (err != ESP_OK) {
        http_url_free(&parts);
        return err;
    }
    *url = parts;
    return ESP_OK;
}
