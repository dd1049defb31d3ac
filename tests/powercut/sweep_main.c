/*
 * Cuts the power everywhere: every scenario, every operation, every tear; pairs of cuts; random histories.
 *
 *     powercut_sweep                    what ./check runs
 *     powercut_sweep --long             more of everything
 *     powercut_sweep --quick            a part of it, up to the first failure: for trying out planted bugs
 *     powercut_sweep --scenario 'first*,cache'   these only
 *     powercut_sweep --scenario NAME [--cuts 17.bits.3+2.weak.0] [--plant NAME]   one scenario, or one case step by step
 *     powercut_sweep --plants           every planted bug must be found; prints the table of docs/powercut.md
 *     powercut_sweep --failures         every k-th allocation and network read fails
 *     powercut_sweep --faults           every sector an update uses is defective
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_log.h"
#include "http_transport.h"
#include "sweep.h"

// This program knows no network.
const struct http_transport_ops esp_http_transport;

struct options {
    const char *scenario;
    const char *cuts;
    bool is_long;
    bool is_quick;
    bool plants;
    bool failures;
    bool faults;
    unsigned jobs;
    uint32_t seed;
};

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_history(const struct powercut_scenario *scenario)
{
    return scenario->is_stepwise;
}

static struct powercut_amount amount_of(const struct powercut_scenario *scenario,
                                        const struct options *options)
{
    if (is_history(scenario)) {
        return (struct powercut_amount){.histories = options->is_long    ? 34000
                                                     : options->is_quick ? 150
                                                                         : 3400,
                                        .first_seed = options->seed,
                                        .stops_at_first = options->is_quick};
    }
    // Ciphers cost ten times the rest of a life, and so do patches.
    bool is_slow = scenario->world->encode || scenario->file;
    if (options->is_quick) {
        return (struct powercut_amount){.seeds = 1,
                                        .operation_max = is_slow ? 8 : 12,
                                        .pair_window = is_slow ? 0 : 2,
                                        .first_seed = options->seed,
                                        .stops_at_first = true};
    }
    bool is_critical = scenario->extra && scenario->extra->is_records_only; // in every operation
    return (struct powercut_amount){.seeds = options->is_long ? 6
                                             : is_slow        ? 1
                                                              : 2,
                                    .operation_max = is_slow && !options->is_long ? 48 : 0,
                                    .pair_window = is_slow                            ? 2
                                                   : is_critical && !options->is_long ? 3
                                                   : options->is_long                 ? 12
                                                                                      : 8,
                                    .first_seed = options->seed};
}

static void print_failure(const struct powercut_totals *totals)
{
    char cuts[256];
    bool is_cut = totals->failed.cut_count > 0;
    bool is_planted = g_sweep_plant >= 0;
    printf("  FAILED: %s\n    again: powercut_sweep --scenario %s%s%s%s%s\n", totals->failure.text,
           totals->failed.scenario->name, is_cut ? " --cuts " : "",
           powercut_cuts_text(&totals->failed, cuts, sizeof(cuts)), is_planted ? " --plant " : "",
           is_planted ? SWEEP_PLANTS[g_sweep_plant].name : "");
}

static void add(struct powercut_totals *to, const struct powercut_totals *from)
{
    to->operations += from->operations;
    to->cases += from->cases;
    to->cuts += from->cuts;
    to->lives += from->lives;
    to->bricks += from->bricks;
    to->windows += from->windows;
    to->failures += from->failures;
    for (int i = 0; i < NOR_FAULT_COUNT; i++) {
        to->fired[i] += from->fired[i];
    }
    to->worst_recovery =
        from->worst_recovery > to->worst_recovery ? from->worst_recovery : to->worst_recovery;
}

static void sweep_one(const struct powercut_scenario *scenario, const struct options *options,
                      struct powercut_totals *all)
{
    struct powercut_totals totals = {0};
    struct powercut_amount amount = amount_of(scenario, options);
    double start = seconds();
    (void)powercut_sweep(scenario, &amount, options->jobs, NULL, 0, &totals);
    printf("%-32s %4llu operations %7llu cuts %8llu lives, worst %2u power-ons, %llu failures, "
           "%.1f s\n",
           scenario->name, (unsigned long long)totals.operations, (unsigned long long)totals.cuts,
           (unsigned long long)totals.lives, totals.worst_recovery,
           (unsigned long long)totals.failures, seconds() - start);
    if (totals.windows) {
        printf("  %llu times nothing booted after a cut in the window that hardware leaves open\n",
               (unsigned long long)totals.windows);
    }
    if (totals.has_failure) {
        print_failure(&totals);
    }
    (void)fflush(stdout); // before the next fork copies it
    add(all, &totals);
}

// ----------------------------------------------------------------------- one case, step by step

static void tell_life(void *context, uint32_t number, const struct powercut_life *life)
{
    const struct powercut_scenario *scenario = context;
    char name[8];
    printf("power-on %u: ", number + 1);
    if (life->booted) {
        printf("%s boots from %s (%s)", scenario->world->images[life->booted].name,
               boot_index_name(life->index, name), boot_reason_name(life->reason));
    }
    printf("%s%s%s%s, %u operations so far\n", life->was_cut ? ", then the power is cut" : "",
           life->has_goal ? ", the goal" : "", life->failure[0] ? ": " : "", life->failure,
           life->operations);
    (void)fflush(stdout);
}

static void tell_operation(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    const struct nor_shared *shared = context;
    printf("  %4u %s 0x%06x %u\n", shared->operations,
           op == NOR_OPERATION_ERASE ? "erase  " : "program", address, len);
    (void)fflush(stdout);
}

static int replay(const struct powercut_scenario *scenario, const char *cuts)
{
    struct powercut_case which = {.scenario = scenario};
    struct powercut_outcome out;
    struct powercut_bench *bench = powercut_bench_open(scenario->world->flash_size);
    if (!bench || !powercut_bench_put(bench, scenario) || !powercut_parse_cuts(cuts, &which)) {
        fprintf(stderr, "powercut_sweep: no cuts: %s\n", cuts);
        return 2;
    }
    struct nor_physics *chip = powercut_bench_chip(bench);
    chip->observer = tell_operation;
    chip->observer_context = chip->shared;
    powercut_run(bench, &which, NULL, tell_life, (void *)(uintptr_t)scenario, &out);
    printf("%s%s\n", out.is_failure ? "FAILED: " : "passed", out.text);
    powercut_bench_close(bench);
    return out.is_failure;
}

// ----------------------------------------------------------------------- all

static unsigned check_plants(const struct options *options)
{
    unsigned missed = 0;
    for (unsigned i = 0; i < SWEEP_PLANT_COUNT; i++) {
        struct powercut_totals totals = {0};
        struct powercut_amount amount = {.seeds = 2, .pair_window = 12, .stops_at_first = true};
        const struct powercut_scenario *scenario = sweep_find(SWEEP_PLANTS[i].scenario);
        char cuts[256];
        g_sweep_plant = (int)i;
        (void)powercut_sweep(scenario, &amount, 1, NULL, 0, &totals);
        g_sweep_plant = -1;
        missed += !totals.has_failure;
        printf("| %s | %s | %s | `%s` | %s |\n", SWEEP_PLANTS[i].name, SWEEP_PLANTS[i].text,
               SWEEP_PLANTS[i].scenario,
               totals.has_failure ? powercut_cuts_text(&totals.failed, cuts, sizeof(cuts)) : "-",
               totals.has_failure ? totals.failure.text : "NOT FOUND");
        (void)fflush(stdout);
    }
    (void)options;
    printf("powercut_sweep: %s: %u planted bugs, %u not found\n", missed ? "FAILED" : "passed",
           SWEEP_PLANT_COUNT, missed);
    return missed;
}

static int plant_named(const char *name)
{
    for (unsigned i = 0; i <= SWEEP_PLANT_COUNT; i++) { // the last is the documented algorithm
        if (strcmp(SWEEP_PLANTS[i].name, name) == 0) {
            return (int)i;
        }
    }
    fprintf(stderr, "powercut_sweep: no planted bug is called %s\n", name);
    exit(2);
}

static struct options parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"scenario", required_argument, NULL, 's'},
                                            {"cuts", required_argument, NULL, 'c'},
                                            {"plant", required_argument, NULL, 'p'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"long", no_argument, NULL, 'l'},
                                            {"plants", no_argument, NULL, 'P'},
                                            {"failures", no_argument, NULL, 'F'},
                                            {"faults", no_argument, NULL, 'D'},
                                            {"quick", no_argument, NULL, 'q'},
                                            {0}};
    struct options options = {.jobs = 2};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 's':
            options.scenario = optarg;
            break;
        case 'c':
            options.cuts = optarg;
            break;
        case 'p':
            g_sweep_plant = plant_named(optarg);
            break;
        case 'r':
            options.seed = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'j':
            options.jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            options.is_long = true;
            break;
        case 'q':
            options.is_quick = true;
            break;
        case 'P':
            options.plants = true;
            break;
        case 'F':
            options.failures = true;
            break;
        case 'D':
            options.faults = true;
            break;
        default:
            exit(2);
        }
    }
    return options;
}

// A fault that never happened has not been tried.
static bool has_missed_fault(const struct powercut_totals *all)
{
    static const enum nor_fault WANTED[] = {NOR_FAULT_CUT, NOR_FAULT_UNSTABLE_READ, NOR_FAULT_DECAY,
                                            NOR_FAULT_LOST_CACHE};
    for (size_t i = 0; i < sizeof(WANTED) / sizeof(WANTED[0]); i++) {
        if (all->fired[WANTED[i]] == 0) {
            printf("no %s happened\n", NOR_FAULT_NAMES[WANTED[i]]);
            return true;
        }
    }
    return false;
}

// patterns: separated by commas; NULL: all.
static bool is_wanted(const char *patterns, const char *name)
{
    bool is_named = patterns == NULL;
    char pattern[64];
    for (const char *at = patterns; at && *at && !is_named;) {
        size_t len = strcspn(at, ",");
        (void)snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
        is_named = fnmatch(pattern, name, 0) == 0;
        at += len + (at[len] == ',');
    }
    return is_named;
}

static int sweep_wanted(const struct options *options)
{
    struct powercut_totals all = {0};
    double start = seconds();
    const struct powercut_scenario *scenario;
    for (unsigned i = 0; (scenario = sweep_at(i)) && !(options->is_quick && all.failures); i++) {
        if (is_wanted(options->scenario, scenario->name)) {
            sweep_one(scenario, options, &all);
        }
    }
    if (all.cases == 0) {
        fprintf(stderr, "powercut_sweep: no scenario is called %s\n", options->scenario);
        return 2;
    }
    bool is_bad =
        all.failures > 0 || all.cuts == 0 || (!options->scenario && has_missed_fault(&all));
    printf("faults:");
    for (int i = 0; i < NOR_FAULT_COUNT; i++) {
        printf(" %s %llu%s", NOR_FAULT_NAMES[i], (unsigned long long)all.fired[i],
               i + 1 < NOR_FAULT_COUNT ? "," : "\n");
    }
    printf(
        "powercut_sweep: %s: %llu cases, %llu cuts, %llu lives, worst recovery %u power-ons, %llu "
        "bricks, %llu failures, %.0f s\n",
        is_bad ? "FAILED" : "passed", (unsigned long long)all.cases, (unsigned long long)all.cuts,
        (unsigned long long)all.lives, all.worst_recovery, (unsigned long long)all.bricks,
        (unsigned long long)all.failures, seconds() - start);
    return is_bad;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    esp_log_level_set("*", ESP_LOG_NONE);
    sweep_make_worlds();
    if (options.plants) {
        return check_plants(&options) > 0;
    }
    if (options.failures) {
        return sweep_failures(options.is_long) > 0;
    }
    if (options.faults) {
        return sweep_faults() > 0;
    }
    const struct powercut_scenario *one = options.scenario ? sweep_find(options.scenario) : NULL;
    if (options.cuts && one) {
        return replay(one, options.cuts);
    }
    return sweep_wanted(&options);
}
