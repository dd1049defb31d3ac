// esp-ota flash create: a device as it leaves the factory. Everything is checked and written under another name first; the
// names that count appear when all is well.
#define _DEFAULT_SOURCE

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chip_traits.h"
#include "flash_encrypt.h"
#include "image_file.h"
#include "nor_flash.h"
#include "partition_csv.h"
#include "partition_table.h"
#include "sim_efuse.h"

#define TABLE_OFFSET   0x8000u
#define TABLE_FILE_MAX (1024u * 1024) // chosen: far above any table
#define PUT_MAX        95             // fact: entries of a table

struct put {
    const char *file;
    char label[17];
    struct cli_bytes content;
    esp_partition_info_t entry;
};

struct creation {
    const char *out;
    const char *partitions;
    const struct chip_traits *chip;
    struct chip_identity identity;
    uint64_t size;
    bool has_chip_rev;
    bool has_block_rev;
    bool no_efuse;
    bool is_forced;
    struct put puts[PUT_MAX];
    uint32_t put_count;
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct partition_table_check check;
    const char *key_file; // of the flash encryption; NULL: off
    struct cli_bytes key;
    struct flash_encryption cipher;
};

// ----------------------------------------------------------------------- the table

static const char *lookup_variable(void *context, const char *name)
{
    (void)context; // the environment is the process's
    return getenv(name);
}

static bool encode_csv(struct creation *c, const struct cli_bytes *file)
{
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {.text = "not enough memory"};
    struct partition_csv_table table;
    options.lookup = lookup_variable;
    options.flash_size = c->size;
    options.primary_bootloader_offset = c->chip->bootloader_offset;
    if (partition_csv_parse(file->bytes, file->len, &options, &table, &problem) != ESP_OK) {
        cli_report_failure("%s: %s", c->partitions, problem.text);
        return false;
    }
    esp_err_t err = partition_csv_encode(&table, &options, c->table, &problem);
    partition_csv_free(&table);
    if (err != ESP_OK) {
        cli_report_failure("%s: %s", c->partitions, problem.text);
    }
    return err == ESP_OK;
}

static bool load_table(struct creation *c)
{
    struct cli_bytes file;
    if (!cli_read_file(c->partitions, TABLE_FILE_MAX, &file)) {
        return false;
    }
    bool is_good = true;
    memset(c->table, 0xFF, sizeof(c->table));
    if (!partition_csv_is_binary(file.bytes, file.len)) {
        is_good = encode_csv(c, &file);
    } else {
        memcpy(c->table, file.bytes, file.len < sizeof(c->table) ? file.len : sizeof(c->table));
    }
    free(file.bytes);
    if (!is_good) {
        return false;
    }
    c->check = partition_table_verify(c->table, (uint32_t)c->size);
    if (c->check.fault == PARTITION_TABLE_BAD_SIZE) {
        char size[32];
        cli_report_failure("%s: partition %u reaches behind the end of a flash of %s",
                           c->partitions, (unsigned)c->check.index, cli_size_text(c->size, size));
    } else if (c->check.fault != PARTITION_TABLE_OK) {
        cli_report_failure("%s: record %u: %s", c->partitions, (unsigned)c->check.index,
                           partition_table_fault_text(c->check.fault));
    }
    if (c->check.fault == PARTITION_TABLE_OK && c->check.count == 0) {
        cli_report_failure("%s holds no partition", c->partitions);
        return false;
    }
    return c->check.fault == PARTITION_TABLE_OK;
}

static bool find_partition(const struct creation *c, struct put *put)
{
    for (uint32_t i = 0; i < c->check.count; i++) {
        put->entry = partition_table_entry(c->table, i);
        if (strncmp((const char *)put->entry.label, put->label, sizeof(put->entry.label)) == 0) {
            return true;
        }
    }
    if (strcmp(put->label, "bootloader") == 0) { // tables seldom list it
        uint32_t offset = c->chip->bootloader_offset;
        put->entry = (esp_partition_info_t){
            .type = PART_TYPE_BOOTLOADER, .pos = {.offset = offset, .size = TABLE_OFFSET - offset}};
        return true;
    }
    cli_report_failure("--put %s: %s has no partition of this name", put->label, c->partitions);
    return false;
}

