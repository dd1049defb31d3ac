#include "delta_deflate.h"

#include <string.h>

#include "esp_log.h"

static const char *TAG = "esp_delta_ota";

// Every question has its weight set, and its contexts hash to places of their own.
enum {
    SET_HIT,
    SET_SAME,
    SET_MATCH,
    SET_LITERAL,
    SET_LENGTH,
    SET_DISTANCE,
    SET_SIZE,
    SET_ORDER,
    SET_RUN,
    SET_EXTRA,
    SETS
};
_Static_assert(SETS == DEFLATE_WEIGHT_SETS, "as many as there is room for");

static esp_err_t refuse(const char *what)
{
    ESP_LOGE(TAG, "the patch is damaged: %s", what);
    return ESP_ERR_INVALID_RESPONSE;
}

// ----------------------------------------------------------------------- questions

static uint32_t next_answer(struct delta_deflate *self)
{
    return self->script ? *self->script++ : 0;
}

static struct delta_decision contexts_of(unsigned set, uint32_t a, uint32_t b, uint32_t c)
{
    unsigned place = 0x7000 | set << 2;
    return (struct delta_decision){
        .hash_count = 3,
        .hashes = {delta_hash(place, a), delta_hash(place + 1, b), delta_hash(place + 2, c)},
        .weight_set = DEFLATE_WEIGHT_SET + set};
}

static bool decide(struct delta_decoder *decoder, const struct delta_decision *contexts,
                   uint32_t answer)
{
    return delta_model_decide(&decoder->model, contexts, answer != 0) != 0;
}

// A byte under one context, the next answer.
static uint32_t decide_simple(struct delta_decoder *decoder, unsigned set, uint32_t context)
{
    struct delta_decision contexts = contexts_of(set, context, 0, 0);
    contexts.hash_count = 1;
    return delta_model_byte(&decoder->model, &contexts, (uint8_t)next_answer(decoder->deflate));
}

static bool decide_one(struct delta_decoder *decoder, delta_compact *slot, uint32_t answer)
{
    return delta_model_decide_one(&decoder->model, slot, answer != 0) != 0;
}

// ----------------------------------------------------------------------- writing

static void give_byte(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    uint8_t byte = (uint8_t)self->bits;
    self->bits >>= 8;
    self->bit_count = self->bit_count > 8 ? self->bit_count - 8 : 0;
    if (decoder->new_at >= decoder->new_len) {
        self->is_over = true;
        return;
    }
    delta_literal_see_byte(decoder, byte);
    delta_give(decoder, byte);
}

static void put_bits(struct delta_decoder *decoder, uint32_t value, uint32_t count)
{
    struct delta_deflate *self = decoder->deflate;
    self->bits |= value << self->bit_count;
    self->bit_count += count;
    while (self->bit_count >= 8) {
        give_byte(decoder);
    }
}

// Codes as they are put: their first bit lowest.
static void make_codes(const uint8_t *lengths, uint32_t count, uint16_t *codes)
{
    uint32_t code = 0;
    for (uint32_t length = 1; length <= HUFFMAN_BITS; length++) {
        code *= 2;
        for (uint32_t i = 0; i < count; i++) {
            if (lengths[i] != length) {
                continue;
            }
            uint32_t reversed = 0;
            for (uint32_t bit = 0; bit < length; bit++) {
                reversed |= (code >> bit & 1) << (length - 1 - bit);
            }
            codes[i] = (uint16_t)reversed;
            code++;
        }
    }
}

// @return false: the block has no code for it
static bool put_symbol(struct delta_decoder *decoder, uint32_t symbol)
{
    const struct delta_deflate *self = decoder->deflate;
    put_bits(decoder, self->codes[symbol], self->lengths[symbol]);
    return self->lengths[symbol] > 0;
}

static bool put_match(struct delta_decoder *decoder, const struct delta_token *token)
{
    struct token_part length = token_length_part(token->value - TOKEN_MATCH(0));
    struct token_part distance = token_distance_part(token->distance);
    bool has_codes = put_symbol(decoder, TOKEN_END + 1 + length.code);
    put_bits(decoder, length.extra, length.extra_bits);
    has_codes = put_symbol(decoder, HUFFMAN_LITERALS + distance.code) && has_codes;
    put_bits(decoder, distance.extra, distance.extra_bits);
    return has_codes;
}

