// The beginning of a session, for an image from its first byte or from where an earlier one was interrupted.

#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "ota_session.h"
#include "ota_tail.h"

static const char *TAG = "esp_ota_ops";

static bool is_running_unconfirmed(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    return boot_handover_get()->rollback && running &&
           esp_ota_get_state_partition(running, &state) == ESP_OK &&
           state == ESP_OTA_IMG_PENDING_VERIFY;
}

static esp_err_t check_target(const esp_partition_t *partition)
{
    if (partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_OK;
    }
    if (!ota_select_is_ota_slot(partition)) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition == esp_ota_get_running_partition()) {
        ESP_LOGE(TAG, "%s is the running partition; update another one", partition->label);
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    if (is_running_unconfirmed()) {
        ESP_LOGE(TAG,
                 "the running image is not confirmed yet; mark it valid before the next update");
        return ESP_ERR_OTA_ROLLBACK_INVALID_STATE;
    }
    return ESP_OK;
}

// Sectors that an interrupted update may have left half written or half erased are not used as they are.
static void start_room(struct ota_session *session, uint32_t offset)
{
    const esp_partition_t *staging = session->staging;
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress = {.image_offset = offset};
    bool has_tail = ota_select_is_ota_slot(staging) && ota_tail_has_room(staging, 0);
    ota_room_begin(&session->room, staging, offset, has_tail);
    esp_err_t err = has_tail && offset == 0 ? esp_ota_journal_load(staging, &journal, &progress)
                                            : ESP_ERR_NOT_FOUND;
    if (offset > 0 || err != ESP_ERR_NOT_FOUND) {
        ota_room_suspect(&session->room, progress.image_offset);
    }
}

static esp_err_t drop_torn_record(void)
{
    const esp_partition_t *otadata;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_err_t err = ota_select_read(&otadata, records);
    if (err != ESP_OK) {
        return err == ESP_ERR_NOT_FOUND ? ESP_OK : err;
    }
    return otadata_drop_torn(otadata->flash_chip, otadata->address, records);
}

static esp_err_t open_session(const esp_partition_t *partition, uint32_t offset,
                              struct ota_session **out)
{
    const esp_partition_t *known = esp_partition_verify(partition);
    if (!known) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = check_target(known);
    if (err == ESP_OK) {
        err = ota_finalize_make_way(known);
    }
    if (err == ESP_OK) {
        err = ota_trust_complete_rotation();
    }
    if (err == ESP_OK && known->type == ESP_PARTITION_TYPE_APP) {
        err = drop_torn_record();
    }
    if (err != ESP_OK) {
        return err;
    }
    struct ota_session *session = calloc(1, sizeof(*session));
    if (!session) {
        return ESP_ERR_NO_MEM;
    }
    session->staging = known;
    session->final = known;
    session->is_followed = true;
    err = ota_trust_load(&session->trust);
    if (err == ESP_OK) {
        err = ota_session_add(session);
    }
    if (err != ESP_OK) {
        free(session);
        return err;
    }
    ota_follow_start(session);
    start_room(session, offset);
    session->watch.address = known->address;
    session->watch.len = offset;
    flash_watch_start(known->flash_chip, &session->watch);
    *out = session;
    return ESP_OK;
}

