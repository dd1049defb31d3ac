// Every bit has up to three places: what stands there, whether it reads by chance, whether it will flip. A tear fills the
// second and third; erasing clears both, programming a bit makes it what it should have been.
#define _GNU_SOURCE // MAP_ANONYMOUS

#include "nor_physics.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (256u * 1024 * 1024)
#define SIZE_UNIT      (64u * 1024)
#define DUE_MAX                                                                                    \
    4u // chosen: power-ons until weak bits decay; the first that follows shows them as they look

const char *const NOR_TEAR_NAMES[NOR_TEAR_COUNT] = {
    "before", "prefix", "suffix", "bytes", "bits", "few", "nearly", "unstable", "weak", "after"};
const char *const NOR_FAULT_NAMES[NOR_FAULT_COUNT] = {
    "cut", "unstable read", "decay", "stuck bit", "bad sector", "read error", "worn", "lost cache"};

static struct nor_physics *physics_of(esp_flash_t *chip)
{
    return (struct nor_physics *)chip;
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13; // xorshift32
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// A state that is never 0 and far from that of neighbouring seeds.
static uint32_t seeded(uint32_t a, uint32_t b)
{
    uint32_t x = a * 2654435761u + b * 2246822519u + 374761393u;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    x ^= x >> 16;
    return x ? x : 1;
}

// ----------------------------------------------------------------------- what is done to cells

static void touch(struct nor_physics *p, uint32_t address, uint32_t len)
{
    for (uint32_t s = address / FLASH_SECTOR_SIZE; s <= (address + len - 1) / FLASH_SECTOR_SIZE;
         s++) {
        p->touched[s] = 1;
        if (p->shared->has_cache && !p->cached[s]) {
            p->cached[s] = 1;
            memcpy(p->synced + s * FLASH_SECTOR_SIZE, p->cells + s * FLASH_SECTOR_SIZE,
                   FLASH_SECTOR_SIZE);
        }
    }
}

static void hold_stuck_bits(struct nor_physics *p, uint32_t address, uint32_t len)
{
    for (uint32_t i = 0; i < p->shared->stuck_count; i++) {
        uint32_t at = p->shared->stuck[i].address;
        uint8_t mask = p->shared->stuck[i].mask;
        if (at >= address && at - address < len &&
            (p->cells[at] & mask) != (p->shared->stuck[i].value & mask)) {
            p->cells[at] = (uint8_t)((p->cells[at] & ~mask) | (p->shared->stuck[i].value & mask));
            p->shared->fired[NOR_FAULT_STUCK]++;
        }
    }
}

// Bits of mask are changed as they should: to 0 by a program, to 1 by an erase, firmly.
static void change_bits(struct nor_physics *p, uint32_t address, uint8_t mask, bool is_erase)
{
    p->cells[address] =
        is_erase ? (uint8_t)(p->cells[address] | mask) : (uint8_t)(p->cells[address] & ~mask);
    p->unstable[address] &= (uint8_t)~mask;
    p->weak[address] &= (uint8_t)~mask;
}

static void erase_cells(struct nor_physics *p, uint32_t address, uint32_t len)
{
    memset(p->cells + address, 0xFF, len);
    for (uint32_t at = address; at < address + len; at += FLASH_SECTOR_SIZE) {
        uint32_t sector = at / FLASH_SECTOR_SIZE;
        if (p->shared->unstable_bits) {
            memset(p->unstable + at, 0, FLASH_SECTOR_SIZE);
        }
        if (p->due[sector]) {
            memset(p->weak + at, 0, FLASH_SECTOR_SIZE);
            p->due[sector] = 0;
        }
    }
}

static void program_cells(struct nor_physics *p, uint32_t address, const uint8_t *data,
                          uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        change_bits(p, address + i, (uint8_t)~data[i], false);
    }
}

// ----------------------------------------------------------------------- tears

static uint8_t few_bits(uint32_t *random)
{
    return next_random(random) % 512 == 0 ? (uint8_t)(1u << (next_random(random) & 7)) : 0;
}

