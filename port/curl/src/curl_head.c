#include "curl_transport.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

void curl_head_reset(struct curl_head *head)
{
    head->len = 0;
    head->count = 0;
    head->status = 0;
    head->complete = false;
    head->received = 0;
    head->fields = 0;
    head->too_long = false;
    head->too_many = false;
}

void curl_head_free(struct curl_head *head)
{
    free(head->bytes);
    free(head->offsets);
    free(head->headers);
    *head = (struct curl_head){0};
}

static bool make_room(struct curl_head *head, size_t len)
{
    if (head->len + len > head->capacity) {
        size_t capacity = (head->len + len) * 2;
        char *bytes = realloc(head->bytes, capacity);
        if (!bytes) {
            return false;
        }
        head->bytes = bytes;
        head->capacity = capacity;
    }
    if (head->count == head->offset_capacity) {
        size_t capacity = head->offset_capacity ? head->offset_capacity * 2 : 32;
        size_t *offsets = realloc(head->offsets, capacity * sizeof(*offsets));
        if (!offsets) {
            return false;
        }
        head->offsets = offsets;
        head->offset_capacity = capacity;
    }
    return true;
}

static void append(struct curl_head *head, const char *text, size_t len)
{
    memcpy(head->bytes + head->len, text, len);
    head->bytes[head->len + len] = '\0';
    head->len += len + 1;
}

/* "HTTP/1.1 200 OK": a new answer begins; whatever came before was an interim one, or a challenge curl answers. */
static void take_status_line(struct curl_head *head, const char *line)
{
    char *at;
    size_t received = head->complete ? 0 : head->received;
    size_t fields = head->complete ? 0 : head->fields;
    curl_head_reset(head);
    head->received = received;
    head->fields = fields;
    long major = strtol(line + sizeof("HTTP/") - 1, &at, 10);
    long minor = *at == '.' ? strtol(at + 1, &at, 10) : 0;
    long status = strtol(at, &at, 10);
    head->minor_version = major == 1 && minor == 0 ? 0 : 1;
    head->is_http2 = major == 2;
    head->status = status >= 100 && status <= 999 ? (int)status : 0;
}

static size_t trim_end(const char *text, size_t len)
{
    while (len > 0 && strchr("\r\n" BLANKS, text[len - 1])) {
        len--;
    }
    return len;
}

static bool take_field(struct curl_head *head, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon) {
        return true; // curl has judged it harmless
    }
    if (!make_room(head, len + 2)) {
        return false;
    }
    head->offsets[head->count++] = head->len;
    append(head, line, trim_end(line, (size_t)(colon - line)));
    const char *value = colon + 1;
    size_t value_len = len - (size_t)(value - line);
    while (value_len > 0 && strchr(BLANKS, *value)) {
        value++;
        value_len--;
    }
    append(head, value, trim_end(value, value_len));
    return true;
}

/* A line that starts with a blank continues the value before (RFC 9112, 5.2). */
static bool take_continuation(struct curl_head *head, const char *line, size_t len)
{
    if (head->count == 0) {
        return true;
    }
    if (!make_room(head, len + 2)) {
        return false;
    }
    len = trim_end(line, len);
    while (len > 0 && strchr(BLANKS, *line)) {
        line++;
        len--;
    }
    head->bytes[head->len - 1] = ' ';
    append(head, line, len);
    return true;
}

static bool is_within_limits(struct curl_head *head, size_t len)
{
    head->received += len;
    head->fields += len > 2; // fact: the empty line is CR LF
    head->too_long = head->received_max && head->received > head->received_max;
    head->too_many = head->fields_max && head->fields > head->fields_max + 1; // the status line
    return !head->too_long && !head->too_many;
}

bool curl_head_take_line(struct curl_head *head, const char *line, size_t len)
{
    if (!is_within_limits(head, len)) {
        return false;
    }
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        char copy[32] = {0};
        memcpy(copy, line, len < sizeof(copy) - 1 ? len : sizeof(copy) - 1);
        take_status_line(head, copy);
        return true;
    }
    if (head->complete) {
        return true; // trailer of a body in chunks
    }
    size_t text_len = trim_end(line, len);
    if (text_len == 0) {
        head->complete = head->status >= 200 || head->status == 101;
        return true;
    }
    // A NUL would cut the value short for everybody who reads it.
    if (memchr(line, '\0', text_len)) {
        return false;
    }
    return line[0] == ' ' || line[0] == '\t' ? take_continuation(head, line, len)
                                             : take_field(head, line, len);
}

bool curl_head_publish(struct curl_head *head, struct http_response *response)
{
    struct http_header *headers = realloc(head->headers, (head->count + 1) * sizeof(*headers));
    if (!headers) {
        return false;
    }
    head->headers = headers;
    for (size_t i = 0; i < head->count; i++) {
        headers[i].name = head->bytes + head->offsets[i];
        headers[i].value = headers[i].name + strlen(headers[i].name) + 1;
    }
    *response = (struct http_response){
        .status = head->status,
        .minor_version = head->minor_version,
        .is_http2 = head->is_http2,
        .headers = headers,
        .header_count = head->count,
    };
    return true;
}