static esp_err_t erase_up_front(struct ota_session *session, size_t image_size)
{
    const esp_partition_t *staging = session->staging;
    if (image_size == OTA_WITH_SEQUENTIAL_WRITES) {
        session->erases_on_the_fly = true;
        return ESP_OK;
    }
    if (image_size == 0 || image_size == OTA_SIZE_UNKNOWN) {
        return esp_partition_erase_range(staging, 0, staging->size);
    }
    if (image_size > staging->size) {
        ESP_LOGE(TAG, "%zu bytes do not fit into %s (%" PRIu32 " bytes)", image_size,
                 staging->label, staging->size);
        return ESP_ERR_INVALID_SIZE;
    }
    size_t unit = staging->erase_size;
    size_t rounded = (image_size + unit - 1) / unit * unit;
    return esp_partition_erase_range(staging, 0, rounded);
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size,
                        esp_ota_handle_t *out_handle)
{
    if (!partition || !out_handle) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = NULL;
    esp_err_t err = open_session(partition, 0, &session);
    if (err != ESP_OK) {
        return err;
    }
    err = erase_up_front(session, image_size);
    if (err != ESP_OK) {
        ota_session_free(session);
        return err;
    }
    if (boot_handover_get()->rollback && ota_select_is_ota_slot(session->staging)) {
        // Without an old record there is nothing to do.
        ESP_IGNORE_ERROR(esp_ota_invalidate_inactive_ota_data_slot());
    }
    ota_session_watch(session);
    *out_handle = session->handle;
    return ESP_OK;
}

esp_err_t esp_ota_resume(const esp_partition_t *partition, const size_t erase_size,
                         const size_t image_offset, esp_ota_handle_t *out_handle)
{
    bool is_misaligned =
        partition && partition->encrypted && image_offset % FLASH_CIPHER_BLOCK != 0;
    if (!partition || !out_handle || image_offset > partition->size || is_misaligned) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = NULL;
    esp_err_t err = open_session(partition, (uint32_t)image_offset, &session);
    if (err != ESP_OK) {
        return err;
    }
    session->is_resumed = image_offset > 0;
    session->is_followed = image_offset == 0;
    session->position = (uint32_t)image_offset;
    session->end = (uint32_t)image_offset;
    session->erases_on_the_fly = erase_size == OTA_WITH_SEQUENTIAL_WRITES;
    *out_handle = session->handle;
    return ESP_OK;
}

esp_err_t esp_ota_resume_verified(const esp_partition_t *partition, size_t image_offset,
                                  const uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN],
                                  esp_ota_handle_t *out_handle)
{
    esp_ota_handle_t handle;
    uint8_t found[CRYPTO_SHA256_LEN];
    if (!digest || !out_handle || image_offset % FLASH_SECTOR_SIZE != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = esp_ota_resume(partition, OTA_WITH_SEQUENTIAL_WRITES, image_offset, &handle);
    if (err != ESP_OK) {
        return err;
    }
    struct ota_session *session = ota_session_find(handle);
    err = ota_follow_prefix(session, found);
    if (err == ESP_OK && memcmp(found, digest, ESP_OTA_PREFIX_DIGEST_LEN) != 0) {
        ESP_LOGW(TAG, "%s does not hold the %zu bytes to continue from", session->staging->label,
                 image_offset);
        err = ESP_ERR_INVALID_CRC;
    }
    if (err != ESP_OK) {
        ota_session_free(session);
        return err;
    }
    *out_handle = handle;
    return ESP_OK;
}

static esp_err_t check_final(const struct ota_session *session, const esp_partition_t *final)
{
    esp_err_t err = ota_finalize_check(session->staging, final);
    if (err != ESP_OK) {
        return err;
    }
    if (final != session->final && ota_session_is_in_use(final)) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    return ota_finalize_make_way(final);
}

esp_err_t esp_ota_set_final_partition(esp_ota_handle_t handle, const esp_partition_t *final,
                                      bool finalize_with_copy)
{
    if (!final) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    if ((session->written > 0 || session->pending_len > 0) && !session->is_resumed) {
        return ESP_ERR_INVALID_STATE;
    }
    if (final == session->staging) {
        return ESP_OK;
    }
    const esp_partition_t *known = esp_partition_verify(final);
    if (!known) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = finalize_with_copy ? check_final(session, known) : ESP_OK;
    if (err != ESP_OK) {
        return err;
    }
    session->final = known;
    session->copies_to_final = finalize_with_copy;
    if (!session->is_followed) {
        return ESP_OK;
    }
    uint8_t digest[CRYPTO_SHA256_LEN]; // of no interest here
    return ota_follow_prefix(session, digest);
}
