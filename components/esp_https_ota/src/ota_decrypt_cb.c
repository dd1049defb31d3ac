#include "ota_decrypt_cb.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "ota_events.h"

static const char *TAG = "esp_https_ota";

struct callback_stage {
    struct ota_stage stage; // must be first: the stage is found by casting
    decrypt_cb_t callback;
    void *user_ctx;
    char *output; // from the callback, freed by us; NULL: none
    size_t output_at;
    size_t output_len;
};

static void drop_output(struct callback_stage *self)
{
    free(self->output);
    self->output = NULL;
    self->output_at = 0;
    self->output_len = 0;
}

static void give_output(struct callback_stage *self, uint8_t *out, size_t *out_len)
{
    size_t left = self->output_len - self->output_at;
    *out_len = left < *out_len ? left : *out_len;
    if (self->output && *out_len > 0) {
        memcpy(out, self->output + self->output_at, *out_len);
        self->output_at += *out_len;
    }
    if (self->output_at == self->output_len) {
        drop_output(self);
    }
}

static esp_err_t call_back(struct callback_stage *self, const uint8_t *in, size_t in_len)
{
    decrypt_cb_arg_t args = {.data_in = (const char *)in, .data_in_len = in_len};
    ota_events_post(ESP_HTTPS_OTA_DECRYPT_CB, NULL, 0);
    esp_err_t err = self->callback(&args, self->user_ctx);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the decrypt callback failed: %s", esp_err_to_name(err));
        return err;
    }
    self->output = args.data_out;
    self->output_len = args.data_out ? args.data_out_len : 0;
    return ESP_OK;
}

static esp_err_t step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    struct callback_stage *self = (struct callback_stage *)stage;
    if (self->output) {
        *in_len = 0;
        give_output(self, out, out_len);
        return ESP_OK;
    }
    if (*in_len > 0) {
        esp_err_t err = call_back(self, in, *in_len);
        if (err != ESP_OK) {
            return err;
        }
    }
    give_output(self, out, out_len);
    return ESP_OK;
}

static esp_err_t finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    struct callback_stage *self = (struct callback_stage *)stage;
    give_output(self, out, out_len);
    *is_done = self->output == NULL;
    return ESP_OK;
}

static void destroy(struct ota_stage *stage)
{
    drop_output((struct callback_stage *)stage);
    free(stage);
}

static const struct ota_stage_ops callback_stage_ops = {
    .name = "decrypt_cb", .step = step, .finish = finish, .destroy = destroy};

struct ota_stage *ota_decrypt_cb_create(decrypt_cb_t callback, void *user_ctx)
{
    struct callback_stage *self = calloc(1, sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->stage.ops = &callback_stage_ops;
    self->callback = callback;
    self->user_ctx = user_ctx;
    return &self->stage;
}
