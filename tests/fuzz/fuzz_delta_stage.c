// Any bytes as a patch of either kind, through the stage: header, extension, limits, body, tail. The first byte may ask for what
// hardly any input would have: the container of a legacy patch, or a header of ours whose CRC, base and ranges are right.

#include <string.h>

#include "crypto_ops.h"
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

static size_t make_legacy_header(uint8_t *patch)
{
    static const uint8_t magic[] = {0x10, 0xDE, 0xCD, 0xFC};
    memset(patch, 0, ESP_DELTA_OTA_HEADER_LEN);
    memcpy(patch, magic, sizeof(magic));
    memset(patch + 4, 0x5A, 32);
    return ESP_DELTA_OTA_HEADER_LEN;
}

// The fields come from data where they may be anything, all others are as they must be.
static size_t make_header(uint8_t *out, const uint8_t *data, size_t size)
{
    uint8_t base[BASE_LEN];
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    struct esp_delta_patch patch = {.ram_class = ESP_DELTA_16K,
                                    .chip_id = ESP_DELTA_PATCH_NO_CHIP,
                                    .old_size = BASE_LEN - data[1] % 8,
                                    .new_size = 64 + (data[2] | data[3] << 8) % FUZZ_STAGE_LIMIT,
                                    .body_size = (uint32_t)size - 8,
                                    .map_entries = data[4] % 16,
                                    .pool_len = 16 * (1 + data[5] % 64u),
                                    .inputs = 1 + data[6] % 8,
                                    .makes_checksum = (data[0] & 4) != 0,
                                    .makes_digest = (data[0] & 12) == 12,
                                    .ignores_addresses = (data[0] & 16) != 0};
    esp_crypto.sha256_begin(&hash);
    FUZZ_CHECK(read_base(NULL, 0, base, patch.old_size) == ESP_OK);
    esp_crypto.sha256_write(&hash, base, patch.old_size);
    esp_crypto.sha256_end(&hash, digest);
    memcpy(patch.old_digest, digest, sizeof(patch.old_digest));
    esp_delta_patch_encode(&patch, out);
    return ESP_DELTA_PATCH_HEADER_LEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_stage_run whole;
    static struct fuzz_stage_run pieces;
    static uint8_t patch[1 << 16];
    size_t len = 0;
    if (size > 8 && size < 30000 && (data[0] & 3) == 2) {
        len = make_header(patch, data, size);
        data += 7;
        size -= 7;
    } else if (size > 0 && (data[0] & 1)) {
        len = make_legacy_header(patch);
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
