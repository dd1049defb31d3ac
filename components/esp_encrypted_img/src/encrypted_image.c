#include "encrypted_image.h"

#include <string.h>

#include "byte_order.h"
#include "esp_log.h"

static const char TAG[] = "esp_encrypted_img";

static const struct crypto_secret_ops *const CRYPTO = &esp_crypto_secret;

// fact: esp_encrypted_img 2.7
static const uint8_t MAGIC[ENCRYPTED_MAGIC_LEN] = {0xCF, 0xB6, 0x88, 0x07};
static const char HKDF_INFO[] = "_esp_enc_img_ecc"; // without the terminator
#define PBKDF2_ITERATIONS 2048
static const uint8_t PBKDF2_SALT[32] = {
    0x0E, 0x21, 0x60, 0x64, 0x2D, 0xAE, 0x76, 0xD3, 0x34, 0x48, 0xE4, 0x3D, 0x77, 0x20, 0x12, 0x3D,
    0x9F, 0x3B, 0x1E, 0xCE, 0xB8, 0x8E, 0x57, 0x3A, 0x4E, 0x8F, 0x7F, 0xB9, 0x4F, 0xF0, 0xC8, 0x69,
};

// ---- The device's key ------------------------------------------------------------------------------

static struct crypto_key *key_from_hmac_key(const uint8_t hmac_key[CRYPTO_SECRET_LEN])
{
    uint8_t scalar[CRYPTO_SECRET_LEN];
    struct crypto_key *key = NULL;
    if (CRYPTO->pbkdf2_sha256(hmac_key, CRYPTO_SECRET_LEN, PBKDF2_SALT, sizeof(PBKDF2_SALT),
                              PBKDF2_ITERATIONS, scalar, sizeof(scalar))) {
        key = CRYPTO->key_from_scalar(scalar);
    }
    CRYPTO->wipe(scalar, sizeof(scalar));
    return key;
}

esp_err_t encrypted_image_init(struct encrypted_image *image, const void *key, size_t key_len,
                               uint64_t max_output)
{
    memset(image, 0, sizeof(*image));
    image->max_output = max_output;
    if (key && key_len == CRYPTO_SECRET_LEN) {
        image->device_key = key_from_hmac_key(key);
    } else if (key) {
        image->device_key = CRYPTO->key_load(key, key_len);
    }
    if (!image->device_key) {
        ESP_LOGE(TAG, "no usable key: wanted is an RSA-3072 or P-256 private key (PEM or DER) or a "
                      "32-byte HMAC key");
        return ESP_ERR_INVALID_ARG;
    }
    image->gcm = CRYPTO->gcm_create();
    if (!image->gcm) {
        CRYPTO->key_free(image->device_key);
        image->device_key = NULL;
        return ESP_ERR_NO_MEM;
    }
    return ESP_OK;
}

void encrypted_image_deinit(struct encrypted_image *image)
{
    CRYPTO->key_free(image->device_key);
    CRYPTO->gcm_free(image->gcm);
    CRYPTO->wipe(image, sizeof(*image));
}

// ---- The header ------------------------------------------------------------------------------------

static bool agree_on_key(const struct encrypted_image *image,
                         uint8_t content_key[CRYPTO_SECRET_LEN])
{
    const uint8_t *point = image->header + ENCRYPTED_KEY_OFFSET;
    const uint8_t *salt = point + CRYPTO_P256_POINT_LEN;
    uint8_t shared[CRYPTO_SECRET_LEN];
    bool is_done = CRYPTO->ecdh(image->device_key, point, shared) &&
                   CRYPTO->hkdf_sha256(shared, sizeof(shared), salt, 32, HKDF_INFO,
                                       sizeof(HKDF_INFO) - 1, content_key, CRYPTO_SECRET_LEN);
    CRYPTO->wipe(shared, sizeof(shared));
    return is_done;
}

static esp_err_t open_content_key(struct encrypted_image *image)
{
    bool is_rsa = CRYPTO->key_kind(image->device_key) == CRYPTO_KEY_RSA3072;
    bool is_open = is_rsa
                       ? CRYPTO->rsa_open(image->device_key, image->header + ENCRYPTED_KEY_OFFSET,
                                          image->content_key)
                       : agree_on_key(image, image->content_key);
    if (!is_open) {
        ESP_LOGE(TAG, "the header's key cannot be opened with this device's %s key",
                 is_rsa ? "RSA" : "ECIES");
        return ESP_ERR_INVALID_RESPONSE;
    }
    return ESP_OK;
}

