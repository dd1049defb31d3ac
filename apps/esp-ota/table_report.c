#define _DEFAULT_SOURCE // strndup

#include "table_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_COUNT 6 // name, type, subtype, offset, size, flags
#define FIELD_LEN   80

// ----------------------------------------------------------------------- options and parsing

bool table_take_options(int *argc, char **argv, struct partition_csv_options *options)
{
    struct partition_csv_problem problem = {0};
    int kept = 1;
    for (int i = 1; i < *argc;) {
        size_t taken = 0;
        esp_err_t err = partition_csv_read_option((const char *const *)argv + i,
                                                  (size_t)(*argc - i), options, &taken, &problem);
        if (err != ESP_OK) {
            cli_report_usage("%s", problem.text);
            return false;
        }
        if (taken == 0) {
            argv[kept++] = argv[i++];
        }
        i += (int)taken;
    }
    *argc = kept;
    argv[kept] = NULL;
    return true;
}

bool table_parse(const char *name, const void *bytes, size_t len,
                 const struct partition_csv_options *options, struct partition_csv_table *out)
{
    struct partition_csv_problem problem = {.text = "not enough memory"};
    esp_err_t err = partition_csv_is_binary(bytes, len)
                        ? partition_csv_parse_binary(bytes, len, options, out, &problem)
                        : partition_csv_parse(bytes, len, options, out, &problem);
    if (err != ESP_OK) {
        cli_report_failure("%s: %s", name, problem.text);
    }
    return err == ESP_OK;
}

// ----------------------------------------------------------------------- rows

struct row {
    char field[FIELD_COUNT][FIELD_LEN];
};

// Splits from the right, because only the name may contain a comma.
static void split_line(const char *line, size_t len, struct row *row)
{
    for (int i = FIELD_COUNT - 1; i >= 0; i--) {
        size_t start = len;
        while (i > 0 && start > 0 && line[start - 1] != ',') {
            start--;
        }
        if (i == 0) {
            start = 0;
        }
        cli_clean_text(line + start, len - start < FIELD_LEN ? len - start : FIELD_LEN - 1,
                       row->field[i]);
        len = start > 0 ? start - 1 : 0;
    }
}

// One row an entry, with the words of the CSV language. @return rows to free; NULL: not enough memory
static struct row *make_rows(const struct partition_csv_table *table,
                             const struct partition_csv_options *options)
{
    char *text;
    struct row *rows = calloc(table->count + 1, sizeof(*rows));
    if (!rows || partition_csv_format(table, options, &text, NULL) != ESP_OK) {
        free(rows);
        cli_report_failure("not enough memory for the table");
        return NULL;
    }
    uint32_t count = 0;
    for (const char *line = text; *line && count < table->count;) {
        size_t len = strcspn(line, "\n");
        if (line[0] != '#' && len > 0) {
            split_line(line, len, &rows[count++]);
        }
        line += len + (line[len] == '\n');
    }
    free(text);
    return rows;
}

bool table_print(const struct partition_csv_table *table,
                 const struct partition_csv_options *options)
{
    struct row *rows = make_rows(table, options);
    if (!rows) {
        return false;
    }
    printf("  %-16s %-6s %-9s %-10s %10s%s%s\n", "label", "type", "subtype", "offset", "size", "  ",
           "flags");
    for (uint32_t i = 0; i < table->count; i++) {
        char size[32];
        printf("  %-16s %-6s %-9s 0x%08llx %10s%s%s\n", rows[i].field[0], rows[i].field[1],
               rows[i].field[2], (unsigned long long)table->entries[i].offset,
               cli_size_text((uint64_t)table->entries[i].size, size),
               rows[i].field[5][0] ? "  " : "", rows[i].field[5]);
    }
    free(rows);
    return true;
}

json_t *table_to_json(const struct partition_csv_table *table,
                      const struct partition_csv_options *options)
{
    struct row *rows = make_rows(table, options);
    if (!rows) {
        return NULL;
    }
    json_t *list = json_array();
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition_csv_entry *entry = &table->entries[i];
        json_t *item = json_object();
        json_object_set_new(item, "label", cli_json_text(rows[i].field[0], FIELD_LEN));
        json_object_set_new(item, "type", cli_json_text(rows[i].field[1], FIELD_LEN));
        json_object_set_new(item, "subtype", cli_json_text(rows[i].field[2], FIELD_LEN));
        json_object_set_new(item, "offset", json_integer(entry->offset));
        json_object_set_new(item, "size", json_integer(entry->size));
        json_object_set_new(item, "encrypted", json_boolean(entry->flags & PART_FLAG_ENCRYPTED));
        json_object_set_new(item, "readonly", json_boolean(entry->flags & PART_FLAG_READONLY));
        json_array_append_new(list, item);
    }
    free(rows);
    return list;
}
