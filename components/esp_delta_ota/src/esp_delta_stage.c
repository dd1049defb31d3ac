// The stage: header, checks before the first byte, then the decoder; at the end the bytes that need not be sent, and the digest.

#include "esp_delta_stage.h"

#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "delta_decoder.h"
#include "esp_delta_ota.h"
#include "esp_log.h"
#include "legacy_patch.h"

static const char *TAG = "esp_delta_ota";

#define HEADER_LEN 64 // fact: of both containers

enum stage_phase {
    STAGE_HEADER,
    STAGE_EXTENSION, // nothing in it is known here; it is skipped
    STAGE_BODY,
    STAGE_STORED, // the body is the new file
    STAGE_TAIL,   // checksum and appended digest
    STAGE_DONE,
    STAGE_LEGACY,
};

struct delta_stage {
    struct ota_stage stage;
    struct esp_delta_base base;
    struct ota_stage_output output;
    uint64_t max_output;
    size_t memory_max;
    enum stage_phase phase;
    uint8_t header[HEADER_LEN];
    uint32_t header_len;
    uint32_t extension_left;
    uint32_t stored_left;
    struct esp_delta_patch patch;
    struct crypto_hash hash; // of the output
    uint8_t tail[1 + CRYPTO_SHA256_LEN];
    uint32_t tail_at;
    uint32_t tail_len;
    struct legacy_patch legacy;
    struct delta_decoder decoder; // last: its tables follow
};

// ----------------------------------------------------------------------- before the first byte

static esp_err_t hash_base(struct delta_stage *self, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < self->patch.old_size;) {
        uint8_t bytes[512];
        uint32_t len = self->patch.old_size - at;
        len = len < sizeof(bytes) ? len : sizeof(bytes);
        esp_err_t err = self->base.read(self->base.context, at, bytes, len);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, bytes, len);
        at += len;
    }
    esp_crypto.sha256_end(&hash, digest);
    return ESP_OK;
}

static esp_err_t refuse_base(void)
{
    ESP_LOGE(TAG, "the patch is for another image than the one that runs");
    return ESP_ERR_INVALID_VERSION;
}

static esp_err_t check_patch(struct delta_stage *self)
{
    const struct esp_delta_patch *patch = &self->patch;
    uint8_t digest[CRYPTO_SHA256_LEN];
    size_t memory = esp_delta_patch_memory(patch);
    if (memory > self->memory_max) {
        ESP_LOGE(TAG, "the patch needs %u bytes of memory to apply, there are %u", (unsigned)memory,
                 (unsigned)self->memory_max);
        return ESP_ERR_NO_MEM;
    }
    if (patch->new_size > self->max_output) {
        ESP_LOGE(TAG, "the patch makes %u bytes, there is room for %u", (unsigned)patch->new_size,
                 (unsigned)self->max_output);
        return ESP_ERR_INVALID_SIZE;
    }
    if (patch->old_size > self->base.size) {
        return refuse_base();
    }
    esp_err_t err = hash_base(self, digest);
    if (err != ESP_OK) {
        return err;
    }
    bool is_same = memcmp(digest, patch->old_digest, ESP_DELTA_PATCH_DIGEST_LEN) == 0;
    return is_same ? ESP_OK : refuse_base();
}

static esp_err_t read_output(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    struct delta_stage *self = context;
    if (!self->output.read) {
        ESP_LOGE(TAG, "the patch copies from its own output, which cannot be read back here");
        return ESP_ERR_INVALID_STATE;
    }
    return self->output.read(self->output.context, offset, out, len);
}

static uint32_t tail_len(const struct esp_delta_patch *patch)
{
    return (patch->makes_checksum ? 1 : 0) + (patch->makes_digest ? CRYPTO_SHA256_LEN : 0);
}

static esp_err_t begin_body(struct delta_stage *self)
{
    const struct esp_delta_patch *patch = &self->patch;
    struct delta_decoder_config config = {
        .size = {patch->map_entries, patch->pool_len, patch->inputs, patch->has_deflate},
        .old_len = patch->old_size,
        .new_len = patch->new_size - tail_len(patch),
        .body_len = patch->body_size,
        .ignores_addresses = patch->ignores_addresses,
        .read_old = self->base.read,
        .old_context = self->base.context,
        .read_new = read_output,
        .new_context = self,
    };
    if (patch->inputs == 0) {
        self->stored_left = patch->body_size;
        self->phase = STAGE_STORED;
        return ESP_OK;
    }
    self->phase = STAGE_BODY;
    return delta_decoder_init(&self->decoder, &config);
}

