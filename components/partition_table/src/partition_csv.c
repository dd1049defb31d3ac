// A text becomes a table in four steps: decode to UTF-8, read each line by itself, place what has no offset, check the
// whole. Numbers stay signed and wide until they are known to fit a record.

#include "partition_csv.h"

#include <stdlib.h>
#include <string.h>

#include "csv_check.h"
#include "csv_value.h"
#include "partition_table.h"

#define LABEL_LEN sizeof(((esp_partition_info_t *)0)->label)

/** One line under way. */
struct row {
    const struct partition_csv_options *options;
    struct partition_csv_problem *problem;
    struct partition_csv_entry entry;
    struct csv_slice name, type, subtype, offset, size, flags;
};

// ---- Fields ----------------------------------------------------------------------------------------

static esp_err_t refuse_number(const struct row *row, const char *field, struct csv_slice text)
{
    if (csv_text_has_variable(text)) {
        return csv_text_refuse(row->problem, row->entry.line, field,
                               "the variable in \"%.*s\" is not set. Set it in the environment.",
                               CSV_ARG(text));
    }
    return csv_text_refuse(
        row->problem, row->entry.line, field,
        "\"%.*s\" is not a number. Write bytes (4096), hexadecimal (0x1000) or a "
        "multiple (4K, 1M); a decimal number has no leading zeros.",
        CSV_ARG(text));
}

static esp_err_t read_name(struct row *row)
{
    // differs: the generator notices a variable without value only at the start of a line; nobody wants a
    // partition named "$NAME", so it is refused anywhere in the name.
    if (csv_text_has_variable(row->name)) {
        return csv_text_refuse(row->problem, row->entry.line, "name",
                               "the variable in \"%.*s\" is not set. Set it in the environment, or "
                               "write \\$ for a dollar sign.",
                               CSV_ARG(row->name));
    }
    return ESP_OK;
}

static esp_err_t read_type(struct row *row)
{
    int64_t value;
    char known[128];
    csv_value_list_types(known, sizeof(known));
    if (row->type.len == 0) {
        return csv_text_refuse(row->problem, row->entry.line, "type",
                               "the field is empty. Use one of %s, or a number.", known);
    }
    if (!csv_value_parse_type(row->type, &value) || value < 0 || value > UINT8_MAX) {
        return csv_text_refuse(row->problem, row->entry.line, "type",
                               "\"%.*s\" is not known. Use one of %s, or a number up to 255.",
                               CSV_ARG(row->type), known);
    }
    row->entry.type = (uint8_t)value;
    return ESP_OK;
}

static esp_err_t refuse_subtype(const struct row *row)
{
    char known[300];
    csv_value_list_subtypes(row->entry.type, row->options, known, sizeof(known));
    return csv_text_refuse(row->problem, row->entry.line, "subtype",
                           "\"%.*s\" is not a subtype of type %u. Use %s%sa number up to 255.",
                           CSV_ARG(row->subtype), row->entry.type, known, known[0] ? ", or " : "");
}

static esp_err_t read_subtype(struct row *row)
{
    int64_t value;
    if (row->subtype.len == 0 && row->entry.type == PART_TYPE_APP) {
        return refuse_subtype(row);
    }
    if (row->subtype.len == 0) {
        row->entry.subtype = 0x06; // fact: "undefined", whatever the type
        return ESP_OK;
    }
    if (!csv_value_parse_subtype(row->subtype, row->entry.type, row->options, &value) ||
        value < 0 || value > UINT8_MAX) {
        return refuse_subtype(row);
    }
    row->entry.subtype = (uint8_t)value;
    return ESP_OK;
}

/** Takes an offset that an option gives instead of the field. */
static esp_err_t take_option_offset(struct row *row, int64_t offset, const char *option)
{
    if (offset == PARTITION_CSV_NO_OFFSET) {
        return csv_text_refuse(row->problem, row->entry.line, "type",
                               "a bootloader partition needs the option %s.", option);
    }
    row->entry.offset = offset;
    return ESP_OK;
}

