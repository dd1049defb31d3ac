#include "range_writer.h"

#define LENGTH_MIN (1u << 24)

void range_writer_begin(struct range_writer *writer)
{
    *writer = (struct range_writer){.length = UINT32_MAX};
}

// The leading byte of start is settled but for a carry: it is held until the next one is.
static void settle_byte(struct range_writer *writer)
{
    uint8_t carry = (uint8_t)(writer->start >> 32);
    if ((uint32_t)writer->start < 0xFF000000u || carry) {
        if (writer->has_held) {
            byte_buffer_add_byte(&writer->out, (uint8_t)(writer->held + carry));
        }
        for (; writer->pending > 0; writer->pending--) {
            byte_buffer_add_byte(&writer->out, (uint8_t)(0xFF + carry));
        }
        writer->held = (uint8_t)(writer->start >> 24);
        writer->has_held = true;
    } else {
        writer->pending++;
    }
    writer->start = (writer->start & 0x00FFFFFFu) << 8;
}

void range_writer_decide(void *context, uint32_t probability, int bit)
{
    struct range_writer *writer = context;
    uint32_t part_of_one = (uint32_t)((uint64_t)writer->length * probability >> 16);
    if (bit) {
        writer->length = part_of_one;
    } else {
        writer->start += part_of_one;
        writer->length -= part_of_one;
    }
    while (writer->length < LENGTH_MIN) {
        writer->length <<= 8;
        settle_byte(writer);
    }
}

void range_writer_end(struct range_writer *writer)
{
    // the point in the stretch with the most zero bits at its end
    for (unsigned bits = 32; bits > 0; bits--) {
        uint64_t mask = (1ull << bits) - 1;
        uint64_t point = (writer->start + mask) & ~mask;
        if (point < writer->start + writer->length) {
            writer->start = point;
            break;
        }
    }
    for (int i = 0; i < 5; i++) {
        settle_byte(writer);
    }
    while (writer->out.len > 0 && writer->out.bytes[writer->out.len - 1] == 0) {
        writer->out.len--;
    }
}
