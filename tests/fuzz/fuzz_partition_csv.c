// Any bytes as a partition table in CSV, under three sets of options.

#include <string.h>

#include "fuzz_check.h"
#include "partition_csv.h"
#include "partition_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *look_up(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "A") == 0 ? "64K" : strcmp(name, "B") == 0 ? "nvs,$A" : NULL;
}

static void ignore_warning(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;
}

/** What is accepted and encoded is a table that bootloader and application read, entry for entry. */
static void check_encoded(const struct partition_csv_table *table,
                          const struct partition_csv_options *options)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct partition_csv_problem problem;
    if (partition_csv_encode(table, options, bytes, &problem) != ESP_OK || options->no_md5) {
        return;
    }
    struct partition_table_check app = partition_table_verify_for_app(bytes);
    FUZZ_CHECK(app.fault == PARTITION_TABLE_OK && app.count == table->count);
    for (uint32_t i = 0; i < app.count; i++) {
        const esp_partition_info_t entry = partition_table_entry(bytes, i);
        FUZZ_CHECK(entry.pos.offset == (uint64_t)table->entries[i].offset);
        FUZZ_CHECK(entry.pos.size == (uint64_t)table->entries[i].size);
    }
}

static void parse(const uint8_t *data, size_t size, const struct partition_csv_options *options)
{
    struct partition_csv_table table;
    struct partition_csv_problem problem;
    if (partition_csv_parse(data, size, options, &table, &problem) == ESP_OK) {
        check_encoded(&table, options);
        partition_csv_free(&table);
    } else {
        FUZZ_CHECK(memchr(problem.text, 0, sizeof(problem.text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    options.warn = ignore_warning;
    parse(data, size, &options);
    options.lookup = look_up;
    options.primary_bootloader_offset = 0x1000;
    options.recovery_bootloader_offset = 0x3F0000;
    options.no_verify = true;
    parse(data, size, &options);
    options.no_verify = false;
    options.no_md5 = true;
    options.secure = PARTITION_CSV_SECURE_V1;
    options.flash_size = 0x400000;
    parse(data, size, &options);
    return 0;
}
