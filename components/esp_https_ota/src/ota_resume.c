#include "ota_resume.h"

#include <string.h>

#include "esp_log.h"
#include "ota_stage_registry.h"

static const char *TAG = "esp_https_ota";

void ota_resume_init(struct ota_resume *resume, const esp_partition_t *slot, const char *url,
                     bool is_wanted)
{
    memset(resume, 0, sizeof(*resume));
    resume->slot = slot;
    resume->is_wanted = is_wanted && url;
    if (url) {
        struct crypto_hash hash;
        esp_crypto.sha256_begin(&hash);
        esp_crypto.sha256_write(&hash, url, strlen(url));
        esp_crypto.sha256_end(&hash, resume->url_digest);
    }
}

static struct ota_entity entity_of(const struct esp_ota_journal_identity *identity)
{
    struct ota_entity entity = {.total = -1, .has_first_block = true};
    if (identity->total_len <= INT64_MAX) {
        entity.total = (int64_t)identity->total_len;
    }
    memcpy(entity.etag, identity->etag, sizeof(entity.etag));
    memcpy(entity.last_modified, identity->last_modified, sizeof(entity.last_modified));
    memcpy(entity.first_block, identity->first_block_digest, sizeof(entity.first_block));
    return entity;
}

// A stage that has no state begins at the beginning of the file, which was kept.
static esp_err_t restore_or_replay(struct ota_resume *resume, struct ota_stage *stage,
                                   struct ota_stream *stream)
{
    const struct esp_ota_journal_progress *progress = &resume->progress;
    if (stage->ops->restore) {
        return stage->ops->restore(stage, progress->state, progress->state_len);
    }
    bool is_kept =
        progress->state_len == KEEP_DIGEST_LEN &&
        ota_keep_find(&stream->keep, resume->slot, entity_of(&resume->journal.identity).total,
                      (uint32_t)progress->entity_offset, progress->state);
    return is_kept ? ESP_OK : ESP_ERR_NOT_SUPPORTED;
}

// Puts the stage back on the stream as it was at that point.
static esp_err_t restore_stage(struct ota_resume *resume, struct ota_stream *stream,
                               const struct ota_stage_output *output)
{
    uint32_t kind = resume->journal.identity.stages;
    if (kind == OTA_STAGE_UNKNOWN) {
        return ESP_OK;
    }
    struct ota_stage *stage = ota_stage_make((enum ota_stage_kind)kind, resume->slot->size);
    if (!stage) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (stage->ops->attach) {
        stage->ops->attach(stage, output);
    }
    esp_err_t err = restore_or_replay(resume, stage, stream);
    if (err != ESP_OK) {
        stage->ops->destroy(stage);
        return err;
    }
    return ota_stream_push(stream, stage, "", 0);
}

bool ota_resume_find(struct ota_resume *resume, struct ota_source *source,
                     struct ota_stream *stream, const struct ota_stage_output *output)
{
    if (!resume->is_wanted ||
        esp_ota_journal_load(resume->slot, &resume->journal, &resume->progress) != ESP_OK) {
        return false;
    }
    bool is_ours = memcmp(resume->journal.identity.url_digest, resume->url_digest, 32) == 0 &&
                   resume->progress.image_offset > 0 &&
                   resume->progress.image_offset % resume->slot->erase_size == 0;
    if (!is_ours || restore_stage(resume, stream, output) != ESP_OK) {
        ota_keep_end(&stream->keep);
        return false;
    }
    resume->has_journal = true;
    resume->stages = resume->journal.identity.stages;
    struct ota_entity entity = entity_of(&resume->journal.identity);
    ota_source_expect(source, &entity, (int64_t)resume->progress.entity_offset);
    return true;
}

static esp_err_t begin_journal(struct ota_resume *resume, const struct ota_entity *entity,
                               int64_t image_size)
{
    struct esp_ota_journal_identity identity;
    memset(&identity, 0, sizeof(identity));
    identity.total_len =
        entity->total >= 0 ? (uint64_t)entity->total : ESP_OTA_JOURNAL_TOTAL_UNKNOWN;
    memcpy(identity.url_digest, resume->url_digest, sizeof(identity.url_digest));
    memcpy(identity.first_block_digest, entity->first_block, sizeof(identity.first_block_digest));
    esp_ota_journal_set_texts(&identity, entity->etag, entity->last_modified);
    identity.stages = resume->stages;
    return esp_ota_journal_begin(resume->slot, image_size > 0 ? (uint32_t)image_size : 0, &identity,
                                 &resume->journal);
}

// From where the source would go on, and with what.
static esp_err_t save_stream(const struct ota_stream *stream, int64_t *position,
                             struct esp_ota_journal_progress *progress)
{
    size_t state_len = 0;
    esp_err_t err = ota_keep_digest(&stream->keep, progress->state);
    if (err == ESP_OK) {
        *position = stream->keep.kept;
        progress->state_len = KEEP_DIGEST_LEN;
        return ESP_OK;
    }
    err = ota_stream_save(stream, position, progress->state, &state_len);
    progress->state_len = (uint16_t)state_len;
    return err;
}

static esp_err_t add_record(struct ota_resume *resume, esp_ota_handle_t ota,
                            const struct ota_stream *stream, int64_t image_size)
{
    struct esp_ota_journal_progress progress;
    int64_t position = 0;
    memset(&progress, 0, sizeof(progress));
    esp_err_t err = save_stream(stream, &position, &progress);
    if (err == ESP_OK) {
        err = esp_ota_get_prefix_digest(ota, &progress.image_offset, progress.digest);
    }
    if (err == ESP_OK && !resume->has_journal) {
        err = begin_journal(resume, &stream->source->entity, image_size);
        resume->has_journal = err == ESP_OK;
    }
    if (err != ESP_OK) {
        return err;
    }
    progress.entity_offset = (uint64_t)position;
    return esp_ota_journal_add(&resume->journal, &progress);
}

void ota_resume_note(struct ota_resume *resume, esp_ota_handle_t ota,
                     const struct ota_stream *stream, int64_t image_size)
{
    bool is_early = stream->keep.is_wanted && stream->keep.kept == 0;
    if (!resume->is_wanted || resume->is_over || is_early ||
        !stream->source->entity.has_first_block) {
        return;
    }
    esp_err_t err = add_record(resume, ota, stream, image_size);
    if (err != ESP_OK) {
        ESP_LOGI(TAG, "from here on the update cannot be continued after a power cut: %s",
                 esp_err_to_text(err));
        resume->is_over = true;
    }
}

void ota_resume_clear(struct ota_resume *resume)
{
    if (resume->has_journal) {
        ESP_IGNORE_ERROR(
            esp_ota_journal_clear(resume->slot)); // a stale journal is noticed by its digest
        resume->has_journal = false;
    }
}

void ota_resume_forget(struct ota_resume *resume)
{
    resume->has_journal = false;
    resume->is_over = false;
    resume->stages = 0;
    memset(&resume->progress, 0, sizeof(resume->progress));
}