static esp_err_t read_offset(struct row *row)
{
    const struct partition_csv_options *options = row->options;
    if (row->entry.type == PART_TYPE_BOOTLOADER && row->entry.subtype == SUBTYPE_PRIMARY) {
        return take_option_offset(row, options->primary_bootloader_offset,
                                  "--primary-bootloader-offset");
    }
    if (row->entry.type == PART_TYPE_BOOTLOADER && row->entry.subtype == SUBTYPE_RECOVERY) {
        return take_option_offset(row, options->recovery_bootloader_offset,
                                  "--recovery-bootloader-offset");
    }
    if (csv_check_is_primary(&row->entry)) {
        row->entry.offset = options->table_offset;
    } else if (row->offset.len == 0) {
        row->entry.offset = CSV_CHECK_NO_OFFSET;
    } else if (!csv_value_parse_size(row->offset, &row->entry.offset)) {
        return refuse_number(row, "offset", row->offset);
    }
    return ESP_OK;
}

static esp_err_t read_size(struct row *row)
{
    const struct partition_csv_options *options = row->options;
    if (row->entry.type == PART_TYPE_BOOTLOADER) {
        if (options->primary_bootloader_offset == PARTITION_CSV_NO_OFFSET) {
            return take_option_offset(row, PARTITION_CSV_NO_OFFSET, "--primary-bootloader-offset");
        }
        row->entry.size = (int64_t)options->table_offset - options->primary_bootloader_offset;
    } else if (row->entry.type == PART_TYPE_PARTITION_TABLE) {
        row->entry.size = ESP_PARTITION_TABLE_SIZE;
    } else if (row->size.len == 0) {
        return csv_text_refuse(row->problem, row->entry.line, "size",
                               "the field is empty. Give bytes (0x4000) or a multiple (16K, 1M).");
    } else if (!csv_value_parse_size(row->size, &row->entry.size)) {
        return refuse_number(row, "size", row->size);
    }
    return ESP_OK;
}

static esp_err_t read_flags(struct row *row)
{
    const char *at = row->flags.at;
    const char *end = at + row->flags.len;
    while (at < end) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        struct csv_slice word = {at, (size_t)((colon ? colon : end) - at)};
        if (csv_text_equals_string(word, "encrypted")) {
            row->entry.flags |= PART_FLAG_ENCRYPTED;
        } else if (csv_text_equals_string(word, "readonly")) {
            row->entry.flags |= PART_FLAG_READONLY;
        } else if (word.len > 0) {
            return csv_text_refuse(row->problem, row->entry.line, "flags",
                                   "\"%.*s\" is not known. Use encrypted, readonly, or both joined "
                                   "by a colon without blanks.",
                                   CSV_ARG(word));
        }
        at += word.len + 1;
    }
    return ESP_OK;
}

// ---- Lines -----------------------------------------------------------------------------------------

