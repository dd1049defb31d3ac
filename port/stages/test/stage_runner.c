#include "stage_runner.h"

#include <stdio.h>
#include <stdlib.h>

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "stage_run: %s\n", what);
        abort();
    }
}

static size_t piece(uint32_t *seed, uint32_t most, size_t left)
{
    *seed = *seed * 1664525u + 1013904223u;
    size_t len = most ? (*seed >> 8) % (most + 1) : left;
    return len < left ? len : left;
}

struct stage_result stage_run(struct ota_stage *stage, const uint8_t *in, size_t in_len,
                              uint8_t *out, size_t capacity, uint32_t seed, uint32_t most)
{
    struct stage_result result = {.err = ESP_OK};
    size_t at = 0;
    while (at < in_len && result.err == ESP_OK) {
        size_t offered = piece(&seed, most, in_len - at);
        size_t room = piece(&seed, most, capacity - result.len);
        size_t taken = offered;
        size_t given = room;
        require(result.len < capacity, "more output than the test has room for");
        result.err = stage->ops->step(stage, in + at, &taken, out + result.len, &given);
        require(taken <= offered && given <= room, "more than offered");
        require(result.err != ESP_OK || offered == 0 || room == 0 || taken > 0 || given > 0,
                "nothing happened");
        at += taken;
        result.len += given;
    }
    while (result.err == ESP_OK && !result.is_done) {
        size_t room = piece(&seed, most, capacity - result.len);
        size_t given = room;
        require(result.len < capacity, "more output than the test has room for");
        result.err = stage->ops->finish(stage, out + result.len, &given, &result.is_done);
        require(given <= room, "more than offered");
        result.len += given;
    }
    stage->ops->destroy(stage);
    return result;
}
