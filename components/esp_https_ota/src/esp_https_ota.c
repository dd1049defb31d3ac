// The update as a state machine: CONNECTED -> WRITING -> COMPLETE, each perform call one step.
//
// Bytes go source -> stages -> buffer -> flash. The first bytes stay in the buffer until the header has been judged, so that a
// wrong image is refused before the first erase. When the server's file changes in the middle, the update goes back to
// CONNECTED and begins anew. RESUMING takes the place of CONNECTED when an earlier run left something to continue.

#include <limits.h>
#include <string.h>

#include "esp_log.h"
#include "ota_events.h"
#include "ota_header.h"
#include "ota_update.h"

static const char *TAG = "esp_https_ota";

esp_err_t esp_https_ota_begin(const esp_https_ota_config_t *ota_config,
                              esp_https_ota_handle_t *handle)
{
    ota_events_post(ESP_HTTPS_OTA_START, NULL, 0);
    if (!handle) {
        return ESP_ERR_INVALID_ARG;
    }
    *handle = NULL;
    esp_err_t err = ota_open_check_config(ota_config);
    if (err != ESP_OK) {
        return err;
    }
    struct ota_update *update = calloc(1, sizeof(*update));
    if (!update) {
        return ESP_ERR_NO_MEM;
    }
    err = ota_open(update, ota_config);
    if (err != ESP_OK) {
        ota_transaction_abort(update);
        ota_update_free(update);
        return err;
    }
    *handle = update;
    return ESP_OK;
}

static void note_last_written(struct ota_update *update)
{
    size_t len = update->buffered < LAST_WRITTEN_LEN ? update->buffered : LAST_WRITTEN_LEN;
    memmove(update->last_written, update->last_written + len, LAST_WRITTEN_LEN - len);
    memcpy(update->last_written + LAST_WRITTEN_LEN - len, update->buffer + update->buffered - len,
           len);
}

static esp_err_t read_last_written(struct ota_update *update)
{
    return esp_partition_read(update->staging, (size_t)update->written - LAST_WRITTEN_LEN,
                              update->last_written, LAST_WRITTEN_LEN);
}

static esp_err_t write_buffer(struct ota_update *update)
{
    if (update->buffered == 0) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_write(update->ota, update->buffer, update->buffered);
    if (err != ESP_OK) {
        return err;
    }
    update->written += (int64_t)update->buffered;
    note_last_written(update);
    update->buffered = 0;
    return ESP_OK;
}

static esp_err_t check_start(const struct ota_update *update)
{
    struct ota_header header = {.bytes = update->buffer,
                                .len = update->buffered,
                                .image_size = ota_fill_image_size(update),
                                .staging = update->staging,
                                .final = update->final};
    return ota_update_has_image(update) ? ota_header_check(&header)
                                        : ota_header_check_size(&header);
}

static void enter_writing(struct ota_update *update)
{
    ota_transaction_tune(update); // the size is known by now
    ota_keep_allow(&update->stream.keep, update->source.entity.total, ota_fill_image_size(update));
    update->state = STATE_WRITING;
}

static esp_err_t start_writing(struct ota_update *update)
{
    esp_err_t err = ota_fill_header(update);
    if (err == ESP_OK) {
        err = check_start(update);
    }
    if (err == ESP_OK && !update->ota) {
        err = ota_transaction_open(update);
    }
    if (err == ESP_OK) {
        enter_writing(update);
    }
    return err;
}

static esp_err_t open_resumed(struct ota_update *update)
{
    const struct esp_ota_journal_progress *progress = &update->resume.progress;
    esp_err_t err = update->resume.has_journal
                        ? esp_ota_resume_verified(update->staging, progress->image_offset,
                                                  progress->digest, &update->ota)
                        : esp_ota_resume(update->staging, OTA_WITH_SEQUENTIAL_WRITES,
                                         (size_t)update->written, &update->ota);
    if (err == ESP_ERR_INVALID_CRC) {
        ESP_LOGW(TAG, "flash does not hold what the earlier run wrote");
        return ota_update_note_change(update);
    }
    if (err == ESP_OK && update->final != update->staging) {
        err = esp_ota_set_final_partition(update->ota, update->final, update->copies_to_final);
    }
    return err == ESP_OK ? read_last_written(update) : err;
}

