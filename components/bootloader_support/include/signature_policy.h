/**
 * Who is believed: puts together a signature policy from how the firmware was built, the running application, the eFuses and
 * the trust store.
 *
 *     built for            v1                   v2, no trust store              v2, trust store with keys
 *     update               the key compiled in  first block of what runs;       the store's keys, threshold
 *                                               of the new image block 0
 *     boot                 the key compiled in  nothing is checked              the store's keys, threshold
 *     secure boot          the key compiled in  keys in eFuse that are not revoked, at both; the store can revoke more
 */
#pragma once

#include "boot_handover.h"
#include "signature_verify.h"
#include "trust_store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** At what moment an image is judged. */
enum signature_moment {
    SIGNATURE_AT_UPDATE,
    SIGNATURE_AT_BOOT,
};

/**
 * Puts together what this boot's device accepts, from boot_handover_get(), the main flash chip and efuse_default.
 * @param[out] policy  scheme SIGNATURE_NONE: no signature is needed. A device that trusts nobody gets a policy without keys,
 *                     which refuses everything
 * Errors: the flash error; ESP_FAIL (the eFuses cannot be read). *policy then refuses everything.
 */
esp_err_t signature_policy_load(enum signature_moment moment,
                                struct signature_policy *policy) ESP_MUST_CHECK;

/** Whether Secure Boot is on: by build, or by the eFuses; also when those cannot be read. */
bool signature_is_secure_boot_on(void);

/** What the trust store asks of a new application beyond signatures; nothing without one. Errors: the flash error. */
esp_err_t image_policy_load(struct image_policy *policy) ESP_MUST_CHECK;

/**
 * Reads the signature blocks of an image at address, without looking whether it is right.
 * @param[out] digests  key digests of the blocks of this scheme; @param[out] well_formed  bit i: block i is one
 * Errors: ESP_ERR_NOT_FOUND (no image there); the flash error.
 */
esp_err_t signature_read_keys(uint32_t address, enum signature_scheme scheme,
                              uint8_t digests[SIGNATURE_BLOCK_MAX][SIGNATURE_KEY_DIGEST_LEN],
                              uint8_t *well_formed) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
