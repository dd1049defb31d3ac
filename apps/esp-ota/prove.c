// esp-ota prove: cuts the power everywhere while a device goes from one firmware to another, on the user's own files.
#define _DEFAULT_SOURCE

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chip_traits.h"
#include "crypto_ops.h"
#include "esp_log.h"
#include "image_file.h"
#include "partition_csv.h"
#include "partition_table.h"
#include "prove.h"

#define IMAGE_FILE_MAX (16u * 1024 * 1024) // fact: the largest flash ESP chips map
#define TABLE_FILE_MAX (1024u * 1024)
#define SLOT_UNIT      0x10000u
#define OLD            1
#define NEW            2

enum {
    OPT_OLD = 256,
    OPT_NEW,
    OPT_PARTITIONS,
    OPT_CHIP,
    OPT_ROLLBACK,
    OPT_LONG,
    OPT_REPORT,
    OPT_REPLAY,
    OPT_JOBS
};

static const struct option OPTIONS[] = {
    {"old", required_argument, NULL, OPT_OLD},
    {"new", required_argument, NULL, OPT_NEW},
    {"partitions", required_argument, NULL, OPT_PARTITIONS},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"long", no_argument, NULL, OPT_LONG},
    {"report", required_argument, NULL, OPT_REPORT},
    {"replay", required_argument, NULL, OPT_REPLAY},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

struct wish {
    const char *old_path;
    const char *new_path;
    const char *partitions;
    const struct chip_traits *chip;
    bool has_rollback;
    bool rollback;
    bool is_long;
    const char *report;
    const char *replay;
    uint64_t jobs;
    struct cli_bytes old_file;
    struct cli_bytes new_file;
    esp_partition_info_t table[ESP_PARTITION_TABLE_MAX_ENTRIES];
    char command[1024];
};

// ----------------------------------------------------------------------- what is proved

static bool load_image(const struct wish *wish, const char *path, struct cli_bytes *file,
                       struct image_info *info, char name[80], char digest[65])
{
    if (!cli_read_file(path, IMAGE_FILE_MAX, file)) {
        return false;
    }
    struct image_wish image = {.chip = wish->chip, .flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_rules rules = image_file_rules(&image, file);
    enum image_fault fault = image_file_verify(file, &rules, info);
    if (fault != IMAGE_OK) {
        char text[256];
        cli_report_failure("%s is no image that a device would start: %s", path,
                           image_fault_sentence(fault, info, &rules, text, sizeof(text)));
        return false;
    }
    (void)image_report_name(info, name);
    struct crypto_hash hash;
    uint8_t sum[CRYPTO_SHA256_LEN];
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file->bytes, file->len);
    esp_crypto.sha256_end(&hash, sum);
    for (size_t i = 0; i < sizeof(sum); i++) {
        (void)snprintf(digest + 2 * i, 3, "%02x", sum[i]);
    }
    return true;
}

static bool load_images(struct wish *wish, struct prove *prove)
{
    struct image_info old;
    struct image_info new;
    if (!load_image(wish, wish->old_path, &wish->old_file, &old, prove->old_name,
                    prove->old_digest) ||
        !load_image(wish, wish->new_path, &wish->new_file, &new, prove->new_name,
                    prove->new_digest)) {
        return false;
    }
    if (strcmp(prove->old_digest, prove->new_digest) == 0) {
        cli_report_failure("%s and %s are the same file: give two versions of the firmware",
                           wish->old_path, wish->new_path);
        return false;
    }
    if (old.header.chip_id != new.header.chip_id) {
        cli_report_failure("%s and %s are made for different chips", wish->old_path,
                           wish->new_path);
        return false;
    }
    uint16_t least = old.header.min_chip_rev_full > new.header.min_chip_rev_full
                         ? old.header.min_chip_rev_full
                         : new.header.min_chip_rev_full;
    struct powercut_world *world = &prove->world;
    world->chip = (struct chip_identity){
        .chip_id = new.header.chip_id, .chip_rev = least, .ignore_max_chip_rev = true};
    world->images[OLD] =
        (struct powercut_image){"old", wish->old_file.bytes, (uint32_t)wish->old_file.len};
    world->images[NEW] =
        (struct powercut_image){"new", wish->new_file.bytes, (uint32_t)wish->new_file.len};
    world->image_count = 3;
    return true;
}

