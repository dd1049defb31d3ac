/** A power cut at any operation of the main chip. Once the power is off nothing changes any more, until it is back on. */
#pragma once

#include "ota_device.h"

enum cut_variant {
    CUT_BEFORE, // nothing of the operation happened
    CUT_PREFIX, // its first bytes
    CUT_BITS,   // any of its bits
    CUT_VARIANT_COUNT,
};

struct cut_chip {
    unsigned operations; // programs and erases since the power is on
    unsigned cut_at;     // the operation that is cut; 0: none
    enum cut_variant variant;
    uint32_t seed;
    bool is_off;
    uint32_t address;     // of the operation that was cut
    uint32_t touched_low; // what was programmed or erased: low <= address < high
    uint32_t touched_high;
};

extern struct cut_chip g_cut;

/** Puts itself before the device's chip. Call behind DEVICE_START(). */
void cut_chip_install(void);

/** The power comes on: counts from 0, no cut planned, the partition list is read anew. */
void cut_chip_power_on(void);

/** Counts from 0, no cut planned. */
void cut_chip_forget(void);

/** xorshift32; *state is not 0. */
uint32_t cut_chip_random(uint32_t *state);
