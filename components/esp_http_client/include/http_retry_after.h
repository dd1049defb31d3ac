/** Retry-After of a 429 or 503 answer: how long the server asks us to wait. Ours. */
#pragma once

#include <stdint.h>
#include <time.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HTTP_RETRY_AFTER_MAX_S INT32_MAX // chosen: 68 years; a larger wish is the same as this one

/**
 * Reads seconds ("120") or a date in any of HTTP's three forms (RFC 9110, 10.2.3 and 5.6.7).
 * @param text    value of the header field
 * @param now     seconds since 1970-01-01 00:00 UTC, as time() gives them on POSIX systems
 * @param delay_s 0..HTTP_RETRY_AFTER_MAX_S; a date in the past is 0
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_RESPONSE (neither a number nor a date that exists). Pure; the day
 * of the week must be a name but is not compared with the date.
 */
esp_err_t http_retry_after_parse(const char *text, time_t now, int64_t *delay_s) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
