/*
 * Cuts the power at every flash operation of every scenario and looks at what boots.
 *
 * A life of the device is a child process; its flash is memory shared with the parent. A first run without cuts counts the
 * operations from power-on to the goal. Then operation 1, 2, ... is cut: before it begins, or inside, where a program has
 * cleared only some bits and an erase raised only some. The device is powered on again and again until its application
 * reaches the goal. Every boot must start one of the images it may start, whole and named by otadata; outside the slot
 * being written and otadata no byte may change; and the goal must be reached. A second sweep cuts twice: the second time
 * somewhere in what the device does after the first cut.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cut_flash.h"
#include "esp_log.h"
#include "scenario.h"

#define LIVES_MAX     8
#define SEEDS_DEFAULT 3 // of the variants with chance in them

// Shared by all lives.
struct shared {
    struct cut_plan plan;
    struct life_report report;
};

static struct shared *s_shared;
static uint8_t s_before[CUT_FLASH_SIZE];
static const char *s_encryption; // of the device, for reports; NULL: none

struct options {
    const char *scenario;
    unsigned cut;
    int variant; // -1: all
    uint32_t seed;
    bool has_seed;
    enum plant plant;
    int encryption; // index into ENCRYPTIONS
};

// Flash encryption of the device.
static const char *const ENCRYPTIONS[] = {"none", "esp32", "xts"};
#define ENCRYPTION_COUNT 3

struct totals {
    unsigned operations;
    unsigned cuts;
    unsigned double_cuts;
    unsigned lives;
    unsigned bricks;   // nothing boots
    unsigned failures; // these and all others
};

// One case: a first cut and, unless 0, how many operations later the second comes.
struct cut_case {
    const struct scenario *scenario;
    enum plant plant;
    unsigned cut;
    enum cut_variant variant;
    uint32_t seed;
    unsigned second;
};

// ----------------------------------------------------------------------- lives

static int live_once(const struct cut_case *c, struct totals *totals)
{
    totals->lives++;
    pid_t child = fork();
    if (child == 0) {
        scenario_live(c->scenario, c->plant, &s_shared->report);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status);
}

static bool report_failure(const struct cut_case *c, struct totals *totals, const char *what)
{
    totals->failures++;
    totals->bricks += strncmp(what, "BRICK", 5) == 0;
    printf("%s, cut at operation %u (%s), %s: %s\n"
           "  again: powercut --scenario %s --cut %u --variant %s --seed %u%s%s%s%s\n",
           c->scenario->name, c->cut, s_shared->plan.last, CUT_VARIANT_NAMES[c->variant], what,
           c->scenario->name, c->cut, CUT_VARIANT_NAMES[c->variant], c->seed,
           c->plant ? " --plant " : "", c->plant ? PLANT_NAMES[c->plant] : "",
           s_encryption ? " --encrypt " : "", s_encryption ? s_encryption : "");
    return false;
}

static bool check_untouched(const struct cut_case *c, struct totals *totals)
{
    const uint8_t *now = cut_flash_bytes();
    for (uint32_t sector = 0; sector < CUT_FLASH_SIZE; sector += FLASH_SECTOR_SIZE) {
        if (!scenario_may_change(c->scenario, sector) &&
            memcmp(now + sector, s_before + sector, FLASH_SECTOR_SIZE) != 0) {
            char text[64];
            (void)snprintf(text, sizeof(text), "flash at 0x%x has changed", sector);
            return report_failure(c, totals, text);
        }
    }
    return true;
}

// Lives until the goal is reached. The power is cut as the case says.
static bool run_case(const struct cut_case *c, struct totals *totals)
{
    memcpy(cut_flash_bytes(), s_before, CUT_FLASH_SIZE);
    s_shared->plan = (struct cut_plan){.cut_at = c->cut, .variant = c->variant, .seed = c->seed};
    unsigned second = c->second;
    for (int i = 0; i < LIVES_MAX; i++) {
        int code = live_once(c, totals);
        if (c->plant != PLANT_IN_PLACE && !check_untouched(c, totals)) {
            return false;
        }
        if (code == CUT_EXIT) {
            s_shared->plan.cut_at = second ? s_shared->plan.operations + second : 0;
            second = 0;
            continue;
        }
        if (code != 0) {
            return report_failure(c, totals, "the process of a life ends abnormally");
        }
        if (s_shared->report.failure[0]) {
            return report_failure(c, totals, s_shared->report.failure);
        }
        if (s_shared->report.has_reached_goal) {
            return true;
        }
    }
    return report_failure(c, totals, "the goal is not reached");
}

// ----------------------------------------------------------------------- sweeps

static bool is_wanted(const struct options *options, unsigned cut, int variant)
{
    return (!options->cut || options->cut == cut) &&
           (options->variant < 0 || options->variant == variant);
}

static void cut_once_and_twice(struct cut_case c, unsigned operations, struct totals *totals)
{
    totals->cuts++;
    if (!run_case(&c, totals)) {
        return;
    }
    c.second = 1 + (c.cut * 7 + (unsigned)c.variant * 3 + c.seed) % (operations + 4);
    totals->double_cuts++;
    (void)run_case(&c, totals); // counts its failures itself
}

static void sweep(const struct scenario *scenario, const struct options *options,
                  struct totals *totals)
{
    scenario_put(scenario);
    memcpy(s_before, cut_flash_bytes(), CUT_FLASH_SIZE);
    struct cut_case c = {.scenario = scenario, .plant = options->plant};
    if (!run_case(&c, totals)) {
        return;
    }
    unsigned operations = s_shared->plan.operations;
    unsigned failures_before = totals->failures;
    totals->operations += operations;
    for (unsigned cut = 1; cut <= operations; cut++) {
        for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
            uint32_t seeds = variant == CUT_BEFORE || options->has_seed ? 1 : SEEDS_DEFAULT;
            for (uint32_t seed = 0; seed < seeds && is_wanted(options, cut, variant); seed++) {
                c.cut = cut;
                c.variant = (enum cut_variant)variant;
                c.seed = options->has_seed ? options->seed : seed;
                cut_once_and_twice(c, operations, totals);
            }
        }
    }
    printf("%-36s %3u operations, %u failures\n", scenario->name, operations,
           totals->failures - failures_before);
    (void)fflush(stdout); // before the next fork copies it
}

// ----------------------------------------------------------------------- command line

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    fprintf(stderr, "powercut: unknown name %s\n", name);
    exit(2);
}

static struct options parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"scenario", required_argument, NULL, 's'},
                                            {"cut", required_argument, NULL, 'k'},
                                            {"variant", required_argument, NULL, 'v'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"plant", required_argument, NULL, 'p'},
                                            {"encrypt", required_argument, NULL, 'e'},
                                            {0}};
    struct options options = {.variant = -1};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 's':
            options.scenario = optarg;
            break;
        case 'k':
            options.cut = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            options.variant = index_of(optarg, CUT_VARIANT_NAMES, CUT_VARIANT_COUNT);
            break;
        case 'r':
            options.seed = (uint32_t)strtoul(optarg, NULL, 10);
            options.has_seed = true;
            break;
        case 'p':
            options.plant = (enum plant)index_of(optarg, PLANT_NAMES, PLANT_COUNT);
            break;
        case 'e':
            options.encryption = index_of(optarg, ENCRYPTIONS, ENCRYPTION_COUNT);
            break;
        default:
            exit(2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    s_shared =
        mmap(NULL, sizeof(*s_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s_shared == MAP_FAILED || cut_flash_open(&s_shared->plan) != ESP_OK) {
        fprintf(stderr, "powercut: no memory that processes share\n");
        return 2;
    }
    if (options.encryption > 0 &&
        cut_flash_encrypt(options.encryption == 1 ? FLASH_SCHEME_ESP32 : FLASH_SCHEME_XTS, 32) !=
            ESP_OK) {
        fprintf(stderr, "powercut: no cipher\n");
        return 2;
    }
    s_encryption = options.encryption > 0 ? ENCRYPTIONS[options.encryption] : NULL;
    esp_log_level_set("*", ESP_LOG_NONE);
    scenario_make_images();
    struct totals totals = {0};
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        if (!options.scenario || strcmp(options.scenario, SCENARIOS[i].name) == 0) {
            sweep(&SCENARIOS[i], &options, &totals);
        }
    }
    printf(
        "powercut: %s: %u operations, %u cuts, %u double cuts, %u lives, %u bricks, %u failures\n",
        totals.failures || totals.lives == 0 ? "FAILED" : "passed", totals.operations, totals.cuts,
        totals.double_cuts, totals.lives, totals.bricks, totals.failures);
    return totals.failures || totals.lives == 0 ? 1 : 0;
}
