// The model: how probable the next decision's answer is, learnt from the answers so far.
//
// A slot is a probability that moves towards each answer it sees, fast at first and slower with experience. A decision is looked up
// under several contexts ("this kind of unit", "this kind and these last answers", "this instruction"), each of which names
// a slot. A mixer joins what the slots say: it adds up their opinions (as log-odds) with weights and then moves the weights
// towards the slots that were right. All of it is integer arithmetic, as encoder and decoder must agree to the last bit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "delta_range.h"

#define MODEL_INPUTS_MAX 8

// A precise slot: probability of a 1 in 22 bits, then 10 bits of experience. For decisions that nearly always go one way.
typedef uint32_t delta_precise;

// A compact slot: 12 bits of probability, 4 of experience. There can be many.
typedef uint16_t delta_compact;

#define PRECISE_INITIAL (1u << 31)
#define COMPACT_INITIAL (1u << 15)

// Numbers are coded as their length in bits, then the bits. Each use has its own slots.
#define NUMBER_LENGTHS  33
#define NUMBER_MANTISSA 24 // chosen: lengths above share slots
#define NUMBER_LOW      4
struct delta_number {
    delta_compact is_longer[NUMBER_LENGTHS];
    delta_compact top_bits[NUMBER_MANTISSA][3]; // the two bits behind the leading one
    delta_compact low_bits[NUMBER_LOW]
                          [2]; // the lowest, each by the one above: many numbers are multiples
};

struct delta_model {
    struct delta_range range;
    unsigned inputs_max; // contexts of a decision that are used, 1 to MODEL_INPUTS_MAX
    delta_compact *pool; // slots of hashed contexts
    uint32_t pool_len;
    int32_t *weights; // inputs_max for each weight set, 16.16 fixed point
};

// One decision under several contexts. With a direct slot the first hash is the unit's content, of which there are so many that
// they are kept in a quarter of the pool of their own.
struct delta_decision {
    delta_precise *direct; // its own slot; NULL: only hashed ones
    unsigned hash_count;
    uint32_t hashes[MODEL_INPUTS_MAX]; // most telling context first
    unsigned weight_set;
};

void delta_model_init(struct delta_model *model, unsigned inputs_max, delta_compact *pool,
                      uint32_t pool_len, int32_t *weights, unsigned weight_sets);

// All decide functions return the answer; the one given is used when encoding only.
int delta_model_decide(struct delta_model *model, const struct delta_decision *decision,
                       int answer);
int delta_model_decide_one(struct delta_model *model, delta_compact *slot, int answer);

// A byte, bit by bit from the highest, each bit under the contexts together with the bits before it.
uint8_t delta_model_byte(struct delta_model *model, const struct delta_decision *contexts,
                         uint8_t answer);

uint32_t delta_model_number(struct delta_model *model, struct delta_number *number,
                            uint32_t answer);
// The same for signed numbers, small ones of both signs first: 0, -1, 1, -2, ...
uint32_t delta_model_signed(struct delta_model *model, struct delta_number *number,
                            uint32_t answer);
void delta_number_init(struct delta_number *number);

uint32_t delta_hash(uint32_t a, uint32_t b);
