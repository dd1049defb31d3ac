/** A proof: what the command line asks for, the device that is made of it, what is tried, and what was found. */
#pragma once

#include "flash_encryption.h"
#include "image_file.h"
#include "powercut.h"
#include "trust.h"
#include "trust_store.h"

#define PROVE_PART_MAX      16
#define PROVE_RECORD_MAX    262144u // chosen: cases that the pictures show
#define PROVE_OPERATION_MAX 8192u
#define PROVE_NAMES_LEN     400u // chosen: names of partitions, for people

/** Images of the world; in that of the rotation AGAIN is the new firmware signed by the new key alone. */
enum prove_image {
    PROVE_OLD = 1,
    PROVE_NEW,
    PROVE_AGAIN,
    PROVE_UNSIGNED, // the new image without its signature
    PROVE_FORGED,   // the new image with two changed bytes, right in everything but the signature
    PROVE_IMAGE_COUNT,
};

/** Where the device keeps whom it believes. */
enum prove_trust {
    PROVE_TRUST_NOBODY, // no signature is needed
    PROVE_TRUST_BUILD,  // v1: the key compiled in
    PROVE_TRUST_STORE,  // the partition ota_trust
    PROVE_TRUST_EFUSES, // Secure Boot
};

/** "trust_store" and so on; for people "the trust store". */
extern const char *const PROVE_TRUST_NAMES[];
extern const char *const PROVE_TRUST_TEXTS[];

/** One operation of an update that nobody cut. */
struct prove_operation {
    uint32_t address;
    uint32_t len;
    uint8_t is_erase;
};

/** What the application does. */
enum prove_action {
    PROVE_ACT_UPDATE,
    PROVE_ACT_REFUSE, // the served image must be refused
    PROVE_ACT_ROTATE, // an update, and the trust store must follow it
};

struct prove;

struct prove_part {
    struct powercut_scenario scenario; // first: the engine's hooks get this
    struct powercut_extra extra;
    const struct prove *prove;
    enum prove_action action;
    const char *title;          // for people
    const char *claim;          // what it shows, one sentence
    struct trust_record before; // sequence 0: no trust store
    struct trust_record after;
    uint8_t revoked_slots; // of eFuse keys
    struct powercut_totals totals;
    struct powercut_record *records;
    uint32_t record_count;
    struct prove_operation *operations; // shared with the lives that are traced
    uint32_t operation_count;
    uint32_t cut_operations; // of these, how many were cut
};

/** Faults of the chip that are not power cuts, each in an update of its own. */
enum prove_fault {
    PROVE_FAULT_READ,      // one read fails
    PROVE_FAULT_OPERATION, // one program or erase fails
    PROVE_FAULT_SECTOR,    // a sector can no longer be changed
    PROVE_FAULT_STUCK,     // a bit can no longer be changed
    PROVE_FAULT_COUNT,
};

/** "read" and so on; for people "a read fails once". */
extern const char *const PROVE_FAULT_NAMES[PROVE_FAULT_COUNT];
extern const char *const PROVE_FAULT_TEXTS[PROVE_FAULT_COUNT];

struct prove_faults {
    uint32_t tried[PROVE_FAULT_COUNT];
    uint32_t fired[PROVE_FAULT_COUNT];
    uint32_t updated[PROVE_FAULT_COUNT]; // the update was completed all the same
    uint32_t failures;
    char failure[256]; // the first
};

