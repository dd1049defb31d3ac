// The NOR rules between callers and a driver: ranges, erase units, and who touched what.

#include "esp_private/esp_flash_internal.h"
#include "flash_ops.h"

#include <stdatomic.h>

esp_flash_t *esp_flash_default_chip; // single by ESP-IDF's interface

static esp_flash_t *chip_or_default(esp_flash_t *chip)
{
    return chip ? chip : esp_flash_default_chip;
}

static bool is_range_inside(const esp_flash_t *chip, uint32_t address, uint32_t len)
{
    return address <= chip->geometry.size && len <= chip->geometry.size - address;
}

static esp_err_t check_transfer(const esp_flash_t *chip, const void *buffer, uint32_t address,
                                uint32_t len)
{
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    if (!is_range_inside(chip, address, len) || (!buffer && len > 0)) {
        return ESP_ERR_INVALID_ARG;
    }
    return ESP_OK;
}

// Watches come and go in one thread while others write. Held for a few instructions, or while a watcher looks at what has
// changed; never during an operation. What is known to be erased is under it, too.
static atomic_flag s_watch_lock = ATOMIC_FLAG_INIT;

static void lock_watches(void)
{
    while (atomic_flag_test_and_set_explicit(&s_watch_lock, memory_order_acquire)) {
    }
}

static void unlock_watches(void)
{
    atomic_flag_clear_explicit(&s_watch_lock, memory_order_release);
}

// ----------------------------------------------------------------------- what is known to be erased

static void keep_larger(esp_flash_t *chip, uint32_t from, uint32_t to)
{
    if (to - from > chip->erased_to - chip->erased_from) {
        chip->erased_from = from;
        chip->erased_to = to;
    }
}

static void note_erased(esp_flash_t *chip, uint32_t from, uint32_t to)
{
    lock_watches();
    if (from <= chip->erased_to && chip->erased_from <= to) { // one range, together
        from = from < chip->erased_from ? from : chip->erased_from;
        to = to > chip->erased_to ? to : chip->erased_to;
    }
    keep_larger(chip, from, to);
    unlock_watches();
}

static void note_not_erased(esp_flash_t *chip, uint32_t from, uint32_t to)
{
    lock_watches();
    uint32_t old_from = chip->erased_from;
    uint32_t old_to = chip->erased_to;
    if (from < old_to && old_from < to) {
        chip->erased_from = chip->erased_to = 0;
        if (from > old_from) {
            keep_larger(chip, old_from, from);
        }
        if (old_to > to) {
            keep_larger(chip, to, old_to);
        }
    }
    unlock_watches();
}

uint32_t flash_erased_len(const esp_flash_t *chip, uint32_t address)
{
    lock_watches();
    bool is_inside = address >= chip->erased_from && address < chip->erased_to;
    uint32_t len = is_inside ? chip->erased_to - address : 0;
    unlock_watches();
    return len;
}

// ----------------------------------------------------------------------- watches

static bool is_apart(const struct flash_watch *watch, uint32_t address, uint32_t len)
{
    return address >= watch->address + watch->len || watch->address >= address + len;
}

static void note_touched(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    lock_watches();
    for (struct flash_watch *watch = chip->watches; watch; watch = watch->next) {
        watch->touched = watch->touched || !is_apart(watch, address, len);
    }
    unlock_watches();
}

static void tell_changed(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    lock_watches();
    for (struct flash_watch *watch = chip->watches; watch; watch = watch->next) {
        if (watch->changed && !is_apart(watch, address, len)) {
            watch->changed(watch, address, len);
        }
    }
    unlock_watches();
}

static uint32_t sector_size(const esp_flash_t *chip)
{
    uint32_t smallest = FLASH_SECTOR_SIZE;
    for (int i = 0; i < 4 && chip->geometry.erase_units[i]; i++) {
        smallest = chip->geometry.erase_units[i];
    }
    return smallest;
}

static uint32_t largest_unit_at(const esp_flash_t *chip, uint32_t address, uint32_t len)
{
    for (int i = 0; i < 4 && chip->geometry.erase_units[i]; i++) {
        uint32_t unit = chip->geometry.erase_units[i];
        if (address % unit == 0 && len >= unit) {
            return unit;
        }
    }
    return sector_size(chip);
}

esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *out_size)
{
    chip = chip_or_default(chip);
    if (!out_size) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    *out_size = chip->geometry.size;
    return ESP_OK;
}

esp_err_t esp_flash_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    chip = chip_or_default(chip);
    esp_err_t err = check_transfer(chip, buffer, address, len);
    if (err != ESP_OK || len == 0) {
        return err;
    }
    return chip->ops->read(chip, buffer, address, len);
}

esp_err_t esp_flash_write(esp_flash_t *chip, const void *buffer, uint32_t address, uint32_t len)
{
    chip = chip_or_default(chip);
    esp_err_t err = check_transfer(chip, buffer, address, len);
    if (err != ESP_OK || len == 0) {
        return err;
    }
    note_touched(chip, address, len);
    note_not_erased(chip, address, address + len);
    err = chip->ops->program(chip, buffer, address, len);
    tell_changed(chip, address, len);
    return err;
}

esp_err_t esp_flash_erase_region(esp_flash_t *chip, uint32_t start, uint32_t len)
{
    chip = chip_or_default(chip);
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    uint32_t sector = sector_size(chip);
    if (start % sector != 0 || len % sector != 0 || !is_range_inside(chip, start, len)) {
        return ESP_ERR_INVALID_ARG;
    }
    note_touched(chip, start, len);
    while (len > 0) {
        uint32_t unit = largest_unit_at(chip, start, len);
        esp_err_t err = chip->ops->erase(chip, start, unit);
        tell_changed(chip, start, unit);
        if (err != ESP_OK) {
            note_not_erased(chip, start, start + unit);
            return err;
        }
        note_erased(chip, start, start + unit);
        start += unit;
        len -= unit;
    }
    return ESP_OK;
}

esp_err_t esp_flash_erase_chip(esp_flash_t *chip)
{
    chip = chip_or_default(chip);
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    return esp_flash_erase_region(chip, 0, chip->geometry.size);
}

esp_err_t esp_flash_sync(esp_flash_t *chip)
{
    chip = chip_or_default(chip);
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    return chip->ops->sync ? chip->ops->sync(chip) : ESP_OK;
}

const void *flash_map(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    chip = chip_or_default(chip);
    if (!chip || !chip->ops->map || !is_range_inside(chip, address, len)) {
        return NULL;
    }
    return chip->ops->map(chip, address, len);
}

void flash_watch_start(esp_flash_t *chip, struct flash_watch *watch)
{
    chip = chip_or_default(chip);
    lock_watches();
    watch->touched = false;
    watch->next = chip->watches;
    chip->watches = watch;
    unlock_watches();
}

bool flash_watch_is_touched(const struct flash_watch *watch)
{
    lock_watches();
    bool is_touched = watch->touched;
    unlock_watches();
    return is_touched;
}

void flash_watch_stop(esp_flash_t *chip, struct flash_watch *watch)
{
    chip = chip_or_default(chip);
    lock_watches();
    for (struct flash_watch **at = &chip->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    unlock_watches();
}

esp_err_t esp_flash_set_dangerous_write_protection(esp_flash_t *chip, const bool protect)
{
    (void)protect;
    return chip || esp_flash_default_chip ? ESP_OK : ESP_ERR_FLASH_NOT_INITIALISED;
}
