/**
 * Lives of a device whose power is cut: what it wants, what it does after every cut, and what must be true then.
 *
 * A life is a process, from power-on to its end or to a cut inside the flash driver; flash outlives it. A case is a scenario and
 * the cuts of its lives; it goes on, life after life, until the device has what it wants. After every life an image that verifies
 * must have booted, one of those that may boot, and the one otadata names; if the life before ended well, it is the one that
 * life chose. Nothing but the passive slot and otadata may have been written to. In the end the goal must be reached. One process runs one case at a time; sweeps use several processes.
 */
#pragma once

#include <stdio.h>

#include "boot_select.h"
#include "esp_partition.h"
#include "nor_physics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define POWERCUT_IMAGE_MAX 8 // images in a world; number 0 means none
#define POWERCUT_TEXT_LEN  160
#define POWERCUT_LIFE_MAX  40 // lives of a case until the goal counts as not reached
#define POWERCUT_TRIES                                                                             \
    9 // on a defective medium; weak bits have decayed by then, and an update was tried again

/** What the application does when it runs. */
enum powercut_wish {
    POWERCUT_UPDATE,       // not the goal: update; the goal: confirm if it has to
    POWERCUT_ABORT,        // half an update, given up; then the same again, whole
    POWERCUT_MARK_INVALID, // not the goal: refuse itself
    POWERCUT_CRASH_LOOP,   // update to an image that never confirms itself, until it is rolled back
    POWERCUT_FACTORY,      // not the goal: choose factory
    POWERCUT_ERASE_LAST,   // erase the application before it
    POWERCUT_RESELECT,     // choose the running slot once more
    POWERCUT_STAGE,        // an update of the partition "storage", staged in the passive slot
};

/** How an update is written. */
enum powercut_way {
    POWERCUT_SEQUENTIAL, // esp_ota_begin(OTA_WITH_SEQUENTIAL_WRITES)
    POWERCUT_BULK,       // esp_ota_begin(length)
    POWERCUT_WHOLE,      // esp_ota_begin(OTA_SIZE_UNKNOWN)
    POWERCUT_HTTPS,      // esp_https_ota() with its journal, from a server in memory
    POWERCUT_HTTPS_BULK,
    POWERCUT_AHEAD, // sequential, and esp_ota_erase_ahead() whenever there is time
    POWERCUT_WAY_COUNT,
};

/** "sequential", "bulk", ... */
extern const char *const POWERCUT_WAY_NAMES[POWERCUT_WAY_COUNT];

struct powercut_image {
    const char *name;
    const uint8_t *bytes;
    uint32_t len;
    const struct powercut_image *sent; // what a server sends for it, as a patch; NULL: itself
};

/** What the device is; borrowed. */
struct powercut_world {
    struct powercut_image images[POWERCUT_IMAGE_MAX]; // from 1
    uint32_t image_count;                             // with number 0
    const esp_partition_info_t *table;
    uint32_t table_count;
    uint32_t table_offset; // 0: 0x8000
    uint32_t flash_size;   // a multiple of 64 KiB
    struct chip_identity chip;
    /** Called in every life before the application acts: plants and failures of tests. NULL: none. */
    void (*on_act)(void *context, uint32_t life);
    void *context;
    /** Called for every chip that is opened, before anything is put there. NULL: none. */
    void (*on_chip)(void *context, esp_flash_t *chip);
    void (*encode)(void *context, uint32_t address, uint8_t *bytes,
                   uint32_t len); // plain to flash; NULL: as it is
};

struct powercut_life;
struct powercut_scenario;

#define POWERCUT_RANGE_MAX 3

/** What a scenario adds to the device, the application and the checks that all share; zero: nothing. */
struct powercut_extra {
    /** Puts more onto the flash that was laid out, as it stands there. In the process that runs the cases. false: it does not
     *  fit */
    bool (*put)(const struct powercut_scenario *scenario, uint8_t *bytes);
    /** At every power-on, before the bootloader decides. May fail the life with POWERCUT_FAIL(). */
    void (*power_on)(const struct powercut_scenario *scenario, struct boot_handover *handover,
                     struct boot_request *request, struct powercut_life *life);
    /** The application in place of wish, which it may call with powercut_act(). Sets life->has_goal. */
    esp_err_t (*act)(const struct powercut_scenario *scenario, uint32_t number,
                     struct powercut_life *life);
    /** Flash that may change beside slots and otadata. In critical ones double cuts are dense, as in records and journal. */
    struct powercut_range {
        uint32_t from;
        uint32_t to;
        bool is_critical;
    } changes[POWERCUT_RANGE_MAX];
    bool keeps_otadata;     // it must not change
    bool is_records_only;   // slots must not change
    bool has_wrong_otadata; // it may name what is not whole, and one slot twice
};

