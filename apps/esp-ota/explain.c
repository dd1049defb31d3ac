// esp-ota explain: what boots and why, what the next resets will do, what is wrong, and how it is put right.

#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot_explain.h"
#include "image_file.h"
#include "open_device.h"

enum {
    OPT_CHIP = 256,
    OPT_ROLLBACK,
    OPT_OFFSET,
    OPT_REPAIR,
    OPT_YES,
    OPT_ATTEMPTS,
    OPT_CRASH_LIMIT
};

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"attempts", required_argument, NULL, OPT_ATTEMPTS},
    {"crash-limit", required_argument, NULL, OPT_CRASH_LIMIT},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"yes", no_argument, NULL, OPT_YES},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

struct request {
    const char *flash;
    struct device_options options;
    bool repairs;
    bool is_agreed;
};

static struct boot_explanation s_explanation; // large; one process explains one device

static const char *name_of(int index, char buf[8])
{
    if (index == BOOT_INDEX_OTADATA) {
        return "otadata";
    }
    return boot_index_name(index, buf);
}

// ----------------------------------------------------------------------- what is wrong, in words

#define SENTENCE_SIZE 400

static void describe(const struct boot_finding *finding, char out[SENTENCE_SIZE])
{
    char slot[8];
    char other[8];
    char now[8];
    const char *name = name_of(finding->slot, slot);
    (void)boot_index_name(s_explanation.boots[0].booted, now);
    switch (finding->kind) {
    case BOOT_FINDING_NOTHING_BOOTS:
        (void)snprintf(out, SENTENCE_SIZE,
                       "Nothing boots: no partition holds an image that verifies. The chip resets "
                       "for ever. Write a valid image into a slot (esp-ota flash write).");
        break;
    case BOOT_FINDING_OTADATA_TOO_SMALL:
        (void)snprintf(out, SENTENCE_SIZE,
                       "The otadata partition is smaller than 0x2000 bytes: the bootloader stops "
                       "and resets for ever. The partition table must be changed.");
        break;
    case BOOT_FINDING_BROKEN_CHOICE:
        (void)snprintf(
            out, SENTENCE_SIZE,
            "otadata chooses %s, but no image that verifies is there. Each boot tries it "
            "first and then falls back to %s.",
            name, now);
        break;
    case BOOT_FINDING_NO_WAY_BACK:
        (void)snprintf(out, SENTENCE_SIZE,
                       "%s is not confirmed, and there is nothing else to go back to: a reset "
                       "before it confirms itself gives it up and does not help.",
                       name);
        break;
    case BOOT_FINDING_TORN_RECORD:
        (void)snprintf(out, SENTENCE_SIZE,
                       "otadata record %d has a wrong CRC: a write was cut off or the flash is "
                       "damaged. The bootloader passes it over.",
                       finding->record);
        break;
    case BOOT_FINDING_SAME_SLOT:
        (void)snprintf(out, SENTENCE_SIZE,
                       "Both otadata records name %s: if it has to be given up, the older record "
                       "%d leads right back to it.",
                       name, finding->record);
        break;
    case BOOT_FINDING_ALL_REFUSED:
        (void)snprintf(out, SENTENCE_SIZE,
                       "Every otadata record is refused (INVALID or ABORTED). %s boots all the "
                       "same, because there is no factory image that does; firmware cannot confirm "
                       "or roll back anything.",
                       name);
        break;
    case BOOT_FINDING_UNKNOWN_STATE:
        (void)snprintf(out, SENTENCE_SIZE,
                       "otadata record %d has a state that nobody writes. The bootloader treats %s "
                       "as confirmed.",
                       finding->record, name);
        break;
    case BOOT_FINDING_LAST_SEQ:
        (void)snprintf(out, SENTENCE_SIZE,
                       "The sequence numbers are used up: no other slot can be chosen until "
                       "otadata is erased (esp-ota otadata erase).");
        break;
    case BOOT_FINDING_BEHIND_HOLE:
        (void)snprintf(
            out, SENTENCE_SIZE,
            "%s can never be chosen: the numbers of the slots have a hole before it, and "
            "the bootloader counts entries. Renumber the slots in the partition table.",
            name);
        break;
    case BOOT_FINDING_OVERLAP:
        (void)snprintf(out, SENTENCE_SIZE,
                       "%s and %s overlap: writing one damages the other. The partition table must "
                       "be changed.",
                       name, name_of(finding->other, other));
        break;
    }
}

