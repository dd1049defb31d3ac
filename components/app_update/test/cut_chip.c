#include "cut_chip.h"

#include <string.h>

struct cut_chip g_cut;

static esp_flash_t *s_inner;
static esp_flash_t s_chip;

uint32_t cut_chip_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// data NULL: an erase.
static void tear(uint32_t address, const uint8_t *data, uint32_t len)
{
    uint32_t random = (g_cut.seed + 1) * 2654435761u + g_cut.cut_at * 40503u + 1;
    uint32_t split = cut_chip_random(&random) % len;
    uint8_t *cells = device_bytes(address);
    for (uint32_t i = 0; i < len && g_cut.variant != CUT_BEFORE; i++) {
        uint8_t done = g_cut.variant == CUT_BITS ? (uint8_t)(cut_chip_random(&random) >> 11)
                       : i < split               ? 0xFF
                                                 : 0;
        cells[i] = data ? (uint8_t)(cells[i] & (data[i] | ~done)) : (uint8_t)(cells[i] | done);
    }
}

static bool is_powered(uint32_t address, const void *data, uint32_t len)
{
    if (g_cut.is_off) {
        return false;
    }
    g_cut.touched_low = address < g_cut.touched_low ? address : g_cut.touched_low;
    g_cut.touched_high = address + len > g_cut.touched_high ? address + len : g_cut.touched_high;
    if (++g_cut.operations != g_cut.cut_at) {
        return true;
    }
    tear(address, data, len);
    g_cut.is_off = true;
    g_cut.address = address;
    return false;
}

static esp_err_t read_flash(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    (void)chip;
    return s_inner->ops->read(s_inner, buffer, address, len);
}

static esp_err_t program(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    (void)chip;
    return is_powered(address, data, len) ? s_inner->ops->program(s_inner, data, address, len)
                                          : ESP_ERR_FLASH_OP_FAIL;
}

static esp_err_t erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    return is_powered(address, NULL, unit) ? s_inner->ops->erase(s_inner, address, unit)
                                           : ESP_ERR_FLASH_OP_FAIL;
}

static const void *map(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    (void)chip;
    return s_inner->ops->map(s_inner, address, len);
}

static const struct flash_ops CUTTING_OPS = {
    .read = read_flash, .program = program, .erase = erase, .map = map};

void cut_chip_install(void)
{
    s_inner = esp_flash_default_chip;
    s_chip.ops = &CUTTING_OPS;
    s_chip.geometry = s_inner->geometry;
    s_chip.cipher = s_inner->cipher;
    esp_flash_default_chip = &s_chip;
    cut_chip_power_on();
}

void cut_chip_forget(void)
{
    memset(&g_cut, 0, sizeof(g_cut));
    g_cut.touched_low = UINT32_MAX;
}

void cut_chip_power_on(void)
{
    cut_chip_forget();
    s_chip.erased_to = s_chip.erased_from;
    esp_partition_unload_all();
}
