#include "delta_token.h"

#include <string.h>

const uint8_t TOKEN_LENGTH_ORDER[HUFFMAN_LENGTHS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                     11, 4,  12, 3, 13, 2, 14, 1, 15};

struct token_part token_length_part(uint32_t length)
{
    uint32_t above = length - 3;
    if (above < 8) {
        return (struct token_part){above, 0, 0};
    }
    if (length == 258) {
        return (struct token_part){28, 0, 0};
    }
    uint32_t bits = 1;
    while (above >> (bits + 3)) {
        bits++;
    }
    return (struct token_part){4 * bits + (above >> bits), bits, above & ((1u << bits) - 1)};
}

struct token_part token_distance_part(uint32_t distance)
{
    uint32_t above = distance - 1;
    if (above < 2) {
        return (struct token_part){above, 0, 0};
    }
    uint32_t bits = 0;
    while (above >> (bits + 2)) {
        bits++;
    }
    return (struct token_part){2 * bits + (above >> bits), bits, above & ((1u << bits) - 1)};
}

void token_fixed_lengths(uint8_t lengths[HUFFMAN_CODES])
{
    for (uint32_t i = 0; i < HUFFMAN_CODES; i++) {
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : i < HUFFMAN_LITERALS ? 8 : 5;
    }
}

struct token_run token_run_of(uint32_t code)
{
    switch (code) {
    case 16:
        return (struct token_run){2, 3};
    case 17:
        return (struct token_run){3, 3};
    case 18:
        return (struct token_run){7, 11};
    default:
        return (struct token_run){0, 1};
    }
}

// ----------------------------------------------------------------------- reading

static esp_err_t read_bits(struct token_reader *reader, uint32_t count, uint32_t *value)
{
    while (reader->bit_count < count) {
        const uint8_t *byte;
        if (reader->at >= reader->window->file_len) {
            reader->has_ended = true;
            *value = 0;
            return ESP_OK;
        }
        esp_err_t err = delta_window_get(reader->window, reader->at, 1, &byte);
        if (err != ESP_OK) {
            return err;
        }
        reader->at++;
        reader->bits |= (uint32_t)*byte << reader->bit_count;
        reader->bit_count += 8;
    }
    *value = reader->bits & ((1u << count) - 1);
    reader->bits >>= count;
    reader->bit_count -= count;
    return ESP_OK;
}

