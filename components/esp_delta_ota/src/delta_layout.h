// Where an image's bytes will stand in memory: its segments, as the headers in the image say.
//
// Of the old image all segments are read at the start. The new one is followed while it comes out: its headers come before what they
// announce. A file that is no image has no segments, and its bytes no addresses.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "delta_unit.h"
#include "esp_compiler.h"
#include "esp_err.h"

#define LAYOUT_SEGMENTS_MAX 16 // fact: ESP_IMAGE_MAX_SEGMENTS
#define IMAGE_HEADER_LEN    24 // fact: esp_image_header_t
#define SEGMENT_HEADER_LEN  8  // fact: load address and length, 4 bytes each
#define IMAGE_MAGIC         0xE9

struct delta_segment {
    uint32_t offset; // of its first byte in the file
    uint32_t len;
    uint32_t address; // of that byte in memory
    bool is_code;
};

struct delta_layout {
    enum delta_arch arch; // ARCH_NONE: no image
    uint32_t count;
    struct delta_segment segments[LAYOUT_SEGMENTS_MAX];
};

// Reads len bytes of a file at offset; all of them are inside the file.
typedef esp_err_t (*delta_read)(void *context, uint32_t offset, uint8_t *out, uint32_t len);

// Reads the segments of a whole file. What is no sound image gets ARCH_NONE. Errors: those of read.
esp_err_t delta_layout_load(struct delta_layout *layout, delta_read read, void *context,
                            uint32_t file_len) ESP_MUST_CHECK;

// The segment that holds offset, else NULL. *next: where the next one begins, UINT32_MAX: none.
const struct delta_segment *delta_layout_find(const struct delta_layout *layout, uint32_t offset,
                                              uint32_t *next);

// Whether an address lies in a segment, or in one of code.
bool delta_layout_has_address(const struct delta_layout *layout, uint32_t address, bool in_code);

// The new image while it comes out. One segment is enough: the current one.
struct delta_follower {
    enum delta_arch arch; // of the old image: what counts as code
    bool is_image;        // it began like one
    uint32_t segments_left;
    uint32_t index;
    uint32_t header_at;                 // where the next segment header begins
    uint8_t header[SEGMENT_HEADER_LEN]; // bytes of it so far
    struct delta_segment segment;       // len 0: none yet
    uint8_t checksum;                   // XOR of the bytes of segments so far, and its seed
};

void delta_follower_init(struct delta_follower *follower, enum delta_arch arch);

// Tells the follower the byte at offset; offsets come in order.
void delta_follower_see(struct delta_follower *follower, uint32_t offset, uint8_t byte);

// Segment of the next byte to come out, at offset; NULL: in none, or in a header.
static inline const struct delta_segment *delta_follower_at(const struct delta_follower *follower,
                                                            uint32_t offset)
{
    return offset - follower->segment.offset < follower->segment.len ? &follower->segment : 0;
}
