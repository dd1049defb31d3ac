#include "suffix_match.h"

#include <divsufsort.h>
#include <stdlib.h>
#include <string.h>

// chosen: bytes that a new diagonal must match more than the current one; the figure of bsdiff, kept for legacy patches
#define SWITCH_GAIN 8

struct matcher {
    const uint8_t *old_bytes;
    const uint8_t *new_bytes;
    int32_t old_len;
    int32_t new_len;
    const int32_t *suffixes; // offsets in old_bytes, sorted by what stands there
    uint32_t shortest;
    struct match_list *list;
};

static int32_t common_len(const struct matcher *m, int32_t old_at, int32_t new_at)
{
    int32_t most =
        m->old_len - old_at < m->new_len - new_at ? m->old_len - old_at : m->new_len - new_at;
    int32_t len = 0;
    while (len < most && m->old_bytes[old_at + len] == m->new_bytes[new_at + len]) {
        len++;
    }
    return len;
}

// Longest match of what begins at new_at anywhere in the old file.
static int32_t find_longest(const struct matcher *m, int32_t new_at, int32_t *old_at)
{
    int32_t low = 0;
    int32_t high = m->old_len - 1;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        int32_t at = m->suffixes[middle];
        int32_t len = m->old_len - at < m->new_len - new_at ? m->old_len - at : m->new_len - new_at;
        if (memcmp(m->old_bytes + at, m->new_bytes + new_at, (size_t)len) < 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    int32_t len_low = common_len(m, m->suffixes[low], new_at);
    int32_t len_high = common_len(m, m->suffixes[high], new_at);
    *old_at = m->suffixes[len_low > len_high ? low : high];
    return len_low > len_high ? len_low : len_high;
}

static bool is_equal(const struct matcher *m, int32_t old_at, int32_t new_at)
{
    return old_at >= 0 && old_at < m->old_len && m->old_bytes[old_at] == m->new_bytes[new_at];
}

// An open stretch of the new file and the diagonal it belongs to.
struct anchor {
    int32_t new_at;
    int32_t old_at;
};

// Where the next diagonal takes over: how far forward the current one is extended, how far backward the next one. Both grow
// while more than half of the added bytes are equal.
static int32_t extend_forward(const struct matcher *m, struct anchor from, int32_t end)
{
    int32_t score = 0;
    int32_t best_score = 0;
    int32_t best = 0;
    for (int32_t i = 0; from.new_at + i < end && from.old_at + i < m->old_len; i++) {
        score += m->old_bytes[from.old_at + i] == m->new_bytes[from.new_at + i] ? 1 : -1;
        if (score > best_score) {
            best_score = score;
            best = i + 1;
        }
    }
    return best;
}

static int32_t extend_backward(const struct matcher *m, struct anchor from, int32_t begin)
{
    int32_t score = 0;
    int32_t best_score = 0;
    int32_t best = 0;
    for (int32_t i = 1; from.new_at - i >= begin && from.old_at >= i; i++) {
        score += m->old_bytes[from.old_at - i] == m->new_bytes[from.new_at - i] ? 1 : -1;
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

// Where to cut an overlap of len bytes so that most bytes are equal. @return bytes of it that stay with the first diagonal
static int32_t cut_overlap(const struct matcher *m, struct anchor first, struct anchor second,
                           int32_t len)
{
    int32_t score = 0;
    int32_t best_score = 0;
    int32_t best = 0;
    for (int32_t i = 0; i < len; i++) {
        score += is_equal(m, first.old_at + i, first.new_at + i);
        score -= is_equal(m, second.old_at + i, second.new_at + i);
        if (score > best_score) {
            best_score = score;
            best = i + 1;
        }
    }
    return best;
}

static esp_err_t add_copy(const struct matcher *m, struct anchor from, int32_t len)
{
    struct match_list *list = m->list;
    if (len <= 0 || (uint32_t)len < m->shortest) {
        return ESP_OK;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 64;
        struct match_copy *items = realloc(list->items, capacity * sizeof(*items));
        if (!items) {
            return ESP_ERR_NO_MEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] =
        (struct match_copy){(uint32_t)from.new_at, (uint32_t)from.old_at, (uint32_t)len};
    return ESP_OK;
}

// The next place of the new file at which another diagonal matches clearly better than the current one.
static struct anchor find_switch(const struct matcher *m, struct anchor current, int32_t from,
                                 int32_t *len)
{
    int32_t diagonal = current.old_at - current.new_at;
    int32_t kept = 0;        // bytes of the match that the current diagonal has right as well
    int32_t kept_end = from; // they are counted up to here
    struct anchor found = {from, 0};
    for (*len = 0; found.new_at < m->new_len; found.new_at++) {
        *len = find_longest(m, found.new_at, &found.old_at);
        for (; kept_end < found.new_at + *len; kept_end++) {
            kept += is_equal(m, kept_end + diagonal, kept_end);
        }
        if ((*len == kept && *len > 0) || *len > kept + SWITCH_GAIN) {
            break;
        }
        kept -= kept_end > found.new_at && is_equal(m, found.new_at + diagonal, found.new_at);
    }
    // nothing but the current diagonal: go on behind it
    if (found.new_at < m->new_len && *len == kept) {
        found.old_at = found.new_at + diagonal;
    }
    return found;
}

static esp_err_t match_all(const struct matcher *m)
{
    struct anchor current = {0, 0};
    int32_t from = 0;
    while (from < m->new_len) {
        int32_t len = 0;
        struct anchor next = find_switch(m, current, from, &len);
        bool is_same = next.new_at < m->new_len &&
                       next.old_at - next.new_at == current.old_at - current.new_at;
        from = next.new_at + len;
        if (is_same) {
            continue;
        }
        int32_t forward = extend_forward(m, current, next.new_at);
        int32_t backward = next.new_at < m->new_len ? extend_backward(m, next, current.new_at) : 0;
        int32_t overlap = current.new_at + forward - (next.new_at - backward);
        if (overlap > 0) {
            struct anchor first = {current.new_at + forward - overlap,
                                   current.old_at + forward - overlap};
            struct anchor second = {next.new_at - backward, next.old_at - backward};
            int32_t kept = cut_overlap(m, first, second, overlap);
            forward -= overlap - kept;
            backward -= kept;
        }
        esp_err_t err = add_copy(m, current, forward);
        if (err != ESP_OK) {
            return err;
        }
        current = (struct anchor){next.new_at - backward, next.old_at - backward};
    }
    // what is behind the last switch
    if (current.new_at < m->new_len) {
        return add_copy(m, current, extend_forward(m, current, m->new_len));
    }
    return ESP_OK;
}

esp_err_t suffix_match(const uint8_t *old_bytes, size_t old_len, const uint8_t *new_bytes,
                       size_t new_len, uint32_t shortest, struct match_list *list)
{
    list->count = 0;
    if (old_len > MATCH_SIZE_MAX || new_len > MATCH_SIZE_MAX) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (old_len < 2 || new_len == 0) {
        return ESP_OK;
    }
    int32_t *suffixes = malloc(old_len * sizeof(*suffixes));
    if (!suffixes || divsufsort(old_bytes, suffixes, (int32_t)old_len) != 0) {
        free(suffixes);
        return ESP_ERR_NO_MEM;
    }
    struct matcher matcher = {.old_bytes = old_bytes,
                              .new_bytes = new_bytes,
                              .old_len = (int32_t)old_len,
                              .new_len = (int32_t)new_len,
                              .suffixes = suffixes,
                              .shortest = shortest,
                              .list = list};
    esp_err_t err = match_all(&matcher);
    free(suffixes);
    return err;
}
