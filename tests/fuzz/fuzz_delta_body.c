// Any bytes as the body of a delta patch, on any bytes as old image: whole and in pieces, with the same end and inside its memory.
// The header is made here, as its CRC and digests would stop nearly all inputs.

#include <stdlib.h>
#include <string.h>

#include "delta_decoder.h"
#include "esp_log.h"
#include "fuzz_check.h"

#define NEW_MAX 4096
#define OLD_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct files {
    uint8_t old_bytes[OLD_MAX];
    uint32_t old_len;
    uint8_t new_bytes[NEW_MAX];
    uint32_t given;
};

struct outcome {
    esp_err_t err;
    uint32_t len;
    uint8_t bytes[NEW_MAX];
};

static esp_err_t read_old(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct files *files = context;
    FUZZ_CHECK(offset <= files->old_len && len <= files->old_len - offset);
    memcpy(out, files->old_bytes + offset, len);
    return ESP_OK;
}

static esp_err_t read_new(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct files *files = context;
    FUZZ_CHECK(offset <= files->given && len <= files->given - offset);
    memcpy(out, files->new_bytes + offset, len);
    return ESP_OK;
}

// An image with a segment of data and one of code, filled with what is given.
static void make_old(struct files *files, unsigned arch, const uint8_t *fill, size_t fill_len)
{
    static const uint32_t addresses[3][2] = {
        {0, 0}, {0x3F400020, 0x400D0020}, {0x3C000020, 0x42000020}};
    uint32_t half = (uint32_t)(fill_len / 2) & ~3u;
    uint8_t *at = files->old_bytes;
    memset(at, 0, sizeof(files->old_bytes));
    if (arch == 0) {
        memcpy(at, fill, fill_len);
        files->old_len = (uint32_t)fill_len;
        return;
    }
    at[0] = 0xE9;
    at[1] = 2;
    at[12] = arch == 1 ? 0 : 5;
    at += 24;
    for (int i = 0; i < 2; i++) {
        delta_store(at, 4, addresses[arch][i]);
        delta_store(at + 4, 4, half);
        memcpy(at + 8, fill + i * half, half);
        at += 8 + half;
    }
    files->old_len = (uint32_t)(at - files->old_bytes);
}

static size_t piece(uint32_t *seed, size_t most)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8 & 7 ? (*seed >> 11) % (most + 1) : 0;
}

static void run(const struct delta_decoder_config *config, struct files *files, const uint8_t *body,
                size_t body_len, uint32_t seed, struct outcome *outcome)
{
    struct delta_decoder *decoder =
        malloc(delta_decoder_memory(&config->size)); // exact: ASan watches its end
    FUZZ_CHECK(decoder);
    files->given = 0;
    esp_err_t err = delta_decoder_init(decoder, config);
    size_t at = 0;
    int idle = 0;
    while (err == ESP_OK && !delta_decoder_is_done(decoder)) {
        size_t in_len = seed ? piece(&seed, body_len - at) : body_len - at;
        size_t out_len = seed ? piece(&seed, NEW_MAX - files->given) : NEW_MAX - files->given;
        err = delta_decoder_step(decoder, body + at, &in_len, files->new_bytes + files->given,
                                 &out_len);
        at += in_len;
        files->given += err == ESP_OK ? (uint32_t)out_len : 0;
        idle = in_len + out_len > 0 ? 0 : idle + 1;
        FUZZ_CHECK(idle < 1000);
    }
    outcome->err = err;
    outcome->len = files->given;
    memcpy(outcome->bytes, files->new_bytes, files->given);
    free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct files files;
    static struct outcome whole;
    static struct outcome pieces;
    esp_log_level_set("*", ESP_LOG_NONE);
    if (size < 8) {
        return 0;
    }
    size_t old_len = delta_load(data + 5, 2) % (OLD_MAX - 64);
    old_len = old_len < size - 8 ? old_len : size - 8;
    make_old(&files, data[0] % 3, data + 8, old_len);
    const uint8_t *body = data + 8 + old_len;
    struct delta_decoder_config config = {
        .size = {data[1] % 32, 1 + data[2] * 4u, 1 + data[0] / 3 % MODEL_INPUTS_MAX,
                 data[7] >> 1 & 1},
        .old_len = files.old_len,
        .new_len = delta_load(data + 3, 2) % (NEW_MAX + 1),
        .body_len = (uint32_t)(size - 8 - old_len),
        .ignores_addresses = data[7] & 1,
        .read_old = read_old,
        .old_context = &files,
        .read_new = read_new,
        .new_context = &files,
    };
    run(&config, &files, body, config.body_len, 0, &whole);
    run(&config, &files, body, config.body_len, 1 + (uint32_t)size, &pieces);
    FUZZ_CHECK(whole.err == pieces.err);
    FUZZ_CHECK(whole.err != ESP_OK || whole.len == config.new_len);
    FUZZ_CHECK(whole.err != ESP_OK || pieces.len == whole.len);
    uint32_t common = whole.len < pieces.len ? whole.len : pieces.len;
    FUZZ_CHECK(memcmp(whole.bytes, pieces.bytes, common) == 0);
    return 0;
}
