// Any bytes as a binary partition table: the verdicts of bootloader and application, and the conversion to CSV.

#include <stdlib.h>
#include <string.h>

#include "fuzz_check.h"
#include "partition_csv.h"
#include "partition_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verdicts(const uint8_t *bytes)
{
    const uint32_t flash_size = 0x400000;
    struct partition_table_check check = partition_table_verify(bytes, flash_size);
    struct partition_table_check app = partition_table_verify_for_app(bytes);
    FUZZ_CHECK(check.count <= ESP_PARTITION_TABLE_MAX_ENTRIES);
    FUZZ_CHECK(app.count <= ESP_PARTITION_TABLE_MAX_ENTRIES);
    if (check.fault != PARTITION_TABLE_OK || check.has_md5) {
        return;
    }
    for (uint32_t i = 0; i < check.count; i++) { // without MD5 record entries are all there is
        const esp_partition_info_t entry = partition_table_entry(bytes, i);
        FUZZ_CHECK(entry.magic == ESP_PARTITION_MAGIC);
        FUZZ_CHECK((uint64_t)entry.pos.offset + entry.pos.size <= flash_size);
    }
}

/** Whatever is accepted can be written as text, and encoding it again gives a table the bootloader reads. */
static void convert(const uint8_t *data, size_t size, bool no_verify)
{
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem;
    struct partition_csv_table table;
    options.no_verify = no_verify;
    if (partition_csv_parse_binary(data, size, &options, &table, &problem) != ESP_OK) {
        FUZZ_CHECK(memchr(problem.text, 0, sizeof(problem.text)));
        return;
    }
    char *text;
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    if (partition_csv_format(&table, &options, &text, NULL) == ESP_OK) {
        free(text);
    }
    if (partition_csv_encode(&table, &options, bytes, &problem) == ESP_OK) {
        struct partition_table_check app = partition_table_verify_for_app(bytes);
        FUZZ_CHECK(app.fault == PARTITION_TABLE_OK && app.count == table.count);
    }
    partition_csv_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    memset(bytes, 0xFF, sizeof(bytes));
    if (size > 0) {
        memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
    }
    check_verdicts(bytes);
    convert(data, size, false);
    convert(data, size, true);
    return 0;
}
