#include "csv_check.h"

#include <inttypes.h>
#include <string.h>

#include "csv_value.h"

// fact: subtypes of type data that the checks name
#define SUBTYPE_OTADATA     0x00
#define SUBTYPE_NVS         0x02
#define SUBTYPE_COREDUMP    0x03
#define SUBTYPE_TEE_OTADATA 0x90

#define APP_ALIGNMENT    0x10000 // fact: MMU page
#define SECTOR_ALIGNMENT 0x1000  // fact: smallest erase unit
#define NVS_MIN_RW_SIZE  0x3000  // fact: gen_esp32part.py 1.5, three sectors for wear levelling
#define OTADATA_SIZE     0x2000  // fact: two sectors, one for each record

static bool is_kind(const struct partition_csv_entry *entry, uint8_t type, uint8_t subtype)
{
    return entry->type == type && entry->subtype == subtype;
}

bool csv_check_is_primary(const struct partition_csv_entry *entry)
{
    return is_kind(entry, PART_TYPE_BOOTLOADER, SUBTYPE_PRIMARY) ||
           is_kind(entry, PART_TYPE_PARTITION_TABLE, SUBTYPE_PRIMARY);
}

static int64_t first_free_offset(const struct partition_csv_options *options)
{
    return (int64_t)options->table_offset + ESP_PARTITION_TABLE_SIZE;
}

static int64_t offset_alignment(const struct partition_csv_entry *entry)
{
    return entry->type == PART_TYPE_APP ? APP_ALIGNMENT : SECTOR_ALIGNMENT;
}

static struct csv_slice name_of(const struct partition_csv_entry *entry)
{
    return (struct csv_slice){entry->name, entry->name_len};
}

// ---- Placement -------------------------------------------------------------------------------------

static esp_err_t refuse_overlap(const struct partition_csv_entry *entry, int64_t last_end,
                                bool is_behind_table, struct partition_csv_problem *problem)
{
    return csv_text_refuse(problem, entry->line, "offset",
                           "0x%" PRIx64 " is below 0x%" PRIx64
                           ", where the %s ends. Leave the field empty, use 0x%" PRIx64
                           " or more, or sort the lines by offset.",
                           entry->offset, last_end,
                           is_behind_table ? "partition table" : "partition before it", last_end);
}

static esp_err_t place_entry(struct partition_csv_entry *entry, int64_t *last_end,
                             bool is_behind_table, struct partition_csv_problem *problem)
{
    if (entry->offset == CSV_CHECK_NO_OFFSET) {
        int64_t alignment = offset_alignment(entry);
        entry->offset = (*last_end + alignment - 1) / alignment * alignment;
    } else if (entry->offset < *last_end) {
        return refuse_overlap(entry, *last_end, is_behind_table, problem);
    }
    if (entry->size < 0) { // the end address, negated
        int64_t end = -entry->size;
        if (end < entry->offset) {
            return csv_text_refuse(problem, entry->line, "size",
                                   "the partition would end at 0x%" PRIx64
                                   " but starts at 0x%" PRIx64 ". Give an end behind the start.",
                                   end, entry->offset);
        }
        entry->size = end - entry->offset;
    }
    *last_end = entry->offset + entry->size;
    return ESP_OK;
}

/** Offset and size must fit the 32-bit fields of a record. */
static esp_err_t check_range(const struct partition_csv_entry *entry,
                             struct partition_csv_problem *problem)
{
    if (entry->offset < 0 || entry->offset > UINT32_MAX) {
        return csv_text_refuse(problem, entry->line, "offset",
                               "%" PRId64 " is outside 0 to 0xffffffff. Place the partition lower.",
                               entry->offset);
    }
    if (entry->size < 0 || entry->size > UINT32_MAX) {
        return csv_text_refuse(
            problem, entry->line, "size",
            "%" PRId64 " is outside 0 to 0xffffffff. Make the partition smaller.", entry->size);
    }
    return ESP_OK;
}