struct powercut_scenario {
    const char *name;
    const struct powercut_world *world;
    enum powercut_wish wish;
    enum powercut_way way;
    bool rollback;
    bool is_stepwise;   // updates go to the next image, until the goal
    bool has_cache;     // the medium loses what was not synced
    bool is_unmapped;   // flash is read with read operations
    bool may_fail_once; // the application's first life may end with an error
    bool
        is_defective; // so is the medium: every life may end with an error, and the goal need not be reached
    uint8_t factory;   // image there; 0: blank, if there is such a partition
    uint8_t slots[16]; // image in each OTA slot; 0: blank
    uint32_t seq[2];   // of the records; 0: empty
    uint32_t states[2];
    uint8_t goal;   // image that runs in the end; of a crash loop: that is rolled back to
    uint8_t served; // image of the update; 0: the goal
    // What the server has instead of that image, such as a patch to it; NULL: the image.
    const struct powercut_image *file;
    unsigned allowed; // 1 << image: what may boot, at any time
    uint32_t
        window_from; // cuts in operations between these may leave nothing that boots: hardware's open window
    uint32_t window_to;
    const struct powercut_extra *extra; // NULL: nothing
};

/** What one life did. Shared with the process that lived it. */
struct powercut_life {
    uint8_t booted; // image
    int index;      // of what booted: slot, BOOT_INDEX_...
    enum boot_reason reason;
    bool has_acted; // the application ran to its end
    bool has_goal;
    uint8_t promised; // image that boots next, as the application was told; 0: nothing
    esp_err_t result; // of what the application did
    bool was_cut;
    uint32_t operations;             // of the case so far
    char failure[POWERCUT_TEXT_LEN]; // empty: none
};

/** Notes what is wrong with a life; only in the process that lives it. */
#define POWERCUT_FAIL(life, ...)                                                                   \
    (void)snprintf((life)->failure, sizeof((life)->failure), __VA_ARGS__)

/** What the application does by its scenario's wish. */
esp_err_t powercut_act(const struct powercut_scenario *scenario, uint32_t number,
                       struct powercut_life *life) ESP_MUST_CHECK;

/** Writes an update into the next slot and chooses it; with final, by hand: it is staged there and copied to final. */
esp_err_t powercut_update(const struct powercut_image *image, enum powercut_way way,
                          const esp_partition_t *final) ESP_MUST_CHECK;

/** Whether flash holds these bytes, as the judge sees it: no read of the device. is_plain: also on an encrypted device. */
bool powercut_holds(uint32_t address, const uint8_t *wanted, uint32_t len, bool is_plain);

/** A case: cuts, and later what came of it. */
struct powercut_case {
    const struct powercut_scenario *scenario;
    struct nor_cut cuts[NOR_CUT_MAX];
    uint32_t cut_count;
};

struct powercut_outcome {
    bool is_failure;
    bool is_brick;  // nothing boots
    bool is_window; // nothing boots, and the scenario says that hardware leaves no other way
    uint32_t operations;
    uint32_t lives;
    uint32_t cuts_done;
    uint32_t recovery;  // power-ons from the last cut until the goal
    uint8_t first_boot; // image at the first power-on after the first cut
    enum boot_reason first_reason;
    bool was_in_window;   // a cut came in the scenario's window
    uint32_t cut_address; // of the operation of the first cut
    uint32_t cut_len;
    enum nor_operation cut_operation;
    uint32_t fired[NOR_FAULT_COUNT];
    char text[POWERCUT_TEXT_LEN]; // of the failure
};

/** A process's chip and what stands on it before a scenario. */
struct powercut_bench;