struct prove {
    // asked for
    const char *old_path;
    const char *new_path;
    const char *patch_path;
    const char *partitions;
    const char *report;
    const char *replay;
    const struct chip_traits *chip;
    const char *keys[TRUST_MAX + 1]; // behind the last NULL
    struct trust trust;
    bool has_rollback;
    bool rollback;
    bool is_long;
    bool is_encrypted;
    bool wants_efuses;
    unsigned jobs;
    // loaded
    struct cli_bytes files[PROVE_IMAGE_COUNT]; // of OLD and NEW; the others are made
    struct cli_bytes patch;
    struct image_info infos[PROVE_NEW + 1];
    char names[PROVE_NEW + 1][80];
    char digests[PROVE_NEW + 1][65]; // SHA-256 of the files
    enum prove_trust trusts;
    enum signature_scheme scheme;
    struct cli_bytes chain[PROVE_AGAIN + 1]; // images of the rotation
    struct flash_encryption *cipher;
    esp_partition_info_t table[ESP_PARTITION_TABLE_MAX_ENTRIES];
    struct powercut_image sent; // the patch
    struct powercut_world world;
    struct powercut_world patch_world;
    struct powercut_world chain_world;
    // tried
    struct prove_part parts[PROVE_PART_MAX];
    uint32_t part_count;
    const char *no_rotation; // why there is none; NULL: there is one, or no keys
    struct prove_faults faults;
    double seconds;
    char command[2048]; // that repeats all of it
};

// ----------------------------------------------------------------------- the device

/** Loads both images, the patch and the table, and judges them. On failure says so and returns false. */
bool prove_load(struct prove *prove);

/** Frees what was loaded. */
void prove_unload(struct prove *prove);

/** The entry of the table with this type and subtype; NULL: none. */
const esp_partition_info_t *prove_find(const struct prove *prove, uint8_t type, uint8_t subtype);

/** The partition of the trust store; NULL: none. */
const esp_partition_info_t *prove_find_store(const struct prove *prove);

// ----------------------------------------------------------------------- whom it believes

/** Loads the keys. On failure says so and returns false. */
bool prove_load_keys(struct prove *prove);

/** Judges the images by the keys and makes the images that must be refused. On failure says so and returns false. */
bool prove_load_trust(struct prove *prove);

/** Adds the parts that are about signatures. On failure says so and returns false. */
bool prove_add_trust_parts(struct prove *prove);

/** At every power-on: what the device believes; a powercut_extra.power_on. */
void prove_power_on(const struct powercut_scenario *scenario, struct boot_handover *handover,
                    struct boot_request *request, struct powercut_life *life);

/** Lays out the trust store; a powercut_extra.put. */
bool prove_put_store(const struct powercut_scenario *scenario, uint8_t *bytes);

/** Whether the trust store says what it should in the end. */
bool prove_has_rotated(const struct prove_part *part);

// ----------------------------------------------------------------------- what is tried

/** A new part: the update from OLD to NEW, over an OLD in the other slot too. */
struct prove_part *prove_add_part(struct prove *prove, const char *name, const char *title,
                                  const char *claim);

/** Fills prove->parts. On failure says so and returns false. */
bool prove_add_parts(struct prove *prove);

/** Cuts a part. On failure says so and returns false. */
bool prove_sweep_part(const struct prove *prove, struct prove_part *part);

/** Tries the faults of the chip. On failure says so and returns false; that an update does not stand them is no failure. */
bool prove_try_faults(struct prove *prove);

/** Sums of all parts. */
struct powercut_totals prove_sum(const struct prove *prove);

/** Operations of all parts, and how many of them were cut. */
void prove_count_operations(const struct prove *prove, uint64_t *all, uint64_t *cut);

/** Partitions and bytes that no update touches, and that were compared after every power-on. */
void prove_count_others(const struct prove *prove, uint32_t *partitions, uint64_t *bytes);

/** Their names; cut when too many. @return buf */
const char *prove_others_text(const struct prove *prove, char buf[PROVE_NAMES_LEN]);

/** Shows the case of --replay step by step. @return an enum cli_exit */
int prove_replay(const struct prove *prove);

// ----------------------------------------------------------------------- the report

/** Writes the report; on failure says so and returns false. */
bool prove_write_report(const struct prove *prove, const char *path);

/** Text of others in HTML. */
void prove_put_text(FILE *to, const char *text);

/** The pictures: states after a cut, the flash map of a part, its cuts. */
void prove_put_states(FILE *to, const struct prove *prove);
void prove_put_flash_map(FILE *to, const struct prove_part *part);
void prove_put_cuts(FILE *to, const struct prove_part *part);

/** "--replay SCENARIO:CUTS" of a part's first failure. @return buf */
const char *prove_case_text(const struct prove_part *part, char *buf, size_t size);
