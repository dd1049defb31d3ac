// The end of a session: a verdict, and only then a copy and a note that the image was verified.

#include "esp_log.h"
#include "ota_session.h"

static const char *TAG = "esp_ota_ops";

// differs: copies what was written, not the length of the final partition
static esp_err_t copy_to_final(const struct ota_session *session)
{
    if (!session->copies_to_final || session->final == session->staging) {
        return ESP_OK;
    }
    return ota_finalize_copy(session->staging, session->final, session->end);
}

static esp_err_t finish_session(struct ota_session *session)
{
    bool has_prefix = session->is_resumed && session->is_followed && session->position > 0;
    if (session->written == 0 && !has_prefix) {
        ESP_LOGE(TAG, "nothing was written to %s", session->staging->label);
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = ota_write_pending(session);
    if (err == ESP_OK) {
        err = ota_follow_judge(session);
    }
    if (err == ESP_OK) {
        err = copy_to_final(session);
    }
    if (err == ESP_OK) {
        err = esp_flash_sync(session->staging->flash_chip);
    }
    if (err == ESP_OK && session->final->type == ESP_PARTITION_TYPE_APP) {
        ota_select_note_verified(session->copies_to_final ? session->final : session->staging);
    }
    return err;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle)
{
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = finish_session(session);
    ota_session_free(session);
    return err;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle)
{
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    ota_session_free(session);
    return ESP_OK;
}
