/** Text of any encoding to UTF-8, UTF-8 to lines and fields, variables to their values. */
#pragma once

#include "partition_csv.h"

/** Part of a text; not terminated. */
struct csv_slice {
    const char *at;
    size_t len;
};

/** Text that grows; zero-initialised is empty, free() of at ends it. */
struct csv_buffer {
    char *at;
    size_t len;
    size_t capacity;
};

/** A slice as the two arguments of "%.*s". */
#define CSV_ARG(slice) (int)((slice).len > 80 ? 80 : (slice).len), (slice).at

/** Writes a sentence "Line L, FIELD: ..." into problem (NULL: nowhere). line 0 and field NULL are left out.
 *  @return ESP_ERR_INVALID_ARG */
esp_err_t csv_text_refuse(struct partition_csv_problem *problem, uint32_t line, const char *field,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Appends; keeps what was there on failure. @return ESP_OK, ESP_ERR_NO_MEM */
esp_err_t csv_text_append(struct csv_buffer *buffer, const char *bytes, size_t len) ESP_MUST_CHECK;

/** Converts to UTF-8 by the byte-order mark, without it UTF-8 is checked. @return ESP_OK, ESP_ERR_INVALID_ARG,
 *  ESP_ERR_NO_MEM */
esp_err_t csv_text_decode(const void *bytes, size_t len, struct csv_buffer *out,
                          struct partition_csv_problem *problem) ESP_MUST_CHECK;

/** Whether the bytes are well-formed UTF-8. */
bool csv_text_is_utf8(const char *bytes, size_t len);

/** Cuts the next line off rest, without its line break. @return false at the end of the text */
bool csv_text_next_line(struct csv_slice *rest, struct csv_slice *line);

/** Cuts the next comma-separated field off rest, blanks around it removed; empty at the end. */
struct csv_slice csv_text_next_field(struct csv_slice *rest);

/** Without blanks at both ends. */
struct csv_slice csv_text_strip(struct csv_slice text);

bool csv_text_equals(struct csv_slice a, struct csv_slice b);
bool csv_text_equals_string(struct csv_slice text, const char *string);

/** Replaces $NAME and ${NAME}; unknown ones stay. Replaces the content of out. @return ESP_OK, ESP_ERR_NO_MEM */
esp_err_t csv_text_expand(struct csv_slice line, const struct partition_csv_options *options,
                          struct csv_buffer *out) ESP_MUST_CHECK;

/** Whether the text holds a variable without value: $NAME or ${NAME} not behind a backslash. */
bool csv_text_has_variable(struct csv_slice text);
