/** The pieces of HTTP syntax the client reads itself. All input is untrusted; nothing here allocates or logs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether text is a token (RFC 9110, 5.6.2), as a header name must be. */
bool http_syntax_is_token(const char *text);

/** Whether a comma-separated list has the element, parameters and case ignored. */
bool http_syntax_list_has(const char *list, const char *element);

/** Reads digits; *at moves behind them. -1 without a digit or beyond int64_t. */
int64_t http_syntax_digits(const char **at);

/** Decimal number of the whole text (blanks around it allowed); -1 if it is not one or exceeds int64_t. */
int64_t http_syntax_number(const char *text);

/** Total of a Content-Range value "bytes a-b/total" or "bytes *" "/total"; -1 if unknown, zero or malformed. */
int64_t http_syntax_content_range_total(const char *value);

/** Whether a WWW-Authenticate value (a list of challenges) contains one of the scheme. */
bool http_syntax_has_challenge(const char *value, const char *scheme);

/** Whether a header name looks as if its value were a secret. */
bool http_syntax_is_secret_name(const char *name);

/** base64 with padding; out has room for 4 * ((len + 2) / 3) + 1 bytes. */
void http_syntax_base64(const void *data, size_t len, char *out);

/** Where a body in chunks stands (RFC 9112, 7.1), one byte at a time. */
enum http_chunk_state {
    HTTP_CHUNK_SIZE = 0, // first digit of the size
    HTTP_CHUNK_SIZE_MORE,
    HTTP_CHUNK_EXTENSION,
    HTTP_CHUNK_SIZE_LF,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_CR,
    HTTP_CHUNK_DATA_LF,
    HTTP_CHUNK_TRAILER, // start of a line behind the last chunk
    HTTP_CHUNK_TRAILER_LINE,
    HTTP_CHUNK_TRAILER_LF,
    HTTP_CHUNK_END_LF,
    HTTP_CHUNK_DONE,
    HTTP_CHUNK_BROKEN,
};

struct http_chunks {
    enum http_chunk_state state;
    uint64_t left; // bytes of data in this chunk
};

/**
 * Takes framing away: eats bytes up to the next run of data.
 * @param used bytes eaten, framing and data together
 * @param data_len how many of them, the last ones, are data; 0 with all of len used: need more
 * @return false when the framing is broken
 */
bool http_syntax_unchunk(struct http_chunks *chunks, const char *bytes, size_t len, size_t *used,
                         size_t *data_len);
