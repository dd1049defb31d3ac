// What the files of app_update share.
#pragma once

#include "esp_ota_ops.h"
#include "image_verify.h"
#include "otadata.h"

// What a new image must satisfy beyond its chip. policy is for what is being written only, not for what stands there.
struct ota_trust {
    struct signature_policy signature;
    struct image_policy policy;
};

// Loads what this device asks for; logs what cannot be read. On failure *trust refuses everything.
esp_err_t ota_trust_load(struct ota_trust *trust) ESP_MUST_CHECK;

// Makes the signers of the confirmed image the trusted ones, if the trust store rotates keys. Does nothing when they are.
esp_err_t ota_trust_rotate(void) ESP_MUST_CHECK;

// The same for an image that was confirmed before, where a cut may have come between the confirmation and its rotation. Keys newer
// than its signers stay.
esp_err_t ota_trust_complete_rotation(void) ESP_MUST_CHECK;

// Verifies the image that stands in partition. *info as far as it was readable. signature NULL: none is needed.
enum image_fault ota_describe_verify(const esp_partition_t *partition, bool is_bootloader,
                                     const struct signature_policy *signature,
                                     struct image_info *info);

// Whether an application verifies, signature included where one is asked for; logs why not.
bool ota_describe_is_valid(const esp_partition_t *partition);

// Remembers that esp_ota_end() verified what stands in partition.
void ota_select_note_verified(const esp_partition_t *partition);

// The otadata partition; NULL when there is none large enough for two records.
const esp_partition_t *ota_select_otadata(void);

// The OTA slot with this number; NULL when there is none.
const esp_partition_t *ota_select_slot(uint32_t slot);

// Whether p is an app partition with subtype ota_0 ... ota_15.
bool ota_select_is_ota_slot(const esp_partition_t *p);

// Reads both records. ESP_ERR_NOT_FOUND: no otadata partition.
esp_err_t ota_select_read(const esp_partition_t **otadata,
                          esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]) ESP_MUST_CHECK;

// Whether a session writes to or means this listed partition; false for NULL.
bool ota_session_is_in_use(const esp_partition_t *partition);

// Whether final may be copied to; see esp_ota_set_final_partition(). Nothing is written.
esp_err_t ota_finalize_check(const esp_partition_t *staging,
                             const esp_partition_t *final) ESP_MUST_CHECK;

// Verifies what stands in where as what final is to hold: image at final's address, table, or anything (data).
esp_err_t ota_finalize_verify(const esp_partition_t *where,
                              const esp_partition_t *final) ESP_MUST_CHECK;

// Copies len verified bytes under the protection of a record; see esp_ota_ext.h.
esp_err_t ota_finalize_copy(const esp_partition_t *staging, const esp_partition_t *final,
                            uint32_t len) ESP_MUST_CHECK;

// Completes pending copies that concern partition, before something is written there.
esp_err_t ota_finalize_make_way(const esp_partition_t *partition) ESP_MUST_CHECK;
