// Walks through the old image unit by unit and resolves what each refers to.
//
// Bytes come through a small window, as the old image is in flash. A walk begins a little before the place of interest, so that
// it is in step with the instructions by the time it gets there.
#pragma once

#include "delta_layout.h"
#include "delta_unit.h"

#define WINDOW_LEN 256
#define WALK_RUN_UP                                                                                \
    64 // chosen: bytes; instructions of both architectures fall into step within a few
#define PAIR_DISTANCE                                                                              \
    24 // chosen: instructions between the two parts of an address; measured: few are farther
#define WALK_REGISTERS 32

struct delta_window {
    delta_read read;
    void *context;
    uint32_t file_len;
    uint32_t start;
    uint32_t len;
    uint8_t bytes[WINDOW_LEN];
};

void delta_window_init(struct delta_window *window, delta_read read, void *context,
                       uint32_t file_len);

// The bytes at offset, at least len (up to WINDOW_LEN) of them or as many as the file has; valid until the next call.
// Errors: those of read.
esp_err_t delta_window_get(struct delta_window *window, uint32_t offset, uint32_t len,
                           const uint8_t **bytes) ESP_MUST_CHECK;

// A part of the old image that holds distances instead of addresses: the tables by which exceptions find their handlers
// (.eh_frame_hdr, whose distances count from its beginning, and .eh_frame, whose count from where they stand).
#define WALK_REGIONS_MAX 2
struct delta_region {
    uint32_t start; // offset in the file
    uint32_t len;
    bool is_self_relative;
};

struct delta_walk {
    const struct delta_region *regions; // region_count of them
    uint32_t region_count;
    const struct delta_layout *layout;
    struct delta_window *window;
    uint32_t at;                         // offset in the file of the next unit
    const struct delta_segment *segment; // it is in; NULL: in none
    uint32_t end;                        // of the segment, or where the next one begins
    uint32_t upper[WALK_REGISTERS];      // RISC-V: what lui or auipc put into a register
    uint32_t upper_pc[WALK_REGISTERS];   // where that stands
    uint32_t has_upper;                  // bit per register
    uint32_t is_pc_based;                // bit per register: by auipc
};

// The caller has set layout, window and regions. Goes to offset, or a little behind it to the next beginning of a unit. Errors: those of read.
esp_err_t delta_walk_begin(struct delta_walk *walk, uint32_t offset) ESP_MUST_CHECK;

// The next unit and its bytes (unit->len of them, valid until the next call); at most most bytes of it, and at most up to
// the end of the segment or gap it stands in. Errors: those of read.
esp_err_t delta_walk_next(struct delta_walk *walk, uint32_t most, struct delta_unit *unit,
                          const uint8_t **bytes) ESP_MUST_CHECK;

// Address in memory of the file's byte at offset, which is in walk->segment.
static inline uint32_t delta_walk_pc(const struct delta_walk *walk, uint32_t offset)
{
    return walk->segment->address + (offset - walk->segment->offset);
}