/** Makes a bench for worlds of at most this flash size. NULL: no memory. */
struct powercut_bench *powercut_bench_open(uint32_t flash_size);
void powercut_bench_close(struct powercut_bench *bench);
struct nor_physics *powercut_bench_chip(struct powercut_bench *bench);

/** Puts the device of a scenario there; false: its images do not fit its table. */
bool powercut_bench_put(struct powercut_bench *bench, const struct powercut_scenario *scenario);

/** Told of every life when it is over, and of the cut operation in bench's chip. */
typedef void (*powercut_witness)(void *context, uint32_t life, const struct powercut_life *what);

/**
 * Runs one case of the scenario that was put. @param setup  faults beside cuts, copied; NULL: none
 * @param witness  NULL: none
 */
void powercut_run(struct powercut_bench *bench, const struct powercut_case *which,
                  const struct nor_shared *setup, powercut_witness witness, void *context,
                  struct powercut_outcome *out);

/** "17.bits.3+2.weak.0": cuts as text. @return buf */
const char *powercut_cuts_text(const struct powercut_case *which, char *buf, size_t size);

/** The reverse. @return false: it is none */
bool powercut_parse_cuts(const char *text, struct powercut_case *out);

// ----------------------------------------------------------------------- sweeps

/** How much of it. */
struct powercut_amount {
    uint32_t seeds; // of tears with chance in them; 0: no single cuts
    uint32_t
        operation_max; // about so many operations are cut, evenly, and the critical ones; 0: each
    uint32_t
        pair_window; // second cuts in so many operations after one in otadata or a slot's last sectors, elsewhere one; 0: none
    uint32_t histories; // random cases with 1 to 8 cuts
    uint32_t first_seed;
    bool stops_at_first; // failure
};

/** One case that was run, for reports. */
struct powercut_record {
    struct nor_cut cut; // the first
    uint32_t cut_count;
    uint32_t address;
    uint32_t len;
    uint8_t operation;
    uint8_t first_boot;
    uint8_t first_reason;
    uint8_t recovery;
    bool is_failure;
};

struct powercut_totals {
    uint64_t operations; // of the scenario without cuts
    uint64_t cases;
    uint64_t cuts; // that happened
    uint64_t lives;
    uint64_t tears[NOR_TEAR_COUNT];
    uint64_t fired[NOR_FAULT_COUNT];
    uint64_t bricks;
    uint64_t windows;
    uint64_t failures;
    uint32_t worst_recovery;
    uint32_t stride; // every so many operations one was cut, and every critical one
    uint64_t booted[POWERCUT_IMAGE_MAX]; // image at the first power-on after the first cut
    bool has_failure;                    // and this is the first:
    struct powercut_case failed;
    struct powercut_outcome failure;
};

/**
 * Runs a scenario with all these cuts in jobs processes.
 * @param records  room for record_max cases, in memory that processes share, or NULL
 * @param[in,out] totals  added to
 * @return cases in records; totals->failures tells whether all is well. The scenario itself failing is a failure
 */
uint32_t powercut_sweep(const struct powercut_scenario *scenario,
                        const struct powercut_amount *amount, unsigned jobs,
                        struct powercut_record *records, uint32_t record_max,
                        struct powercut_totals *totals);

/** Memory that processes share, zeroed; NULL: none. Lives as long as the process. */
void *powercut_share(size_t size);

// ----------------------------------------------------------------------- the server in memory

/** What it serves; shared by nobody. Answers ranges, with a strong ETag. */
struct memory_server {
    const uint8_t *bytes;
    uint32_t len;
    uint32_t reads;     // so far
    uint32_t *count;    // the same, where others see it; NULL: nowhere
    uint32_t fail_read; // this one fails, and with fails_on every later one; from 1; 0: none
    bool fails_on;
    uint32_t lie_at;  // 1 + offset of a byte that is sent wrong; 0: none
    uint32_t ends_at; // the file ends here although announced whole; 0: not
    bool hides_len;   // it is sent in chunks, and a part without saying of how much
};

extern struct memory_server g_memory_server;

/** For esp_http_client_config_t.transport. */
struct esp_transport_item_t *memory_server_transport(void);

#ifdef __cplusplus
}
#endif