// ----------------------------------------------------------------------- what is put where

static bool load_puts(struct creation *c)
{
    for (uint32_t i = 0; i < c->put_count; i++) {
        struct put *put = &c->puts[i];
        if (!find_partition(c, put) || !cli_read_file(put->file, UINT32_MAX, &put->content)) {
            return false;
        }
        if (put->content.len > put->entry.pos.size) {
            cli_report_failure("%s has %zu bytes, %s has room for %u", put->file, put->content.len,
                               put->label, (unsigned)put->entry.pos.size);
            return false;
        }
    }
    return true;
}

// chosen: revisions sold when this was written, so that firmware with current defaults runs on a new device
static uint16_t usual_revision(esp_chip_id_t chip)
{
    switch (chip) {
    case ESP_CHIP_ID_ESP32:
        return 301;
    case ESP_CHIP_ID_ESP32S2:
    case ESP_CHIP_ID_ESP32C5:
    case ESP_CHIP_ID_ESP32C61:
        return 100;
    case ESP_CHIP_ID_ESP32S3:
    case ESP_CHIP_ID_ESP32C6:
        return 2;
    case ESP_CHIP_ID_ESP32C2:
    case ESP_CHIP_ID_ESP32H2:
        return 102;
    case ESP_CHIP_ID_ESP32C3:
        return 101;
    case ESP_CHIP_ID_ESP32P4:
        return 301;
    default:
        return 0;
    }
}

// A revision that was not given suits the images: the usual one, or what an image asks for instead.
static void choose_revisions(struct creation *c)
{
    if (!c->has_chip_rev) {
        c->identity.chip_rev = usual_revision(c->identity.chip_id);
    }
    for (uint32_t i = 0; i < c->put_count; i++) {
        const struct put *put = &c->puts[i];
        struct image_wish wish = {.flash_offset = put->entry.pos.offset};
        struct image_rules rules = image_file_rules(&wish, &put->content);
        esp_image_header_t header;
        if (put->entry.type != PART_TYPE_APP || put->content.len < sizeof(header) ||
            rules.chip.chip_id != c->identity.chip_id) {
            continue;
        }
        memcpy(&header, put->content.bytes, sizeof(header));
        bool is_limited = header.max_chip_rev_full != 0 && header.max_chip_rev_full != UINT16_MAX;
        uint16_t *rev = &c->identity.chip_rev;
        if (!c->has_chip_rev &&
            (header.min_chip_rev_full > *rev || (is_limited && header.max_chip_rev_full < *rev))) {
            *rev = header.min_chip_rev_full;
        }
        if (!c->has_block_rev && rules.chip.blk_rev > c->identity.blk_rev) {
            c->identity.blk_rev = rules.chip.blk_rev;
        }
    }
}

static bool verify_puts(const struct creation *c)
{
    for (uint32_t i = 0; i < c->put_count; i++) {
        const struct put *put = &c->puts[i];
        struct image_rules rules = {.chip = c->identity,
                                    .flash_offset = put->entry.pos.offset,
                                    .partition_size = put->entry.pos.size};
        struct image_info info;
        char sentence[160];
        if (put->entry.type != PART_TYPE_APP || c->is_forced) {
            continue;
        }
        enum image_fault fault = image_file_verify(&put->content, &rules, &info);
        if (fault != IMAGE_OK) {
            cli_report_failure(
                "%s would not boot from %s: %s: %s (--force puts it there all the same)", put->file,
                put->label, image_fault_name(fault),
                image_fault_sentence(fault, &info, &rules, sentence, sizeof(sentence)));
            return false;
        }
    }
    return true;
}

// ----------------------------------------------------------------------- writing

static esp_err_t program_put(esp_flash_t *flash, const struct put *put)
{
    const esp_partition_info_t *entry = &put->entry;
    bool encrypts = flash_is_encrypted(flash) && partition_table_entry_is_encrypted(entry);
    uint32_t len = (uint32_t)put->content.len;
    return encrypts ? flash_encrypt_write(flash, entry->pos.offset, put->content.bytes, len)
                    : esp_flash_write(flash, put->content.bytes, entry->pos.offset, len);
}

