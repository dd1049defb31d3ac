// Binary table to entries, entries to text.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "csv_check.h"
#include "csv_value.h"
#include "partition_csv.h"
#include "partition_table.h"

#define RECORD_LEN  32u // fact: esp_flash_partitions.h, esp_partition_info_t
#define KNOWN_FLAGS (PART_FLAG_ENCRYPTED | PART_FLAG_READONLY)

// ---- Binary to entries -----------------------------------------------------------------------------

static bool is_erased(const uint8_t *record)
{
    for (size_t i = 0; i < RECORD_LEN; i++) {
        if (record[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

static void warn_about_flags(uint32_t flags, size_t index,
                             const struct partition_csv_options *options)
{
    if (!options->warn || (flags & ~KNOWN_FLAGS) == 0) {
        return;
    }
    char sentence[128];
    (void)snprintf(sentence, sizeof(sentence),
                   "Record %zu has unknown flags 0x%08" PRIx32
                   ", which are left out; the table may come from newer software.",
                   index, flags & ~KNOWN_FLAGS);
    options->warn(options->context, sentence);
}

static esp_err_t read_record(const uint8_t *bytes, size_t index,
                             const struct partition_csv_options *options,
                             struct partition_csv_table *table,
                             struct partition_csv_problem *problem)
{
    const esp_partition_info_t info = partition_table_entry(bytes + index * RECORD_LEN, 0);
    if (info.magic != ESP_PARTITION_MAGIC) {
        return csv_text_refuse(problem, 0, NULL,
                               "Record %zu begins with 0x%04x instead of 0x%04x; this is not a "
                               "partition table, or it is damaged.",
                               index, info.magic, ESP_PARTITION_MAGIC);
    }
    if (table->count == PARTITION_CSV_MAX_ENTRIES) {
        return csv_text_refuse(problem, 0, NULL,
                               "The file has more than %u entries, more than a table can hold.",
                               (unsigned)PARTITION_CSV_MAX_ENTRIES);
    }
    const uint8_t *label_end = memchr(info.label, 0, sizeof(info.label));
    size_t name_len = label_end ? (size_t)(label_end - info.label) : sizeof(info.label);
    if (!csv_text_is_utf8((const char *)info.label, name_len)) {
        return csv_text_refuse(problem, 0, NULL, "The name in record %zu is not valid UTF-8.",
                               index);
    }
    char *name = calloc(1, name_len + 1);
    if (!name) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(name, info.label, name_len);
    warn_about_flags(info.flags, index, options);
    table->entries[table->count++] = (struct partition_csv_entry){
        .name = name,
        .name_len = name_len,
        .type = info.type,
        .subtype = info.subtype,
        .flags = info.flags & KNOWN_FLAGS,
        .offset = info.pos.offset,
        .size = info.pos.size,
    };
    return ESP_OK;
}

/** The digest covers the entries; an MD5 record itself is never part of it. */
static bool digest_matches(const uint8_t *bytes, size_t index, uint32_t entry_count)
{
    uint8_t digest[CRYPTO_MD5_LEN];
    esp_crypto.md5(bytes, entry_count * RECORD_LEN, digest);
    return memcmp(bytes + index * RECORD_LEN + ESP_PARTITION_MD5_OFFSET, digest, sizeof(digest)) ==
           0;
}

static esp_err_t read_records(const uint8_t *bytes, size_t len,
                              const struct partition_csv_options *options,
                              struct partition_csv_table *table,
                              struct partition_csv_problem *problem)
{
    for (size_t index = 0; (index + 1) * RECORD_LEN <= len; index++) {
        const uint8_t *record = bytes + index * RECORD_LEN;
        if (is_erased(record)) {
            return ESP_OK;
        }
        bool is_md5 = record[0] == 0xEB && record[1] == 0xEB && !options->no_md5;
        if (!is_md5) {
            esp_err_t err = read_record(bytes, index, options, table, problem);
            if (err != ESP_OK) {
                return err;
            }
        } else if (!digest_matches(bytes, index, table->count)) {
            return csv_text_refuse(problem, 0, NULL,
                                   "The MD5 in record %zu does not match: the table is damaged or "
                                   "was edited by hand. Take it from its source again.",
                                   index);
        }
    }
    if (len % RECORD_LEN != 0) {
        return csv_text_refuse(
            problem, 0, NULL,
            "The file has %zu bytes, which is not a multiple of 32; it is cut off "
            "or not a partition table.",
            len);
    }
    return csv_text_refuse(problem, 0, NULL,
                           "The end marker, 32 bytes of 0xff, is missing; the file is cut off.");
}

esp_err_t partition_csv_parse_binary(const void *bytes, size_t len,
                                     const struct partition_csv_options *options,
                                     struct partition_csv_table *table,
                                     struct partition_csv_problem *problem)
{
    struct partition_csv_table draft = {0};
    esp_err_t err = read_records(bytes, len, options, &draft, problem);
    if (err == ESP_OK) {
        err = csv_check_verify(&draft, options, problem);
    }
    if (err != ESP_OK) {
        partition_csv_free(&draft);
        return err;
    }
    *table = draft;
    return ESP_OK;
}

// ---- Entries to text -------------------------------------------------------------------------------

static esp_err_t append_string(struct csv_buffer *out, const char *string)
{
    return csv_text_append(out, string, strlen(string));
}

/** The keyword, or the decimal number when there is none. */
static esp_err_t append_keyword(struct csv_buffer *out, struct csv_slice keyword, uint8_t value)
{
    char number[8];
    if (keyword.len > 0) {
        return csv_text_append(out, keyword.at, keyword.len);
    }
    (void)snprintf(number, sizeof(number), "%u", value);
    return append_string(out, number);
}

static esp_err_t append_place(struct csv_buffer *out, int64_t offset, int64_t size, uint32_t flags)
{
    char text[96];
    int used = snprintf(text, sizeof(text), ",0x%" PRIx64 ",", offset);
    char *at = text + used;
    size_t room = sizeof(text) - (size_t)used;
    if (size % 0x100000 == 0) {
        (void)snprintf(at, room, "%" PRId64 "M,", size / 0x100000);
    } else if (size % 0x400 == 0) {
        (void)snprintf(at, room, "%" PRId64 "K,", size / 0x400);
    } else {
        (void)snprintf(at, room, "0x%" PRIx64 ",", size);
    }
    bool is_encrypted = flags & PART_FLAG_ENCRYPTED;
    bool is_readonly = flags & PART_FLAG_READONLY;
    esp_err_t err = append_string(out, text);
    if (err == ESP_OK) {
        err = append_string(out, is_encrypted && is_readonly ? "encrypted:readonly\n"
                                 : is_encrypted              ? "encrypted\n"
                                 : is_readonly               ? "readonly\n"
                                                             : "\n");
    }
    return err;
}

static esp_err_t append_entry(struct csv_buffer *out, const struct partition_csv_entry *entry,
                              const struct partition_csv_options *options)
{
    struct csv_slice subtype = csv_value_subtype_name(entry->type, entry->subtype, options);
    esp_err_t err = csv_text_append(out, entry->name, entry->name_len);
    if (err == ESP_OK) {
        err = append_string(out, ",");
    }
    if (err == ESP_OK) {
        err = append_keyword(out, csv_value_type_name(entry->type), entry->type);
    }
    if (err == ESP_OK) {
        err = append_string(out, ",");
    }
    if (err == ESP_OK) {
        err = append_keyword(out, subtype, entry->subtype);
    }
    if (err == ESP_OK) {
        err = append_place(out, entry->offset, entry->size, entry->flags);
    }
    return err;
}

esp_err_t partition_csv_format(const struct partition_csv_table *table,
                               const struct partition_csv_options *options, char **text,
                               size_t *text_len)
{
    struct csv_buffer out = {0};
    esp_err_t err = append_string(&out, "# ESP-IDF Partition Table\n"
                                        "# Name, Type, SubType, Offset, Size, Flags\n");
    for (uint32_t i = 0; i < table->count && err == ESP_OK; i++) {
        err = append_entry(&out, &table->entries[i], options);
    }
    if (err == ESP_OK) {
        err = csv_text_append(&out, "", 1); // the terminator
    }
    if (err != ESP_OK) {
        free(out.at);
        return err;
    }
    *text = out.at;
    if (text_len) {
        *text_len = out.len - 1;
    }
    return ESP_OK;
}
