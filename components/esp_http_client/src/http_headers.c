#include "http_headers.h"

#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool http_headers_same_name(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

struct http_header *http_headers_find(struct http_header *items, size_t count, const char *name)
{
    while (count > 0) {
        count--;
        if (http_headers_same_name(items[count].name, name)) {
            return &items[count];
        }
    }
    return NULL;
}

static char *copy_text(const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static bool make_room(struct http_headers *headers)
{
    if (headers->count < headers->capacity) {
        return true;
    }
    size_t capacity = headers->capacity ? headers->capacity * 2 : 8;
    struct http_header *items = realloc(headers->items, capacity * sizeof(*items));
    if (!items) {
        return false;
    }
    headers->items = items;
    headers->capacity = capacity;
    return true;
}

esp_err_t http_headers_set(struct http_headers *headers, const char *name, const char *value,
                           size_t value_len)
{
    char *new_value = copy_text(value, value_len);
    struct http_header *old = http_headers_find(headers->items, headers->count, name);
    if (old && new_value) {
        free(old->value);
        old->value = new_value;
        return ESP_OK;
    }
    char *new_name = copy_text(name, strlen(name));
    if (!new_value || !new_name || !make_room(headers)) {
        free(new_value);
        free(new_name);
        return ESP_ERR_NO_MEM;
    }
    headers->items[headers->count++] = (struct http_header){new_name, new_value};
    return ESP_OK;
}

esp_err_t http_headers_delete(struct http_headers *headers, const char *name)
{
    struct http_header *item = http_headers_find(headers->items, headers->count, name);
    if (!item) {
        return ESP_ERR_NOT_FOUND;
    }
    free(item->name);
    free(item->value);
    headers->count--;
    size_t index = (size_t)(item - headers->items);
    memmove(item, item + 1, (headers->count - index) * sizeof(*item));
    return ESP_OK;
}

void http_headers_clear(struct http_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        free(headers->items[i].name);
        free(headers->items[i].value);
    }
    free(headers->items);
    *headers = (struct http_headers){0};
}