// otadata and two slots as large as the images ask for.
static void make_table(struct wish *wish, struct prove *prove)
{
    size_t larger =
        wish->old_file.len > wish->new_file.len ? wish->old_file.len : wish->new_file.len;
    uint32_t size =
        (uint32_t)((larger + 2 * FLASH_SECTOR_SIZE + SLOT_UNIT - 1) / SLOT_UNIT) * SLOT_UNIT;
    wish->table[0] = (esp_partition_info_t){.magic = ESP_PARTITION_MAGIC,
                                            .type = 1,
                                            .subtype = 0,
                                            .pos = {0xD000, 0x2000},
                                            .label = "otadata"};
    wish->table[1] = (esp_partition_info_t){.magic = ESP_PARTITION_MAGIC,
                                            .type = 0,
                                            .subtype = 0x10,
                                            .pos = {0x10000, size},
                                            .label = "ota_0"};
    wish->table[2] = (esp_partition_info_t){.magic = ESP_PARTITION_MAGIC,
                                            .type = 0,
                                            .subtype = 0x11,
                                            .pos = {0x10000 + size, size},
                                            .label = "ota_1"};
    prove->world.table_count = 3;
}

static bool parse_table(const struct wish *wish, const struct cli_bytes *file,
                        uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN])
{
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {.text = "not enough memory"};
    struct partition_csv_table table;
    memset(bytes, 0xFF, ESP_PARTITION_TABLE_MAX_LEN);
    if (partition_csv_is_binary(file->bytes, file->len)) {
        memcpy(bytes, file->bytes,
               file->len < ESP_PARTITION_TABLE_MAX_LEN ? file->len : ESP_PARTITION_TABLE_MAX_LEN);
        return true;
    }
    esp_err_t err = partition_csv_parse(file->bytes, file->len, &options, &table, &problem);
    if (err == ESP_OK) {
        err = partition_csv_encode(&table, &options, bytes, &problem);
        partition_csv_free(&table);
    }
    if (err != ESP_OK) {
        cli_report_failure("%s: %s", wish->partitions, problem.text);
    }
    return err == ESP_OK;
}

static bool load_table(struct wish *wish, struct prove *prove)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct cli_bytes file;
    if (!cli_read_file(wish->partitions, TABLE_FILE_MAX, &file)) {
        return false;
    }
    bool is_good = parse_table(wish, &file, bytes);
    free(file.bytes);
    struct partition_table_check check = partition_table_verify(bytes, 256u * 1024 * 1024);
    if (is_good && check.fault != PARTITION_TABLE_OK) {
        cli_report_failure("%s: record %u: %s", wish->partitions, (unsigned)check.index,
                           partition_table_fault_text(check.fault));
        is_good = false;
    }
    for (uint32_t i = 0; is_good && i < check.count; i++) {
        wish->table[i] = partition_table_entry(bytes, i);
    }
    prove->world.table_count = is_good ? check.count : 0;
    return is_good;
}

static const esp_partition_info_t *entry_of(const struct wish *wish, const struct prove *prove,
                                            uint8_t type, uint8_t subtype)
{
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        if (wish->table[i].type == type && wish->table[i].subtype == subtype) {
            return &wish->table[i];
        }
    }
    return NULL;
}

static bool check_table(const struct wish *wish, struct prove *prove)
{
    const esp_partition_info_t *slot = entry_of(wish, prove, PART_TYPE_APP, 0x10);
    uint32_t end = 0x10000;
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        uint32_t last = wish->table[i].pos.offset + wish->table[i].pos.size;
        end = last > end ? last : end;
    }
    prove->world.table = wish->table;
    prove->world.flash_size = (end + SLOT_UNIT - 1) / SLOT_UNIT * SLOT_UNIT;
    if (!entry_of(wish, prove, PART_TYPE_DATA, 0) || !slot ||
        (!entry_of(wish, prove, PART_TYPE_APP, 0x11) && !entry_of(wish, prove, PART_TYPE_APP, 0))) {
        cli_report_failure("%s: an update needs otadata, ota_0, and ota_1 or factory",
                           wish->partitions);
        return false;
    }
    for (uint8_t i = 0; i < 16; i++) {
        const esp_partition_info_t *entry =
            entry_of(wish, prove, PART_TYPE_APP, (uint8_t)(0x10 + i));
        if (entry &&
            (entry->pos.size < wish->new_file.len || entry->pos.size < wish->old_file.len)) {
            char size[32];
            cli_report_failure("the images do not fit into ota_%u (%s)", i,
                               cli_size_text(entry->pos.size, size));
            return false;
        }
    }
    return true;
}

