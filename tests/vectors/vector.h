/** What the runner of reference vectors offers to the files that check one kind of row each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of a why buffer, terminator included. */
#define VECTOR_WHY_LEN 1024

/** One row of manifest.tsv. All strings are terminated and live as long as the run. */
struct vector_row {
    const char *folder; // of the manifest; path and the files in params are relative to it
    const char *path;
    const char *kind;
    const char *params;
    const char *expect;
    const char *note;
};

/**
 * Checks one row.
 * @param[out] why  VECTOR_WHY_LEN bytes; on failure what came out instead of row->expect, without line break
 * @return whether the verdict is the expected one
 */
typedef bool (*vector_handler)(const struct vector_row *row, char *why);

/** A kind of row. Without handler its rows are counted as skipped, and reason says why. */
struct vector_kind {
    const char *name;
    vector_handler handler;
    const char *reason;
};

/** Verdicts counted so far. */
struct vector_tally {
    unsigned passed;
    unsigned failed;
};

/** A folder of cases that are no rows of the manifest; run only if the folder exists. */
struct vector_folder {
    const char *name; // below the folder of the manifest
    /** Runs all cases of the folder at path, prints a line for each wrong one and counts them. */
    void (*run)(const char *path, struct vector_tally *tally);
};

/** Bytes of a file; free() data. data is never NULL after success, also for an empty file. */
struct vector_bytes {
    uint8_t *data;
    size_t len;
};

/** Loads row->folder/path. @return false: why says what went wrong */
bool vector_load(const struct vector_row *row, const char *path, struct vector_bytes *bytes,
                 char *why);

/**
 * Finds "key=value" in row->params. A value ends where the next " key=" begins, so it may hold blanks.
 * @param[out] value  terminated; "" when the key is missing
 * @return whether the key is there and its value fits
 */
bool vector_param(const struct vector_row *row, const char *key, char *value, size_t capacity);

/** As vector_param() for a number in decimal or 0x; fallback when the key is missing. A value that is no number spoils the row. */
uint64_t vector_param_number(const struct vector_row *row, const char *key, uint64_t fallback);

/** The key of a value that was no number since the last call; NULL: there was none. */
const char *vector_take_misread(void);

/** Splits text at blanks into at most capacity words, changing text. @return how many */
size_t vector_split(char *text, const char *words[], size_t capacity);

/** Whether two byte strings are equal; if not, why names the first difference. */
bool vector_compare(const void *got, size_t got_len, const void *expected, size_t expected_len,
                    char *why);

// One file for each group of kinds; the table of kinds is in run_vectors.c.

bool check_partition_table(const struct vector_row *row, char *why);
bool check_partition_csv(const struct vector_row *row, char *why);
bool check_partition_csv_out(const struct vector_row *row, char *why);
bool check_image(const struct vector_row *row, char *why);
bool check_fields(const struct vector_row *row, char *why);
bool check_otadata_step(const struct vector_row *row, char *why);
bool check_pre_encrypted(const struct vector_row *row, char *why);
bool check_delta(const struct vector_row *row, char *why);
bool check_signature(const struct vector_row *row, char *why);
bool check_nvs(const struct vector_row *row, char *why);
bool check_flash_encryption(const struct vector_row *row, char *why);
void run_boot_decisions(const char *path, struct vector_tally *tally);
