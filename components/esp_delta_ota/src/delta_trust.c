// The check in front of the decoder. All input is kept until it may go on: header and extension always, the body if there is room.

#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "esp_delta_ota.h"
#include "esp_delta_trust.h"
#include "esp_log.h"

static const char *TAG = "esp_delta_ota";

#define HEAD_MAX (ESP_DELTA_PATCH_HEADER_LEN + ESP_DELTA_PATCH_EXTENSION_MAX)

enum trust_phase {
    TRUST_HEADER,    // collecting 64 bytes
    TRUST_EXTENSION, // collecting the rest of what is signed, and the signatures
    TRUST_HOLD,      // collecting the body
    TRUST_GIVE,      // what was collected goes to the stage behind
    TRUST_PASS,      // the rest goes there as it comes
};

struct trust_stage {
    struct ota_stage stage;
    struct ota_stage *inner;
    struct esp_delta_trust trust;
    enum trust_phase phase;
    struct esp_delta_patch patch;
    uint32_t head_len;  // header and extension
    uint64_t whole_len; // the whole file, as the header announces it
    uint64_t seen;      // bytes of the file so far
    size_t held;
    size_t given; // of those held
    bool is_verified;
    bool needs_body_digest; // else the trusted digest of the whole file is compared
    uint8_t body_sha256[CRYPTO_SHA256_LEN];
    struct crypto_hash hash; // of the body, or of the whole file
    size_t room;
    uint8_t bytes[]; // [room]
};

static esp_err_t refuse(const char *why)
{
    ESP_LOGE(TAG, "the patch is refused: %s", why);
    return ESP_ERR_INVALID_CRC;
}

// ----------------------------------------------------------------------- what is signed

static esp_err_t judge_signatures(struct trust_stage *self)
{
    struct esp_delta_signature signature;
    esp_err_t err = esp_delta_signature_parse(self->bytes, self->head_len, &signature);
    if (err != ESP_OK) {
        return refuse("its extension is damaged");
    }
    enum image_fault fault =
        esp_delta_signature_verify(self->bytes, &signature, self->trust.policy);
    if (fault == IMAGE_SIGNATURE_MISSING) {
        return refuse("it is not signed");
    }
    if (fault != IMAGE_OK) {
        return refuse(image_fault_text(fault));
    }
    memcpy(self->body_sha256, signature.body_sha256, sizeof(self->body_sha256));
    self->needs_body_digest = true;
    if (self->trust.note) {
        self->trust.note(self->trust.note_context, &self->patch);
    }
    return ESP_OK;
}

static esp_err_t take_header(struct trust_stage *self)
{
    const struct esp_delta_patch *patch = &self->patch;
    static const uint8_t legacy[] = {0x10, 0xDE, 0xCD, 0xFC};
    if (memcmp(self->bytes, legacy, sizeof(legacy)) == 0) {
        return refuse("Espressif's legacy patches carry no signature");
    }
    esp_err_t err = esp_delta_patch_parse(self->bytes, ESP_DELTA_PATCH_HEADER_LEN, &self->patch);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, err == ESP_ERR_INVALID_VERSION ? "the patch is made for a later version"
                                                     : "no delta patch, or its header is damaged");
        return err;
    }
    self->head_len = ESP_DELTA_PATCH_HEADER_LEN + patch->extension_len;
    self->whole_len = (uint64_t)self->head_len + patch->body_size;
    self->phase = TRUST_EXTENSION;
    return ESP_OK;
}

static esp_err_t take_extension(struct trust_stage *self)
{
    if (!self->trust.sha256 && self->trust.policy) {
        esp_err_t err = judge_signatures(self);
        if (err != ESP_OK) {
            return err;
        }
    }
    if (!self->needs_body_digest) {
        esp_crypto.sha256_write(&self->hash, self->bytes, self->head_len);
    }
    self->phase = self->whole_len <= self->room ? TRUST_HOLD : TRUST_GIVE;
    return ESP_OK;
}

static esp_err_t check_digest(struct trust_stage *self)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    const uint8_t *wanted = self->needs_body_digest ? self->body_sha256 : self->trust.sha256;
    if (wanted) {
        struct crypto_hash hash = self->hash;
        esp_crypto.sha256_end(&hash, digest);
        if (memcmp(digest, wanted, sizeof(digest)) != 0) {
            return refuse("its bytes are not those that were signed");
        }
    }
    self->is_verified = true;
    return ESP_OK;
}

// ----------------------------------------------------------------------- bytes

// Keeps input until there are `until` bytes. @return whether there are
static bool keep(struct trust_stage *self, const uint8_t *in, size_t *in_len, size_t until)
{
    size_t len = until - self->held;
    len = len < *in_len ? len : *in_len;
    memcpy(self->bytes + self->held, in, len);
    self->held += len;
    self->seen += len;
    *in_len = len;
    return self->held == until;
}

