#include "sweep_efuse.h"

#include "esp_flash.h"

struct cell_efuse {
    struct efuse base; // first, so that the two pointers convert
    esp_flash_t *chip;
    uint32_t address;
};

static uint32_t bit_count(const struct efuse *efuse, enum efuse_field field)
{
    static const uint16_t WIDTHS[EFUSE_FIELD_COUNT] = {
        [EFUSE_SECURE_VERSION] = 16,   [EFUSE_SECURE_BOOT] = 1,     [EFUSE_KEY_PRESENT] = 3,
        [EFUSE_KEY_REVOKED] = 3,       [EFUSE_KEY_DIGEST_0] = 256,  [EFUSE_KEY_DIGEST_1] = 256,
        [EFUSE_KEY_DIGEST_2] = 256,    [EFUSE_FLASH_CRYPT_CNT] = 3, [EFUSE_IGNORE_MAX_CHIP_REV] = 1,
        [EFUSE_IGNORE_MAX_BLK_REV] = 1};
    (void)efuse;
    return WIDTHS[field];
}

static uint32_t place_of(const struct cell_efuse *cells, enum efuse_field field)
{
    return cells->address + (uint32_t)field * EFUSE_FIELD_BYTES_MAX;
}

static esp_err_t read_field(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    const struct cell_efuse *cells = (const struct cell_efuse *)efuse;
    uint32_t len = EFUSE_FIELD_BYTES(bit_count(efuse, field));
    esp_err_t err = len ? esp_flash_read(cells->chip, bits, place_of(cells, field), len) : ESP_OK;
    for (uint32_t i = 0; i < len && err == ESP_OK; i++) {
        bits[i] = (uint8_t)~bits[i];
    }
    return err == ESP_OK ? ESP_OK : ESP_FAIL;
}

static esp_err_t burn(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    const struct cell_efuse *cells = (const struct cell_efuse *)efuse;
    uint32_t len = EFUSE_FIELD_BYTES(bit_count(efuse, field));
    uint8_t found[EFUSE_FIELD_BYTES_MAX] = {0};
    esp_err_t err = read_field(efuse, field, found);
    for (uint32_t i = 0; i < len; i++) {
        found[i] = (uint8_t) ~(found[i] | bits[i]);
    }
    if (err == ESP_OK && len > 0) {
        err = esp_flash_write(cells->chip, found, place_of(cells, field), len);
    }
    return err == ESP_OK ? ESP_OK : ESP_FAIL;
}

struct efuse *sweep_efuse_open(esp_flash_t *chip, uint32_t address)
{
    static const struct efuse_ops OPS = {.bit_count = bit_count, .read = read_field, .burn = burn};
    static struct cell_efuse cells; // a process is a device
    cells = (struct cell_efuse){.base = {&OPS}, .chip = chip, .address = address};
    return &cells.base;
}

void sweep_efuse_put(uint8_t *sector, enum efuse_field field, const uint8_t *bits, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        sector[(uint32_t)field * EFUSE_FIELD_BYTES_MAX + i] &= (uint8_t)~bits[i];
    }
}
