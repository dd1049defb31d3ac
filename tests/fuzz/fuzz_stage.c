#include "fuzz_stage.h"

#include <string.h>

#include "esp_log.h"
#include "fuzz_check.h"

static size_t piece(uint32_t *seed, uint32_t most, size_t left)
{
    *seed = *seed * 1664525u + 1013904223u;
    size_t len = most ? (*seed >> 8) % (most + 1) : left;
    return len < left ? len : left;
}

static void check_error(esp_err_t err)
{
    FUZZ_CHECK(
        err == ESP_OK || err == ESP_ERR_INVALID_RESPONSE || err == ESP_ERR_INVALID_SIZE ||
        err == ESP_ERR_INVALID_CRC || err == ESP_ERR_NOT_FINISHED ||
        // delta patches: for another base or version, too large for this device, of an unknown kind, without a way back
        err == ESP_ERR_INVALID_VERSION || err == ESP_ERR_NO_MEM || err == ESP_ERR_NOT_SUPPORTED ||
        err == ESP_ERR_INVALID_STATE);
}

/** One call of the stage with input, or of finish behind it, and the promises of ota_stage_ops about it. */
static esp_err_t call(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len, bool *is_done)
{
    size_t offered = *in_len;
    size_t room = *out_len;
    esp_err_t err = in ? stage->ops->step(stage, in, in_len, out, out_len)
                       : stage->ops->finish(stage, out, out_len, is_done);
    if (err != ESP_OK) {
        *out_len = 0; // of no use after an error
        return err;
    }
    FUZZ_CHECK(*in_len <= offered && *out_len <= room);
    FUZZ_CHECK(offered == 0 || room == 0 || *in_len > 0 || *out_len > 0);
    return ESP_OK;
}

/** Only what earlier calls gave may be asked for. */
static esp_err_t read_given(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct fuzz_stage_run *run = context;
    FUZZ_CHECK(offset <= run->len && len <= run->len - offset);
    memcpy(out, run->out + offset, len);
    return ESP_OK;
}

/** What a stage says of its output once it knows it stays so, and is true in the end. */
static void check_output_len(const struct ota_stage *stage, const struct fuzz_stage_run *run,
                             bool is_done, int64_t *known)
{
    if (!stage->ops->get_output_len || run->err != ESP_OK) {
        return;
    }
    int64_t len = stage->ops->get_output_len(stage);
    FUZZ_CHECK(*known < 0 || len == *known);
    FUZZ_CHECK(!is_done || len == (int64_t)run->len);
    *known = len;
}

void fuzz_stage_run(struct ota_stage *stage, const uint8_t *data, size_t size, uint32_t most,
                    struct fuzz_stage_run *run)
{
    uint32_t seed = most;
    size_t at = 0;
    bool is_done = false;
    int64_t known = -1;
    struct ota_stage_output output = {run, read_given};
    esp_log_level_set("*", ESP_LOG_NONE);
    FUZZ_CHECK(stage);
    if (stage->ops->attach) {
        stage->ops->attach(stage, &output);
    }
    run->err = ESP_OK;
    run->len = 0;
    while (run->err == ESP_OK && !is_done) {
        size_t in_len = piece(&seed, most, size - at);
        size_t out_len = piece(&seed, most, sizeof(run->out) - run->len);
        run->err = call(stage, at < size ? data + at : NULL, &in_len, run->out + run->len, &out_len,
                        &is_done);
        at += in_len; // 0 behind the end
        run->len += out_len;
        FUZZ_CHECK(run->len <= FUZZ_STAGE_LIMIT);
        check_output_len(stage, run, is_done, &known);
    }
    check_error(run->err);
    stage->ops->destroy(stage);
}

void fuzz_stage_compare(const struct fuzz_stage_run *a, const struct fuzz_stage_run *b)
{
    // which of several faults is told first may depend on the pieces (ota_stage_codecs.h, zstd); that there is one may not.
    // Output before an error depends on where the piece with the error begins
    size_t common = a->len < b->len ? a->len : b->len;
    FUZZ_CHECK((a->err == ESP_OK) == (b->err == ESP_OK));
    FUZZ_CHECK(a->err != ESP_OK || a->len == b->len);
    FUZZ_CHECK(memcmp(a->out, b->out, common) == 0);
}
