#include "image_sweep.h"

#include <stdlib.h>
#include <string.h>

void address_map_free(struct address_map *map)
{
    free(map->entries);
    *map = (struct address_map){0};
}

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

#define FRAME_HEADER_MAGIC                                                                         \
    0x3B031B01u // fact: version 1, encodings sdata4 pcrel, udata4, sdata4 datarel (LSB .eh_frame_hdr)
#define FRAME_HEADER_LEN 12
#define FRAME_RECORD_MAX 65536 // chosen: above any unwinding record of a function

// Length of the records from offset on: each a length in bytes, then that many; 0 ends them.
static uint32_t frames_len(const struct image_sweep *sweep, const struct delta_segment *segment,
                           uint32_t offset)
{
    uint32_t end = segment->offset + segment->len;
    uint32_t at = offset;
    while (end - at >= 4) {
        uint32_t len = delta_load(sweep->file.bytes + at, 4);
        if (len == 0 || len > FRAME_RECORD_MAX || len % 4 != 0 || len > end - at - 4) {
            break;
        }
        at += 4 + len;
    }
    return at - offset;
}

// The table of functions: its header tells how long it is.
static void take_table(struct image_sweep *sweep, const struct delta_segment *segment, uint32_t at)
{
    uint32_t left = segment->offset + segment->len - at;
    if (left < FRAME_HEADER_LEN || delta_load(sweep->file.bytes + at, 4) != FRAME_HEADER_MAGIC) {
        return;
    }
    uint32_t count = delta_load(sweep->file.bytes + at + 8, 4);
    if (count <= (left - FRAME_HEADER_LEN) / 8) {
        sweep->regions[0] = (struct delta_region){at, FRAME_HEADER_LEN + 8 * count, false};
    }
}

// The records: the longest chain that begins with one like the first of a compiler's: length, 0, version 1 or 3, "z...".
static void take_frames(struct image_sweep *sweep, const struct delta_segment *segment, uint32_t at)
{
    static const uint8_t zeros[4];
    const uint8_t *record = sweep->file.bytes + at;
    uint32_t end = segment->offset + segment->len;
    struct delta_region *region = &sweep->regions[1];
    bool is_inside = region->len > 0 && at - region->start < region->len;
    if (is_inside || end - at < 12 || memcmp(record + 4, zeros, 4) != 0 ||
        (record[8] != 1 && record[8] != 3) || record[9] != 'z') {
        return;
    }
    uint32_t len = frames_len(sweep, segment, at);
    if (len > region->len) {
        *region = (struct delta_region){at, len, true};
    }
}

static void find_regions(struct image_sweep *sweep)
{
    for (uint32_t i = 0; i < sweep->layout.count; i++) {
        const struct delta_segment *segment = &sweep->layout.segments[i];
        for (uint32_t at = 0; !segment->is_code && at < segment->len; at += 4) {
            take_table(sweep, segment, segment->offset + at);
            take_frames(sweep, segment, segment->offset + at);
        }
    }
    if (sweep->regions[0].len == 0) {
        sweep->regions[0] = sweep->regions[1];
    }
    sweep->region_count = sweep->regions[0].len == 0                                         ? 0
                          : sweep->regions[0].is_self_relative || sweep->regions[1].len == 0 ? 1
                                                                                             : 2;
}

static esp_err_t sweep_all(struct image_sweep *sweep)
{
    struct delta_window window;
    struct delta_walk walk;
    uint32_t len = (uint32_t)sweep->file.len;
    delta_window_init(&window, image_sweep_read, &sweep->file, len);
    find_regions(sweep);
    walk.layout = &sweep->layout;
    walk.window = &window;
    walk.regions = sweep->regions;
    walk.region_count = sweep->region_count;
    esp_err_t err = delta_walk_begin(&walk, 0);
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

esp_err_t image_sweep_init(struct image_sweep *sweep, const struct delta_file *file,
                           bool ignores_addresses)
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
    if (ignores_addresses) {
        sweep->layout = (struct delta_layout){0};
    }
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
    case UNIT_RELATIVE:
    case UNIT_BACKWARD:
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
