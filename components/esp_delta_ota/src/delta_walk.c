#include "delta_walk.h"

#include <string.h>

#define PAIR_PEEK_LEN (4 + 4 * PAIR_DISTANCE)

// ----------------------------------------------------------------------- window

void delta_window_init(struct delta_window *window, delta_read read, void *context,
                       uint32_t file_len)
{
    *window = (struct delta_window){.read = read, .context = context, .file_len = file_len};
}

esp_err_t delta_window_get(struct delta_window *window, uint32_t offset, uint32_t len,
                           const uint8_t **bytes)
{
    uint32_t left = window->file_len - offset;
    len = len < left ? len : left;
    if (offset < window->start || offset + len > window->start + window->len) {
        uint32_t fill = left < WINDOW_LEN ? left : WINDOW_LEN;
        window->len = 0;
        esp_err_t err = window->read(window->context, offset, window->bytes, fill);
        if (err != ESP_OK) {
            return err;
        }
        window->start = offset;
        window->len = fill;
    }
    *bytes = window->bytes + (offset - window->start);
    return ESP_OK;
}

// ----------------------------------------------------------------------- RISC-V: addresses in two parts

// Whether one of the next instructions brings the lower part for the upper part that unit puts into a register; then
// unit->target becomes the whole address.
static esp_err_t find_lower_part(struct delta_walk *walk, struct delta_unit *unit)
{
    const uint8_t *bytes;
    uint32_t left = walk->end - walk->at;
    uint32_t len = left < PAIR_PEEK_LEN ? left : PAIR_PEEK_LEN;
    esp_err_t err = delta_window_get(walk->window, walk->at, len, &bytes);
    if (err != ESP_OK) {
        return err;
    }
    uint32_t at = unit->len;
    for (int i = 0; i < PAIR_DISTANCE && at + 4 <= len; i++) {
        struct delta_unit other = delta_unit_riscv(bytes + at, len - at, 0);
        bool is_lower = other.kind == UNIT_LOW_I || other.kind == UNIT_LOW_S;
        if (is_lower && other.read == unit->written) {
            unit->target += other.target;
            unit->is_reference = true;
            return ESP_OK;
        }
        if (other.written == unit->written) {
            return ESP_OK;
        }
        at += other.len;
    }
    return ESP_OK;
}

static void note_upper_part(struct delta_walk *walk, const struct delta_unit *unit, uint32_t value)
{
    uint32_t bit = 1u << unit->written;
    walk->upper[unit->written] = value;
    walk->upper_pc[unit->written] = delta_walk_pc(walk, walk->at);
    walk->has_upper |= bit;
    walk->is_pc_based =
        unit->kind == UNIT_AUIPC ? walk->is_pc_based | bit : walk->is_pc_based & ~bit;
}

static void add_upper_part(const struct delta_walk *walk, struct delta_unit *unit)
{
    if (unit->read == 0 || !(walk->has_upper >> unit->read & 1)) {
        return;
    }
    uint32_t target = unit->target + walk->upper[unit->read];
    bool is_pc_based = (walk->is_pc_based >> unit->read & 1) != 0;
    if (is_pc_based ||
        delta_unit_is_address(walk->layout->arch, target)) { // a lui also makes plain constants
        unit->target = target;
        unit->base = walk->upper_pc[unit->read];
        unit->is_pc_based = is_pc_based;
        unit->is_reference = true;
    }
}