esp_err_t csv_check_place(struct partition_csv_table *table,
                          const struct partition_csv_options *options,
                          struct partition_csv_problem *problem)
{
    int64_t last_end = first_free_offset(options);
    for (uint32_t i = 0; i < table->count; i++) {
        struct partition_csv_entry *entry = &table->entries[i];
        esp_err_t err = ESP_OK;
        if (!csv_check_is_primary(entry)) {
            bool is_behind_table = last_end == first_free_offset(options);
            err = place_entry(entry, &last_end, is_behind_table, problem);
        }
        if (err == ESP_OK) {
            err = check_range(entry, problem);
        }
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

// ---- One entry -------------------------------------------------------------------------------------

static esp_err_t check_alignment(const struct partition_csv_entry *entry,
                                 const struct partition_csv_options *options,
                                 struct partition_csv_problem *problem)
{
    int64_t alignment = offset_alignment(entry);
    if (entry->offset % alignment != 0) {
        return csv_text_refuse(problem, entry->line, "offset",
                               "0x%" PRIx64 " of \"%.*s\" is not a multiple of 0x%" PRIx64
                               ". Use 0x%" PRIx64 ", or leave the field empty.",
                               entry->offset, CSV_ARG(name_of(entry)), alignment,
                               (entry->offset + alignment - 1) / alignment * alignment);
    }
    alignment = options->secure == PARTITION_CSV_SECURE_V1 ? APP_ALIGNMENT : SECTOR_ALIGNMENT;
    if (entry->type == PART_TYPE_APP && entry->size % alignment != 0) {
        return csv_text_refuse(problem, entry->line, "size",
                               "0x%" PRIx64 " of app \"%.*s\" is not a multiple of 0x%" PRIx64
                               ". Use 0x%" PRIx64 ".",
                               entry->size, CSV_ARG(name_of(entry)), alignment,
                               (entry->size + alignment - 1) / alignment * alignment);
    }
    return ESP_OK;
}

static esp_err_t check_readonly(const struct partition_csv_entry *entry,
                                struct partition_csv_problem *problem)
{
    bool is_readonly = entry->flags & PART_FLAG_READONLY;
    bool must_be_written = is_kind(entry, PART_TYPE_DATA, SUBTYPE_OTADATA) ||
                           is_kind(entry, PART_TYPE_DATA, SUBTYPE_COREDUMP);
    if (is_readonly && must_be_written) {
        return csv_text_refuse(problem, entry->line, "flags",
                               "\"%.*s\" is otadata or coredump, which is written at run time. "
                               "Remove \"readonly\".",
                               CSV_ARG(name_of(entry)));
    }
    if (!is_readonly && is_kind(entry, PART_TYPE_DATA, SUBTYPE_NVS) &&
        entry->size < NVS_MIN_RW_SIZE) {
        return csv_text_refuse(problem, entry->line, "size",
                               "0x%" PRIx64 " is too small for a writable NVS partition. "
                               "Use at least 0x%x, or add the flag \"readonly\".",
                               entry->size, NVS_MIN_RW_SIZE);
    }
    return ESP_OK;
}

static void warn_about_name(const struct partition_csv_entry *entry,
                            const struct partition_csv_options *options)
{
    struct csv_slice name = name_of(entry);
    uint8_t type = 0;
    uint8_t subtype = 0;
    bool is_other_type = csv_value_find_type(name, &type) && type != entry->type;
    bool is_other_subtype = csv_value_is_subtype_name(name, options) &&
                            !(csv_value_find_subtype(name, entry->type, options, &subtype) &&
                              subtype == entry->subtype);
    if (!options->warn || !(is_other_type || is_other_subtype)) {
        return;
    }
    char sentence[256];
    (void)snprintf(sentence, sizeof(sentence),
                   "Partition \"%.*s\" is named like a %s but has type 0x%02x and subtype 0x%02x; "
                   "check that this is meant.",
                   CSV_ARG(name), is_other_type ? "type" : "subtype", entry->type, entry->subtype);
    options->warn(options->context, sentence);
}

static esp_err_t check_entry(const struct partition_csv_entry *entry,
                             const struct partition_csv_options *options,
                             struct partition_csv_problem *problem)
{
    esp_err_t err = check_alignment(entry, options, problem);
    if (err == ESP_OK) {
        warn_about_name(entry, options);
        err = check_readonly(entry, problem);
    }
    return err;
}

// ---- The table as a whole --------------------------------------------------------------------------

static esp_err_t check_names(const struct partition_csv_table *table,
                             struct partition_csv_problem *problem)
{
    for (uint32_t i = 1; i < table->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (csv_text_equals(name_of(&table->entries[i]), name_of(&table->entries[k]))) {
                return csv_text_refuse(problem, table->entries[i].line, "name",
                                       "\"%.*s\" is already the name of entry %u. "
                                       "Give each partition a name of its own.",
                                       CSV_ARG(name_of(&table->entries[i])), (unsigned)k + 1);
            }
        }
    }
    return ESP_OK;
}

/** Fills order with the entries by offset; equal offsets keep their order. */
static void sort_by_offset(const struct partition_csv_table *table,
                           const struct partition_csv_entry *order[])
{
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t at = i;
        for (; at > 0 && order[at - 1]->offset > table->entries[i].offset; at--) {
            order[at] = order[at - 1];
        }
        order[at] = &table->entries[i];
    }
}

