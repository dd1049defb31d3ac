// A case, life after life. A life is a child process, so that a cut is its end and RAM vanishes as on hardware.

#include "powercut_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOAK                                                                                       \
    5u // power-ons after the last cut until weak bits have decayed; fact: nor_physics.c, DUE_MAX + 1

#define AGAIN 4u // chosen: every so many cases are looked at once more when all is done

void *powercut_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

struct powercut_bench *powercut_bench_open(uint32_t flash_size)
{
    struct powercut_bench *bench = calloc(1, sizeof(*bench));
    if (!bench) {
        return NULL;
    }
    bench->before = malloc(flash_size);
    bench->life = powercut_share(sizeof(*bench->life));
    if (!bench->before || !bench->life || nor_physics_open(flash_size, &bench->chip) != ESP_OK) {
        powercut_bench_close(bench);
        return NULL;
    }
    return bench;
}

void powercut_bench_close(struct powercut_bench *bench)
{
    if (bench) {
        nor_physics_close(bench->chip);
        if (bench->life) {
            (void)munmap(bench->life, sizeof(*bench->life)); // ours
        }
        free(bench->before);
        free(bench);
    }
}

struct nor_physics *powercut_bench_chip(struct powercut_bench *bench)
{
    return bench->chip;
}

bool powercut_bench_put(struct powercut_bench *bench, const struct powercut_scenario *scenario)
{
    const struct powercut_world *world = scenario->world;
    bench->scenario = scenario;
    if (world->on_chip) {
        world->on_chip(world->context, &bench->chip->chip);
    }
    if (!powercut_lay_out(scenario, bench->before)) {
        return false;
    }
    memset(bench->chip->touched, 1, world->flash_size / FLASH_SECTOR_SIZE);
    nor_physics_restore(bench->chip, bench->before);
    return true;
}

// ----------------------------------------------------------------------- cuts as text

const char *powercut_cuts_text(const struct powercut_case *which, char *buf, size_t size)
{
    buf[0] = '\0';
    for (uint32_t i = 0; i < which->cut_count; i++) {
        const struct nor_cut *cut = &which->cuts[i];
        size_t len = strlen(buf);
        (void)snprintf(buf + len, size - len, "%s%u.%s.%u", i ? "+" : "", cut->after,
                       NOR_TEAR_NAMES[cut->tear], cut->seed);
    }
    return buf;
}

// A number that is followed by this character; *text goes behind both.
static bool take_number(const char **text, char behind, uint32_t *out)
{
    char *end = NULL;
    *out = (uint32_t)strtoul(*text, &end, 10);
    bool is_number = end != *text && (behind == '\0' || *end == behind);
    *text = end + (behind != '\0');
    return is_number;
}

static bool take_cut(const char **text, struct nor_cut *cut)
{
    if (!take_number(text, '.', &cut->after) || cut->after == 0) {
        return false;
    }
    for (cut->tear = 0; cut->tear < NOR_TEAR_COUNT; cut->tear++) {
        size_t len = strlen(NOR_TEAR_NAMES[cut->tear]);
        if (strncmp(*text, NOR_TEAR_NAMES[cut->tear], len) == 0 && (*text)[len] == '.') {
            *text += len + 1;
            return take_number(text, '\0', &cut->seed);
        }
    }
    return false;
}

bool powercut_parse_cuts(const char *text, struct powercut_case *out)
{
    out->cut_count = 0;
    while (*text && out->cut_count < NOR_CUT_MAX) {
        if (!take_cut(&text, &out->cuts[out->cut_count])) {
            return false;
        }
        out->cut_count++;
        if (*text != '\0' && *text++ != '+') {
            return false;
        }
    }
    return !*text && out->cut_count > 0;
}

// ----------------------------------------------------------------------- a case

// false: the process ended in no way that a life ends.
static bool live_once(struct powercut_bench *bench, uint32_t number)
{
    memset(bench->life, 0, sizeof(*bench->life));
    pid_t child = fork();
    if (child == 0) {
        powercut_live(bench->scenario, bench->chip, number, bench->life);
        _exit(0);
    }
    int status = 0;
    bool has_ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
    bench->life->was_cut = has_ended && WEXITSTATUS(status) == NOR_CUT_EXIT;
    bench->life->operations = bench->chip->shared->operations;
    return has_ended && (bench->life->was_cut || WEXITSTATUS(status) == 0);
}

static void check_untouched(struct powercut_bench *bench)
{
    const struct nor_physics *chip = bench->chip;
    struct powercut_life *life = bench->life;
    if (chip->shared->trespass) {
        (void)snprintf(life->failure, sizeof(life->failure),
                       "flash that nobody may change now was written to, at 0x%x",
                       chip->shared->trespass);
        return;
    }
    for (uint32_t s = 0; s < chip->chip.geometry.size / FLASH_SECTOR_SIZE; s++) {
        uint32_t at = s * FLASH_SECTOR_SIZE;
        if (chip->touched[s] && !powercut_may_change(bench->scenario, at) &&
            memcmp(chip->cells + at, bench->before + at, FLASH_SECTOR_SIZE) != 0) {
            (void)snprintf(life->failure, sizeof(life->failure), "flash at 0x%x has changed", at);
            return;
        }
    }
}