static bool is_put(const struct creation *c, uint32_t offset)
{
    uint32_t i = 0;
    while (i < c->put_count && c->puts[i].entry.pos.offset != offset) {
        i++;
    }
    return i < c->put_count;
}

// Flashing a new device writes otadata too: 0xFF, encrypted. Left erased it would decrypt to noise instead of empty records.
static esp_err_t program_empty_otadata(esp_flash_t *flash, const struct creation *c)
{
    uint8_t empty[4096];
    esp_err_t err = ESP_OK;
    memset(empty, 0xFF, sizeof(empty));
    for (uint32_t i = 0; i < c->check.count; i++) {
        esp_partition_info_t entry = partition_table_entry(c->table, i);
        bool is_otadata = entry.type == PART_TYPE_DATA && entry.subtype == PART_SUBTYPE_DATA_OTA;
        if (!is_otadata || is_put(c, entry.pos.offset)) {
            continue;
        }
        for (uint32_t at = 0; at + sizeof(empty) <= entry.pos.size && err == ESP_OK;
             at += sizeof(empty)) {
            err = esp_flash_write_encrypted(flash, entry.pos.offset + at, empty, sizeof(empty));
        }
    }
    return err;
}

static esp_err_t program(esp_flash_t *flash, const struct creation *c)
{
    esp_err_t err = flash_plain_write(flash, c->table, TABLE_OFFSET, sizeof(c->table));
    if (err == ESP_OK && flash_is_encrypted(flash)) {
        err = program_empty_otadata(flash, c);
    }
    for (uint32_t i = 0; i < c->put_count && err == ESP_OK; i++) {
        err = program_put(flash, &c->puts[i]);
    }
    return err == ESP_OK ? esp_flash_sync(flash) : err;
}

static esp_err_t write_flash(struct creation *c, const char *path)
{
    esp_flash_t *flash;
    esp_err_t err = nor_flash_create(path, (uint32_t)c->size);
    if (err != ESP_OK) {
        return err;
    }
    err = nor_flash_open(path, false, &flash);
    if (err != ESP_OK) {
        return err;
    }
    flash->cipher = c->key_file ? &c->cipher.base : NULL;
    err = program(flash, c);
    nor_flash_close(flash);
    return err;
}

static esp_err_t burn(struct efuse *efuse, enum efuse_field field, uint8_t value)
{
    const uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {value};
    return efuse->ops->bit_count(efuse, field) > 0 ? efuse->ops->burn(efuse, field, bits) : ESP_OK;
}

static esp_err_t write_efuse(const struct creation *c, const char *path)
{
    struct efuse *efuse = NULL;
    esp_err_t err = sim_efuse_create(path, &c->identity);
    if (err != ESP_OK || !c->key_file) {
        return err;
    }
    err = sim_efuse_open(path, NULL, &efuse);
    if (err == ESP_OK) {
        err = burn(efuse, EFUSE_FLASH_CRYPT_CONFIG, FLASH_CRYPT_CONFIG_DEFAULT);
    }
    if (err == ESP_OK) {
        err = burn(efuse, EFUSE_FLASH_CRYPT_CNT, 1);
    }
    sim_efuse_close(efuse);
    return err;
}

// For its owner only.
static bool write_key(const struct creation *c, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written =
        fd >= 0 && write(fd, c->key.bytes, c->key.len) == (ssize_t)c->key.len && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0 && close(fd) != 0) {
        is_written = false;
    }
    if (!is_written) {
        cli_report_failure("%s.key cannot be created: %s", c->out, strerror(number));
    }
    return is_written;
}

// Without eFuses nothing would look for it.
static bool keeps_key(const struct creation *c)
{
    return c->key_file && !c->no_efuse;
}

static bool publish(const char *part, const char *path)
{
    if (rename(part, path) == 0) {
        return true;
    }
    cli_report_failure("%s cannot be created: %s", path, strerror(errno));
    return false;
}

