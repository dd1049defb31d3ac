/** Numbers and keywords of the CSV language. */
#pragma once

#include "csv_text.h"

/** Values beyond this are cut to it: far outside anything a record can hold, far inside int64_t. */
#define CSV_VALUE_LIMIT (INT64_C(1) << 48)

/** A number without suffix as Python's int(text, 0) reads it. @return false: not a number */
bool csv_value_parse_plain(struct csv_slice text, int64_t *value);

/** A number with any count of suffixes k and m. @return false: not a number */
bool csv_value_parse_size(struct csv_slice text, int64_t *value);

/** A number, or a keyword of the types. @return false: neither */
bool csv_value_parse_type(struct csv_slice text, int64_t *value);

/** A number, or a keyword of the subtypes of type. @return false: neither */
bool csv_value_parse_subtype(struct csv_slice text, uint8_t type,
                             const struct partition_csv_options *options, int64_t *value);

/** Exact keyword, no numbers. @return false: unknown */
bool csv_value_find_type(struct csv_slice name, uint8_t *type);
bool csv_value_find_subtype(struct csv_slice name, uint8_t type,
                            const struct partition_csv_options *options, uint8_t *subtype);

/** Whether name is a subtype keyword of any type. */
bool csv_value_is_subtype_name(struct csv_slice name, const struct partition_csv_options *options);

/** Keyword of a value; length 0: it has none. */
struct csv_slice csv_value_type_name(uint8_t type);
struct csv_slice csv_value_subtype_name(uint8_t type, uint8_t subtype,
                                        const struct partition_csv_options *options);

/** Writes the keywords, separated by commas, as far as they fit; terminated. */
void csv_value_list_types(char *out, size_t capacity);
void csv_value_list_subtypes(uint8_t type, const struct partition_csv_options *options, char *out,
                             size_t capacity);
