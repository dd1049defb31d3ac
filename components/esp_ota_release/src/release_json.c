#include "release_json.h"

#include <string.h>

static bool fail(struct release_json *reader)
{
    reader->has_failed = true;
    return false;
}

static void skip_space(struct release_json *reader)
{
    while (reader->at < reader->len && strchr(" \t\r\n", reader->text[reader->at]) &&
           reader->text[reader->at]) {
        reader->at++;
    }
}

// The character that comes; 0: the end.
static char peek(struct release_json *reader)
{
    skip_space(reader);
    return reader->at < reader->len ? reader->text[reader->at] : 0;
}

bool release_json_take(struct release_json *reader, char wanted)
{
    if (reader->has_failed || peek(reader) != wanted) {
        return false;
    }
    reader->at++;
    return true;
}

bool release_json_expect(struct release_json *reader, char wanted)
{
    return release_json_take(reader, wanted) || fail(reader);
}

bool release_json_is_at_end(struct release_json *reader)
{
    skip_space(reader);
    return reader->at == reader->len;
}

// ----------------------------------------------------------------------- strings

// The next character of a string. @return false: the string has ended, or a failure; *is_escaped: a \ stood before it
static bool string_character(struct release_json *reader, char *out, bool *is_escaped)
{
    if (reader->at >= reader->len) {
        return fail(reader);
    }
    char c = reader->text[reader->at++];
    *is_escaped = false;
    if (c == '"') {
        return false;
    }
    if ((unsigned char)c < 0x20) {
        return fail(reader);
    }
    if (c == '\\') {
        if (reader->at >= reader->len) {
            return fail(reader);
        }
        *is_escaped = true;
        c = reader->text[reader->at++];
    }
    *out = c;
    return true;
}

static bool string_plain(struct release_json *reader, char *out)
{
    bool is_escaped;
    if (!string_character(reader, out, &is_escaped)) {
        return false;
    }
    bool is_taken = !is_escaped || *out == '"' || *out == '\\' || *out == '/';
    return is_taken || fail(reader);
}

bool release_json_string(struct release_json *reader, char *out, size_t size)
{
    size_t len = 0;
    char c;
    if (!release_json_expect(reader, '"')) {
        return false;
    }
    while (string_plain(reader, &c)) {
        if (len + 1 >= size) {
            return fail(reader);
        }
        out[len++] = c;
    }
    out[len] = 0;
    return !reader->has_failed;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool release_json_hex_up_to(struct release_json *reader, uint8_t *out, size_t max, size_t *len)
{
    size_t digits = 0;
    char c;
    if (!release_json_expect(reader, '"')) {
        return false;
    }
    while (string_plain(reader, &c)) {
        int value = digit_value(c);
        if (value < 0 || digits == 2 * max) {
            return fail(reader);
        }
        uint8_t *byte = &out[digits / 2];
        *byte = (uint8_t)(digits % 2 ? *byte << 4 | value : value);
        digits++;
    }
    if (reader->has_failed || digits % 2) {
        return fail(reader);
    }
    *len = digits / 2;
    return true;
}

bool release_json_hex(struct release_json *reader, uint8_t *out, size_t len)
{
    size_t found = 0;
    return release_json_hex_up_to(reader, out, len, &found) && (found == len || fail(reader));
}

// ----------------------------------------------------------------------- numbers

bool release_json_number(struct release_json *reader, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    char c = peek(reader);
    size_t begin = reader->at;
    if (reader->has_failed || c < '0' || c > '9') {
        return fail(reader);
    }
    for (; reader->at < reader->len; reader->at++) {
        c = reader->text[reader->at];
        if (c < '0' || c > '9') {
            break;
        }
        uint64_t digit = (uint64_t)(c - '0');
        if (value > max / 10 || value * 10 > max - digit) {
            return fail(reader);
        }
        value = value * 10 + digit;
    }
    bool has_zero_before = reader->text[begin] == '0' && reader->at - begin > 1;
    bool goes_on = reader->at < reader->len && strchr(".eE+-", reader->text[reader->at]) &&
                   reader->text[reader->at];
    if (has_zero_before || goes_on) {
        return fail(reader);
    }
    *out = value;
    return true;
}

// ----------------------------------------------------------------------- anything

static bool skip_string(struct release_json *reader)
{
    bool is_escaped;
    char c;
    if (!release_json_expect(reader, '"')) {
        return false;
    }
    while (string_character(reader, &c, &is_escaped)) {
    }
    return !reader->has_failed;
}

// Numbers and the three words; what they say does not matter, only where they end.
static bool skip_word(struct release_json *reader)
{
    size_t begin = reader->at;
    while (reader->at < reader->len && reader->text[reader->at] &&
           strchr("+-.0123456789Eaeflnrstu", reader->text[reader->at])) {
        reader->at++;
    }
    return reader->at > begin || fail(reader);
}

static bool skip_name(struct release_json *reader)
{
    return skip_string(reader) && release_json_expect(reader, ':');
}

// What stands before the next value inside brackets: a comma unless it is the first, and a member's name.
static bool skip_to_value(struct release_json *reader, char closer, bool is_first)
{
    return (is_first || release_json_expect(reader, ',')) && (closer == ']' || skip_name(reader));
}

// Iterative, as a hostile text must not choose the depth of the stack.
bool release_json_skip(struct release_json *reader)
{
    char closers[RELEASE_JSON_DEPTH_MAX];
    unsigned depth = 0;
    bool is_first = false; // just behind an opening bracket
    do {
        if (depth > 0 && release_json_take(reader, closers[depth - 1])) {
            depth--;
            is_first = false;
            continue;
        }
        if (depth > 0 && !skip_to_value(reader, closers[depth - 1], is_first)) {
            return false;
        }
        char c = peek(reader);
        is_first = c == '{' || c == '[';
        if (!is_first) {
            bool is_skipped = c == '"' ? skip_string(reader) : skip_word(reader);
            reader->has_failed = reader->has_failed || !is_skipped;
        } else if (depth == RELEASE_JSON_DEPTH_MAX) {
            return fail(reader);
        } else {
            closers[depth++] = c == '{' ? '}' : ']';
            reader->at++;
        }
    } while (depth > 0 && !reader->has_failed);
    return !reader->has_failed;
}

bool release_json_member(struct release_json *reader, unsigned *count, char *name, size_t size)
{
    if (reader->has_failed || release_json_take(reader, '}')) {
        return false;
    }
    if (*count > 0 && !release_json_expect(reader, ',')) {
        return false;
    }
    (*count)++;
    return release_json_string(reader, name, size) && release_json_expect(reader, ':');
}

bool release_json_element(struct release_json *reader, unsigned *count)
{
    if (reader->has_failed || release_json_take(reader, ']')) {
        return false;
    }
    if (*count > 0 && !release_json_expect(reader, ',')) {
        return false;
    }
    (*count)++;
    return true;
}
