#include "ota_stream.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

static const char *TAG = "esp_https_ota";

void ota_stream_init(struct ota_stream *stream, struct ota_source *source)
{
    memset(stream, 0, sizeof(*stream));
    stream->source = source;
}

esp_err_t ota_stream_push(struct ota_stream *stream, struct ota_stage *stage, const void *first,
                          size_t first_len)
{
    uint8_t *input = malloc(STREAM_INPUT_LEN);
    bool fits = stream->level_count < STREAM_STAGE_MAX && first_len <= STREAM_INPUT_LEN;
    if (!input || !fits) {
        free(input);
        stage->ops->destroy(stage);
        return input ? ESP_ERR_INVALID_SIZE : ESP_ERR_NO_MEM;
    }
    memcpy(input, first, first_len);
    stream->levels[stream->level_count++] =
        (struct ota_level){.stage = stage, .input = input, .input_len = first_len};
    return ESP_OK;
}

void ota_stream_clear(struct ota_stream *stream)
{
    for (unsigned i = 0; i < stream->level_count; i++) {
        stream->levels[i].stage->ops->destroy(stream->levels[i].stage);
        free(stream->levels[i].input);
    }
    stream->level_count = 0;
    ota_keep_end(&stream->keep);
}

static esp_err_t err_of_stage(const struct ota_level *level, esp_err_t err)
{
    switch (err) {
    case ESP_ERR_INVALID_RESPONSE:
    case ESP_ERR_INVALID_CRC:
        ESP_LOGE(TAG, "%s: the data is damaged", level->stage->ops->name);
        return ESP_ERR_OTA_VALIDATE_FAILED;
    case ESP_ERR_NOT_FINISHED:
        ESP_LOGE(TAG, "%s: the data ended early", level->stage->ops->name);
        return ESP_FAIL;
    default:
        return err;
    }
}

static esp_err_t read_level(struct ota_stream *stream, unsigned count, void *buf, size_t len,
                            size_t *got);

static esp_err_t refill(struct ota_stream *stream, unsigned index)
{
    struct ota_level *level = &stream->levels[index];
    size_t len = 0;
    memmove(level->input, level->input + level->input_at, level->input_len - level->input_at);
    level->input_len -= level->input_at;
    level->input_at = 0;
    if (level->input_len == STREAM_INPUT_LEN) {
        return err_of_stage(
            level, ESP_ERR_INVALID_RESPONSE); // it takes no more although it has all it may ask for
    }
    esp_err_t err = read_level(stream, index, level->input + level->input_len,
                               STREAM_INPUT_LEN - level->input_len, &len);
    level->input_len += len;
    level->has_input_ended = err == ESP_OK && len == 0;
    return err;
}

// One step of a stage: takes from its input, adds to out.
static esp_err_t step(struct ota_level *level, uint8_t *out, size_t room, size_t *given)
{
    size_t taken = level->input_len - level->input_at;
    *given = room;
    if (taken == 0 && level->has_input_ended) {
        return level->stage->ops->finish(level->stage, out, given, &level->is_done);
    }
    esp_err_t err =
        level->stage->ops->step(level->stage, level->input + level->input_at, &taken, out, given);
    if (err == ESP_OK) {
        level->input_at += taken;
    }
    return err;
}

static esp_err_t read_stage(struct ota_stream *stream, unsigned index, uint8_t *buf, size_t len,
                            size_t *got)
{
    struct ota_level *level = &stream->levels[index];
    *got = 0;
    while (*got == 0 && !level->is_done) {
        size_t given = 0;
        size_t before = level->input_len - level->input_at;
        esp_err_t err = step(level, buf, len, &given);
        if (err != ESP_OK) {
            return err_of_stage(level, err);
        }
        *got = given;
        bool is_stuck = given == 0 && before == level->input_len - level->input_at;
        if (is_stuck && !level->has_input_ended) {
            err = refill(stream, index);
            if (err != ESP_OK) {
                return err;
            }
        } else if (is_stuck && !level->is_done) {
            return err_of_stage(level, ESP_ERR_NOT_FINISHED);
        }
    }
    return ESP_OK;
}

static esp_err_t read_file(struct ota_stream *stream, void *buf, size_t len, size_t *got)
{
    if (ota_keep_has_more(&stream->keep)) {
        return ota_keep_read(&stream->keep, buf, len, got);
    }
    esp_err_t err = ota_source_read(stream->source, buf, len, got);
    ota_keep_take(&stream->keep, buf, *got);
    return err;
}

// Reads from the stream as it is with only the first count stages.
static esp_err_t read_level(struct ota_stream *stream, unsigned count, void *buf, size_t len,
                            size_t *got)
{
    if (count == 0) {
        return read_file(stream, buf, len, got);
    }
    return read_stage(stream, count - 1, buf, len, got);
}

esp_err_t ota_stream_read(struct ota_stream *stream, void *buf, size_t len, size_t *got)
{
    return read_level(stream, stream->level_count, buf, len, got);
}

int64_t ota_stream_output_len(const struct ota_stream *stream)
{
    if (stream->level_count == 0) {
        return stream->source->entity.total;
    }
    const struct ota_stage *top = stream->levels[stream->level_count - 1].stage;
    return top->ops->get_output_len ? top->ops->get_output_len(top) : -1;
}

esp_err_t ota_stream_save(const struct ota_stream *stream, int64_t *source_position, uint8_t *state,
                          size_t *state_len)
{
    *source_position = stream->source->position;
    *state_len = 0;
    if (stream->level_count == 0) {
        return ESP_OK;
    }
    const struct ota_level *level = &stream->levels[0];
    if (stream->level_count > 1 || !level->stage->ops->save) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    *source_position -= (int64_t)(level->input_len - level->input_at);
    return level->stage->ops->save(level->stage, state, state_len);
}
