// The range coder: turns a row of yes/no decisions, each with a probability, into bytes and back.
//
// Think of all numbers below 2^32 as a line. Each decision cuts the current stretch of the line in two, in proportion to how
// probable "yes" and "no" are, and keeps the part that came true. The patch is the binary expansion of a point in the last
// stretch: a decision that was expected hardly narrows the stretch and costs next to nothing, a surprise costs many bits. When
// the stretch gets short, its settled leading byte is dropped and both are scaled up by 256.
#pragma once

#include <stdint.h>

#define RANGE_ONE 65536u // probabilities are parts of this; 0 and RANGE_ONE themselves do not occur

// Most bytes that one decision can take: the stretch is at least 2^24 before it and at least 2^8 behind it.
#define RANGE_DECISION_BYTES 2

struct delta_range {
    uint32_t length; // of the stretch
    uint32_t point;  // where in the stretch the patch points
    const uint8_t *in;
    uint32_t in_at;
    uint32_t in_len; // behind the end of the patch come zeros

    // The encoder runs the same code as the decoder, with the answers given. NULL in a decoder.
    void (*write)(void *writer, uint32_t probability, int bit);
    void *writer;
};

void delta_range_begin(struct delta_range *range);

// Decides one bit. probability: of a 1. answer: used when encoding only. @return the bit
int delta_range_decide(struct delta_range *range, uint32_t probability, int answer);
