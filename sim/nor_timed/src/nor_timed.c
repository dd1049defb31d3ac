#include "nor_timed.h"

#include <stdlib.h>

#define PAGE 256u // fact: page of all parts listed

struct nor_timed {
    esp_flash_t chip; // must be first: the driver is found by casting
    struct nor_timed_config config;
    uint64_t spent_ns[NOR_ACTIVITY_COUNT];
    uint32_t *erase_counts; // [sectors]
};

static struct nor_timed *timed_of(esp_flash_t *chip)
{
    return (struct nor_timed *)chip;
}

static void spend(struct nor_timed *timed, enum nor_activity activity, uint64_t ns,
                  uint32_t address, uint32_t len)
{
    struct virtual_clock *clock = timed->config.clock;
    uint64_t start = clock->now_ns;
    clock->now_ns += ns;
    timed->spent_ns[activity] += ns;
    if (timed->config.observer) {
        timed->config.observer(timed->config.observer_context, activity, start, clock->now_ns,
                               address, len);
    }
}

static uint64_t duration_ns(const struct nor_timed *timed, struct nor_duration duration)
{
    return (timed->config.is_worst_case ? duration.worst_us : duration.typical_us) *
           VIRTUAL_NS_PER_US;
}

static uint64_t transfer_ns(const struct nor_timed *timed, uint32_t len)
{
    return len * VIRTUAL_NS_PER_US / timed->config.part->bus_bytes_per_us;
}

static esp_err_t read_bytes(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    struct nor_timed *timed = timed_of(chip);
    spend(timed, NOR_READING, transfer_ns(timed, len), address, len);
    return timed->config.chip->ops->read(timed->config.chip, buffer, address, len);
}

static esp_err_t program_bytes(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    struct nor_timed *timed = timed_of(chip);
    uint32_t pages = (address % PAGE + len + PAGE - 1) / PAGE;
    uint64_t ns =
        pages * duration_ns(timed, timed->config.part->program_page) + transfer_ns(timed, len);
    spend(timed, NOR_PROGRAMMING, ns, address, len);
    return timed->config.chip->ops->program(timed->config.chip, data, address, len);
}

static struct nor_duration erase_time(const struct nor_part *part, uint32_t unit)
{
    return unit == 64 * 1024   ? part->erase_64k
           : unit == 32 * 1024 ? part->erase_32k
                               : part->erase_4k;
}

static esp_err_t erase_unit(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    struct nor_timed *timed = timed_of(chip);
    for (uint32_t at = 0; at < unit; at += FLASH_SECTOR_SIZE) {
        timed->erase_counts[(address + at) / FLASH_SECTOR_SIZE]++;
    }
    spend(timed, NOR_ERASING, duration_ns(timed, erase_time(timed->config.part, unit)), address,
          unit);
    return timed->config.chip->ops->erase(timed->config.chip, address, unit);
}

static esp_err_t sync_chip(esp_flash_t *chip)
{
    esp_flash_t *below = timed_of(chip)->config.chip;
    return below->ops->sync ? below->ops->sync(below) : ESP_OK;
}

static const struct flash_ops TIMED_OPS = {
    .read = read_bytes, .program = program_bytes, .erase = erase_unit, .sync = sync_chip};

static void set_units(struct flash_geometry *geometry, const struct nor_part *part)
{
    int count = 0;
    geometry->erase_units[count++] = 64 * 1024;
    if (part->erase_32k.typical_us) {
        geometry->erase_units[count++] = 32 * 1024;
    }
    geometry->erase_units[count++] = FLASH_SECTOR_SIZE;
    for (; count < 4; count++) {
        geometry->erase_units[count] = 0;
    }
}

esp_err_t nor_timed_open(const struct nor_timed_config *config, esp_flash_t **out)
{
    *out = NULL;
    uint32_t size = config->chip->geometry.size;
    if (size > config->part->size) {
        return ESP_ERR_INVALID_SIZE;
    }
    struct nor_timed *timed = calloc(1, sizeof(*timed));
    uint32_t *counts = calloc(size / FLASH_SECTOR_SIZE, sizeof(*counts));
    if (!timed || !counts) {
        free(timed);
        free(counts);
        return ESP_ERR_NO_MEM;
    }
    timed->chip.ops = &TIMED_OPS;
    timed->chip.geometry = config->chip->geometry;
    set_units(&timed->chip.geometry, config->part);
    timed->config = *config;
    timed->erase_counts = counts;
    *out = &timed->chip;
    return ESP_OK;
}

void nor_timed_close(esp_flash_t *chip)
{
    if (!chip) {
        return;
    }
    if (esp_flash_default_chip == chip) {
        esp_flash_default_chip = NULL;
    }
    free(timed_of(chip)->erase_counts);
    free(chip);
}

uint64_t nor_timed_spent_ns(const esp_flash_t *chip, enum nor_activity activity)
{
    return ((const struct nor_timed *)chip)->spent_ns[activity];
}

uint32_t nor_timed_erase_count(const esp_flash_t *chip, uint32_t address)
{
    return ((const struct nor_timed *)chip)->erase_counts[address / FLASH_SECTOR_SIZE];
}
