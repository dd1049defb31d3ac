/** A list of header fields in order of insertion; names compare without regard to case. */
#pragma once

#include "http_transport.h"

struct http_headers {
    struct http_header *items;
    size_t count;
    size_t capacity;
};

/** Compares ASCII text without regard to case. */
bool http_headers_same_name(const char *a, const char *b);

/** The last field of that name in an array, or NULL. */
struct http_header *http_headers_find(struct http_header *items, size_t count, const char *name);

/** Sets or replaces; copies. Errors: ESP_ERR_NO_MEM, then nothing has changed. */
esp_err_t http_headers_set(struct http_headers *headers, const char *name, const char *value,
                           size_t value_len) ESP_MUST_CHECK;

/** Errors: ESP_ERR_NOT_FOUND. */
esp_err_t http_headers_delete(struct http_headers *headers, const char *name);

/** Removes and frees all. */
void http_headers_clear(struct http_headers *headers);