static esp_err_t read_legacy_base(void *context, uint32_t offset, uint8_t *out, size_t len)
{
    const struct esp_delta_base *base = context;
    return base->read(base->context, offset, out, (uint32_t)len);
}

static esp_err_t begin_legacy(struct delta_stage *self)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    esp_err_t err = self->base.get_digest ? self->base.get_digest(self->base.context, digest)
                                          : ESP_ERR_NOT_SUPPORTED;
    if (err != ESP_OK) {
        return err;
    }
    if (memcmp(self->header + 4, digest, sizeof(digest)) != 0) {
        return refuse_base();
    }
    uint32_t most = self->max_output < INT32_MAX ? (uint32_t)self->max_output : INT32_MAX;
    legacy_patch_init(&self->legacy, read_legacy_base, &self->base, self->base.size, most);
    self->phase = STAGE_LEGACY;
    return ESP_OK;
}

static esp_err_t take_header(struct delta_stage *self, const uint8_t *in, size_t *in_len)
{
    size_t len = HEADER_LEN - self->header_len;
    len = len < *in_len ? len : *in_len;
    memcpy(self->header + self->header_len, in, len);
    self->header_len += (uint32_t)len;
    *in_len = len;
    if (self->header_len < HEADER_LEN) {
        return ESP_OK;
    }
    if (delta_load(self->header, 4) == ESP_DELTA_OTA_MAGIC) {
        return begin_legacy(self);
    }
    esp_err_t err = esp_delta_patch_parse(self->header, HEADER_LEN, &self->patch);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, err == ESP_ERR_INVALID_VERSION ? "the patch is made for a later version"
                                                     : "no delta patch, or its header is damaged");
        return err;
    }
    self->extension_left = self->patch.extension_len;
    self->phase = STAGE_EXTENSION;
    return check_patch(self);
}

static esp_err_t skip_extension(struct delta_stage *self, size_t *in_len)
{
    *in_len = *in_len < self->extension_left ? *in_len : self->extension_left;
    self->extension_left -= (uint32_t)*in_len;
    return self->extension_left == 0 ? begin_body(self) : ESP_OK;
}

// ----------------------------------------------------------------------- body and tail

static void make_tail(struct delta_stage *self)
{
    struct crypto_hash hash = self->hash; // forked: the digest is part of the output it is to check
    if (self->patch.makes_checksum) {
        self->tail[self->tail_len++] = self->decoder.follower.checksum;
        esp_crypto.sha256_write(&hash, self->tail, 1);
    }
    if (self->patch.makes_digest) {
        esp_crypto.sha256_end(&hash, self->tail + self->tail_len);
        self->tail_len += CRYPTO_SHA256_LEN;
    }
    self->phase = STAGE_TAIL;
}

static esp_err_t check_output(struct delta_stage *self)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash = self->hash;
    esp_crypto.sha256_end(&hash, digest);
    if (memcmp(digest, self->patch.new_digest, ESP_DELTA_PATCH_DIGEST_LEN) != 0) {
        ESP_LOGE(TAG, "what the patch made is not the image it announced");
        return ESP_ERR_INVALID_CRC;
    }
    self->phase = STAGE_DONE;
    return ESP_OK;
}

static esp_err_t give_tail(struct delta_stage *self, uint8_t *out, size_t *out_len)
{
    size_t len = self->tail_len - self->tail_at;
    len = len < *out_len ? len : *out_len;
    memcpy(out, self->tail + self->tail_at, len);
    esp_crypto.sha256_write(&self->hash, out, len);
    self->tail_at += (uint32_t)len;
    *out_len = len;
    return self->tail_at == self->tail_len ? check_output(self) : ESP_OK;
}

static esp_err_t step_body(struct delta_stage *self, const uint8_t *in, size_t *in_len,
                           uint8_t *out, size_t *out_len)
{
    esp_err_t err = delta_decoder_step(&self->decoder, in, in_len, out, out_len);
    if (err == ESP_OK) {
        esp_crypto.sha256_write(&self->hash, out, *out_len);
        if (delta_decoder_is_done(&self->decoder)) {
            make_tail(self);
        }
    }
    return err;
}

static esp_err_t step_stored(struct delta_stage *self, const uint8_t *in, size_t *in_len,
                             uint8_t *out, size_t *out_len)
{
    size_t len = *in_len < *out_len ? *in_len : *out_len;
    len = len < self->stored_left ? len : self->stored_left;
    memcpy(out, in, len);
    esp_crypto.sha256_write(&self->hash, out, len);
    self->stored_left -= (uint32_t)len;
    *in_len = len;
    *out_len = len;
    if (self->stored_left == 0) {
        self->phase = STAGE_TAIL; // an empty one
    }
    return ESP_OK;
}

