// The order of things in a patch: regions, address map, then operations until the image is complete. What a copied unit or a
// literal looks like is the matter of delta_copy.c and delta_literal.c.

#include "delta_decoder.h"

#include <string.h>

#include "delta_deflate.h"
#include "esp_log.h"

static const char *TAG = "esp_delta_ota";

#define WEIGHT_SETS (DEFLATE_WEIGHT_SET + DEFLATE_WEIGHT_SETS)

// ----------------------------------------------------------------------- set-up

size_t delta_decoder_memory(const struct delta_size *size)
{
    return sizeof(struct delta_decoder) + size->map_entries * sizeof(struct delta_map_entry) +
           (size_t)WEIGHT_SETS * size->inputs * sizeof(int32_t) +
           (size->has_deflate ? sizeof(struct delta_deflate) : 0) +
           size->pool_len * sizeof(delta_compact);
}

static void init_slots(struct delta_decoder *decoder)
{
    delta_precise *flags = &decoder->flags[0][0][0];
    for (size_t i = 0; i < sizeof(decoder->flags) / sizeof(*flags); i++) {
        flags[i] = PRECISE_INITIAL;
    }
    for (unsigned kind = 0; kind < UNIT_KINDS; kind++) {
        decoder->is_field[kind] = COMPACT_INITIAL;
        for (unsigned i = 0; i < UNIT_LEN_MAX; i++) {
            decoder->is_equal[kind][i][0] = COMPACT_INITIAL;
            decoder->is_equal[kind][i][1] = COMPACT_INITIAL;
        }
    }
    decoder->is_from_new = COMPACT_INITIAL;
    decoder->is_deflate = COMPACT_INITIAL;
    delta_number_init(&decoder->literal_count);
    delta_number_init(&decoder->copy_count);
    delta_number_init(&decoder->seek);
    delta_number_init(&decoder->distance);
    delta_number_init(&decoder->map_gap);
    delta_number_init(&decoder->correction);
}

esp_err_t delta_decoder_init(struct delta_decoder *decoder,
                             const struct delta_decoder_config *config)
{
    memset(decoder, 0, sizeof(*decoder));
    uint8_t *memory = (uint8_t *)(decoder + 1);
    if (config->size.has_deflate) {
        decoder->deflate = (struct delta_deflate *)(void *)memory;
        memory += sizeof(*decoder->deflate);
        delta_deflate_init(decoder->deflate);
    }
    decoder->map = (struct delta_map_entry *)(void *)memory;
    memory += config->size.map_entries * sizeof(struct delta_map_entry);
    int32_t *weights = (int32_t *)(void *)memory;
    memory += (size_t)WEIGHT_SETS * config->size.inputs * sizeof(int32_t);
    delta_model_init(&decoder->model, config->size.inputs, (delta_compact *)(void *)memory,
                     config->size.pool_len, weights, WEIGHT_SETS);
    init_slots(decoder);
    decoder->model.range.in = decoder->input;
    decoder->model.range.write = config->write;
    decoder->model.range.writer = config->writer;
    decoder->answers = config->answers;
    decoder->map_len = config->size.map_entries;
    decoder->old_len = config->old_len;
    decoder->new_len = config->new_len;
    decoder->body_left = config->body_len;
    decoder->read_new = config->read_new;
    decoder->new_context = config->new_context;
    delta_window_init(&decoder->window, config->read_old, config->old_context, config->old_len);
    esp_err_t err =
        delta_layout_load(&decoder->layout, config->read_old, config->old_context, config->old_len);
    if (config->ignores_addresses) {
        decoder->layout.arch = ARCH_NONE;
        decoder->layout.count = 0;
    }
    delta_follower_init(&decoder->follower, decoder->layout.arch);
    return err;
}

// ----------------------------------------------------------------------- atoms

static esp_err_t refuse(const char *what)
{
    ESP_LOGE(TAG, "the patch is damaged: %s", what);
    return ESP_ERR_INVALID_RESPONSE;
}

void delta_give(struct delta_decoder *decoder, uint8_t byte)
{
    delta_follower_see(&decoder->follower, decoder->new_at++, byte);
    decoder->output[decoder->output_len++] = byte;
}

static esp_err_t begin(struct delta_decoder *decoder)
{
    const struct delta_answers *answers = decoder->answers;
    delta_range_begin(&decoder->model.range);
    decoder->region_count =
        delta_model_number(&decoder->model, &decoder->map_gap, answers ? answers->region_count : 0);
    if (decoder->region_count > WALK_REGIONS_MAX) {
        return refuse("too many regions");
    }
    decoder->walk.layout = &decoder->layout;
    decoder->walk.window = &decoder->window;
    decoder->walk.regions = decoder->regions;
    decoder->walk.region_count = decoder->region_count;
    return ESP_OK;
}