static void add_part(struct prove *prove, const char *name, const char *title,
                     enum powercut_way way, bool rollback, bool from_factory)
{
    struct prove_part *part = &prove->parts[prove->part_count++];
    part->title = title;
    part->scenario = (struct powercut_scenario){.name = name,
                                                .world = &prove->world,
                                                .way = way,
                                                .rollback = rollback,
                                                .goal = NEW,
                                                .allowed = 1u << OLD | 1u << NEW};
    if (from_factory) {
        part->scenario.factory = OLD;
        return;
    }
    part->scenario.slots[0] =
        OLD; // the passive slot holds the old image too, as after an update before it
    part->scenario.slots[1] = OLD;
    part->scenario.seq[0] = 1;
    part->scenario.states[0] = ESP_OTA_IMG_VALID;
}

static void add_parts(const struct wish *wish, struct prove *prove)
{
    bool has_two = entry_of(wish, prove, PART_TYPE_APP, 0x11) != NULL;
    for (int rollback = 0; rollback <= 1; rollback++) {
        if (wish->has_rollback && wish->rollback != (rollback == 1)) {
            continue;
        }
        if (has_two) {
            add_part(prove, rollback ? "https-rollback" : "https",
                     rollback ? "HTTPS update, rollback on: the new firmware confirms itself"
                              : "HTTPS update, rollback off",
                     POWERCUT_HTTPS, rollback, false);
        }
        if (entry_of(wish, prove, PART_TYPE_APP, 0)) {
            add_part(prove, rollback ? "factory-rollback" : "factory",
                     rollback ? "First update, from factory, rollback on"
                              : "First update, from factory, rollback off",
                     POWERCUT_HTTPS, rollback, true);
        }
        if (has_two && rollback) {
            add_part(prove, "crash-loop",
                     "The new firmware never confirms itself and is rolled back", POWERCUT_HTTPS,
                     true, false);
            struct powercut_scenario *loop = &prove->parts[prove->part_count - 1].scenario;
            loop->wish = POWERCUT_CRASH_LOOP;
            loop->goal = OLD;
            loop->served = NEW;
        }
    }
    if (has_two) {
        bool rollback = !wish->has_rollback || wish->rollback;
        add_part(prove, "bulk", "Update through esp_ota_begin(), everything erased first",
                 POWERCUT_BULK, rollback, false);
    }
}

// ----------------------------------------------------------------------- the sweep

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct tracer {
    const struct nor_shared *shared;
    struct prove_operation *operations;
};

static void trace(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    struct tracer *tracer = context;
    uint32_t n = tracer->shared->operations - 1;
    if (n < PROVE_OPERATION_MAX) {
        tracer->operations[n] = (struct prove_operation){address, len, op == NOR_OPERATION_ERASE};
    }
}

static bool trace_part(struct prove_part *part)
{
    struct powercut_bench *bench = powercut_bench_open(part->scenario.world->flash_size);
    struct powercut_case none = {.scenario = &part->scenario};
    struct powercut_outcome out = {0};
    part->operations = powercut_share(PROVE_OPERATION_MAX * sizeof(*part->operations));
    bool is_done = bench && part->operations && powercut_bench_put(bench, &part->scenario);
    if (is_done) {
        struct nor_physics *chip = powercut_bench_chip(bench);
        struct tracer tracer = {chip->shared, part->operations};
        chip->observer = trace;
        chip->observer_context = &tracer;
        powercut_run(bench, &none, NULL, NULL, NULL, &out);
        part->operation_count =
            out.operations < PROVE_OPERATION_MAX ? out.operations : PROVE_OPERATION_MAX;
    } else {
        cli_report_failure("there is not enough memory for a flash of %u bytes",
                           (unsigned)part->scenario.world->flash_size);
    }
    powercut_bench_close(bench);
    return is_done;
}

