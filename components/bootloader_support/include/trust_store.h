/**
 * The trust store: whom a device believes, kept on the device, beyond what ESP-IDF knows. Off until a partition "ota_trust"
 * of at least 8 KiB holds a record.
 *
 * Two sectors, each with one record; the complete one with the higher sequence number counts. A change is written into the
 * other sector, so a cut leaves the old record or the new one. Numbers are little-endian. With flash encryption the store is
 * encrypted, whatever the table's flag says: plain keys would let whoever can write the chip choose who is believed.
 *
 *     offset size
 *          0    4  magic "OTRS" (0x5352544F)
 *          4    2  version, 1
 *          6    2  length of the record, 548
 *          8    4  sequence, 1 and up
 *         12    4  flags: bit 0 rotation, 1 same project, 2 version must not go down, 3 rotation only to keys that the
 *                  signed bytes announce; the rest is 0
 *         16    1  threshold: trusted keys that must have signed; 0 and 1: one
 *         17    1  trusted keys, 0 .. 8
 *         18    1  revoked keys, 0 .. 8
 *         19    1  0
 *         20    4  smallest image in bytes, 0: any
 *         24    4  largest image in bytes, 0: any
 *         28    4  0
 *         32  256  eight digests of trusted keys, unused ones 0
 *        288  256  eight digests of revoked keys, oldest first, unused ones 0
 *        544    4  CRC-32 (zlib) of bytes 0 .. 543
 */
#pragma once

#include "esp_flash.h"
#include "image_policy.h"
#include "signature_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TRUST_STORE_LABEL          "ota_trust"
#define TRUST_STORE_SECTOR_LEN     4096u
#define TRUST_STORE_LEN            (2u * TRUST_STORE_SECTOR_LEN)
#define TRUST_RECORD_LEN           548u
#define TRUST_KEY_MAX              8u // chosen: today's keys, spare ones, and those of a rotation under way
#define TRUST_STORE_FLAG_ROTATE    1u
#define TRUST_STORE_FLAG_PROJECT   2u
#define TRUST_STORE_FLAG_VERSION   4u
#define TRUST_STORE_FLAG_ANNOUNCED 8u
#define TRUST_STORE_FLAGS_ALL      15u

/** What a record says. */
struct trust_record {
    uint32_t sequence; // 0: there is no record
    uint32_t flags;    // TRUST_STORE_FLAG_*
    uint8_t threshold;
    uint8_t trusted_count;
    uint8_t revoked_count;
    uint8_t reserved; // 0
    uint32_t min_len;
    uint32_t max_len;
    uint8_t trusted[TRUST_KEY_MAX][SIGNATURE_KEY_DIGEST_LEN];
    uint8_t revoked[TRUST_KEY_MAX][SIGNATURE_KEY_DIGEST_LEN];
};

/** Reads one record. @return whether it is complete and makes sense; else record is not written */
bool trust_record_parse(const uint8_t bytes[TRUST_RECORD_LEN], struct trust_record *record);

/** Writes one record, CRC included. Counts above TRUST_KEY_MAX are our own mistake. */
void trust_record_encode(const struct trust_record *record, uint8_t bytes[TRUST_RECORD_LEN]);

/**
 * Reads the record in charge. Without one, all of *record is 0: nothing is asked for.
 * Errors: the flash error.
 */
esp_err_t trust_store_read(esp_flash_t *chip, uint32_t address,
                           struct trust_record *record) ESP_MUST_CHECK;

/**
 * Makes *record the one in charge, reads it back and makes that durable. Its sequence is chosen here and written back.
 * Errors: ESP_ERR_INVALID_STATE (sequence numbers are used up), ESP_ERR_FLASH_OP_FAIL (it does not read back as written),
 * or the flash error.
 * Cut: the record in charge is the old one or the new one.
 */
esp_err_t trust_store_write(esp_flash_t *chip, uint32_t address,
                            struct trust_record *record) ESP_MUST_CHECK;

/** Whether a record trusts this key. */
bool trust_record_trusts(const struct trust_record *record,
                         const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/** Whether a record has this key as revoked. */
bool trust_record_revokes(const struct trust_record *record,
                          const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/**
 * Trusts one more key.
 * Errors: ESP_ERR_INVALID_STATE (it is revoked), ESP_ERR_NO_MEM (there are eight).
 */
esp_err_t trust_record_add(struct trust_record *record,
                           const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]) ESP_MUST_CHECK;

/**
 * Trusts a key no longer and remembers that, also one that was not trusted; when eight are remembered, the oldest is
 * forgotten, which leaves it as untrusted as any stranger.
 */
void trust_record_revoke(struct trust_record *record,
                         const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/**
 * Makes the right signers of a confirmed image the trusted keys; those dropped are revoked. Revoked keys stay revoked.
 * @param keeps_newer  keys that were added after all signers stay, too: an older image that runs again is no reason to
 *                     turn back
 * @return whether that changes anything. With fewer signers than the threshold nothing changes: the next image could not
 *         be accepted
 */
bool trust_record_rotate(struct trust_record *record, const struct signature_result *result,
                         bool keeps_newer);

/** Adds trusted and revoked keys and the threshold to a policy of a v2 scheme. */
void trust_record_to_policy(const struct trust_record *record, struct signature_policy *policy);

#ifdef __cplusplus
}
#endif
