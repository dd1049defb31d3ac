// Espressif's patches: groups of differences and new bytes, squeezed by heatshrink with its window of 256 bytes.

#include <stdlib.h>
#include <string.h>

#include "byte_buffer.h"
#include "delta_encoder.h"
#include "suffix_match.h"

#define CONTAINER_LEN 64
#define KIND          0x04 // fact: detools: sequential, heatshrink
#define PARAMETERS    0x44 // fact: window 2^8, lookahead 2^7
#define WINDOW_LEN    256
#define COPY_MAX      128
#define LITERAL_BITS  9
#define COPY_BITS     16
#define SHORTEST_COPY 1

// ----------------------------------------------------------------------- heatshrink

struct bit_writer {
    struct byte_buffer *out;
    uint32_t bits;
    unsigned count; // below 8 between calls
};

static void write_bits(struct bit_writer *writer, uint32_t value, unsigned count)
{
    writer->bits = writer->bits << count | value;
    writer->count += count;
    while (writer->count >= 8) {
        writer->count -= 8;
        byte_buffer_add_byte(writer->out, (uint8_t)(writer->bits >> writer->count));
    }
}

struct window_match {
    uint16_t len;      // 0: none
    uint16_t distance; // 1 to WINDOW_LEN
};

// The longest match in the window. Bytes before the first are zeros: fact: the decoder's window starts with zeros.
static struct window_match find_in_window(const uint8_t *bytes, size_t len, size_t at)
{
    struct window_match best = {0};
    size_t most = len - at < COPY_MAX ? len - at : COPY_MAX;
    for (size_t distance = 1; distance <= WINDOW_LEN && best.len < most; distance++) {
        size_t i = 0;
        while (i < most && bytes[at + i] == (at + i >= distance ? bytes[at + i - distance] : 0)) {
            i++;
        }
        if (i > best.len) {
            best = (struct window_match){(uint16_t)i, (uint16_t)distance};
        }
    }
    return best;
}

// The cheapest way to write what begins at each place, from the end on: a literal, or the longest copy there. A shorter
// copy costs the same and leaves more to write.
static void choose_copies(const uint8_t *bytes, size_t len, struct window_match *choice,
                          uint32_t *cost)
{
    cost[len] = 0;
    for (size_t at = len; at-- > 0;) {
        struct window_match match = find_in_window(bytes, len, at);
        uint32_t as_literal = cost[at + 1] + LITERAL_BITS;
        uint32_t as_copy = match.len > 0 ? cost[at + match.len] + COPY_BITS : UINT32_MAX;
        choice[at] = as_copy < as_literal ? match : (struct window_match){0};
        cost[at] = as_copy < as_literal ? as_copy : as_literal;
    }
}

static esp_err_t squeeze(const struct byte_buffer *in, struct byte_buffer *out)
{
    struct window_match *choice = malloc((in->len + 1) * sizeof(*choice));
    uint32_t *cost = malloc((in->len + 1) * sizeof(*cost));
    struct bit_writer writer = {.out = out};
    if (choice && cost) {
        choose_copies(in->bytes, in->len, choice, cost);
        for (size_t at = 0; at < in->len;) {
            if (choice[at].len > 0) {
                write_bits(&writer, (choice[at].distance - 1u) << 7 | (choice[at].len - 1u),
                           COPY_BITS);
                at += choice[at].len;
            } else {
                write_bits(&writer, 0x100u | in->bytes[at], LITERAL_BITS);
                at++;
            }
        }
        write_bits(&writer, 0, 7); // the last byte is padded with zeros
    }
    bool is_done = choice && cost && !out->has_failed;
    free(choice);
    free(cost);
    return is_done ? ESP_OK : ESP_ERR_NO_MEM;
}

// ----------------------------------------------------------------------- the patch

static void add_number(struct byte_buffer *out, int64_t value)
{
    uint64_t rest = (uint64_t)(value < 0 ? -value : value);
    uint8_t byte = (uint8_t)((rest & 0x3F) | (value < 0 ? 0x40 : 0));
    for (rest >>= 6; rest > 0; rest >>= 7) {
        byte_buffer_add_byte(out, byte | 0x80);
        byte = rest & 0x7F;
    }
    byte_buffer_add_byte(out, byte);
}

// One group: differences along the copy, new bytes up to new_end, then the step to where the next group reads.
static void add_group(struct byte_buffer *out, const struct delta_file *old_file,
                      const struct delta_file *new_file, const struct match_copy *copy,
                      size_t new_end, int64_t step)
{
    add_number(out, copy->len);
    for (uint32_t i = 0; i < copy->len; i++) {
        byte_buffer_add_byte(
            out, (uint8_t)(new_file->bytes[copy->new_at + i] - old_file->bytes[copy->old_at + i]));
    }
    size_t from = copy->new_at + copy->len;
    add_number(out, (int64_t)(new_end - from));
    byte_buffer_add(out, new_file->bytes + from, new_end - from);
    add_number(out, step);
}

static void add_groups(struct byte_buffer *out, const struct delta_file *old_file,
                       const struct delta_file *new_file, const struct match_list *list)
{
    struct match_copy copy = {0, 0, 0}; // what stands before the first copy is a group without one
    byte_buffer_add_byte(out, 0);       // no data sections
    for (size_t i = 0; i <= list->count; i++) {
        const struct match_copy *next = i < list->count ? &list->items[i] : NULL;
        size_t end = next ? next->new_at : new_file->len;
        int64_t step = next ? (int64_t)next->old_at - (int64_t)copy.old_at - copy.len : 0;
        if (end > 0 || step != 0) {
            add_group(out, old_file, new_file, &copy, end, step);
        }
        if (next) {
            copy = *next;
        }
    }
}

static void add_container(struct byte_buffer *out, const uint8_t base_digest[32])
{
    static const uint8_t magic[] = {0x10, 0xDE, 0xCD, 0xFC};
    static const uint8_t reserved[28];
    byte_buffer_add(out, magic, sizeof(magic));
    byte_buffer_add(out, base_digest, 32);
    byte_buffer_add(out, reserved, sizeof(reserved));
}

esp_err_t delta_encode_legacy(const struct delta_file *old_file, const struct delta_file *new_file,
                              const uint8_t base_digest[32], uint8_t **patch, size_t *patch_len)
{
    struct match_list list = {0};
    struct byte_buffer groups = {0};
    struct byte_buffer out = {0};
    esp_err_t err = suffix_match(old_file->bytes, old_file->len, new_file->bytes, new_file->len,
                                 SHORTEST_COPY, &list);
    if (err == ESP_OK) {
        add_groups(&groups, old_file, new_file, &list);
        add_container(&out, base_digest);
        byte_buffer_add_byte(&out, KIND);
        add_number(&out, (int64_t)new_file->len);
        err = groups.has_failed ? ESP_ERR_NO_MEM : ESP_OK;
    }
    if (err == ESP_OK && new_file->len > 0) {
        byte_buffer_add_byte(&out, PARAMETERS);
        err = squeeze(&groups, &out);
    }
    free(list.items);
    byte_buffer_free(&groups);
    if (err != ESP_OK || out.has_failed) {
        byte_buffer_free(&out);
        return err != ESP_OK ? err : ESP_ERR_NO_MEM;
    }
    *patch = out.bytes;
    *patch_len = out.len;
    return ESP_OK;
}