static bool sweep_part(const struct wish *wish, struct prove_part *part)
{
    struct powercut_amount amount = {.seeds = wish->is_long ? 3 : 1,
                                     .operation_max = wish->is_long ? 0 : 40,
                                     .pair_window = wish->is_long ? 12 : 3,
                                     .histories = wish->is_long ? 3000 : 40};
    part->records = powercut_share(PROVE_RECORD_MAX * sizeof(*part->records));
    if (!part->records || !trace_part(part)) {
        return false;
    }
    (void)fflush(NULL); // before forks copy it
    part->record_count = powercut_sweep(&part->scenario, &amount, (unsigned)wish->jobs,
                                        part->records, PROVE_RECORD_MAX, &part->totals);
    return true;
}

struct powercut_totals prove_sum(const struct prove *prove)
{
    struct powercut_totals sum = {0};
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *totals = &prove->parts[i].totals;
        sum.operations += totals->operations;
        sum.cases += totals->cases;
        sum.cuts += totals->cuts;
        sum.lives += totals->lives;
        sum.bricks += totals->bricks;
        sum.failures += totals->failures;
        sum.stride = totals->stride > sum.stride ? totals->stride : sum.stride;
        sum.worst_recovery = totals->worst_recovery > sum.worst_recovery ? totals->worst_recovery
                                                                         : sum.worst_recovery;
        for (int t = 0; t < NOR_TEAR_COUNT; t++) {
            sum.tears[t] += totals->tears[t];
        }
        for (int f = 0; f < NOR_FAULT_COUNT; f++) {
            sum.fired[f] += totals->fired[f];
        }
        for (int b = 0; b < POWERCUT_IMAGE_MAX; b++) {
            sum.booted[b] += totals->booted[b];
        }
    }
    return sum;
}

// ----------------------------------------------------------------------- results

static json_t *part_to_json(const struct prove *prove, const struct prove_part *part)
{
    const struct powercut_totals *totals = &part->totals;
    char cuts[256];
    json_t *item = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}", "scenario", part->scenario.name,
        "title", part->title, "operations", (json_int_t)totals->operations, "cases",
        (json_int_t)totals->cases, "cuts", (json_int_t)totals->cuts, "power_ons",
        (json_int_t)totals->lives, "bricks", (json_int_t)totals->bricks, "failures",
        (json_int_t)totals->failures, "worst_power_ons", (int)totals->worst_recovery, "old_boots",
        (json_int_t)totals->booted[OLD], "new_boots", (json_int_t)totals->booted[NEW]);
    if (totals->has_failure) {
        char replay[1400];
        (void)snprintf(replay, sizeof(replay), "%s --replay %s:%s", prove->command,
                       part->scenario.name,
                       powercut_cuts_text(&totals->failed, cuts, sizeof(cuts)));
        json_object_set_new(item, "failure", json_string(totals->failure.text));
        json_object_set_new(item, "replay", json_string(replay));
    }
    return item;
}

static void print_json(const struct prove *prove, const struct powercut_totals *sum)
{
    json_t *tears = json_object();
    json_t *parts = json_array();
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        json_object_set_new(tears, NOR_TEAR_NAMES[i], json_integer((json_int_t)sum->tears[i]));
    }
    for (uint32_t i = 0; i < prove->part_count; i++) {
        json_array_append_new(parts, part_to_json(prove, &prove->parts[i]));
    }
    cli_print_json(json_pack(
        "{s:s, s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:i, s:f, s:i, s:o}", "result",
        sum->failures ? "failed" : "passed", "old_sha256", prove->old_digest, "new_sha256",
        prove->new_digest, "cuts", (json_int_t)sum->cuts, "tears", tears, "power_ons",
        (json_int_t)sum->lives, "bricks", (json_int_t)sum->bricks, "failures",
        (json_int_t)sum->failures, "worst_power_ons", (int)sum->worst_recovery, "seconds",
        prove->seconds, "stride", (int)sum->stride, "scenarios", parts));
}

