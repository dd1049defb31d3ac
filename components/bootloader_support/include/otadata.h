/**
 * otadata: two records that say which OTA slot boots, and in which state it is.
 *
 * Codec and rules shared by bootloader and application; the bytes are in SPEC.md "otadata". No heap.
 */
#pragma once

#include "esp_flash.h"
#include "esp_flash_partitions.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OTADATA_RECORD_COUNT 2
#define OTADATA_SECTOR_SIZE  0x1000u // fact: record i stands at i * this
#define OTADATA_MIN_SIZE     0x2000u // fact: a smaller partition holds no two records
#define OTADATA_SEQ_EMPTY    UINT32_MAX
#define OTADATA_NONE         (-1)

/** CRC of a sequence number as it is stored in a record. */
uint32_t otadata_crc(uint32_t seq);

/** Empty, INVALID or ABORTED; the CRC is not looked at. */
bool otadata_is_bad(const esp_ota_select_entry_t *record);

/** Not bad, and the CRC is right: may be followed. */
bool otadata_is_good(const esp_ota_select_entry_t *record);

/** Empty or with a wrong CRC; the state is not looked at. */
bool otadata_is_blank(const esp_ota_select_entry_t *record);

/** Index of the good record with the larger sequence number (equal: 0), or OTADATA_NONE. */
int otadata_active(const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]);

/** OTA slot that a sequence number means among slot_count > 0 slots. */
uint32_t otadata_slot(uint32_t seq, uint32_t slot_count);

/** What set_boot_partition writes: into which sector, and the record. */
struct otadata_change {
    int index;
    esp_ota_select_entry_t record;
};

/**
 * The change that makes slot boot next.
 * @param slot   below slot_count
 * @param state  ESP_OTA_IMG_NEW with rollback, else ESP_OTA_IMG_UNDEFINED
 * @return ESP_OK; ESP_ERR_INVALID_STATE: sequence numbers are used up (erase otadata to start again)
 */
esp_err_t otadata_plan(const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT], uint32_t slot,
                       uint32_t slot_count, uint32_t state,
                       struct otadata_change *out) ESP_MUST_CHECK;

/** Reads both records of the partition at address. @return ESP_OK or the flash error */
esp_err_t otadata_read(esp_flash_t *chip, uint32_t address,
                       esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]) ESP_MUST_CHECK;

/**
 * Makes everything before durable, replaces one record, reads it back and makes that durable. One that stands there already
 * is programmed once more and never erased.
 * @return ESP_OK; ESP_ERR_FLASH_OP_FAIL: it does not read back as written; or the flash error
 * Cut: the other record is untouched; this one is the old one, gone, or whole: its CRC stands last in one write.
 */
esp_err_t otadata_write(esp_flash_t *chip, uint32_t address, int index,
                        const esp_ota_select_entry_t *record) ESP_MUST_CHECK;

/**
 * Erases a record with a wrong CRC beside a good one. A cut can have left it so that it reads differently another time:
 * it must not name a slot that an update is about to erase.
 * Errors: those of the flash chip. Cut: the record is torn or erased, and the other one counts.
 */
esp_err_t
otadata_drop_torn(esp_flash_t *chip, uint32_t address,
                  const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]) ESP_MUST_CHECK;

/** "NEW", "PENDING_VERIFY", ... of a state; "UNKNOWN" for other values. Never NULL. */
const char *otadata_state_name(uint32_t state);

#ifdef __cplusplus
}
#endif
