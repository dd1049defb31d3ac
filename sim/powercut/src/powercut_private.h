// What the files of sim/powercut share.
#pragma once

#include "powercut.h"

struct powercut_bench {
    struct nor_physics *chip;
    uint8_t *before;            // flash_size bytes of the scenario that was put
    struct powercut_life *life; // shared with the process that lives
    const struct powercut_scenario *scenario;
    uint8_t promised; // by the latest life; 0: nothing
    bool had_goal;    // in the latest life
};

// The entry of a world's table with this type and subtype; NULL: none.
const esp_partition_info_t *powercut_find(const struct powercut_world *world, uint8_t type,
                                          uint8_t subtype);

// Lays a scenario out in bytes, flash_size of them.
bool powercut_lay_out(const struct powercut_scenario *scenario, uint8_t *bytes);

// Whether the sector at address may change in a scenario while the partition at running runs.
bool powercut_may_change(const struct powercut_scenario *scenario, uint32_t address);

// Whether second cuts are to be dense after one there.
bool powercut_is_critical(const struct powercut_scenario *scenario, uint32_t address);

// Tells the chip what may be written to: by the bootloader, and by the application that it started from this slot.
void powercut_open_for_bootloader(const struct powercut_scenario *scenario,
                                  struct nor_shared *shared);
void powercut_open_for_application(const struct powercut_scenario *scenario, int booted,
                                   struct nor_shared *shared);

// One life, in the process of its own: boots and lets the application act.
void powercut_live(const struct powercut_scenario *scenario, struct nor_physics *chip,
                   uint32_t number, struct powercut_life *life);