static esp_err_t read_region(struct delta_decoder *decoder)
{
    struct delta_region *region = &decoder->regions[decoder->regions_at];
    struct delta_region answer = {0};
    if (decoder->answers) {
        answer = decoder->answers->regions[decoder->regions_at];
    }
    region->start = delta_model_number(&decoder->model, &decoder->map_gap, answer.start);
    uint32_t len = delta_model_number(&decoder->model, &decoder->map_gap,
                                      answer.len << 1 | answer.is_self_relative);
    region->len = len >> 1;
    region->is_self_relative = len & 1;
    decoder->regions_at++;
    return ESP_OK;
}

static esp_err_t read_map_entry(struct delta_decoder *decoder)
{
    struct delta_map_entry before = {0};
    struct delta_map_entry *entry = &decoder->map[decoder->map_at];
    struct delta_map_entry answer = {0};
    if (decoder->map_at > 0) {
        before = entry[-1];
    }
    if (decoder->answers) {
        answer = decoder->answers->map[decoder->map_at];
    }
    uint32_t gap =
        delta_model_number(&decoder->model, &decoder->map_gap, (answer.from - before.from) / 2);
    if (gap > (UINT32_MAX - before.from) / 2) {
        return refuse("the address map leaves the address space");
    }
    entry->from = before.from + gap * 2;
    entry->shift = before.shift + delta_model_signed(&decoder->model, &decoder->correction,
                                                     answer.shift - before.shift);
    decoder->map_at++;
    return ESP_OK;
}

static esp_err_t read_literal_count(struct delta_decoder *decoder)
{
    uint32_t answer = decoder->answers ? decoder->answers->operation->literals : 0;
    decoder->left = delta_model_number(&decoder->model, &decoder->literal_count, answer);
    if (decoder->left > decoder->new_len - decoder->new_at) {
        return refuse("more literals than the image has room for");
    }
    decoder->phase = DELTA_LITERALS;
    return ESP_OK;
}

static esp_err_t read_source(struct delta_decoder *decoder)
{
    const struct delta_operation none = {0};
    const struct delta_operation *answer = decoder->answers ? decoder->answers->operation : &none;
    bool is_deflate =
        decoder->deflate &&
        delta_model_decide_one(&decoder->model, &decoder->is_deflate, answer->script != NULL);
    bool is_from_new = !is_deflate && delta_model_decide_one(&decoder->model, &decoder->is_from_new,
                                                             answer->is_from_new);
    if (is_from_new) {
        uint32_t distance = delta_model_number(&decoder->model, &decoder->distance,
                                               decoder->new_at - answer->source - 1);
        if (distance >= decoder->new_at) {
            return refuse("a copy from before the new image");
        }
        decoder->source = decoder->new_at - distance - 1;
        decoder->phase = DELTA_COPY_NEW;
    } else {
        uint32_t seek = delta_model_signed(&decoder->model, &decoder->seek,
                                           answer->source - decoder->old_expected);
        decoder->source = decoder->old_expected + seek;
        decoder->phase = is_deflate ? DELTA_COPY_DEFLATE : DELTA_COPY_OLD;
        if (decoder->source >= decoder->old_len) {
            return refuse("a copy from outside the old image");
        }
    }
    return ESP_OK;
}

static esp_err_t read_length(struct delta_decoder *decoder)
{
    uint32_t answer = decoder->answers ? decoder->answers->operation->len - 1 : 0;
    uint32_t len = delta_model_number(&decoder->model, &decoder->copy_count, answer);
    bool is_from_new = decoder->phase == DELTA_COPY_NEW;
    if (len >= decoder->new_len - decoder->new_at) {
        return refuse("a copy longer than the image has room for");
    }
    if (!is_from_new && len >= decoder->old_len - decoder->source) {
        return refuse("a copy from behind the old image");
    }
    decoder->left = len + 1;
    if (is_from_new) {
        return ESP_OK;
    }
    decoder->old_expected = decoder->source + decoder->left;
    return delta_walk_begin(&decoder->walk, decoder->source);
}

static esp_err_t read_copy(struct delta_decoder *decoder)
{
    const uint32_t *script = decoder->answers ? decoder->answers->operation->script : NULL;
    esp_err_t err = read_source(decoder);
    if (err == ESP_OK && decoder->phase == DELTA_COPY_DEFLATE) {
        decoder->left = 1; // until it says otherwise
        err = delta_deflate_begin(decoder, script);
    } else if (err == ESP_OK) {
        err = read_length(decoder);
    }
    if (decoder->answers) { // the encoder's own, which it lets the decoder advance
        ((struct delta_answers *)decoder->answers)->operation++;
    }
    return err;
}

// Bytes of the new image made earlier: this step's are in the caller's buffer, older ones where it put them.
static esp_err_t read_made(struct delta_decoder *decoder, uint8_t *out, uint32_t len)
{
    uint32_t offset = decoder->source;
    if (offset >= decoder->step_at) {
        memcpy(out, decoder->step_out + (offset - decoder->step_at), len);
        return ESP_OK;
    }
    return decoder->read_new(decoder->new_context, offset, out, len);
}

