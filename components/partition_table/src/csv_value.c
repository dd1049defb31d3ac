#include "csv_value.h"

#include <string.h>

struct keyword {
    uint8_t type;
    uint8_t subtype;
    const char *name;
};

// fact: keywords of gen_esp32part.py 1.5, TYPES and SUBTYPES
static const struct keyword TYPES[] = {
    {PART_TYPE_APP, 0, "app"},
    {PART_TYPE_DATA, 0, "data"},
    {PART_TYPE_BOOTLOADER, 0, "bootloader"},
    {PART_TYPE_PARTITION_TABLE, 0, "partition_table"},
};
static const struct keyword SUBTYPES[] = {
    {PART_TYPE_APP, 0x00, "factory"},
    {PART_TYPE_APP, 0x10, "ota_0"},
    {PART_TYPE_APP, 0x11, "ota_1"},
    {PART_TYPE_APP, 0x12, "ota_2"},
    {PART_TYPE_APP, 0x13, "ota_3"},
    {PART_TYPE_APP, 0x14, "ota_4"},
    {PART_TYPE_APP, 0x15, "ota_5"},
    {PART_TYPE_APP, 0x16, "ota_6"},
    {PART_TYPE_APP, 0x17, "ota_7"},
    {PART_TYPE_APP, 0x18, "ota_8"},
    {PART_TYPE_APP, 0x19, "ota_9"},
    {PART_TYPE_APP, 0x1A, "ota_10"},
    {PART_TYPE_APP, 0x1B, "ota_11"},
    {PART_TYPE_APP, 0x1C, "ota_12"},
    {PART_TYPE_APP, 0x1D, "ota_13"},
    {PART_TYPE_APP, 0x1E, "ota_14"},
    {PART_TYPE_APP, 0x1F, "ota_15"},
    {PART_TYPE_APP, 0x20, "test"},
    {PART_TYPE_APP, 0x30, "tee_0"},
    {PART_TYPE_APP, 0x31, "tee_1"},
    {PART_TYPE_DATA, 0x00, "ota"},
    {PART_TYPE_DATA, 0x01, "phy"},
    {PART_TYPE_DATA, 0x02, "nvs"},
    {PART_TYPE_DATA, 0x03, "coredump"},
    {PART_TYPE_DATA, 0x04, "nvs_keys"},
    {PART_TYPE_DATA, 0x05, "efuse"},
    {PART_TYPE_DATA, 0x06, "undefined"},
    {PART_TYPE_DATA, 0x80, "esphttpd"},
    {PART_TYPE_DATA, 0x81, "fat"},
    {PART_TYPE_DATA, 0x82, "spiffs"},
    {PART_TYPE_DATA, 0x83, "littlefs"},
    {PART_TYPE_DATA, 0x90, "tee_ota"},
    {PART_TYPE_BOOTLOADER, 0x00, "primary"},
    {PART_TYPE_BOOTLOADER, 0x01, "ota"},
    {PART_TYPE_BOOTLOADER, 0x02, "recovery"},
    {PART_TYPE_PARTITION_TABLE, 0x00, "primary"},
    {PART_TYPE_PARTITION_TABLE, 0x01, "ota"},
};
#define TYPE_COUNT    (sizeof(TYPES) / sizeof(TYPES[0]))
#define SUBTYPE_COUNT (sizeof(SUBTYPES) / sizeof(SUBTYPES[0]))

// ---- Numbers ---------------------------------------------------------------------------------------

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int digit_value(char c)
{
    c = to_lower(c);
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static int64_t cut_to_limit(int64_t value)
{
    return value > CSV_VALUE_LIMIT ? CSV_VALUE_LIMIT : value;
}

/** Takes "0x", "0o" or "0b" off text. @return the base, 10 without prefix */
static int take_base(struct csv_slice *text)
{
    if (text->len < 2 || text->at[0] != '0') {
        return 10;
    }
    char mark = to_lower(text->at[1]);
    int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) {
        text->at += 2;
        text->len -= 2;
    }
    return base;
}

/** Digits with single underscores between them; may_begin: one may also stand in front. */
static bool parse_digits(struct csv_slice text, int base, bool may_begin, int64_t *value)
{
    bool was_digit = may_begin;
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '_' && was_digit) {
            was_digit = false;
            continue;
        }
        int digit = digit_value(text.at[i]);
        if (digit >= base) {
            return false;
        }
        *value = cut_to_limit(*value * base + digit);
        was_digit = true;
    }
    return text.len > 0 && was_digit;
}

bool csv_value_parse_plain(struct csv_slice text, int64_t *value)
{
    text = csv_text_strip(text);
    bool is_negative = text.len > 0 && text.at[0] == '-';
    if (is_negative || (text.len > 0 && text.at[0] == '+')) {
        text.at++;
        text.len--;
    }
    bool starts_with_zero = text.len > 0 && text.at[0] == '0';
    int base = take_base(&text);
    if (!parse_digits(text, base, base != 10, value)) {
        return false;
    }
    if (base == 10 && starts_with_zero && *value != 0) {
        return false; // fact: a decimal number with leading zeros is refused, it might be meant octal
    }
    *value = is_negative ? -*value : *value;
    return true;
}

static int64_t multiply(int64_t value, int64_t factor)
{
    // |value| and factor stay at or below 2^48 and 2^14 here, so the product fits once cut first.
    int64_t magnitude = value < 0 ? -value : value;
    magnitude = magnitude > CSV_VALUE_LIMIT / factor ? CSV_VALUE_LIMIT : magnitude * factor;
    return value < 0 ? -magnitude : magnitude;
}

