// esp-ota prove: cuts the power everywhere while a device goes from one firmware to another, on the user's own files.
#define _GNU_SOURCE // program_invocation_name

#include "prove.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chip_traits.h"
#include "commands.h"
#include "esp_delta_patch.h"
#include "esp_log.h"
#include "update.h"

enum {
    OPT_OLD = 256,
    OPT_NEW,
    OPT_PATCH,
    OPT_PARTITIONS,
    OPT_CHIP,
    OPT_ROLLBACK,
    OPT_KEY,
    OPT_SECURE_BOOT,
    OPT_ENCRYPT,
    OPT_LONG,
    OPT_REPORT,
    OPT_REPLAY,
    OPT_JOBS
};

static const struct option OPTIONS[] = {
    {"old", required_argument, NULL, OPT_OLD},
    {"new", required_argument, NULL, OPT_NEW},
    {"patch", required_argument, NULL, OPT_PATCH},
    {"partitions", required_argument, NULL, OPT_PARTITIONS},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"key", required_argument, NULL, OPT_KEY},
    {"secure-boot", no_argument, NULL, OPT_SECURE_BOOT},
    {"encrypt", no_argument, NULL, OPT_ENCRYPT},
    {"long", no_argument, NULL, OPT_LONG},
    {"report", required_argument, NULL, OPT_REPORT},
    {"replay", required_argument, NULL, OPT_REPLAY},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// ----------------------------------------------------------------------- the command once more

// One word for a shell.
static void add_word(char *command, size_t size, const char *word)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./,:@%";
    size_t len = strlen(command);
    if (*word && strspn(word, PLAIN) == strlen(word)) {
        (void)snprintf(command + len, size - len, "%s%s", len ? " " : "", word);
        return;
    }
    (void)snprintf(command + len, size - len, "%s'", len ? " " : "");
    for (; *word; word++) {
        len = strlen(command);
        (void)snprintf(command + len, size - len, *word == '\'' ? "'\\''" : "%c", *word);
    }
    len = strlen(command);
    (void)snprintf(command + len, size - len, "'");
}

static void add_option(struct prove *prove, const char *option, const char *value)
{
    if (value) {
        add_word(prove->command, sizeof(prove->command), option);
        if (*value) {
            add_word(prove->command, sizeof(prove->command), value);
        }
    }
}

static void note_command(struct prove *prove)
{
    add_word(prove->command, sizeof(prove->command), program_invocation_name);
    add_option(prove, "prove", "");
    add_option(prove, "--old", prove->old_path);
    add_option(prove, "--new", prove->new_path);
    add_option(prove, "--patch", prove->patch_path);
    add_option(prove, "--partitions", prove->partitions);
    add_option(prove, "--chip", prove->chip ? prove->chip->name : NULL);
    add_option(prove, "--rollback", !prove->has_rollback ? NULL : prove->rollback ? "on" : "off");
    for (uint32_t i = 0; prove->keys[i]; i++) {
        add_option(prove, "--key", prove->keys[i]);
    }
    add_option(prove, "--secure-boot", prove->wants_efuses ? "" : NULL);
    add_option(prove, "--encrypt", prove->is_encrypted ? "" : NULL);
}

const char *prove_case_text(const struct prove_part *part, char *buf, size_t size)
{
    char cuts[256];
    (void)snprintf(buf, size, "%s --replay %s:%s", part->prove->command, part->scenario.name,
                   powercut_cuts_text(&part->totals.failed, cuts, sizeof(cuts)));
    return buf;
}

// ----------------------------------------------------------------------- results

static uint64_t new_boots(const struct powercut_totals *totals)
{
    return totals->booted[PROVE_NEW] + totals->booted[PROVE_AGAIN];
}

static uint64_t failures_of(const struct prove *prove, const struct powercut_totals *sum)
{
    return sum->failures + prove->faults.failures;
}