// Which bits of byte i of len have changed when the power goes.
static uint8_t changed_bits(enum nor_tear tear, uint32_t i, uint32_t split, uint32_t *random)
{
    switch (tear) {
    case NOR_TEAR_PREFIX:
        return i < split ? 0xFF : 0;
    case NOR_TEAR_SUFFIX:
        return i >= split ? 0xFF : 0;
    case NOR_TEAR_BYTES:
        return next_random(random) & 0x80 ? 0xFF : 0;
    case NOR_TEAR_BITS:
    case NOR_TEAR_UNSTABLE:
        return (uint8_t)(next_random(random) >> 11);
    case NOR_TEAR_FEW:
        return few_bits(random);
    case NOR_TEAR_NEARLY:
        return (uint8_t)~few_bits(random);
    case NOR_TEAR_WEAK:
    case NOR_TEAR_AFTER:
        return 0xFF;
    default:
        return 0;
    }
}

static void weaken(struct nor_physics *p, uint32_t address, uint8_t mask, uint32_t after)
{
    p->weak[address] |= mask;
    if (mask) {
        p->due[address / FLASH_SECTOR_SIZE] = p->shared->power_ons + 1 + after;
    }
}

static void tear(struct nor_physics *p, const struct nor_cut *cut, uint32_t address,
                 const uint8_t *data, uint32_t len)
{
    uint32_t random = seeded(cut->seed, p->shared->operations);
    uint32_t split = next_random(&random) % len;
    uint32_t after = 1 + next_random(&random) % DUE_MAX;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t at = address + i;
        uint8_t pending = data ? (uint8_t)(p->cells[at] & ~data[i]) : (uint8_t)~p->cells[at];
        uint8_t done = changed_bits((enum nor_tear)cut->tear, i, split, &random) & pending;
        change_bits(p, at, done, data == NULL);
        if (cut->tear == NOR_TEAR_UNSTABLE) {
            uint8_t shaky = (uint8_t)(next_random(&random) >> 9) & pending;
            p->unstable[at] |= shaky;
            p->shared->unstable_bits |= shaky;
        } else if (cut->tear == NOR_TEAR_WEAK) {
            uint8_t some = (uint8_t)(next_random(&random) >> 9) & done;
            uint8_t fewer = (uint8_t)(next_random(&random) >> 9) & some;
            weaken(p, at, fewer, after);
        }
    }
}

// What was not synced is there or is not, sector by sector.
static void lose_cache(struct nor_physics *p, uint32_t seed)
{
    uint32_t random = seeded(seed, 77);
    for (uint32_t s = 0; s < p->chip.geometry.size / FLASH_SECTOR_SIZE; s++) {
        if (p->cached[s] && next_random(&random) & 0x400) {
            memcpy(p->cells + s * FLASH_SECTOR_SIZE, p->synced + s * FLASH_SECTOR_SIZE,
                   FLASH_SECTOR_SIZE);
            p->shared->fired[NOR_FAULT_LOST_CACHE]++;
        }
    }
    memset(p->cached, 0, p->chip.geometry.size / FLASH_SECTOR_SIZE);
}

static void cut_here(struct nor_physics *p, uint32_t address, const uint8_t *data, uint32_t len)
{
    struct nor_shared *shared = p->shared;
    const struct nor_cut *cut = &shared->cuts[shared->cuts_done];
    if (cut->tear != NOR_TEAR_BEFORE) {
        touch(p, address, len);
        tear(p, cut, address, data, len);
        hold_stuck_bits(p, address, len);
    }
    if (shared->has_cache) {
        lose_cache(p, cut->seed);
    }
    shared->fired[NOR_FAULT_CUT]++;
    shared->cuts_done++;
    shared->last_cut_at = shared->operations;
    _exit(NOR_CUT_EXIT);
}

// ----------------------------------------------------------------------- the driver

static bool is_in_bad_sector(struct nor_physics *p, uint32_t address, uint32_t len)
{
    for (uint32_t i = 0; i < p->shared->bad_sector_count; i++) {
        uint32_t bad = p->shared->bad_sectors[i];
        if (address < bad + FLASH_SECTOR_SIZE && bad < address + len) {
            p->shared->fired[NOR_FAULT_BAD_SECTOR]++;
            return true;
        }
    }
    return false;
}

static bool is_writable(const struct nor_shared *shared, uint32_t address, uint32_t len)
{
    bool is_inside = shared->writable_count == 0;
    for (uint32_t i = 0; i < shared->writable_count; i++) {
        is_inside = is_inside || (address >= shared->writable[i].from &&
                                  address + len <= shared->writable[i].to);
    }
    return is_inside;
}

