// esp-ota prove: a chip that fails without any power cut. One fault a case; the device must go on with the old
// firmware or the new one, and after a fault that passes the update must be done.

#include <stdio.h>
#include <string.h>

#include "prove.h"

#define LIVES 3u // chosen: enough for an update, its confirmation, and a retry
#define CALL_MAX                                                                                   \
    40u // chosen: so many reads and operations fail, spread evenly; with --long ten times as many
#define PLACE_MAX  8u // chosen: so many sectors and bits; with --long ten times as many
#define LONG       10u
#define STUCK_MASK 0x10u

const char *const PROVE_FAULT_NAMES[PROVE_FAULT_COUNT] = {
    "a read fails once", "a program or erase fails once", "a sector is dead", "a bit is stuck"};

// Shared with the lives.
struct plan {
    enum prove_fault fault;
    uint32_t k; // of the reads or operations of the first application
    uint32_t reads;
    uint32_t operations;
    bool has_updated;
};

struct trial {
    struct prove_part part; // with an application that stands errors
    struct powercut_bench *bench;
    struct prove_faults *found;
};

static struct plan *s_plan;
static struct nor_shared *s_chip;

static esp_err_t act(const struct powercut_scenario *scenario, uint32_t number,
                     struct powercut_life *life)
{
    uint32_t reads = s_chip->reads;
    uint32_t operations = s_chip->operations;
    if (number == 0 && s_plan->fault == PROVE_FAULT_READ && s_plan->k) {
        s_chip->fail_read = reads + s_plan->k;
    } else if (number == 0 && s_plan->fault == PROVE_FAULT_OPERATION && s_plan->k) {
        s_chip->fail_op = operations + s_plan->k;
    }
    esp_err_t err = powercut_act(scenario, number, life);
    if (number == 0) {
        s_plan->reads = s_chip->reads - reads;
        s_plan->operations = s_chip->operations - operations;
    }
    s_plan->has_updated = s_plan->has_updated || (err == ESP_OK && life->has_goal);
    life->has_goal = number + 1 >= LIVES;
    return ESP_OK; // what an update does that meets a fault: the device goes on with what it has
}

static void note_failure(struct trial *trial, const char *where, const char *what)
{
    if (trial->found->failures++ == 0) {
        (void)snprintf(trial->found->failure, sizeof(trial->found->failure), "%s (%s): %s",
                       PROVE_FAULT_NAMES[s_plan->fault], where, what);
    }
}

static bool has_fired(enum prove_fault fault, const struct powercut_outcome *out)
{
    switch (fault) {
    case PROVE_FAULT_READ:
        return out->fired[NOR_FAULT_READ] > 0;
    case PROVE_FAULT_OPERATION:
        return s_chip->fail_op > 0 && s_chip->operations >= s_chip->fail_op;
    case PROVE_FAULT_SECTOR:
        return out->fired[NOR_FAULT_BAD_SECTOR] > 0;
    default:
        return out->fired[NOR_FAULT_STUCK] > 0;
    }
}

static void try_one(struct trial *trial, enum prove_fault fault, uint32_t k,
                    const struct nor_shared *setup, const char *where)
{
    struct powercut_case none = {.scenario = &trial->part.scenario};
    struct powercut_outcome out;
    *s_plan = (struct plan){.fault = fault, .k = k};
    powercut_run(trial->bench, &none, setup, NULL, NULL, &out);
    bool passes = fault == PROVE_FAULT_READ || fault == PROVE_FAULT_OPERATION;
    trial->found->tried[fault]++;
    trial->found->fired[fault] += has_fired(fault, &out);
    trial->found->updated[fault] += s_plan->has_updated;
    if (out.is_failure) {
        note_failure(trial, where, out.text);
    } else if (passes && !s_plan->has_updated) {
        note_failure(trial, where, "the fault has passed, and still the update is not done");
    }
}

// Every so many, so that a few of count fail.
static void try_passing(struct trial *trial, enum prove_fault fault, uint32_t count)
{
    uint32_t max = trial->part.prove->is_long ? CALL_MAX * LONG : CALL_MAX;
    uint32_t stride = (count + max - 1) / max;
    for (uint32_t k = 1; k <= count; k += stride) {
        char where[32];
        (void)snprintf(where, sizeof(where), "number %u", (unsigned)k);
        try_one(trial, fault, k, NULL, where);
    }
}

static void try_place(struct trial *trial, uint32_t address)
{
    char where[32];
    (void)snprintf(where, sizeof(where), "at 0x%x", (unsigned)address);
    struct nor_shared setup = {.bad_sectors = {address / FLASH_SECTOR_SIZE * FLASH_SECTOR_SIZE},
                               .bad_sector_count = 1};
    try_one(trial, PROVE_FAULT_SECTOR, 0, &setup, where);
    for (unsigned value = 0; value <= STUCK_MASK; value += STUCK_MASK) {
        struct nor_shared stuck = {.stuck_count = 1};
        stuck.stuck[0].address = address;
        stuck.stuck[0].mask = STUCK_MASK;
        stuck.stuck[0].value = (uint8_t)value;
        try_one(trial, PROVE_FAULT_STUCK, 0, &stuck, where);
    }
}

// Where the update writes, and every sector of the boot records.
static void try_places(struct trial *trial, const struct prove_part *part)
{
    const esp_partition_info_t *otadata = prove_find(part->prove, PART_TYPE_DATA, 0);
    uint32_t max = part->prove->is_long ? PLACE_MAX * LONG : PLACE_MAX;
    uint32_t stride = (part->operation_count + max - 1) / max;
    for (uint32_t i = 0; i < part->operation_count; i += stride) {
        const struct prove_operation *operation = &part->operations[i];
        try_place(trial, operation->address + operation->len / 2);
    }
    for (uint32_t at = 0; at < 2 * OTADATA_SECTOR_SIZE; at += OTADATA_SECTOR_SIZE) {
        try_place(trial, otadata->pos.offset + at);      // sequence number
        try_place(trial, otadata->pos.offset + at + 24); // state
    }
}

static bool try_part(struct prove *prove, const struct prove_part *part)
{
    struct trial trial = {.part = *part, .found = &prove->faults};
    trial.part.extra.act = act;
    trial.part.scenario.extra = &trial.part.extra;
    trial.part.scenario.is_unmapped = true; // so that reads can fail
    trial.part.extra.has_wrong_otadata =
        true; // what a record with a stuck bit says is not held against the device
    trial.bench = powercut_bench_open(prove->world.flash_size);
    s_plan = powercut_share(sizeof(*s_plan));
    bool is_ready = trial.bench && s_plan && powercut_bench_put(trial.bench, &trial.part.scenario);
    if (is_ready) {
        struct powercut_case none = {.scenario = &trial.part.scenario};
        struct powercut_outcome out;
        s_chip = powercut_bench_chip(trial.bench)->shared;
        powercut_run(trial.bench, &none, NULL, NULL, NULL, &out);
        uint32_t operations = s_plan->operations;
        try_passing(&trial, PROVE_FAULT_READ, s_plan->reads);
        try_passing(&trial, PROVE_FAULT_OPERATION, operations);
        try_places(&trial, part);
    } else {
        cli_report_failure("there is not enough memory for a flash of %u bytes",
                           (unsigned)prove->world.flash_size);
    }
    powercut_bench_close(trial.bench);
    return is_ready;
}

bool prove_try_faults(struct prove *prove)
{
    (void)fflush(NULL); // before forks copy it
    return try_part(prove, &prove->parts[0]);
}
