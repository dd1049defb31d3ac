/** What the sweep runs: scenarios, planted bugs, failures of memory and network. */
#pragma once

#include "powercut.h"

/** Makes the images and tables all scenarios share. */
void sweep_make_worlds(void);

extern struct powercut_scenario g_sweep_scenarios[];
extern const unsigned g_sweep_scenario_count;

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
