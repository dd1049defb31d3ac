// esp-ota flash info: everything that matters about a device, on one screen.

#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "chip_traits.h"
#include "image_file.h"
#include "open_device.h"
#include "table_report.h"

struct slot_report {
    char label[17];
    esp_partition_info_t entry;
    bool is_empty;
    enum image_fault fault;
    struct image_rules rules;
    struct image_info info;
};

// ----------------------------------------------------------------------- looking

static bool is_erased_at(struct device *device, uint32_t address)
{
    uint8_t start[256];
    if (esp_flash_read(device->flash, start, address, sizeof(start)) != ESP_OK) {
        return false;
    }
    return start[0] == 0xFF && memcmp(start, start + 1, sizeof(start) - 1) == 0;
}

static void look_at_slot(struct device *device, const esp_partition_info_t *entry,
                         struct slot_report *out)
{
    memset(out, 0, sizeof(*out));
    out->entry = *entry;
    cli_clean_text(entry->label, sizeof(entry->label), out->label);
    out->is_empty = is_erased_at(device, entry->pos.offset);
    out->rules = (struct image_rules){.chip = device->chip,
                                      .flash_offset = entry->pos.offset,
                                      .partition_size = entry->pos.size,
                                      .signature = &device->boot_policy};
    out->fault = image_verify_flash(device->flash, &out->rules, &out->info);
}

static bool is_app_slot(const esp_partition_info_t *entry)
{
    return entry->type == PART_TYPE_APP;
}

static bool load_csv_table(const char *path, const struct device *device,
                           struct partition_csv_options *options, struct partition_csv_table *out)
{
    *options = (struct partition_csv_options)PARTITION_CSV_OPTIONS_DEFAULT();
    options->no_verify = true; // the bootloader's own checks have passed
    options->no_md5 = !device->table_check.has_md5;
    const struct chip_traits *traits = chip_traits_by_id(device->chip.chip_id);
    if (traits) {
        options->primary_bootloader_offset = traits->bootloader_offset;
    }
    return table_parse(path, device->table, sizeof(device->table), options, out);
}

static const char *chip_source_text(enum device_chip_source source)
{
    static const char *const TEXTS[] = {
        [DEVICE_CHIP_UNKNOWN] = "no image tells",
        [DEVICE_CHIP_GIVEN] = "as given",
        [DEVICE_CHIP_FROM_EFUSE] = "eFuses",
        [DEVICE_CHIP_FROM_IMAGES] = "told by the images on it; no eFuse file",
    };
    return TEXTS[source];
}

// ----------------------------------------------------------------------- text

static void print_device(const char *path, const struct device *device)
{
    char size[32];
    char rev[16];
    bool is_known = device->chip_source != DEVICE_CHIP_UNKNOWN;
    printf("%s: %s of flash, %s%s%s (%s)\n", path, cli_size_text(device->flash_size, size),
           is_known ? chip_name(device->chip.chip_id) : "chip unknown", is_known ? " " : "",
           is_known ? cli_revision_text(device->chip.chip_rev, rev) : "",
           chip_source_text(device->chip_source));
    if (device->encryption) {
        printf("flash encryption on, %s; an erased partition reads as noise\n", device->encryption);
    }
}

static void print_slot(const struct slot_report *slot)
{
    char name[80];
    char size[32];
    char sentence[160];
    if (slot->is_empty) {
        printf("  %-16s empty\n", slot->label);
        return;
    }
    image_report_name(&slot->info, name);
    if (slot->fault == IMAGE_OK) {
        printf("  %-16s valid: %s for %s, %s\n", slot->label, name[0] ? name : "an image",
               chip_name(slot->info.header.chip_id), cli_size_text(slot->info.image_len, size));
        return;
    }
    printf("  %-16s NOT VALID (%s): %s%s%s\n", slot->label, image_fault_name(slot->fault),
           image_fault_sentence(slot->fault, &slot->info, &slot->rules, sentence, sizeof(sentence)),
           name[0] ? ": " : "", name);
}

static void print_slots(struct device *device)
{
    static struct slot_report slot; // large
    for (int i = 0; i < (int)device->table_check.count; i++) {
        esp_partition_info_t entry = device_entry(device, i);
        if (is_app_slot(&entry)) {
            look_at_slot(device, &entry, &slot);
            print_slot(&slot);
        }
    }
}

static bool print_all(const char *path, struct device *device, bool rollback,
                      const struct boot_decision *decision)
{
    struct partition_csv_options options;
    struct partition_csv_table table;
    if (!load_csv_table(path, device, &options, &table)) {
        return false;
    }
    print_device(path, device);
    printf("\npartition table at 0x%x, %s\n", (unsigned)device->table_offset,
           device->table_check.has_md5 ? "MD5 right" : "without MD5");
    bool is_printed = table_print(&table, &options);
    partition_csv_free(&table);
    if (decision->has_otadata) {
        printf("\notadata at 0x%x\n", (unsigned)device->slots.otadata.offset);
        records_print(device, decision->before);
    } else {
        printf("\nno otadata partition\n");
    }
    printf("\nimages\n");
    print_slots(device);
    printf("\nnext boot, with rollback %s\n", rollback ? "on" : "off");
    decision_print(device, decision);
    return is_printed;
}

