// In place of delta_deflate.c, for devices without room for them: patches with copies of deflate streams are
// refused at their header, so nothing here is ever called but the first.

#include "delta_deflate.h"

size_t delta_deflate_memory(void)
{
    return 0;
}

void delta_deflate_init(struct delta_deflate *self)
{
    (void)self;
}

esp_err_t delta_deflate_begin(struct delta_decoder *decoder, const uint32_t *script)
{
    (void)decoder;
    (void)script;
    return ESP_ERR_NOT_SUPPORTED;
}

esp_err_t delta_deflate_atom(struct delta_decoder *decoder)
{
    (void)decoder;
    return ESP_ERR_NOT_SUPPORTED;
}