static esp_err_t put_token(struct delta_decoder *decoder, const struct delta_token *token)
{
    struct delta_deflate *self = decoder->deflate;
    bool has_code =
        token->value > TOKEN_END ? put_match(decoder, token) : put_symbol(decoder, token->value);
    self->before = self->last;
    self->last = *token;
    if (!has_code) {
        return refuse("a token without a code");
    }
    if (token->value == TOKEN_END) {
        self->stage = self->is_final ? DEFLATE_DONE : DEFLATE_BLOCK;
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- blocks and their codes

static void begin_tokens(struct delta_deflate *self)
{
    make_codes(self->lengths, HUFFMAN_LITERALS, self->codes);
    make_codes(self->lengths + HUFFMAN_LITERALS, HUFFMAN_DISTANCES, self->codes + HUFFMAN_LITERALS);
    self->stage = self->insert > 0 ? DEFLATE_INSERT : DEFLATE_TOKENS;
}

static esp_err_t read_block(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    self->is_final = decide_one(decoder, &self->is_final_block, next_answer(self));
    bool is_dynamic = decide_one(decoder, &self->is_dynamic, next_answer(self));
    put_bits(decoder, self->is_final | (is_dynamic ? BLOCK_DYNAMIC : BLOCK_FIXED) << 1, 3);
    self->stage = DEFLATE_SIZES;
    if (!is_dynamic) {
        token_fixed_lengths(self->lengths);
        begin_tokens(self);
    }
    return ESP_OK;
}

static esp_err_t read_sizes(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t sizes[3];
    for (uint32_t i = 0; i < 3; i++) {
        sizes[i] = decide_simple(decoder, SET_SIZE, i);
    }
    if (sizes[0] > HUFFMAN_LITERALS - 257 || sizes[1] >= HUFFMAN_DISTANCES || sizes[2] > 15) {
        return refuse("a block with too many codes");
    }
    put_bits(decoder, sizes[0] | sizes[1] << 5 | sizes[2] << 10, 14);
    self->literals = sizes[0] + 257;
    self->distances = sizes[1] + 1;
    self->order_count = sizes[2] + 4;
    self->at = 0;
    memset(self->run_lengths, 0, sizeof(self->run_lengths));
    memset(self->lengths, 0, sizeof(self->lengths));
    self->stage = DEFLATE_ORDER;
    return ESP_OK;
}

static esp_err_t read_order(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t length = decide_simple(decoder, SET_ORDER, self->at) & 7;
    put_bits(decoder, length, 3);
    self->run_lengths[TOKEN_LENGTH_ORDER[self->at++]] = (uint8_t)length;
    if (self->at == self->order_count) {
        make_codes(self->run_lengths, HUFFMAN_LENGTHS, self->run_codes);
        self->at = 0;
        self->stage = DEFLATE_LENGTHS;
    }
    return ESP_OK;
}

// Where the length of the code at stands.
static uint32_t place_of(const struct delta_deflate *self, uint32_t at)
{
    return at < self->literals ? at : HUFFMAN_LITERALS + (at - self->literals);
}

static esp_err_t read_lengths(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t place = place_of(self, self->at);
    uint32_t old = self->old.lengths[place];
    uint32_t next = place + 1 < HUFFMAN_CODES ? self->old.lengths[place + 1] : 0;
    uint32_t last = self->at > 0 ? self->lengths[place_of(self, self->at - 1)] : 0;
    struct delta_decision contexts =
        contexts_of(SET_RUN, old << 4 | last, old << 8 | last << 4 | next, last);
    uint32_t code = delta_model_byte(&decoder->model, &contexts, (uint8_t)next_answer(self));
    if (code >= HUFFMAN_LENGTHS || self->run_lengths[code] == 0) {
        return refuse("a length without a code");
    }
    struct token_run run = token_run_of(code);
    uint32_t extra = run.extra_bits > 0 ? decide_simple(decoder, SET_EXTRA, code) : 0;
    uint32_t count = run.base + extra;
    if (extra >> run.extra_bits || count > self->literals + self->distances - self->at) {
        return refuse("more lengths than codes");
    }
    put_bits(decoder, self->run_codes[code], self->run_lengths[code]);
    put_bits(decoder, extra, run.extra_bits);
    uint32_t length = code < 16 ? code : code == 16 ? last : 0;
    for (; count > 0; count--) {
        self->lengths[place_of(self, self->at++)] = (uint8_t)length;
    }
    if (self->at == self->literals + self->distances) {
        begin_tokens(self);
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- tokens

// The distance of a match that stands where the old stream has the match old; its distance is 0 if there is none.
static esp_err_t decide_distance(struct delta_decoder *decoder, const struct delta_token *old,
                                 struct delta_token *token)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t answer = next_answer(self);
    uint32_t shift = answer - old->distance;
    unsigned at = old->distance > 0 ? 0 : DEFLATE_SHIFTS;
    while (at < DEFLATE_SHIFTS &&
           decide_one(decoder, &self->is_later[at], self->shifts[at] != shift)) {
        at++;
    }
    uint32_t distance = at < DEFLATE_SHIFTS ? old->distance + self->shifts[at] : 0;
    if (at == DEFLATE_SHIFTS) {
        struct token_part part = token_distance_part(self->script ? answer : 1);
        struct token_part old_part = token_distance_part(old->distance > 0 ? old->distance : 1);
        struct delta_decision contexts = contexts_of(SET_DISTANCE, token->value, 0, old_part.code);
        uint32_t code = delta_model_byte(&decoder->model, &contexts, (uint8_t)part.code);
        if (code >= 30) {
            return refuse("a distance out of range");
        }
        uint32_t bits = code < 4 ? 0 : (code >> 1) - 1;
        distance = 0;
        for (uint32_t i = bits; i-- > 0;) {
            distance =
                distance << 1 | (uint32_t)delta_range_decide(&decoder->model.range, RANGE_ONE / 2,
                                                             part.extra >> i & 1);
        }
        distance += 1 + (code < 4 ? code : (2 + (code & 1)) << bits);
    }
    if (distance == 0 || distance > 32768) {
        return refuse("a distance out of range");
    }
    if (old->distance > 0) {
        unsigned from = at < DEFLATE_SHIFTS ? at : DEFLATE_SHIFTS - 1;
        memmove(self->shifts + 1, self->shifts, from * sizeof(self->shifts[0]));
        self->shifts[0] = distance - old->distance;
    }
    token->distance = (uint16_t)distance;
    return ESP_OK;
}

// A token that the patch brings. old: what stood in its place.
static esp_err_t decide_token(struct delta_decoder *decoder, const struct delta_token *old,
                              struct delta_token *token)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t answer = next_answer(self);
    uint32_t last = self->last.value;
    uint32_t before = self->before.value;
    struct delta_decision contexts = contexts_of(SET_MATCH, last, old->value, last << 16 | before);
    *token = (struct delta_token){.value = TOKEN_END};
    if (decide(decoder, &contexts, answer > TOKEN_END)) {
        contexts = contexts_of(SET_LENGTH, old->value, 0, last);
        uint32_t length =
            delta_model_byte(&decoder->model, &contexts, (uint8_t)(answer - TOKEN_MATCH_MIN));
        token->value = (uint16_t)(TOKEN_MATCH_MIN + length);
        return decide_distance(decoder, old, token);
    }
    if (!decide_one(decoder, &self->is_end, answer == TOKEN_END)) {
        contexts = contexts_of(SET_LITERAL, last, last << 16 | before, old->value);
        token->value = delta_model_byte(&decoder->model, &contexts, (uint8_t)answer);
    }
    return ESP_OK;
}

static esp_err_t leave_out(struct delta_deflate *self)
{
    esp_err_t err = ESP_OK;
    for (; self->skip > 0 && err == ESP_OK; self->skip--) {
        err = token_reader_next(&self->old);
    }
    return err;
}

static esp_err_t insert_token(struct delta_decoder *decoder)
{
    static const struct delta_token nothing = {0};
    struct delta_deflate *self = decoder->deflate;
    struct delta_token token;
    bool has_old = self->skip > 0 && !self->old.has_ended;
    esp_err_t err = decide_token(decoder, has_old ? &self->old.token : &nothing, &token);
    if (err != ESP_OK) {
        return err;
    }
    self->insert--;
    self->stage = self->insert > 0 ? DEFLATE_INSERT : DEFLATE_TOKENS;
    if (self->skip > 0) {
        self->skip--;
        err = token_reader_next(&self->old);
    }
    if (err == ESP_OK && self->insert == 0) {
        err = leave_out(self);
    }
    return err == ESP_OK ? put_token(decoder, &token) : err;
}

// Some tokens of the old stream are left out, some new ones come instead.
static esp_err_t read_change(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    if (!self->old.has_ended) {
        self->skip = delta_model_number(&decoder->model, &self->skip_count, next_answer(self));
    }
    self->insert = delta_model_number(&decoder->model, &self->insert_count, next_answer(self));
    if (self->skip > DEFLATE_SKIP_MAX || self->skip + self->insert == 0) {
        return refuse("a change of no or too many tokens");
    }
    if (self->insert > 0) {
        self->stage = DEFLATE_INSERT;
        return ESP_OK;
    }
    return leave_out(self);
}

static bool decide_hit(struct delta_decoder *decoder, const struct delta_token *old)
{
    struct delta_deflate *self = decoder->deflate;
    uint32_t kind = (old->value > TOKEN_END) + (old->value >= TOKEN_END);
    struct delta_decision contexts = contexts_of(SET_HIT, (self->history & 0xFF) << 2 | kind,
                                                 (uint32_t)old->distance << 16 | old->value,
                                                 (uint32_t)old->value << 16 | self->last.value);
    return decide(decoder, &contexts, next_answer(self));
}

// Whether a match that is not as in the old stream is as long.
static bool decide_same(struct delta_decoder *decoder, const struct delta_token *old)
{
    struct delta_deflate *self = decoder->deflate;
    struct delta_decision contexts =
        contexts_of(SET_SAME, self->history & 15, old->value, self->shifts[0]);
    return old->distance > 0 && decide(decoder, &contexts, next_answer(self));
}

static esp_err_t next_token(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    if (self->old.has_ended) {
        return read_change(decoder);
    }
    struct delta_token token = self->old.token;
    bool is_hit = decide_hit(decoder, &token);
    self->history = self->history << 1 | !is_hit;
    if (!is_hit) {
        if (!decide_same(decoder, &token)) {
            return read_change(decoder);
        }
        esp_err_t err = decide_distance(decoder, &self->old.token, &token);
        if (err != ESP_OK) {
            return err;
        }
    }
    esp_err_t err = token_reader_next(&self->old);
    return err == ESP_OK ? put_token(decoder, &token) : err;
}

// ----------------------------------------------------------------------- the stream

void delta_deflate_init(struct delta_deflate *self)
{
    memset(self, 0, sizeof(*self));
    for (unsigned i = 0; i < DEFLATE_SHIFTS; i++) {
        self->is_later[i] = COMPACT_INITIAL;
    }
    self->is_end = COMPACT_INITIAL;
    self->is_final_block = COMPACT_INITIAL;
    self->is_dynamic = COMPACT_INITIAL;
    delta_number_init(&self->skip_count);
    delta_number_init(&self->insert_count);
}

esp_err_t delta_deflate_begin(struct delta_decoder *decoder, const uint32_t *script)
{
    struct delta_deflate *self = decoder->deflate;
    self->script = script;
    self->stage = DEFLATE_BLOCK;
    self->insert = 0;
    self->skip = 0;
    self->bits = 0;
    self->bit_count = 0;
    self->last = (struct delta_token){0};
    self->before = (struct delta_token){0};
    self->history = 0;
    return token_reader_begin(&self->old, &decoder->window, decoder->source);
}

static esp_err_t work(struct delta_decoder *decoder)
{
    switch (decoder->deflate->stage) {
    case DEFLATE_BLOCK:
        return read_block(decoder);
    case DEFLATE_SIZES:
        return read_sizes(decoder);
    case DEFLATE_ORDER:
        return read_order(decoder);
    case DEFLATE_LENGTHS:
        return read_lengths(decoder);
    case DEFLATE_INSERT:
        return insert_token(decoder);
    default:
        return next_token(decoder);
    }
}

esp_err_t delta_deflate_atom(struct delta_decoder *decoder)
{
    struct delta_deflate *self = decoder->deflate;
    esp_err_t err = work(decoder);
    if (err == ESP_OK && self->stage == DEFLATE_DONE) {
        if (self->bit_count > 0) { // the rest of the last byte is zero
            give_byte(decoder);
        }
        decoder->left = 0;
        decoder->old_expected = self->old.at - self->old.bit_count / 8;
    }
    return err == ESP_OK && self->is_over ? refuse("a stream longer than the image has room for")
                                          : err;
}