static json_t *part_to_json(const struct prove_part *part)
{
    const struct powercut_totals *totals = &part->totals;
    json_t *item = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}", "scenario",
        part->scenario.name, "title", part->title, "operations", (json_int_t)part->operation_count,
        "cut_operations", (json_int_t)part->cut_operations, "cases", (json_int_t)totals->cases,
        "cuts", (json_int_t)totals->cuts, "power_ons", (json_int_t)totals->lives, "bricks",
        (json_int_t)totals->bricks, "failures", (json_int_t)totals->failures, "worst_power_ons",
        (int)totals->worst_recovery, "old_boots", (json_int_t)totals->booted[PROVE_OLD],
        "new_boots", (json_int_t)new_boots(totals));
    if (totals->has_failure) {
        char replay[2600];
        json_object_set_new(item, "failure", json_string(totals->failure.text));
        json_object_set_new(item, "replay",
                            json_string(prove_case_text(part, replay, sizeof(replay))));
    }
    return item;
}

static json_t *faults_to_json(const struct prove *prove)
{
    json_t *object = json_object();
    for (int i = 0; i < PROVE_FAULT_COUNT; i++) {
        json_object_set_new(object, PROVE_FAULT_NAMES[i],
                            json_pack("{s:I, s:I, s:I}", "tried",
                                      (json_int_t)prove->faults.tried[i], "met",
                                      (json_int_t)prove->faults.fired[i], "updated",
                                      (json_int_t)prove->faults.updated[i]));
    }
    if (prove->faults.failure[0]) {
        json_object_set_new(object, "failure", json_string(prove->faults.failure));
    }
    return object;
}

static void print_json(const struct prove *prove, const struct powercut_totals *sum)
{
    json_t *tears = json_object();
    json_t *parts = json_array();
    uint64_t all;
    uint64_t cut;
    uint32_t others;
    uint64_t other_bytes;
    prove_count_operations(prove, &all, &cut);
    prove_count_others(prove, &others, &other_bytes);
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        json_object_set_new(tears, NOR_TEAR_NAMES[i], json_integer((json_int_t)sum->tears[i]));
    }
    for (uint32_t i = 0; i < prove->part_count; i++) {
        json_array_append_new(parts, part_to_json(&prove->parts[i]));
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:i, s:f, s:i, s:o}", "result",
        failures_of(prove, sum) ? "failed" : "passed", "command", prove->command, "old_sha256",
        prove->digests[PROVE_OLD], "new_sha256", prove->digests[PROVE_NEW], "operations",
        (json_int_t)all, "cut_operations", (json_int_t)cut, "cuts", (json_int_t)sum->cuts, "tears",
        tears, "power_ons", (json_int_t)sum->lives, "bricks", (json_int_t)sum->bricks, "failures",
        (json_int_t)failures_of(prove, sum), "worst_power_ons", (int)sum->worst_recovery, "seconds",
        prove->seconds, "stride", (int)sum->stride, "scenarios", parts);
    json_object_set_new(root, "signed",
                        prove->trusts == PROVE_TRUST_NOBODY
                            ? json_null()
                            : json_pack("{s:s, s:s, s:i}", "scheme",
                                        signature_scheme_name(prove->scheme), "keys_in",
                                        PROVE_TRUST_NAMES[prove->trusts], "keys",
                                        (int)prove->trust.count));
    json_object_set_new(root, "encrypted", json_boolean(prove->is_encrypted));
    json_object_set_new(
        root, "other_partitions",
        json_pack("{s:i, s:I}", "count", (int)others, "bytes", (json_int_t)other_bytes));
    json_object_set_new(root, "faults", faults_to_json(prove));
    cli_print_json(root);
}

static void print_coverage(const struct prove *prove)
{
    uint64_t all;
    uint64_t cut;
    prove_count_operations(prove, &all, &cut);
    if (cut < all) {
        printf("cut were %llu of %llu flash operations: spread evenly, and every one on boot "
               "records, journal and the ends of slots; --long cuts all\n",
               (unsigned long long)cut, (unsigned long long)all);
    } else {
        printf("every flash operation was cut: all %llu, each before, inside and after\n",
               (unsigned long long)all);
    }
}

static void print_others(const struct prove *prove)
{
    uint32_t others;
    uint64_t bytes;
    char size[32];
    prove_count_others(prove, &others, &bytes);
    if (others > 0) {
        printf("%u other partition%s (%s) and the rest of flash: byte for byte as before, after "
               "every power-on\n",
               (unsigned)others, others == 1 ? "" : "s", cli_size_text(bytes, size));
    }
    if (prove->no_rotation) {
        printf("no key rotation was tried: %s\n", prove->no_rotation);
    }
}

