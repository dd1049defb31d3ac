#include "http_content_range.h"

#include <stddef.h>

#include "http_syntax.h"

/* "bytes" in any case and the one blank behind it. NULL: something else. */
static const char *skip_unit(const char *at)
{
    static const char unit[] = "bytes";
    for (size_t i = 0; i < sizeof(unit) - 1; i++, at++) {
        if (*at != unit[i] && *at != unit[i] - 'a' + 'A') {
            return NULL;
        }
    }
    return *at == ' ' ? at + 1 : NULL;
}

esp_err_t http_content_range_parse(const char *text, struct http_content_range *out)
{
    struct http_content_range range = {.total = HTTP_CONTENT_RANGE_TOTAL_UNKNOWN};
    if (!text || !out) {
        return ESP_ERR_INVALID_ARG;
    }
    const char *at = skip_unit(text);
    if (!at || (range.first = http_syntax_digits(&at)) < 0 || *at++ != '-' ||
        (range.last = http_syntax_digits(&at)) < range.first || *at++ != '/') {
        return ESP_ERR_INVALID_RESPONSE;
    }
    if (*at == '*') {
        at++;
    } else if ((range.total = http_syntax_digits(&at)) <= range.last) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    if (*at) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    *out = range;
    return ESP_OK;
}
