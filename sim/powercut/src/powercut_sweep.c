// Every cut of a scenario, shared out among processes: case n is the business of process n modulo their number. What they
// find they add up in memory of their own, which the parent adds when they are done.

#include "powercut_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB_MAX 16u
#define HISTORY_GAP                                                                                \
    2u // chosen: cuts of a history are up to this times the scenario's operations apart

struct job {
    struct powercut_totals totals;
    uint32_t record_count;
    uint32_t busy;
};

struct sweep {
    struct powercut_bench *bench;
    const struct powercut_amount *amount;
    uint32_t operations; // of the scenario without cuts
    unsigned number;
    unsigned jobs;
    uint32_t turn; // cases so far, of all jobs
    struct job *job;
    struct powercut_record *records;
    uint32_t record_max;
    uint8_t *critical; // [operations + 1], shared with the lives
};

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint32_t x = a * 2654435761u ^ b * 2246822519u;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    return x ^ x >> 16;
}

static void add_outcome(struct powercut_totals *totals, const struct powercut_case *which,
                        const struct powercut_outcome *out)
{
    totals->cases++;
    totals->cuts += out->cuts_done;
    totals->lives += out->lives;
    totals->bricks += out->is_brick;
    totals->windows += out->is_window;
    totals->booted[out->first_boot] += out->cuts_done > 0 && !out->is_brick && !out->is_window;
    for (uint32_t i = 0; i < out->cuts_done; i++) {
        totals->tears[which->cuts[i].tear]++;
    }
    for (int i = 0; i < NOR_FAULT_COUNT; i++) {
        totals->fired[i] += out->fired[i];
    }
    if (!out->is_failure && !out->is_window && out->recovery > totals->worst_recovery) {
        totals->worst_recovery = out->recovery;
    }
    totals->failures += out->is_failure;
    if (out->is_failure && !totals->has_failure) {
        totals->has_failure = true;
        totals->failed = *which;
        totals->failure = *out;
    }
}

static void add_record(struct sweep *sweep, const struct powercut_case *which,
                       const struct powercut_outcome *out)
{
    if (!sweep->records || out->cuts_done == 0 || sweep->job->record_count >= sweep->record_max) {
        return;
    }
    sweep->records[sweep->job->record_count++] =
        (struct powercut_record){.cut = which->cuts[0],
                                 .cut_count = which->cut_count,
                                 .address = out->cut_address,
                                 .len = out->cut_len,
                                 .operation = (uint8_t)out->cut_operation,
                                 .first_boot = out->first_boot,
                                 .first_reason = (uint8_t)out->first_reason,
                                 .recovery = (uint8_t)out->recovery,
                                 .is_failure = out->is_failure};
}

static bool is_over(const struct sweep *sweep)
{
    return sweep->amount->stops_at_first && sweep->job->totals.failures > 0;
}

static void do_case(struct sweep *sweep, const struct powercut_case *which)
{
    if (sweep->turn++ % sweep->jobs != sweep->number || is_over(sweep)) {
        return;
    }
    struct powercut_outcome out;
    powercut_run(sweep->bench, which, NULL, NULL, NULL, &out);
    add_outcome(&sweep->job->totals, which, &out);
    add_record(sweep, which, &out);
}

static bool has_chance(uint32_t tear)
{
    return tear != NOR_TEAR_BEFORE && tear != NOR_TEAR_AFTER;
}

static void cut_once(struct sweep *sweep, uint32_t at)
{
    struct powercut_case which = {.scenario = sweep->bench->scenario, .cut_count = 1};
    for (uint32_t tear = 0; tear < NOR_TEAR_COUNT; tear++) {
        uint32_t seeds = has_chance(tear) ? sweep->amount->seeds : 1;
        for (uint32_t seed = 0; seed < seeds; seed++) {
            which.cuts[0] = (struct nor_cut){at, tear, sweep->amount->first_seed + seed};
            do_case(sweep, &which);
        }
    }
}

