// Which parts of a new file stand, roughly, where in the old one.
//
// A suffix array of the old file finds the longest exact match of any place of the new one. Matches that lie on the same
// diagonal (new offset - old offset) belong together even if single bytes between them differ: they become one copy, and its
// differing bytes are somebody else's concern.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

#define MATCH_SIZE_MAX (64u * 1024 * 1024) // as DELTA_FILE_MAX

struct match_copy {
    uint32_t new_at;
    uint32_t old_at;
    uint32_t len;
};

// Copies in the order of new_at, not overlapping there; free() items.
struct match_list {
    struct match_copy *items; // owned
    size_t count;
    size_t capacity;
};

// Matches new_bytes against old_bytes. shortest: copies below this length are dropped.
// ESP_ERR_NO_MEM, ESP_ERR_INVALID_SIZE (more than MATCH_SIZE_MAX).
esp_err_t suffix_match(const uint8_t *old_bytes, size_t old_len, const uint8_t *new_bytes,
                       size_t new_len, uint32_t shortest, struct match_list *list) ESP_MUST_CHECK;
