// The tokens of two streams are paired by what they say (the literal, the length of the match); where a pair's distances differ, the
// distance is sent. Everything is written as a list of answers, in the order in which delta_deflate.c asks.

#include "deflate_plan.h"

#include <stdlib.h>
#include <string.h>

#include "delta_deflate.h"
#include "image_sweep.h"
#include "token_align.h"

#define STREAM_MIN   48 // bytes; chosen: below there is nothing to gain
#define SHINGLE_LEN  3
#define SHINGLE_BITS 16
#define SIMILAR_MIN  8 // chosen: one in so many runs of SHINGLE_LEN tokens must be in the old stream

struct stream {
    uint32_t start;
    uint32_t end;
    struct delta_token *tokens; // owned
    uint16_t *values;           // owned; of the tokens
    uint32_t count;
    uint32_t *headers; // owned; bit at which the header of each block begins
    uint32_t header_count;
};

struct stream_list {
    struct stream *items;
    size_t count;
};

// ----------------------------------------------------------------------- finding streams

static void free_stream(struct stream *stream)
{
    free(stream->tokens);
    free(stream->values);
    free(stream->headers);
    *stream = (struct stream){0};
}

static void free_streams(struct stream_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free_stream(&list->items[i]);
    }
    free(list->items);
}

// Where the deflate stream of a gzip member begins; 0: there is none. fact: RFC 1952
static size_t skip_gzip_header(const struct delta_file *file, size_t at)
{
    const uint8_t *bytes = file->bytes;
    if (file->len - at < 18 || bytes[at] != 0x1F || bytes[at + 1] != 0x8B || bytes[at + 2] != 8 ||
        (bytes[at + 3] & 0xE0)) {
        return 0;
    }
    uint8_t flags = bytes[at + 3];
    size_t next = at + 10;
    if (flags & 4) {
        next += 2 + delta_load(bytes + next, 2);
    }
    for (unsigned flag = 8; flag <= 16; flag *= 2) { // name, comment: up to a zero byte
        while ((flags & flag) && next < file->len && bytes[next++] != 0) {
        }
    }
    next += flags & 2 ? 2 : 0;
    return next < file->len ? next : 0;
}

static uint32_t bit_position(const struct token_reader *reader)
{
    return reader->at * 8 - reader->bit_count;
}

static bool add_token(struct stream *stream, const struct delta_token *token)
{
    if ((stream->count & (stream->count - 1)) == 0) { // a power of two: full
        size_t room = stream->count > 0 ? stream->count * 2 : 1;
        struct delta_token *tokens = realloc(stream->tokens, room * sizeof(*tokens));
        stream->tokens = tokens ? tokens : stream->tokens;
        uint16_t *values = realloc(stream->values, room * sizeof(*values));
        stream->values = values ? values : stream->values;
        if (!tokens || !values) {
            return false;
        }
    }
    stream->values[stream->count] = token->value;
    stream->tokens[stream->count++] = *token;
    return true;
}

static bool add_header(struct stream *stream, uint32_t position)
{
    uint32_t *headers =
        realloc(stream->headers, (stream->header_count + 1) * sizeof(*stream->headers));
    if (headers) {
        stream->headers = headers;
        headers[stream->header_count++] = position;
    }
    return headers != NULL;
}

// Reads a whole stream. stream->end stays 0 if it is none that can be written again as it is.
static esp_err_t read_stream(const struct delta_file *file, uint32_t start, struct stream *stream)
{
    struct delta_window window;
    struct token_reader reader;
    struct delta_file copy = *file;
    *stream = (struct stream){.start = start};
    delta_window_init(&window, image_sweep_read, &copy, (uint32_t)file->len);
    esp_err_t err = token_reader_begin(&reader, &window, start);
    bool has_memory = add_header(stream, start * 8);
    bool is_complete = false;
    while (err == ESP_OK && has_memory && !reader.has_ended) {
        has_memory = add_token(stream, &reader.token);
        is_complete = reader.token.value == TOKEN_END && reader.is_final;
        if (reader.token.value == TOKEN_END && !is_complete) {
            has_memory = has_memory && add_header(stream, bit_position(&reader));
        }
        if (is_complete) {
            break;
        }
        err = token_reader_next(&reader);
    }
    uint32_t padding = reader.bits & ((1u << reader.bit_count % 8) - 1);
    if (is_complete && padding == 0) {
        stream->end = reader.at - reader.bit_count / 8;
    }
    return has_memory ? err : ESP_ERR_NO_MEM;
}

