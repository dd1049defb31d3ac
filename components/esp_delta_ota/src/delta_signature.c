// The extension of a patch's header: records of a kind, a length and that many bytes.

#include <string.h>

#include "delta_decoder.h"
#include "esp_delta_trust.h"

#define RECORD_HEAD_LEN 4 // kind, zero, length (2)

enum record_kind {
    RECORD_BODY_SHA256 = 1,
    RECORD_SIGNATURE = 2, // only signatures may follow: they are over all that stands before
};

static esp_err_t take_record(uint32_t kind, const uint8_t *bytes, size_t len, size_t offset,
                             struct esp_delta_signature *out)
{
    if (kind == RECORD_SIGNATURE) {
        if (!out->body_sha256 || out->count == SIGNATURE_RECORD_COUNT_MAX) {
            return ESP_ERR_INVALID_RESPONSE;
        }
        out->signed_len = out->count == 0 ? offset : out->signed_len;
        out->records[out->count++] = (struct signature_record){bytes, len};
        return ESP_OK;
    }
    if (out->count > 0) {
        return ESP_ERR_INVALID_RESPONSE; // nobody would have signed it
    }
    if (kind == RECORD_BODY_SHA256) {
        if (out->body_sha256 || len != CRYPTO_SHA256_LEN) {
            return ESP_ERR_INVALID_RESPONSE;
        }
        out->body_sha256 = bytes;
    }
    return ESP_OK; // other kinds are for later versions
}

esp_err_t esp_delta_signature_parse(const uint8_t *head, size_t len,
                                    struct esp_delta_signature *signature)
{
    struct esp_delta_patch patch;
    struct esp_delta_signature found = {0};
    esp_err_t err = esp_delta_patch_parse(head, len, &patch);
    if (err != ESP_OK) {
        return err;
    }
    size_t end = ESP_DELTA_PATCH_HEADER_LEN + (size_t)patch.extension_len;
    if (len < end) {
        return ESP_ERR_INVALID_SIZE;
    }
    for (size_t at = ESP_DELTA_PATCH_HEADER_LEN; at < end && err == ESP_OK;) {
        size_t room = end - at;
        size_t record_len = room >= RECORD_HEAD_LEN ? delta_load(head + at + 2, 2) : SIZE_MAX;
        if (room < RECORD_HEAD_LEN || head[at + 1] != 0 || record_len > room - RECORD_HEAD_LEN) {
            return ESP_ERR_INVALID_RESPONSE;
        }
        err = take_record(head[at], head + at + RECORD_HEAD_LEN, record_len, at, &found);
        at += RECORD_HEAD_LEN + record_len;
    }
    if (err == ESP_OK) {
        *signature = found;
    }
    return err;
}

enum image_fault esp_delta_signature_verify(const uint8_t *head,
                                            const struct esp_delta_signature *signature,
                                            const struct signature_policy *policy)
{
    return signature_record_verify(head, signature->signed_len, signature->records,
                                   signature->count, policy);
}

static size_t write_record(uint8_t *out, enum record_kind kind, const uint8_t *bytes, size_t len)
{
    out[0] = (uint8_t)kind;
    out[1] = 0;
    delta_store(out + 2, 2, (uint32_t)len);
    memcpy(out + RECORD_HEAD_LEN, bytes, len);
    return RECORD_HEAD_LEN + len;
}

size_t esp_delta_extension_begin(uint8_t *out, const uint8_t body_sha256[32])
{
    return write_record(out, RECORD_BODY_SHA256, body_sha256, CRYPTO_SHA256_LEN);
}

size_t esp_delta_extension_sign(uint8_t *out, const uint8_t *record, size_t len)
{
    return write_record(out, RECORD_SIGNATURE, record, len);
}
