#include "esp_encrypted_img.h"

#include <stdlib.h>
#include <string.h>

#include "encrypted_image.h"
#include "esp_log.h"

static const char TAG[] = "esp_encrypted_img";

esp_decrypt_handle_t esp_encrypted_img_decrypt_start(const esp_decrypt_cfg_t *cfg)
{
    if (!cfg) {
        ESP_LOGE(TAG, "decrypt_start without configuration");
        return NULL;
    }
    struct encrypted_image *image = malloc(sizeof(*image));
    if (image &&
        encrypted_image_init(image, cfg->private_key, cfg->private_key_len, UINT32_MAX) != ESP_OK) {
        free(image);
        image = NULL;
    }
    return image;
}

static void end(struct encrypted_image *image)
{
    encrypted_image_deinit(image);
    free(image);
}

/** Bytes of plaintext in the next in_len bytes of the file, if all goes well. */
static size_t plaintext_len(const struct encrypted_image *image, size_t in_len)
{
    size_t header_left = ENCRYPTED_HEADER_LEN - image->header_len;
    return in_len > header_left ? in_len - header_left : 0;
}

/** Makes room in args->data_out. */
static esp_err_t make_room(pre_enc_decrypt_arg_t *args, size_t len)
{
    if (len == 0) {
        return ESP_OK;
    }
    char *room = realloc(args->data_out, len);
    if (!room) {
        ESP_LOGE(TAG, "no memory for %u bytes of plaintext", (unsigned)len);
        return ESP_ERR_NO_MEM;
    }
    args->data_out = room;
    return ESP_OK;
}

/** Takes all of the input. It has to fit: room for its plaintext was made. */
static esp_err_t decrypt_all(struct encrypted_image *image, pre_enc_decrypt_arg_t *args,
                             size_t room)
{
    size_t taken = 0;
    size_t given = 0;
    while (taken < args->data_in_len) {
        size_t in_len = args->data_in_len - taken;
        size_t out_len = room - given;
        esp_err_t err =
            encrypted_image_decrypt(image, (const uint8_t *)args->data_in + taken, &in_len,
                                    room > 0 ? (uint8_t *)args->data_out + given : NULL, &out_len);
        if (err != ESP_OK) {
            return ESP_FAIL;
        }
        taken += in_len;
        given += out_len;
    }
    args->data_out_len = given;
    return ESP_OK;
}

esp_err_t esp_encrypted_img_decrypt_data(esp_decrypt_handle_t ctx, pre_enc_decrypt_arg_t *args)
{
    struct encrypted_image *image = ctx;
    if (!image || !args || !args->data_in) {
        return ESP_ERR_INVALID_ARG;
    }
    if (image->has_failed) {
        return ESP_FAIL;
    }
    char *given_by_caller = args->data_out;
    size_t room = plaintext_len(image, args->data_in_len);
    args->data_out_len = 0;
    esp_err_t err = make_room(args, room);
    if (err != ESP_OK) {
        return err;
    }
    err = decrypt_all(image, args, room);
    if ((err != ESP_OK || args->data_out_len == 0) && !given_by_caller) {
        free(args->data_out); // the caller frees only what comes with a length
        args->data_out = NULL;
    }
    if (err != ESP_OK) {
        return err;
    }
    return encrypted_image_is_complete(image) ? ESP_OK : ESP_ERR_NOT_FINISHED;
}

esp_err_t esp_encrypted_img_decrypt_end(esp_decrypt_handle_t ctx)
{
    if (!ctx) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = encrypted_image_verify(ctx);
    end(ctx);
    return err == ESP_OK ? ESP_OK : ESP_FAIL;
}

bool esp_encrypted_img_is_complete_data_received(esp_decrypt_handle_t ctx)
{
    return ctx && encrypted_image_is_complete(ctx);
}

esp_err_t esp_encrypted_img_decrypt_abort(esp_decrypt_handle_t ctx)
{
    if (!ctx) {
        return ESP_ERR_INVALID_ARG;
    }
    end(ctx);
    return ESP_OK;
}

uint16_t esp_encrypted_img_get_header_size(void)
{
    return ENCRYPTED_HEADER_LEN;
}

esp_err_t esp_encrypted_img_export_public_key(esp_decrypt_handle_t ctx, uint8_t **pub_key,
                                              size_t *pub_key_len)
{
    const struct encrypted_image *image = ctx;
    uint8_t der[CRYPTO_PUBLIC_KEY_MAX];
    size_t len;
    if (!image || !pub_key || !pub_key_len) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!esp_crypto_secret.key_public(image->device_key, der, &len)) {
        ESP_LOGE(TAG, "the crypto library cannot encode the public key");
        return ESP_FAIL;
    }
    uint8_t *copy = malloc(len);
    if (!copy) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(copy, der, len);
    *pub_key = copy;
    *pub_key_len = len;
    return ESP_OK;
}
