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

// Visible, so that who links a static library can ask for this file (cmake/package.cmake).
void ota_stages_register(void);

__attribute__((constructor)) void ota_stages_register(void)
{
    ota_stage_register(OTA_STAGE_GZIP, make_gzip, NULL);
    ota_stage_register(OTA_STAGE_ZSTD, make_zstd, NULL);
}
