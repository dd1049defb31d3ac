// Rows about partition tables: binary verdicts, CSV to binary, CSV refusals and binary to CSV.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition_csv.h"
#include "partition_table.h"
#include "vector.h"

#define WORD_MAX 64

static const char *look_up(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/** Whether a word asks for fewer messages, which no row is about. */
static bool is_quiet_option(const char *word)
{
    return strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0;
}

/** Options of a row. text keeps their words. */
static bool read_options(const struct vector_row *row, struct partition_csv_options *options,
                         char *text, size_t capacity, char *why)
{
    const char *words[WORD_MAX];
    struct partition_csv_problem problem;
    options->lookup = look_up;
    if (!vector_param(row, "options", text, capacity) || strcmp(text, "-") == 0) {
        return true;
    }
    size_t count = vector_split(text, words, WORD_MAX);
    for (size_t at = 0, taken; at < count; at += taken) {
        if (is_quiet_option(words[at])) {
            taken = 1;
            continue;
        }
        esp_err_t err =
            partition_csv_read_option(words + at, count - at, options, &taken, &problem);
        if (err != ESP_OK || taken == 0) {
            (void)snprintf(why, VECTOR_WHY_LEN, "option %.100s not understood", words[at]);
            return false;
        }
    }
    return true;
}

/** Converts a CSV file. @return whether it is accepted; if not, why holds the sentence */
static bool convert_csv(const struct vector_row *row, const char *path,
                        const struct partition_csv_options *options, uint8_t *bytes, char *why)
{
    struct vector_bytes text;
    struct partition_csv_table table;
    struct partition_csv_problem problem = {0};
    if (!vector_load(row, path, &text, why)) {
        return false;
    }
    esp_err_t err = partition_csv_parse(text.data, text.len, options, &table, &problem);
    if (err == ESP_OK) {
        err = partition_csv_encode(&table, options, bytes, &problem);
        partition_csv_free(&table);
    }
    free(text.data);
    if (err != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject (%s)", problem.text);
    }
    return err == ESP_OK;
}

// ---- Kind partition_table --------------------------------------------------------------------------

static const char *verdict_word(enum partition_table_fault fault)
{
    switch (fault) {
    case PARTITION_TABLE_OK:
        return "ok";
    case PARTITION_TABLE_BAD_SIZE:
        return "reject:size";
    case PARTITION_TABLE_MD5_TWICE:
        return "reject:md5_twice";
    case PARTITION_TABLE_BAD_MD5:
        return "reject:md5";
    case PARTITION_TABLE_BAD_MAGIC:
        return "reject:magic";
    case PARTITION_TABLE_NO_END:
        return "reject:no_terminator";
    case PARTITION_TABLE_MD5_MISSING:
        return "reject:md5_missing";
    }
    return "unknown";
}

/** The bootloader's and the application's verdict, in the form that comes closest to row->expect. */
static bool has_expected_verdict(const struct vector_row *row, const uint8_t *bytes, char *why)
{
    uint32_t flash_size = (uint32_t)vector_param_number(row, "flash_size", UINT32_MAX);
    struct partition_table_check check = partition_table_verify(bytes, flash_size);
    bool app_accepts = partition_table_verify_for_app(bytes).fault == PARTITION_TABLE_OK;
    const char *word = verdict_word(check.fault);
    bool is_accepted = check.fault == PARTITION_TABLE_OK;
    bool asks_for_app = strncmp(row->expect, "ok_bootloader", 13) == 0;
    if (is_accepted && (asks_for_app || (check.has_md5 && !app_accepts))) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok_bootloader %s_app", app_accepts ? "ok" : "reject");
    } else if (is_accepted && strstr(row->expect, "entries=")) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s entries=%u", word, (unsigned)check.count);
    } else {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s", word);
    }
    return strcmp(why, row->expect) == 0;
}

/** If the row names a CSV, converting it must give exactly these bytes. */
static bool csv_gives(const struct vector_row *row, const struct vector_bytes *expected, char *why)
{
    char path[512];
    char option_text[1024];
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    if (!vector_param(row, "csv", path, sizeof(path))) {
        return true;
    }
    return read_options(row, &options, option_text, sizeof(option_text), why) &&
           convert_csv(row, path, &options, bytes, why) &&
           vector_compare(bytes, sizeof(bytes), expected->data, expected->len, why);
}

bool check_partition_table(const struct vector_row *row, char *why)
{
    struct vector_bytes file;
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    if (!vector_load(row, row->path, &file, why)) {
        return false;
    }
    memset(table, 0xFF, sizeof(table)); // as erased flash behind the end of the file
    memcpy(table, file.data, file.len < sizeof(table) ? file.len : sizeof(table));
    bool ok = has_expected_verdict(row, table, why) && csv_gives(row, &file, why);
    free(file.data);
    return ok;
}

// ---- Kinds partition_csv and partition_csv_out -----------------------------------------------------

bool check_partition_csv(const struct vector_row *row, char *why)
{
    char option_text[1024];
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct vector_bytes text;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    if (!vector_load(row, row->path, &text, why)) {
        return false;
    }
    free(text.data);
    bool accepted = read_options(row, &options, option_text, sizeof(option_text), why) &&
                    convert_csv(row, row->path, &options, bytes, why);
    if (accepted) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok");
    }
    return accepted == (strncmp(row->expect, "ok", 2) == 0);
}

static bool format_binary(const struct vector_bytes *binary,
                          const struct partition_csv_options *options,
                          const struct vector_bytes *expected, char *why)
{
    struct partition_csv_table table;
    struct partition_csv_problem problem = {0};
    char *text = NULL;
    size_t text_len = 0;
    if (partition_csv_parse_binary(binary->data, binary->len, options, &table, &problem) !=
        ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject (%s)", problem.text);
        return false;
    }
    esp_err_t err = partition_csv_format(&table, options, &text, &text_len);
    partition_csv_free(&table);
    if (err != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "out of memory");
        return false;
    }
    bool ok = vector_compare(text, text_len, expected->data, expected->len, why);
    free(text);
    return ok;
}

bool check_partition_csv_out(const struct vector_row *row, char *why)
{
    char path[512];
    char option_text[1024];
    struct vector_bytes binary;
    struct vector_bytes expected;
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    if (!vector_param(row, "bin", path, sizeof(path))) {
        (void)snprintf(why, VECTOR_WHY_LEN, "a row without parameter bin");
        return false;
    }
    if (!read_options(row, &options, option_text, sizeof(option_text), why) ||
        !vector_load(row, path, &binary, why)) {
        return false;
    }
    bool ok = vector_load(row, row->path, &expected, why);
    if (ok) {
        ok = format_binary(&binary, &options, &expected, why);
        free(expected.data);
    }
    free(binary.data);
    return ok;
}