static void describe_step(const struct boot_repair_step *step, uint32_t slot_count,
                          char out[SENTENCE_SIZE])
{
    char name[8];
    if (step->erases) {
        (void)snprintf(out, SENTENCE_SIZE, "erase otadata record %d", step->change.index);
    } else {
        uint32_t seq = step->change.record.ota_seq;
        (void)snprintf(out, SENTENCE_SIZE, "write otadata record %d: sequence %u -> %s",
                       step->change.index, (unsigned)seq,
                       boot_index_name((int)otadata_slot(seq, slot_count), name));
    }
}

// ----------------------------------------------------------------------- slots

struct slot {
    int index;
    esp_partition_pos_t pos;
    enum image_fault fault;
    struct image_info info;
};

// Looks at slot number i of all there may be; false: there is none.
static bool look_at_slot(const struct device *device, int i, struct slot *out)
{
    static const int SPECIAL[] = {BOOT_INDEX_FACTORY, BOOT_INDEX_TEST};
    const struct boot_slots *slots = &device->slots;
    bool is_special = i < 2;
    out->index = is_special ? SPECIAL[i] : i - 2;
    out->pos = i == 0 ? slots->factory : i == 1 ? slots->test : slots->ota[i - 2];
    if (out->pos.size == 0) {
        return false;
    }
    struct image_rules rules = {.chip = device->chip,
                                .flash_offset = out->pos.offset,
                                .partition_size = out->pos.size,
                                .signature = &device->boot_policy};
    out->fault = image_verify_flash(device->flash, &rules, &out->info);
    return true;
}

#define SLOT_TRIES (BOOT_SLOT_MAX + 2)

// How otadata and the walk come to a slot.
static const char *role_of(const struct device *device, int index)
{
    if (index >= (int)device->slots.ota_count) {
        return "never chosen";
    }
    if (index == BOOT_INDEX_FACTORY) {
        return "boots when no otadata record may be followed";
    }
    if (index == BOOT_INDEX_TEST) {
        return "boots when nothing else loads";
    }
    const struct boot_decision *now = &s_explanation.boots[0];
    for (int i = 0; now->has_otadata && i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *record = &now->before[i];
        if (otadata_is_good(record) &&
            (int)otadata_slot(record->ota_seq, device->slots.ota_count) == index) {
            return i == otadata_active(now->before) ? "named by the newer usable record"
                                                    : "named by the older usable record";
        }
    }
    return "no usable record names it; boots only as a fallback";
}

// ----------------------------------------------------------------------- text

static void print_boot(const struct boot_decision *decision, const char *when, bool is_same)
{
    char name[8];
    char app[80];
    if (decision->booted == BOOT_INDEX_NONE) {
        printf("  %-10s nothing boots\n", when);
        return;
    }
    bool has_name = image_report_name(&decision->image, app)[0] != 0;
    printf("  %-10s %s%s%s%s: %s\n", when, boot_index_name(decision->booted, name),
           has_name ? " (" : "", app, has_name ? ")" : "",
           is_same ? "the same again" : boot_reason_text(decision->reason));
    for (int i = 0; decision->has_otadata && i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *before = &decision->before[i];
        const esp_ota_select_entry_t *after = &decision->after[i];
        if (memcmp(before, after, sizeof(*before)) != 0) {
            printf("             the bootloader marks record %d %s\n", i,
                   otadata_state_name(after->ota_state));
        }
    }
}

static void print_boots(void)
{
    static const char *const WHEN[BOOT_EXPLAIN_BOOTS] = {"now", "1st reset", "2nd reset",
                                                         "3rd reset"};
    const struct boot_decision *boots = s_explanation.boots;
    printf(
        "\nwhat the next power-ons start, if the firmware neither confirms nor refuses itself\n");
    for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
        bool is_same = i > 0 && boots[i].booted == boots[i - 1].booted &&
                       boots[i].reason == boots[i - 1].reason;
        print_boot(&boots[i], WHEN[i], is_same);
    }
}

static void print_slots(const struct device *device)
{
    static struct slot slot; // large
    char name[8];
    char app[80];
    printf("\nslots\n");
    for (int i = 0; i < SLOT_TRIES; i++) {
        if (!look_at_slot(device, i, &slot)) {
            continue;
        }
        printf("  %-8s 0x%06x  %s; %s\n", boot_index_name(slot.index, name),
               (unsigned)slot.pos.offset,
               slot.fault != IMAGE_OK                  ? image_fault_text(slot.fault)
               : image_report_name(&slot.info, app)[0] ? app
                                                       : "valid",
               role_of(device, slot.index));
    }
}