static esp_err_t find_streams(const struct delta_file *file, struct stream_list *list)
{
    *list = (struct stream_list){0};
    for (size_t at = 0; at + 18 < file->len; at++) {
        const uint8_t *found = memchr(file->bytes + at, 0x1F, file->len - at);
        at = found ? (size_t)(found - file->bytes) : file->len;
        size_t start = found ? skip_gzip_header(file, at) : 0;
        if (start == 0) {
            continue;
        }
        struct stream stream;
        esp_err_t err = read_stream(file, (uint32_t)start, &stream);
        if (err == ESP_OK && stream.end >= start + STREAM_MIN) {
            struct stream *items = realloc(list->items, (list->count + 1) * sizeof(*items));
            if (items) {
                list->items = items;
                items[list->count++] = stream;
                at = stream.end - 1;
                continue;
            }
            err = ESP_ERR_NO_MEM;
        }
        free_stream(&stream);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- the script

static void ask(struct byte_buffer *script, uint32_t answer)
{
    byte_buffer_add(script, &answer, sizeof(answer));
}

static uint32_t take_bits(const uint8_t *bytes, uint32_t *position, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < count; i++, (*position)++) {
        value |= (uint32_t)(bytes[*position / 8] >> *position % 8 & 1) << i;
    }
    return value;
}

// A code for lengths, by trying all of them bit by bit: there are only 19.
static uint32_t take_length_code(const uint8_t *bytes, uint32_t *position,
                                 const uint8_t lengths[HUFFMAN_LENGTHS])
{
    uint32_t code = 0;
    uint32_t next = 0; // code of the first symbol with this length
    for (uint32_t length = 1; length <= 7; length++) {
        code = code << 1 | take_bits(bytes, position, 1);
        next <<= 1;
        for (uint32_t symbol = 0; symbol < HUFFMAN_LENGTHS; symbol++) {
            if (lengths[symbol] == length && next++ == code) {
                return symbol;
            }
        }
    }
    return 0; // does not occur: the stream has been read before
}

static void ask_header(struct byte_buffer *script, const uint8_t *bytes, uint32_t position)
{
    uint8_t lengths[HUFFMAN_LENGTHS] = {0};
    ask(script, take_bits(bytes, &position, 1));
    bool is_dynamic = take_bits(bytes, &position, 2) == BLOCK_DYNAMIC;
    ask(script, is_dynamic);
    if (!is_dynamic) {
        return;
    }
    uint32_t literals = take_bits(bytes, &position, 5);
    uint32_t distances = take_bits(bytes, &position, 5);
    uint32_t order = take_bits(bytes, &position, 4);
    ask(script, literals);
    ask(script, distances);
    ask(script, order);
    for (uint32_t i = 0; i < order + 4; i++) {
        lengths[TOKEN_LENGTH_ORDER[i]] = (uint8_t)take_bits(bytes, &position, 3);
        ask(script, lengths[TOKEN_LENGTH_ORDER[i]]);
    }
    for (uint32_t at = 0; at < literals + 257 + distances + 1;) {
        uint32_t code = take_length_code(bytes, &position, lengths);
        struct token_run run = token_run_of(code);
        uint32_t extra = take_bits(bytes, &position, run.extra_bits);
        ask(script, code);
        if (run.extra_bits > 0) {
            ask(script, extra);
        }
        at += run.base + extra;
    }
}

// What is written while walking along both streams.
struct writer {
    struct byte_buffer *script;
    const uint8_t *bytes; // the new file
    const struct stream *old;
    const struct stream *new;
    uint32_t *pairs;
    uint32_t old_at;
    uint32_t new_at;
    uint32_t header_at; // of the new stream, the next
};

// Behind the end of a block the next one's header is asked for.
static void finish_token(struct writer *w)
{
    bool is_end = w->new->values[w->new_at++] == TOKEN_END;
    if (is_end && w->header_at < w->new->header_count) {
        ask_header(w->script, w->bytes, w->new->headers[w->header_at++]);
    }
}

static void write_pair(struct writer *w)
{
    const struct delta_token *old = &w->old->tokens[w->old_at++];
    const struct delta_token *token = &w->new->tokens[w->new_at];
    bool is_hit = old->distance == token->distance;
    ask(w->script, is_hit);
    if (!is_hit) {
        ask(w->script, 1);
        ask(w->script, token->distance);
    }
    finish_token(w);
}

static void write_change(struct writer *w)
{
    uint32_t end = w->new_at;
    while (end < w->new->count && w->pairs[end] == TOKEN_ALIGN_NONE) {
        end++;
    }
    uint32_t insert = end - w->new_at;
    uint32_t old_left = w->old->count - w->old_at;
    uint32_t skip = end < w->new->count ? w->pairs[end] - w->old_at
                    : insert < old_left ? insert
                                        : old_left;
    if (w->old_at < w->old->count) {
        ask(w->script, 0);
        if (w->old->tokens[w->old_at].distance > 0) {
            ask(w->script, 0);
        }
        if (skip > DEFLATE_SKIP_MAX) { // in parts
            ask(w->script, DEFLATE_SKIP_MAX);
            ask(w->script, 0);
            w->old_at += DEFLATE_SKIP_MAX;
            return;
        }
        ask(w->script, skip);
    }
    ask(w->script, insert);
    w->old_at += skip;
    for (; insert > 0; insert--) {
        const struct delta_token *token = &w->new->tokens[w->new_at];
        ask(w->script, token->value);
        if (token->distance > 0) {
            ask(w->script, token->distance);
        }
        finish_token(w);
    }
}

// A single pair between changes costs more than it saves.
static void drop_lonely_pairs(const struct stream *new, uint32_t *pairs)
{
    for (uint32_t i = 0; i < new->count; i++) {
        bool is_before = i > 0 && pairs[i] != TOKEN_ALIGN_NONE && pairs[i - 1] == pairs[i] - 1;
        bool is_behind =
            i + 1 < new->count &&pairs[i + 1] != TOKEN_ALIGN_NONE &&pairs[i + 1] == pairs[i] + 1;
        if (!is_before && !is_behind) {
            pairs[i] = TOKEN_ALIGN_NONE;
        }
    }
}

static esp_err_t write_script(const struct stream *old, const struct stream *new,
                              const struct delta_file *new_file, struct byte_buffer *script)
{
    uint32_t *pairs = malloc(((size_t) new->count + 1) * sizeof(*pairs));
    if (!pairs || !old->tokens || !new->tokens) {
        free(pairs);
        return ESP_ERR_NO_MEM;
    }
    struct writer w = {
        .script = script, .bytes = new_file->bytes, .old = old, .new = new, .pairs = pairs};
    esp_err_t err = token_align(old->values, old->count, new->values, new->count, pairs);
    if (err == ESP_OK) {
        drop_lonely_pairs(new, pairs);
        ask_header(script, w.bytes, new->headers[w.header_at++]);
        while (w.new_at < new->count) {
            if (pairs[w.new_at] == w.old_at) {
                write_pair(&w);
            } else {
                write_change(&w);
            }
        }
    }
    free(pairs);
    return err == ESP_OK && script->has_failed ? ESP_ERR_NO_MEM : err;
}

// ----------------------------------------------------------------------- pairing streams

static uint32_t shingle_at(const struct stream *stream, uint32_t at)
{
    const uint16_t *v = stream->values + at;
    return delta_hash(v[0] | (uint32_t)v[1] << 16, v[2]) >> (32 - SHINGLE_BITS);
}

// How many runs of tokens of new are in old.
static uint32_t count_common(const struct stream *old, const struct stream *new)
{
    static uint8_t seen[1u << SHINGLE_BITS];
    uint32_t common = 0;
    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i + SHINGLE_LEN <= old->count; i++) {
        seen[shingle_at(old, i)] = 1;
    }
    for (uint32_t i = 0; i + SHINGLE_LEN <= new->count; i++) {
        common += seen[shingle_at(new, i)];
    }
    return common;
}

