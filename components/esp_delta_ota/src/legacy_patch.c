#include "legacy_patch.h"

#include <string.h>

#include "esp_log.h"

static const char *TAG = "esp_delta_ota";

#define TYPE_SEQUENTIAL        0
#define COMPRESSION_HEATSHRINK 4
#define NUMBER_SHIFT_MAX       20 // fact: four bytes, 6 + 7 + 7 + 7 bits
#define DISTANCE_BITS          8
#define LENGTH_BITS            7

void legacy_patch_init(struct legacy_patch *patch, legacy_read_base read_base, void *context,
                       uint32_t base_len, uint32_t target_max)
{
    memset(patch, 0, sizeof(*patch));
    patch->read_base = read_base;
    patch->context = context;
    patch->base_len = base_len;
    patch->target_max = target_max;
}

static esp_err_t refuse(const char *what)
{
    ESP_LOGE(TAG, "the patch is damaged: %s", what);
    return ESP_ERR_INVALID_RESPONSE;
}

// ----------------------------------------------------------------------- heatshrink

static uint8_t remember(struct legacy_patch *patch, uint8_t byte)
{
    patch->window[patch->window_at++] = byte;
    return byte;
}

// How many bits the next item needs; its first bit tells which kind it is.
static unsigned item_bits(const struct legacy_patch *patch)
{
    if (patch->bit_count == 0) {
        return 1;
    }
    bool is_literal = patch->bits >> (patch->bit_count - 1) & 1;
    return 1 + (is_literal ? 8 : DISTANCE_BITS + LENGTH_BITS);
}

// Gives the next decompressed byte. @return false: it needs more input
static bool unpack_byte(struct legacy_patch *patch, const uint8_t *in, size_t in_len, size_t *taken,
                        uint8_t *byte)
{
    while (patch->copy_left == 0) {
        while (patch->bit_count < item_bits(patch)) {
            if (*taken == in_len) {
                return false;
            }
            patch->bits = patch->bits << 8 | in[(*taken)++];
            patch->bit_count += 8;
        }
        unsigned count = item_bits(patch);
        uint32_t item = patch->bits >> (patch->bit_count - count);
        patch->bit_count -= count;
        patch->bits &= (1u << patch->bit_count) - 1;
        if (count == 9) {
            *byte = remember(patch, (uint8_t)item);
            return true;
        }
        patch->copy_distance = (item >> LENGTH_BITS & ((1u << DISTANCE_BITS) - 1)) + 1;
        patch->copy_left = (item & ((1u << LENGTH_BITS) - 1)) + 1;
    }
    patch->copy_left--;
    *byte = remember(patch, patch->window[(uint8_t)(patch->window_at - patch->copy_distance)]);
    return true;
}

// ----------------------------------------------------------------------- the patch

// Adds a byte to the number. @return ESP_ERR_NOT_FINISHED: more bytes belong to it
static esp_err_t add_digit(struct legacy_number *number, uint8_t byte)
{
    if (number->shift == 0) {
        *number = (struct legacy_number){
            .value = byte & 0x3Fu, .shift = 6, .is_negative = (byte & 0x40) != 0};
    } else if (number->shift > NUMBER_SHIFT_MAX) {
        return refuse("a number is too long");
    } else {
        number->value |= (byte & 0x7Fu) << number->shift;
        number->shift += 7;
    }
    if (byte & 0x80) {
        return ESP_ERR_NOT_FINISHED;
    }
    number->shift = 0;
    return ESP_OK;
}

static esp_err_t take_kind(struct legacy_patch *patch, uint8_t byte)
{
    if (byte >> 4 != TYPE_SEQUENTIAL || (byte & 0x0F) != COMPRESSION_HEATSHRINK) {
        ESP_LOGE(TAG, "a patch of type %u and compression %u; only sequential (0), heatshrink (4)",
                 byte >> 4 & 7u, byte & 0x0Fu);
        return ESP_ERR_NOT_SUPPORTED;
    }
    patch->phase = LEGACY_TARGET_SIZE;
    return ESP_OK;
}

static esp_err_t take_target_size(struct legacy_patch *patch, uint8_t byte)
{
    esp_err_t err = add_digit(&patch->number, byte);
    if (err != ESP_OK) {
        return err == ESP_ERR_NOT_FINISHED ? ESP_OK : err;
    }
    if (patch->number.is_negative) {
        return refuse("the target size is negative");
    }
    if (patch->number.value > patch->target_max) {
        ESP_LOGE(TAG, "the patch makes %u bytes, there is room for %u",
                 (unsigned)patch->number.value, (unsigned)patch->target_max);
        return ESP_ERR_INVALID_SIZE;
    }
    patch->target_len = patch->number.value;
    patch->phase = patch->target_len > 0 ? LEGACY_PARAMETER : LEGACY_DONE;
    return ESP_OK;
}