static esp_err_t step_phase(struct delta_stage *self, const uint8_t *in, size_t *in_len,
                            uint8_t *out, size_t *out_len)
{
    size_t room = *out_len;
    *out_len = 0;
    switch (self->phase) {
    case STAGE_HEADER:
        return take_header(self, in, in_len);
    case STAGE_EXTENSION:
        return skip_extension(self, in_len);
    case STAGE_BODY:
        *out_len = room;
        return step_body(self, in, in_len, out, out_len);
    case STAGE_STORED:
        *out_len = room;
        return step_stored(self, in, in_len, out, out_len);
    case STAGE_TAIL:
        *in_len = 0;
        *out_len = room;
        return give_tail(self, out, out_len);
    case STAGE_LEGACY:
        *out_len = room;
        return legacy_patch_step(&self->legacy, in, in_len, out, out_len);
    case STAGE_DONE:
    default:
        // the range coder may have been done before its last bytes; more than the header announced there cannot be
        *in_len = *in_len < self->decoder.body_left ? *in_len : self->decoder.body_left;
        self->decoder.body_left -= (uint32_t)*in_len;
        return ESP_OK;
    }
}

static esp_err_t step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    struct delta_stage *self = (struct delta_stage *)stage;
    static const uint8_t no_input[1];
    uint8_t no_room[1];
    size_t taken = 0;
    size_t given = 0;
    in = *in_len > 0 ? in : no_input; // callers may pass NULL for nothing
    out = *out_len > 0 ? out : no_room;
    for (;;) {
        size_t in_now = *in_len - taken;
        size_t out_now = *out_len - given;
        enum stage_phase phase = self->phase;
        esp_err_t err = step_phase(self, in + taken, &in_now, out + given, &out_now);
        taken += in_now;
        given += out_now;
        if (err != ESP_OK) {
            return err;
        }
        if (phase ==
            self->phase) { // the decoder reads back from out what it gave in this call, so it gets one a step
            break;
        }
    }
    if (self->phase == STAGE_DONE && taken < *in_len) {
        ESP_LOGE(TAG, "there is something behind the patch");
        return ESP_ERR_INVALID_RESPONSE;
    }
    *in_len = taken;
    *out_len = given;
    return ESP_OK;
}

static esp_err_t finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    const struct delta_stage *self = (const struct delta_stage *)stage;
    size_t none = 0;
    bool has_room = *out_len > 0;
    esp_err_t err = step(stage, NULL, &none, out, out_len); // what waited for room
    if (err != ESP_OK) {
        return err;
    }
    *is_done = self->phase == STAGE_LEGACY ? legacy_patch_is_complete(&self->legacy)
                                           : self->phase == STAGE_DONE;
    return *is_done || *out_len > 0 || !has_room ? ESP_OK : ESP_ERR_NOT_FINISHED;
}

static void attach(struct ota_stage *stage, const struct ota_stage_output *output)
{
    ((struct delta_stage *)stage)->output = *output;
}

static int64_t get_output_len(const struct ota_stage *stage)
{
    const struct delta_stage *self = (const struct delta_stage *)stage;
    switch (self->phase) {
    case STAGE_HEADER:
        return -1;
    case STAGE_LEGACY:
        return self->legacy.phase > LEGACY_TARGET_SIZE ? (int64_t)self->legacy.target_len : -1;
    default:
        return self->patch.new_size;
    }
}

static void destroy(struct ota_stage *stage)
{
    free(stage);
}

static const struct ota_stage_ops delta_stage_ops = {
    .name = "delta patch",
    .step = step,
    .finish = finish,
    .attach = attach,
    .get_output_len = get_output_len,
    .destroy = destroy,
};

esp_err_t esp_delta_stage_create(const struct esp_delta_base *base, size_t memory_max,
                                 uint64_t max_output, struct ota_stage **stage)
{
    *stage = NULL;
    size_t len = sizeof(struct delta_stage);
    if (memory_max > sizeof(struct delta_decoder)) {
        len += memory_max - sizeof(struct delta_decoder);
    }
    struct delta_stage *self = calloc(1, len);
    if (!self) {
        return ESP_ERR_NO_MEM;
    }
    self->stage.ops = &delta_stage_ops;
    self->base = *base;
    self->memory_max = memory_max;
    self->max_output = max_output;
    esp_crypto.sha256_begin(&self->hash);
    *stage = &self->stage;
    return ESP_OK;
}