/** Takes all suffixes off the end of text. @return what they multiply with */
static int64_t take_suffixes(struct csv_slice *text)
{
    int64_t factor = 1;
    while (text->len > 0) {
        char last = to_lower(text->at[text->len - 1]);
        if (last != 'k' && last != 'm') {
            break;
        }
        factor = multiply(factor, last == 'k' ? 1024 : 1024 * 1024);
        text->len--;
    }
    return factor;
}

bool csv_value_parse_size(struct csv_slice text, int64_t *value)
{
    int64_t factor = take_suffixes(&text);
    if (!csv_value_parse_plain(text, value)) {
        return false;
    }
    *value = multiply(*value, factor);
    return true;
}

// ---- Keywords --------------------------------------------------------------------------------------

#define KEYWORD_MAX 128 // chosen: longer than any keyword worth writing

/** Lower-case copy in out, or an empty slice when it does not fit (then it is no keyword either). */
static struct csv_slice lower(struct csv_slice text, char out[KEYWORD_MAX])
{
    if (text.len > KEYWORD_MAX) {
        return (struct csv_slice){out, 0};
    }
    for (size_t i = 0; i < text.len; i++) {
        out[i] = to_lower(text.at[i]);
    }
    return (struct csv_slice){out, text.len};
}

bool csv_value_find_type(struct csv_slice name, uint8_t *type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (csv_text_equals_string(name, TYPES[i].name)) {
            *type = TYPES[i].type;
            return true;
        }
    }
    return false;
}

bool csv_value_find_subtype(struct csv_slice name, uint8_t type,
                            const struct partition_csv_options *options, uint8_t *subtype)
{
    for (size_t i = 0; i < options->extra_count; i++) {
        const struct partition_csv_subtype *extra = &options->extra[i];
        struct csv_slice extra_name = {extra->name, extra->name_len};
        if (extra->type == type && csv_text_equals(name, extra_name)) {
            *subtype = extra->subtype;
            return true;
        }
    }
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (SUBTYPES[i].type == type && csv_text_equals_string(name, SUBTYPES[i].name)) {
            *subtype = SUBTYPES[i].subtype;
            return true;
        }
    }
    return false;
}

bool csv_value_is_subtype_name(struct csv_slice name, const struct partition_csv_options *options)
{
    uint8_t subtype;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (csv_value_find_subtype(name, TYPES[i].type, options, &subtype)) {
            return true;
        }
    }
    return false;
}

bool csv_value_parse_type(struct csv_slice text, int64_t *value)
{
    // fact: the suffix is tried before the keyword, so "datak" is 1024 times the type data.
    int64_t factor = take_suffixes(&text);
    char buffer[KEYWORD_MAX];
    uint8_t type;
    if (!csv_value_parse_plain(text, value)) {
        if (!csv_value_find_type(lower(text, buffer), &type)) {
            return false;
        }
        *value = type;
    }
    *value = multiply(*value, factor);
    return true;
}

bool csv_value_parse_subtype(struct csv_slice text, uint8_t type,
                             const struct partition_csv_options *options, int64_t *value)
{
    int64_t factor = take_suffixes(&text);
    char buffer[KEYWORD_MAX];
    uint8_t subtype;
    if (!csv_value_parse_plain(text, value)) {
        if (!csv_value_find_subtype(lower(text, buffer), type, options, &subtype)) {
            return false;
        }
        *value = subtype;
    }
    *value = multiply(*value, factor);
    return true;
}

static struct csv_slice slice_of(const char *string)
{
    return (struct csv_slice){string, strlen(string)};
}

struct csv_slice csv_value_type_name(uint8_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (TYPES[i].type == type) {
            return slice_of(TYPES[i].name);
        }
    }
    return slice_of("");
}

struct csv_slice csv_value_subtype_name(uint8_t type, uint8_t subtype,
                                        const struct partition_csv_options *options)
{
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (SUBTYPES[i].type == type && SUBTYPES[i].subtype == subtype) {
            return slice_of(SUBTYPES[i].name);
        }
    }
    for (size_t i = 0; i < options->extra_count; i++) {
        const struct partition_csv_subtype *extra = &options->extra[i];
        if (extra->type == type && extra->subtype == subtype) {
            return (struct csv_slice){extra->name, extra->name_len};
        }
    }
    return slice_of("");
}

// ---- Lists for messages ----------------------------------------------------------------------------

static void append_to_list(char *out, size_t capacity, struct csv_slice name)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, capacity - used, "%s%.*s", used ? ", " : "", CSV_ARG(name));
}

void csv_value_list_types(char *out, size_t capacity)
{
    out[0] = '\0';
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        append_to_list(out, capacity, slice_of(TYPES[i].name));
    }
}

void csv_value_list_subtypes(uint8_t type, const struct partition_csv_options *options, char *out,
                             size_t capacity)
{
    out[0] = '\0';
    for (size_t i = 0; i < SUBTYPE_COUNT; i++) {
        if (SUBTYPES[i].type == type) {
            append_to_list(out, capacity, slice_of(SUBTYPES[i].name));
        }
    }
    for (size_t i = 0; i < options->extra_count; i++) {
        if (options->extra[i].type == type) {
            struct csv_slice name = {options->extra[i].name, options->extra[i].name_len};
            append_to_list(out, capacity, name);
        }
    }
}