static void print_faults(const struct prove *prove)
{
    for (int i = 0; i < PROVE_FAULT_COUNT; i++) {
        printf("chip faults: %s: %u tried, %u met, %u updates done all the same\n",
               PROVE_FAULT_TEXTS[i], (unsigned)prove->faults.tried[i],
               (unsigned)prove->faults.fired[i], (unsigned)prove->faults.updated[i]);
    }
}

static void print_text(const struct prove *prove, const struct powercut_totals *sum)
{
    bool is_good = failures_of(prove, sum) == 0;
    printf("old is %s (%s), new is %s (%s)\n", prove->old_path, prove->names[PROVE_OLD],
           prove->new_path, prove->names[PROVE_NEW]);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *totals = &prove->parts[i].totals;
        printf("  %-16s %4u of %4u operations, %6llu cuts: old boots %llu, new %llu, bricks %llu, "
               "failures %llu\n",
               prove->parts[i].scenario.name, (unsigned)prove->parts[i].cut_operations,
               (unsigned)prove->parts[i].operation_count, (unsigned long long)totals->cuts,
               (unsigned long long)totals->booted[PROVE_OLD], (unsigned long long)new_boots(totals),
               (unsigned long long)totals->bricks, (unsigned long long)totals->failures);
    }
    printf("tears:");
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        printf(" %s %llu%s", NOR_TEAR_NAMES[i], (unsigned long long)sum->tears[i],
               i + 1 < NOR_TEAR_COUNT ? "," : "\n");
    }
    if (is_good) {
        print_coverage(prove);
        print_others(prove);
    }
    print_faults(prove);
    printf("%s: %llu power cuts, %llu bricks, %llu failures, at most %u power-ons to recover, %.0f "
           "s\n",
           is_good ? "passed" : "FAILED", (unsigned long long)sum->cuts,
           (unsigned long long)sum->bricks, (unsigned long long)failures_of(prove, sum),
           sum->worst_recovery, prove->seconds);
}

static void say_failures(const struct prove *prove)
{
    for (uint32_t i = 0; i < prove->part_count; i++) {
        char replay[2600];
        const struct prove_part *part = &prove->parts[i];
        if (part->totals.has_failure) {
            cli_say("%s: %s\n  step by step: %s", part->scenario.name, part->totals.failure.text,
                    prove_case_text(part, replay, sizeof(replay)));
        }
    }
    if (prove->faults.failure[0]) {
        cli_say("chip fault: %s", prove->faults.failure);
    }
}

// ----------------------------------------------------------------------- the work

static bool sweep(struct prove *prove)
{
    double start = seconds();
    for (uint32_t i = 0; i < prove->part_count; i++) {
        struct prove_part *part = &prove->parts[i];
        double begun = seconds();
        if (!prove_sweep_part(prove, part)) {
            return false;
        }
        if (!cli_is_json()) {
            cli_say("%u of %u, %s: %llu cuts, %.0f s", (unsigned)i + 1, (unsigned)prove->part_count,
                    part->scenario.name, (unsigned long long)part->totals.cuts, seconds() - begun);
        }
    }
    bool is_done = prove_try_faults(prove);
    prove->seconds = seconds() - start;
    return is_done;
}

static int report(const struct prove *prove)
{
    struct powercut_totals sum = prove_sum(prove);
    if (cli_is_json()) {
        print_json(prove, &sum);
    } else {
        print_text(prove, &sum);
    }
    say_failures(prove);
    if (prove->report && !prove_write_report(prove, prove->report)) {
        return CLI_FAILED;
    }
    uint64_t failures = failures_of(prove, &sum);
    return failures == 0 ? CLI_DONE
                         : cli_fail("%llu of %llu cases failed; see the replay commands",
                                    (unsigned long long)failures, (unsigned long long)sum.cases);
}

static int prove_pair(struct prove *prove)
{
    note_command(prove);
    if (!prove_load_keys(prove) || !prove_load(prove) || !prove_load_trust(prove) ||
        !prove_add_parts(prove)) {
        return CLI_FAILED;
    }
    if (prove->patch_path) {
        static struct update device = {0}; // of it only what stands up to patches is of interest
        device.memory = (uint32_t)esp_delta_class_memory(ESP_DELTA_64K);
        update_delta_enable(&device);
    }
    esp_log_level_set("*", ESP_LOG_NONE); // what the lives say is not what this command says
    if (prove->replay) {
        return prove_replay(prove);
    }
    return sweep(prove) ? report(prove) : CLI_FAILED;
}

