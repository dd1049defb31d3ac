#include "csv_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NO_CODE_POINT UINT32_MAX

// ---- Messages --------------------------------------------------------------------------------------

esp_err_t csv_text_refuse(struct partition_csv_problem *problem, uint32_t line, const char *field,
                          const char *format, ...)
{
    if (!problem) {
        return ESP_ERR_INVALID_ARG;
    }
    char *text = problem->text;
    size_t room = sizeof(problem->text);
    size_t used = 0;
    problem->line = line;
    if (line && field) {
        used = (size_t)snprintf(text, room, "Line %u, %s: ", (unsigned)line, field);
    } else if (line) {
        used = (size_t)snprintf(text, room, "Line %u: ", (unsigned)line);
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, room - used, format, args); // cut short when it does not fit
    va_end(args);
    return ESP_ERR_INVALID_ARG;
}

// ---- Growing text ----------------------------------------------------------------------------------

esp_err_t csv_text_append(struct csv_buffer *buffer, const char *bytes, size_t len)
{
    if (len > buffer->capacity - buffer->len) {
        size_t capacity = (buffer->len + len) * 2 + 64;
        char *bigger = realloc(buffer->at, capacity);
        if (!bigger) {
            return ESP_ERR_NO_MEM;
        }
        buffer->at = bigger;
        buffer->capacity = capacity;
    }
    if (len > 0) {
        memcpy(buffer->at + buffer->len, bytes, len);
        buffer->len += len;
    }
    return ESP_OK;
}

static esp_err_t append_code_point(struct csv_buffer *out, uint32_t code)
{
    char utf8[4];
    size_t len;
    if (code < 0x80) {
        utf8[0] = (char)code;
        len = 1;
    } else if (code < 0x800) {
        utf8[0] = (char)(0xC0 | code >> 6);
        len = 2;
    } else if (code < 0x10000) {
        utf8[0] = (char)(0xE0 | code >> 12);
        len = 3;
    } else {
        utf8[0] = (char)(0xF0 | code >> 18);
        len = 4;
    }
    for (size_t i = 1; i < len; i++) {
        utf8[i] = (char)(0x80 | (code >> (6 * (len - 1 - i)) & 0x3F));
    }
    return csv_text_append(out, utf8, len);
}

// ---- Encodings -------------------------------------------------------------------------------------

struct encoding {
    uint8_t unit;       // bytes of a code unit: 1, 2 or 4
    bool is_big_endian; // of units of 2 and 4
    size_t bom_len;
};

static struct encoding detect_encoding(const uint8_t *bytes, size_t len)
{
    static const struct {
        uint8_t bom[4];
        struct encoding encoding;
    } MARKS[] = {
        // UTF-32 before UTF-16: its little-endian mark begins with that of UTF-16.
        {{0xFF, 0xFE, 0, 0}, {4, false, 4}}, {{0, 0, 0xFE, 0xFF}, {4, true, 4}},
        {{0xFF, 0xFE}, {2, false, 2}},       {{0xFE, 0xFF}, {2, true, 2}},
        {{0xEF, 0xBB, 0xBF}, {1, false, 3}},
    };
    for (size_t i = 0; i < sizeof(MARKS) / sizeof(MARKS[0]); i++) {
        size_t bom_len = MARKS[i].encoding.bom_len;
        if (len >= bom_len && memcmp(bytes, MARKS[i].bom, bom_len) == 0) {
            return MARKS[i].encoding;
        }
    }
    return (struct encoding){.unit = 1};
}

static uint32_t read_unit(const uint8_t *bytes, struct encoding encoding)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < encoding.unit; i++) {
        unsigned at = encoding.is_big_endian ? i : encoding.unit - 1u - i;
        value = value << 8 | bytes[at];
    }
    return value;
}

static bool is_surrogate(uint32_t code)
{
    return code >= 0xD800 && code < 0xE000;
}

/** Code point of a UTF-8 sequence at the start of bytes, or NO_CODE_POINT. */
static uint32_t read_utf8(const uint8_t *bytes, size_t len, size_t *used)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = bytes[0];
    *used = first < 0x80       ? 1
            : first >> 5 == 6  ? 2
            : first >> 4 == 14 ? 3
            : first >> 3 == 30 ? 4
                               : 0;
    if (*used == 0 || *used > len) {
        return NO_CODE_POINT;
    }
    uint32_t code = *used == 1 ? first : first & (0x7Fu >> *used);
    for (size_t i = 1; i < *used; i++) {
        if (bytes[i] >> 6 != 2) {
            return NO_CODE_POINT;
        }
        code = code << 6 | (bytes[i] & 0x3F);
    }
    bool is_valid = code >= SMALLEST[*used] && code <= 0x10FFFF && !is_surrogate(code);
    return is_valid ? code : NO_CODE_POINT;
}

/** Code point of UTF-16 or UTF-32 at the start of bytes, or NO_CODE_POINT. */
static uint32_t read_wide(const uint8_t *bytes, size_t len, struct encoding encoding, size_t *used)
{
    *used = encoding.unit;
    if (len < encoding.unit) {
        return NO_CODE_POINT;
    }
    uint32_t code = read_unit(bytes, encoding);
    if (!is_surrogate(code)) {
        return code <= 0x10FFFF ? code : NO_CODE_POINT;
    }
    if (encoding.unit != 2 || code >= 0xDC00 || len < 4) {
        return NO_CODE_POINT;
    }
    uint32_t low = read_unit(bytes + 2, encoding);
    *used = 4;
    return low >> 10 == 0x37 ? 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF)) : NO_CODE_POINT;
}

