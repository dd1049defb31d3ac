// The decoder: the body of a patch in, the new image out.
//
// The new image is described from front to back as a list of operations, each of which brings some literal bytes and then a copy:
// from the old image, where units are re-aimed at moved addresses and corrected where that is not enough, or, exactly, from the
// part of the new image that is there already. Work is done in atoms (one unit, one literal, one entry of the map), small enough that
// the input one needs and the output it gives fit into small buffers: between atoms the decoder can stop for more of either.
#pragma once

#include <stddef.h>

#include "delta_layout.h"
#include "delta_model.h"
#include "delta_walk.h"

// Room for input. The most that an atom takes are two numbers: 38 modelled decisions each and 26 bits at even odds, below 150 bytes.
#define DECODER_INPUT_LEN 192
#define DECODER_ATOM_LEN  160

#define DECODER_OUTPUT_LEN  16 // most bytes that one atom gives
#define DECODER_RECENT      8  // corrections remembered
#define LITERAL_WEIGHT_SETS 8
#define FLAG_HISTORIES      8
#define RECENT_WEIGHT_SET   (LITERAL_WEIGHT_SETS + UNIT_KINDS * 3) // the first of DECODER_RECENT
#define DEFLATE_WEIGHT_SET  (RECENT_WEIGHT_SET + DECODER_RECENT)
#define DEFLATE_WEIGHT_SETS 10

enum delta_phase {
    DELTA_START, // how many regions
    DELTA_REGIONS,
    DELTA_MAP,       // entries of the address map
    DELTA_OPERATION, // how many literals come
    DELTA_LITERALS,
    DELTA_COPY, // which copy comes, from where, and its length
    DELTA_COPY_OLD,
    DELTA_COPY_NEW,
    DELTA_COPY_DEFLATE,
    DELTA_DONE,
};

struct delta_map_entry {
    uint32_t from;  // old addresses from here on (up to the next entry) ...
    uint32_t shift; // ... moved by this
};

// One operation, as the encoder plans it.
struct delta_operation {
    uint32_t literals;
    bool is_from_new;
    uint32_t source; // offset in the old or new image
    uint32_t len;
    const uint32_t
        *script; // of a deflate stream in the old image: the answers of delta_deflate.h; else NULL
};

// What an encoder knows: the answers to all decisions. The decoder's is NULL.
struct delta_answers {
    const uint8_t *new_bytes;
    const struct delta_region *regions;
    uint32_t region_count;
    const struct delta_map_entry *map;
    const struct delta_operation *operation; // the next one; advanced
};

struct delta_literal_state {
    uint32_t unit[3]; // bytes of the current unit so far, of the one before, of the one before that
    uint32_t at;      // bytes of the current unit so far
    uint32_t len;     // of the current unit; 0: not known yet
    uint32_t last;    // the last four bytes
};

// Sizes that the header of a patch tells, and the memory that follows from them.
struct delta_size {
    uint32_t map_entries;
    uint32_t pool_len;
    unsigned inputs;
    bool has_deflate;
};

struct delta_decoder {
    enum delta_phase phase;
    struct delta_model model;
    const struct delta_answers *answers;

    // the new image
    uint32_t new_len; // bytes that operations make
    uint32_t new_at;  // bytes made so far
    struct delta_follower follower;
    delta_read read_new;
    void *new_context;
    const uint8_t *step_out; // what this step has given, from step_at on
    uint32_t step_at;

    // the old image
    uint32_t old_len;
    struct delta_layout layout;
    struct delta_window window;
    struct delta_walk walk;
    struct delta_region regions[WALK_REGIONS_MAX];
    uint32_t region_count;
    uint32_t regions_at; // read so far
    struct delta_map_entry *map;
    uint32_t map_len;
    uint32_t map_at; // entries read so far

    // the current operation
    uint32_t left;         // bytes of the literals or the copy
    uint32_t source;       // offset that comes next in the copy's source
    uint32_t old_expected; // where in the old image the next copy is expected

    // what the model is asked with
    uint32_t
        history; // lowest bit: whether the last unit was as predicted; before it the earlier ones
    uint32_t recent[DECODER_RECENT]; // corrections, last used first
    uint32_t last_places;            // of the last two corrections in that list, 4 bits each
    struct delta_literal_state literal;

    delta_precise flags[UNIT_KINDS][2][FLAG_HISTORIES];
    delta_compact is_field[UNIT_KINDS];
    delta_compact is_equal[UNIT_KINDS][UNIT_LEN_MAX][2];
    delta_compact is_from_new;
    delta_compact is_deflate;
    struct delta_deflate *deflate; // NULL: the patch has no such copies
    struct delta_number literal_count, copy_count, seek, distance, map_gap, correction;

    uint8_t input[DECODER_INPUT_LEN];
    uint32_t body_left; // bytes of the body that have not come yet
    uint8_t output[DECODER_OUTPUT_LEN];
    uint32_t output_at;
    uint32_t output_len;
};

// Bytes of memory that a decoder of this size needs.
size_t delta_decoder_memory(const struct delta_size *size);

struct delta_decoder_config {
    struct delta_size size;
    uint32_t old_len;
    uint32_t new_len; // that operations make
    uint32_t body_len;
    bool ignores_addresses; // treat both images as plain bytes
    delta_read read_old;
    void *old_context;
    delta_read read_new; // whatever step has given before
    void *new_context;
    const struct delta_answers *answers; // NULL unless encoding
    void (*write)(void *writer, uint32_t probability, int bit);
    void *writer;
};

// Sets up a decoder in memory of delta_decoder_memory() bytes, aligned as malloc does. Errors: those of read_old.
esp_err_t delta_decoder_init(struct delta_decoder *decoder,
                             const struct delta_decoder_config *config) ESP_MUST_CHECK;

// As ota_stage_ops.step. Errors: ESP_ERR_INVALID_RESPONSE: the patch is damaged (logged); those of the read functions.
esp_err_t delta_decoder_step(struct delta_decoder *decoder, const uint8_t *in, size_t *in_len,
                             uint8_t *out, size_t *out_len) ESP_MUST_CHECK;

static inline bool delta_decoder_is_done(const struct delta_decoder *decoder)
{
    return decoder->phase == DELTA_DONE && decoder->output_at == decoder->output_len;
}

// ----------------------------------------------------------------------- private to the decoder's files

// The next unit of a copy from the old image becomes output. In delta_copy.c.
esp_err_t delta_copy_unit(struct delta_decoder *decoder) ESP_MUST_CHECK;
uint32_t delta_map_address(const struct delta_decoder *decoder, uint32_t address);

// The next literal becomes output. In delta_literal.c.
void delta_literal_byte(struct delta_decoder *decoder);
// Tells the literals' model what comes next in the new image: a byte, before it is given, or a whole unit.
void delta_literal_see_byte(struct delta_decoder *decoder, uint8_t byte);
void delta_literal_see_unit(struct delta_literal_state *state, const uint8_t *bytes, uint32_t len);

// Adds a byte to the output, at most DECODER_OUTPUT_LEN of them an atom.
void delta_give(struct delta_decoder *decoder, uint8_t byte);
