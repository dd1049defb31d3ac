/**
 * Devices and what their applications want.
 *
 * An application decides by what it finds, as a real one does: the old one updates, the new one confirms. So a scenario
 * goes on from wherever a cut has left it, until its goal is reached.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot_select.h"
#include "cut_flash.h"

/** What the application does when it runs. */
enum wish {
    WISH_UPDATE,       // old: update; new: confirm if it has to
    WISH_MARK_INVALID, // new: refuse itself
    WISH_FACTORY,      // any but factory: choose factory
    WISH_ERASE_LAST,   // new: erase the application before it
    WISH_REPAIR,       // not the application: somebody repairs otadata from outside
};

/** A mistake planted on purpose. */
enum plant {
    PLANT_NONE,
    PLANT_EARLY_RECORD,     // the record is written before the image is complete
    PLANT_IN_PLACE,         // the update goes over the running image
    PLANT_BLIND_BOOTLOADER, // early record, and a bootloader that starts what otadata says
    PLANT_STORE_IN_PLACE, // the trust store's record in charge is erased before the next one is written
    PLANT_COUNT,
};

extern const char *const PLANT_NAMES[PLANT_COUNT];

/** The images there are; each is in its partition or nowhere. */
enum image { IMAGE_NONE, IMAGE_FACTORY, IMAGE_OLDER, IMAGE_OLD, IMAGE_NEW, IMAGE_COUNT };

extern const char *const IMAGE_NAMES[IMAGE_COUNT];

struct scenario {
    const char *name;
    enum wish wish;
    bool rollback;
    bool in_bulk;
    bool without_factory;
    bool
        rotates; // images are signed: all by A and B, the new one by B; the trust store begins with A and B
    enum image slots[2]; // what stands in ota_0 and ota_1
    uint32_t seq[2];     // of the records; 0: empty
    uint32_t states[2];
    uint32_t extensions; // attempts and crash limit of the bootloader
    unsigned torn;       // 1 << index: records with a wrong CRC
    int target;          // slot that may change, besides otadata; -1: none
    unsigned allowed;    // 1 << image: what may boot, at any time
    enum image goal;     // what runs in the end
};

extern const struct scenario SCENARIOS[];
extern const unsigned SCENARIO_COUNT;

/** Makes the images. */
void scenario_make_images(void);

/** Puts the device of a scenario onto flash. */
void scenario_put(const struct scenario *scenario);

/** What one life did. */
struct life_report {
    enum image booted;
    bool has_reached_goal;
    char failure[160]; // empty: none
};

/** One life: boots, then does what the application wants. Returns unless the power is cut. */
void scenario_live(const struct scenario *scenario, enum plant plant, struct life_report *report);

/** Whether the byte at address may change in a scenario. */
bool scenario_may_change(const struct scenario *scenario, uint32_t address);
