/**
 * What this implementation offers beyond esp_ota_ops.h: a resume journal, a resume that trusts nothing, and staged
 * updates that survive a power cut. All calls block.
 */
#pragma once

#include "esp_ota_ops.h"
#include "image_policy.h"

#ifdef __cplusplus
extern "C" {
#endif

// ----------------------------------------------------------------------- erasing and programming
//
// A session with OTA_WITH_SEQUENTIAL_WRITES erases as it goes: a sector that holds the wanted bytes is programmed once
// more without an erase, anything else is erased in the largest unit of the chip that begins there and does not reach beyond the image.
// What was erased since the power came on, by whomever, and not programmed since is used as it is: an application with nothing to do
// may erase its passive slot, image to roll back to included, and save the next update that time.
// A caller who knows more than the chip can tell says so with is_settled.
// Sectors are compared when a write brings at least 4096 bytes for them. Bytes are read back once, when they are programmed.

#define ESP_OTA_ERASE_AHEAD_MAX                                                                    \
    1048576u // chosen: after a power cut no more than this has to be erased once more

/** How a session works on flash. Zero is the default of every member. */
typedef struct {
    uint32_t image_size; // bytes that will be written: nothing behind them is erased; 0: not known
    uint32_t
        erase_size_max; // largest erase at once, in bytes, for devices that must not stand still; 0: the chip's largest
    uint32_t
        erase_ahead; // bytes that esp_ota_erase_ahead() may erase whatever is in them, at most ESP_OTA_ERASE_AHEAD_MAX
    /** No power cut, reset or unplugged programmer ever met a write to this partition, or its medium has no states in between
     *  (a file): a sector that reads as wanted is left alone, and one that reads blank is not erased. What a journal says was
     *  interrupted is erased all the same. Untrue, it makes an image of weak bits: verified, booted, and gone some days later. */
    bool is_settled;
    /** Called in between flash operations of esp_ota_write(), in the caller's thread: other work gets its turn. Must not
     *  use the session. NULL: none. */
    void (*yield)(void *context);
    void *yield_context;
} esp_ota_tuning_t;

/**
 * Tunes an open session, from its next write on. What esp_ota_begin() erases at once is not concerned.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL or unknown handle
 */
esp_err_t esp_ota_tune(esp_ota_handle_t handle, const esp_ota_tuning_t *tuning) ESP_MUST_CHECK;

/**
 * Erases one unit ahead of the next write, for a caller that has to wait for bytes anyway: as far as erase_ahead allows, and
 * the first unit of the slot; nothing behind image_size. Erasing is not faster for being done early: it pays where the
 * wait is long, as while connecting.
 * @return ESP_OK: one unit is done; ESP_ERR_NOT_FOUND: there is nothing to do now; ESP_ERR_INVALID_ARG: unknown handle; or
 *         the flash error
 * Cut: the unit holds anything; it is behind all bytes that were written.
 */
esp_err_t esp_ota_erase_ahead(esp_ota_handle_t handle) ESP_MUST_CHECK;

/**
 * What this device asks of a new application beyond its signature: project, version, size; see trust_store.h. All of it can
 * be judged with image_check_header() before anything is erased; esp_ota_write() and esp_ota_end() ask for it in any case.
 * Errors: ESP_ERR_INVALID_ARG (NULL), or the flash error.
 */
esp_err_t esp_ota_get_image_policy(struct image_policy *policy) ESP_MUST_CHECK;

/** Whether esp_ota_revoke_secure_boot_public_key() would do it; burns nothing. Logs what is against it. @return as there */
esp_err_t esp_ota_check_revocation(esp_ota_secure_boot_public_key_index_t index) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- resume journal
//
// The last two sectors of a slot that is not running hold which image is being written there and how far it is. They are
// used only as long as the image leaves them free; the slot's partition table entry and the bootloader know nothing of them.
// One sector is in charge at a time, the one with the higher generation. All numbers are little endian; reserved bytes are
// 0xFF. CRC-32: reflected, polynomial 0xEDB88320, start and final inversion as in zlib.
//
//     sector header, 288 bytes                          progress record, record_len bytes, from byte 288 on
//       0   4  magic "OTAJ" (0x4A41544F)                  0   4  magic "OTAP" (0x5041544F)
//       4   2  version, 1                                 4   4  image_offset
//       6   2  record_len: 48, or 304 with stages         8   8  entity_offset
//       8   4  generation, 1 and up                      16  16  digest
//      12   4  reserved                                  32   2  state_len
//      16   8  total_len                                 34   2  reserved
//      24  32  url_digest                                36      state: 0 or 256 bytes, filled up with 0xFF
//      56  32  first_block_digest                             8  reserved
//      88  48  last_modified, filled up with 0                4  CRC-32 of the header's CRC and the record before it
//     136 128  etag, filled up with 0
//     264   4  stages
//     268  16  reserved
//     284   4  CRC-32 of the 284 bytes before it
//
// A sector whose magic is overwritten with 0 is cleared. The last record whose CRC matches counts.
//
// In an encrypted slot all of this is encrypted like the image, with these differences: 16 bytes at a multiple of 16 that would
// be 0xFF stay erased, and 16 erased bytes mean 0xFF; byte 280 of the header, 4 bytes, repeats the generation; a sector is
// cleared by programming 0 over the ciphertext of the magic, so that the first 16 bytes decrypt to noise.
//
// What an image brings along never counts: esp_ota_write() and esp_ota_write_with_offset() refuse bytes that would form a
// header there (ESP_ERR_OTA_VALIDATE_FAILED), and program the place of the magic before what follows it.

#define ESP_OTA_JOURNAL_LEN           8192u // bytes at the end of a slot
#define ESP_OTA_JOURNAL_ETAG_MAX      127
#define ESP_OTA_JOURNAL_DATE_MAX      47
#define ESP_OTA_JOURNAL_STATE_MAX     256 // fact: OTA_STAGE_STATE_MAX of ota_stage.h
#define ESP_OTA_JOURNAL_TOTAL_UNKNOWN UINT64_MAX
#define ESP_OTA_PREFIX_DIGEST_LEN     16

/** Which entity is being downloaded. */
struct esp_ota_journal_identity {
    uint64_t total_len;             // bytes of the entity; ESP_OTA_JOURNAL_TOTAL_UNKNOWN
    uint8_t url_digest[32];         // SHA-256 of the URL
    uint8_t first_block_digest[32]; // SHA-256 of the first min(4096, total_len) bytes of the entity
    char etag[ESP_OTA_JOURNAL_ETAG_MAX + 1];          // terminated; empty: none
    char last_modified[ESP_OTA_JOURNAL_DATE_MAX + 1]; // terminated; empty: none
    uint32_t
        stages; // tag of the chain of stages between network and flash; 0: none, and then no state is kept
};

/** How far it is. */
struct esp_ota_journal_progress {
    uint64_t entity_offset;                    // bytes of the entity that were consumed
    uint32_t image_offset;                     // bytes of the image that stand on flash
    uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN]; // of those, as esp_ota_get_prefix_digest() answers
    uint16_t state_len;
    uint8_t state[ESP_OTA_JOURNAL_STATE_MAX]; // of the stages, state_len bytes
};