static void note_cut(const struct powercut_bench *bench, struct powercut_outcome *out)
{
    const struct nor_shared *shared = bench->chip->shared;
    if (out->cuts_done == 0) {
        out->cut_address = shared->last_address;
        out->cut_len = shared->last_len;
        out->cut_operation = shared->last_operation;
    }
    const struct powercut_scenario *scenario = bench->scenario;
    out->was_in_window =
        out->was_in_window || (shared->last_address < scenario->window_to &&
                               scenario->window_from < shared->last_address + shared->last_len);
    out->cuts_done = shared->cuts_done;
    out->recovery = 0;
}

static void note_failure(const char *text, struct powercut_outcome *out)
{
    bool is_brick = strncmp(text, "BRICK", 5) == 0;
    out->is_window = is_brick && out->was_in_window;
    out->is_brick = is_brick && !out->was_in_window;
    out->is_failure = !out->is_window;
    (void)snprintf(out->text, sizeof(out->text), "%s", text);
}

static bool needs_soak(const struct powercut_case *which, const struct powercut_outcome *out)
{
    for (uint32_t i = 0; i < out->cuts_done; i++) {
        if (which->cuts[i].tear == NOR_TEAR_WEAK) {
            return out->recovery < SOAK;
        }
    }
    return false;
}

static void prepare(struct powercut_bench *bench, const struct powercut_case *which,
                    const struct nor_shared *setup)
{
    nor_physics_restore(bench->chip, bench->before);
    bench->promised = 0;
    bench->had_goal = false;
    struct nor_shared *shared = bench->chip->shared;
    if (setup) {
        *shared = *setup;
        shared->random = 1;
    }
    const esp_partition_info_t *otadata = powercut_find(bench->scenario->world, PART_TYPE_DATA, 0);
    shared->watch_from = otadata ? otadata->pos.offset : 0;
    shared->watch_to = otadata ? otadata->pos.offset + otadata->pos.size : 0;
    shared->has_cache = bench->scenario->has_cache;
    shared->is_unmapped = shared->is_unmapped || bench->scenario->is_unmapped;
    memcpy(shared->cuts, which->cuts, sizeof(shared->cuts));
    shared->cut_count = which->cut_count;
}

// What a life was told to be done must show at the next power-on, unless otadata's own bits have decayed, or what it names
// may be refused.
static void check_promise(struct powercut_bench *bench)
{
    const struct powercut_world *world = bench->scenario->world;
    struct powercut_life *life = bench->life;
    const struct powercut_extra *extra = bench->scenario->extra;
    if (life->booted && bench->promised && life->booted != bench->promised &&
        !(extra && extra->has_wrong_otadata) && !bench->chip->shared->has_decay_in[1]) {
        (void)snprintf(life->failure, sizeof(life->failure),
                       "%s boots, but the life before was told that %s would",
                       world->images[life->booted].name, world->images[bench->promised].name);
    }
    bench->promised = life->was_cut ? 0 : life->promised;
}

// Some cases have one life more, which must find everything as it was.
static bool is_looked_at_again(struct powercut_bench *bench, const struct powercut_case *which)
{
    bool is_chosen =
        which->cut_count == 0 || (which->cuts[0].after + which->cuts[0].tear) % AGAIN == 0;
    bool had_goal = bench->had_goal;
    bench->had_goal = bench->life->has_goal;
    return is_chosen && !had_goal;
}

// Whether the case goes on after a life.
static bool goes_on(struct powercut_bench *bench, const struct powercut_case *which,
                    struct powercut_outcome *out)
{
    struct powercut_life *life = bench->life;
    if (!life->failure[0]) {
        check_untouched(bench);
    }
    if (!life->failure[0]) {
        check_promise(bench);
    }
    if (out->cuts_done == 1 && out->recovery == 1) {
        out->first_boot = life->booted;
        out->first_reason = life->reason;
    }
    if (life->failure[0]) {
        note_failure(life->failure, out);
        return false;
    }
    if (life->was_cut) {
        note_cut(bench, out);
        return true;
    }
    bool is_again = is_looked_at_again(bench, which);
    return !life->has_goal || is_again || needs_soak(which, out);
}

void powercut_run(struct powercut_bench *bench, const struct powercut_case *which,
                  const struct nor_shared *setup, powercut_witness witness, void *context,
                  struct powercut_outcome *out)
{
    memset(out, 0, sizeof(*out));
    prepare(bench, which, setup);
    bool is_going_on = true;
    bool is_defective = bench->scenario->is_defective;
    uint32_t life_max = is_defective ? POWERCUT_TRIES : POWERCUT_LIFE_MAX;
    while (is_going_on && out->lives < life_max) {
        bool has_lived = live_once(bench, out->lives);
        if (!bench->life->was_cut) { // then it was the cut that took the cache
            nor_physics_power_off(bench->chip,
                                  which->cuts[0].seed * POWERCUT_LIFE_MAX + out->lives);
        }
        if (!has_lived) {
            (void)snprintf(bench->life->failure, sizeof(bench->life->failure),
                           "the process of a life ends abnormally");
        }
        out->recovery++;
        is_going_on = goes_on(bench, which, out);
        if (witness) {
            witness(context, out->lives, bench->life);
        }
        out->lives++;
    }
    if (is_going_on && !is_defective) {
        note_failure("the goal is not reached", out);
    }
    out->operations = bench->chip->shared->operations;
    memcpy(out->fired, bench->chip->shared->fired, sizeof(out->fired));
}
