/**
 * Whether a signature is right and its key trusted.
 *
 * struct signature_policy says what a device accepts, whatever its mode; who fills it in is in signature_policy.h.
 * image_verify.h feeds what stands behind an image; signature_verify_data() and signature_verify_table() do the rest.
 * A check starts as refused, and one line in signature_verify.c turns it to accepted. No heap.
 */
#pragma once

#include "image_fault.h"
#include "signature_block.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNATURE_TRUSTED_MAX                                                                      \
    16 // chosen: 3 eFuse slots, or 8 trusted and 8 revoked keys of a trust store

/** What a device accepts. */
struct signature_policy {
    enum signature_scheme scheme; // the only one; SIGNATURE_NONE: no signature is needed
    bool first_block_only;   // ESP-IDF without hardware Secure Boot: blocks 1 and 2 do not count
    bool covers_bootloader;  // bootloader images too
    bool checks_every_block; // also the signatures of unknown keys, for signature_result
    uint8_t threshold;       // different trusted keys that must have signed; 0 means 1
    uint8_t digest_len;      // leading bytes of a key digest that count: 16 on ESP32-C2, else 32
    uint8_t trusted_count;   // entries of trusted, revoked ones included
    uint16_t revoked;        // bit i: trusted[i] is known, and refused
    uint8_t trusted[SIGNATURE_TRUSTED_MAX][SIGNATURE_KEY_DIGEST_LEN];
    uint8_t v1_key[SIGNATURE_V1_KEY_LEN]; // X, Y; all 0: none
};

/** What the blocks of a sector are worth; bit i means block i. */
struct signature_result {
    uint8_t well_formed; // blocks of the policy's scheme
    uint8_t right; // the signature is over these bytes; unknown keys only with checks_every_block
    uint8_t accepted;                                                  // right, by a trusted key
    uint8_t key_digest[SIGNATURE_BLOCK_MAX][SIGNATURE_KEY_DIGEST_LEN]; // of well-formed blocks
};

/** A check under way. Private to signature_verify.c apart from block_count. */
struct signature_check {
    const struct signature_policy *policy;
    uint32_t block_count; // blocks seen so far
    uint16_t signers;     // bit i: trusted[i] has signed
    enum image_fault fault;
    struct signature_result result;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
};

/** Begins a check. @param digest  of the signed bytes, as long as the policy's scheme asks for */
void signature_check_begin(struct signature_check *check, const struct signature_policy *policy,
                           const uint8_t *digest);

/** Judges the next block of a v2 sector. */
void signature_check_block(struct signature_check *check, const uint8_t bytes[SIGNATURE_BLOCK_LEN]);

/** Judges a v1 signature. */
void signature_check_v1(struct signature_check *check, const uint8_t bytes[SIGNATURE_V1_LEN]);

/** The verdict, one of IMAGE_OK and IMAGE_SIGNATURE_*. @param result  written in every case */
enum image_fault signature_check_end(const struct signature_check *check,
                                     struct signature_result *result);

/** Reads len bytes at offset; may answer any esp_err_t. */
typedef esp_err_t (*signature_read)(void *context, uint32_t offset, void *buffer, uint32_t len);

/**
 * Verifies a signed data partition: content, then its signature sector.
 * @param len        bytes that were written: content and sector, at least 8192; what exceeds a sector is ignored
 * @param[out] signed_len  content and sector, when the verdict is IMAGE_OK
 * @return IMAGE_OK; IMAGE_TRUNCATED: fewer than 8192 bytes; IMAGE_READ_ERROR; IMAGE_SIGNATURE_*: also with a v1 policy,
 *         which has no such form
 */
enum image_fault signature_verify_data(signature_read read, void *context, uint32_t len,
                                       const struct signature_policy *policy, uint32_t *signed_len);

/** Verifies a partition table signed with v1: 0xC00 bytes, and behind them the signature. @return as above */
enum image_fault signature_verify_table(signature_read read, void *context,
                                        const struct signature_policy *policy);

#ifdef __cplusplus
}
#endif
