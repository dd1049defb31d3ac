// esp-ota otadata: which slot boots, by hand.

#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_ota_ext.h"
#include "open_device.h"

enum { OPT_CHIP = 256, OPT_FORCE, OPT_ROLLBACK, OPT_ANTI_ROLLBACK, OPT_OFFSET };

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"force", no_argument, NULL, OPT_FORCE},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"anti-rollback", required_argument, NULL, OPT_ANTI_ROLLBACK},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

struct request {
    const char *flash;
    const char *slot;
    bool is_forced;
    struct device_options options;
};

static int parse(int argc, char **argv, int argument_count, struct request *out)
{
    uint64_t offset = 0;
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_CHIP) {
            out->options.chip = optarg;
        } else if (option == OPT_FORCE) {
            out->is_forced = true;
        } else if (option == OPT_ROLLBACK && !cli_parse_switch(optarg, &out->options.rollback)) {
            return cli_usage("--rollback is on or off, not \"%s\"", optarg);
        } else if (option == OPT_ANTI_ROLLBACK &&
                   !cli_parse_switch(optarg, &out->options.anti_rollback)) {
            return cli_usage("--anti-rollback is on or off, not \"%s\"", optarg);
        } else if (option == OPT_OFFSET && !cli_parse_size(optarg, UINT32_MAX, &offset)) {
            return cli_usage("--offset wants an address such as 0x8000, not \"%s\"", optarg);
        }
    }
    out->options.table_offset = (uint32_t)offset;
    if (!cli_check_arguments(argc, argument_count, argument_count)) {
        return CLI_USAGE;
    }
    out->flash = argv[optind];
    out->slot = argument_count > 1 ? argv[optind + 1] : NULL;
    return CLI_DONE;
}

// Opens the device and lets its application run; NULL: said why.
static struct device *open_running(const struct request *request)
{
    struct device *device = open_device(request->flash, &request->options);
    if (!device) {
        return NULL;
    }
    esp_err_t err = device_start_application(device, NULL);
    if (err != ESP_OK) {
        cli_report_error(err, "%s: what runs cannot be told", request->flash);
        device_close(device);
        return NULL;
    }
    return device;
}

// Prints otadata as it stands now.
static int report(struct device *device, const char *path)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    char name[8];
    if (device->slots.otadata.size < OTADATA_MIN_SIZE) {
        return cli_fail("%s has no otadata partition", path);
    }
    esp_err_t err = otadata_read(device->flash, device->slots.otadata.offset, records);
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: otadata cannot be read", path);
    }
    int active = otadata_active(records);
    const char *slot = NULL;
    if (active != OTADATA_NONE && device->slots.ota_count > 0) {
        slot = boot_index_name((int)otadata_slot(records[active].ota_seq, device->slots.ota_count),
                               name);
    }
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:s?, s:I, s:o}", "slot", slot, "offset",
                                 (json_int_t)device->slots.otadata.offset, "records",
                                 records_to_json(device, records)));
        return CLI_DONE;
    }
    printf("otadata at 0x%x\n", (unsigned)device->slots.otadata.offset);
    records_print(device, records);
    if (slot) {
        printf("selected: %s\n", slot);
    } else {
        printf("no slot is selected: the bootloader takes its default\n");
    }
    return CLI_DONE;
}

// ----------------------------------------------------------------------- show

static int run_show(int argc, char **argv)
{
    struct request request = {.options = {.read_only = true, .is_chip_optional = true}};
    int code = parse(argc, argv, 1, &request);
    if (code != CLI_DONE) {
        return code;
    }
    struct device *device = open_device(request.flash, &request.options);
    if (!device) {
        return CLI_FAILED;
    }
    code = report(device, request.flash);
    device_close(device);
    return code;
}

const struct cli_command otadata_show_command = {
    .name = "otadata show",
    .summary = "both records, and which slot they select",
    .usage = "otadata show FLASH [--json]",
    .help = "Shows the two otadata records: sequence number, state, whether the CRC is right.\n\n"
            "  --offset N  where the partition table stands; 0x8000 if not given\n"
            "  --json      slot, offset and records as JSON\n\n"
            "example:  esp-ota otadata show dev.bin\n",
    .run = run_show,
};

// ----------------------------------------------------------------------- switch

static bool is_slot_named(const esp_partition_t *partition, const char *name)
{
    char slot[8];
    uint64_t number;
    bool is_ota = partition->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MIN &&
                  partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
    int index =
        is_ota ? (int)(partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN) : BOOT_INDEX_FACTORY;
    if (is_ota && cli_parse_number(name, 15, &number)) {
        return index == (int)number;
    }
    bool has_slot_name = is_ota || partition->subtype == ESP_PARTITION_SUBTYPE_APP_FACTORY;
    return has_slot_name && strcmp(boot_index_name(index, slot), name) == 0;
}

