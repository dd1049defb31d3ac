#include "vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_all(FILE *file, struct vector_bytes *bytes)
{
    if (fseek(file, 0, SEEK_END) != 0) {
        return false;
    }
    long len = ftell(file);
    if (len < 0 || fseek(file, 0, SEEK_SET) != 0) {
        return false;
    }
    bytes->len = (size_t)len;
    bytes->data = malloc(bytes->len + 1);
    if (!bytes->data) {
        return false;
    }
    if (fread(bytes->data, 1, bytes->len, file) != bytes->len) {
        free(bytes->data);
        return false;
    }
    bytes->data[bytes->len] = 0; // so that a text can be used as a string
    return true;
}

bool vector_load(const struct vector_row *row, const char *path, struct vector_bytes *bytes,
                 char *why)
{
    char full[4096];
    (void)snprintf(full, sizeof(full), "%s/%s", row->folder, path);
    FILE *file = fopen(full, "rb");
    bool ok = file && read_all(file, bytes);
    if (!ok) {
        (void)snprintf(why, VECTOR_WHY_LEN, "the file %.500s cannot be read", path);
    }
    if (file) {
        (void)fclose(file); // opened for reading
    }
    return ok;
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/** Whether text begins with a key and an equals sign. */
static bool starts_with_key(const char *text)
{
    size_t len = 0;
    while (is_key_char(text[len])) {
        len++;
    }
    return len > 0 && text[len] == '=';
}

static const char *find_value(const char *params, const char *key)
{
    size_t key_len = strlen(key);
    for (const char *at = params; *at; at++) {
        bool is_start = at == params || at[-1] == ' ';
        if (is_start && strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
            return at + key_len + 1;
        }
    }
    return NULL;
}

bool vector_param(const struct vector_row *row, const char *key, char *value, size_t capacity)
{
    value[0] = '\0';
    const char *at = find_value(row->params, key);
    if (!at) {
        return false;
    }
    size_t len = 0;
    while (at[len] && !(at[len] == ' ' && starts_with_key(at + len + 1))) {
        len++;
    }
    if (len >= capacity) {
        return false;
    }
    memcpy(value, at, len);
    value[len] = '\0';
    return true;
}

static const char *s_misread; // key of a parameter of this row; one row is checked at a time

uint64_t vector_param_number(const struct vector_row *row, const char *key, uint64_t fallback)
{
    char text[64];
    char *end = text;
    if (!find_value(row->params, key)) {
        return fallback;
    }
    bool fits = vector_param(row, key, text, sizeof(text));
    uint64_t value = strtoull(text, &end, 0);
    if (!fits || end == text || *end != '\0') {
        s_misread = key;
        return fallback;
    }
    return value;
}

const char *vector_take_misread(void)
{
    const char *key = s_misread;
    s_misread = NULL;
    return key;
}

size_t vector_split(char *text, const char *words[], size_t capacity)
{
    size_t count = 0;
    for (char *at = text; *at && count < capacity;) {
        at += strspn(at, " ");
        if (!*at) {
            break;
        }
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at) {
            *at++ = '\0';
        }
    }
    return count;
}

bool vector_compare(const void *got, size_t got_len, const void *expected, size_t expected_len,
                    char *why)
{
    const uint8_t *a = got;
    const uint8_t *b = expected;
    size_t common = got_len < expected_len ? got_len : expected_len;
    for (size_t i = 0; i < common; i++) {
        if (a[i] != b[i]) {
            (void)snprintf(why, VECTOR_WHY_LEN, "byte 0x%zx is 0x%02x instead of 0x%02x", i, a[i],
                           b[i]);
            return false;
        }
    }
    if (got_len != expected_len) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%zu bytes instead of %zu", got_len, expected_len);
    }
    return got_len == expected_len;
}
