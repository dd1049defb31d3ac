/**
 * Updates on flash: begin, write, end; choose what boots; confirm or roll back.
 *
 * fact: names, values and contracts as in ESP-IDF (v4.0 to v6.2-dev), app_update: esp_ota_ops.h. What differs on purpose is
 * marked "differs:" and listed in docs/differences.md. All calls block; different sessions may run in different threads.
 */
#pragma once

#include "bootloader_common.h"
#include "esp_app_desc.h"
#include "esp_app_format.h"
#include "esp_bootloader_desc.h"
#include "esp_err.h"
#include "esp_flash_partitions.h"
#include "esp_partition.h"
#include "esp_system.h" // esp_restart(): in ESP-IDF FreeRTOS.h brings it, and applications rely on that

#ifdef __cplusplus
extern "C" {
#endif

#define OTA_SIZE_UNKNOWN 0xffffffffu // begin: erase the whole partition
#define OTA_WITH_SEQUENTIAL_WRITES                                                                 \
    0xfffffffeu // begin: erase nothing; each write erases the sectors it enters

/** Names one update session; never 0. */
typedef uint32_t esp_ota_handle_t;

// ----------------------------------------------------------------------- a session

/**
 * Begins an update of partition and erases what will be written.
 * @param image_size  bytes to come: that much is erased, rounded up to sectors; 0 or OTA_SIZE_UNKNOWN: everything;
 *                    OTA_WITH_SEQUENTIAL_WRITES: nothing yet
 * @param[out] out_handle  owned by the caller until esp_ota_end() or esp_ota_abort()
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or an app partition that is no OTA slot;
 *         ESP_ERR_NOT_FOUND: not in the partition table; ESP_ERR_OTA_PARTITION_CONFLICT: the running partition;
 *         ESP_ERR_OTA_ROLLBACK_INVALID_STATE: rollback is on and the running image is unconfirmed;
 *         ESP_ERR_OTA_ALREADY_IN_PROGRESS: another session writes there; ESP_ERR_INVALID_SIZE: image_size exceeds
 *         the partition; the error of completing a copy that is pending there, see esp_ota_finish_pending_copy(); ESP_ERR_NO_MEM; or the flash error of the erase
 *         differs: a failed erase ends the session and frees it
 * A boot record with a wrong CRC beside a good one is erased: a cut left it, and it must not name this slot later.
 * Cut: the boot choice is as before.
 */
esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size,
                        esp_ota_handle_t *out_handle) ESP_MUST_CHECK;

/**
 * Continues an update whose first image_offset bytes stand on flash already; nothing is erased now, and otadata is not touched.
 * With image_offset 0 it is a beginning: what is written is verified in flight, as after esp_ota_begin().
 * @param erase_size    OTA_WITH_SEQUENTIAL_WRITES: writes erase the sectors they enter; anything else: erased already
 * @param image_offset  bytes that are kept; what lies behind them in the same sector must be erased
 * @return as esp_ota_begin; ESP_ERR_INVALID_ARG: also when image_offset exceeds the partition, or is
 *         no multiple of 16 and the partition is encrypted
 * Cut: the boot choice is as before.
 */
esp_err_t esp_ota_resume(const esp_partition_t *partition, const size_t erase_size,
                         const size_t image_offset, esp_ota_handle_t *out_handle) ESP_MUST_CHECK;

/**
 * Names the partition the image is meant for when it is first written elsewhere. Call before the first write.
 * @param finalize_with_copy  esp_ota_end() copies the verified image there, protected by a record; see esp_ota_ext.h
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND: unknown handle or partition;
 *         ESP_ERR_INVALID_STATE: bytes were written already
 *         differs: with finalize_with_copy also, before anything is written: ESP_ERR_NOT_ALLOWED: final is read-only;
 *         ESP_ERR_OTA_PARTITION_CONFLICT: it is the running partition; ESP_ERR_INVALID_ARG: it overlaps the staging
 *         partition; ESP_ERR_OTA_ALREADY_IN_PROGRESS: another session or copy uses it; ESP_ERR_NOT_SUPPORTED: one of both
 *         is not on the main chip; or the error of completing a copy that is pending there
 */
esp_err_t esp_ota_set_final_partition(esp_ota_handle_t handle, const esp_partition_t *final,
                                      bool finalize_with_copy) ESP_MUST_CHECK;

