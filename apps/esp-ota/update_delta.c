// esp-ota update: delta patches, applied to what the device runs.

#include "update.h"

#include <string.h>

#include "esp_delta_stage.h"
#include "esp_delta_trust.h"
#include "esp_ota_ops.h"
#include "ota_stage_registry.h"

#define HOLD_MAX                                                                                   \
    (4u * 1024 * 1024) // chosen: the patch of nearly any firmware; verified before the first erase

static esp_err_t read_running(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    return esp_partition_read(context, offset, out, len);
}

static esp_err_t digest_running(void *context, uint8_t digest[32])
{
    return esp_partition_get_sha256(context, digest);
}

// Who signed the patch has said what comes out.
static void note_patch(void *context, const struct esp_delta_patch *patch)
{
    struct update *u = context;
    u->wanted_size = patch->new_size;
    u->wanted_digest_len = sizeof(patch->new_digest);
    memcpy(u->wanted_digest, patch->new_digest, sizeof(patch->new_digest));
}

static struct ota_stage *make_trusted(struct update *u, struct ota_stage *inner)
{
    struct ota_stage *stage = NULL;
    bool asks_signature = u->trust.count > 0 && !u->patch_sha256;
    struct esp_delta_trust trust = {.policy = asks_signature ? &u->policy : NULL,
                                    .sha256 = u->patch_sha256,
                                    .hold_max = HOLD_MAX,
                                    .note = note_patch,
                                    .note_context = u};
    return esp_delta_trust_stage_create(inner, &trust, &stage) == ESP_OK ? stage : NULL;
}

static struct ota_stage *make_stage(void *context, uint32_t max_output)
{
    struct update *u = context;
    const esp_partition_t *running = esp_ota_get_running_partition();
    struct ota_stage *stage = NULL;
    if (!running) {
        return NULL;
    }
    struct esp_delta_base base = {.context = (void *)running, // only read
                                  .size = running->size,
                                  .read = read_running,
                                  .get_digest = digest_running};
    if (esp_delta_stage_create(&base, u->memory, max_output, &stage) != ESP_OK) {
        return NULL;
    }
    return u->trust.count > 0 || u->patch_sha256 ? make_trusted(u, stage) : stage;
}

void update_delta_enable(struct update *u)
{
    ota_stage_register(OTA_STAGE_DELTA, make_stage, u);
}
