// Fail the k-th, for every k: allocations, network reads, flash reads, flash operations; once, and from then on. In the first
// life the application's update runs into it; then the process ends as after a crash, and the next lives must reach the goal.

#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_ALLOCATION, KIND_NETWORK, KIND_FLASH_READ, KIND_FLASH, KIND_COUNT };

static const char *const KIND_NAMES[] = {"allocation", "network read", "flash read",
                                         "flash operation"};

// Shared by the lives.
struct failing {
    enum kind kind;
    unsigned k; // from 1; 0: only count
    bool goes_on;
    unsigned count; // of the first life
    unsigned fired;
    uint32_t network_reads;
    uint32_t reads_before; // of flash, by the bootloader
    uint32_t operations_before;
};

static struct failing *s_failing;
static volatile bool s_is_armed; // in the life that is to fail
static struct nor_shared *s_shared;

// NOLINTBEGIN(readability-identifier-naming): the linker gives these names (--wrap)
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool must_fail(void)
{
    if (!s_is_armed || s_failing->kind != KIND_ALLOCATION) {
        return false;
    }
    unsigned n = ++s_failing->count;
    bool fails =
        s_failing->k > 0 && (n == s_failing->k || (s_failing->goes_on && n > s_failing->k));
    s_failing->fired += fails;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return must_fail() ? NULL : __real_realloc(block, size);
}
// NOLINTEND(readability-identifier-naming)

// In the life's process, before the application acts.
static void arm(void *context, uint32_t life)
{
    (void)context;
    s_is_armed = s_failing && life == 0;
    if (!s_is_armed) {
        g_memory_server.fail_read = 0;
        return;
    }
    g_memory_server.fail_read = s_failing->kind == KIND_NETWORK ? s_failing->k : 0;
    g_memory_server.fails_on = s_failing->goes_on;
    g_memory_server.count = &s_failing->network_reads;
    s_failing->reads_before = s_shared->reads;
    s_failing->operations_before = s_shared->operations;
    if (s_failing->kind == KIND_FLASH_READ && s_failing->k) {
        s_shared->fail_read = s_shared->reads + s_failing->k;
    }
    if (s_failing->kind == KIND_FLASH && s_failing->k) {
        s_shared->fail_op = s_shared->operations + s_failing->k;
    }
}

struct counts {
    struct powercut_bench *bench;
    unsigned first_life[KIND_COUNT];
};

static void note_first_life(void *context, uint32_t number, const struct powercut_life *life)
{
    struct counts *counts = context;
    if (number == 0) {
        counts->first_life[KIND_ALLOCATION] = s_failing->count;
        counts->first_life[KIND_NETWORK] = s_failing->network_reads;
        counts->first_life[KIND_FLASH_READ] = s_shared->reads - s_failing->reads_before;
        counts->first_life[KIND_FLASH] = life->operations - s_failing->operations_before;
    }
}

static unsigned fail_all(const struct powercut_scenario *scenario, enum kind kind, bool goes_on,
                         unsigned stride, unsigned *runs)
{
    struct counts counts = {.bench = powercut_bench_open(scenario->world->flash_size)};
    struct powercut_case none = {.scenario = scenario};
    struct powercut_outcome out;
    unsigned failures = 0;
    if (!counts.bench || !powercut_bench_put(counts.bench, scenario)) {
        return 1;
    }
    s_shared = powercut_bench_chip(counts.bench)->shared;
    *s_failing = (struct failing){.kind = kind};
    powercut_run(counts.bench, &none, NULL, note_first_life, &counts, &out);
    for (unsigned k = 1; k <= counts.first_life[kind]; k += stride) {
        *s_failing = (struct failing){.kind = kind, .k = k, .goes_on = goes_on};
        powercut_run(counts.bench, &none, NULL, NULL, NULL, &out);
        ++*runs;
        if (out.is_failure) {
            failures++;
            printf("  FAILED: %s, %s %u fails%s: %s\n", scenario->name, KIND_NAMES[kind], k,
                   goes_on ? " and all after it" : "", out.text);
        }
        bool has_fired = kind == KIND_ALLOCATION   ? s_failing->fired > 0
                         : kind == KIND_FLASH_READ ? out.fired[NOR_FAULT_READ] > 0
                                                   : true; // the others count what they fail by
        if (!has_fired) {
            failures++;
            printf("  FAILED: %s, %s %u did not fail\n", scenario->name, KIND_NAMES[kind], k);
        }
    }
    printf("%-28s %-16s %-8s %5u of them\n", scenario->name, KIND_NAMES[kind],
           goes_on ? "for good" : "once", counts.first_life[kind]);
    (void)fflush(stdout); // before the next fork copies it
    powercut_bench_close(counts.bench);
    return failures;
}

unsigned sweep_failures(bool is_long)
{
    static const char *const NAMES[] = {
        "over_older_https_rollback", "first_https", "over_older_https_bulk",
        "over_older_rollback",       "stage_data",  "factory_to_ota_0_https_rollback"};
    unsigned failures = 0;
    unsigned runs = 0;
    s_failing = powercut_share(sizeof(*s_failing));
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]) && s_failing; i++) {
        const struct powercut_scenario *found = sweep_find(NAMES[i]);
        struct powercut_world world = *found->world;
        struct powercut_scenario scenario = *found;
        world.on_act = arm;
        scenario.world = &world;
        scenario.may_fail_once = true;
        scenario.is_unmapped = true;
        for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
            unsigned stride = kind == KIND_FLASH_READ && !is_long ? 7 : 1;
            failures += fail_all(&scenario, kind, false, stride, &runs);
            if (kind == KIND_ALLOCATION || kind == KIND_NETWORK) {
                failures += fail_all(&scenario, kind, true, stride, &runs);
            }
        }
    }
    failures += !s_failing;
    printf("powercut_sweep: %s: %u failing calls, %u failures\n", failures ? "FAILED" : "passed",
           runs, failures);
    return failures;
}
