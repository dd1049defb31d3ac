/** What the sweep runs: scenarios, planted bugs, failures of memory and network. */
#pragma once

#include "flash_encryption.h"
#include "powercut.h"

/** Makes the images and tables all scenarios share. */
void sweep_make_worlds(void);

extern struct powercut_scenario g_sweep_scenarios[];
extern const unsigned g_sweep_scenario_count;

/** Updates by delta patches, in sweep_delta.c. */
void sweep_make_patches(void);
extern struct powercut_scenario g_sweep_deltas[];
extern const unsigned g_sweep_delta_count;

/** Scenario number index of all of them; NULL: there are no more. */
struct powercut_scenario *sweep_at(unsigned index);

/** Parts of worlds: otadata, slots and storage; a plain world encrypted. Never fail. */
void sweep_make_table(struct powercut_world *world, unsigned slots, bool has_factory,
                      uint32_t size);
void sweep_make_encrypted(struct powercut_world *world, const struct powercut_world *plain,
                          struct flash_encryption *cipher, enum flash_scheme scheme);

/** The scenario with this name; NULL: none. */
const struct powercut_scenario *sweep_find(const char *name);

/** A bug that is there only in this program: the linker puts it between the product's functions (--wrap). */
struct sweep_plant {
    const char *name;
    const char *text;     // what is wrong
    const char *scenario; // in which it is looked for first
};

extern const struct sweep_plant SWEEP_PLANTS[]; // and behind them "documented", which is no bug
extern const unsigned SWEEP_PLANT_COUNT;

/** Switches one on; -1: none. */
extern int g_sweep_plant;

/** Every k-th allocation and every k-th network read fails, once and from then on. @return failures */
unsigned sweep_failures(bool is_long);
