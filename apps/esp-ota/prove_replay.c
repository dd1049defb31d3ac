// esp-ota prove --replay: one case, step by step, for whoever has to understand it.

#include <stdio.h>
#include <string.h>

#include "flash_ops.h"
#include "prove.h"

// Operations of one kind, one behind the other: a line.
struct run {
    enum nor_operation op;
    uint32_t first; // number of the operation
    uint32_t count;
    uint32_t address;
    uint32_t len; // of each but the last
    uint32_t end;
    uint32_t last_len;
};

struct replay {
    const struct prove *prove;
    const struct nor_shared *shared;
    const struct powercut_extra *inner;
    struct run run;
};

static struct replay *s_replay; // shared with the lives

// ----------------------------------------------------------------------- words

static const char *tear_text(uint32_t tear)
{
    static const char *const TEXTS[NOR_TEAR_COUNT] = {
        [NOR_TEAR_BEFORE] = "just before it: nothing of it is done",
        [NOR_TEAR_PREFIX] = "in the middle of it: only its first bytes are done",
        [NOR_TEAR_SUFFIX] = "in the middle of it: only its last bytes are done",
        [NOR_TEAR_BYTES] = "in the middle of it: some of its bytes are done",
        [NOR_TEAR_BITS] = "in the middle of it: some of its bits have changed",
        [NOR_TEAR_FEW] = "in the middle of it: very few of its bits have changed",
        [NOR_TEAR_NEARLY] = "in the middle of it: all but very few of its bits have changed",
        [NOR_TEAR_UNSTABLE] = "in the middle of it: its bits read differently at each read",
        [NOR_TEAR_WEAK] = "in the middle of it: it looks done, but some bits will fall back later",
        [NOR_TEAR_AFTER] = "just behind it: all of it is done",
    };
    return TEXTS[tear];
}

static const char *place_text(const struct prove *prove, uint32_t address, char buf[64])
{
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        const esp_partition_info_t *entry = &prove->table[i];
        uint32_t offset = address - entry->pos.offset;
        if (address < entry->pos.offset || offset >= entry->pos.size) {
            continue;
        }
        const char *what = "";
        if (entry->type == PART_TYPE_DATA && entry->subtype == 0) {
            what = offset < OTADATA_SECTOR_SIZE ? " (boot record 0)" : " (boot record 1)";
        } else if (entry->type == PART_TYPE_APP &&
                   offset + 2 * FLASH_SECTOR_SIZE >= entry->pos.size) {
            what = " (journal)";
        }
        (void)snprintf(buf, 64, "%.16s+0x%06x%s", (const char *)entry->label, (unsigned)offset,
                       what);
        return buf;
    }
    (void)snprintf(buf, 64, "0x%06x, outside of all partitions", (unsigned)address);
    return buf;
}

static void print_records(const struct prove *prove)
{
    const esp_partition_info_t *otadata = prove_find(prove, PART_TYPE_DATA, 0);
    printf("  boot records:");
    for (uint32_t i = 0; i < OTADATA_RECORD_COUNT; i++) {
        esp_ota_select_entry_t record;
        uint32_t at = otadata->pos.offset + i * OTADATA_SECTOR_SIZE;
        printf("%s", i ? ";" : "");
        if (flash_plain_read(NULL, &record, at, sizeof(record)) != ESP_OK) {
            printf(" %u unreadable", (unsigned)i);
        } else if (record.ota_seq == UINT32_MAX) {
            printf(" %u empty", (unsigned)i);
        } else if (record.crc != otadata_crc(record.ota_seq)) {
            printf(" %u torn, does not count", (unsigned)i);
        } else {
            printf(" %u sequence %u, %s", (unsigned)i, (unsigned)record.ota_seq,
                   otadata_state_name(record.ota_state));
        }
    }
    printf("\n");
}

static void print_run(struct run *run)
{
    char place[64];
    char size[32];
    if (run->count == 0) {
        return;
    }
    printf("  %5u", (unsigned)run->first);
    if (run->count > 1) {
        printf("-%-5u", (unsigned)(run->first + run->count - 1));
    } else {
        printf("%-6s", "");
    }
    printf(" %s %s, %s", run->op == NOR_OPERATION_ERASE ? "erase  " : "program",
           place_text(s_replay->prove, run->address, place),
           cli_size_text(run->end - run->address, size));
    if (run->count > 1) {
        printf(" in %u steps", (unsigned)run->count);
    }
    printf("\n");
    run->count = 0;
}

// ----------------------------------------------------------------------- what a life tells

static bool is_cut_now(const struct nor_shared *shared)
{
    return shared->cuts_done < shared->cut_count &&
           shared->operations - shared->last_cut_at == shared->cuts[shared->cuts_done].after;
}

