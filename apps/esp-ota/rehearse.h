/** One update in virtual time: what rehearse runs, and what came of it. */
#pragma once

#include "cli.h"
#include "nor_part.h"
#include "sim_link.h"

#define REHEARSE_ADVICE_MAX 4
#define REHEARSE_ADVICE_LEN 320

/** What the passive slot holds before the update. */
enum rehearse_slot {
    REHEARSE_SLOT_OLD,    // the old image, as after an update and its fix
    REHEARSE_SLOT_BLANK,  // nothing
    REHEARSE_SLOT_ERASED, // nothing, and the application has erased it since the power came on
    REHEARSE_SLOT_OTHER,  // bytes that have nothing in common with the new image
};

struct rehearse_plan {
    struct cli_bytes old_image;
    struct cli_bytes new_image;
    struct cli_bytes patch; // what is downloaded in place of new_image; no bytes: none
    const struct nor_part *part;
    bool is_worst_case;
    struct sim_link_config link;
    uint32_t buffer_size; // bytes of the download buffer
    uint32_t erase_early; // bytes to erase while connecting
    enum rehearse_slot slot;
    bool is_settled; // the application says that no write to it was ever cut
};

enum rehearse_activity {
    REHEARSE_NETWORK, // the link carries something, whatever the device does meanwhile
    REHEARSE_WAITING, // for the network, with nothing else to do
    REHEARSE_ERASING,
    REHEARSE_PROGRAMMING,
    REHEARSE_READING, // back from flash, to compare and to verify; with a patch also what it builds on
    REHEARSE_ACTIVITY_COUNT,
};

struct rehearse_event {
    enum rehearse_activity activity;
    uint64_t start_ns;
    uint64_t end_ns;
};

/** Flash that wears differently. */
enum rehearse_region {
    REHEARSE_IMAGE,       // where the new image goes
    REHEARSE_JOURNAL,     // the last sectors of its slot
    REHEARSE_BOOT_RECORD, // otadata
    REHEARSE_REGION_COUNT,
};

struct rehearse_wear {
    uint32_t sectors; // erased at least once
    uint32_t most;    // erases of the sector erased most often
};

struct rehearse_result {
    uint64_t total_ns;                          // from the first packet to the boot choice
    uint64_t spent_ns[REHEARSE_ACTIVITY_COUNT]; // all but the network's add up to total_ns
    uint64_t
        bookkeeping_ns; // flash operations outside the image: journal, boot record, partition table
    uint64_t read_after_bytes; // of the image, read when all of it had arrived
    uint64_t network_bytes;
    uint64_t erased_bytes;
    uint64_t programmed_bytes;
    uint64_t read_bytes;
    uint32_t erase_count;
    struct rehearse_wear wear[REHEARSE_REGION_COUNT];
    uint64_t peak_heap; // bytes above what was in use before; 0: not measured
    struct rehearse_event *events;
    size_t event_count;
    size_t event_capacity;
    size_t last_event[REHEARSE_ACTIVITY_COUNT]; // its index, plus 1
};

/** Runs the update as this project does it. On failure says why and returns false. Free *result with rehearse_free(). */
bool rehearse_ours(const struct rehearse_plan *plan, struct rehearse_result *result);

/**
 * Runs it as ESP-IDF documents and does it: buffers of 1 KiB, one sector erased whenever a write crosses into it, the image read
 * and verified twice at the end.
 */
bool rehearse_esp_idf(const struct rehearse_plan *plan, struct rehearse_result *result);

/** Bytes the device downloads: the patch, or else the image. */
const struct cli_bytes *rehearse_download(const struct rehearse_plan *plan);

/** Bytes a second that fit through the receive window in a round trip; UINT64_MAX: any number. */
uint64_t rehearse_window_rate(const struct sim_link_config *link);

/** Least time the part needs for the new image: 64 KiB erases and whole pages, nothing else. */
uint64_t rehearse_bound_ns(const struct rehearse_plan *plan);

void rehearse_free(struct rehearse_result *result);

/** Prints both in words, with what to do about it. */
void rehearse_print(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                    const struct rehearse_result *theirs);

/** Prints both as JSON. */
void rehearse_print_json(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                         const struct rehearse_result *theirs);

/**
 * Says in one sentence each what limits the update and what would help, at most REHEARSE_ADVICE_MAX; buf holds them.
 * @return how many
 */
int rehearse_advise(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                    const struct rehearse_result *theirs,
                    char buf[REHEARSE_ADVICE_MAX][REHEARSE_ADVICE_LEN]);

/** Writes a page with both timelines. On failure says why and returns false. */
bool rehearse_write_report(const char *path, const struct rehearse_plan *plan,
                           const struct rehearse_result *ours,
                           const struct rehearse_result *theirs);

extern const char *const REHEARSE_ACTIVITY_NAMES[REHEARSE_ACTIVITY_COUNT];
extern const char *const REHEARSE_REGION_NAMES[REHEARSE_REGION_COUNT];