// Sorts the symbols by the length of their codes. @return false: there are more codes than lengths allow
static bool make_table(const uint8_t *lengths, uint32_t count, uint16_t *counts, uint16_t *symbols)
{
    uint16_t next[HUFFMAN_BITS + 1];
    memset(counts, 0, (HUFFMAN_BITS + 1) * sizeof(*counts));
    for (uint32_t i = 0; i < count; i++) {
        counts[lengths[i]]++;
    }
    counts[0] = 0;
    int32_t left = 1;
    next[0] = 0;
    for (uint32_t length = 1; length <= HUFFMAN_BITS; length++) {
        left = 2 * left - counts[length];
        if (left < 0) {
            return false;
        }
        next[length] = (uint16_t)(next[length - 1] + counts[length - 1]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (lengths[i] > 0) {
            symbols[next[lengths[i]]++] = (uint16_t)i;
        }
    }
    return true;
}

// Codes of one length are consecutive numbers, and follow those of the length before, doubled.
static esp_err_t read_symbol(struct token_reader *reader, const uint16_t *counts,
                             const uint16_t *symbols, uint32_t *symbol)
{
    uint32_t code = 0;
    uint32_t first = 0;
    uint32_t index = 0;
    *symbol = 0;
    for (uint32_t length = 1; length <= HUFFMAN_BITS && !reader->has_ended; length++) {
        uint32_t bit = 0;
        esp_err_t err = read_bits(reader, 1, &bit);
        if (err != ESP_OK) {
            return err;
        }
        code |= bit;
        if (code - first < counts[length]) {
            *symbol = symbols[index + (code - first)];
            return ESP_OK;
        }
        index += counts[length];
        first = (first + counts[length]) * 2;
        code *= 2;
    }
    reader->has_ended = true;
    return ESP_OK;
}

// The lengths of count codes, themselves written in runs.
static esp_err_t read_lengths(struct token_reader *reader, uint8_t *lengths, uint32_t count)
{
    for (uint32_t at = 0; at < count && !reader->has_ended;) {
        uint32_t code = 0;
        uint32_t extra = 0;
        esp_err_t err = read_symbol(reader, reader->counts[0], reader->symbols, &code);
        struct token_run run = token_run_of(code);
        if (err == ESP_OK) {
            err = read_bits(reader, run.extra_bits, &extra);
        }
        if (err != ESP_OK) {
            return err;
        }
        uint8_t length = code < 16 ? (uint8_t)code : code == 16 && at > 0 ? lengths[at - 1] : 0;
        for (uint32_t times = run.base + extra; times > 0 && at < count; times--) {
            lengths[at++] = length;
        }
    }
    return ESP_OK;
}

static esp_err_t read_dynamic(struct token_reader *reader)
{
    uint32_t sizes = 0; // 5 bits literals, 5 distances, 4 lengths
    uint8_t lengths[HUFFMAN_CODES] = {0};
    esp_err_t err = read_bits(reader, 14, &sizes);
    uint32_t literals = (sizes & 31) + 257;
    uint32_t distances = (sizes >> 5 & 31) + 1;
    for (uint32_t i = 0; i < (sizes >> 10) + 4 && err == ESP_OK; i++) {
        uint32_t length = 0;
        err = read_bits(reader, 3, &length);
        lengths[TOKEN_LENGTH_ORDER[i]] = (uint8_t)length;
    }
    if (err != ESP_OK) {
        return err;
    }
    if (literals > HUFFMAN_LITERALS ||
        !make_table(lengths, HUFFMAN_LENGTHS, reader->counts[0], reader->symbols)) {
        reader->has_ended = true;
        return ESP_OK;
    }
    memset(lengths, 0, sizeof(lengths));
    err = read_lengths(reader, lengths, literals + distances);
    memset(reader->lengths, 0, sizeof(reader->lengths));
    memcpy(reader->lengths, lengths, literals);
    memcpy(reader->lengths + HUFFMAN_LITERALS, lengths + literals, distances);
    return err;
}

static esp_err_t read_block(struct token_reader *reader)
{
    uint32_t kind = 0;
    esp_err_t err = read_bits(reader, 3, &kind);
    if (err != ESP_OK) {
        return err;
    }
    reader->is_final = kind & 1;
    if (kind >> 1 == BLOCK_DYNAMIC) {
        err = read_dynamic(reader);
    } else {
        token_fixed_lengths(reader->lengths);
        reader->has_ended |= kind >> 1 != BLOCK_FIXED;
    }
    reader->has_ended |=
        !make_table(reader->lengths, HUFFMAN_LITERALS, reader->counts[0], reader->symbols) ||
        !make_table(reader->lengths + HUFFMAN_LITERALS, HUFFMAN_DISTANCES, reader->counts[1],
                    reader->symbols + HUFFMAN_LITERALS);
    return err;
}

static esp_err_t read_match(struct token_reader *reader, uint32_t code)
{
    uint32_t extra_bits = code < 8 || code >= 28 ? 0 : (code - 4) >> 2;
    uint32_t length = code < 8 ? code : code >= 28 ? 255 : (4 + (code & 3)) << extra_bits;
    uint32_t extra = 0;
    uint32_t far = 0;
    esp_err_t err = read_bits(reader, extra_bits, &extra);
    reader->token.value = (uint16_t)TOKEN_MATCH(3 + length + extra);
    if (err == ESP_OK) {
        err = read_symbol(reader, reader->counts[1], reader->symbols + HUFFMAN_LITERALS, &far);
    }
    if (err != ESP_OK) {
        return err;
    }
    bool is_odd = code == 27 && extra == 31; // 258 bytes, which have a code of their own
    if (code > 28 || is_odd || far >= 30) {
        reader->has_ended = true;
        return ESP_OK;
    }
    extra_bits = far < 4 ? 0 : (far >> 1) - 1;
    uint32_t distance = far < 4 ? far : (2 + (far & 1)) << extra_bits;
    err = read_bits(reader, extra_bits, &extra);
    reader->token.distance = (uint16_t)(1 + distance + extra);
    return err;
}

esp_err_t token_reader_next(struct token_reader *reader)
{
    uint32_t symbol = 0;
    esp_err_t err = ESP_OK;
    if (reader->has_ended) {
        return ESP_OK;
    }
    if (reader->token.value == TOKEN_END) {
        reader->has_ended = reader->is_final;
        err = reader->is_final ? ESP_OK : read_block(reader);
    }
    if (err != ESP_OK || reader->has_ended) {
        return err;
    }
    err = read_symbol(reader, reader->counts[0], reader->symbols, &symbol);
    if (err != ESP_OK) {
        return err;
    }
    reader->token = (struct delta_token){.value = (uint16_t)symbol};
    return symbol > TOKEN_END ? read_match(reader, symbol - TOKEN_END - 1) : ESP_OK;
}

esp_err_t token_reader_begin(struct token_reader *reader, struct delta_window *window,
                             uint32_t offset)
{
    memset(reader, 0, sizeof(*reader));
    reader->window = window;
    reader->at = offset;
    reader->token.value = TOKEN_END; // of nothing: a block follows
    return token_reader_next(reader);
}
