// esp-ota prove: what is tried. Each part is a scenario of the engine in sim/powercut, with an application of ours.

#include <stdio.h>
#include <string.h>

#include "esp_ota_ops.h"
#include "prove.h"

// chosen: images above are cut evenly, so that the default stays a matter of minutes; --long cuts all in any case
#define LARGE_LEN       (2u * 1024 * 1024)
#define LARGE_CUTS      250
#define ENCRYPTED_CUTS  60 // chosen: ciphers cost ten times the rest of a life
#define REFUSAL_CUTS    60 // chosen: nothing but the slot is ever written
#define EVERY_OPERATION 0

// ----------------------------------------------------------------------- applications

static esp_err_t refuse(const struct prove_part *part, uint32_t number, struct powercut_life *life)
{
    const struct powercut_scenario *scenario = &part->scenario;
    esp_err_t err = powercut_act(scenario, number, life); // confirms itself where it has to
    if (err != ESP_OK || !life->has_goal) {
        return err;
    }
    const struct powercut_image *stranger = &scenario->world->images[scenario->served];
    err = powercut_update(stranger, scenario->way, NULL);
    life->has_goal = err == ESP_ERR_OTA_VALIDATE_FAILED || err == ESP_ERR_IMAGE_INVALID;
    if (err == ESP_OK) {
        POWERCUT_FAIL(life, "%s was accepted", stranger->name);
    }
    return life->has_goal ? ESP_OK : err;
}

// What was confirmed without its record is chosen once more: only with a record the keys follow.
static esp_err_t complete_rotation(struct powercut_life *life)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    life->has_goal = false;
    return esp_ota_get_state_partition(running, &state) == ESP_OK && state == ESP_OTA_IMG_VALID
               ? esp_ota_mark_app_valid_cancel_rollback()
               : esp_ota_set_boot_partition(running);
}

static esp_err_t rotate(const struct prove_part *part, uint32_t number, struct powercut_life *life)
{
    esp_err_t err = powercut_act(&part->scenario, number, life);
    return err == ESP_OK && life->has_goal && !prove_has_rotated(part) ? complete_rotation(life)
                                                                       : err;
}

static esp_err_t act(const struct powercut_scenario *scenario, uint32_t number,
                     struct powercut_life *life)
{
    const struct prove_part *part = (const struct prove_part *)scenario;
    switch (part->action) {
    case PROVE_ACT_UPDATE:
        return powercut_act(scenario, number, life);
    case PROVE_ACT_REFUSE:
        return refuse(part, number, life);
    case PROVE_ACT_ROTATE:
        return rotate(part, number, life);
    }
    return ESP_FAIL;
}

// ----------------------------------------------------------------------- parts

static void trust_all_keys(const struct prove *prove, struct trust_record *record)
{
    record->sequence = 1;
    record->trusted_count = (uint8_t)prove->trust.count;
    for (uint32_t i = 0; i < prove->trust.count; i++) {
        memcpy(record->trusted[i], prove->trust.keys[i].digest, SIGNATURE_KEY_DIGEST_LEN);
    }
}

struct prove_part *prove_add_part(struct prove *prove, const char *name, const char *title,
                                  const char *claim)
{
    struct prove_part *part = &prove->parts[prove->part_count++];
    part->prove = prove;
    part->title = title;
    part->claim = claim;
    part->extra =
        (struct powercut_extra){.put = prove_put_store, .power_on = prove_power_on, .act = act};
    part->scenario = (struct powercut_scenario){.name = name,
                                                .world = &prove->world,
                                                .way = POWERCUT_HTTPS,
                                                .goal = PROVE_NEW,
                                                .allowed = 1u << PROVE_OLD | 1u << PROVE_NEW,
                                                .slots = {PROVE_OLD, PROVE_OLD},
                                                .seq = {1},
                                                .states = {ESP_OTA_IMG_VALID},
                                                .extra = &part->extra};
    if (prove->trusts == PROVE_TRUST_STORE) {
        trust_all_keys(prove, &part->before);
    }
    return part;
}

static void add_update(struct prove *prove, bool rollback)
{
    struct prove_part *part =
        rollback ? prove_add_part(prove, "https-rollback", "HTTPS update, rollback on",
                                  "The new firmware starts on trial, confirms itself, and stays.")
                 : prove_add_part(prove, "https", "HTTPS update, rollback off",
                                  "The new firmware is complete before it is chosen, and stays.");
    part->scenario.rollback = rollback;
}

static void add_first_update(struct prove *prove, bool rollback)
{
    struct prove_part *part = prove_add_part(
        prove, rollback ? "factory-rollback" : "factory",
        rollback ? "First update of a new device, rollback on"
                 : "First update of a new device, rollback off",
        "The factory firmware (the old one here) runs until the new one is complete.");
    struct powercut_scenario *scenario = &part->scenario;
    scenario->rollback = rollback;
    scenario->factory = PROVE_OLD;
    memset(scenario->slots, 0, sizeof(scenario->slots));
    memset(scenario->seq, 0, sizeof(scenario->seq));
}

static void add_crash_loop(struct prove *prove)
{
    struct prove_part *part =
        prove_add_part(prove, "crash-loop", "The new firmware crashes and never confirms itself",
                       "The device goes back to the old firmware by itself.");
    part->scenario.rollback = true;
    part->scenario.wish = POWERCUT_CRASH_LOOP;
    part->scenario.goal = PROVE_OLD;
    part->scenario.served = PROVE_NEW;
}