static bool is_in_file(const struct delta_file *file, const struct stream_list *streams,
                       const uint8_t *bytes, uint32_t len)
{
    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *old = &streams->items[i];
        if (old->end - old->start == len && memcmp(file->bytes + old->start, bytes, len) == 0) {
            return true;
        }
    }
    return false;
}

static esp_err_t plan_stream(const struct delta_file *new_file, const struct stream_list *old_list,
                             const struct stream *new, struct deflate_plan *plan)
{
    const struct stream *best = NULL;
    uint32_t best_common = new->count / SIMILAR_MIN;
    for (size_t i = 0; i < old_list->count; i++) {
        uint32_t common = count_common(&old_list->items[i], new);
        if (common > best_common) {
            best_common = common;
            best = &old_list->items[i];
        }
    }
    if (!best) {
        return ESP_OK;
    }
    struct deflate_copy *copies = realloc(plan->copies, (plan->count + 1) * sizeof(*copies));
    if (!copies) {
        return ESP_ERR_NO_MEM;
    }
    plan->copies = copies;
    struct deflate_copy *copy = &copies[plan->count++];
    *copy = (struct deflate_copy){
        .new_at = new->start, .new_len = new->end - new->start, .old_at = best->start};
    return write_script(best, new, new_file, &copy->script);
}

esp_err_t deflate_plan_make(const struct delta_file *old_file, const struct delta_file *new_file,
                            struct deflate_plan *plan)
{
    struct stream_list old_list = {0};
    struct stream_list new_list = {0};
    *plan = (struct deflate_plan){0};
    esp_err_t err = find_streams(old_file, &old_list);
    if (err == ESP_OK && old_list.count > 0) {
        err = find_streams(new_file, &new_list);
    }
    for (size_t i = 0; i < new_list.count && err == ESP_OK; i++) {
        const struct stream *new = &new_list.items[i];
        if (!is_in_file(old_file, &old_list, new_file->bytes + new->start, new->end - new->start)) {
            err = plan_stream(new_file, &old_list, new, plan);
        }
    }
    free_streams(&old_list);
    free_streams(&new_list);
    return err;
}

void deflate_plan_free(struct deflate_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        byte_buffer_free(&plan->copies[i].script);
    }
    free(plan->copies);
    *plan = (struct deflate_plan){0};
}
