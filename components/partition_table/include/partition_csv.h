/**
 * The CSV language in which people write partition tables, in both directions.
 *
 * Produces the bytes that Espressif's generator (gen_esp32part.py 1.5) produces and refuses what it refuses.
 * For host programs: allocates. Not thread-bound; no global state. The language is in SPEC.md.
 */
#pragma once

#include <stdio.h>

#include "esp_flash_partitions.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Largest number of entries a table can hold; one record is left for the end marker. */
#define PARTITION_CSV_MAX_ENTRIES (ESP_PARTITION_TABLE_MAX_ENTRIES - 1)
#define PARTITION_CSV_MAX_EXTRA   64 // chosen: more keywords than any project defines

/** What app sizes must be multiples of, apart from the 4 KiB that always hold. */
enum partition_csv_secure {
    PARTITION_CSV_NOT_SECURE,
    PARTITION_CSV_SECURE_V1, // 64 KiB
    PARTITION_CSV_SECURE_V2, // 4 KiB
};

/** An additional subtype keyword. */
struct partition_csv_subtype {
    uint8_t type;
    uint8_t subtype;
    const char *name; // not terminated; belongs to whoever filled the options
    size_t name_len;
};

#define PARTITION_CSV_NO_OFFSET (-1)

struct partition_csv_options {
    uint32_t table_offset; // where the table stands on flash
    int64_t
        primary_bootloader_offset; // PARTITION_CSV_NO_OFFSET: entries of type bootloader are refused
    int64_t
        recovery_bootloader_offset; // PARTITION_CSV_NO_OFFSET: an entry bootloader/recovery is refused
    uint64_t flash_size;            // bytes; 0: not checked
    enum partition_csv_secure secure;
    bool no_md5;    // neither write nor look at the MD5 record
    bool no_verify; // skip the checks on alignment, overlap, names, sizes and read-only
    struct partition_csv_subtype extra[PARTITION_CSV_MAX_EXTRA];
    size_t extra_count;

    /** Value of an environment variable, or NULL when there is none. NULL: there are no variables at all.
     *  The result is used before the next call. */
    const char *(*lookup)(void *context, const char *name);
    /** Takes one sentence about something that is allowed but looks like a mistake. NULL: not wanted. */
    void (*warn)(void *context, const char *sentence);
    void *context; // handed to both
};

/** Table at 0x8000, no bootloader offsets, MD5 record, all checks. */
#define PARTITION_CSV_OPTIONS_DEFAULT()                                                            \
    {                                                                                              \
        .table_offset = 0x8000, .primary_bootloader_offset = PARTITION_CSV_NO_OFFSET,              \
        .recovery_bootloader_offset = PARTITION_CSV_NO_OFFSET                                      \
    }

/** Why something was refused, for people. */
struct partition_csv_problem {
    uint32_t line;  // of the text, from 1; 0: the table as a whole, or not a text
    char text[512]; // a whole sentence: line, field, what is wrong and what to do
};

struct partition_csv_entry {
    char *name; // UTF-8, terminated, in full; only its first 16 bytes reach the flash
    size_t name_len;
    uint8_t type;
    uint8_t subtype;
    uint32_t flags; // PART_FLAG_*
    int64_t offset; // 0 .. UINT32_MAX once parsed
    int64_t size;   // 0 .. UINT32_MAX once parsed
    uint32_t line;  // of the text; 0 when it came from a binary table
};

struct partition_csv_table {
    uint32_t count;
    struct partition_csv_entry entries[PARTITION_CSV_MAX_ENTRIES];
};

/** Whether a file is a binary table (and not a text): its first two bytes are an entry's magic. */
bool partition_csv_is_binary(const void *bytes, size_t len);

/**
 * Reads a text (UTF-8, or UTF-16/32 with byte-order mark), places the entries and checks the table.
 * @param[out] table    written only on success; give it to partition_csv_free()
 * @param[out] problem  written only on failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: the text is refused; ESP_ERR_NO_MEM
 */
esp_err_t partition_csv_parse(const void *text, size_t len,
                              const struct partition_csv_options *options,
                              struct partition_csv_table *table,
                              struct partition_csv_problem *problem) ESP_MUST_CHECK;

/**
 * Reads a binary table of any multiple of 32 bytes and checks it like a text.
 * Parameters and results as partition_csv_parse().
 */
esp_err_t partition_csv_parse_binary(const void *bytes, size_t len,
                                     const struct partition_csv_options *options,
                                     struct partition_csv_table *table,
                                     struct partition_csv_problem *problem) ESP_MUST_CHECK;

/**
 * Encodes a parsed table as it stands on flash.
 * @param[out] bytes  ESP_PARTITION_TABLE_MAX_LEN bytes; written only on success
 * @return ESP_OK; ESP_ERR_INVALID_ARG: too many entries for the MD5 record to fit
 */
esp_err_t partition_csv_encode(const struct partition_csv_table *table,
                               const struct partition_csv_options *options, uint8_t *bytes,
                               struct partition_csv_problem *problem) ESP_MUST_CHECK;

/**
 * Writes a parsed table as text.
 * @param[out] text      terminated; free() it
 * @param[out] text_len  without the terminator; may be NULL
 * @return ESP_OK; ESP_ERR_NO_MEM
 */
esp_err_t partition_csv_format(const struct partition_csv_table *table,
                               const struct partition_csv_options *options, char **text,
                               size_t *text_len) ESP_MUST_CHECK;

/** Releases the names of a table. NULL and an all-zero table are harmless. */
void partition_csv_free(struct partition_csv_table *table);

/**
 * Reads one command-line option of Espressif's generator from the front of words:
 * --offset N (also -o), --primary-bootloader-offset N, --recovery-bootloader-offset N, --disable-md5sum (also --no-md5),
 * --flash-size NMB, --secure [v1|v2], --no-verify, --extra-partition-subtypes TYPE,NAME,HEX ..., and --verify (also -v), which
 * changes nothing; "--name=value" works too.
 * The words of --extra-partition-subtypes must outlive the options.
 * @param[out] taken  how many words were used; 0: the first word is none of these options
 * @return ESP_OK; ESP_ERR_INVALID_ARG: the option is ours but its value is wrong or missing
 */
esp_err_t partition_csv_read_option(const char *const *words, size_t count,
                                    struct partition_csv_options *options, size_t *taken,
                                    struct partition_csv_problem *problem) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
