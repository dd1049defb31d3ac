/**
 * The key digests in a device's eFuses: which public keys its Secure Boot trusts.
 *
 * A chip has three slots with a revoke bit each; ESP32 has one (its block 2), ESP32-C2 has one of 16 bytes (the upper half of
 * its only key block), and these two cannot revoke. All functions work on efuse_default (efuse_ops.h), one call at a time.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EFUSE_KEY_SLOT_MAX   3u
#define EFUSE_KEY_DIGEST_LEN 32u // SHA-256

/** What stands in a slot. */
struct efuse_key_slot {
    bool is_present; // a whole digest was written
    bool is_revoked; // it is not trusted, present or not
    bool is_begun;   // digest bits are set, but a power cut came before the slot counted as present
    uint32_t digest_len;                  // bytes of digest that the chip keeps: 32, or 16
    uint8_t digest[EFUSE_KEY_DIGEST_LEN]; // behind digest_len: 0
};

/** Slots of this device: 3, 1, or 0 without eFuses. */
uint32_t efuse_key_slot_count(void);

/** Whether the chip can revoke keys. */
bool efuse_key_can_revoke(void);

/** Reads a slot. Errors: ESP_ERR_INVALID_ARG (no such slot), ESP_FAIL (not readable). */
esp_err_t efuse_key_read(uint32_t slot, struct efuse_key_slot *out) ESP_MUST_CHECK;

/**
 * Writes a digest into a slot, for ever. The same digest again is ESP_OK and completes what a cut left.
 * @param digest  SHA-256 of the key; a chip that keeps 16 bytes takes the first 16
 * Errors: ESP_ERR_INVALID_ARG (no such slot, or a digest of zeros), ESP_ERR_INVALID_STATE (another digest, or a part of one,
 * stands there, or the slot is revoked), ESP_FAIL (not readable or writable, or it does not read back).
 * Cut: some bits of the digest are set and the slot does not count as present; the same call completes it.
 */
esp_err_t efuse_key_write(uint32_t slot, const uint8_t digest[EFUSE_KEY_DIGEST_LEN]) ESP_MUST_CHECK;

/**
 * Revokes a slot, for ever; an empty slot can be revoked too, so that nobody else uses it.
 * Errors: ESP_ERR_INVALID_ARG (no such slot), ESP_ERR_NOT_SUPPORTED (the chip cannot),
 * ESP_FAIL (not writable, or it does not read back).
 * Cut: revoked or not; a single bit.
 */
esp_err_t efuse_key_revoke(uint32_t slot) ESP_MUST_CHECK;

/** Whether Secure Boot is switched on. Errors: ESP_FAIL (not readable; take it as on). */
esp_err_t efuse_secure_boot_read(bool *is_on) ESP_MUST_CHECK;

/**
 * Switches Secure Boot on, for ever.
 * Errors: ESP_ERR_INVALID_STATE (no slot is present and not revoked: nothing would boot any more), ESP_ERR_NOT_SUPPORTED (no
 * eFuses), ESP_FAIL (not readable or writable, or it does not read back).
 * Cut: on or not; a single bit.
 */
esp_err_t efuse_secure_boot_enable(void) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