/** A journal that is being written. The caller's memory; no clean-up. Only identity is of interest outside. */
struct esp_ota_journal {
    struct esp_ota_journal_identity identity;
    const esp_partition_t *slot; // NULL: none
    uint32_t generation;         // of the sector in charge
    uint32_t header_crc;
    uint32_t record_count; // programmed, whether they succeeded or not
    uint8_t sector;        // in charge: 0 or 1
    bool needs_new_sector; // found by load: nothing is appended to what an earlier life left
};

/**
 * Sets the two texts of an identity. A text that is NULL or does not fit becomes empty.
 */
void esp_ota_journal_set_texts(struct esp_ota_journal_identity *identity, const char *etag,
                               const char *last_modified);

/** Whether two identities are equal in everything. Texts are compared up to their end. */
bool esp_ota_journal_is_same(const struct esp_ota_journal_identity *a,
                             const struct esp_ota_journal_identity *b);

/**
 * Finds the newest progress. Reads only; the image itself is not looked at, see esp_ota_resume_verified().
 * @param[out] journal   with the identity; can be added to
 * @param[out] progress  the last complete record
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND: no journal, no complete record in it, or the slot is
 *         too small; or the flash error. Nothing is written to the out-parameters then.
 */
esp_err_t esp_ota_journal_load(const esp_partition_t *slot, struct esp_ota_journal *journal,
                               struct esp_ota_journal_progress *progress) ESP_MUST_CHECK;

/**
 * Begins a journal for a new image; what an older one knew is forgotten. Erases one sector.
 * @param slot       kept in journal; must stay listed
 * @param image_len  of the image on flash; 0: unknown
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or a text that is not terminated; ESP_ERR_INVALID_SIZE: the image needs the
 *         last two sectors, or the slot is smaller than three; ESP_ERR_OTA_PARTITION_CONFLICT: the running partition; ESP_ERR_INVALID_STATE: a copy
 *         is pending there, see esp_ota_finish_pending_copy(); or the flash error
 * Cut: load finds the older journal as it was, or nothing.
 */
esp_err_t esp_ota_journal_begin(const esp_partition_t *slot, uint32_t image_len,
                                const struct esp_ota_journal_identity *identity,
                                struct esp_ota_journal *journal) ESP_MUST_CHECK;

/**
 * Adds a record: one program operation (in an encrypted slot up to two), and every 79 records (12 with stages) one erase.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or state_len that the journal has no room for; ESP_ERR_INVALID_STATE: the
 *         journal was not begun or loaded; ESP_ERR_INVALID_SIZE: image_offset lies in the last two sectors: the image
 *         needs them, nothing was written, and no more may be added; or the flash error
 * Not made durable by itself; a record that outlives the bytes it speaks of is noticed by its digest.
 * Cut: load finds this record or the one before it.
 */
esp_err_t esp_ota_journal_add(struct esp_ota_journal *journal,
                              const struct esp_ota_journal_progress *progress) ESP_MUST_CHECK;