// Slot names win over labels: "ota_0" is the slot even if a partition of another slot is labelled so.
static const esp_partition_t *find_slot(const char *name)
{
    const esp_partition_t *found = NULL;
    esp_partition_iterator_t it =
        esp_partition_find(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, NULL);
    while (it && !found) {
        const esp_partition_t *partition = esp_partition_get(it);
        if (is_slot_named(partition, name)) {
            found = partition;
        }
        it = found ? it : esp_partition_next(it);
    }
    esp_partition_iterator_release(it);
    return found
               ? found
               : esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, name);
}

static int report_unknown_slot(const struct request *request)
{
    char list[256] = "";
    size_t len = 0;
    esp_partition_iterator_t it =
        esp_partition_find(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, NULL);
    for (; it && len < sizeof(list); it = esp_partition_next(it)) {
        char label[17];
        int added = snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "",
                             cli_clean_text(esp_partition_get(it)->label, 16, label));
        len += added > 0 ? (size_t)added : 0; // a list that is cut is still a list
    }
    esp_partition_iterator_release(it);
    return cli_fail("%s has no app partition \"%s\"; it has %s", request->flash, request->slot,
                    list[0] ? list : "none");
}

static int switch_to(struct device *device, const struct request *request)
{
    const esp_partition_t *partition = find_slot(request->slot);
    if (!partition) {
        return report_unknown_slot(request);
    }
    esp_err_t err = request->is_forced ? esp_ota_set_boot_partition_skip_validate(partition)
                                       : esp_ota_set_boot_partition(partition);
    if (err == ESP_ERR_OTA_VALIDATE_FAILED) {
        int code = cli_fail_with(err, "%s holds no valid image", request->slot);
        cli_say("the boot choice is as before; --force switches all the same");
        return code;
    }
    if (err == ESP_ERR_NOT_FOUND) {
        return cli_fail_with(err, "%s has no otadata partition to choose a slot with",
                             request->flash);
    }
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s cannot be chosen to boot", request->slot);
    }
    return report(device, request->flash);
}

static int run_switch(int argc, char **argv)
{
    struct request request = {0};
    int code = parse(argc, argv, 2, &request);
    if (code != CLI_DONE) {
        return code;
    }
    request.options.is_chip_optional = request.is_forced;
    struct device *device = open_running(&request);
    if (!device) {
        return CLI_FAILED;
    }
    code = switch_to(device, &request);
    device_close(device);
    return code;
}

const struct cli_command otadata_switch_command = {
    .name = "otadata switch",
    .summary = "choose the slot that boots next",
    .usage =
        "otadata switch FLASH SLOT [--rollback on|off] [--anti-rollback on|off] [--force] [--json]",
    .help =
        "Makes SLOT boot next: ota_0, 0, factory, or a label. Its image is verified first. factory "
        "erases\n"
        "otadata.\n\n"
        "  --rollback on|off  whether the new record starts unconfirmed (NEW); off if not given\n"
        "  --anti-rollback on|off  refuse and erase an image whose secure version is below the "
        "device's; off if not\n"
        "                     given, on implies --rollback on\n"
        "  --force            do not verify the image\n"
        "  --chip C           the device's chip, if neither FLASH.efuse nor an image tells\n"
        "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
        "  --json             otadata afterwards, as JSON\n\n"
        "example:  esp-ota otadata switch dev.bin ota_1\n",
    .run = run_switch,
};

// ----------------------------------------------------------------------- erase

static int run_erase(int argc, char **argv)
{
    struct request request = {.options = {.is_chip_optional = true}};
    int code = parse(argc, argv, 1, &request);
    if (code != CLI_DONE) {
        return code;
    }
    struct device *device = open_device(request.flash, &request.options);
    if (!device) {
        return CLI_FAILED;
    }
    esp_partition_pos_t pos = device->slots.otadata;
    if (pos.size == 0) {
        code = cli_fail("%s has no otadata partition", request.flash);
    } else {
        esp_err_t err = esp_flash_erase_region(device->flash, pos.offset, pos.size);
        if (err == ESP_OK) {
            err = esp_flash_sync(device->flash);
        }
        code = err == ESP_OK ? report(device, request.flash)
                             : cli_fail_with(err, "%s: otadata cannot be erased", request.flash);
    }
    device_close(device);
    return code;
}

