#include <stdlib.h>

#include "encrypted_image.h"
#include "esp_encrypted_img_stage.h"

struct encrypted_stage {
    struct ota_stage stage;
    struct encrypted_image image;
};

static struct encrypted_image *image_of(struct ota_stage *stage)
{
    return &((struct encrypted_stage *)stage)->image;
}

static esp_err_t step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    return encrypted_image_decrypt(image_of(stage), in, in_len, out, out_len);
}

// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
static esp_err_t finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
// NOLINTEND(readability-non-const-parameter)
{
    (void)out; // nothing is held back
    *out_len = 0;
    *is_done = false;
    esp_err_t err = encrypted_image_verify(image_of(stage));
    *is_done = err == ESP_OK;
    return err;
}

static esp_err_t save(const struct ota_stage *stage, uint8_t *state, size_t *state_len)
{
    return encrypted_image_save(&((const struct encrypted_stage *)stage)->image, state, state_len);
}

static esp_err_t restore(struct ota_stage *stage, const uint8_t *state, size_t state_len)
{
    return encrypted_image_restore(image_of(stage), state, state_len);
}

static void destroy(struct ota_stage *stage)
{
    encrypted_image_deinit(image_of(stage));
    free(stage);
}

static const struct ota_stage_ops encrypted_stage_ops = {
    .name = "pre-encrypted",
    .step = step,
    .finish = finish,
    .save = save,
    .restore = restore,
    .destroy = destroy,
};

esp_err_t esp_encrypted_img_stage_create(const void *key, size_t key_len, uint64_t max_output,
                                         struct ota_stage **stage)
{
    *stage = NULL;
    struct encrypted_stage *self = malloc(sizeof(*self));
    if (!self) {
        return ESP_ERR_NO_MEM;
    }
    self->stage.ops = &encrypted_stage_ops;
    esp_err_t err = encrypted_image_init(&self->image, key, key_len, max_output);
    if (err != ESP_OK) {
        free(self);
        return err;
    }
    *stage = &self->stage;
    return ESP_OK;
}
