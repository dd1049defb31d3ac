// esp-ota partitions gen, partitions show: tables as Espressif's generator makes and reads them.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition_table.h"
#include "table_report.h"

#define FILE_MAX (2048u * 1024 * 1024) // fact: largest flash file (nor_flash.h)

static const char *lookup_variable(void *context, const char *name)
{
    (void)context; // the environment is the process's
    return getenv(name);
}

static void print_warning(void *context, const char *sentence)
{
    const bool *is_quiet = context;
    if (!*is_quiet) {
        cli_warn("%s", sentence);
    }
}

enum { OPT_CSV = 256 };

// ----------------------------------------------------------------------- gen

static int write_table(const struct partition_csv_table *table,
                       const struct partition_csv_options *options, const char *out, bool is_quiet)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct partition_csv_problem problem = {0};
    if (partition_csv_encode(table, options, bytes, &problem) != ESP_OK) {
        return cli_fail("%s", problem.text);
    }
    if (!cli_write_file(out, bytes, sizeof(bytes))) {
        return CLI_FAILED;
    }
    if (!is_quiet) {
        cli_say("%s: %u partitions", out, (unsigned)table->count);
    }
    return CLI_DONE;
}

static int write_csv(const struct partition_csv_table *table,
                     const struct partition_csv_options *options, const char *out)
{
    char *text;
    size_t len;
    if (partition_csv_format(table, options, &text, &len) != ESP_OK) {
        return cli_fail("not enough memory for the table");
    }
    bool is_written = cli_write_file(out, text, len);
    free(text);
    return is_written ? CLI_DONE : CLI_FAILED;
}

static int convert(const char *in, const char *out, const struct partition_csv_options *options,
                   bool is_quiet)
{
    struct cli_bytes file;
    struct partition_csv_table table;
    if (!cli_read_file(in, FILE_MAX, &file)) {
        return CLI_FAILED;
    }
    int code = CLI_FAILED;
    if (table_parse(in, file.bytes, file.len, options, &table)) {
        code = partition_csv_is_binary(file.bytes, file.len)
                   ? write_csv(&table, options, out)
                   : write_table(&table, options, out, is_quiet);
        partition_csv_free(&table);
    }
    free(file.bytes);
    return code;
}

static int run_gen(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"quiet", no_argument, NULL, 'q'}, {0}};
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    bool is_quiet = false;
    options.lookup = lookup_variable;
    options.warn = print_warning;
    options.context = &is_quiet;
    if (!table_take_options(&argc, argv, &options)) {
        return CLI_USAGE;
    }
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option != 'q') {
            return CLI_USAGE;
        }
        is_quiet = true;
    }
    if (!cli_check_arguments(argc, 2, 2)) {
        return CLI_USAGE;
    }
    if (cli_is_same_file(argv[optind], argv[optind + 1])) {
        return cli_usage("%s would be replaced by what is made of it; give another OUT",
                         argv[optind]);
    }
    return convert(argv[optind], argv[optind + 1], &options, is_quiet);
}

const struct cli_command partitions_gen_command = {
    .name = "partitions gen",
    .summary = "make a binary partition table from CSV",
    .usage = "partitions gen TABLE.csv OUT.bin [-q] [OPTIONS]",
    .help =
        "Makes the bytes that Espressif's generator makes and refuses what it refuses. From a "
        "binary table it\n"
        "makes CSV. \"-\" is standard input or output. Options, as the generator's:\n\n"
        "  -o, --offset N                  where the table stands on flash; 0x8000 if not given\n"
        "  --flash-size 4MB                refuse partitions beyond this size (1MB ... 128MB)\n"
        "  --disable-md5sum, --no-md5      no MD5 record, for bootloaders before ESP-IDF v3.1\n"
        "  --secure [v1|v2]                app sizes as secure boot needs them\n"
        "  --no-verify                     skip the checks on overlap, alignment, names and sizes\n"
        "  -v, --verify                    nothing: they are done unless --no-verify stands here\n"
        "  --primary-bootloader-offset N   where entries bootloader/primary stand\n"
        "  --recovery-bootloader-offset N  where entries bootloader/recovery stand\n"
        "  --extra-partition-subtypes TYPE,NAME,HEX ...   more words for subtypes\n"
        "  -q, --quiet                     no messages but errors\n\n"
        "example:  esp-ota partitions gen two_ota.csv two_ota.bin --flash-size 4MB\n",
    .run = run_gen,
};