static void print_findings(const struct device *device)
{
    char text[SENTENCE_SIZE];
    printf("\n%s\n", s_explanation.finding_count ? "what is wrong" : "nothing is wrong");
    for (uint32_t i = 0; i < s_explanation.finding_count; i++) {
        describe(&s_explanation.findings[i], text);
        printf("  - %s%s\n", text,
               s_explanation.findings[i].is_repairable ? " [--repair puts this right]" : "");
    }
    for (uint32_t i = 0; i < s_explanation.step_count; i++) {
        describe_step(&s_explanation.steps[i], device->slots.ota_count, text);
        printf("%s  %u. %s\n", i ? "" : "\nrepair; what the next power-ons start stays the same\n",
               (unsigned)i + 1, text);
    }
}

static void print_all(const struct device *device, bool rollback)
{
    char name[8];
    const struct boot_decision *now = &s_explanation.boots[0];
    if (s_explanation.error != ESP_OK) {
        printf("nothing boots: the bootloader stops before it looks at an image\n");
    } else if (now->booted == BOOT_INDEX_NONE) {
        printf("nothing boots: %s\n", boot_reason_text(now->reason));
    } else {
        printf("%s boots: %s (rollback %s)\n", boot_index_name(now->booted, name),
               boot_reason_text(now->reason), rollback ? "on" : "off");
    }
    if (s_explanation.error == ESP_OK && now->has_otadata) {
        printf("\notadata at 0x%x\n", (unsigned)device->slots.otadata.offset);
        records_print(device, now->before);
    }
    if (s_explanation.error == ESP_OK) {
        print_boots();
    }
    print_slots(device);
    print_findings(device);
}

// ----------------------------------------------------------------------- JSON

static json_t *boots_to_json(const struct device *device)
{
    json_t *list = json_array();
    for (int i = 0; s_explanation.error == ESP_OK && i < BOOT_EXPLAIN_BOOTS; i++) {
        json_t *boot = json_object();
        decision_to_json(boot, device, &s_explanation.boots[i]);
        json_array_append_new(list, boot);
    }
    return list;
}

static json_t *slots_to_json(const struct device *device)
{
    static struct slot slot; // large
    json_t *list = json_array();
    char name[8];
    for (int i = 0; i < SLOT_TRIES; i++) {
        if (look_at_slot(device, i, &slot)) {
            json_array_append_new(list, json_pack("{s:s, s:I, s:b, s:s, s:b, s:s}", "slot",
                                                  boot_index_name(slot.index, name), "offset",
                                                  (json_int_t)slot.pos.offset, "valid",
                                                  slot.fault == IMAGE_OK, "verdict",
                                                  image_fault_name(slot.fault), "reachable",
                                                  slot.index < (int)device->slots.ota_count, "role",
                                                  role_of(device, slot.index)));
        }
    }
    return list;
}

static json_t *findings_to_json(void)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < s_explanation.finding_count; i++) {
        const struct boot_finding *finding = &s_explanation.findings[i];
        char text[SENTENCE_SIZE];
        char name[8];
        describe(finding, text);
        json_t *item = json_pack("{s:s, s:s, s:b}", "kind", boot_finding_name(finding->kind),
                                 "text", text, "repairable", finding->is_repairable);
        if (finding->record >= 0) {
            json_object_set_new(item, "record", json_integer(finding->record));
        }
        if (finding->slot != BOOT_INDEX_NONE) {
            json_object_set_new(item, "slot", json_string(name_of(finding->slot, name)));
        }
        if (finding->other != BOOT_INDEX_NONE) {
            json_object_set_new(item, "other", json_string(name_of(finding->other, name)));
        }
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *steps_to_json(const struct device *device)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < s_explanation.step_count; i++) {
        char text[SENTENCE_SIZE];
        describe_step(&s_explanation.steps[i], device->slots.ota_count, text);
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:s}", "cause",
                                        boot_finding_name(s_explanation.steps[i].cause), "record",
                                        s_explanation.steps[i].change.index, "text", text));
    }
    return list;
}

static void print_json(const struct device *device, bool rollback, bool is_repaired)
{
    char name[8];
    bool boots = s_explanation.error == ESP_OK && s_explanation.boots[0].booted != BOOT_INDEX_NONE;
    cli_print_json(json_pack(
        "{s:o, s:b, s:o, s:o, s:o, s:o, s:b}", "slot",
        boots ? json_string(boot_index_name(s_explanation.boots[0].booted, name)) : json_null(),
        "rollback", rollback, "boots", boots_to_json(device), "slots", slots_to_json(device),
        "findings", findings_to_json(), "repair", steps_to_json(device), "repaired", is_repaired));
}