// ----------------------------------------------------------------------- command line

static int take_key(struct prove *prove)
{
    uint32_t count = 0;
    while (prove->keys[count]) {
        count++;
    }
    if (count == TRUST_MAX) {
        return cli_usage("more than %d times --key", TRUST_MAX);
    }
    prove->keys[count] = optarg;
    return CLI_DONE;
}

static int take_path(int option, struct prove *prove)
{
    const char **path = option == OPT_OLD          ? &prove->old_path
                        : option == OPT_NEW        ? &prove->new_path
                        : option == OPT_PATCH      ? &prove->patch_path
                        : option == OPT_PARTITIONS ? &prove->partitions
                        : option == OPT_REPORT     ? &prove->report
                                                   : &prove->replay;
    *path = optarg;
    return CLI_DONE;
}

static int take_option(int option, struct prove *prove)
{
    uint64_t jobs = 0;
    switch (option) {
    case OPT_CHIP:
        prove->chip = chip_traits_by_name(optarg);
        return prove->chip ? CLI_DONE : cli_usage("--chip: no chip is called \"%s\"", optarg);
    case OPT_ROLLBACK:
        prove->has_rollback = true;
        return cli_parse_switch(optarg, &prove->rollback)
                   ? CLI_DONE
                   : cli_usage("--rollback is on or off, not \"%s\"", optarg);
    case OPT_KEY:
        return take_key(prove);
    case OPT_SECURE_BOOT:
        prove->wants_efuses = true;
        return CLI_DONE;
    case OPT_ENCRYPT:
        prove->is_encrypted = true;
        return CLI_DONE;
    case OPT_LONG:
        prove->is_long = true;
        return CLI_DONE;
    case OPT_JOBS:
        if (!cli_parse_number(optarg, 16, &jobs) || jobs == 0) {
            return cli_usage("--jobs is a number from 1 to 16, not \"%s\"", optarg);
        }
        prove->jobs = (unsigned)jobs;
        return CLI_DONE;
    default:
        return take_path(option, prove);
    }
}

static int run(int argc, char **argv)
{
    static struct prove prove; // large; one process, one command
    prove.jobs = 2;
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = option == CLI_WRONG ? CLI_USAGE : take_option(option, &prove);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    if (!prove.old_path || !prove.new_path) {
        return cli_usage("--old OLD.bin and --new NEW.bin are needed");
    }
    if (prove.wants_efuses && !prove.keys[0]) {
        return cli_usage("--secure-boot needs --key: the keys in the eFuses");
    }
    int code = prove_pair(&prove);
    prove_unload(&prove);
    return code;
}

const struct cli_command prove_command = {
    .name = "prove",
    .summary = "cut the power everywhere during an update of your own firmware",
    .usage = "prove --old OLD.bin --new NEW.bin [options]",
    .help =
        "Updates a virtual device from OLD to NEW over and over, cuts its power before, inside "
        "and\n"
        "after flash operations, powers it on again until the update is done, and checks that an\n"
        "image that verifies boots every time: the old one or the new one, never a mixture.\n"
        "\n"
        "  --partitions TABLE  CSV or binary; default: otadata and two slots that fit\n"
        "  --chip C            default: the chip the images are made for\n"
        "  --rollback on|off   default: both\n"
        "  --key KEY           signed images: a key the device trusts, as image verify --trust "
        "takes it;\n"
        "                      again for more. Wrong images must then be refused; with two private "
        "keys,\n"
        "                      the one in use first, also the change from one to the other\n"
        "  --secure-boot       the keys are in the eFuses; default: in ota_trust, if the table has "
        "it\n"
        "  --encrypt           the flash is encrypted\n"
        "  --patch PATCH       also the delta update from OLD by this patch\n"
        "  --long              every operation, more tears, more second cuts and faults of the "
        "chip,\n"
        "                      thousands of random histories\n"
        "  --report FILE.html  one page with pictures, for whoever signs the release\n"
        "  --replay CASE       one case step by step, as a failure prints it\n"
        "  --jobs N            processes, default 2\n"
        "  --json              the result as one object\n"
        "\n"
        "example: esp-ota prove --old v1.bin --new v2.bin --report v2.html\n",
    .run = run,
};
