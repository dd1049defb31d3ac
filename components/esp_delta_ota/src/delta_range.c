#include "delta_range.h"

#define LENGTH_MIN (1u << 24)

static uint32_t next_byte(struct delta_range *range)
{
    return range->in_at < range->in_len ? range->in[range->in_at++] : 0;
}

void delta_range_begin(struct delta_range *range)
{
    range->length = UINT32_MAX;
    range->point = 0;
    for (int i = 0; i < 4; i++) {
        range->point = range->point << 8 | next_byte(range);
    }
}

int delta_range_decide(struct delta_range *range, uint32_t probability, int answer)
{
    if (range->write) {
        range->write(range->writer, probability, answer);
        return answer;
    }
    uint32_t part_of_one = (uint32_t)((uint64_t)range->length * probability >> 16);
    int bit = range->point < part_of_one;
    if (bit) {
        range->length = part_of_one;
    } else {
        range->length -= part_of_one;
        range->point -= part_of_one;
    }
    while (range->length < LENGTH_MIN) {
        range->length <<= 8;
        range->point = range->point << 8 | next_byte(range);
    }
    return bit;
}