/**
 * Appends size bytes, and reads back what was programmed. Of an encrypted partition only whole blocks of 16 bytes are
 * programmed; the rest waits for the next call or for esp_ota_end(), which fills it up with 0 or 0xFF, as ESP-IDF does.
 * The first byte of an application or bootloader must be 0xE9, the first word of a partition table 0x50AA.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL data or unknown handle; ESP_ERR_OTA_VALIDATE_FAILED: wrong first bytes,
 *         nothing erased or written; ESP_ERR_INVALID_SIZE: past the end of the partition, nothing written;
 *         ESP_ERR_FLASH_OP_FAIL: flash does not hold what was written; or the flash error
 * Cut: the boot choice is as before; the partition holds a part of the image.
 */
esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size) ESP_MUST_CHECK;

/**
 * Writes size bytes at offset, into flash that begin erased. Not to be mixed with esp_ota_write().
 * @return as esp_ota_write; ESP_ERR_INVALID_ARG: also when the partition is encrypted and size or offset is no multiple of
 *         16; ESP_ERR_INVALID_STATE: the session erases on the fly (differs: ESP-IDF aborts)
 */
esp_err_t esp_ota_write_with_offset(esp_ota_handle_t handle, const void *data, size_t size,
                                    uint32_t offset) ESP_MUST_CHECK;

/**
 * Ends a session: verifies the image as it stands on flash, copies it to the final partition if asked to, makes it durable.
 * The boot choice does not change. The handle is freed in every case.
 * @return ESP_OK; ESP_ERR_NOT_FOUND: unknown handle; ESP_ERR_INVALID_ARG: nothing was written (to an
 *         encrypted partition: less than 16 bytes); ESP_ERR_OTA_VALIDATE_FAILED: the image is not valid (the reason is logged); ESP_ERR_INVALID_SIZE: it does not
 *         fit the final partition; ESP_ERR_NOT_SUPPORTED: no OTA slot has room for the record that protects the copy;
 *         or the flash error
 * Cut: the staged image is whole; a copy that had begun is completed by esp_ota_finish_pending_copy().
 */
esp_err_t esp_ota_end(esp_ota_handle_t handle) ESP_MUST_CHECK;

/** Ends a session without verifying. @return ESP_OK; ESP_ERR_NOT_FOUND: unknown handle */
esp_err_t esp_ota_abort(esp_ota_handle_t handle) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- what boots

/**
 * Makes partition boot next, after verifying its image (not again when esp_ota_end() just did and nothing touched it since).
 * factory: otadata is erased.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, not an app, or no usable slot (differs: also the test partition);
 *         ESP_ERR_OTA_VALIDATE_FAILED; ESP_ERR_NOT_FOUND: no otadata partition, or partition not in the table;
 *         ESP_ERR_OTA_SMALL_SEC_VER: anti-rollback refuses it, and the image was erased; or the flash error
 * Cut: the old choice or the new one; see otadata.h.
 */
esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition) ESP_MUST_CHECK;

/** As esp_ota_set_boot_partition, without verifying the image. The bootloader still does. */
esp_err_t esp_ota_set_boot_partition_skip_validate(const esp_partition_t *partition) ESP_MUST_CHECK;

/** What otadata selects (images are not looked at), or the default: factory, first OTA slot, test; NULL: none, no otadata. */
const esp_partition_t *esp_ota_get_boot_partition(void);

/** The partition the running application was started from; NULL when no application runs on this flash. */
const esp_partition_t *esp_ota_get_running_partition(void);

/**
 * Where the next update goes: the next OTA slot after start_from, else the lowest one.
 * @param start_from  NULL: the running partition
 * @return NULL: no OTA slot other than start_from (differs: ESP-IDF answers a single slot that is running),
 *         or start_from is not in the table (differs: ESP-IDF aborts)
 */
const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start_from);

/** OTA slots in the unbroken run ota_0, ota_1, ... */
uint8_t esp_ota_get_app_partition_count(void);

// ----------------------------------------------------------------------- what stands where

/**
 * Reads the application descriptor of a partition.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_SUPPORTED: not an app; ESP_ERR_NOT_FOUND: no descriptor there;
 *         or the flash error. *app_desc is written on success only.
 */
esp_err_t esp_ota_get_partition_description(const esp_partition_t *partition,
                                            esp_app_desc_t *app_desc) ESP_MUST_CHECK;