// data NULL: an erase. Whether the chip refuses the operation; does not return when the power goes in it.
static bool is_refused(struct nor_physics *p, uint32_t address, const uint8_t *data, uint32_t len)
{
    struct nor_shared *shared = p->shared;
    enum nor_operation op = data ? NOR_OPERATION_PROGRAM : NOR_OPERATION_ERASE;
    shared->operations++;
    shared->last_operation = op;
    shared->last_address = address;
    shared->last_len = len;
    if (p->observer) {
        p->observer(p->observer_context, op, address, len);
    }
    if (!is_writable(shared, address, len) && !shared->trespass) {
        shared->trespass = address ? address : 1;
    }
    if (shared->cuts_done < shared->cut_count &&
        shared->operations - shared->last_cut_at == shared->cuts[shared->cuts_done].after) {
        cut_here(p, address, data, len);
    }
    return shared->operations == shared->fail_op || is_in_bad_sector(p, address, len);
}

static esp_err_t read_bytes(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    struct nor_physics *p = physics_of(chip);
    if (++p->shared->reads == p->shared->fail_read) {
        p->shared->fired[NOR_FAULT_READ]++;
        return ESP_ERR_FLASH_OP_FAIL;
    }
    memcpy(buffer, p->cells + address, len);
    if (!p->shared->unstable_bits) {
        return ESP_OK;
    }
    uint8_t *out = buffer;
    bool has_met = false;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t mask = p->unstable[address + i];
        if (mask) {
            out[i] ^= (uint8_t)(next_random(&p->shared->random) >> 9) & mask;
            has_met = true;
        }
    }
    p->shared->fired[NOR_FAULT_UNSTABLE_READ] += has_met;
    return ESP_OK;
}

static bool needs_rising_bit(const struct nor_physics *p, uint32_t address, const uint8_t *data,
                             uint32_t len)
{
    uint8_t rising = 0;
    for (uint32_t i = 0; i < len; i++) {
        rising |= (uint8_t)(data[i] & ~p->cells[address + i] & ~p->unstable[address + i]);
    }
    return rising != 0;
}

