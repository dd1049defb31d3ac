// Any bytes as a patch of either kind, through the stage: header, extension, limits, and legacy patches, whose container is made
// right here when the first byte asks for it.

#include <string.h>

#include "esp_delta_ota.h"
#include "esp_delta_stage.h"
#include "fuzz_check.h"
#include "fuzz_stage.h"

#define BASE_LEN 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static esp_err_t read_base(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    (void)context;
    FUZZ_CHECK(offset <= BASE_LEN && len <= BASE_LEN - offset);
    for (uint32_t i = 0; i < len; i++) {
        out[i] = (uint8_t)((offset + i) * 7 >> 3);
    }
    return ESP_OK;
}

static esp_err_t get_digest(void *context, uint8_t digest[32])
{
    (void)context;
    memset(digest, 0x5A, 32);
    return ESP_OK;
}

static struct ota_stage *make_stage(void)
{
    struct esp_delta_base base = {.size = BASE_LEN, .read = read_base, .get_digest = get_digest};
    struct ota_stage *stage;
    FUZZ_CHECK(esp_delta_stage_create(&base, esp_delta_class_memory(ESP_DELTA_16K),
                                      FUZZ_STAGE_LIMIT, &stage) == ESP_OK);
    return stage;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_stage_run whole;
    static struct fuzz_stage_run pieces;
    static uint8_t patch[1 << 16];
    size_t len = 0;
    if (size > 0 && (data[0] & 1)) {
        static const uint8_t magic[] = {0x10, 0xDE, 0xCD, 0xFC};
        memset(patch, 0, ESP_DELTA_OTA_HEADER_LEN);
        memcpy(patch, magic, sizeof(magic));
        memset(patch + 4, 0x5A, 32);
        len = ESP_DELTA_OTA_HEADER_LEN;
    }
    size_t rest = size > 0 ? size - 1 : 0;
    rest = rest < sizeof(patch) - len ? rest : sizeof(patch) - len;
    if (rest > 0) {
        memcpy(patch + len, data + 1, rest);
    }
    fuzz_stage_run(make_stage(), patch, len + rest, 0, &whole);
    fuzz_stage_run(make_stage(), patch, len + rest, (uint32_t)(1 + size % 200), &pieces);
    fuzz_stage_compare(&whole, &pieces);
    return 0;
}