/**
 * Reads the bootloader descriptor of a partition; NULL: of the primary bootloader.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: desc is NULL; ESP_ERR_NOT_FOUND: no descriptor there; or the flash error
 */
esp_err_t esp_ota_get_bootloader_description(const esp_partition_t *bootloader_partition,
                                             esp_bootloader_desc_t *desc) ESP_MUST_CHECK;

/**
 * Checks what a header tells about fitness for this device.
 * @param app_desc  NULL: the SPI mode is not compared
 * @return ESP_OK; ESP_ERR_INVALID_ARG: no header, or a type without images; ESP_ERR_INVALID_VERSION: another chip or
 *         revision; ESP_ERR_OTA_SPI_MODE_MISMATCH: built for another SPI flash mode than the running image
 */
esp_err_t esp_ota_check_image_validity(esp_partition_type_t part_type,
                                       const esp_image_header_t *img_hdr,
                                       const esp_app_desc_t *app_desc) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- confirm and roll back

/**
 * Confirms the running image; the bootloader will not roll back from it. When it was confirmed before, this completes what
 * a cut behind its record left out: the secure version, and the keys of a trust store that rotates.
 * @return ESP_OK, also when it was confirmed before; ESP_ERR_NOT_FOUND: no otadata partition; ESP_FAIL: no active record
 *         (the factory application runs); or the flash or eFuse error
 * Cut: between erase and write the record is lost, and the previous slot boots.
 */
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) ESP_MUST_CHECK;

/**
 * Refuses the running image; another one boots next. Does not restart.
 * @return ESP_OK; ESP_ERR_OTA_ROLLBACK_FAILED: no other image could boot, nothing changed; else as
 *         esp_ota_mark_app_valid_cancel_rollback
 */
esp_err_t esp_ota_mark_app_invalid_rollback(void) ESP_MUST_CHECK;

/** As esp_ota_mark_app_invalid_rollback, then restarts. Returns on failure only. */
esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void) ESP_MUST_CHECK;

/** The OTA slot whose image was refused or not confirmed, if that image is still whole; else NULL. */
const esp_partition_t *esp_ota_get_last_invalid_partition(void);

/**
 * State of an OTA slot, from the newest record that names it (differs: ESP-IDF takes the first).
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_SUPPORTED: not an OTA slot; ESP_ERR_NOT_FOUND: no record
 */
esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition,
                                      esp_ota_img_states_t *ota_state) ESP_MUST_CHECK;

/**
 * Erases the application that booted before this one, and its record.
 * @return ESP_OK; ESP_FAIL: no otadata, no active record, no other record, or it names the running slot; or the flash error
 */
esp_err_t esp_ota_erase_last_boot_app_partition(void) ESP_MUST_CHECK;

/** As esp_ota_erase_last_boot_app_partition, but only the record. */
esp_err_t esp_ota_invalidate_inactive_ota_data_slot(void) ESP_MUST_CHECK;

/** Whether another image could boot if the running one were refused. */
bool esp_ota_check_rollback_is_possible(void);

// ----------------------------------------------------------------------- keys of Secure Boot

typedef enum {
    SECURE_BOOT_PUBLIC_KEY_INDEX_0,
    SECURE_BOOT_PUBLIC_KEY_INDEX_1,
    SECURE_BOOT_PUBLIC_KEY_INDEX_2,
} esp_ota_secure_boot_public_key_index_t;

/**
 * Revokes a key of Secure Boot v2, for ever, if the device boots without it: what runs is confirmed, and it and the
 * bootloader each carry a right signature by another key that is trusted.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: no such index; ESP_ERR_NOT_SUPPORTED: the chip cannot revoke; ESP_FAIL: Secure Boot
 *         is off, what runs is not confirmed, image or bootloader would not verify, or the eFuses cannot be read or written.
 *         On failure nothing is burnt
 * Cut: revoked or not; a single bit.
 * differs: a flash without a bootloader, as virtual devices have it, is judged by its application; without rollback only
 * an image that waits for its confirmation is refused.
 */
esp_err_t
esp_ota_revoke_secure_boot_public_key(esp_ota_secure_boot_public_key_index_t index) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- names before v5.0

/** Old name of esp_app_get_description(). */
const esp_app_desc_t *esp_ota_get_app_description(void);

/** Old name of esp_app_get_elf_sha256(). */
int esp_ota_get_app_elf_sha256(char *dst, size_t size);

#ifdef __cplusplus
}
#endif