// In records and journal every second cut, elsewhere one.
static void cut_twice(struct sweep *sweep, uint32_t at)
{
    static const uint32_t TEARS[] = {NOR_TEAR_BEFORE, NOR_TEAR_BITS, NOR_TEAR_UNSTABLE,
                                     NOR_TEAR_PREFIX, NOR_TEAR_WEAK};
    struct powercut_case which = {.scenario = sweep->bench->scenario, .cut_count = 2};
    uint32_t last = sweep->critical[at] ? sweep->amount->pair_window : 1;
    for (uint32_t i = 0; i < sizeof(TEARS) / sizeof(TEARS[0]); i++) {
        for (uint32_t second = 1; second <= last; second++) {
            uint32_t chance = mix(at * 16 + i, second + sweep->amount->first_seed);
            uint32_t after = sweep->critical[at] ? second : 1 + chance % (sweep->operations + 4);
            which.cuts[0] = (struct nor_cut){at, TEARS[i], chance & 0xFF};
            which.cuts[1] = (struct nor_cut){after, (chance >> 8) % NOR_TEAR_COUNT, chance >> 20};
            do_case(sweep, &which);
        }
    }
}

static void cut_often(struct sweep *sweep, uint32_t number)
{
    struct powercut_case which = {.scenario = sweep->bench->scenario};
    uint32_t seed = sweep->amount->first_seed * 7919u + number;
    which.cut_count = 1 + mix(seed, 1) % NOR_CUT_MAX;
    for (uint32_t i = 0; i < which.cut_count; i++) {
        uint32_t chance = mix(seed, 2 + i);
        uint32_t gap =
            which.cut_count > 2 ? sweep->operations / HISTORY_GAP + 1 : sweep->operations;
        which.cuts[i] = (struct nor_cut){1 + chance % gap, (chance >> 12) % NOR_TEAR_COUNT,
                                         mix(chance, i) & 0xFFFF};
    }
    do_case(sweep, &which);
}

static uint32_t stride_of(const struct sweep *sweep)
{
    uint32_t max = sweep->amount->operation_max;
    return max > 0 && sweep->operations > max ? (sweep->operations + max - 1) / max : 1;
}

static void sweep_all(struct sweep *sweep)
{
    const struct powercut_amount *amount = sweep->amount;
    uint32_t stride = stride_of(sweep);
    for (uint32_t at = 1; at <= sweep->operations && amount->seeds && !is_over(sweep);) {
        cut_once(sweep, at);
        if (amount->pair_window) {
            cut_twice(sweep, at);
        }
        // Critical operations are few and never left out.
        do {
            at++;
        } while (at <= sweep->operations && !sweep->critical[at] && (at - 1) % stride != 0);
    }
    for (uint32_t i = 0; i < amount->histories && !is_over(sweep); i++) {
        cut_often(sweep, i);
    }
}

// ----------------------------------------------------------------------- processes

struct tracer {
    const struct powercut_scenario *scenario;
    const struct nor_shared *shared;
    uint8_t *critical; // shared with the lives
    uint32_t max;
};

static void trace(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    struct tracer *tracer = context;
    (void)op;
    (void)len;
    if (tracer->shared->operations <= tracer->max) {
        tracer->critical[tracer->shared->operations] =
            powercut_is_critical(tracer->scenario, address);
    }
}

static void work(struct sweep *sweep, struct job *jobs)
{
    sweep->job = &jobs[sweep->number];
    if (sweep->records) {
        sweep->records += (size_t)sweep->number * sweep->record_max;
    }
    sweep_all(sweep);
}

static void add_totals(struct powercut_totals *to, const struct powercut_totals *from)
{
    to->cases += from->cases;
    to->cuts += from->cuts;
    to->lives += from->lives;
    to->bricks += from->bricks;
    to->windows += from->windows;
    to->failures += from->failures;
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        to->tears[i] += from->tears[i];
    }
    for (int i = 0; i < NOR_FAULT_COUNT; i++) {
        to->fired[i] += from->fired[i];
    }
    for (int i = 0; i < POWERCUT_IMAGE_MAX; i++) {
        to->booted[i] += from->booted[i];
    }
    if (from->worst_recovery > to->worst_recovery) {
        to->worst_recovery = from->worst_recovery;
    }
    if (from->has_failure && !to->has_failure) {
        to->has_failure = true;
        to->failed = from->failed;
        to->failure = from->failure;
    }
}