static esp_err_t copy_made(struct delta_decoder *decoder)
{
    uint8_t bytes[DECODER_OUTPUT_LEN];
    uint32_t len = decoder->left < sizeof(bytes) ? decoder->left : sizeof(bytes);
    uint32_t distance = decoder->new_at - decoder->source;
    len = len < distance ? len : distance; // it may reach into itself
    if (decoder->source < decoder->step_at && decoder->source + len > decoder->step_at) {
        len = decoder->step_at - decoder->source;
    }
    esp_err_t err = read_made(decoder, bytes, len);
    if (err != ESP_OK) {
        return err;
    }
    for (uint32_t i = 0; i < len; i++) {
        delta_literal_see_byte(decoder, bytes[i]);
        delta_give(decoder, bytes[i]);
    }
    decoder->source += len;
    decoder->left -= len;
    return ESP_OK;
}

// The next phase after one that is complete.
static enum delta_phase next_phase(const struct delta_decoder *decoder)
{
    bool is_open = decoder->new_at < decoder->new_len;
    switch (decoder->phase) {
    case DELTA_START:
    case DELTA_REGIONS:
        if (decoder->regions_at < decoder->region_count) {
            return DELTA_REGIONS;
        }
        // fall through
    case DELTA_MAP:
        return decoder->map_at < decoder->map_len ? DELTA_MAP
               : is_open                          ? DELTA_OPERATION
                                                  : DELTA_DONE;
    case DELTA_LITERALS:
        return decoder->left > 0 ? DELTA_LITERALS : is_open ? DELTA_COPY : DELTA_DONE;
    case DELTA_COPY_OLD:
    case DELTA_COPY_NEW:
    case DELTA_COPY_DEFLATE:
        return decoder->left > 0 ? decoder->phase : is_open ? DELTA_OPERATION : DELTA_DONE;
    default:
        return decoder->phase;
    }
}

static esp_err_t work_atom(struct delta_decoder *decoder)
{
    switch (decoder->phase) {
    case DELTA_START:
        return begin(decoder);
    case DELTA_REGIONS:
        return read_region(decoder);
    case DELTA_MAP:
        return read_map_entry(decoder);
    case DELTA_OPERATION:
        return read_literal_count(decoder);
    case DELTA_LITERALS:
        delta_literal_byte(decoder);
        return ESP_OK;
    case DELTA_COPY:
        return read_copy(decoder);
    case DELTA_COPY_OLD:
        return delta_copy_unit(decoder);
    case DELTA_COPY_NEW:
        return copy_made(decoder);
    case DELTA_COPY_DEFLATE:
        return delta_deflate_atom(decoder);
    default:
        return ESP_OK;
    }
}

// ----------------------------------------------------------------------- bytes in, bytes out

static void take_input(struct delta_decoder *decoder, const uint8_t *in, size_t *in_len)
{
    struct delta_range *range = &decoder->model.range;
    if (range->in_at > 0) {
        memmove(decoder->input, decoder->input + range->in_at, range->in_len - range->in_at);
        range->in_len -= range->in_at;
        range->in_at = 0;
    }
    size_t len = DECODER_INPUT_LEN - range->in_len;
    len = len < *in_len ? len : *in_len;
    len = len < decoder->body_left ? len : decoder->body_left;
    memcpy(decoder->input + range->in_len, in, len);
    range->in_len += (uint32_t)len;
    decoder->body_left -= (uint32_t)len;
    *in_len = len;
}

static void give_output(struct delta_decoder *decoder, uint8_t *out, size_t room, size_t *given)
{
    size_t len = decoder->output_len - decoder->output_at;
    len = len < room - *given ? len : room - *given;
    memcpy(out + *given, decoder->output + decoder->output_at, len);
    decoder->output_at += (uint32_t)len;
    *given += len;
}

esp_err_t delta_decoder_step(struct delta_decoder *decoder, const uint8_t *in, size_t *in_len,
                             uint8_t *out, size_t *out_len)
{
    size_t given = 0;
    size_t taken = 0;
    esp_err_t err = ESP_OK;
    decoder->step_out = out;
    decoder->step_at = decoder->new_at - (decoder->output_len - decoder->output_at);
    for (;;) {
        give_output(decoder, out, *out_len, &given);
        if (decoder->output_at < decoder->output_len || decoder->phase == DELTA_DONE) {
            break;
        }
        decoder->output_at = 0;
        decoder->output_len = 0;
        const struct delta_range *range = &decoder->model.range;
        if (range->in_len - range->in_at < DECODER_ATOM_LEN && decoder->body_left > 0) {
            size_t len = *in_len - taken;
            take_input(decoder, in + taken, &len);
            taken += len;
            if (range->in_len < DECODER_ATOM_LEN && decoder->body_left > 0) {
                break;
            }
        }
        err = work_atom(decoder);
        if (err != ESP_OK) {
            break;
        }
        decoder->phase = next_phase(decoder);
    }
    *in_len = taken;
    *out_len = given;
    return err;
}
