// Any bytes as a zstd file: whole and in pieces, with the same end.

#include "fuzz_stage.h"
#include "ota_stage_codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_stage_run whole;
    static struct fuzz_stage_run pieces;
    fuzz_stage_run(ota_stage_zstd_create(FUZZ_STAGE_LIMIT), data, size, 0, &whole);
    fuzz_stage_run(ota_stage_zstd_create(FUZZ_STAGE_LIMIT), data, size, (uint32_t)(1 + size % 200),
                   &pieces);
    fuzz_stage_compare(&whole, &pieces);
    return 0;
}
