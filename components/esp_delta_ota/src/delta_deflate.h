// Copies of deflate streams, token by token: the third kind of copy.
//
// The stream of the old image is read for its tokens; the new stream's codes are sent as they stand in its blocks, and its tokens are
// those of the old one unless the patch says otherwise. All the rest follows: a stream is nothing but tokens and codes.
#pragma once

#include "delta_decoder.h"
#include "delta_token.h"

#define DEFLATE_SHIFTS 4 // by which distances were wrong, remembered
#define DEFLATE_SKIP_MAX                                                                           \
    4096 // tokens of the old stream left out at once; chosen: bounds the time that an atom takes

enum delta_deflate_stage {
    DEFLATE_BLOCK,   // which kind of block comes
    DEFLATE_SIZES,   // how many codes it has
    DEFLATE_ORDER,   // codes for lengths
    DEFLATE_LENGTHS, // lengths of codes
    DEFLATE_TOKENS,  // like the old stream's
    DEFLATE_INSERT,  // unlike
    DEFLATE_DONE,
};

struct delta_deflate {
    const uint32_t
        *script; // encoder: the answers, in the order of the questions; NULL in a decoder
    enum delta_deflate_stage stage;
    struct token_reader old;
    uint32_t insert; // tokens still to come that the patch brings
    uint32_t skip;   // tokens of the old stream still to be left out
    struct delta_token last;
    struct delta_token before;
    uint32_t history; // lowest bit: whether the last token was not as in the old stream
    uint32_t shifts[DEFLATE_SHIFTS];
    delta_compact is_later[DEFLATE_SHIFTS];
    delta_compact is_end;
    delta_compact is_final_block;
    delta_compact is_dynamic;
    struct delta_number skip_count, insert_count;

    // the new stream
    bool is_final; // the block
    bool is_over;  // more bytes than the image has room for
    uint32_t bits; // that make no byte yet
    uint32_t bit_count;
    uint32_t at; // codes read so far
    uint32_t literals;
    uint32_t distances;
    uint32_t order_count;
    uint8_t run_lengths[HUFFMAN_LENGTHS];
    uint16_t run_codes[HUFFMAN_LENGTHS];
    uint8_t lengths[HUFFMAN_CODES];
    uint16_t codes[HUFFMAN_CODES];
};

// Once, before any stream.
void delta_deflate_init(struct delta_deflate *self);

// Begins a copy whose old stream is at decoder->source. Errors: those of reading the old image.
esp_err_t delta_deflate_begin(struct delta_decoder *decoder, const uint32_t *script) ESP_MUST_CHECK;

// The next part of the stream; its stage tells when it is complete. Errors: ESP_ERR_INVALID_RESPONSE: damaged; those of reading.
esp_err_t delta_deflate_atom(struct delta_decoder *decoder) ESP_MUST_CHECK;
