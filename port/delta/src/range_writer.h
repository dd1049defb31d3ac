// The other half of the range coder: decisions and their probabilities in, bytes out.
#pragma once

#include "byte_buffer.h"

struct range_writer {
    struct byte_buffer out;
    uint64_t start;   // of the stretch; bit 32 is a carry into the bytes before
    uint32_t length;  // of the stretch
    uint8_t held;     // the last byte, which a carry may still change
    uint64_t pending; // bytes 0xFF behind it, through which a carry would run
    bool has_held;
};

void range_writer_begin(struct range_writer *writer);

// As struct delta_range.write; context: struct range_writer.
void range_writer_decide(void *context, uint32_t probability, int bit);

// Ends the patch. Zeros at the end are left out: the decoder supplies them.
void range_writer_end(struct range_writer *writer);