static esp_err_t program_bytes(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    struct nor_physics *p = physics_of(chip);
    if (needs_rising_bit(p, address, data, len)) {
        return ESP_ERR_INVALID_STATE;
    }
    if (is_refused(p, address, data, len)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    touch(p, address, len);
    program_cells(p, address, data, len);
    hold_stuck_bits(p, address, len);
    return ESP_OK;
}

static bool is_worn(struct nor_physics *p, uint32_t address, uint32_t unit)
{
    bool has_worn = false;
    for (uint32_t s = address / FLASH_SECTOR_SIZE; s < (address + unit) / FLASH_SECTOR_SIZE; s++) {
        has_worn = has_worn || (p->shared->wear_limit && p->wear[s] >= p->shared->wear_limit);
        p->wear[s]++;
        p->touched[s] = 1;
    }
    p->shared->fired[NOR_FAULT_WORN] += has_worn;
    return has_worn;
}

static esp_err_t erase_unit(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    struct nor_physics *p = physics_of(chip);
    if (is_refused(p, address, NULL, unit) || is_worn(p, address, unit)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    touch(p, address, unit);
    erase_cells(p, address, unit);
    hold_stuck_bits(p, address, unit);
    return ESP_OK;
}

static esp_err_t sync_chip(esp_flash_t *chip)
{
    struct nor_physics *p = physics_of(chip);
    if (p->shared->has_cache) {
        memset(p->cached, 0, chip->geometry.size / FLASH_SECTOR_SIZE);
    }
    return ESP_OK;
}

// What reads by chance cannot be mapped; it appears between lives only, so a mapping stays what it was.
static const void *map_bytes(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    (void)len;
    struct nor_physics *p = physics_of(chip);
    return p->shared->unstable_bits || p->shared->is_unmapped ? NULL : p->cells + address;
}

static const struct flash_ops PHYSICS_OPS = {.read = read_bytes,
                                             .program = program_bytes,
                                             .erase = erase_unit,
                                             .sync = sync_chip,
                                             .map = map_bytes};

// ----------------------------------------------------------------------- life of the chip

static uint8_t *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t map_size(uint32_t size)
{
    size_t sectors = size / FLASH_SECTOR_SIZE;
    return sizeof(struct nor_shared) + (size_t)size * 4 + sectors * (2 * sizeof(uint32_t) + 2);
}

esp_err_t nor_physics_open(uint32_t size, struct nor_physics **out)
{
    *out = NULL;
    if (size == 0 || size % SIZE_UNIT != 0 || size > SIZE_MAX_BYTES) {
        return ESP_ERR_INVALID_SIZE;
    }
    struct nor_physics *p = calloc(1, sizeof(*p));
    uint8_t *memory = p ? share(map_size(size)) : NULL;
    if (!memory) {
        free(p);
        return ESP_ERR_NO_MEM;
    }
    uint32_t sectors = size / FLASH_SECTOR_SIZE;
    p->cells = memory;
    p->unstable = p->cells + size;
    p->weak = p->unstable + size;
    p->synced = p->weak + size;
    p->due = (uint32_t *)(void *)(p->synced + size);
    p->wear = p->due + sectors;
    p->shared = (struct nor_shared *)(void *)(p->wear + sectors);
    p->touched = (uint8_t *)(p->shared + 1);
    p->cached = p->touched + sectors;
    p->chip.ops = &PHYSICS_OPS;
    p->chip.geometry = (struct flash_geometry){
        .size = size, .erase_units = {64 * 1024, 32 * 1024, FLASH_SECTOR_SIZE}, .page_size = 256};
    memset(p->cells, 0xFF, size);
    memset(p->touched, 1, sectors);
    p->shared->random = 1;
    *out = p;
    return ESP_OK;
}

void nor_physics_close(struct nor_physics *physics)
{
    if (!physics) {
        return;
    }
    if (esp_flash_default_chip == &physics->chip) {
        esp_flash_default_chip = NULL;
    }
    (void)munmap(physics->cells, map_size(physics->chip.geometry.size)); // ours
    free(physics);
}

void nor_physics_restore(struct nor_physics *physics, const uint8_t *bytes)
{
    uint32_t size = physics->chip.geometry.size;
    for (uint32_t s = 0; s < size / FLASH_SECTOR_SIZE; s++) {
        if (physics->touched[s]) {
            uint32_t at = s * FLASH_SECTOR_SIZE;
            memcpy(physics->cells + at, bytes + at, FLASH_SECTOR_SIZE);
            memset(physics->unstable + at, 0, FLASH_SECTOR_SIZE);
            memset(physics->weak + at, 0, FLASH_SECTOR_SIZE);
            physics->due[s] = 0;
            physics->wear[s] = 0;
            physics->cached[s] = 0;
        }
    }
    memset(physics->shared, 0, sizeof(*physics->shared));
    physics->shared->random = 1;
    nor_physics_adopt(physics);
}

void nor_physics_adopt(struct nor_physics *physics)
{
    memset(physics->touched, 0, physics->chip.geometry.size / FLASH_SECTOR_SIZE);
}

static bool decay_sector(struct nor_physics *p, uint32_t sector)
{
    uint8_t flipped = 0;
    for (uint32_t at = sector * FLASH_SECTOR_SIZE; at < (sector + 1) * FLASH_SECTOR_SIZE; at++) {
        p->cells[at] ^= p->weak[at];
        flipped |= p->weak[at];
        p->weak[at] = 0;
    }
    p->due[sector] = 0;
    return flipped != 0;
}

void nor_physics_power_off(struct nor_physics *physics, uint32_t seed)
{
    if (physics->shared->has_cache) {
        lose_cache(physics, seed);
    }
}

void nor_physics_power_on(struct nor_physics *physics)
{
    struct nor_shared *shared = physics->shared;
    shared->power_ons++;
    physics->chip.erased_to = physics->chip.erased_from;
    bool has_decayed = false;
    for (uint32_t s = 0; s < physics->chip.geometry.size / FLASH_SECTOR_SIZE; s++) {
        if (physics->due[s] && physics->due[s] <= shared->power_ons && decay_sector(physics, s)) {
            uint32_t at = s * FLASH_SECTOR_SIZE;
            has_decayed = true;
            shared->has_decay_in[at >= shared->watch_from && at < shared->watch_to] = true;
            physics->touched[s] = 1;
        }
    }
    shared->fired[NOR_FAULT_DECAY] += has_decayed;
    shared->random = seeded(shared->power_ons, shared->random);
}
