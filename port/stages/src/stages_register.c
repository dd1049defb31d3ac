// A program that links this port can unpack gzip and zstd files without asking for it.

#include "ota_stage_codecs.h"
#include "ota_stage_registry.h"

static struct ota_stage *make_gzip(void *context, uint32_t max_output)
{
    (void)context;
    return ota_stage_gzip_create(max_output);
}

static struct ota_stage *make_zstd(void *context, uint32_t max_output)
{
    (void)context;
    return ota_stage_zstd_create(max_output);
}

__attribute__((constructor)) static void register_stages(void)
{
    ota_stage_register(OTA_STAGE_GZIP, make_gzip, NULL);
    ota_stage_register(OTA_STAGE_ZSTD, make_zstd, NULL);
}
