// Applies a patch in memory, through the stage that a device uses.

#include <stdlib.h>
#include <string.h>

#include "delta_encoder.h"
#include "esp_delta_stage.h"

#define PIECE_LEN 4096

struct target {
    const struct delta_file *old_file;
    const uint8_t *base_digest;
    uint8_t *bytes;
    size_t len;
    size_t capacity;
};

static esp_err_t read_base(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct target *target = context;
    memcpy(out, target->old_file->bytes + offset, len);
    return ESP_OK;
}

static esp_err_t get_digest(void *context, uint8_t digest[32])
{
    const struct target *target = context;
    if (!target->base_digest) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    memcpy(digest, target->base_digest, 32);
    return ESP_OK;
}

static esp_err_t read_made(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct target *target = context;
    memcpy(out, target->bytes + offset, len);
    return ESP_OK;
}

static esp_err_t make_room(struct target *target)
{
    if (target->capacity - target->len >= PIECE_LEN) {
        return ESP_OK;
    }
    size_t capacity = target->capacity * 2 + 16 * (size_t)PIECE_LEN;
    uint8_t *bytes = realloc(target->bytes, capacity);
    if (!bytes) {
        return ESP_ERR_NO_MEM;
    }
    target->bytes = bytes;
    target->capacity = capacity;
    return ESP_OK;
}

static esp_err_t run(struct ota_stage *stage, struct target *target, const uint8_t *patch,
                     size_t patch_len)
{
    bool is_done = false;
    esp_err_t err = ESP_OK;
    for (size_t at = 0; err == ESP_OK && !is_done;) {
        err = make_room(target);
        if (err != ESP_OK) {
            break;
        }
        size_t in_len = patch_len - at;
        size_t out_len = target->capacity - target->len;
        err = in_len > 0
                  ? stage->ops->step(stage, patch + at, &in_len, target->bytes + target->len,
                                     &out_len)
                  : stage->ops->finish(stage, target->bytes + target->len, &out_len, &is_done);
        at += in_len;
        target->len += err == ESP_OK ? out_len : 0;
    }
    return err;
}

esp_err_t delta_apply(const struct delta_file *old_file, const uint8_t *base_digest,
                      const uint8_t *patch, size_t patch_len, uint8_t **new_bytes, size_t *new_len)
{
    struct target target = {.old_file = old_file, .base_digest = base_digest};
    struct esp_delta_base base = {.context = &target,
                                  .size = (uint32_t)old_file->len,
                                  .read = read_base,
                                  .get_digest = get_digest};
    struct ota_stage_output output = {&target, read_made};
    struct ota_stage *stage;
    esp_err_t err = esp_delta_stage_create(&base, esp_delta_class_memory(ESP_DELTA_64K),
                                           DELTA_FILE_MAX, &stage);
    if (err != ESP_OK) {
        return err;
    }
    stage->ops->attach(stage, &output);
    err = run(stage, &target, patch, patch_len);
    stage->ops->destroy(stage);
    if (err != ESP_OK) {
        free(target.bytes);
        return err;
    }
    *new_bytes = target.bytes;
    *new_len = target.len;
    return ESP_OK;
}
