/**
 * The bootloader's decision: which partition starts, what is written to otadata on the way, and why.
 *
 * Decides as ESP-IDF's second-stage bootloader does, oddities included; the truth table is in DESIGN.md.
 * No heap, no threads.
 */
#pragma once

#include "boot_handover.h"
#include "boot_slots.h"
#include "boot_tally.h"
#include "image_verify.h"
#include "otadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Index of what is booted: an OTA slot number >= 0, or one of these. */
#define BOOT_INDEX_FACTORY (-1) // as a selection also: "factory, or else the first that loads"
#define BOOT_INDEX_TEST    (-2)
#define BOOT_INDEX_NONE    (-99)

#define BOOT_TRY_MAX (BOOT_SLOT_MAX + 2)

enum boot_reason {
    BOOT_REASON_RECORD,       // the active otadata record names it
    BOOT_REASON_NO_OTADATA,   // the table has no otadata partition
    BOOT_REASON_NO_RECORD,    // otadata is empty, or holds only refused records: the default
    BOOT_REASON_BAD_CRC,      // records are there but none has a right CRC: the default
    BOOT_REASON_ROLLED_BACK,  // the newer image was not confirmed; its record is now ABORTED
    BOOT_REASON_FALLBACK,     // what was selected does not load; the next that does
    BOOT_REASON_NOT_BOOTABLE, // nothing loads
    BOOT_REASON_CRASH_LOOP, // extension: the chosen image started too often without being healthy; now ABORTED
};

/** One partition that was tried, and the verdict on its image. */
struct boot_try {
    int index;
    enum image_fault fault;
};

struct boot_decision {
    int selected; // from otadata; BOOT_INDEX_FACTORY: none
    int booted;   // BOOT_INDEX_NONE: nothing loads, the chip would reset and try again
    enum boot_reason reason;
    esp_partition_pos_t partition; // of what is booted
    struct image_info image;       // of what is booted
    struct boot_try tries[BOOT_TRY_MAX];
    uint32_t try_count;
    bool has_otadata;
    esp_ota_select_entry_t before[OTADATA_RECORD_COUNT];
    esp_ota_select_entry_t after[OTADATA_RECORD_COUNT]; // what would be written, in a dry run
    struct boot_tally tally[OTADATA_RECORD_COUNT];      // with the extensions: after the decision
    bool has_created_record;                            // an empty otadata got its first record
    uint32_t secure_version; // of the device after the decision (anti-rollback)
};

struct boot_request {
    esp_flash_t *chip;
    struct chip_identity identity;
    const struct boot_slots *slots;
    bool rollback; // implied by anti_rollback
    bool anti_rollback;
    bool dry_run;                             // decide, but write nothing
    const struct signature_policy *signature; // what an image must be signed with; NULL: nothing
    /** In a dry run: the two records, in place of those on flash. NULL: those on flash. */
    const esp_ota_select_entry_t *records;
    /** In a dry run: the two counts, in place of those on flash. NULL: those on flash. */
    const struct boot_tally *tally;
    /** Extension: how often an unconfirmed image is started before it is given up. 0 and 1: once, as ESP-IDF. */
    uint32_t attempts;
    /** Extension: after so many starts in a row without esp_ota_mark_healthy() a chosen image is given up, if another
     *  one loads. 0: never, as ESP-IDF. */
    uint32_t crash_limit;
    uint32_t secure_version; // of the device: eFuse bits burnt
    /** Raises the device's secure version; called only with anti_rollback and without dry_run. NULL: not burnt. */
    esp_err_t (*burn_secure_version)(void *context, uint32_t version);
    void *burn_context;
};

/**
 * Decides one boot. The decision is complete in every case, also when nothing boots.
 * @return ESP_OK, even when nothing is bootable (see booted); ESP_ERR_INVALID_SIZE: otadata is smaller than 0x2000;
 *         or the error of reading the records. What cannot be written or burnt is logged and stops nothing: a device with a
 *         defective sector or fuse boots all the same
 * Cut: at most one record is lost (see otadata_write); the next boot decides with what is left.
 */
esp_err_t boot_select(const struct boot_request *request, struct boot_decision *out) ESP_MUST_CHECK;

/** "ota_0", "factory", "test" or "none"; buf holds at least 8 bytes. @return buf */
const char *boot_index_name(int index, char buf[8]);

/** Word for JSON, e.g. "rolled_back". Never NULL. */
const char *boot_reason_name(enum boot_reason reason);

/** One phrase for people. Never NULL. */
const char *boot_reason_text(enum boot_reason reason);

#ifdef __cplusplus
}
#endif
