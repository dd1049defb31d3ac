#include "http_syntax.h"

#include <string.h>

#include "http_headers.h"

#define BLANKS " \t"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts_with(const char *text, const char *prefix, size_t prefix_len)
{
    for (size_t i = 0; i < prefix_len; i++) {
        if (!text[i] || lower(text[i]) != lower(prefix[i])) {
            return false;
        }
    }
    return true;
}

bool http_syntax_is_token(const char *text)
{
    const char *end = text;
    while (is_token_char(*end)) {
        end++;
    }
    return end != text && !*end;
}

/* End of the list element that starts here: its comma or the end of the text; commas in quotes do not count. */
static const char *element_end(const char *at)
{
    bool quoted = false;
    for (; *at && (quoted || *at != ','); at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (quoted && *at == '\\' && at[1]) {
            at++;
        }
    }
    return at;
}

static const char *skip_to_element(const char *at)
{
    return at + strspn(at, BLANKS ",");
}

bool http_syntax_list_has(const char *list, const char *element)
{
    size_t len = strlen(element);
    for (const char *at = skip_to_element(list); *at; at = skip_to_element(element_end(at))) {
        if (starts_with(at, element, len) && !is_token_char(at[len])) {
            return true;
        }
    }
    return false;
}

int64_t http_syntax_digits(const char **at)
{
    if (!is_digit(**at)) {
        return -1;
    }
    int64_t number = 0;
    for (; is_digit(**at); (*at)++) {
        int digit = **at - '0';
        if (number > (INT64_MAX - digit) / 10) {
            return -1;
        }
        number = number * 10 + digit;
    }
    return number;
}

int64_t http_syntax_number(const char *text)
{
    text += strspn(text, BLANKS);
    int64_t number = http_syntax_digits(&text);
    text += strspn(text, BLANKS);
    return *text ? -1 : number;
}

int64_t http_syntax_content_range_total(const char *value)
{
    value += strspn(value, BLANKS);
    if (!starts_with(value, "bytes", 5) || !strchr(BLANKS, value[5]) || !value[5]) {
        return -1;
    }
    value += 5;
    value += strspn(value, BLANKS);
    int64_t last = -1;
    if (*value == '*') {
        value++;
    } else {
        int64_t first = http_syntax_digits(&value);
        if (first < 0 || *value++ != '-') {
            return -1;
        }
        last = http_syntax_digits(&value);
        if (last < first) {
            return -1;
        }
    }
    if (*value++ != '/') {
        return -1;
    }
    int64_t total = http_syntax_number(value);
    return total > last && total > 0 ? total : -1;
}

bool http_syntax_has_challenge(const char *value, const char *scheme)
{
    size_t len = strlen(scheme);
    for (const char *at = skip_to_element(value); *at; at = skip_to_element(element_end(at))) {
        // A parameter of the challenge before looks like "name="; a scheme stands alone or before a blank.
        if (starts_with(at, scheme, len) && !is_token_char(at[len]) &&
            at[len + strspn(at + len, BLANKS)] != '=') {
            return true;
        }
    }
    return false;
}

bool http_syntax_is_secret_name(const char *name)
{
    static const char *const words[] = {"auth", "cookie",  "token",    "secret",
                                        "key",  "session", "password", "credential"};
    for (; *name; name++) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (starts_with(name, words[i], strlen(words[i]))) {
                return true;
            }
        }
    }
    return false;
}

void http_syntax_base64(const void *data, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    for (; len > 0; in += 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)(len > 1 ? in[1] : 0) << 8 |
                         (uint32_t)(len > 2 ? in[2] : 0);
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = len > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = len > 2 ? digits[group & 63] : '=';
        len -= len < 3 ? len : 3;
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum http_chunk_state take_size(struct http_chunks *chunks, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0 && chunks->left <= UINT64_MAX >> 8) {
        chunks->left = chunks->left << 4 | (unsigned)digit;
        return HTTP_CHUNK_SIZE_MORE;
    }
    if (digit < 0 && chunks->state == HTTP_CHUNK_SIZE_MORE) {
        return c == '\r'           ? HTTP_CHUNK_SIZE_LF
               : strchr(" \t;", c) ? HTTP_CHUNK_EXTENSION
                                   : HTTP_CHUNK_BROKEN;
    }
    return HTTP_CHUNK_BROKEN;
}

/* One byte of framing. */
static enum http_chunk_state next_chunk_state(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case HTTP_CHUNK_SIZE:
    case HTTP_CHUNK_SIZE_MORE:
        return c ? take_size(chunks, c) : HTTP_CHUNK_BROKEN;
    case HTTP_CHUNK_EXTENSION:
        return c == '\r' ? HTTP_CHUNK_SIZE_LF : HTTP_CHUNK_EXTENSION;
    case HTTP_CHUNK_SIZE_LF:
        return c != '\n' ? HTTP_CHUNK_BROKEN : chunks->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
    case HTTP_CHUNK_DATA_CR:
        return c == '\r' ? HTTP_CHUNK_DATA_LF : HTTP_CHUNK_BROKEN;
    case HTTP_CHUNK_DATA_LF:
        return c == '\n' ? HTTP_CHUNK_SIZE : HTTP_CHUNK_BROKEN;
    case HTTP_CHUNK_TRAILER:
        return c == '\r' ? HTTP_CHUNK_END_LF : HTTP_CHUNK_TRAILER_LINE;
    case HTTP_CHUNK_TRAILER_LINE:
        return c == '\r' ? HTTP_CHUNK_TRAILER_LF : HTTP_CHUNK_TRAILER_LINE;
    case HTTP_CHUNK_TRAILER_LF:
        return c == '\n' ? HTTP_CHUNK_TRAILER : HTTP_CHUNK_BROKEN;
    case HTTP_CHUNK_END_LF:
        return c == '\n' ? HTTP_CHUNK_DONE : HTTP_CHUNK_BROKEN;
    case HTTP_CHUNK_DATA: // handled by the caller
    case HTTP_CHUNK_DONE: // nothing may follow
    case HTTP_CHUNK_BROKEN:
        break;
    }
    return HTTP_CHUNK_BROKEN;
}

bool http_syntax_unchunk(struct http_chunks *chunks, const char *bytes, size_t len, size_t *used,
                         size_t *data_len)
{
    size_t at = 0;
    *data_len = 0;
    while (at < len && chunks->state != HTTP_CHUNK_DATA && chunks->state != HTTP_CHUNK_BROKEN) {
        chunks->state = next_chunk_state(chunks, bytes[at++]);
    }
    if (chunks->state == HTTP_CHUNK_DATA && at < len) {
        *data_len = len - at < chunks->left ? len - at : (size_t)chunks->left;
        at += *data_len;
        chunks->left -= *data_len;
        if (chunks->left == 0) {
            chunks->state = HTTP_CHUNK_DATA_CR;
        }
    }
    *used = at;
    return chunks->state != HTTP_CHUNK_BROKEN;
}
