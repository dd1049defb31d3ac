#include "image_sweep.h"

#include <stdlib.h>
#include <string.h>

uint32_t address_map_apply(const struct address_map *map, uint32_t address)
{
    uint32_t low = 0;
    uint32_t high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->entries[middle].from <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? address + map->entries[low - 1].shift : address;
}

esp_err_t image_sweep_read(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct delta_file *file = context;
    memcpy(out, file->bytes + offset, len);
    return ESP_OK;
}

static esp_err_t sweep_all(struct image_sweep *sweep)
{
    struct delta_window window;
    struct delta_walk walk;
    uint32_t len = (uint32_t)sweep->file.len;
    delta_window_init(&window, image_sweep_read, &sweep->file, len);
    esp_err_t err = delta_walk_begin(&walk, &sweep->layout, &window, 0);
    while (err == ESP_OK && walk.at < len) {
        struct delta_unit unit;
        const uint8_t *bytes;
        uint32_t at = walk.at;
        err = delta_walk_next(&walk, len - at, &unit, &bytes);
        if (err == ESP_OK && unit.is_reference) {
            sweep->kind[at] = (uint8_t)unit.kind;
            sweep->target[at] = unit.target;
            for (uint8_t i = 0; i < unit.len; i++) {
                sweep->inside[at + i] = i + 1;
            }
        }
    }
    return err;
}

esp_err_t image_sweep_init(struct image_sweep *sweep, const struct delta_file *file)
{
    *sweep = (struct image_sweep){.file = *file};
    sweep->kind = malloc(file->len + 1);
    sweep->inside = calloc(file->len + 1, 1);
    sweep->target = malloc((file->len + 1) * sizeof(*sweep->target));
    if (!sweep->kind || !sweep->inside || !sweep->target) {
        image_sweep_free(sweep);
        return ESP_ERR_NO_MEM;
    }
    memset(sweep->kind, SWEEP_NO_REFERENCE, file->len + 1);
    esp_err_t err =
        delta_layout_load(&sweep->layout, image_sweep_read, &sweep->file, (uint32_t)file->len);
    return err == ESP_OK && file->len > 0 ? sweep_all(sweep) : err;
}

void image_sweep_free(struct image_sweep *sweep)
{
    free(sweep->kind);
    free(sweep->inside);
    free(sweep->target);
    sweep->kind = NULL;
    sweep->inside = NULL;
    sweep->target = NULL;
}

static void mask_fields(uint8_t *p, unsigned kind, uint32_t hash, bool has_targets)
{
    uint8_t low = (uint8_t)hash;
    uint8_t middle = (uint8_t)(hash >> 8);
    uint8_t high = (uint8_t)(hash >> 16);
    switch (kind) {
    case UNIT_POINTER:
        p[0] = low;
        p[1] = middle;
        p[2] = high;
        p[3] = has_targets ? (uint8_t)(hash >> 24) : p[3];
        break;
    case UNIT_CALL:
    case UNIT_JUMP:
        p[0] &= 0x3F;
        p[1] = low;
        p[2] = middle;
        break;
    case UNIT_L32R:
        p[1] = low;
        p[2] = middle;
        break;
    case UNIT_JAL:
        p[1] = (uint8_t)((p[1] & 15) | (low & 0xF0));
        p[2] = middle;
        p[3] = high;
        break;
    case UNIT_LUI:
    case UNIT_AUIPC:
        p[1] &= 15;
        p[2] = middle;
        p[3] = high;
        break;
    case UNIT_LOW_I:
        p[2] = (uint8_t)((p[2] & 15) | (low & 0xF0));
        p[3] = high;
        break;
    case UNIT_LOW_S:
        p[3] = high;
        break;
    default: // short ones stay: they mostly move with their target
        break;
    }
}

// What an l32r loads says more than where it stands.
static uint32_t identity_of(const struct image_sweep *sweep, const struct address_map *map,
                            uint32_t at)
{
    uint32_t target = sweep->target[at];
    if (sweep->kind[at] == UNIT_L32R) {
        for (uint32_t i = 0; i < sweep->layout.count; i++) {
            const struct delta_segment *segment = &sweep->layout.segments[i];
            uint32_t offset = target - segment->address;
            if (offset < segment->len && segment->len - offset >= 4) {
                uint32_t value = delta_load(sweep->file.bytes + segment->offset + offset, 4);
                bool is_address = delta_unit_is_address(sweep->layout.arch, value);
                return map && is_address ? address_map_apply(map, value) : value;
            }
        }
    }
    return map ? address_map_apply(map, target) : target;
}

void image_sweep_normalise(const struct image_sweep *sweep, const struct address_map *map,
                           bool has_targets, uint8_t *out)
{
    memcpy(out, sweep->file.bytes, sweep->file.len);
    for (uint32_t at = 0; at < sweep->file.len; at++) {
        if (sweep->kind[at] != SWEEP_NO_REFERENCE) {
            uint32_t hash = has_targets ? delta_hash(identity_of(sweep, map, at), 5) : 0;
            mask_fields(out + at, sweep->kind[at], hash, has_targets);
        }
    }
}
