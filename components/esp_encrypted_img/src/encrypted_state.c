// The saved state of a file under way.
//
// It lies on flash, so it must give nothing away: the file's AES key would open the whole file, and the running hash beside
// the ciphertext gives away the key of the tag. So both are covered by a pad, and the state is authenticated, with a
// secret derived from the device's key. The pad is derived from the authentication code of what it covers (as in SIV,
// RFC 5297), so no pad is used for two different states, and no random numbers are needed.
//
//   0 magic, version   4 digest of the header   36 length   40 position   44 tag
//   60 covered: first counter, running hash, AES key   124 authentication code

#include <string.h>

#include "byte_order.h"
#include "encrypted_image.h"
#include "ota_stage.h"

static const struct crypto_secret_ops *const CRYPTO = &esp_crypto_secret;

static const uint8_t MAGIC[4] = {'E', 'I', 'S', 1};
static const char SECRET_TAG[] = "esp_encrypted_img state";
static const char PAD_INFO[] = "pad";

#define DIGEST_OFFSET   4
#define LEN_OFFSET      36
#define POSITION_OFFSET 40
#define TAG_OFFSET      44
#define COVERED_OFFSET  60
#define COUNTER_OFFSET  COVERED_OFFSET
#define GHASH_OFFSET    (COUNTER_OFFSET + CRYPTO_AES_BLOCK_LEN)
#define KEY_OFFSET      (GHASH_OFFSET + CRYPTO_AES_BLOCK_LEN)
#define MAC_OFFSET      (KEY_OFFSET + CRYPTO_SECRET_LEN)
#define COVERED_LEN     (MAC_OFFSET - COVERED_OFFSET)
#define MAC_LEN         16
#define STATE_LEN       (MAC_OFFSET + MAC_LEN)
_Static_assert(STATE_LEN <= OTA_STAGE_STATE_MAX, "the state must fit");

/** Covers, or uncovers, the secret part of a state under its authentication code. */
static bool apply_pad(const uint8_t secret[CRYPTO_SECRET_LEN], uint8_t state[STATE_LEN])
{
    uint8_t pad[COVERED_LEN];
    bool is_done = CRYPTO->hkdf_sha256(secret, CRYPTO_SECRET_LEN, state + MAC_OFFSET, MAC_LEN,
                                       PAD_INFO, sizeof(PAD_INFO) - 1, pad, sizeof(pad));
    for (size_t i = 0; is_done && i < COVERED_LEN; i++) {
        state[COVERED_OFFSET + i] ^= pad[i];
    }
    CRYPTO->wipe(pad, sizeof(pad));
    return is_done;
}

/** The authentication code of a state that is not covered. */
static bool compute_mac(const uint8_t secret[CRYPTO_SECRET_LEN], const uint8_t state[STATE_LEN],
                        uint8_t mac[MAC_LEN])
{
    uint8_t whole[CRYPTO_SHA256_LEN];
    bool is_done = CRYPTO->hmac_sha256(secret, CRYPTO_SECRET_LEN, state, MAC_OFFSET, whole);
    memcpy(mac, whole, MAC_LEN);
    return is_done;
}

// ---- Saving ----------------------------------------------------------------------------------------

static void encode(const struct encrypted_image *image, uint8_t state[STATE_LEN])
{
    struct crypto_gcm_state gcm;
    CRYPTO->gcm_save(image->gcm, &gcm);
    memcpy(state, MAGIC, sizeof(MAGIC));
    memcpy(state + DIGEST_OFFSET, image->header_digest, CRYPTO_SHA256_LEN);
    store_le32(state + LEN_OFFSET, image->len);
    store_le32(state + POSITION_OFFSET, image->position);
    memcpy(state + TAG_OFFSET, image->tag, ENCRYPTED_TAG_LEN);
    memcpy(state + COUNTER_OFFSET, gcm.first_counter, CRYPTO_AES_BLOCK_LEN);
    memcpy(state + GHASH_OFFSET, gcm.ghash, CRYPTO_AES_BLOCK_LEN);
    memcpy(state + KEY_OFFSET, image->content_key, CRYPTO_SECRET_LEN);
    CRYPTO->wipe(&gcm, sizeof(gcm));
}

esp_err_t encrypted_image_save(const struct encrypted_image *image, uint8_t *state,
                               size_t *state_len)
{
    uint8_t secret[CRYPTO_SECRET_LEN];
    uint8_t made[STATE_LEN];
    if (image->has_failed || image->header_len < ENCRYPTED_HEADER_LEN) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    encode(image, made);
    bool is_done = CRYPTO->key_derive(image->device_key, SECRET_TAG, secret) &&
                   compute_mac(secret, made, made + MAC_OFFSET) && apply_pad(secret, made);
    if (is_done) {
        memcpy(state, made, STATE_LEN);
        *state_len = STATE_LEN;
    }
    CRYPTO->wipe(secret, sizeof(secret));
    CRYPTO->wipe(made, sizeof(made));
    return is_done ? ESP_OK : ESP_ERR_NOT_SUPPORTED;
}

// ---- Restoring -------------------------------------------------------------------------------------

/** Uncovers a state. @return whether this device made it, as it is */
static bool open_state(const struct encrypted_image *image, uint8_t state[STATE_LEN])
{
    uint8_t secret[CRYPTO_SECRET_LEN];
    uint8_t mac[MAC_LEN];
    bool is_authentic = CRYPTO->key_derive(image->device_key, SECRET_TAG, secret) &&
                        apply_pad(secret, state) && compute_mac(secret, state, mac) &&
                        CRYPTO->is_equal(mac, state + MAC_OFFSET, MAC_LEN);
    CRYPTO->wipe(secret, sizeof(secret));
    return is_authentic;
}

/** Takes over what encode() wrote. */
static bool decode(struct encrypted_image *image, const uint8_t state[STATE_LEN])
{
    struct crypto_gcm_state gcm;
    memcpy(image->header_digest, state + DIGEST_OFFSET, CRYPTO_SHA256_LEN);
    image->len = load_le32(state + LEN_OFFSET);
    image->position = load_le32(state + POSITION_OFFSET);
    memcpy(image->tag, state + TAG_OFFSET, ENCRYPTED_TAG_LEN);
    memcpy(gcm.first_counter, state + COUNTER_OFFSET, CRYPTO_AES_BLOCK_LEN);
    memcpy(gcm.ghash, state + GHASH_OFFSET, CRYPTO_AES_BLOCK_LEN);
    memcpy(image->content_key, state + KEY_OFFSET, CRYPTO_SECRET_LEN);
    gcm.position = image->position;
    image->header_len = ENCRYPTED_HEADER_LEN;
    image->has_failed = !CRYPTO->gcm_resume(image->gcm, image->content_key, &gcm);
    CRYPTO->wipe(&gcm, sizeof(gcm));
    return !image->has_failed;
}

esp_err_t encrypted_image_restore(struct encrypted_image *image, const uint8_t *state,
                                  size_t state_len)
{
    uint8_t copy[STATE_LEN];
    bool is_fresh = !image->has_failed && image->header_len == 0;
    if (!is_fresh || state_len != STATE_LEN || memcmp(state, MAGIC, sizeof(MAGIC)) != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    memcpy(copy, state, STATE_LEN);
    bool is_restored = open_state(image, copy) &&
                       load_le32(copy + LEN_OFFSET) <= image->max_output && decode(image, copy);
    CRYPTO->wipe(copy, sizeof(copy));
    return is_restored ? ESP_OK : ESP_ERR_INVALID_ARG;
}