const struct cli_command otadata_erase_command = {
    .name = "otadata erase",
    .summary = "forget the choice; the bootloader takes its default",
    .usage = "otadata erase FLASH [--json]",
    .help = "Erases both records. The factory app boots then, or without one the first slot that "
            "loads.\n\n"
            "  --flash-key FILE  key of the flash encryption, if it is not in FLASH.key\n"
            "  --offset N  where the partition table stands; 0x8000 if not given\n"
            "  --json      otadata afterwards, as JSON\n\n"
            "example:  esp-ota otadata erase dev.bin\n",
    .run = run_erase,
};

// ----------------------------------------------------------------------- confirm and reject

// A NEW record was never seen by a bootloader with rollback: the image may not have run at all.
static bool is_new(const struct device *device)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_partition_pos_t pos = device->slots.otadata;
    if (pos.size < OTADATA_MIN_SIZE || otadata_read(device->flash, pos.offset, records) != ESP_OK) {
        return false;
    }
    int active = otadata_active(records);
    return active != OTADATA_NONE && records[active].ota_state == ESP_OTA_IMG_NEW;
}

static int mark_running(int argc, char **argv, esp_err_t (*mark)(void), const char *what)
{
    struct request request = {0};
    int code = parse(argc, argv, 1, &request);
    if (code != CLI_DONE) {
        return code;
    }
    struct device *device = open_running(&request);
    if (!device) {
        return CLI_FAILED;
    }
    const esp_partition_t *running = esp_ota_get_running_partition();
    bool was_new = is_new(device);
    esp_err_t err = mark();
    if (!running) {
        code = cli_fail("%s: nothing runs: no partition holds a valid image", request.flash);
    } else if (err == ESP_FAIL) {
        code = cli_fail_with(
            err,
            "%s: otadata selects no slot; what runs is the default (%s), which needs no "
            "confirmation",
            request.flash, running->label);
    } else if (err == ESP_ERR_NOT_FOUND) {
        code = cli_fail_with(err, "%s has no otadata partition", request.flash);
    } else if (err != ESP_OK) {
        code = cli_fail_with(err, "%s: %s cannot be %s", request.flash, running->label, what);
    } else {
        cli_say("%s is %s", running->label, what);
        if (was_new) {
            cli_say("note: no bootloader with rollback had started it before");
        }
        code = report(device, request.flash);
    }
    device_close(device);
    return code;
}

static int run_confirm(int argc, char **argv)
{
    return mark_running(argc, argv, esp_ota_mark_app_valid_cancel_rollback, "confirmed");
}

const struct cli_command otadata_confirm_command = {
    .name = "otadata confirm",
    .summary = "as the running image does when it is content: no rollback",
    .usage = "otadata confirm FLASH [--anti-rollback on|off] [--json]",
    .help = "Marks the running image valid, as it does itself with "
            "esp_ota_mark_app_valid_cancel_rollback().\n\n"
            "  --anti-rollback on|off  burn the image's secure version into FLASH.efuse, for ever; "
            "off if not given\n"
            "  --chip C  the device's chip, if neither FLASH.efuse nor an image tells\n"
            "  --flash-key FILE  key of the flash encryption, if it is not in FLASH.key\n"
            "  --json    otadata afterwards, as JSON\n\n"
            "example:  esp-ota otadata confirm dev.bin\n",
    .run = run_confirm,
};

static int run_reject(int argc, char **argv)
{
    return mark_running(argc, argv, esp_ota_mark_app_invalid_rollback, "refused");
}

const struct cli_command otadata_reject_command = {
    .name = "otadata reject",
    .summary = "as the running image does when it gives up: roll back",
    .usage = "otadata reject FLASH [--json]",
    .help = "Marks the running image invalid, as it does itself with "
            "esp_ota_mark_app_invalid_rollback(). Another one\n"
            "boots next; if there is none, nothing changes.\n\n"
            "  --chip C  the device's chip, if neither FLASH.efuse nor an image tells\n"
            "  --flash-key FILE  key of the flash encryption, if it is not in FLASH.key\n"
            "  --json    otadata afterwards, as JSON\n\n"
            "example:  esp-ota otadata reject dev.bin\n",
    .run = run_reject,
};

static int run_healthy(int argc, char **argv)
{
    return mark_running(argc, argv, esp_ota_mark_healthy, "healthy");
}

const struct cli_command otadata_healthy_command = {
    .name = "otadata healthy",
    .summary = "as the running image does when it works: the crash-loop guard counts anew",
    .usage = "otadata healthy FLASH [--json]",
    .help = "Says for the running image that it works, as it does itself with "
            "esp_ota_mark_healthy(). Writes nothing\n"
            "unless boots were counted (esp-ota boot --attempts or --crash-limit).\n\n"
            "  --chip C  the device's chip, if neither FLASH.efuse nor an image tells\n"
            "  --json    otadata afterwards, as JSON\n\n"
            "example:  esp-ota otadata healthy dev.bin\n",
    .run = run_healthy,
};