static esp_err_t take_parameter(struct legacy_patch *patch, uint8_t byte)
{
    if (byte != LEGACY_PARAMETERS) {
        ESP_LOGE(TAG, "heatshrink parameters 0x%02x; only 0x%02x", byte, LEGACY_PARAMETERS);
        return ESP_ERR_NOT_SUPPORTED;
    }
    patch->phase = LEGACY_FORMAT;
    return ESP_OK;
}

// A diff or extra part of number bytes begins; an empty one is over at once.
static esp_err_t begin_part(struct legacy_patch *patch, enum legacy_phase part,
                            enum legacy_phase next)
{
    if (patch->number.is_negative) {
        return refuse("a size is negative");
    }
    if (patch->number.value > patch->target_len - patch->produced) {
        return refuse("it gives more bytes than announced");
    }
    patch->left = patch->number.value;
    patch->phase = patch->left > 0 ? part : next;
    return ESP_OK;
}

static esp_err_t move_base(struct legacy_patch *patch)
{
    int64_t to = (int64_t)patch->base_at +
                 (patch->number.is_negative ? -(int64_t)patch->number.value : patch->number.value);
    if (to < 0 || to > patch->base_len) {
        return refuse("it leaves the base image");
    }
    patch->base_at = (uint32_t)to;
    patch->phase = patch->produced == patch->target_len ? LEGACY_DONE : LEGACY_DIFF_SIZE;
    return ESP_OK;
}

static esp_err_t take_number(struct legacy_patch *patch, uint8_t byte)
{
    esp_err_t err = add_digit(&patch->number, byte);
    if (err != ESP_OK) {
        return err == ESP_ERR_NOT_FINISHED ? ESP_OK : err;
    }
    switch (patch->phase) {
    case LEGACY_FORMAT:
        if (patch->number.value != 0) {
            ESP_LOGE(TAG, "a patch with data sections is not supported");
            return ESP_ERR_NOT_SUPPORTED;
        }
        patch->phase = LEGACY_DIFF_SIZE;
        return ESP_OK;
    case LEGACY_DIFF_SIZE:
        return begin_part(patch, LEGACY_DIFF, LEGACY_EXTRA_SIZE);
    case LEGACY_EXTRA_SIZE:
        return begin_part(patch, LEGACY_EXTRA, LEGACY_ADJUSTMENT);
    default:
        return move_base(patch);
    }
}

static esp_err_t base_byte(struct legacy_patch *patch, uint8_t *byte)
{
    if (patch->base_at >= patch->base_len) {
        return refuse("it reads behind the base image");
    }
    if (patch->base_at - patch->base_cached_at >= patch->base_cached) {
        uint32_t len = patch->left < sizeof(patch->base) ? patch->left : sizeof(patch->base);
        len = len < patch->base_len - patch->base_at ? len : patch->base_len - patch->base_at;
        patch->base_cached = 0;
        esp_err_t err = patch->read_base(patch->context, patch->base_at, patch->base, len);
        if (err != ESP_OK) {
            return err;
        }
        patch->base_cached_at = patch->base_at;
        patch->base_cached = len;
    }
    *byte = patch->base[patch->base_at++ - patch->base_cached_at];
    return ESP_OK;
}

// A byte of a diff or extra part becomes a byte of the target.
static esp_err_t make_byte(struct legacy_patch *patch, uint8_t byte, uint8_t *out)
{
    uint8_t base = 0;
    bool is_diff = patch->phase == LEGACY_DIFF;
    esp_err_t err = is_diff ? base_byte(patch, &base) : ESP_OK;
    if (err != ESP_OK) {
        return err;
    }
    *out = (uint8_t)(byte + base);
    patch->produced++;
    if (--patch->left == 0) {
        patch->phase = is_diff ? LEGACY_EXTRA_SIZE : LEGACY_ADJUSTMENT;
    }
    return ESP_OK;
}

static esp_err_t take_plain(struct legacy_patch *patch, uint8_t byte)
{
    switch (patch->phase) {
    case LEGACY_KIND:
        return take_kind(patch, byte);
    case LEGACY_TARGET_SIZE:
        return take_target_size(patch, byte);
    default:
        return take_parameter(patch, byte);
    }
}

esp_err_t legacy_patch_step(struct legacy_patch *patch, const uint8_t *in, size_t *in_len,
                            uint8_t *out, size_t *out_len)
{
    size_t taken = 0;
    size_t given = 0;
    esp_err_t err = ESP_OK;
    while (err == ESP_OK && patch->phase != LEGACY_DONE) {
        bool makes_output = patch->phase == LEGACY_DIFF || patch->phase == LEGACY_EXTRA;
        uint8_t byte = 0;
        if (patch->phase < LEGACY_FORMAT) {
            if (taken == *in_len) {
                break;
            }
            err = take_plain(patch, in[taken++]);
        } else if ((makes_output && given == *out_len) ||
                   !unpack_byte(patch, in, *in_len, &taken, &byte)) {
            break;
        } else if (makes_output) {
            err = make_byte(patch, byte, out + given);
            given++;
        } else {
            err = take_number(patch, byte);
        }
    }
    *in_len = patch->phase == LEGACY_DONE ? *in_len : taken;
    *out_len = given;
    return err;
}
