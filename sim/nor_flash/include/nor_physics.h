/**
 * A NOR chip with the physics that a power cut meets, in memory that processes share.
 *
 * Each life of a device is a process; the chip outlives it. A cut ends the process inside the driver and leaves what the
 * tear says: any subset of the pending bits, bits that read differently at each read until they are erased or programmed
 * again, bits that look right and decay some power-ons later. Beside cuts it has stuck bits, failing sectors, read errors,
 * wear limits, and a cache that loses what was not synced. All chance comes from seeds; every fault that happens is counted.
 * The strictness is that of nor_flash.h: a bit that would have to rise is an error, not silence.
 */
#pragma once

#include <stdbool.h>

#include "flash_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NOR_CUT_EXIT     42 // exit code of a life whose power was cut
#define NOR_CUT_MAX      8  // power cuts of one plan
#define NOR_BAD_MAX      4  // stuck bits, and failing sectors
#define NOR_WRITABLE_MAX 8

/** What stands on flash when the power goes in an operation. */
enum nor_tear {
    NOR_TEAR_BEFORE,   // nothing has changed yet
    NOR_TEAR_PREFIX,   // the first bytes are done
    NOR_TEAR_SUFFIX,   // the last bytes are done
    NOR_TEAR_BYTES,    // some bytes are done
    NOR_TEAR_BITS,     // some bits have changed
    NOR_TEAR_FEW,      // very few bits have changed
    NOR_TEAR_NEARLY,   // all but very few bits have changed
    NOR_TEAR_UNSTABLE, // bits have changed, or not, or read differently at each read
    NOR_TEAR_WEAK,     // all bits have changed, some of them only for one to four power-ons
    NOR_TEAR_AFTER,    // everything is done
    NOR_TEAR_COUNT,
};

/** "before", "prefix", ... */
extern const char *const NOR_TEAR_NAMES[NOR_TEAR_COUNT];

/** A power cut: so many operations after the cut before it, or after the beginning; from 1. */
struct nor_cut {
    uint32_t after;
    uint32_t tear; // enum nor_tear
    uint32_t seed;
};

/** Faults, for counting. */
enum nor_fault {
    NOR_FAULT_CUT,
    NOR_FAULT_UNSTABLE_READ, // a read that met unstable bits
    NOR_FAULT_DECAY,         // a power-on at which weak bits decayed
    NOR_FAULT_STUCK,         // an operation that could not change a stuck bit
    NOR_FAULT_BAD_SECTOR,    // an operation that a failing sector refused
    NOR_FAULT_READ,          // a read error
    NOR_FAULT_WORN,          // an erase beyond the wear limit
    NOR_FAULT_LOST_CACHE,    // a sector that a cut took back to its last sync
    NOR_FAULT_COUNT,
};

/** "cut", "unstable read", ... */
extern const char *const NOR_FAULT_NAMES[NOR_FAULT_COUNT];

/** An operation that changes flash. */
enum nor_operation { NOR_OPERATION_PROGRAM, NOR_OPERATION_ERASE };

/** What the lives share. Set the plan between lives; zero is no fault. */
struct nor_shared {
    struct nor_cut cuts[NOR_CUT_MAX];
    uint32_t cut_count;
    struct {
        uint32_t address;
        uint8_t mask;  // these bits
        uint8_t value; // always read so
    } stuck[NOR_BAD_MAX];
    uint32_t stuck_count;
    uint32_t bad_sectors
        [NOR_BAD_MAX]; // addresses; programs and erases there answer ESP_ERR_FLASH_OP_FAIL
    uint32_t bad_sector_count;
    uint32_t fail_read;   // this read answers ESP_ERR_FLASH_OP_FAIL, once; from 1; 0: none
    uint32_t fail_op;     // the same for programs and erases, with nothing done
    uint32_t wear_limit;  // erases a sector stands; 0: any number
    bool has_cache;       // what is not synced may be lost by a cut, sector by sector
    bool is_unmapped;     // reads go through read operations only
    uint32_t operations;  // programs and erases so far
    uint32_t reads;       // so far
    uint32_t power_ons;   // so far
    uint32_t cuts_done;   // of cuts[]
    uint32_t last_cut_at; // operations at the latest cut
    uint32_t fired[NOR_FAULT_COUNT];
    uint32_t random;                   // of unstable reads
    uint32_t unstable_bits;            // there may be some
    enum nor_operation last_operation; // and where:
    uint32_t last_address;
    uint32_t last_len;
    struct {
        uint32_t from;
        uint32_t to;
    } writable[NOR_WRITABLE_MAX]; // programs and erases elsewhere are noted in trespass
    uint32_t writable_count;      // 0: anywhere
    uint32_t trespass;            // address of the first, 0: none
    bool has_decay_in[2];         // weak bits decayed: outside and inside of watch_from .. watch_to
    uint32_t watch_from;
    uint32_t watch_to;
};

/** Told of every operation before it is carried out, in the life's process. */
typedef void (*nor_physics_observer)(void *context, enum nor_operation op, uint32_t address,
                                     uint32_t len);

struct nor_physics {
    esp_flash_t chip;          // must be first
    struct nor_shared *shared; // with everything below in memory that forked processes share
    uint8_t *cells;            // size bytes: what stands there
    uint8_t *unstable;         // size bytes: bits that read by chance
    uint8_t *weak;             // size bytes: bits that will flip at the power-on in due[]
    uint8_t *synced;           // size bytes: with has_cache, a sector as it was at the last sync
    uint32_t *due;             // [sectors]: 0: no weak bits
    uint32_t *wear;            // [sectors]: erases
    uint8_t *touched;          // [sectors]: changed since nor_physics_restore()
    uint8_t *cached;           // [sectors]: changed since the last sync
    nor_physics_observer observer;
    void *observer_context;
};

/**
 * Makes an erased chip.
 * @param size  bytes, a multiple of 64 KiB, at most 256 MiB
 * @return ESP_OK; ESP_ERR_INVALID_SIZE; ESP_ERR_NO_MEM. Give it to nor_physics_close()
 */
esp_err_t nor_physics_open(uint32_t size, struct nor_physics **out) ESP_MUST_CHECK;

/** Gives the memory back; NULL is harmless. */
void nor_physics_close(struct nor_physics *physics);

/** Back to these size bytes, healthy, with no plan and all counts 0. Costs only what was touched since the last time. */
void nor_physics_restore(struct nor_physics *physics, const uint8_t *bytes);

/** From now on nor_physics_restore() starts from what stands there. */
void nor_physics_adopt(struct nor_physics *physics);

/** The power goes while nothing is written: of a cache, what was not synced is there or lost, by this seed. */
void nor_physics_power_off(struct nor_physics *physics, uint32_t seed);

/** The power comes on: a new life begins, and weak bits whose time has come decay. */
void nor_physics_power_on(struct nor_physics *physics);

#ifdef __cplusplus
}
#endif