static esp_err_t resolve_riscv(struct delta_walk *walk, struct delta_unit *unit)
{
    esp_err_t err = ESP_OK;
    uint32_t upper = unit->target;
    switch (unit->kind) {
    case UNIT_LUI:
    case UNIT_AUIPC:
        if (unit->written != 0) {
            err = find_lower_part(walk, unit);
            note_upper_part(walk, unit, upper);
        }
        return err;
    case UNIT_LOW_I:
    case UNIT_LOW_S:
        add_upper_part(walk, unit);
        unit->kind = unit->is_reference ? unit->kind : UNIT_OFFSET;
        break;
    case UNIT_JAL:
    case UNIT_BRANCH:
    case UNIT_C_JUMP:
    case UNIT_C_BRANCH:
        unit->is_reference = unit->target - walk->segment->address < walk->segment->len;
        break;
    default:
        break;
    }
    if (unit->written != 0) {
        walk->has_upper &= ~(1u << unit->written);
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- units

static void resolve_xtensa(const struct delta_walk *walk, struct delta_unit *unit)
{
    switch (unit->kind) {
    case UNIT_POINTER:
        unit->is_reference = true;
        break;
    case UNIT_L32R:
        unit->is_reference = delta_layout_has_address(walk->layout, unit->target, false);
        break;
    case UNIT_CALL:
        unit->is_reference = delta_layout_has_address(walk->layout, unit->target, true);
        break;
    case UNIT_JUMP:
    case UNIT_BRANCH:
        unit->is_reference = unit->target - walk->segment->address < walk->segment->len;
        break;
    default:
        break;
    }
}

// A word inside a region: a distance from the region's beginning or from itself to something, or back to the region.
static void resolve_distance(const struct delta_walk *walk, struct delta_unit *unit, uint32_t word)
{
    for (uint32_t i = 0; i < walk->region_count; i++) {
        const struct delta_region *region = &walk->regions[i];
        uint32_t into = walk->at - region->start;
        if (into >= region->len) {
            continue;
        }
        uint32_t pc = delta_walk_pc(walk, walk->at);
        unit->is_pc_based = region->is_self_relative;
        unit->base = region->is_self_relative ? pc : pc - into;
        unit->target = unit->base + word;
        unit->kind = UNIT_RELATIVE;
        unit->is_reference =
            delta_layout_has_address(walk->layout, unit->target, region->is_self_relative);
        if (!unit->is_reference && region->is_self_relative && word > 0 && word <= into) {
            unit->kind = UNIT_BACKWARD;
            unit->target = unit->base - word;
            unit->is_reference = true;
        }
        unit->kind = unit->is_reference ? unit->kind : UNIT_DATA;
        return;
    }
}

static struct delta_unit read_data(const struct delta_walk *walk, const uint8_t *bytes,
                                   uint32_t len)
{
    uint32_t place = walk->segment ? delta_walk_pc(walk, walk->at) : walk->at;
    uint32_t to_word = 4 - (place & 3);
    struct delta_unit unit = {.kind = UNIT_DATA, .len = (uint8_t)(len < to_word ? len : to_word)};
    if (!walk->segment || unit.len < 4) {
        return unit;
    }
    uint32_t word = delta_load(bytes, 4);
    if (delta_unit_is_address(walk->layout->arch, word)) {
        unit.kind = UNIT_POINTER;
        unit.target = word;
        unit.is_reference = true;
    } else {
        resolve_distance(walk, &unit, word);
    }
    return unit;
}

static void enter_segment(struct delta_walk *walk)
{
    uint32_t next;
    walk->segment = delta_layout_find(walk->layout, walk->at, &next);
    walk->end = walk->segment ? walk->segment->offset + walk->segment->len : next;
    walk->end = walk->end < walk->window->file_len ? walk->end : walk->window->file_len;
    walk->has_upper = 0;
}

esp_err_t delta_walk_next(struct delta_walk *walk, uint32_t most, struct delta_unit *unit,
                          const uint8_t **bytes)
{
    if (walk->at >= walk->end) {
        enter_segment(walk);
    }
    uint32_t left = walk->end - walk->at < most ? walk->end - walk->at : most;
    esp_err_t err = delta_window_get(walk->window, walk->at,
                                     left < UNIT_PEEK_LEN ? left : UNIT_PEEK_LEN, bytes);
    if (err != ESP_OK) {
        return err;
    }
    if (!walk->segment || !walk->segment->is_code) {
        *unit = read_data(walk, *bytes, left);
    } else if (delta_arch_is_xtensa(walk->layout->arch)) {
        *unit = delta_unit_xtensa(walk->layout->arch, *bytes, left, delta_walk_pc(walk, walk->at));
        resolve_xtensa(walk, unit);
    } else {
        *unit = delta_unit_riscv(*bytes, left, delta_walk_pc(walk, walk->at));
        err = resolve_riscv(walk, unit);
        if (err == ESP_OK) { // looking ahead may have moved the window
            err = delta_window_get(walk->window, walk->at, unit->len, bytes);
        }
    }
    walk->at += unit->len;
    return err;
}

esp_err_t delta_walk_begin(struct delta_walk *walk, uint32_t offset)
{
    walk->at = offset;
    enter_segment(walk);
    if (!walk->segment || !walk->segment->is_code) {
        return ESP_OK;
    }
    uint32_t run_up = offset - walk->segment->offset;
    run_up = run_up < WALK_RUN_UP ? run_up : WALK_RUN_UP;
    walk->at = offset - run_up;
    walk->at += (0u - delta_walk_pc(walk, walk->at)) & 3; // instructions begin here or near
    while (walk->at < offset) {
        struct delta_unit unit;
        const uint8_t *bytes;
        esp_err_t err = delta_walk_next(walk, UINT32_MAX, &unit, &bytes);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}