// ----------------------------------------------------------------------- command

static bool ask(void)
{
    char answer[8] = "";
    if (!isatty(STDIN_FILENO)) {
        return false;
    }
    fputs("Do this? [y/N] ", stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int repair(const struct request *request, const struct boot_request *boot, bool *is_done)
{
    if (s_explanation.step_count == 0) {
        cli_say("there is nothing to repair; nothing was changed");
        return CLI_DONE;
    }
    if (!request->is_agreed && (cli_is_json() || !ask())) {
        cli_say("nothing was changed; --repair --yes does what is listed");
        return CLI_DONE;
    }
    esp_err_t err = boot_repair(boot, &s_explanation);
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: the repair ended early; what boots is the same",
                             request->flash);
    }
    *is_done = true;
    cli_say("repaired");
    return CLI_DONE;
}

static int explain(const struct request *request)
{
    struct device *device = open_device(request->flash, &request->options);
    if (!device) {
        return CLI_FAILED;
    }
    bool rollback = request->options.rollback;
    bool is_repaired = false;
    struct boot_request boot;
    esp_err_t err = device_boot_request(device, rollback, &boot);
    if (err == ESP_OK) {
        err = boot_explain(&boot, &s_explanation);
    }
    int code =
        err == ESP_OK ? CLI_DONE : cli_fail_with(err, "%s: flash cannot be read", request->flash);
    if (code == CLI_DONE && !cli_is_json()) {
        print_all(device, rollback);
        (void)fflush(stdout); // before a question
    }
    if (code == CLI_DONE && request->repairs) {
        code = repair(request, &boot, &is_repaired);
    }
    if (code == CLI_DONE && cli_is_json()) {
        print_json(device, rollback, is_repaired);
    }
    device_close(device);
    return code;
}

int explain_device(const char *path, const struct device_options *options)
{
    struct request request = {.flash = path, .options = *options};
    request.options.read_only = true;
    return explain(&request);
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    uint64_t offset = 0;
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_CHIP) {
            request.options.chip = optarg;
        } else if (option == OPT_ATTEMPTS) {
            if (!cli_parse_count("--attempts", optarg, &request.options.attempts)) {
                return CLI_USAGE;
            }
        } else if (option == OPT_CRASH_LIMIT) {
            if (!cli_parse_count("--crash-limit", optarg, &request.options.crash_limit)) {
                return CLI_USAGE;
            }
        } else if (option == OPT_REPAIR) {
            request.repairs = true;
        } else if (option == OPT_YES) {
            request.is_agreed = true;
        } else if (option == OPT_ROLLBACK && !cli_parse_switch(optarg, &request.options.rollback)) {
            return cli_usage("--rollback is on or off, not \"%s\"", optarg);
        } else if (option == OPT_OFFSET && !cli_parse_size(optarg, UINT32_MAX, &offset)) {
            return cli_usage("--offset wants an address such as 0x8000, not \"%s\"", optarg);
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    if (request.is_agreed && !request.repairs) {
        return cli_usage("--yes goes with --repair");
    }
    request.flash = argv[optind];
    request.options.table_offset = (uint32_t)offset;
    request.options.read_only = !request.repairs;
    return explain(&request);
}

const struct cli_command explain_command = {
    .name = "explain",
    .summary = "which slot boots and why, what the next resets do, what is wrong, how to repair it",
    .usage = "explain FLASH [--rollback on|off] [--attempts N] [--crash-limit N] [--repair "
             "[--yes]] [--chip C] [--json]",
    .help =
        "Says which slot boots and why, what this power-on and the next three resets would "
        "start if the firmware\n"
        "says nothing, which slots are never reached, and what is wrong in otadata. Changes "
        "nothing.\n"
        "With --repair it lists what it would change, and asks. No repair changes what the next "
        "power-ons start.\n\n"
        "  --rollback on|off  whether the bootloader was built with rollback; off if not given\n"
        "  --attempts N       extension: start an unconfirmed image N times before it is given up\n"
        "  --crash-limit N    extension: give up an image that started N times without reporting "
        "itself healthy\n"
        "  --repair           show the repair, then ask; without a terminal nothing is done\n"
        "  --yes              do not ask\n"
        "  --chip C           the device's chip, if neither FLASH.efuse nor an image tells\n"
        "  --offset N         where the partition table stands; 0x8000 if not given\n"
        "  --json             slot, boots, slots, findings, repair, repaired\n\n"
        "example:  esp-ota explain dev.bin --rollback on\n",
    .run = run,
};
