// Espressif's functions: a legacy patch with callbacks on both sides.

#include "esp_delta_ota.h"

#include <stdlib.h>

#include "esp_log.h"
#include "legacy_patch.h"

static const char *TAG = "esp_delta_ota";

#define PIECE_LEN 256 // chosen: bytes handed to the write callback at most at once

struct delta_ota {
    esp_delta_ota_cfg_t cfg;
    struct legacy_patch patch;
    esp_err_t err; // of the first failure
};

static esp_err_t read_base(void *context, uint32_t offset, uint8_t *out, size_t len)
{
    const esp_delta_ota_cfg_t *cfg = &((struct delta_ota *)context)->cfg;
    esp_err_t err = cfg->user_data
                        ? cfg->read_cb_with_user_data(out, len, (int)offset, cfg->user_data)
                        : cfg->read_cb(out, len, (int)offset);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the base image cannot be read at %u: %s", (unsigned)offset,
                 esp_err_to_name(err));
    }
    return err;
}

static esp_err_t write_target(const esp_delta_ota_cfg_t *cfg, const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return ESP_OK;
    }
    esp_err_t err = cfg->user_data ? cfg->write_cb_with_user_data(bytes, len, cfg->user_data)
                                   : cfg->write_cb(bytes, len);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the new image cannot be written: %s", esp_err_to_name(err));
    }
    return err;
}

esp_delta_ota_handle_t esp_delta_ota_init(esp_delta_ota_cfg_t *cfg)
{
    if (!cfg || !cfg->read_cb || !cfg->write_cb) {
        ESP_LOGE(TAG, "both callbacks are needed");
        return NULL;
    }
    struct delta_ota *self = calloc(1, sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->cfg = *cfg;
    legacy_patch_init(&self->patch, read_base, self, INT32_MAX, INT32_MAX);
    return self;
}

static esp_err_t feed(struct delta_ota *self, const uint8_t *in, size_t len)
{
    uint8_t out[PIECE_LEN];
    size_t out_len;
    do {
        size_t taken = len;
        out_len = sizeof(out);
        esp_err_t err = legacy_patch_step(&self->patch, in, &taken, out, &out_len);
        if (err == ESP_OK) {
            err = write_target(&self->cfg, out, out_len);
        }
        if (err != ESP_OK) {
            return err;
        }
        in += taken;
        len -= taken;
    } while (len > 0 || out_len == sizeof(out));
    return ESP_OK;
}

esp_err_t esp_delta_ota_feed_patch(esp_delta_ota_handle_t handle, const uint8_t *buf, int size)
{
    struct delta_ota *self = handle;
    if (!self || !buf || size < 0) {
        return ESP_ERR_INVALID_ARG;
    }
    if (self->err == ESP_OK) {
        self->err = feed(self, buf, (size_t)size);
    }
    return self->err == ESP_OK ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_delta_ota_finalize(esp_delta_ota_handle_t handle)
{
    const struct delta_ota *self = handle;
    if (!self) {
        return ESP_ERR_INVALID_ARG;
    }
    if (self->err == ESP_OK && !legacy_patch_is_complete(&self->patch)) {
        ESP_LOGE(TAG, "the patch is incomplete");
        return ESP_FAIL;
    }
    return self->err == ESP_OK ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_delta_ota_deinit(esp_delta_ota_handle_t handle)
{
    if (!handle) {
        return ESP_ERR_INVALID_ARG;
    }
    free(handle);
    return ESP_OK;
}