// Key and eFuses get their names first: a flash file without them is a device of unknown chip, the other way round nothing is.
static bool publish_all(const struct creation *c, const char *part, const char *part_efuse,
                        const char *part_key)
{
    char efuse[PATH_MAX];
    char key[PATH_MAX];
    (void)snprintf(efuse, sizeof(efuse), "%s.efuse", c->out); // shorter than part_efuse, which fits
    (void)snprintf(key, sizeof(key), "%s.key", c->out);       // the same
    if (!keeps_key(c)) {
        (void)unlink(key); // of a device that is replaced
    } else if (!publish(part_key, key)) {
        return false;
    }
    if (c->no_efuse) {
        (void)unlink(efuse); // of a device that is replaced
    } else if (!publish(part_efuse, efuse)) {
        return false;
    }
    if (publish(part, c->out)) {
        return true;
    }
    if (access(c->out, F_OK) != 0) {
        (void)unlink(efuse);
        (void)unlink(key);
    }
    return false;
}

static int create(struct creation *c)
{
    char part[PATH_MAX];
    char part_efuse[PATH_MAX];
    char part_key[PATH_MAX];
    int len = snprintf(part, sizeof(part), "%s.%ld.part", c->out, (long)getpid());
    int efuse_len =
        snprintf(part_efuse, sizeof(part_efuse), "%s.%ld.part.efuse", c->out, (long)getpid());
    if (len < 0 || efuse_len < 0 || (size_t)efuse_len >= sizeof(part_efuse)) {
        return cli_fail("%s: %s", c->out, strerror(ENAMETOOLONG));
    }
    (void)snprintf(part_key, sizeof(part_key), "%s.%ld.part.key", c->out, (long)getpid()); // fits
    esp_err_t err = write_flash(c, part);
    if (err == ESP_OK && !c->no_efuse) {
        err = write_efuse(c, part_efuse);
    }
    int code = CLI_DONE;
    if (err != ESP_OK) {
        code = cli_fail_with(err, "%s cannot be created", c->out);
    } else if ((keeps_key(c) && !write_key(c, part_key)) ||
               !publish_all(c, part, part_efuse, part_key)) {
        code = CLI_FAILED;
    }
    if (code != CLI_DONE) {
        (void)unlink(part_key);   // may be gone
        (void)unlink(part);       // may be gone
        (void)unlink(part_efuse); // may be gone
    }
    return code;
}

static const char *encryption_name(const struct creation *c)
{
    return flash_encryption_name(flash_encryption_scheme_of(c->identity.chip_id), c->key.len);
}

static void report(const struct creation *c)
{
    char size[32];
    char rev[16];
    if (!cli_is_json()) {
        cli_say("%s: %s %s with %s of flash, %u partitions%s", c->out, c->chip->name,
                cli_revision_text(c->identity.chip_rev, rev), cli_size_text(c->size, size),
                (unsigned)c->check.count, c->put_count ? "" : ", nothing on it yet");
        if (c->key_file) {
            cli_say("its flash is encrypted with %s; %s%s", encryption_name(c),
                    c->no_efuse ? "each command needs --flash-key " : "the key is beside it",
                    c->no_efuse ? c->key_file : "");
        }
        cli_say("next: esp-ota flash info %s", c->out);
        return;
    }
    cli_print_json(json_pack("{s:o, s:s, s:i, s:i, s:I, s:I, s:s?}", "flash",
                             cli_json_text(c->out, strlen(c->out)), "chip", c->chip->name,
                             "chip_rev", c->identity.chip_rev, "block_rev", c->identity.blk_rev,
                             "size", (json_int_t)c->size, "partitions", (json_int_t)c->check.count,
                             "encryption", c->key_file ? encryption_name(c) : NULL));
}

// Said now, with the name that was asked for; later it would be the name under which the file is written first.
static bool can_create_in_folder(const char *path)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path); // a name that is cut is refused later
    if (access(dirname(folder), W_OK | X_OK) == 0) {
        return true;
    }
    cli_report_failure("%s cannot be created: %s", path, strerror(errno));
    return false;
}

// The lock is kept until the process ends: nobody begins to use the device while it is replaced.
static bool can_replace(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    cli_report_failure("%s is in use by another process; wait until that ends", path);
    (void)close(fd); // only looked at
    return false;
}