static esp_err_t hold(struct trust_stage *self, const uint8_t *in, size_t *in_len)
{
    bool is_whole = keep(self, in, in_len, (size_t)self->whole_len);
    esp_crypto.sha256_write(&self->hash, in, *in_len);
    if (!is_whole) {
        return ESP_OK;
    }
    self->phase = TRUST_GIVE;
    return check_digest(self);
}

static esp_err_t give(struct trust_stage *self, size_t *in_len, uint8_t *out, size_t *out_len)
{
    size_t len = self->held - self->given;
    *in_len = 0;
    esp_err_t err =
        self->inner->ops->step(self->inner, self->bytes + self->given, &len, out, out_len);
    if (err == ESP_OK) {
        self->given += len;
        self->phase = self->given == self->held ? TRUST_PASS : TRUST_GIVE;
    }
    return err;
}

static esp_err_t pass(struct trust_stage *self, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    if (*in_len > self->whole_len - self->seen) {
        return refuse("there is something behind it");
    }
    esp_err_t err = self->inner->ops->step(self->inner, in, in_len, out, out_len);
    if (err != ESP_OK) {
        return err;
    }
    self->seen += *in_len;
    esp_crypto.sha256_write(&self->hash, in, *in_len);
    return self->seen == self->whole_len && !self->is_verified ? check_digest(self) : ESP_OK;
}

static esp_err_t step_phase(struct trust_stage *self, const uint8_t *in, size_t *in_len,
                            uint8_t *out, size_t *out_len)
{
    size_t room = *out_len;
    *out_len = 0;
    switch (self->phase) {
    case TRUST_HEADER:
        return keep(self, in, in_len, ESP_DELTA_PATCH_HEADER_LEN) ? take_header(self) : ESP_OK;
    case TRUST_EXTENSION:
        return keep(self, in, in_len, self->head_len) ? take_extension(self) : ESP_OK;
    case TRUST_HOLD:
        return hold(self, in, in_len);
    case TRUST_GIVE:
        *out_len = room;
        return give(self, in_len, out, out_len);
    case TRUST_PASS:
    default:
        *out_len = room;
        return pass(self, in, in_len, out, out_len);
    }
}

static esp_err_t step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    struct trust_stage *self = (struct trust_stage *)stage;
    static const uint8_t no_input[1];
    size_t taken = 0;
    in = *in_len > 0 ? in : no_input; // callers may pass NULL for nothing
    for (;;) {
        size_t in_now = *in_len - taken;
        size_t out_now = *out_len;
        enum trust_phase phase = self->phase;
        esp_err_t err = step_phase(self, in + taken, &in_now, out, &out_now);
        taken += in_now;
        if (err != ESP_OK) {
            return err;
        }
        if (out_now > 0 || phase == self->phase) { // what came out must be on its way first
            *in_len = taken;
            *out_len = out_now;
            return ESP_OK;
        }
    }
}

static esp_err_t finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    struct trust_stage *self = (struct trust_stage *)stage;
    size_t room = *out_len;
    size_t none = 0;
    *is_done = false;
    esp_err_t err = step(stage, NULL, &none, out, out_len); // what waited for room
    if (err != ESP_OK || *out_len > 0 || room == 0) {
        return err;
    }
    if (self->phase != TRUST_PASS || !self->is_verified) {
        return ESP_ERR_NOT_FINISHED;
    }
    *out_len = room;
    return self->inner->ops->finish(self->inner, out, out_len, is_done);
}

static void attach(struct ota_stage *stage, const struct ota_stage_output *output)
{
    struct trust_stage *self = (struct trust_stage *)stage;
    if (self->inner->ops->attach) {
        self->inner->ops->attach(self->inner, output);
    }
}

static void destroy(struct ota_stage *stage)
{
    struct trust_stage *self = (struct trust_stage *)stage;
    self->inner->ops->destroy(self->inner);
    free(self);
}

static const struct ota_stage_ops trust_stage_ops = {
    .name = "delta patch",
    .step = step,
    .finish = finish,
    .attach = attach,
    .destroy = destroy,
};

esp_err_t esp_delta_trust_stage_create(struct ota_stage *inner, const struct esp_delta_trust *trust,
                                       struct ota_stage **stage)
{
    *stage = NULL;
    size_t room = trust->hold_max > HEAD_MAX ? trust->hold_max : HEAD_MAX;
    struct trust_stage *self = malloc(sizeof(*self) + room);
    if (!self) {
        inner->ops->destroy(inner);
        return ESP_ERR_NO_MEM;
    }
    memset(self, 0,
           sizeof(*self)); // not the room: it may be large, and is written before it is read
    self->stage.ops = &trust_stage_ops;
    self->inner = inner;
    self->trust = *trust;
    self->room = room;
    esp_crypto.sha256_begin(&self->hash);
    *stage = &self->stage;
    return ESP_OK;
}