// ----------------------------------------------------------------------- JSON

static json_t *slot_to_json(const struct slot_report *slot)
{
    char sentence[160];
    json_t *item = json_object();
    json_object_set_new(item, "label", cli_json_text(slot->label, sizeof(slot->label)));
    json_object_set_new(item, "offset", json_integer(slot->entry.pos.offset));
    json_object_set_new(item, "size", json_integer(slot->entry.pos.size));
    json_object_set_new(item, "empty", json_boolean(slot->is_empty));
    json_object_set_new(item, "text",
                        json_string(image_fault_sentence(slot->fault, &slot->info, &slot->rules,
                                                         sentence, sizeof(sentence))));
    image_report_json(item, &slot->info, slot->fault);
    return item;
}

static json_t *slots_to_json(struct device *device)
{
    static struct slot_report slot; // large
    json_t *list = json_array();
    for (int i = 0; i < (int)device->table_check.count; i++) {
        esp_partition_info_t entry = device_entry(device, i);
        if (is_app_slot(&entry)) {
            look_at_slot(device, &entry, &slot);
            json_array_append_new(list, slot_to_json(&slot));
        }
    }
    return list;
}

static bool print_json(const char *path, struct device *device, bool rollback,
                       const struct boot_decision *decision)
{
    struct partition_csv_options options;
    struct partition_csv_table table;
    if (!load_csv_table(path, device, &options, &table)) {
        return false;
    }
    json_t *partitions = table_to_json(&table, &options);
    partition_csv_free(&table);
    if (!partitions) {
        return false;
    }
    bool is_known = device->chip_source != DEVICE_CHIP_UNKNOWN;
    json_t *root = json_object();
    json_t *next = json_object();
    json_object_set_new(root, "flash", cli_json_text(path, strlen(path)));
    json_object_set_new(root, "size", json_integer(device->flash_size));
    json_object_set_new(root, "chip",
                        is_known ? json_string(chip_name(device->chip.chip_id)) : json_null());
    json_object_set_new(root, "chip_rev", json_integer(device->chip.chip_rev));
    json_object_set_new(root, "block_rev", json_integer(device->chip.blk_rev));
    json_object_set_new(root, "chip_source", json_string(chip_source_text(device->chip_source)));
    json_object_set_new(root, "encryption",
                        device->encryption ? json_string(device->encryption) : json_null());
    json_object_set_new(root, "table_offset", json_integer(device->table_offset));
    json_object_set_new(root, "partitions", partitions);
    json_object_set_new(root, "otadata",
                        decision->has_otadata ? records_to_json(device, decision->before)
                                              : json_null());
    json_object_set_new(root, "images", slots_to_json(device));
    decision_to_json(next, device, decision);
    json_object_set_new(next, "rollback", json_boolean(rollback));
    json_object_set_new(root, "next_boot", next);
    cli_print_json(root);
    return true;
}

// ----------------------------------------------------------------------- command

enum { OPT_CHIP = 256, OPT_ROLLBACK, OPT_OFFSET };

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int show(const char *path, const struct device_options *options)
{
    struct device *device = open_device(path, options);
    if (!device) {
        return CLI_FAILED;
    }
    struct boot_decision decision;
    bool rollback = options->rollback || device->anti_rollback;
    esp_err_t err = device_boot(device, rollback, true, &decision);
    int code = CLI_DONE;
    if (err != ESP_OK) {
        code = cli_fail_with(err, "%s: what boots cannot be told", path);
    } else if (!(cli_is_json() ? print_json(path, device, rollback, &decision)
                               : print_all(path, device, rollback, &decision))) {
        code = CLI_FAILED;
    }
    device_close(device);
    return code;
}

static int run(int argc, char **argv)
{
    struct device_options options = {.read_only = true, .is_chip_optional = true};
    uint64_t offset = 0;
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_CHIP) {
            options.chip = optarg;
        } else if (option == OPT_ROLLBACK && !cli_parse_switch(optarg, &options.rollback)) {
            return cli_usage("--rollback is on or off, not \"%s\"", optarg);
        } else if (option == OPT_OFFSET && !cli_parse_size(optarg, UINT32_MAX, &offset)) {
            return cli_usage("--offset wants an address such as 0x8000, not \"%s\"", optarg);
        }
    }
    options.table_offset = (uint32_t)offset;
    return cli_check_arguments(argc, 1, 1) ? show(argv[optind], &options) : CLI_USAGE;
}

const struct cli_command flash_info_command = {
    .name = "flash info",
    .summary = "table, otadata, images, and what boots next and why",
    .usage = "flash info FLASH [--rollback on|off] [--chip C] [--json]",
    .help = "Shows what is on a device's flash. Changes nothing.\n\n"
            "  --rollback on|off  the bootloader whose next boot is foretold; off if not given\n"
            "  --chip C           the device's chip, if neither FLASH.efuse nor an image tells\n"
            "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n"
            "  --json             all of it as JSON\n\n"
            "example:  esp-ota flash info dev.bin\n",
    .run = run,
};