static int check_out(const struct creation *c)
{
    struct stat info;
    if (strcmp(c->out, "-") == 0) {
        return cli_usage("a device is a file beside its eFuses, not standard output");
    }
    if (!can_create_in_folder(c->out)) {
        return CLI_FAILED;
    }
    if (stat(c->out, &info) == 0 && !S_ISREG(info.st_mode)) {
        return cli_fail("%s is not a plain file; give another name", c->out);
    }
    if (!c->is_forced && access(c->out, F_OK) == 0) {
        return cli_fail("%s exists; --force replaces it", c->out);
    }
    if (!can_replace(c->out)) {
        return CLI_FAILED;
    }
    char efuse[PATH_MAX];
    (void)snprintf(efuse, sizeof(efuse), "%s.efuse", c->out); // a cut name exists nowhere
    if (!c->is_forced && access(efuse, F_OK) == 0) {
        return cli_fail("%s exists, the eFuses of another device; --force replaces it", efuse);
    }
    (void)snprintf(efuse, sizeof(efuse), "%s.key", c->out);
    if (!c->is_forced && access(efuse, F_OK) == 0) {
        return cli_fail("%s exists, the key of another device; --force replaces it", efuse);
    }
    return CLI_DONE;
}

static bool load_key(struct creation *c)
{
    if (!c->key_file) {
        return true;
    }
    if (!cli_read_file(c->key_file, FLASH_KEY_FILE_MAX, &c->key)) {
        return false;
    }
    enum flash_scheme scheme = flash_encryption_scheme_of(c->identity.chip_id);
    esp_err_t err = flash_encryption_init(&c->cipher, scheme, c->key.bytes, c->key.len,
                                          FLASH_CRYPT_CONFIG_DEFAULT);
    if (err == ESP_ERR_INVALID_SIZE) {
        cli_report_failure("%s has %zu bytes; a key for the flash encryption of %s has %s",
                           c->key_file, c->key.len, c->chip->name, flash_key_lens_text(scheme));
    } else if (err != ESP_OK) {
        cli_report_error(err, "%s cannot be used", c->key_file);
    }
    return err == ESP_OK;
}

static int run_creation(struct creation *c)
{
    int code = check_out(c);
    if (code != CLI_DONE) {
        return code;
    }
    if (!load_key(c) || !load_table(c) || !load_puts(c)) {
        return CLI_FAILED;
    }
    choose_revisions(c);
    if (!verify_puts(c)) {
        return CLI_FAILED;
    }
    code = create(c);
    if (code == CLI_DONE) {
        report(c);
    }
    return code;
}

// ----------------------------------------------------------------------- command line

enum {
    OPT_CHIP = 256,
    OPT_SIZE,
    OPT_PARTITIONS,
    OPT_PUT,
    OPT_CHIP_REV,
    OPT_BLOCK_REV,
    OPT_NO_EFUSE,
    OPT_ENCRYPT_KEY,
    OPT_FORCE
};

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"size", required_argument, NULL, OPT_SIZE},
    {"partitions", required_argument, NULL, OPT_PARTITIONS},
    {"put", required_argument, NULL, OPT_PUT},
    {"chip-rev", required_argument, NULL, OPT_CHIP_REV},
    {"blk-rev", required_argument, NULL, OPT_BLOCK_REV},
    {"block-rev", required_argument, NULL, OPT_BLOCK_REV},
    {"no-efuse", no_argument, NULL, OPT_NO_EFUSE},
    {"encrypt-key", required_argument, NULL, OPT_ENCRYPT_KEY},
    {"force", no_argument, NULL, OPT_FORCE},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int take_put(struct creation *c)
{
    const char *equals = strchr(optarg, '=');
    if (!equals || equals == optarg || (size_t)(equals - optarg) > 16 || !equals[1]) {
        return cli_usage("--put wants LABEL=FILE, for example factory=v1.bin");
    }
    if (c->put_count == PUT_MAX) {
        return cli_usage("more --put than a table has partitions");
    }
    struct put *put = &c->puts[c->put_count++];
    put->file = equals + 1;
    memcpy(put->label, optarg, (size_t)(equals - optarg));
    for (struct put *other = c->puts; other < put; other++) {
        if (strcmp(other->label, put->label) == 0) {
            return cli_usage("--put %s is there twice", put->label);
        }
    }
    return CLI_DONE;
}