static void print_text(const struct prove *prove, const struct powercut_totals *sum)
{
    printf("%s -> %s\n", prove->old_name, prove->new_name);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *totals = &prove->parts[i].totals;
        printf("  %-18s %5llu operations %7llu cuts: old boots %llu, new boots %llu, bricks %llu, "
               "failures %llu\n",
               prove->parts[i].scenario.name, (unsigned long long)totals->operations,
               (unsigned long long)totals->cuts, (unsigned long long)totals->booted[OLD],
               (unsigned long long)totals->booted[NEW], (unsigned long long)totals->bricks,
               (unsigned long long)totals->failures);
    }
    printf("tears:");
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        printf(" %s %llu%s", NOR_TEAR_NAMES[i], (unsigned long long)sum->tears[i],
               i + 1 < NOR_TEAR_COUNT ? "," : "\n");
    }
    if (sum->stride > 1) {
        printf("not every operation was cut: one of %u, and each that touches records or journal; "
               "--long cuts all\n",
               sum->stride);
    }
    printf("%s: %llu power cuts, %llu bricks, %llu failures, at most %u power-ons to recover, %.0f "
           "s\n",
           sum->failures ? "FAILED" : "passed", (unsigned long long)sum->cuts,
           (unsigned long long)sum->bricks, (unsigned long long)sum->failures, sum->worst_recovery,
           prove->seconds);
}

static void print_replay(const struct prove *prove)
{
    char cuts[256];
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *totals = &prove->parts[i].totals;
        if (totals->has_failure) {
            cli_say("%s: %s\n  step by step: %s --replay %s:%s", prove->parts[i].scenario.name,
                    totals->failure.text, prove->command, prove->parts[i].scenario.name,
                    powercut_cuts_text(&totals->failed, cuts, sizeof(cuts)));
        }
    }
}

static int sweep(const struct wish *wish, struct prove *prove)
{
    double start = seconds();
    for (uint32_t i = 0; i < prove->part_count; i++) {
        if (!sweep_part(wish, &prove->parts[i])) {
            return CLI_FAILED;
        }
        if (!cli_is_json()) {
            cli_say("%s: %llu cuts", prove->parts[i].scenario.name,
                    (unsigned long long)prove->parts[i].totals.cuts);
        }
    }
    prove->seconds = seconds() - start;
    struct powercut_totals sum = prove_sum(prove);
    if (cli_is_json()) {
        print_json(prove, &sum);
    } else {
        print_text(prove, &sum);
    }
    print_replay(prove);
    if (wish->report && !prove_write_report(prove, wish->report)) {
        return CLI_FAILED;
    }
    if (sum.failures == 0) {
        return CLI_DONE;
    }
    return cli_fail("%llu of %llu cases failed; see the replay commands",
                    (unsigned long long)sum.failures, (unsigned long long)sum.cases);
}

// ----------------------------------------------------------------------- one case

static void tell_life(void *context, uint32_t number, const struct powercut_life *life)
{
    const struct powercut_scenario *scenario = context;
    char name[8];
    printf("power-on %u: ", number + 1);
    if (life->booted) {
        printf("%s boots from %s (%s)", scenario->world->images[life->booted].name,
               boot_index_name(life->index, name), boot_reason_text(life->reason));
    }
    printf("%s%s%s%s\n", life->was_cut ? "; the power is cut in the operation above" : "",
           life->has_goal ? "; the goal is reached" : "", life->failure[0] ? ": " : "",
           life->failure);
    (void)fflush(stdout);
}

static void tell_operation(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    const struct nor_shared *shared = context;
    printf("  %5u %s 0x%06x, %u bytes\n", shared->operations,
           op == NOR_OPERATION_ERASE ? "erase  " : "program", (unsigned)address, (unsigned)len);
    (void)fflush(stdout);
}

