// esp-ota flash read, write, erase: the bytes of one partition.

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "flash_encrypt.h"
#include "open_device.h"

#define SECTOR 4096u

struct access {
    const char *flash;
    const char *label;
    const char *file;
    const char *chip;
    uint32_t table_offset;
    bool is_raw; // what stands on flash, not what it means
};

enum { OPT_PARTITION = 256, OPT_OFFSET, OPT_CHIP, OPT_RAW };

static const struct option OPTIONS[] = {
    {"partition", required_argument, NULL, OPT_PARTITION},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"raw", no_argument, NULL, OPT_RAW},
    {0},
};

static int parse(int argc, char **argv, int file_count, struct access *out)
{
    int option;
    uint64_t offset = 0;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_PARTITION) {
            out->label = optarg;
        } else if (option == OPT_CHIP) {
            out->chip = optarg;
        } else if (option == OPT_RAW) {
            out->is_raw = true;
        } else if (!cli_parse_size(optarg, UINT32_MAX, &offset)) {
            return cli_usage("--offset wants an address such as 0x8000, not \"%s\"", optarg);
        }
    }
    out->table_offset = (uint32_t)offset;
    if (!cli_check_arguments(argc, 1 + file_count, 1 + file_count)) {
        return CLI_USAGE;
    }
    if (!out->label) {
        return cli_usage("--partition LABEL is needed");
    }
    out->flash = argv[optind];
    out->file = file_count ? argv[optind + 1] : NULL;
    return CLI_DONE;
}

// Opens the flash and finds the partition; NULL: said why.
static struct device *open_partition(const struct access *access, bool read_only,
                                     esp_partition_info_t *entry)
{
    struct device_options options = {.read_only = read_only,
                                     .chip = access->chip,
                                     .is_chip_optional = true,
                                     .table_offset = access->table_offset};
    struct device *device = open_device(access->flash, &options);
    if (!device) {
        return NULL;
    }
    int index = device_find_label(device, access->label);
    if (index < 0) {
        cli_report_failure("%s has no partition \"%s\"; esp-ota flash info lists them",
                           access->flash, access->label);
        device_close(device);
        return NULL;
    }
    *entry = device_entry(device, index);
    return device;
}

// Whether what is read or written is ciphertext on flash and plain text in the file.
static bool is_translated(const struct device *device, const struct access *access,
                          const esp_partition_info_t *entry)
{
    return device->encryption && !access->is_raw && partition_table_entry_is_encrypted(entry);
}

static esp_err_t read_bytes(esp_flash_t *flash, bool decrypts, void *out, uint32_t address,
                            uint32_t len)
{
    return decrypts ? esp_flash_read_encrypted(flash, address, out, len)
                    : esp_flash_read(flash, out, address, len);
}

// ----------------------------------------------------------------------- read

static int read_partition(const struct access *access)
{
    esp_partition_info_t entry;
    struct device *device = open_partition(access, true, &entry);
    if (!device) {
        return CLI_FAILED;
    }
    int code = CLI_FAILED;
    uint8_t *bytes = malloc(entry.pos.size ? entry.pos.size : 1);
    bool decrypts = is_translated(device, access, &entry);
    esp_err_t err =
        bytes ? read_bytes(device->flash, decrypts, bytes, entry.pos.offset, entry.pos.size)
              : ESP_ERR_NO_MEM;
    if (err != ESP_OK) {
        cli_report_error(err, "%s: %s cannot be read", access->flash, access->label);
    } else if (cli_write_file(access->file, bytes, entry.pos.size)) {
        code = CLI_DONE;
    }
    free(bytes);
    device_close(device);
    return code;
}

static int run_read(int argc, char **argv)
{
    struct access access = {0};
    int code = parse(argc, argv, 1, &access);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli_is_same_file(access.flash, access.file)) {
        return cli_usage("%s is the device itself: reading into it would replace it by one of its "
                         "partitions",
                         access.file);
    }
    return read_partition(&access);
}

const struct cli_command flash_read_command = {
    .name = "flash read",
    .summary = "copy a partition into a file",
    .usage = "flash read FLASH --partition LABEL [--raw] FILE",
    .help = "Writes all bytes of a partition to FILE (\"-\": standard output), decrypted if it is "
            "encrypted.\n\n"
            "  --partition LABEL  which one; esp-ota flash info lists them\n"
            "  --raw              the bytes as they stand on flash, not decrypted\n"
            "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
            "  --chip C           the chip, for a --flash-key without FLASH.efuse\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n\n"
            "example:  esp-ota flash read dev.bin --partition ota_0 slot.bin\n",
    .run = run_read,
};

// ----------------------------------------------------------------------- write and erase

static bool is_writable(const struct access *access, const esp_partition_info_t *entry)
{
    if (entry->flags & PART_FLAG_READONLY) {
        cli_report_failure("%s: partition %s is read-only; nothing was changed", access->flash,
                           access->label);
        return false;
    }
    return true;
}

