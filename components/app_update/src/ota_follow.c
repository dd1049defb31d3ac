// What was programmed is read back at once and goes through the image verifier, so that the verdict at the end is about what
// stands on flash and costs no second pass.

#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "ota_session.h"

static const char *TAG = "esp_ota_ops";

// The policy is about applications.
static const struct image_policy *policy_of(const struct ota_session *session)
{
    return session->final->type == ESP_PARTITION_TYPE_APP ? &session->trust.policy : NULL;
}

void ota_follow_start(struct ota_session *session)
{
    struct image_rules rules = {
        .chip = boot_handover_get()->chip,
        .flash_offset =
            session->copies_to_final ? session->final->address : session->staging->address,
        .partition_size = session->staging->size < session->final->size ? session->staging->size
                                                                        : session->final->size,
        .is_bootloader = session->final->type == ESP_PARTITION_TYPE_BOOTLOADER,
        .signature = &session->trust.signature,
        .policy = policy_of(session),
    };
    image_verifier_begin(&session->verifier, &rules);
    esp_crypto.sha256_begin(&session->hash);
}

void ota_follow_bytes(struct ota_session *session, const uint8_t *bytes, uint32_t len)
{
    if (ota_session_has_image(session)) {
        (void)image_verifier_write(&session->verifier, bytes,
                                   len); // the verdict is asked for at the end
    } else {
        esp_crypto.sha256_write(&session->hash, bytes, len);
    }
}

esp_err_t ota_follow_prefix(struct ota_session *session, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    uint8_t chunk[OTA_SESSION_CHUNK];
    ota_follow_start(session);
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < session->position;) {
        uint32_t left = session->position - at;
        uint32_t part = left < OTA_SESSION_CHUNK ? left : OTA_SESSION_CHUNK;
        esp_err_t err = esp_partition_read(session->staging, at, chunk, part);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, chunk, part);
        ota_follow_bytes(session, chunk, part);
        at += part;
    }
    esp_crypto.sha256_end(&hash, digest);
    session->is_followed = true;
    return ESP_OK;
}

// The verifier's hash covers what comes before the appended digest, and only as long as nothing is wrong.
static bool is_hash_of_image_running(const struct ota_session *session)
{
    const struct image_verifier *v = &session->verifier;
    return v->fault == IMAGE_OK && v->position == session->position &&
           (v->body_end == 0 || v->position < v->body_end);
}

esp_err_t esp_ota_get_prefix_digest(esp_ota_handle_t handle, uint32_t *image_offset,
                                    uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN])
{
    const struct ota_session *session = ota_session_find(handle);
    if (!session || !image_offset || !digest) {
        return ESP_ERR_INVALID_ARG;
    }
    bool is_image = ota_session_has_image(session);
    if (!session->is_followed || session->pending_len > 0 ||
        (is_image && !is_hash_of_image_running(session))) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    struct crypto_hash hash = is_image ? session->verifier.hash : session->hash;
    uint8_t whole[CRYPTO_SHA256_LEN];
    esp_crypto.sha256_end(&hash, whole);
    memcpy(digest, whole, ESP_OTA_PREFIX_DIGEST_LEN);
    *image_offset = session->position;
    return ESP_OK;
}

// What stands on flash behind the last byte that was written counts too: a file may end inside its signature sector.
static void show_rest_of_signature(struct ota_session *session)
{
    struct image_verifier *v = &session->verifier;
    uint8_t chunk[OTA_SESSION_CHUNK];
    while (image_verifier_wants_signature(v) && v->position < session->staging->size) {
        uint32_t left = session->staging->size - v->position;
        uint32_t part = left < OTA_SESSION_CHUNK ? left : OTA_SESSION_CHUNK;
        if (esp_partition_read(session->staging, v->position, chunk, part) != ESP_OK) {
            return; // and so it remains truncated
        }
        (void)image_verifier_write(v, chunk, part); // the verdict is asked for at the end
    }
}

static enum image_fault judge_image(struct ota_session *session)
{
    struct image_info info;
    bool is_bootloader = session->final->type == ESP_PARTITION_TYPE_BOOTLOADER;
    ota_session_look_for_other_changes(session);
    if (!session->is_followed || session->was_touched_by_other) {
        return ota_describe_verify(session->staging, is_bootloader, &session->trust.signature,
                                   &info);
    }
    show_rest_of_signature(session);
    return image_verifier_end(&session->verifier);
}

static bool needs_signed_data(const struct ota_session *session)
{
    const esp_partition_t *final = session->final;
    return boot_handover_get()->signatures.on_data && final->type == ESP_PARTITION_TYPE_DATA &&
           final->subtype == ESP_PARTITION_SUBTYPE_DATA_UNDEFINED;
}

static esp_err_t read_staging(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct ota_session *session = context;
    return esp_partition_read(session->staging, offset, buffer, len);
}

// fact: ESP-IDF judges the length that was written, and what stands at its end
static esp_err_t judge_data(struct ota_session *session)
{
    uint32_t signed_len;
    enum image_fault fault = signature_verify_data(read_staging, session, session->end,
                                                   &session->trust.signature, &signed_len);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "data in %s: %s", session->staging->label, image_fault_text(fault));
    return fault == IMAGE_TRUNCATED ? ESP_ERR_INVALID_SIZE : ESP_ERR_OTA_VALIDATE_FAILED;
}

esp_err_t ota_follow_judge(struct ota_session *session)
{
    if (needs_signed_data(session)) {
        return judge_data(session);
    }
    if (!ota_session_has_image(session) || (!session->is_followed && session->copies_to_final)) {
        return ota_finalize_verify(session->staging, session->final);
    }
    enum image_fault fault = judge_image(session);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "image in %s: %s", session->staging->label, image_fault_text(fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}
