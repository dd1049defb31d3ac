/**
 * What a device will do at its next power-ons, what is wrong with that, and the changes to otadata that put it right.
 *
 * Nothing here decides anew: every prediction is boot_select() itself, on records as they will be by then. No heap, no
 * threads.
 */
#pragma once

#include "boot_select.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BOOT_EXPLAIN_BOOTS 4 // this power-on and the next three resets
#define BOOT_FINDING_MAX   24
#define BOOT_REPAIR_MAX    4

enum boot_finding_kind {
    BOOT_FINDING_NOTHING_BOOTS,
    BOOT_FINDING_OTADATA_TOO_SMALL, // the bootloader resets for ever
    BOOT_FINDING_BROKEN_CHOICE, // otadata selects `slot`, which does not load; it is tried first at every boot
    BOOT_FINDING_NO_WAY_BACK, // `slot` is not confirmed, and nothing else loads when it is given up
    BOOT_FINDING_TORN_RECORD, // `record` has a wrong CRC
    BOOT_FINDING_SAME_SLOT, // both records may be followed and name `slot`; `record` is the older one
    BOOT_FINDING_ALL_REFUSED,   // every record is INVALID or ABORTED, and `slot` boots all the same
    BOOT_FINDING_UNKNOWN_STATE, // `record` has a state nobody writes; it counts as VALID
    BOOT_FINDING_LAST_SEQ,      // no sequence number is left for another choice
    BOOT_FINDING_BEHIND_HOLE,   // `slot` can never be chosen: the numbering of the slots has a hole
    BOOT_FINDING_OVERLAP,       // partitions of `slot` and `other` share flash
};

#define BOOT_INDEX_OTADATA (-3) // in findings only

struct boot_finding {
    enum boot_finding_kind kind;
    int record; // 0, 1; -1: the finding is about no record
    int slot;   // as BOOT_INDEX_*
    int other;
    bool is_repairable; // boot_repair_plan() has a step for it
};

/** One change to otadata. */
struct boot_repair_step {
    enum boot_finding_kind cause;
    bool erases; // the record's sector is erased; else record is written there
    struct otadata_change change;
};

struct boot_explanation {
    esp_err_t error; // of boot_select(), if not ESP_OK: nothing is predicted
    struct boot_decision boots[BOOT_EXPLAIN_BOOTS];
    struct boot_finding findings[BOOT_FINDING_MAX];
    uint32_t finding_count;
    struct boot_repair_step steps[BOOT_REPAIR_MAX]; // in the order in which they are to be done
    uint32_t step_count;
};

/**
 * Explains the next power-ons if the firmware neither confirms nor refuses itself. Writes nothing.
 * @param request  dry_run and burn_secure_version are not looked at
 * @return ESP_OK, also when nothing boots or otadata is too small (see error); or the flash error
 */
esp_err_t boot_explain(const struct boot_request *request,
                       struct boot_explanation *out) ESP_MUST_CHECK;

/**
 * Does the planned steps. None of them changes what the next power-ons start.
 * @return ESP_OK; ESP_ERR_INVALID_STATE: the records are not those that were explained, nothing was done;
 *         ESP_ERR_FLASH_OP_FAIL: a record does not read back as written; or the flash error
 * Cut: some of the steps are done; what boots is the same in between, and explaining anew finds the rest.
 */
esp_err_t boot_repair(const struct boot_request *request,
                      const struct boot_explanation *explanation) ESP_MUST_CHECK;

/** Word for JSON, e.g. "torn_record". Never NULL. */
const char *boot_finding_name(enum boot_finding_kind kind);

#ifdef __cplusplus
}
#endif
