#include "release_pack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "ota_stage_registry.h"

#define ZSTD_LEVEL 19 // chosen: the smallest whose window a device takes
#define GZIP_HEAD  16 // fact: zlib.h, deflateInit2: added to windowBits makes a gzip file

static bool pack_gzip(const struct cli_bytes *file, struct cli_bytes *out)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_HEAD, 9,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    uLong room = deflateBound(&stream, (uLong)file->len);
    out->bytes = malloc(room);
    stream.next_in = file->bytes;
    stream.avail_in = (uInt)file->len;
    stream.next_out = out->bytes;
    stream.avail_out = (uInt)room;
    bool is_done = out->bytes && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out->len = stream.total_out;
    (void)deflateEnd(&stream); // everything is out, or it has failed
    return is_done;
}

static bool pack_zstd(const struct cli_bytes *file, struct cli_bytes *out)
{
    size_t room = ZSTD_compressBound(file->len);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    out->bytes = malloc(room);
    bool is_done =
        context && out->bytes &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1));
    out->len = is_done ? ZSTD_compress2(context, out->bytes, room, file->bytes, file->len) : 0;
    is_done = is_done && !ZSTD_isError(out->len);
    ZSTD_freeCCtx(context);
    return is_done;
}

bool release_pack(enum esp_ota_release_kind kind, const struct cli_bytes *file,
                  struct cli_bytes *out)
{
    *out = (struct cli_bytes){0};
    bool is_done = kind == ESP_OTA_RELEASE_GZIP ? pack_gzip(file, out) : pack_zstd(file, out);
    if (!is_done) {
        free(out->bytes);
        *out = (struct cli_bytes){0};
        cli_report_failure("the image cannot be compressed: not enough memory");
    }
    return is_done;
}

static bool unpack(struct ota_stage *stage, const struct cli_bytes *packed,
                   const struct cli_bytes *file)
{
    static uint8_t out[65536];
    size_t taken = 0;
    size_t made = 0;
    bool is_done = false;
    while (!is_done) {
        size_t in_len = packed->len - taken;
        size_t out_len = sizeof(out);
        esp_err_t err = in_len > 0
                            ? stage->ops->step(stage, packed->bytes + taken, &in_len, out, &out_len)
                            : stage->ops->finish(stage, out, &out_len, &is_done);
        taken += taken < packed->len ? in_len : 0;
        if (err != ESP_OK || out_len > file->len - made ||
            memcmp(out, file->bytes + made, out_len) != 0) {
            return false;
        }
        made += out_len;
    }
    return made == file->len;
}

bool release_unpacks_to(enum esp_ota_release_kind kind, const struct cli_bytes *packed,
                        const struct cli_bytes *file)
{
    struct ota_stage *stage = ota_stage_make(
        kind == ESP_OTA_RELEASE_GZIP ? OTA_STAGE_GZIP : OTA_STAGE_ZSTD, (uint32_t)file->len);
    bool is_same = stage && unpack(stage, packed, file);
    if (stage) {
        stage->ops->destroy(stage);
    }
    cli_forget_log();
    return is_same;
}