static void add_patch(struct prove *prove, bool rollback)
{
    prove->sent =
        (struct powercut_image){"the patch", prove->patch.bytes, (uint32_t)prove->patch.len, NULL};
    prove->patch_world = prove->world;
    prove->patch_world.images[PROVE_NEW].sent = &prove->sent;
    struct prove_part *part =
        prove_add_part(prove, "patch", "Delta update: the server sends only a patch",
                       "The new firmware is made from the running one and the patch.");
    part->scenario.world = &prove->patch_world;
    part->scenario.rollback = rollback;
}

bool prove_add_parts(struct prove *prove)
{
    bool has_two = prove_find(prove, PART_TYPE_APP, 0x11);
    bool has_factory = prove_find(prove, PART_TYPE_APP, 0);
    for (int rollback = 0; rollback <= 1; rollback++) {
        if (prove->has_rollback && prove->rollback != (rollback == 1)) {
            continue;
        }
        if (has_two) {
            add_update(prove, rollback);
        }
        if (has_factory) {
            add_first_update(prove, rollback);
        }
        if (has_two && rollback) {
            add_crash_loop(prove);
        }
    }
    if (!has_two) {
        return true;
    }
    struct prove_part *bulk =
        prove_add_part(prove, "bulk", "Update by esp_ota_begin() and esp_ota_write()",
                       "The same with the slot erased at once, as many applications do it.");
    bulk->scenario.way = POWERCUT_BULK;
    bulk->scenario.rollback = !prove->has_rollback || prove->rollback;
    if (prove->patch_path) {
        add_patch(prove, bulk->scenario.rollback);
    }
    return prove_add_trust_parts(prove);
}

// ----------------------------------------------------------------------- the sweep

static struct powercut_amount amount_of(const struct prove *prove, const struct prove_part *part)
{
    bool is_aside = part->action == PROVE_ACT_REFUSE;
    bool is_bulk = part->scenario.way == POWERCUT_BULK; // seven times the operations, each small
    bool is_large = prove->files[PROVE_NEW].len > LARGE_LEN;
    if (prove->is_long) {
        return (struct powercut_amount){
            .seeds = 3, .pair_window = 12, .histories = is_aside ? 100 : 1000};
    }
    return (struct powercut_amount){.seeds = 1,
                                    .operation_max = prove->is_encrypted ? ENCRYPTED_CUTS
                                                     : is_aside          ? REFUSAL_CUTS
                                                     : is_large          ? LARGE_CUTS
                                                                         : EVERY_OPERATION,
                                    .pair_window = is_aside  ? 1
                                                   : is_bulk ? 0
                                                             : 4,
                                    .histories = is_aside ? 10 : 30};
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
        if (out.is_failure && part->scenario.world == &part->prove->patch_world) {
            cli_report_failure("%s does not lead from %s to %s: %s", part->prove->patch_path,
                               part->prove->old_path, part->prove->new_path, out.text);
            is_done = false;
        }
    } else {
        cli_report_failure("there is not enough memory for a flash of %u bytes",
                           (unsigned)part->scenario.world->flash_size);
    }
    powercut_bench_close(bench);
    return is_done;
}

static uint32_t count_cut_operations(const struct prove_part *part)
{
    static uint8_t is_cut[PROVE_OPERATION_MAX];
    uint32_t count = 0;
    memset(is_cut, 0, sizeof(is_cut));
    for (uint32_t i = 0; i < part->record_count; i++) {
        const struct powercut_record *record = &part->records[i];
        uint32_t n = record->cut.after - 1;
        if (record->cut_count == 1 && n < part->operation_count && !is_cut[n]) {
            is_cut[n] = 1;
            count++;
        }
    }
    return count;
}

// The first failure is the one of a single cut, if there is one: that is easier to understand than a row of them.
static void prefer_single_cut(struct prove_part *part)
{
    struct powercut_case which = {.scenario = &part->scenario, .cut_count = 1};
    struct powercut_outcome out = {0};
    uint32_t i = 0;
    while (i < part->record_count &&
           !(part->records[i].is_failure && part->records[i].cut_count == 1)) {
        i++;
    }
    if (part->totals.failed.cut_count < 2 || i == part->record_count) {
        return;
    }
    which.cuts[0] = part->records[i].cut;
    struct powercut_bench *bench = powercut_bench_open(part->scenario.world->flash_size);
    if (bench && powercut_bench_put(bench, &part->scenario)) {
        powercut_run(bench, &which, NULL, NULL, NULL, &out);
    }
    powercut_bench_close(bench);
    if (out.is_failure) {
        part->totals.failed = which;
        part->totals.failure = out;
    }
}

bool prove_sweep_part(const struct prove *prove, struct prove_part *part)
{
    struct powercut_amount amount = amount_of(prove, part);
    part->records = powercut_share(PROVE_RECORD_MAX * sizeof(*part->records));
    if (!part->records || !trace_part(part)) {
        return false;
    }
    (void)fflush(NULL); // before forks copy it
    part->record_count = powercut_sweep(&part->scenario, &amount, prove->jobs, part->records,
                                        PROVE_RECORD_MAX, &part->totals);
    part->cut_operations = count_cut_operations(part);
    prefer_single_cut(part);
    return true;
}

// ----------------------------------------------------------------------- sums

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

void prove_count_operations(const struct prove *prove, uint64_t *all, uint64_t *cut)
{
    *all = 0;
    *cut = 0;
    for (uint32_t i = 0; i < prove->part_count; i++) {
        *all += prove->parts[i].operation_count;
        *cut += prove->parts[i].cut_operations;
    }
}