static esp_err_t check_overlap(const struct partition_csv_table *table,
                               const struct partition_csv_options *options,
                               struct partition_csv_problem *problem)
{
    const struct partition_csv_entry *order[PARTITION_CSV_MAX_ENTRIES];
    sort_by_offset(table, order);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition_csv_entry *entry = order[i];
        if (entry->offset < first_free_offset(options) && !csv_check_is_primary(entry)) {
            return csv_text_refuse(problem, entry->line, "offset",
                                   "0x%" PRIx64 " of \"%.*s\" is below 0x%" PRIx64
                                   ", the end of the partition table. Move the partition up.",
                                   entry->offset, CSV_ARG(name_of(entry)),
                                   first_free_offset(options));
        }
        const struct partition_csv_entry *last = i > 0 ? order[i - 1] : entry;
        if (last != entry && entry->offset < last->offset + last->size) {
            return csv_text_refuse(problem, entry->line, "offset",
                                   "\"%.*s\" at 0x%" PRIx64 " overlaps \"%.*s\" at 0x%" PRIx64
                                   " to 0x%" PRIx64 ". Move or shrink one of them.",
                                   CSV_ARG(name_of(entry)), entry->offset, CSV_ARG(name_of(last)),
                                   last->offset, last->offset + last->size - 1);
        }
    }
    return ESP_OK;
}

/** At most one entry of this data subtype, and of the size that its two records need. */
static esp_err_t check_otadata(const struct partition_csv_table *table, uint8_t subtype,
                               const char *what, struct partition_csv_problem *problem)
{
    const struct partition_csv_entry *found = NULL;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition_csv_entry *entry = &table->entries[i];
        if (!is_kind(entry, PART_TYPE_DATA, subtype)) {
            continue;
        }
        if (found) {
            return csv_text_refuse(problem, entry->line, "subtype",
                                   "\"%.*s\" is a second %s partition. Keep only one.",
                                   CSV_ARG(name_of(entry)), what);
        }
        found = entry;
    }
    if (found && found->size != OTADATA_SIZE) {
        return csv_text_refuse(problem, found->line, "size",
                               "0x%" PRIx64 " of %s partition \"%.*s\" must be exactly 0x%x.",
                               found->size, what, CSV_ARG(name_of(found)), OTADATA_SIZE);
    }
    return ESP_OK;
}

static esp_err_t check_flash_size(const struct partition_csv_table *table,
                                  const struct partition_csv_options *options,
                                  struct partition_csv_problem *problem)
{
    const struct partition_csv_entry *last = NULL;
    for (uint32_t i = 0; i < table->count; i++) {
        if (!last || table->entries[i].offset > last->offset) {
            last = &table->entries[i];
        }
    }
    if (options->flash_size == 0 || !last ||
        last->offset + last->size <= (int64_t)options->flash_size) {
        return ESP_OK;
    }
    return csv_text_refuse(problem, last->line, NULL,
                           "\"%.*s\" ends at 0x%" PRIx64 " but the flash has 0x%" PRIx64
                           " bytes. Shrink partitions or choose a larger flash.",
                           CSV_ARG(name_of(last)), last->offset + last->size,
                           (int64_t)options->flash_size);
}

static esp_err_t check_bootloader_offset(const struct partition_csv_options *options,
                                         struct partition_csv_problem *problem)
{
    if (options->primary_bootloader_offset < (int64_t)options->table_offset) {
        return ESP_OK;
    }
    return csv_text_refuse(problem, 0, NULL,
                           "The primary bootloader at 0x%" PRIx64
                           " does not stand below the partition table at 0x%" PRIx32
                           ". Change --primary-bootloader-offset or --offset.",
                           options->primary_bootloader_offset, options->table_offset);
}

/** The checks that --no-verify switches off. */
static esp_err_t check_table(const struct partition_csv_table *table,
                             const struct partition_csv_options *options,
                             struct partition_csv_problem *problem)
{
    esp_err_t err = ESP_OK;
    for (uint32_t i = 0; i < table->count && err == ESP_OK; i++) {
        err = check_entry(&table->entries[i], options, problem);
    }
    if (err == ESP_OK) {
        err = check_names(table, problem);
    }
    if (err == ESP_OK) {
        err = check_overlap(table, options, problem);
    }
    if (err == ESP_OK) {
        err = check_otadata(table, SUBTYPE_OTADATA, "otadata", problem);
    }
    if (err == ESP_OK) {
        err = check_otadata(table, SUBTYPE_TEE_OTADATA, "TEE otadata", problem);
    }
    return err;
}

esp_err_t csv_check_verify(const struct partition_csv_table *table,
                           const struct partition_csv_options *options,
                           struct partition_csv_problem *problem)
{
    esp_err_t err = check_bootloader_offset(options, problem);
    if (err == ESP_OK && !options->no_verify) {
        err = check_table(table, options, problem);
    }
    if (err == ESP_OK) {
        err = check_flash_size(table, options, problem);
    }
    return err;
}