// The stages give once more what is on flash, which takes them to where they go on. One step of it.
static esp_err_t skip_step(struct ota_update *update)
{
    for (size_t done = 0; done < update->step_len && update->to_skip > 0;) {
        size_t len = update->to_skip < (int64_t)update->buffer_size ? (size_t)update->to_skip
                                                                    : update->buffer_size;
        size_t got = 0;
        esp_err_t err = ota_stream_read(&update->stream, update->buffer, len, &got);
        if (err == ESP_ERR_INVALID_RESPONSE) {
            return ota_update_note_change(update);
        }
        if (err != ESP_OK) {
            return err;
        }
        if (got == 0) {
            ESP_LOGE(TAG, "the file makes less than it did before the power cut");
            return ESP_ERR_OTA_VALIDATE_FAILED;
        }
        update->to_skip -= (int64_t)got;
        done += got;
    }
    return update->to_skip > 0 ? ESP_ERR_HTTPS_OTA_IN_PROGRESS : ESP_OK;
}

static esp_err_t resume_writing(struct ota_update *update)
{
    esp_err_t err = update->ota ? ESP_OK : open_resumed(update);
    if (err == ESP_OK) {
        err = skip_step(update);
    }
    if (err == ESP_OK) {
        update->has_header = true;
        enter_writing(update);
    }
    return err;
}

// Pieces that nothing told apart may still be of several files. Whether a refused image is fetched again, all from one place.
static bool begins_alone(struct ota_update *update, esp_err_t err)
{
    bool is_short = err == ESP_FAIL && ota_source_is_complete(&update->source);
    bool is_refused = err == ESP_ERR_OTA_VALIDATE_FAILED || is_short;
    if (!is_refused || !ota_source_go_alone(&update->source)) {
        return false;
    }
    ESP_LOGW(TAG, "the file came in pieces, which do not make an image; fetching it as a whole");
    ota_update_start_over(update);
    return true;
}

// An image made of pieces is judged while it can still be fetched again, any other in finish. A copy is finish's, too.
static esp_err_t complete(struct ota_update *update)
{
    update->state = STATE_COMPLETE;
    if (!update->source.is_pieced && update->source.alone_count == 0) {
        return ESP_OK;
    }
    if (update->final == update->staging) {
        update->verdict = esp_ota_end(update->ota);
        update->ota = 0; // good or bad, the transaction is over
        update->is_judged = true;
    }
    return update->is_judged && begins_alone(update, update->verdict)
               ? ESP_ERR_HTTPS_OTA_IN_PROGRESS
               : ESP_OK;
}

// Reads and writes one step, in portions that let the network go on while flash is busy.
static esp_err_t move_bytes(struct ota_update *update, size_t wanted)
{
    int64_t end = update->written + (int64_t)wanted;
    esp_err_t err;
    do {
        size_t left = (size_t)(end - update->written);
        err = ota_fill_buffer(update, left < update->buffer_size ? left : update->buffer_size);
        if (err == ESP_OK) {
            err = write_buffer(update);
            ota_keep_write(&update->stream.keep);
        }
    } while (err == ESP_OK && update->written < end && !update->has_ended);
    return err;
}