static esp_err_t begin_data(struct encrypted_image *image)
{
    struct crypto_hash hash;
    image->len = load_le32(image->header + ENCRYPTED_LEN_OFFSET);
    if (image->len > image->max_output) {
        ESP_LOGE(TAG, "the image of %u bytes is larger than the %llu allowed", (unsigned)image->len,
                 (unsigned long long)image->max_output);
        return ESP_ERR_INVALID_SIZE;
    }
    memcpy(image->tag, image->header + ENCRYPTED_TAG_OFFSET, ENCRYPTED_TAG_LEN);
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, image->header, ENCRYPTED_HEADER_LEN);
    esp_crypto.sha256_end(&hash, image->header_digest);
    if (!CRYPTO->gcm_begin(image->gcm, image->content_key, image->header + ENCRYPTED_IV_OFFSET,
                           ENCRYPTED_IV_LEN)) {
        ESP_LOGE(TAG, "the crypto library cannot begin to decrypt");
        return ESP_FAIL;
    }
    return ESP_OK;
}

/** Collects up to the header offset end. @return whether it is there */
static bool collect(struct encrypted_image *image, size_t end, const uint8_t **in, size_t *in_len)
{
    size_t missing = end > image->header_len ? end - image->header_len : 0;
    size_t len = *in_len < missing ? *in_len : missing;
    if (len > 0) { // in may be NULL
        memcpy(image->header + image->header_len, *in, len);
        image->header_len += len;
        *in += len;
        *in_len -= len;
    }
    return image->header_len >= end;
}

/** Takes header bytes; each part is judged as soon as it is complete. */
static esp_err_t take_header(struct encrypted_image *image, const uint8_t **in, size_t *in_len)
{
    size_t had = image->header_len;
    if (had < ENCRYPTED_MAGIC_LEN && collect(image, ENCRYPTED_MAGIC_LEN, in, in_len) &&
        memcmp(image->header, MAGIC, ENCRYPTED_MAGIC_LEN) != 0) {
        ESP_LOGE(TAG, "not a pre-encrypted image: it begins with %02x%02x%02x%02x",
                 image->header[0], image->header[1], image->header[2], image->header[3]);
        return ESP_ERR_INVALID_RESPONSE;
    }
    if (had < ENCRYPTED_IV_OFFSET && collect(image, ENCRYPTED_IV_OFFSET, in, in_len)) {
        esp_err_t err = open_content_key(image);
        if (err != ESP_OK) {
            return err;
        }
    }
    return collect(image, ENCRYPTED_HEADER_LEN, in, in_len) ? begin_data(image) : ESP_OK;
}

// ---- The ciphertext --------------------------------------------------------------------------------

static esp_err_t take_data(struct encrypted_image *image, const uint8_t *in, size_t in_len,
                           uint8_t *out, size_t *done)
{
    uint32_t left = image->len - image->position;
    if (in_len > 0 && left == 0) {
        ESP_LOGE(TAG, "bytes behind the end: the header announces %u bytes", (unsigned)image->len);
        return ESP_ERR_INVALID_RESPONSE;
    }
    size_t len = in_len < *done ? in_len : *done;
    *done = 0;
    len = len < left ? len : left;
    if (len > 0 && !CRYPTO->gcm_decrypt(image->gcm, in, out, len)) {
        ESP_LOGE(TAG, "the crypto library cannot decrypt");
        return ESP_FAIL;
    }
    image->position += (uint32_t)len;
    *done = len;
    return ESP_OK;
}

esp_err_t encrypted_image_decrypt(struct encrypted_image *image, const uint8_t *in, size_t *in_len,
                                  uint8_t *out, size_t *out_len)
{
    size_t left = *in_len;
    size_t done = *out_len;
    esp_err_t err = image->has_failed ? ESP_ERR_INVALID_STATE : ESP_OK;
    if (err == ESP_OK && image->header_len < ENCRYPTED_HEADER_LEN) {
        err = take_header(image, &in, &left);
    }
    if (err == ESP_OK && image->header_len == ENCRYPTED_HEADER_LEN) {
        err = take_data(image, in, left, out, &done);
    } else {
        done = 0;
    }
    if (err != ESP_OK) {
        image->has_failed = true;
        CRYPTO->wipe(image->content_key, sizeof(image->content_key));
        done = 0;
    }
    *in_len -= left - done;
    *out_len = done;
    return err;
}

bool encrypted_image_is_complete(const struct encrypted_image *image)
{
    return !image->has_failed && image->header_len == ENCRYPTED_HEADER_LEN &&
           image->position == image->len;
}

esp_err_t encrypted_image_verify(struct encrypted_image *image)
{
    if (image->has_failed) {
        return ESP_ERR_INVALID_STATE;
    }
    if (!encrypted_image_is_complete(image)) {
        ESP_LOGE(TAG, "the file ends too early: %u of %u bytes of its header, %u of %u of its data",
                 (unsigned)image->header_len, ENCRYPTED_HEADER_LEN, (unsigned)image->position,
                 (unsigned)image->len);
        return ESP_ERR_NOT_FINISHED;
    }
    if (CRYPTO->gcm_verify(image->gcm, image->tag)) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "the tag is wrong: the file was changed, or is encrypted with another key");
    return ESP_ERR_INVALID_CRC;
}