static esp_err_t compare(esp_flash_t *flash, const struct cli_bytes *file, uint32_t address,
                         bool decrypts)
{
    uint8_t sector[SECTOR];
    for (size_t at = 0; at < file->len; at += SECTOR) {
        size_t len = file->len - at < SECTOR ? file->len - at : SECTOR;
        esp_err_t err = read_bytes(flash, decrypts, sector, address + (uint32_t)at, (uint32_t)len);
        if (err != ESP_OK) {
            return err;
        }
        if (memcmp(sector, file->bytes + at, len) != 0) {
            return ESP_ERR_FLASH_OP_FAIL;
        }
    }
    return ESP_OK;
}

static esp_err_t replace(esp_flash_t *flash, const struct cli_bytes *file,
                         const esp_partition_pos_t *pos, bool encrypts)
{
    uint32_t len = ((uint32_t)file->len + SECTOR - 1) / SECTOR * SECTOR;
    esp_err_t err = esp_flash_erase_region(flash, pos->offset, len < pos->size ? len : pos->size);
    if (err == ESP_OK) {
        err = encrypts ? flash_encrypt_write(flash, pos->offset, file->bytes, (uint32_t)file->len)
                       : esp_flash_write(flash, file->bytes, pos->offset, (uint32_t)file->len);
    }
    if (err == ESP_OK) {
        err = compare(flash, file, pos->offset, encrypts);
    }
    return err == ESP_OK ? esp_flash_sync(flash) : err;
}

static int write_file_to(struct device *device, const struct access *access,
                         const esp_partition_info_t *entry)
{
    struct cli_bytes file;
    if (!is_writable(access, entry) || !cli_read_file(access->file, UINT32_MAX, &file)) {
        return CLI_FAILED;
    }
    int code = CLI_DONE;
    char size[32];
    if (file.len > entry->pos.size) {
        code = cli_fail("%s has %zu bytes, partition %s has room for %u; nothing was changed",
                        access->file, file.len, access->label, (unsigned)entry->pos.size);
    } else {
        esp_err_t err =
            replace(device->flash, &file, &entry->pos, is_translated(device, access, entry));
        code = err == ESP_OK
                   ? CLI_DONE
                   : cli_fail_with(err, "%s: %s cannot be written", access->flash, access->label);
    }
    if (code == CLI_DONE) {
        cli_say("%s: %s written to %s and read back", access->flash, cli_size_text(file.len, size),
                access->label);
    }
    free(file.bytes);
    return code;
}

static int run_write(int argc, char **argv)
{
    struct access access = {0};
    esp_partition_info_t entry;
    int code = parse(argc, argv, 1, &access);
    if (code != CLI_DONE) {
        return code;
    }
    struct device *device = open_partition(&access, false, &entry);
    if (!device) {
        return CLI_FAILED;
    }
    code = write_file_to(device, &access, &entry);
    device_close(device);
    return code;
}

const struct cli_command flash_write_command = {
    .name = "flash write",
    .summary = "copy a file into a partition",
    .usage = "flash write FLASH --partition LABEL [--raw] FILE",
    .help = "Writes FILE (\"-\": standard input) to the start of a partition: erases the sectors "
            "it needs, writes, reads\n"
            "back. What stands behind in the partition stays. The boot choice does not change. An "
            "encrypted partition\n"
            "gets the file encrypted.\n\n"
            "  --partition LABEL  which one; esp-ota flash info lists them\n"
            "  --raw              the file is what is to stand on flash; it is not encrypted\n"
            "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
            "  --chip C           the chip, for a --flash-key without FLASH.efuse\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n\n"
            "example:  esp-ota flash write dev.bin --partition nvs nvs.bin\n",
    .run = run_write,
};

static int run_erase(int argc, char **argv)
{
    struct access access = {0};
    esp_partition_info_t entry;
    int code = parse(argc, argv, 0, &access);
    if (code != CLI_DONE) {
        return code;
    }
    struct device *device = open_partition(&access, false, &entry);
    if (!device) {
        return CLI_FAILED;
    }
    code = CLI_FAILED;
    if (is_writable(&access, &entry)) {
        esp_err_t err = esp_flash_erase_region(device->flash, entry.pos.offset, entry.pos.size);
        if (err == ESP_OK) {
            err = esp_flash_sync(device->flash);
        }
        code = err == ESP_OK
                   ? CLI_DONE
                   : cli_fail_with(err, "%s: %s cannot be erased", access.flash, access.label);
    }
    if (code == CLI_DONE) {
        cli_say("%s: %s erased", access.flash, access.label);
    }
    device_close(device);
    return code;
}

const struct cli_command flash_erase_command = {
    .name = "flash erase",
    .summary = "erase a partition",
    .usage = "flash erase FLASH --partition LABEL",
    .help = "Sets all bytes of a partition to 0xFF. If it is encrypted they read as noise.\n\n"
            "  --partition LABEL  which one; esp-ota flash info lists them\n"
            "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
            "  --chip C           the chip, for a --flash-key without FLASH.efuse\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n\n"
            "example:  esp-ota flash erase dev.bin --partition nvs\n",
    .run = run_erase,
};