static esp_err_t move_one_step(struct ota_update *update)
{
    size_t to_checkpoint =
        RESUME_CHECKPOINT_LEN - (size_t)(update->written % RESUME_CHECKPOINT_LEN);
    int64_t before = update->written;
    esp_err_t err =
        move_bytes(update, update->step_len < to_checkpoint ? update->step_len : to_checkpoint);
    if (err == ESP_OK && update->written > before) {
        int written = update->written < INT_MAX ? (int)update->written : INT_MAX;
        ota_events_post(ESP_HTTPS_OTA_WRITE_FLASH, &written, sizeof(written));
    }
    if (err == ESP_OK && update->written % RESUME_CHECKPOINT_LEN == 0 && !update->has_ended) {
        ota_resume_note(&update->resume, update->ota, &update->stream, ota_fill_image_size(update));
    }
    if (err != ESP_OK) {
        return err;
    }
    if (!update->has_ended) {
        return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
    }
    return complete(update);
}

esp_err_t esp_https_ota_perform(esp_https_ota_handle_t https_ota_handle)
{
    struct ota_update *update = https_ota_handle;
    if (!update) {
        return ESP_ERR_INVALID_ARG;
    }
    if (update->state == STATE_COMPLETE) {
        ESP_LOGE(TAG, "the image is complete; call esp_https_ota_finish()");
        return ESP_FAIL;
    }
    esp_err_t err = ESP_OK;
    if (update->state == STATE_CONNECTED) {
        err = start_writing(update);
    } else if (update->state == STATE_RESUMING) {
        err = resume_writing(update);
    }
    if (err == ESP_OK) {
        err = move_one_step(update);
    }
    return begins_alone(update, err) ? ESP_ERR_HTTPS_OTA_IN_PROGRESS : err;
}

static bool is_ota_slot(const esp_partition_t *partition)
{
    return partition->type == ESP_PARTITION_TYPE_APP &&
           partition->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MIN &&
           partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
}

// differs: what boots is the final partition, and only if the image stands there
static esp_err_t activate(const struct ota_update *update)
{
    bool is_in_place = update->final == update->staging || update->copies_to_final;
    if (!is_ota_slot(update->final) || !is_in_place) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_set_boot_partition(update->final);
    if (err == ESP_OK) {
        esp_partition_subtype_t subtype = update->final->subtype;
        ota_events_post(ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION, &subtype, sizeof(subtype));
    }
    return err;
}

esp_err_t esp_https_ota_finish(esp_https_ota_handle_t https_ota_handle)
{
    struct ota_update *update = https_ota_handle;
    if (!update) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = update->verdict;
    bool is_written = update->state == STATE_WRITING || update->state == STATE_COMPLETE;
    if (is_written && !update->is_judged) {
        err = esp_ota_end(update->ota);
    } else {
        ota_transaction_abort(update);
    }
    if (err == ESP_OK && update->state == STATE_COMPLETE) {
        err = activate(update);
    }
    if (update->state == STATE_COMPLETE) { // good or bad, there is nothing to continue
        ota_resume_clear(
            &update->resume); // not earlier: it touches the slot, which would be verified again
    }
    ota_update_free(update);
    ota_events_post(ESP_HTTPS_OTA_FINISH, NULL, 0);
    return err;
}

esp_err_t esp_https_ota_abort(esp_https_ota_handle_t https_ota_handle)
{
    struct ota_update *update = https_ota_handle;
    ota_events_post(ESP_HTTPS_OTA_ABORT, NULL, 0);
    if (!update) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = update->ota ? esp_ota_abort(update->ota) : ESP_OK;
    ota_update_free(update);
    return err;
}

esp_err_t esp_https_ota_run(const esp_https_ota_config_t *ota_config)
{
    esp_https_ota_handle_t handle = NULL;
    if (!ota_config || !ota_config->http_config) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = esp_https_ota_begin(ota_config, &handle);
    if (err != ESP_OK) {
        return err;
    }
    do {
        err = esp_https_ota_perform(handle);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    if (err != ESP_OK) {
        ESP_IGNORE_ERROR(esp_https_ota_abort(handle)); // the error of perform is the one to report
        return err;
    }
    return esp_https_ota_finish(handle);
}

esp_err_t(esp_https_ota)(const esp_http_client_config_t *config)
{
    esp_https_ota_config_t ota_config = {.http_config = config};
    return esp_https_ota_run(&ota_config);
}
