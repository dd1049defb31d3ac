#include "delta_sign.h"

#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "esp_delta_trust.h"

static void hash_of(const uint8_t *bytes, size_t len, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, bytes, len);
    esp_crypto.sha256_end(&hash, digest);
}

static size_t extension_len(const struct record_signer *signer)
{
    size_t len = 0;
    for (uint32_t i = 0; i < signer->count; i++) {
        len += signature_record_len(sign_key_public(signer->keys[i])->scheme);
    }
    return ESP_DELTA_EXTENSION_LEN(len, signer->count);
}

static bool write_extension(const struct record_signer *signer, uint8_t *file,
                            const uint8_t *body_sha256)
{
    uint8_t *at = file + ESP_DELTA_PATCH_HEADER_LEN;
    at += esp_delta_extension_begin(at, body_sha256);
    size_t signed_len = (size_t)(at - file);
    for (uint32_t i = 0; i < signer->count; i++) {
        uint8_t record[SIGNATURE_RECORD_MAX];
        size_t len;
        if (!record_signer_sign(signer, i, file, signed_len, record, &len)) {
            return false;
        }
        at += esp_delta_extension_sign(at, record, len);
    }
    return true;
}

bool delta_sign(const struct record_signer *signer, struct cli_bytes *patch)
{
    struct esp_delta_patch header;
    esp_err_t err = esp_delta_patch_parse(patch->bytes, patch->len, &header);
    size_t body_at = ESP_DELTA_PATCH_HEADER_LEN + (size_t)header.extension_len;
    if (err != ESP_OK) {
        cli_report_error(err, "the patch cannot be signed");
        return false;
    }
    size_t len = extension_len(signer);
    size_t body_len = patch->len - body_at;
    uint8_t *file = malloc(ESP_DELTA_PATCH_HEADER_LEN + len + body_len);
    if (!file) {
        cli_report_failure("not enough memory");
        return false;
    }
    uint8_t body_sha256[CRYPTO_SHA256_LEN];
    hash_of(patch->bytes + body_at, body_len, body_sha256);
    memcpy(file + ESP_DELTA_PATCH_HEADER_LEN + len, patch->bytes + body_at, body_len);
    header.extension_len = (uint32_t)len;
    esp_delta_patch_encode(&header, file);
    if (!write_extension(signer, file, body_sha256)) {
        free(file);
        return false;
    }
    free(patch->bytes);
    *patch = (struct cli_bytes){file, ESP_DELTA_PATCH_HEADER_LEN + len + body_len};
    return true;
}

bool delta_check_trust(const char *name, const struct cli_bytes *patch, const struct trust *trust)
{
    struct esp_delta_signature signature;
    struct signature_policy policy;
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct esp_delta_patch header;
    if (!record_policy(trust, &policy)) {
        return false;
    }
    if (esp_delta_patch_parse(patch->bytes, patch->len, &header) != ESP_OK ||
        esp_delta_signature_parse(patch->bytes, patch->len, &signature) != ESP_OK) {
        cli_report_failure("%s: not a patch that can be signed, or its header is damaged", name);
        return false;
    }
    enum image_fault fault = esp_delta_signature_verify(patch->bytes, &signature, &policy);
    if (fault == IMAGE_SIGNATURE_MISSING) {
        cli_report_failure("%s: it is not signed", name);
        return false;
    }
    if (fault != IMAGE_OK) {
        cli_report_failure("%s: %s", name, image_fault_text(fault));
        return false;
    }
    size_t body_at = ESP_DELTA_PATCH_HEADER_LEN + (size_t)header.extension_len;
    hash_of(patch->bytes + body_at, patch->len - body_at, digest);
    if (memcmp(digest, signature.body_sha256, sizeof(digest)) != 0) {
        cli_report_failure("%s: its bytes are not those that were signed", name);
        return false;
    }
    return true;
}

bool delta_report_signatures(const char *name, const struct cli_bytes *patch,
                             const struct trust *trust, json_t *object)
{
    struct esp_delta_signature signature;
    if (esp_delta_signature_parse(patch->bytes, patch->len, &signature) != ESP_OK) {
        cli_report_failure("%s: the extension of its header is damaged", name);
        return false;
    }
    record_report(patch->bytes, signature.signed_len, signature.records, signature.count, trust,
                  object);
    return true;
}
