/**
 * A chip that takes time: passes every operation on to another chip and moves a virtual clock by what a named part would need.
 */
#pragma once

#include "flash_ops.h"
#include "nor_part.h"
#include "virtual_clock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum nor_activity {
    NOR_READING,
    NOR_PROGRAMMING,
    NOR_ERASING,
    NOR_ACTIVITY_COUNT,
};

/** Told about every operation when it is over. */
typedef void (*nor_timed_observer)(void *context, enum nor_activity activity, uint64_t start_ns,
                                   uint64_t end_ns, uint32_t address, uint32_t len);

struct nor_timed_config {
    esp_flash_t *chip; // does the work; borrowed, must outlive this one
    const struct nor_part *part;
    bool is_worst_case;          // the longest times instead of the typical ones
    struct virtual_clock *clock; // borrowed
    nor_timed_observer observer; // NULL: none
    void *observer_context;
};

/**
 * Opens a chip that takes time. It has the erase units of the part and cannot be mapped, so that every byte read costs.
 * The caller closes *out with nor_timed_close() before the chip below.
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: the chip below is larger than the part; ESP_ERR_NO_MEM
 */
esp_err_t nor_timed_open(const struct nor_timed_config *config, esp_flash_t **out) ESP_MUST_CHECK;

/** Closes; NULL is harmless. */
void nor_timed_close(esp_flash_t *chip);

/** Time spent on an activity so far. */
uint64_t nor_timed_spent_ns(const esp_flash_t *chip, enum nor_activity activity);

/** How often the 4 KiB sector at address was erased. */
uint32_t nor_timed_erase_count(const esp_flash_t *chip, uint32_t address);

#ifdef __cplusplus
}
#endif