// ----------------------------------------------------------------------- show

// A whole flash file is told by the table's magic at its offset; CSV has none there.
static bool find_table_in_flash(const struct cli_bytes *file, uint32_t offset,
                                const uint8_t **table)
{
    if (file->len < (size_t)offset + ESP_PARTITION_TABLE_MAX_LEN ||
        !partition_csv_is_binary(file->bytes + offset, 2)) {
        return false;
    }
    *table = file->bytes + offset;
    return true;
}

static bool check_flash_table(const char *path, const uint8_t *table, size_t flash_size)
{
    uint32_t size = flash_size < UINT32_MAX ? (uint32_t)flash_size : UINT32_MAX;
    struct partition_table_check check = partition_table_verify(table, size);
    if (check.fault != PARTITION_TABLE_OK) {
        cli_report_failure("%s: partition table, record %u: %s", path, (unsigned)check.index,
                           partition_table_fault_text(check.fault));
    }
    return check.fault == PARTITION_TABLE_OK;
}

static int print_table(const struct partition_csv_table *table,
                       const struct partition_csv_options *options, bool is_csv)
{
    if (is_csv) {
        return write_csv(table, options, "-");
    }
    if (!cli_is_json()) {
        return table_print(table, options) ? CLI_DONE : CLI_FAILED;
    }
    json_t *list = table_to_json(table, options);
    if (!list) {
        return CLI_FAILED;
    }
    cli_print_json(json_pack("{s:o}", "partitions", list));
    return CLI_DONE;
}

static int show(const char *path, struct partition_csv_options *options, bool is_csv)
{
    struct cli_bytes file;
    struct partition_csv_table table;
    const uint8_t *flash_table = NULL;
    if (!cli_read_file(path, FILE_MAX, &file)) {
        return CLI_FAILED;
    }
    const void *bytes = file.bytes;
    size_t len = file.len;
    int code = CLI_FAILED;
    bool is_binary = partition_csv_is_binary(file.bytes, file.len);
    bool is_good = true;
    if (!is_binary && find_table_in_flash(&file, options->table_offset, &flash_table)) {
        is_good = check_flash_table(path, flash_table, file.len);
        bytes = flash_table;
        len = ESP_PARTITION_TABLE_MAX_LEN;
        options->no_verify = true; // the bootloader's own checks have passed
    } else if (!is_binary && file.len > 0 && (memchr(bytes, 0, len) || file.bytes[0] == 0xFF)) {
        is_good = false;
        cli_report_failure("%s: neither CSV nor a binary table, and no table at 0x%x; a table that "
                           "stands elsewhere "
                           "needs --offset",
                           path, (unsigned)options->table_offset);
    }
    if (is_good && table_parse(path, bytes, len, options, &table)) {
        code = print_table(&table, options, is_csv);
        partition_csv_free(&table);
    }
    free(file.bytes);
    return code;
}

static int run_show(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"json", no_argument, NULL, CLI_OPTION_JSON},
                                            {"csv", no_argument, NULL, OPT_CSV},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {0}};
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    bool is_csv = false;
    bool is_quiet = false;
    options.lookup = lookup_variable;
    options.warn = print_warning;
    options.context = &is_quiet;
    if (!table_take_options(&argc, argv, &options)) {
        return CLI_USAGE;
    }
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        is_csv = is_csv || option == OPT_CSV;
        is_quiet = is_quiet || option == 'q';
    }
    if (is_csv && cli_is_json()) {
        return cli_usage("--csv and --json exclude each other");
    }
    return cli_check_arguments(argc, 1, 1) ? show(argv[optind], &options, is_csv) : CLI_USAGE;
}

const struct cli_command partitions_show_command = {
    .name = "partitions show",
    .summary = "show a partition table: binary, CSV, or the one in a flash file",
    .usage = "partitions show FILE [--csv|--json] [OPTIONS]",
    .help = "Shows the table in FILE: a binary table, CSV, or a whole flash file (\"-\": standard "
            "input).\n"
            "--csv writes it as Espressif's generator does. Further options as for partitions gen; "
            "--offset says\n"
            "where the table of a flash file stands.\n\n"
            "example:  esp-ota partitions show dev.bin --csv\n",
    .run = run_show,
};
