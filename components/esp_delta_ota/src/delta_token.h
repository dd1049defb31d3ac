// What a deflate stream says: literals and matches, without the Huffman codes they are written with. fact: RFC 1951
//
// A page that is compressed inside an image changes in nearly every bit when a word is edited, but only in few of its tokens. So tokens
// are compared and copied, and the codes written anew. No window of text is needed for that: what a match refers to is not asked.
#pragma once

#include "delta_walk.h"

#define TOKEN_END       256 // of a block; below it literals
#define TOKEN_MATCH_MIN 257 // a match of n bytes is n + 254
#define TOKEN_MATCH(n)  ((n) + 254u)

struct delta_token {
    uint16_t value;    // TOKEN_...
    uint16_t distance; // of a match, 1 to 32768; else 0
};

#define HUFFMAN_BITS      15
#define HUFFMAN_LITERALS  288 // codes of literals and lengths; those of distances follow
#define HUFFMAN_DISTANCES 32
#define HUFFMAN_CODES     (HUFFMAN_LITERALS + HUFFMAN_DISTANCES)
#define HUFFMAN_LENGTHS   19 // codes by which the lengths of the others are written

enum { BLOCK_STORED, BLOCK_FIXED, BLOCK_DYNAMIC };

// How a match's length or distance is written: a code and the lowest bits of the value.
struct token_part {
    uint32_t code; // among lengths (0: 3 bytes) or distances
    uint32_t extra_bits;
    uint32_t extra;
};
struct token_part token_length_part(uint32_t length);     // 3 to 258
struct token_part token_distance_part(uint32_t distance); // 1 to 32768

// The lengths of codes that a block without a table of its own has.
void token_fixed_lengths(uint8_t lengths[HUFFMAN_CODES]);

// The order in which the codes for lengths are written.
extern const uint8_t TOKEN_LENGTH_ORDER[HUFFMAN_LENGTHS];

// What a code for lengths means: 0 to 15 a length, 16 repeats the last, 17 and 18 repeat 0.
struct token_run {
    uint32_t extra_bits;
    uint32_t base; // times, plus the extra bits
};
struct token_run token_run_of(uint32_t code);

// Reads the tokens of a stream in the old image. What is no deflate stream, or a block without compression, ends it.
struct token_reader {
    struct delta_window *window;
    uint32_t at; // offset in the file of the next byte
    uint32_t bits;
    uint32_t bit_count;
    bool is_final; // the block
    bool has_ended;
    struct delta_token token; // the current one, unless it has ended
    uint16_t counts[2][HUFFMAN_BITS + 1];
    uint16_t symbols[HUFFMAN_CODES];
    uint8_t lengths[HUFFMAN_CODES]; // of the current block's codes
};

// Goes to the first token of the stream at offset. Errors: those of reading the file.
esp_err_t token_reader_begin(struct token_reader *reader, struct delta_window *window,
                             uint32_t offset) ESP_MUST_CHECK;
esp_err_t token_reader_next(struct token_reader *reader) ESP_MUST_CHECK;