esp_err_t csv_text_decode(const void *bytes, size_t len, struct csv_buffer *out,
                          struct partition_csv_problem *problem)
{
    const uint8_t *input = bytes;
    struct encoding encoding = detect_encoding(input, len);
    size_t used;
    for (size_t at = encoding.bom_len; at < len; at += used) {
        uint32_t code = encoding.unit == 1 ? read_utf8(input + at, len - at, &used)
                                           : read_wide(input + at, len - at, encoding, &used);
        if (code == NO_CODE_POINT) {
            return csv_text_refuse(
                problem, 0, NULL,
                "Byte %zu of the file is not valid UTF-%u. Save the file as UTF-8.", at,
                encoding.unit * 8u);
        }
        esp_err_t err = append_code_point(out, code);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

bool csv_text_is_utf8(const char *bytes, size_t len)
{
    size_t used;
    for (size_t at = 0; at < len; at += used) {
        if (read_utf8((const uint8_t *)bytes + at, len - at, &used) == NO_CODE_POINT) {
            return false;
        }
    }
    return true;
}

// ---- Lines and fields ------------------------------------------------------------------------------

/** fact: the line breaks of Python's str.splitlines(), with which the generator cuts lines. */
static bool is_line_break(uint32_t code)
{
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

/** fact: the blanks of Python's str.strip(). */
static bool is_blank(uint32_t code)
{
    return is_line_break(code) || code == ' ' || code == '\t' || code == 0x1F || code == 0xA0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x202F ||
           code == 0x205F || code == 0x3000;
}

bool csv_text_next_line(struct csv_slice *rest, struct csv_slice *line)
{
    if (rest->len == 0) {
        return false;
    }
    *line = (struct csv_slice){rest->at, 0};
    size_t used = 0;
    while (line->len < rest->len) {
        uint32_t code =
            read_utf8((const uint8_t *)rest->at + line->len, rest->len - line->len, &used);
        if (is_line_break(code)) {
            bool is_crlf =
                code == '\r' && line->len + 1 < rest->len && rest->at[line->len + 1] == '\n';
            used += is_crlf;
            break;
        }
        line->len += used;
        used = 0;
    }
    rest->at += line->len + used;
    rest->len -= line->len + used;
    return true;
}

static size_t last_code_point_len(struct csv_slice text)
{
    size_t len = 1;
    while (len < text.len && ((uint8_t)text.at[text.len - len] & 0xC0) == 0x80) {
        len++;
    }
    return len;
}

struct csv_slice csv_text_strip(struct csv_slice text)
{
    size_t used;
    while (text.len > 0 && is_blank(read_utf8((const uint8_t *)text.at, text.len, &used))) {
        text.at += used;
        text.len -= used;
    }
    while (text.len > 0) {
        size_t last = last_code_point_len(text);
        const uint8_t *end = (const uint8_t *)text.at + text.len - last;
        if (!is_blank(read_utf8(end, last, &used))) {
            break;
        }
        text.len -= last;
    }
    return text;
}

struct csv_slice csv_text_next_field(struct csv_slice *rest)
{
    const char *comma = rest->len ? memchr(rest->at, ',', rest->len) : NULL;
    struct csv_slice field = {rest->at, comma ? (size_t)(comma - rest->at) : rest->len};
    size_t used = field.len + (comma ? 1 : 0);
    rest->at += used;
    rest->len -= used;
    return csv_text_strip(field);
}

bool csv_text_equals(struct csv_slice a, struct csv_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool csv_text_equals_string(struct csv_slice text, const char *string)
{
    return csv_text_equals(text, (struct csv_slice){string, strlen(string)});
}

// ---- Variables -------------------------------------------------------------------------------------

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/** Length of the reference at the start of text ("$NAME" or "${NAME}") and its name; 0: there is none. */
static size_t find_reference(struct csv_slice text, struct csv_slice *name)
{
    if (text.len < 2 || text.at[0] != '$') {
        return 0;
    }
    if (text.at[1] == '{') {
        const char *end = memchr(text.at, '}', text.len);
        *name = (struct csv_slice){text.at + 2, end ? (size_t)(end - text.at) - 2 : 0};
        return end ? name->len + 3 : 0;
    }
    *name = (struct csv_slice){text.at + 1, 0};
    while (name->len + 1 < text.len && is_name_char(name->at[name->len])) {
        name->len++;
    }
    return name->len ? name->len + 1 : 0;
}

/** Appends the value of a variable, or the reference itself when it has none. */
static esp_err_t append_value(struct csv_buffer *out, struct csv_slice reference,
                              struct csv_slice name, const struct partition_csv_options *options)
{
    char *terminated = malloc(name.len + 1);
    if (!terminated) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(terminated, name.at, name.len);
    terminated[name.len] = '\0';
    const char *value = options->lookup(options->context, terminated);
    free(terminated);
    return value ? csv_text_append(out, value, strlen(value))
                 : csv_text_append(out, reference.at, reference.len);
}

esp_err_t csv_text_expand(struct csv_slice line, const struct partition_csv_options *options,
                          struct csv_buffer *out)
{
    out->len = 0;
    esp_err_t err = ESP_OK;
    while (line.len > 0 && err == ESP_OK) {
        struct csv_slice name;
        size_t reference_len = options->lookup ? find_reference(line, &name) : 0;
        size_t used = reference_len ? reference_len : 1;
        err = reference_len ? append_value(out, (struct csv_slice){line.at, used}, name, options)
                            : csv_text_append(out, line.at, 1);
        line.at += used;
        line.len -= used;
    }
    return err;
}

bool csv_text_has_variable(struct csv_slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        char next = text.at[i + 1];
        bool is_reference = next == '{' || (is_name_char(next) && !(next >= '0' && next <= '9'));
        bool is_escaped = i > 0 && text.at[i - 1] == '\\';
        if (text.at[i] == '$' && is_reference && !is_escaped) {
            return true;
        }
    }
    return false;
}
