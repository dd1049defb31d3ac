// From the source into the buffer, through the stages that the first bytes ask for.

#include "esp_log.h"
#include "ota_decrypt_cb.h"
#include "ota_stage_registry.h"
#include "ota_update.h"

static const char *TAG = "esp_https_ota";

int64_t ota_fill_image_size(const struct ota_update *update)
{
    int64_t total = update->source.entity.total;
    if (!update->decrypt_cb || update->stream.level_count > 1) {
        return ota_stream_output_len(&update->stream);
    }
    return total < update->enc_header_size ? total : total - update->enc_header_size;
}

esp_err_t ota_fill_buffer(struct ota_update *update, size_t wanted)
{
    while (update->buffered < wanted && !update->has_ended) {
        size_t len = 0;
        esp_err_t err = ota_stream_read(&update->stream, update->buffer + update->buffered,
                                        wanted - update->buffered, &len);
        update->buffered += len;
        if (err == ESP_ERR_INVALID_RESPONSE) {
            return ota_update_note_change(update);
        }
        if (err != ESP_OK) {
            return err;
        }
        update->has_ended = len == 0;
    }
    return ESP_OK;
}

// What a stage has given is on flash, on its way there, or still in the buffer.
static esp_err_t read_output(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    struct ota_update *update = context;
    uint32_t written = (uint32_t)update->written;
    uint32_t from_flash = offset < written ? written - offset : 0;
    from_flash = from_flash < len ? from_flash : len;
    esp_err_t err =
        from_flash > 0 ? esp_partition_read(update->staging, offset, out, from_flash) : ESP_OK;
    for (uint32_t i = 0; i < len && err == ESP_OK; i++) {
        uint32_t at = offset + i;
        if (at >= written) {
            out[i] = (uint8_t)update->buffer[at - written];
        } else if (written - at <= LAST_WRITTEN_LEN) {
            out[i] = update->last_written[LAST_WRITTEN_LEN - (written - at)];
        }
    }
    return err;
}

struct ota_stage_output ota_fill_output(struct ota_update *update)
{
    return (struct ota_stage_output){update, read_output};
}

// A patch is not continued from a stage's state but from its beginning, which is kept if there is room.
static void begin_keeping(struct ota_update *update, enum ota_stage_kind kind)
{
    struct ota_keep *keep = &update->stream.keep;
    if (kind == OTA_STAGE_DELTA && update->resume.is_wanted && update->final == update->staging) {
        ota_keep_begin(keep, update->staging, update->source.entity.total);
        ota_keep_take(keep, update->buffer, update->buffered);
    }
}

// The stage that the first bytes in the buffer ask for; NULL: none.
static struct ota_stage *next_stage(struct ota_update *update)
{
    if (update->decrypt_cb && update->stream.level_count == 0) {
        return ota_decrypt_cb_create(update->decrypt_cb, update->decrypt_user_ctx);
    }
    if (update->keeps_compression || !ota_update_has_image(update)) {
        return NULL;
    }
    enum ota_stage_kind kind = ota_stage_detect((const uint8_t *)update->buffer, update->buffered);
    struct ota_stage *stage = ota_stage_make(kind, update->staging->size);
    if (stage && update->stream.level_count == 0) {
        update->resume.stages = kind; // a journal keeps the state of this one
        begin_keeping(update, kind);
    }
    if (stage && stage->ops->attach) {
        struct ota_stage_output output = ota_fill_output(update);
        stage->ops->attach(stage, &output);
    }
    return stage;
}

esp_err_t ota_fill_header(struct ota_update *update)
{
    while (!update->has_header) {
        esp_err_t err = ota_fill_buffer(update, HEADER_LEN);
        if (err != ESP_OK) {
            return err;
        }
        struct ota_stage *stage = next_stage(update);
        if (!stage) {
            update->has_header = true;
            return ESP_OK;
        }
        ESP_LOGI(TAG, "unpacking: %s", stage->ops->name);
        err = ota_stream_push(&update->stream, stage, update->buffer, update->buffered);
        if (err != ESP_OK) {
            return err;
        }
        update->buffered = 0;
        update->has_ended = false;
    }
    return ESP_OK;
}

esp_err_t ota_fill_wait_for_header(struct ota_update *update)
{
    esp_err_t err;
    do {
        err = ota_fill_header(update);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}