static void note_lost_job(const struct powercut_scenario *scenario, struct powercut_totals *totals)
{
    totals->failures++;
    if (!totals->has_failure) {
        totals->has_failure = true;
        totals->failed.scenario = scenario;
        (void)snprintf(totals->failure.text, sizeof(totals->failure.text),
                       "a process of the sweep ended early");
    }
}

static void work_in_processes(struct sweep *sweep, struct job *jobs, struct powercut_totals *totals)
{
    const struct powercut_scenario *scenario = sweep->bench->scenario;
    pid_t children[JOB_MAX];
    for (unsigned i = 0; i < sweep->jobs; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            sweep->number = i;
            sweep->bench = powercut_bench_open(scenario->world->flash_size);
            if (!sweep->bench || !powercut_bench_put(sweep->bench, scenario)) {
                _exit(1);
            }
            work(sweep, jobs);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < sweep->jobs; i++) {
        int status = 0;
        if (children[i] < 0 || waitpid(children[i], &status, 0) != children[i] || status != 0) {
            note_lost_job(scenario, totals);
        }
    }
}

// Without cuts: how many operations there are, and which are critical.
static bool rehearse(struct sweep *sweep, uint32_t max, struct powercut_totals *totals)
{
    const struct powercut_scenario *scenario = sweep->bench->scenario;
    struct powercut_case none = {.scenario = scenario};
    struct powercut_outcome out;
    struct tracer tracer = {scenario, sweep->bench->chip->shared, sweep->critical, max};
    sweep->bench->chip->observer = trace;
    sweep->bench->chip->observer_context = &tracer;
    powercut_run(sweep->bench, &none, NULL, NULL, NULL, &out);
    sweep->bench->chip->observer = NULL;
    add_outcome(totals, &none, &out);
    sweep->operations = out.operations < max ? out.operations : max - 1;
    totals->operations += out.operations;
    return !out.is_failure;
}

static uint32_t gather(const struct sweep *sweep, const struct job *jobs)
{
    uint32_t count = jobs[0].record_count;
    for (unsigned i = 1; i < sweep->jobs && sweep->records; i++) {
        memmove(sweep->records + count, sweep->records + (size_t)i * sweep->record_max,
                jobs[i].record_count * sizeof(*sweep->records));
        count += jobs[i].record_count;
    }
    return count;
}

uint32_t powercut_sweep(const struct powercut_scenario *scenario,
                        const struct powercut_amount *amount, unsigned jobs,
                        struct powercut_record *records, uint32_t record_max,
                        struct powercut_totals *totals)
{
    const uint32_t operation_max = 1u << 20;
    jobs = jobs < 1 ? 1 : jobs > JOB_MAX ? JOB_MAX : jobs;
    struct job *shared = powercut_share(sizeof(*shared) * JOB_MAX);
    uint8_t *critical = powercut_share(operation_max);
    struct powercut_bench *bench = powercut_bench_open(scenario->world->flash_size);
    uint32_t count = 0;
    if (!shared || !critical || !bench || !powercut_bench_put(bench, scenario)) {
        note_lost_job(scenario, totals);
    } else {
        struct sweep sweep = {.bench = bench,
                              .amount = amount,
                              .jobs = jobs,
                              .records = records,
                              .record_max = record_max / jobs,
                              .critical = critical};
        if (rehearse(&sweep, operation_max, totals)) {
            totals->stride = stride_of(&sweep);
            work_in_processes(&sweep, shared, totals);
            for (unsigned i = 0; i < jobs; i++) {
                add_totals(totals, &shared[i].totals);
            }
            count = gather(&sweep, shared);
        }
    }
    powercut_bench_close(bench);
    if (shared) {
        (void)munmap(shared, sizeof(*shared) * JOB_MAX); // ours, both
    }
    if (critical) {
        (void)munmap(critical, operation_max);
    }
    return count;
}
