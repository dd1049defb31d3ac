// Copies from the old image: one unit at a time, re-aimed, and corrected where it still differs.

#include <string.h>

#include "delta_decoder.h"

// A unit on its way from the old image to the new one.
struct transfer {
    struct delta_unit unit;
    uint8_t bytes[UNIT_LEN_MAX]; // as predicted
    uint32_t old_word;           // as in the old image
    bool has_place;              // both places have addresses
    bool is_aimed;               // bytes are re-aimed
    bool has_changed;            // and thereby different from the old ones
    uint32_t pc;                 // address of the new place
    uint32_t target;             // predicted
};

uint32_t delta_map_address(const struct delta_decoder *decoder, uint32_t address)
{
    uint32_t low = 0; // entries below begin at or before address
    uint32_t high = decoder->map_len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (decoder->map[middle].from <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? address + decoder->map[low - 1].shift : address;
}

// Predicts what the unit looks like at its new place: its target is where the map says the old target went.
static void predict(const struct delta_decoder *decoder, struct transfer *t, uint32_t old_offset)
{
    const struct delta_segment *segment = delta_follower_at(&decoder->follower, decoder->new_at);
    t->has_place = segment && decoder->walk.segment;
    if (t->unit.kind == UNIT_OFFSET) { // does not move, but may be corrected like what does
        t->target = t->unit.target;
        t->is_aimed = true;
    }
    if (!t->has_place || !t->unit.is_reference) {
        return;
    }
    t->pc = segment->address + (decoder->new_at - segment->offset);
    if (t->unit.is_pc_based) {
        t->unit.base += t->pc - delta_walk_pc(&decoder->walk, old_offset);
    } else {
        t->unit.base = delta_map_address(decoder, t->unit.base);
    }
    t->target = delta_map_address(decoder, t->unit.target);
    t->is_aimed = delta_unit_aim(decoder->layout.arch, &t->unit, t->bytes, t->pc, t->target);
    t->has_changed = t->is_aimed && delta_load(t->bytes, t->unit.len) != t->old_word;
}

// Whether the unit is in the new image as predicted. Asked for every unit, nearly always answered yes.
static bool decide_hit(struct delta_decoder *decoder, const struct transfer *t, int answer)
{
    uint32_t kind = t->unit.kind * 2 + t->has_changed;
    uint32_t content = delta_unit_content(decoder->layout.arch, &t->unit, t->old_word);
    struct delta_decision decision = {
        .direct = &decoder->flags[t->unit.kind][t->has_changed][decoder->history % FLAG_HISTORIES],
        .hash_count = 2,
        .hashes = {delta_hash(kind | 0x100, content),
                   delta_hash(kind | 0x200, decoder->history & 0xFFFF)},
        .weight_set = LITERAL_WEIGHT_SETS + kind,
    };
    return delta_model_decide(&decoder->model, &decision, answer) != 0;
}

// Encoder: which target the true bytes have. @return false: they differ in more than the target
static bool find_true_target(const struct delta_decoder *decoder, const struct transfer *t,
                             const uint8_t *truth, uint32_t *target)
{
    const struct delta_unit *unit = &t->unit;
    enum delta_arch arch = decoder->layout.arch;
    struct delta_unit other = delta_arch_is_xtensa(arch)
                                  ? delta_unit_xtensa(arch, truth, unit->len, t->pc)
                                  : delta_unit_riscv(truth, unit->len, t->pc);
    *target = other.target;
    bool is_offset =
        unit->kind == UNIT_OFFSET &&
        (other.kind == UNIT_OFFSET || other.kind == UNIT_LOW_I || other.kind == UNIT_LOW_S);
    if (is_offset) {
        other.kind = unit->kind;
    }
    if (unit->kind == UNIT_POINTER) {
        *target = delta_load(truth, 4);
    } else if (unit->kind == UNIT_RELATIVE) {
        *target = unit->base + delta_load(truth, 4);
    } else if (unit->kind == UNIT_BACKWARD) {
        *target = unit->base - delta_load(truth, 4);
    } else if (other.kind != unit->kind || other.len != unit->len) {
        return false;
    } else if (unit->kind == UNIT_LOW_I || unit->kind == UNIT_LOW_S) {
        uint32_t base = unit->is_pc_based ? unit->base : 0;
        *target = t->target + delta_extend(other.target - (t->target - base), 12);
    } else if (unit->kind == UNIT_LUI) {
        *target = t->target + other.target - ((t->target + 0x800) & 0xFFFFF000u);
    } else if (unit->kind == UNIT_AUIPC) {
        *target = t->target + (other.target - t->pc) - ((t->target - t->pc + 0x800) & 0xFFFFF000u);
    }
    uint8_t bytes[UNIT_LEN_MAX];
    memcpy(bytes, t->bytes, unit->len);
    return delta_unit_aim(decoder->layout.arch, unit, bytes, t->pc, *target) &&
           memcmp(bytes, truth, unit->len) == 0;
}

// Whether it is none of the recent corrections up to this one. The same content tends to be corrected alike.
static bool decide_later(struct delta_decoder *decoder, const struct transfer *t, unsigned at,
                         int answer)
{
    uint32_t place = t->unit.kind << 3 | at;
    uint32_t content = delta_unit_content(decoder->layout.arch, &t->unit, t->old_word);
    struct delta_decision decision = {
        .hash_count = 4,
        .hashes = {delta_hash(0x6000 | place, 0), delta_hash(decoder->recent[at], content),
                   delta_hash(0x6100 | t->unit.kind, decoder->recent[at]),
                   delta_hash(0x6200 | place, decoder->last_places)},
        .weight_set = RECENT_WEIGHT_SET + at,
    };
    return delta_model_decide(&decoder->model, &decision, answer) != 0;
}

// How far the target is from the predicted one. Neighbours tend to be wrong by the same distance, so recent ones come first.
static uint32_t decide_correction(struct delta_decoder *decoder, const struct transfer *t,
                                  uint32_t answer)
{
    uint32_t *recent = decoder->recent;
    unsigned wanted = 0;
    while (wanted < DECODER_RECENT && recent[wanted] != answer) {
        wanted++;
    }
    unsigned at = 0;
    while (at < DECODER_RECENT && decide_later(decoder, t, at, wanted > at)) {
        at++;
    }
    decoder->last_places = (decoder->last_places << 4 | at) & 0xFF;
    uint32_t correction = at < DECODER_RECENT ? recent[at] : 0;
    if (at == DECODER_RECENT) {
        correction = delta_model_signed(&decoder->model, &decoder->correction, answer);
        at--;
    }
    memmove(recent + 1, recent, at * sizeof(*recent));
    recent[0] = correction;
    return correction;
}

// The unit refers to something else than predicted and is as expected otherwise. @return false: it is not
static bool correct_target(struct delta_decoder *decoder, struct transfer *t, const uint8_t *truth)
{
    uint32_t target = 0;
    unsigned kind = t->unit.kind;
    bool is_field = truth && find_true_target(decoder, t, truth, &target);
    if (!delta_model_decide_one(&decoder->model, &decoder->is_field[kind], is_field)) {
        return false;
    }
    target = t->target + decide_correction(decoder, t, target - t->target);
    // out of reach: a damaged patch, which the digest at the end tells; the bytes stay as they are
    (void)delta_unit_aim(decoder->layout.arch, &t->unit, t->bytes, t->pc, target);
    return true;
}

// A byte that differs from the predicted one, as the difference.
static uint8_t decide_difference(struct delta_decoder *decoder, const struct transfer *t,
                                 unsigned i, uint8_t before, uint8_t answer)
{
    unsigned kind = t->unit.kind;
    unsigned group = kind <= UNIT_DATA ? 0 : kind >= UNIT_SHORT ? 1 : kind < UNIT_CALL ? 2 : 3;
    struct delta_decision contexts = {
        .hash_count = 4,
        .hashes = {delta_hash(0x1000, group), delta_hash(0x2000 | kind << 2 | i, t->bytes[i]),
                   delta_hash(0x3000, before),
                   delta_hash(0x4000 | kind << 2 | i, decoder->literal.last & 0xFF)},
        .weight_set = LITERAL_WEIGHT_SETS + UNIT_KINDS * 2 + kind,
    };
    return delta_model_byte(&decoder->model, &contexts, answer);
}

// The unit differs: byte by byte, whether each is as predicted and by how much not. At least one is not.
static void correct_bytes(struct delta_decoder *decoder, struct transfer *t, const uint8_t *truth)
{
    unsigned kind = t->unit.kind;
    bool has_missed = false;
    uint8_t difference = 0;
    for (unsigned i = 0; i < t->unit.len; i++) {
        bool is_last_chance = i + 1u == t->unit.len && !has_missed;
        bool is_equal = truth && truth[i] == t->bytes[i];
        if (is_last_chance) {
            is_equal = false;
        } else {
            is_equal = delta_model_decide_one(&decoder->model,
                                              &decoder->is_equal[kind][i][has_missed], is_equal);
        }
        if (is_equal) {
            difference = 0;
            continue;
        }
        has_missed = true;
        uint8_t answer = truth ? (uint8_t)(truth[i] - t->bytes[i]) : 0;
        difference = decide_difference(decoder, t, i, difference, answer);
        t->bytes[i] = (uint8_t)(t->bytes[i] + difference);
        decoder->literal.last = decoder->literal.last << 8 | t->bytes[i];
    }
}

// The next unit of the old image; what stands before the first beginning of a unit counts as bytes.
static esp_err_t read_unit(struct delta_decoder *decoder, struct transfer *t)
{
    const uint8_t *bytes;
    uint32_t most = decoder->left;
    esp_err_t err;
    if (decoder->source < decoder->walk.at) {
        uint32_t skipped = decoder->walk.at - decoder->source;
        uint32_t len = skipped < most ? skipped : most;
        t->unit.kind = UNIT_BYTES;
        t->unit.len = (uint8_t)(len < UNIT_LEN_MAX ? len : UNIT_LEN_MAX);
        err = delta_window_get(&decoder->window, decoder->source, t->unit.len, &bytes);
    } else {
        err = delta_walk_next(&decoder->walk, most, &t->unit, &bytes);
    }
    if (err == ESP_OK) {
        memcpy(t->bytes, bytes, t->unit.len);
        t->old_word = delta_load(t->bytes, t->unit.len);
    }
    return err;
}

esp_err_t delta_copy_unit(struct delta_decoder *decoder)
{
    struct transfer t = {0};
    uint32_t old_offset = decoder->source;
    esp_err_t err = read_unit(decoder, &t);
    if (err != ESP_OK) {
        return err;
    }
    const uint8_t *truth = decoder->answers ? decoder->answers->new_bytes + decoder->new_at : NULL;
    predict(decoder, &t, old_offset);
    bool is_hit = truth && memcmp(truth, t.bytes, t.unit.len) == 0;
    is_hit = decide_hit(decoder, &t, is_hit);
    decoder->history = decoder->history << 1 | !is_hit;
    if (!is_hit && !(t.is_aimed && correct_target(decoder, &t, truth))) {
        correct_bytes(decoder, &t, truth);
    }
    for (unsigned i = 0; i < t.unit.len; i++) {
        delta_give(decoder, t.bytes[i]);
    }
    delta_literal_see_unit(&decoder->literal, t.bytes, t.unit.len);
    decoder->source += t.unit.len;
    decoder->left -= t.unit.len;
    return ESP_OK;
}
