/** What the sweep runs: scenarios, planted bugs, failures of memory and network. */
#pragma once

#include "flash_encryption.h"
#include "powercut.h"

/** The images of a world, by number. */
enum sweep_image { NONE, FACTORY, OLDER, OLD, NEW, NEWER, NEWEST, SWEEP_IMAGE_COUNT };

#define NOW(image) (1u << (image)) // in powercut_scenario.allowed

#define SWEEP_SMALL_LEN  (20u * 1024)
#define SWEEP_OTADATA_AT 0xD000u

/** Scenarios of one file. */
struct sweep_group {
    const struct powercut_scenario *scenarios;
    unsigned count;
};

extern const struct sweep_group
    SWEEP_COMMON; // sweep_scenarios.c, and the others in files of their names
extern const struct sweep_group SWEEP_DELTA;
extern const struct sweep_group SWEEP_NVS;
extern const struct sweep_group SWEEP_COPY;
extern const struct sweep_group SWEEP_RECORDS;
extern const struct sweep_group SWEEP_REPAIR;
extern const struct sweep_group SWEEP_SERVER;
extern const struct sweep_group SWEEP_SIGNED;
extern const struct sweep_group SWEEP_STAGE;

/** Makes images and tables of all scenarios. */
void sweep_make_worlds(void);
void sweep_make_delta(void);
void sweep_make_nvs(void);
void sweep_make_copy(void);
void sweep_make_records(void);
void sweep_make_repair(void);
void sweep_make_server(void);
void sweep_make_signed(void);
void sweep_make_stage(void);

/** All scenarios in the order in which they run; NULL behind the last. */
const struct powercut_scenario *sweep_at(unsigned i);

/** The scenario with this name; NULL: none. */
const struct powercut_scenario *sweep_find(const char *name);

/**
 * Makes one image, for ESP32 unless chip says otherwise.
 * @param room  bytes behind it, for signatures
 */
uint8_t *sweep_make_image(unsigned number, uint32_t len, esp_chip_id_t chip,
                          uint32_t secure_version, uint32_t room, uint32_t *out_len);

/** Makes all images of a world, for ESP32. */
void sweep_make_images(struct powercut_world *world, uint32_t len);

/** otadata, more (NULL: nothing), then factory and slots of this size, then storage. */
void sweep_make_table(struct powercut_world *world, unsigned slots, bool has_factory, uint32_t size,
                      const esp_partition_info_t *more);

/** Encrypts a world like another one. */
void sweep_make_encrypted(struct powercut_world *world, const struct powercut_world *plain,
                          enum flash_scheme scheme);

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

/** Stuck bits, failing sectors, worn sectors: one at a time, in every sector an update uses. @return failures */
unsigned sweep_faults(void);