static int take_option(int option, struct creation *c)
{
    switch (option) {
    case OPT_CHIP:
        c->chip = chip_traits_by_name(optarg);
        return c->chip ? CLI_DONE : cli_usage("--chip: \"%s\" is no chip known here", optarg);
    case OPT_SIZE:
        return cli_parse_size(optarg, UINT32_MAX, &c->size)
                   ? CLI_DONE
                   : cli_usage("--size wants something like 4MB, not \"%s\"", optarg);
    case OPT_PARTITIONS:
        c->partitions = optarg;
        return CLI_DONE;
    case OPT_PUT:
        return take_put(c);
    case OPT_CHIP_REV:
        c->has_chip_rev = cli_parse_revision(optarg, &c->identity.chip_rev);
        return c->has_chip_rev
                   ? CLI_DONE
                   : cli_usage("--chip-rev wants something like 301 or v3.1, not \"%s\"", optarg);
    case OPT_BLOCK_REV:
        c->has_block_rev = cli_parse_revision(optarg, &c->identity.blk_rev);
        return c->has_block_rev
                   ? CLI_DONE
                   : cli_usage("--blk-rev wants something like 1 or v0.1, not \"%s\"", optarg);
    case OPT_ENCRYPT_KEY:
        c->key_file = optarg;
        return CLI_DONE;
    case OPT_NO_EFUSE:
        c->no_efuse = true;
        return CLI_DONE;
    case OPT_FORCE:
        c->is_forced = true;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, struct creation *c)
{
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, c);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    if (!c->chip || c->size == 0 || !c->partitions) {
        return cli_usage("--chip, --size and --partitions are needed");
    }
    if (c->size % 4096 != 0 || c->size < TABLE_OFFSET + 0x1000 || c->size > 0x80000000u) {
        return cli_usage("--size is a multiple of 4096, from 0x9000 to 2GB");
    }
    c->out = argv[optind];
    c->identity.chip_id = c->chip->id;
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    struct creation *c = calloc(1, sizeof(*c));
    if (!c) {
        return cli_fail("not enough memory");
    }
    int code = parse(argc, argv, c);
    if (code == CLI_DONE) {
        code = run_creation(c);
    }
    for (uint32_t i = 0; i < c->put_count; i++) {
        free(c->puts[i].content.bytes);
    }
    if (c->key.bytes) {
        esp_crypto_secret.wipe(c->key.bytes, c->key.len);
        free(c->key.bytes);
    }
    flash_encryption_deinit(&c->cipher);
    free(c);
    return code;
}

const struct cli_command flash_create_command = {
    .name = "flash create",
    .summary = "make a device: a flash file with a partition table and images",
    .usage =
        "flash create OUT --chip CHIP --size 4MB --partitions TABLE.csv|.bin [--put LABEL=FILE]...",
    .help =
        "Makes OUT, byte for byte the flash of a device, and OUT.efuse, what its chip is. If "
        "anything is wrong\n"
        "neither is made.\n\n"
        "  --chip CHIP         e.g. esp32, esp32s3, esp32c3\n"
        "  --size SIZE         4MB, 4M, 4194304 and 0x400000 are the same\n"
        "  --partitions FILE   partition table, as CSV or binary\n"
        "  --put LABEL=FILE    writes FILE into that partition; images are verified first;\n"
        "                      bootloader=FILE puts a bootloader where the chip looks for it\n"
        "  --chip-rev N        chip revision, e.g. 301 or v3.1; if not given a current one "
        "that suits the images\n"
        "  --blk-rev N         eFuse block revision; if not given what the images ask for\n"
        "  --encrypt-key FILE  encrypts the flash with this key, as ESP-IDF's flash encryption "
        "would: esp32 with 32\n"
        "                      bytes (or 24), the others with 32, 64 or 16; a copy of it is made, "
        "OUT.key\n"
        "  --no-efuse          no OUT.efuse, as if OUT were dumped from a real device\n"
        "  --force             replace OUT, and put images even if they would not boot\n"
        "  --json              what was made, as JSON\n\n"
        "example:  esp-ota flash create dev.bin --chip esp32 --size 4MB --partitions "
        "two_ota.csv \\\n"
        "              --put factory=v1.bin\n",
    .run = run,
};
