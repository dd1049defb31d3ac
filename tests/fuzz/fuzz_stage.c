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

void fuzz_stage_run(struct ota_stage *stage, const uint8_t *data, size_t size, uint32_t most,
                    struct fuzz_stage_run *run)
{
    struct ota_chain chain; // of one stage: it also checks for progress
    uint32_t seed = most;
    size_t at = 0;
    bool is_done = false;
    esp_log_level_set("*", ESP_LOG_NONE);
    FUZZ_CHECK(stage);
    FUZZ_CHECK(ota_chain_init(&chain, &stage, 1, NULL, 0) == ESP_OK);
    run->err = ESP_OK;
    run->len = 0;
    while (run->err == ESP_OK && !is_done) {
        size_t in_len = piece(&seed, most, size - at);
        size_t out_len = piece(&seed, most, sizeof(run->out) - run->len);
        run->err = at < size
                       ? ota_chain_step(&chain, data + at, &in_len, run->out + run->len, &out_len)
                       : ota_chain_finish(&chain, run->out + run->len, &out_len, &is_done);
        at += at < size ? in_len : 0;
        run->len += out_len;
        FUZZ_CHECK(run->len <= FUZZ_STAGE_LIMIT);
    }
    check_error(run->err);
    ota_chain_destroy(&chain);
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
