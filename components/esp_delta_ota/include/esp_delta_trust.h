/**
 * Signed patches: what the extension of a patch's header says, and a stage that lets only trusted patches through to the decoder.
 *
 * A patch is signed in its extension: the SHA-256 of the body, then signatures over everything before them (header and body
 * digest). So who made a patch is known after some two hundred bytes, and no byte of an altered one need reach the decoder.
 * The bytes are in SPEC.md, "Extension".
 */
#pragma once

#include "esp_delta_patch.h"
#include "ota_stage.h"
#include "signature_record.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What an extension says about who made the patch. Pointers go into the bytes that were parsed. */
struct esp_delta_signature {
    const uint8_t *body_sha256; // 32 bytes; NULL: not signed
    size_t signed_len;          // bytes of the file that the signatures are over
    uint32_t count;             // signatures; 0: not signed
    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX];
};

/**
 * Reads the signatures of a patch.
 * @param head  header and extension: ESP_DELTA_PATCH_HEADER_LEN + extension_len bytes
 * @return ESP_OK, also of a patch without signatures; ESP_ERR_INVALID_SIZE: fewer bytes; ESP_ERR_INVALID_RESPONSE: an
 *         extension that is not well-formed; or what esp_delta_patch_parse() says
 */
ESP_MUST_CHECK esp_err_t esp_delta_signature_parse(const uint8_t *head, size_t len,
                                                   struct esp_delta_signature *signature);

/** Whether trusted keys have signed header and body digest. @return IMAGE_OK, or one of IMAGE_SIGNATURE_* */
enum image_fault esp_delta_signature_verify(const uint8_t *head,
                                            const struct esp_delta_signature *signature,
                                            const struct signature_policy *policy);

/** Most bytes that an extension with these signatures has. */
#define ESP_DELTA_EXTENSION_LEN(records_len, count) (4u + 32u + (records_len) + 4u * (count))

/** How to begin an extension: the record of a body digest, 36 bytes. @return bytes written */
size_t esp_delta_extension_begin(uint8_t *out, const uint8_t body_sha256[32]);

/** Appends a signature to an extension. @return bytes written: 4 + len */
size_t esp_delta_extension_sign(uint8_t *out, const uint8_t *record, size_t len);

/** Whom a device believes about patches. */
struct esp_delta_trust {
    const struct signature_policy
        *policy; // NULL: a signature is not needed; borrowed until destroy
    const uint8_t
        *sha256; // of the whole file, from a source that is trusted; NULL: not known. Borrowed.
                 // A patch with this digest needs no signature of its own
    uint32_t hold_max; // files up to so many bytes are kept until they are verified whole
    /** Told once a header is known to be from who is trusted; its new_digest is then, too. NULL: nobody. */
    void (*note)(void *context, const struct esp_delta_patch *patch);
    void *note_context;
};

/**
 * Puts a check in front of the stage that applies patches.
 *
 * Header and signatures are judged before the stage behind sees a byte. A file of at most hold_max bytes reaches it only
 * when the last byte has come and the digest is right: an altered patch then costs no erase. A larger one goes through as it
 * comes, and an alteration ends the update at the end at the latest. Cannot be continued (save is NULL): begins anew.
 *
 * Errors of its step, beyond those of the inner stage: ESP_ERR_INVALID_CRC: not signed, not by a trusted key, or altered
 * (logged). Espressif's legacy patches carry no signature and are refused.
 *
 * @param inner       taken over, freed also after an error
 * @param[out] stage  NULL after an error
 * @return ESP_OK; ESP_ERR_NO_MEM: hold_max + 4160 bytes are allocated here
 */
ESP_MUST_CHECK esp_err_t esp_delta_trust_stage_create(struct ota_stage *inner,
                                                      const struct esp_delta_trust *trust,
                                                      struct ota_stage **stage);

#ifdef __cplusplus
}
#endif
