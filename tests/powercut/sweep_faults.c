// A defective medium: in every sector that an update programs or erases, one after the other, a bit is stuck at 0 or at 1, every
// operation is refused, or erasing wears it out. Whatever the application reaches, what boots is an image that verifies, the
// old one or the new one; and when an update does not come about the application has been told.

#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_MAX 1024u

enum kind { KIND_STUCK_LOW, KIND_STUCK_HIGH, KIND_BAD, KIND_WORN, KIND_COUNT };

static const struct {
    const char *name;
    enum nor_fault fault;
} KINDS[KIND_COUNT] = {{"bit stuck at 0", NOR_FAULT_STUCK},
                       {"bit stuck at 1", NOR_FAULT_STUCK},
                       {"failing sector", NOR_FAULT_BAD_SECTOR},
                       {"worn sector", NOR_FAULT_WORN}};

// What a run without faults does in each sector. Shared with the lives.
struct use {
    uint32_t operations;
    bool is_erased[SECTOR_MAX];
    bool is_programmed[SECTOR_MAX];
    uint32_t cleared[SECTOR_MAX]; // address of a byte whose bit 0 is programmed to 0; 0: none
};

static struct use *s_use;
static struct nor_physics *s_chip;
static uint32_t s_worn; // sector to wear out before the first life; 0: none

static void note(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    (void)context;
    for (uint32_t s = address / FLASH_SECTOR_SIZE; s <= (address + len - 1) / FLASH_SECTOR_SIZE;
         s++) {
        s_use->is_erased[s] = s_use->is_erased[s] || op == NOR_OPERATION_ERASE;
        s_use->is_programmed[s] = s_use->is_programmed[s] || op == NOR_OPERATION_PROGRAM;
    }
}

static void find_cleared(uint32_t sector, const uint8_t *before)
{
    for (uint32_t at = sector * FLASH_SECTOR_SIZE; at < (sector + 1) * FLASH_SECTOR_SIZE; at++) {
        bool was_set = s_use->is_erased[sector] || (before[at] & 1);
        if (was_set && !(s_chip->cells[at] & 1)) {
            s_use->cleared[sector] = at;
            return;
        }
    }
}

// In the life's process, on the chip that all lives share.
static void wear_out(void *context, uint32_t life)
{
    (void)context;
    if (life == 0 && s_worn) {
        s_chip->wear[s_worn] = s_chip->shared->wear_limit;
    }
}

// false: this kind cannot show there.
static bool plan(enum kind kind, uint32_t sector, struct nor_shared *setup)
{
    uint32_t address = sector * FLASH_SECTOR_SIZE;
    memset(setup, 0, sizeof(*setup));
    s_worn = 0;
    switch (kind) {
    case KIND_STUCK_LOW:
    case KIND_STUCK_HIGH:
        setup->stuck_count = 1;
        setup->stuck[0].address =
            kind == KIND_STUCK_HIGH ? s_use->cleared[sector] : address + FLASH_SECTOR_SIZE / 2;
        setup->stuck[0].mask = 1;
        setup->stuck[0].value = kind == KIND_STUCK_HIGH;
        return kind == KIND_STUCK_HIGH ? s_use->is_programmed[sector] && s_use->cleared[sector]
                                       : s_use->is_erased[sector];
    case KIND_BAD:
        setup->bad_sectors[0] = address;
        setup->bad_sector_count = 1;
        return true;
    default:
        setup->wear_limit = 1000; // chosen: nobody else erases a sector so often
        s_worn = sector;
        return s_use->is_erased[sector];
    }
}

// What the lives of a case told.
struct story {
    bool was_told; // of an error
    bool is_updated;
};

static void listen(void *context, uint32_t number, const struct powercut_life *life)
{
    struct story *story = context;
    (void)number;
    story->was_told = story->was_told || (life->has_acted && life->result != ESP_OK);
    story->is_updated = life->has_goal;
}

struct tally {
    unsigned cases;
    unsigned told;    // the update did not come about, and the application knew
    unsigned updated; // all the same
    unsigned failures;
};

