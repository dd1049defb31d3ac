// The zstd stage, through libzstd.
//
// chosen: libzstd's static context, because it is the only form that never allocates. It belongs to the part of the
// interface that may change between versions, hence the macro; both calls exist since 1.3.
#define ZSTD_STATIC_LINKING_ONLY

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "esp_log.h"
#include "ota_stage_codecs.h"

static const char TAG[] = "stage_zstd";

#define WINDOW_LOG_MAX 23
_Static_assert(1u << WINDOW_LOG_MAX == OTA_STAGE_ZSTD_WINDOW_MAX, "one limit, said twice");

struct zstd_stage {
    struct ota_stage stage;
    ZSTD_DCtx *context; // inside memory
    void *memory;
    uint64_t max_output;
    uint64_t given;       // bytes of output
    bool is_at_end;       // a frame has ended and no byte of another was taken
    bool has_frame;       // at least one frame was begun
    bool may_hold_output; // the last call filled all room
};

static esp_err_t explain(const struct zstd_stage *self, size_t result)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_checksum_wrong:
        ESP_LOGE(TAG, "the checksum of a zstd frame is wrong");
        return ESP_ERR_INVALID_CRC;
    case ZSTD_error_frameParameter_windowTooLarge:
    case ZSTD_error_memory_allocation:
        ESP_LOGE(TAG,
                 "the zstd frame needs a window of more than %u MiB; compress without --long and "
                 "--ultra",
                 OTA_STAGE_ZSTD_WINDOW_MAX / (1024 * 1024));
        return ESP_ERR_INVALID_RESPONSE;
    case ZSTD_error_prefix_unknown:
        ESP_LOGE(TAG, "%s",
                 self->given > 0 || self->is_at_end ? "garbage behind the zstd frame"
                                                    : "not a zstd file");
        return ESP_ERR_INVALID_RESPONSE;
    default:
        ESP_LOGE(TAG, "zstd data damaged after %llu bytes of output: %s",
                 (unsigned long long)self->given, ZSTD_getErrorName(result));
        return ESP_ERR_INVALID_RESPONSE;
    }
}

/** Runs the decoder once. At the limit it gets room for one byte of its own, which shows whether more would come. */
// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
static esp_err_t decode_once(struct zstd_stage *self, ZSTD_inBuffer *in, uint8_t *out, size_t room,
                             size_t *given)
// NOLINTEND(readability-non-const-parameter)
{
    uint8_t beyond;
    uint64_t allowed = self->max_output - self->given;
    ZSTD_outBuffer target = {.dst = out, .size = room < allowed ? room : (size_t)allowed};
    if (allowed == 0) {
        target = (ZSTD_outBuffer){.dst = &beyond, .size = 1};
    }
    size_t result = ZSTD_decompressStream(self->context, &target, in);
    *given = allowed > 0 ? target.pos : 0;
    if (ZSTD_isError(result)) {
        return explain(self, result);
    }
    if (allowed == 0 && target.pos > 0) {
        ESP_LOGE(TAG, "unpacks to more than the %llu bytes allowed",
                 (unsigned long long)self->max_output);
        return ESP_ERR_INVALID_SIZE;
    }
    self->is_at_end = result == 0;
    self->may_hold_output = !self->is_at_end && target.pos == target.size;
    return ESP_OK;
}

static esp_err_t zstd_step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                           size_t *out_len)
{
    struct zstd_stage *self = (struct zstd_stage *)stage;
    ZSTD_inBuffer input = {.src = in, .size = *in_len};
    esp_err_t err = ESP_OK;
    size_t given = 0;
    // libzstd counts calls without any progress and ends with an error, so it is called only when it can do something
    while (err == ESP_OK && (input.pos < input.size || self->may_hold_output) && given < *out_len) {
        size_t now = 0;
        self->has_frame = true;
        err = decode_once(self, &input, out + given, *out_len - given, &now);
        given += now;
        self->given += now;
        if (now == 0 && input.pos == input.size) {
            break;
        }
    }
    *in_len = input.pos;
    *out_len = given;
    return err;
}

static esp_err_t zstd_finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    struct zstd_stage *self = (struct zstd_stage *)stage;
    size_t no_input = 0;
    size_t room = *out_len;
    *is_done = false;
    esp_err_t err = zstd_step(stage, NULL, &no_input, out, out_len);
    if (err != ESP_OK) {
        return err;
    }
    *is_done = self->has_frame && self->is_at_end;
    if (!*is_done && *out_len < room) {
        ESP_LOGE(TAG, "the zstd file ends too early, after %llu bytes of output",
                 (unsigned long long)self->given);
        return ESP_ERR_NOT_FINISHED;
    }
    return ESP_OK;
}

static void zstd_destroy(struct ota_stage *stage)
{
    struct zstd_stage *self = (struct zstd_stage *)stage;
    free(self->memory); // the context lies inside
    free(self);
}

static const struct ota_stage_ops zstd_stage_ops = {
    .name = "zstd",
    .step = zstd_step,
    .finish = zstd_finish,
    .destroy = zstd_destroy,
};

struct ota_stage *ota_stage_zstd_create(uint64_t max_output)
{
    size_t size = ZSTD_estimateDStreamSize(OTA_STAGE_ZSTD_WINDOW_MAX);
    struct zstd_stage *self = calloc(1, sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->stage.ops = &zstd_stage_ops;
    self->max_output = max_output;
    self->memory = malloc(size); // not calloc: pages that no frame uses stay unbacked
    self->context = self->memory ? ZSTD_initStaticDCtx(self->memory, size) : NULL;
    if (!self->context ||
        ZSTD_isError(ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        zstd_destroy(&self->stage);
        return NULL;
    }
    return &self->stage;
}
