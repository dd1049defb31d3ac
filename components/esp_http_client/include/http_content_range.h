/**
 * Content-Range of a 206 answer: which bytes of which whole came.
 *
 * Ours. Strict on purpose: a resumed download that trusts a range it has misread writes a mixture to flash.
 */
#pragma once

#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HTTP_CONTENT_RANGE_TOTAL_UNKNOWN (-1)

/** Bytes first to last of a whole of total bytes; 0 <= first <= last, and last < total where total is known. */
struct http_content_range {
    int64_t first;
    int64_t last;  // inclusive
    int64_t total; // HTTP_CONTENT_RANGE_TOTAL_UNKNOWN: the server wrote '*'
};

/**
 * Reads "bytes a-b/total" or "bytes a-b" "/" "*" (RFC 9110, 14.4). The unit's case does not matter; there is exactly one
 * blank behind it and none anywhere else. Numbers have digits only and fit int64_t.
 * @param text value of one header field, as esp_http_client_get_unique_response_header() gives it
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_RESPONSE (anything else: another unit, an unsatisfied range
 * "bytes *" "/total", first above last, last not below total, a list, text around it). Pure; never blocks, never logs.
 */
esp_err_t http_content_range_parse(const char *text, struct http_content_range *out) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