static void try_fault(struct powercut_bench *bench, const struct powercut_case *which,
                      enum kind kind, uint32_t sector, struct tally *tally)
{
    struct nor_shared setup;
    struct powercut_outcome out;
    struct story story = {0};
    if (!plan(kind, sector, &setup)) {
        return;
    }
    powercut_run(bench, which, &setup, listen, &story, &out);
    bool is_missed = out.fired[KINDS[kind].fault] == 0 && which->cut_count == 0;
    const char *what = out.is_failure                         ? out.text
                       : is_missed                            ? "the fault did not happen"
                       : !story.is_updated && !story.was_told ? "no update, and no error"
                                                              : NULL;
    tally->cases++;
    tally->updated += story.is_updated;
    tally->told += !story.is_updated && story.was_told;
    if (what) {
        tally->failures++;
        char cuts[64];
        printf("  FAILED: %s, %s at 0x%x, cuts: %s: %s\n", which->scenario->name, KINDS[kind].name,
               sector * FLASH_SECTOR_SIZE, powercut_cuts_text(which, cuts, sizeof(cuts)), what);
    }
}

// Without a cut, and with one somewhere: with every tear, each time elsewhere.
static void try_sector(struct powercut_bench *bench, const struct powercut_scenario *scenario,
                       enum kind kind, uint32_t sector, struct tally *tally)
{
    struct powercut_case which = {.scenario = scenario};
    try_fault(bench, &which, kind, sector, tally);
    which.cut_count = 1;
    for (uint32_t tear = 0; tear < NOR_TEAR_COUNT; tear++) {
        uint32_t at = 1 + (sector * 7 + (uint32_t)kind * 3 + tear * 5) % s_use->operations;
        which.cuts[0] = (struct nor_cut){at, tear, sector + tear};
        try_fault(bench, &which, kind, sector, tally);
    }
}

static bool rehearse(struct powercut_bench *bench, const struct powercut_scenario *scenario)
{
    struct powercut_case none = {.scenario = scenario};
    struct powercut_outcome out;
    uint8_t *before = malloc(scenario->world->flash_size);
    if (!before) {
        return false;
    }
    memcpy(before, s_chip->cells, scenario->world->flash_size);
    memset(s_use, 0, sizeof(*s_use));
    s_worn = 0;
    s_chip->observer = note;
    powercut_run(bench, &none, NULL, NULL, NULL, &out);
    s_chip->observer = NULL;
    s_use->operations = out.operations;
    for (uint32_t s = 0; s < s_chip->chip.geometry.size / FLASH_SECTOR_SIZE; s++) {
        find_cleared(s, before);
    }
    free(before);
    return !out.is_failure;
}

static unsigned fault_all(const struct powercut_scenario *found)
{
    struct powercut_world world = *found->world;
    struct powercut_scenario scenario = *found;
    struct powercut_bench *bench = powercut_bench_open(world.flash_size);
    unsigned failures = 0;
    world.on_act = wear_out;
    scenario.world = &world;
    scenario.is_defective = true;
    if (!bench || world.flash_size / FLASH_SECTOR_SIZE > SECTOR_MAX ||
        !powercut_bench_put(bench, &scenario)) {
        return 1;
    }
    s_chip = powercut_bench_chip(bench);
    if (!rehearse(bench, &scenario)) {
        return 1;
    }
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        struct tally tally = {0};
        for (uint32_t s = 1; s < world.flash_size / FLASH_SECTOR_SIZE; s++) {
            if (s_use->is_erased[s] || s_use->is_programmed[s]) {
                try_sector(bench, &scenario, kind, s, &tally);
            }
        }
        printf("%-28s %-16s %5u cases, %4u updated all the same, %4u told why not\n", scenario.name,
               KINDS[kind].name, tally.cases, tally.updated, tally.told);
        (void)fflush(stdout); // before the next fork copies it
        failures += tally.failures + (tally.cases == 0);
    }
    powercut_bench_close(bench);
    return failures;
}

unsigned sweep_faults(void)
{
    static const char *const NAMES[] = {"over_older_rollback",
                                        "over_older_https_rollback",
                                        "over_older_https_bulk",
                                        "first_bulk",
                                        "stage_data",
                                        "signed_rotate",
                                        "mark_invalid",
                                        "anti_rollback",
                                        "secure_boot_revoke"};
    unsigned failures = 0;
    s_use = powercut_share(sizeof(*s_use));
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]) && s_use; i++) {
        failures += fault_all(sweep_find(NAMES[i]));
    }
    failures += !s_use;
    printf("powercut_sweep: %s: %u failures\n", failures ? "FAILED" : "passed", failures);
    return failures;
}