/** Fills row->entry apart from its name. */
static esp_err_t read_row(struct row *row, struct csv_slice line)
{
    static esp_err_t (*const READERS[])(struct row *) = {read_name,   read_type, read_subtype,
                                                         read_offset, read_size, read_flags};
    row->name = csv_text_next_field(&line);
    row->type = csv_text_next_field(&line);
    row->subtype = csv_text_next_field(&line);
    row->offset = csv_text_next_field(&line);
    row->size = csv_text_next_field(&line);
    row->flags = csv_text_next_field(&line);
    for (size_t i = 0; i < sizeof(READERS) / sizeof(READERS[0]); i++) {
        esp_err_t err = READERS[i](row);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

static esp_err_t add_entry(struct partition_csv_table *table, const struct row *row)
{
    if (table->count == PARTITION_CSV_MAX_ENTRIES) {
        return csv_text_refuse(row->problem, row->entry.line, NULL,
                               "a table holds at most %u entries. Remove some.",
                               (unsigned)PARTITION_CSV_MAX_ENTRIES);
    }
    char *name = malloc(row->name.len + 1);
    if (!name) {
        return ESP_ERR_NO_MEM;
    }
    if (row->name.len > 0) {
        memcpy(name, row->name.at, row->name.len);
    }
    name[row->name.len] = '\0';
    struct partition_csv_entry *entry = &table->entries[table->count++];
    *entry = row->entry;
    entry->name = name;
    entry->name_len = row->name.len;
    return ESP_OK;
}

static esp_err_t read_line(struct csv_slice line, uint32_t line_number,
                           const struct partition_csv_options *options,
                           struct partition_csv_table *table, struct partition_csv_problem *problem)
{
    line = csv_text_strip(line);
    if (line.len == 0 || line.at[0] == '#') {
        return ESP_OK;
    }
    struct row row = {.options = options, .problem = problem, .entry = {.line = line_number}};
    esp_err_t err = read_row(&row, line);
    return err == ESP_OK ? add_entry(table, &row) : err;
}

static esp_err_t read_lines(struct csv_slice text, const struct partition_csv_options *options,
                            struct partition_csv_table *table,
                            struct partition_csv_problem *problem)
{
    struct csv_buffer expanded = {0};
    struct csv_slice line;
    esp_err_t err = ESP_OK;
    for (uint32_t number = 1; err == ESP_OK && csv_text_next_line(&text, &line); number++) {
        err = csv_text_expand(line, options, &expanded);
        if (err != ESP_OK) {
            break;
        }
        if (!csv_text_is_utf8(expanded.at, expanded.len)) {
            err = csv_text_refuse(problem, number, NULL,
                                  "the value of a variable is not valid UTF-8. Correct it.");
            break;
        }
        struct csv_slice filled = {expanded.at, expanded.len};
        err = read_line(filled, number, options, table, problem);
    }
    free(expanded.at);
    return err;
}

// ---- Public ----------------------------------------------------------------------------------------

bool partition_csv_is_binary(const void *bytes, size_t len)
{
    const uint8_t *magic = bytes;
    return len >= 2 && magic[0] == (ESP_PARTITION_MAGIC & 0xFF) &&
           magic[1] == ESP_PARTITION_MAGIC >> 8;
}

static esp_err_t build_table(struct csv_slice text, const struct partition_csv_options *options,
                             struct partition_csv_table *table,
                             struct partition_csv_problem *problem)
{
    esp_err_t err = read_lines(text, options, table, problem);
    if (err == ESP_OK) {
        err = csv_check_place(table, options, problem);
    }
    if (err == ESP_OK) {
        err = csv_check_verify(table, options, problem);
    }
    return err;
}

esp_err_t partition_csv_parse(const void *text, size_t len,
                              const struct partition_csv_options *options,
                              struct partition_csv_table *table,
                              struct partition_csv_problem *problem)
{
    struct csv_buffer utf8 = {0};
    struct partition_csv_table draft = {0};
    esp_err_t err = csv_text_decode(text, len, &utf8, problem);
    if (err == ESP_OK) {
        err = build_table((struct csv_slice){utf8.at, utf8.len}, options, &draft, problem);
    }
    free(utf8.at);
    if (err != ESP_OK) {
        partition_csv_free(&draft);
        return err;
    }
    *table = draft;
    return ESP_OK;
}

esp_err_t partition_csv_encode(const struct partition_csv_table *table,
                               const struct partition_csv_options *options, uint8_t *bytes,
                               struct partition_csv_problem *problem)
{
    esp_partition_info_t records[PARTITION_CSV_MAX_ENTRIES] = {0};
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition_csv_entry *entry = &table->entries[i];
        records[i].type = entry->type;
        records[i].subtype = entry->subtype;
        records[i].pos.offset = (uint32_t)entry->offset;
        records[i].pos.size = (uint32_t)entry->size;
        records[i].flags = entry->flags;
        size_t label_len = entry->name_len < LABEL_LEN ? entry->name_len : LABEL_LEN;
        memcpy(records[i].label, entry->name, label_len);
    }
    if (partition_table_encode(records, table->count, !options->no_md5, bytes) != ESP_OK) {
        return csv_text_refuse(problem, 0, NULL,
                               "%u entries and the MD5 record do not fit the table of 0x%x bytes. "
                               "Remove entries.",
                               (unsigned)table->count, ESP_PARTITION_TABLE_MAX_LEN);
    }
    return ESP_OK;
}

void partition_csv_free(struct partition_csv_table *table)
{
    if (!table) {
        return;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        free(table->entries[i].name);
    }
    table->count = 0;
}
