// esp-ota update: delta patches, applied to what the device runs.

#include "update.h"

#include "esp_delta_stage.h"
#include "esp_ota_ops.h"
#include "ota_stage_registry.h"

static esp_err_t read_running(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    return esp_partition_read(context, offset, out, len);
}

static esp_err_t digest_running(void *context, uint8_t digest[32])
{
    return esp_partition_get_sha256(context, digest);
}

static struct ota_stage *make_stage(void *context, uint32_t max_output)
{
    (void)context;
    const esp_partition_t *running = esp_ota_get_running_partition();
    struct ota_stage *stage = NULL;
    if (!running) {
        return NULL;
    }
    struct esp_delta_base base = {.context = (void *)running, // only read
                                  .size = running->size,
                                  .read = read_running,
                                  .get_digest = digest_running};
    return esp_delta_stage_create(&base, esp_delta_class_memory(ESP_DELTA_64K), max_output,
                                  &stage) == ESP_OK
               ? stage
               : NULL;
}

void update_delta_enable(void)
{
    ota_stage_register(OTA_STAGE_DELTA, make_stage, NULL);
}