static int replay(const struct wish *wish, const struct prove *prove)
{
    const char *colon = strchr(wish->replay, ':');
    struct powercut_case which = {0};
    for (uint32_t i = 0; colon && i < prove->part_count; i++) {
        const char *name = prove->parts[i].scenario.name;
        if (strlen(name) == (size_t)(colon - wish->replay) &&
            strncmp(name, wish->replay, strlen(name)) == 0) {
            which.scenario = &prove->parts[i].scenario;
        }
    }
    if (!which.scenario || (colon[1] && !powercut_parse_cuts(colon + 1, &which))) {
        return cli_usage("--replay takes SCENARIO:CUTS as a failure prints it, not \"%s\"",
                         wish->replay);
    }
    struct powercut_bench *bench = powercut_bench_open(prove->world.flash_size);
    struct powercut_outcome out;
    if (!bench || !powercut_bench_put(bench, which.scenario)) {
        powercut_bench_close(bench);
        return cli_fail("there is not enough memory for this flash");
    }
    struct nor_physics *chip = powercut_bench_chip(bench);
    chip->observer = tell_operation;
    chip->observer_context = chip->shared;
    powercut_run(bench, &which, NULL, tell_life, (void *)(uintptr_t)which.scenario, &out);
    powercut_bench_close(bench);
    if (out.is_failure) {
        return cli_fail("%s: %s", wish->replay, out.text);
    }
    printf("passed: %u power-ons, %u cuts, %u operations\n", out.lives, out.cuts_done,
           out.operations);
    return CLI_DONE;
}

// ----------------------------------------------------------------------- command line

static void note_command(struct wish *wish)
{
    (void)snprintf(wish->command, sizeof(wish->command),
                   "esp-ota prove --old %s --new %s%s%s%s%s%s", wish->old_path, wish->new_path,
                   wish->partitions ? " --partitions " : "",
                   wish->partitions ? wish->partitions : "", wish->chip ? " --chip " : "",
                   wish->chip ? wish->chip->name : "",
                   !wish->has_rollback ? ""
                   : wish->rollback    ? " --rollback on"
                                       : " --rollback off");
}

static int prove_pair(struct wish *wish)
{
    struct prove prove = {0};
    prove.old_path = wish->old_path;
    prove.new_path = wish->new_path;
    prove.is_long = wish->is_long;
    prove.command = wish->command;
    note_command(wish);
    int code = CLI_FAILED;
    if (load_images(wish, &prove)) {
        bool has_table = true;
        if (wish->partitions) {
            has_table = load_table(wish, &prove);
        } else {
            make_table(wish, &prove);
        }
        if (has_table && check_table(wish, &prove)) {
            add_parts(wish, &prove);
            esp_log_level_set("*",
                              ESP_LOG_NONE); // what the lives say is not what this command says
            code = wish->replay ? replay(wish, &prove) : sweep(wish, &prove);
        }
    }
    free(wish->old_file.bytes);
    free(wish->new_file.bytes);
    return code;
}

static int take_option(int option, struct wish *wish)
{
    switch (option) {
    case OPT_OLD:
        wish->old_path = optarg;
        break;
    case OPT_NEW:
        wish->new_path = optarg;
        break;
    case OPT_PARTITIONS:
        wish->partitions = optarg;
        break;
    case OPT_CHIP:
        wish->chip = chip_traits_by_name(optarg);
        if (!wish->chip) {
            return cli_usage("--chip: no chip is called \"%s\"", optarg);
        }
        break;
    case OPT_ROLLBACK:
        wish->has_rollback = true;
        if (!cli_parse_switch(optarg, &wish->rollback)) {
            return cli_usage("--rollback is on or off, not \"%s\"", optarg);
        }
        break;
    case OPT_LONG:
        wish->is_long = true;
        break;
    case OPT_REPORT:
        wish->report = optarg;
        break;
    case OPT_REPLAY:
        wish->replay = optarg;
        break;
    default:
        if (!cli_parse_number(optarg, 16, &wish->jobs) || wish->jobs == 0) {
            return cli_usage("--jobs is a number from 1 to 16, not \"%s\"", optarg);
        }
    }
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    struct wish wish = {.jobs = 2};
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = option == CLI_WRONG ? CLI_USAGE : take_option(option, &wish);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    if (!wish.old_path || !wish.new_path) {
        return cli_usage("--old OLD.bin and --new NEW.bin are needed");
    }
    return prove_pair(&wish);
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
        "  --long              every operation, more tears, thousands of random histories\n"
        "  --report FILE.html  one page with pictures, for whoever signs the release\n"
        "  --replay CASE       one case step by step, as a failure prints it\n"
        "  --jobs N            processes, default 2\n"
        "  --json              the result as one object\n"
        "\n"
        "example: esp-ota prove --old v1.bin --new v2.bin --report v2.html\n",
    .run = run,
};
