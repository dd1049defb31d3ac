// Literals: bytes of the new image that no copy brings, each predicted from those before it.
//
// New code is not arbitrary: which byte comes depends on where in its instruction it stands, on the instruction so far and on the
// ones before. So literals are seen as units as well: instructions in code, words elsewhere.

#include "delta_decoder.h"

static void finish_unit(struct delta_literal_state *state)
{
    state->unit[2] = state->unit[1];
    state->unit[1] = state->unit[0];
    state->unit[0] = 0;
    state->at = 0;
    state->len = 0;
}

void delta_literal_see_unit(struct delta_literal_state *state, const uint8_t *bytes, uint32_t len)
{
    state->unit[0] = delta_load(bytes, len);
    finish_unit(state);
    for (uint32_t i = 0; i < len; i++) {
        state->last = state->last << 8 | bytes[i];
    }
}

// Length of the unit that begins with byte at offset.
static uint32_t unit_len(const struct delta_decoder *decoder, const struct delta_segment *segment,
                         uint32_t offset, uint8_t byte)
{
    if (!segment || !segment->is_code) {
        uint32_t place = segment ? segment->address + (offset - segment->offset) : offset;
        return 4 - (place & 3);
    }
    if (!delta_arch_is_xtensa(decoder->layout.arch)) {
        return (byte & 3) == 3 ? 4 : 2;
    }
    if (byte == 0) {
        return 1;
    }
    uint32_t op = byte & 15;
    return op >= 14 && decoder->layout.arch == ARCH_XTENSA_S3 ? 4 : op >= 8 && op < 14 ? 2 : 3;
}

void delta_literal_see_byte(struct delta_decoder *decoder, uint8_t byte)
{
    struct delta_literal_state *state = &decoder->literal;
    const struct delta_segment *segment = delta_follower_at(&decoder->follower, decoder->new_at);
    if (state->at == 0) {
        state->len = unit_len(decoder, segment, decoder->new_at, byte);
    }
    state->unit[0] |= (uint32_t)byte << (8 * state->at++);
    state->last = state->last << 8 | byte;
    if (state->at >= state->len) {
        finish_unit(state);
    }
}

void delta_literal_byte(struct delta_decoder *decoder)
{
    const struct delta_literal_state *state = &decoder->literal;
    const struct delta_segment *segment = delta_follower_at(&decoder->follower, decoder->new_at);
    bool is_code = segment && segment->is_code;
    uint32_t place = state->at | (uint32_t)is_code << 2;
    uint32_t unit = delta_hash(0x5000 | place, state->unit[0]);
    struct delta_decision contexts = {
        .hash_count = 7,
        .hashes = {unit, delta_hash(0x10000 | (state->last & 0xFF), 1),
                   delta_hash(0x20000 | (state->last & 0xFFFF), 2),
                   delta_hash(unit, state->unit[1] & 0xFF), delta_hash(unit, state->unit[1]),
                   delta_hash(state->last & 0xFFFFFF, 3),
                   delta_hash(unit ^ state->unit[1], state->unit[2])},
        .weight_set = place,
    };
    uint8_t answer = decoder->answers ? decoder->answers->new_bytes[decoder->new_at] : 0;
    uint8_t byte = delta_model_byte(&decoder->model, &contexts, answer);
    delta_literal_see_byte(decoder, byte);
    delta_give(decoder, byte);
    decoder->left--;
}