/**
 * Forgets the journal. Programs at most 8 bytes, erases nothing. A pending copy is left alone.
 * @return ESP_OK, also when there was none; ESP_ERR_INVALID_ARG: NULL; or the flash error
 * Cut: load finds what it found before, or nothing.
 */
esp_err_t esp_ota_journal_clear(const esp_partition_t *slot) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- resume that trusts nothing

/**
 * As esp_ota_resume() with OTA_WITH_SEQUENTIAL_WRITES, after reading the first image_offset bytes from flash and comparing
 * their digest. They are verified on the way, so that esp_ota_end() needs no second pass.
 * @param image_offset  a multiple of 4096
 * @param digest  as esp_ota_get_prefix_digest() answered it
 * @return as esp_ota_resume; ESP_ERR_INVALID_ARG: also when image_offset is not aligned; ESP_ERR_INVALID_CRC: flash holds
 *         something else, nothing was changed and no session is open
 * esp_ota_set_final_partition() after this reads the prefix once more, as the rules change.
 */
esp_err_t esp_ota_resume_verified(const esp_partition_t *partition, size_t image_offset,
                                  const uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN],
                                  esp_ota_handle_t *out_handle) ESP_MUST_CHECK;

/**
 * The first half of the SHA-256 of everything written so far, as it stands on flash. Costs no pass over flash.
 * @param[out] image_offset  bytes it covers
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL or unknown handle; ESP_ERR_NOT_SUPPORTED: not known: written at offsets,
 *         resumed without verification, bytes behind the image's checksum, or an image that is already known to be bad
 */
esp_err_t esp_ota_get_prefix_digest(esp_ota_handle_t handle, uint32_t *image_offset,
                                    uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN]) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- health

/**
 * The running application says that it is healthy: the starts that the bootloader's crash-loop guard has counted so far went
 * well. Call it once the application has done its work for a while. Without the guard (off by default) nothing is written.
 * Not the same as esp_ota_mark_app_valid_cancel_rollback(), which confirms an update once.
 * @return ESP_OK, also when nothing was counted; ESP_ERR_NOT_FOUND: no otadata partition; ESP_FAIL: no usable record, or it
 *         names another slot than the running one; or the flash error
 * Cut: some of the starts count as gone well.
 */
esp_err_t esp_ota_mark_healthy(void) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- staged updates
//
// esp_ota_end() of a session with a final partition and finalize_with_copy: verifies what is staged, writes a finalize
// record, copies sector by sector, verifies the copy, and clears the record. A cut anywhere leaves the record, and
// esp_ota_finish_pending_copy() repeats the copy. The record is a sector of the journal's mechanics with its own magic, in the
// staging slot, or, when that is no OTA slot or has no room, in another OTA slot that does not run and leaves its last two
// sectors free or holds no valid image. Where there is none, esp_ota_end() answers ESP_ERR_NOT_SUPPORTED and copies nothing.
//
//       0   4  magic "OTAF" (0x4641544F)      28   4  dst_address          44   8  reserved: 0xFF
//       4   2  version, 1                     32   4  dst_size             52  32  digest: SHA-256 of the len staged bytes
//       6   2  0                              36   1  src_type             84  16  src_label, filled up with 0
//       8   4  generation                     37   1  src_subtype         100  16  dst_label, filled up with 0
//      12   4  reserved                       38   1  src_flags: 1 encrypted
//      16   4  len                            39   1  dst_type            116 168  reserved
//      20   4  src_address                    40   1  dst_subtype         284   4  CRC-32
//      24   4  src_size                       41   1  dst_flags: 1 encrypted; 42, 2 reserved
//
// What cannot be protected: the primary partition table is one sector, and between its erase and the end of its program
// operation the device has no table; a primary bootloader is not whole from its first to its last sector that differs. The
// copy touches only sectors that differ. Writing in place (staging == final) is not protected at all for data,
// bootloaders and tables: stage them. Where otadata itself is the final partition, the boot choice is what is being written.

/**
 * Completes staged updates whose copy a power cut interrupted. Call it at start-up, before the first update;
 * esp_ota_begin() and esp_ota_resume() call it for copies that concern their partition.
 * @return ESP_OK: at least one was completed; ESP_ERR_NOT_FOUND: nothing was pending; ESP_ERR_INVALID_CRC: the staged
 *         bytes are no longer those that were verified, the record was cleared; ESP_ERR_INVALID_STATE: source or final
 *         partition do not fit the partition table, the record was cleared; ESP_ERR_OTA_PARTITION_CONFLICT: the final
 *         partition is the running one and holds something else, the record was cleared;
 *         ESP_ERR_OTA_ALREADY_IN_PROGRESS: a session uses one of the partitions; ESP_ERR_NOT_ALLOWED: the final partition
 *         is read-only; ESP_ERR_OTA_VALIDATE_FAILED: the staged bytes are not what the final partition can hold, the record
 *         was cleared; or the flash error. Where not said otherwise it stays pending.
 * Cut: it stays pending.
 */
esp_err_t esp_ota_finish_pending_copy(void) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
