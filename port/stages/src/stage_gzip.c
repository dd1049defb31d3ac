// The gzip stage, through zlib.
//
// zlib takes its memory through callbacks, which hand out pieces of an array inside the stage. It asks when inflate is set
// up and, for the window, once more at the first output; a second member uses the same memory again.

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "esp_log.h"
#include "ota_stage_codecs.h"

static const char TAG[] = "stage_gzip";

#define WINDOW_BITS_GZIP                                                                           \
    (15 + 16) // fact: zlib.h, inflateInit2: 32 KiB window, gzip header and trailer only
#define ARENA_SIZE (48 * 1024) // measured: zlib 1.2.13 asks for 7160 + 32768 bytes

struct gzip_stage {
    struct ota_stage stage;
    z_stream zlib;
    uint64_t max_output;
    uint64_t given;  // bytes of output
    bool is_at_end;  // a member has ended and no byte of another was taken
    bool has_member; // at least one member was begun
    size_t arena_used;
    uint64_t arena[ARENA_SIZE / sizeof(uint64_t)]; // zlib keeps nothing wider in it
};

static voidpf take_memory(voidpf context, uInt items, uInt size)
{
    struct gzip_stage *self = context;
    size_t count = ((size_t)items * size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    if (count > ARENA_SIZE / sizeof(uint64_t) - self->arena_used) {
        return Z_NULL;
    }
    void *memory = self->arena + self->arena_used;
    self->arena_used += count;
    return memory;
}

static void give_memory_back(voidpf context, voidpf memory)
{
    (void)context;
    (void)memory; // goes with the stage
}

/** Translates what inflate could not go on with. */
static esp_err_t explain(const struct gzip_stage *self, int result)
{
    const char *why = self->zlib.msg ? self->zlib.msg : zError(result);
    // fact: zlib inflate.c; the only place where these three are told from other damage is the message
    bool is_checksum = strcmp(why, "incorrect data check") == 0 ||
                       strcmp(why, "incorrect length check") == 0 ||
                       strcmp(why, "header crc mismatch") == 0;
    ESP_LOGE(TAG, "%s after %llu bytes of output: %s",
             self->has_member && self->zlib.total_out == 0 ? "not gzip, or garbage behind gzip"
                                                           : "gzip data damaged",
             (unsigned long long)self->given, why);
    return is_checksum ? ESP_ERR_INVALID_CRC : ESP_ERR_INVALID_RESPONSE;
}

/** Runs inflate once. At the limit it gets room for one byte of its own, which shows whether more would come. */
static esp_err_t inflate_once(struct gzip_stage *self, uint8_t *out, size_t room, size_t *given)
{
    uint8_t beyond;
    uint64_t allowed = self->max_output - self->given;
    uInt limited = (uInt)(room < allowed ? room : allowed);
    self->zlib.next_out = limited > 0 ? out : &beyond;
    self->zlib.avail_out = allowed > 0 ? limited : 1;
    uInt offered = self->zlib.avail_out;
    int result = inflate(&self->zlib, Z_NO_FLUSH);
    *given = offered - self->zlib.avail_out;
    // first the limit: whether damage behind it is seen depends on the size of the piece
    if (allowed == 0 && *given > 0) {
        *given = 0;
        ESP_LOGE(TAG, "unpacks to more than the %llu bytes allowed",
                 (unsigned long long)self->max_output);
        return ESP_ERR_INVALID_SIZE;
    }
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return explain(self, result);
    }
    self->is_at_end = result == Z_STREAM_END;
    return ESP_OK;
}

static bool begin_member(struct gzip_stage *self)
{
    if (self->is_at_end && inflateReset(&self->zlib) != Z_OK) {
        return false;
    }
    self->is_at_end = false;
    self->has_member = true;
    return true;
}

static uInt cap(size_t len)
{
    const size_t most = 1u << 30; // chosen: fits zlib's unsigned int; the rest is offered again
    return (uInt)(len < most ? len : most);
}

static esp_err_t gzip_step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                           size_t *out_len)
{
    struct gzip_stage *self = (struct gzip_stage *)stage;
    size_t in_left = cap(*in_len);
    size_t room = cap(*out_len);
    esp_err_t err = ESP_OK;
    bool has_changed = true;
    size_t taken = 0;
    size_t given = 0;
    while (err == ESP_OK && has_changed && (in_left > 0 || !self->is_at_end)) {
        if (in_left > 0 && !begin_member(self)) {
            return ESP_FAIL;
        }
        size_t now = 0;
        self->zlib.next_in = (z_const Bytef *)(in_left > 0 ? in + taken : NULL);
        self->zlib.avail_in = (uInt)in_left;
        err = inflate_once(self, room > given ? out + given : out, room - given, &now);
        has_changed = now > 0 || self->zlib.avail_in < in_left;
        taken += in_left - self->zlib.avail_in;
        in_left = self->zlib.avail_in;
        given += now;
        self->given += now;
    }
    *in_len = taken;
    *out_len = given;
    return err;
}

static esp_err_t gzip_finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    struct gzip_stage *self = (struct gzip_stage *)stage;
    size_t no_input = 0;
    size_t room = *out_len;
    *is_done = false;
    esp_err_t err = gzip_step(stage, NULL, &no_input, out, out_len);
    if (err != ESP_OK) {
        return err;
    }
    *is_done = self->is_at_end && self->has_member;
    if (!*is_done && *out_len < room) {
        ESP_LOGE(TAG, "the gzip file ends too early, after %llu bytes of output",
                 (unsigned long long)self->given);
        return ESP_ERR_NOT_FINISHED;
    }
    return ESP_OK;
}

static void gzip_destroy(struct ota_stage *stage)
{
    struct gzip_stage *self = (struct gzip_stage *)stage;
    (void)inflateEnd(&self->zlib); // cannot fail for a stream that was set up
    free(self);
}

static const struct ota_stage_ops gzip_stage_ops = {
    .name = "gzip",
    .step = gzip_step,
    .finish = gzip_finish,
    .destroy = gzip_destroy,
};

struct ota_stage *ota_stage_gzip_create(uint64_t max_output)
{
    struct gzip_stage *self = calloc(1, sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->stage.ops = &gzip_stage_ops;
    self->max_output = max_output;
    self->zlib.zalloc = take_memory;
    self->zlib.zfree = give_memory_back;
    self->zlib.opaque = self;
    if (inflateInit2(&self->zlib, WINDOW_BITS_GZIP) != Z_OK) {
        free(self);
        return NULL;
    }
    return &self->stage;
}