static void tell_operation(void *context, enum nor_operation op, uint32_t address, uint32_t len)
{
    (void)context;
    const struct nor_shared *shared = s_replay->shared;
    struct run *run = &s_replay->run;
    bool is_cut = is_cut_now(shared);
    bool goes_on = run->count > 0 && !is_cut && run->op == op && run->end == address &&
                   run->len == run->last_len;
    if (!goes_on) {
        print_run(run);
        *run = (struct run){.op = op, .first = shared->operations, .address = address, .len = len};
    }
    run->count++;
    run->end = address + len;
    run->last_len = len;
    if (is_cut) {
        print_run(run);
        printf("  >>>>> THE POWER IS CUT, %s\n", tear_text(shared->cuts[shared->cuts_done].tear));
    }
    (void)fflush(stdout);
}

static void tell_power_on(const struct powercut_scenario *scenario, struct boot_handover *handover,
                          struct boot_request *request, struct powercut_life *life)
{
    printf("\npower-on %u\n", (unsigned)s_replay->shared->power_ons);
    print_records(s_replay->prove);
    (void)fflush(stdout);
    s_replay->inner->power_on(scenario, handover, request, life);
}

static esp_err_t tell_act(const struct powercut_scenario *scenario, uint32_t number,
                          struct powercut_life *life)
{
    char name[8];
    print_run(&s_replay->run);
    printf("  the bootloader starts %s firmware from %s: %s\n",
           scenario->world->images[life->booted].name, boot_index_name(life->index, name),
           boot_reason_text(life->reason));
    (void)fflush(stdout);
    esp_err_t err = s_replay->inner->act(scenario, number, life);
    print_run(&s_replay->run);
    (void)fflush(stdout);
    return err;
}

static void tell_end(void *context, uint32_t number, const struct powercut_life *life)
{
    (void)context;
    (void)number;
    print_run(&s_replay->run);
    if (life->failure[0]) {
        printf("  FAILED: %s\n", life->failure);
    } else if (life->has_goal) {
        printf("  all is as it should be in the end\n");
    } else if (!life->was_cut) {
        printf("  the application is done, and the device restarts\n");
    }
    (void)fflush(stdout);
}

// ----------------------------------------------------------------------- the case

static const struct prove_part *find_part(const struct prove *prove, const char *colon)
{
    for (uint32_t i = 0; colon && i < prove->part_count; i++) {
        const char *name = prove->parts[i].scenario.name;
        size_t len = (size_t)(colon - prove->replay);
        if (strlen(name) == len && strncmp(name, prove->replay, len) == 0) {
            return &prove->parts[i];
        }
    }
    return NULL;
}

static int usage(const struct prove *prove)
{
    char names[512] = "";
    for (uint32_t i = 0; i < prove->part_count; i++) {
        size_t len = strlen(names);
        (void)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
                       prove->parts[i].scenario.name);
    }
    return cli_usage("--replay takes SCENARIO:CUTS as a failure prints it, such as "
                     "%s:3.bits.7, not \"%s\"; scenarios here: %s",
                     prove->part_count ? prove->parts[0].scenario.name : "https", prove->replay,
                     names);
}

static void print_verdict(const struct powercut_outcome *out, const struct powercut_case *which)
{
    printf("\n");
    if (out->is_failure) {
        (void)fflush(stdout);
        return;
    }
    if (out->cuts_done < which->cut_count) {
        printf("only %u of %u cuts came: the device was done before the others\n",
               (unsigned)out->cuts_done, (unsigned)which->cut_count);
    }
    printf("passed: %u power-ons, %u cuts, %u flash operations\n", (unsigned)out->lives,
           (unsigned)out->cuts_done, (unsigned)out->operations);
}

int prove_replay(const struct prove *prove)
{
    const char *colon = strchr(prove->replay, ':');
    const struct prove_part *found = find_part(prove, colon);
    struct powercut_case which = {0};
    if (!found || (colon[1] && !powercut_parse_cuts(colon + 1, &which))) {
        return usage(prove);
    }
    struct prove_part part = *found; // with hooks that tell
    part.extra.power_on = tell_power_on;
    part.extra.act = tell_act;
    part.scenario.extra = &part.extra;
    which.scenario = &part.scenario;
    s_replay = powercut_share(sizeof(*s_replay));
    struct powercut_bench *bench = powercut_bench_open(prove->world.flash_size);
    struct powercut_outcome out;
    if (!s_replay || !bench || !powercut_bench_put(bench, which.scenario)) {
        powercut_bench_close(bench);
        return cli_fail("there is not enough memory for this flash");
    }
    struct nor_physics *chip = powercut_bench_chip(bench);
    *s_replay = (struct replay){.prove = prove, .shared = chip->shared, .inner = &found->extra};
    chip->observer = tell_operation;
    printf("%s: %s\nold is %s (%s), new is %s (%s)\n", prove->replay, part.title, prove->old_path,
           prove->names[PROVE_OLD], prove->new_path, prove->names[PROVE_NEW]);
    (void)fflush(stdout);
    powercut_run(bench, &which, NULL, tell_end, NULL, &out);
    powercut_bench_close(bench);
    print_verdict(&out, &which);
    return out.is_failure ? cli_fail("%s: %s", prove->replay, out.text) : CLI_DONE;
}
