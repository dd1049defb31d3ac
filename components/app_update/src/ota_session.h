// One session writes one image into one partition: its state, and what the files of a session share.
#pragma once

#include "esp_ota_ext.h"
#include "flash_ops.h"
#include "ota_private.h"
#include "ota_room.h"

#define OTA_SESSION_CHUNK 4096u // chosen: one sector on the stack, for what is read from flash

struct ota_session {
    esp_ota_handle_t handle;
    const esp_partition_t *staging; // written to
    const esp_partition_t *final;   // meant for; decides the checks
    bool copies_to_final;
    bool erases_on_the_fly;
    bool is_resumed;
    uint32_t position;    // next write of esp_ota_write
    struct ota_room room; // on the fly: what may be written to
    esp_ota_tuning_t tuning;
    uint32_t end;     // of the last byte that stands on flash
    uint32_t written; // bytes written in this session
    // Encrypted: the bytes below position that do not make a whole block yet.
    uint8_t pending[FLASH_CIPHER_BLOCK];
    uint32_t pending_len;
    bool is_followed;               // verifier or hash has seen everything below position
    struct ota_trust trust;         // what the verifier asks for beyond the chip
    struct image_verifier verifier; // of an image
    struct crypto_hash hash;        // of anything else
    struct flash_watch watch;       // on what was written
    bool was_touched_by_other;      // not only this session wrote there: what was seen may be gone
    struct ota_session *next;
};

// ----------------------------------------------------------------------- ota_session.c

// NULL: there is no such session.
struct ota_session *ota_session_find(esp_ota_handle_t handle);

// Gives the session a handle. ESP_ERR_OTA_ALREADY_IN_PROGRESS: its partition has another one.
esp_err_t ota_session_add(struct ota_session *session) ESP_MUST_CHECK;

// Ends what ota_session_add began.
void ota_session_free(struct ota_session *session);

// Around every change of its own a session looks whether somebody else made one, and then starts to watch again.
void ota_session_look_for_other_changes(struct ota_session *session);
void ota_session_watch(struct ota_session *session);

// Whether an image is written; anything else is data or a table.
bool ota_session_has_image(const struct ota_session *session);

// ----------------------------------------------------------------------- ota_follow.c

// Verifier and hash start at the first byte.
void ota_follow_start(struct ota_session *session);

// Shows them the next bytes, as they stand on flash.
void ota_follow_bytes(struct ota_session *session, const uint8_t *bytes, uint32_t len);

// Shows them what stands below position, from the first byte, and digests it by the way.
esp_err_t ota_follow_prefix(struct ota_session *session,
                            uint8_t digest[CRYPTO_SHA256_LEN]) ESP_MUST_CHECK;

// What was followed, or what stands there if it cannot be trusted to be that. Logs what is wrong.
esp_err_t ota_follow_judge(struct ota_session *session) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- ota_write.c

// At the end, the block that never became whole.
esp_err_t ota_write_pending(struct ota_session *session) ESP_MUST_CHECK;
