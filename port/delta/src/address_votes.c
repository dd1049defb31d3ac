// The map is a path: for addresses in ascending order it names the shift that holds, and it may change the shift anywhere
// for the price of an entry. The cheapest path through the votes is found by dynamic programming: for each shift, the best
// path so far that ends with it.

#include "address_votes.h"

#include <stdlib.h>

#define VOTES_MAX                                                                                  \
    6 // chosen: more votes for one address count no more, its users are then told by the adaptive model

struct vote {
    uint32_t from;
    uint32_t shift;
};

struct vote_list {
    struct vote *items;
    size_t count;
    size_t capacity;
};

// The best path that ends with this shift.
struct shift_state {
    uint32_t shift;
    bool is_used;
    int64_t cost;
    int32_t entry; // its last entry, in struct search.entries
};

struct path_entry {
    struct delta_map_entry entry;
    int32_t before; // -1: the first
};

struct search {
    struct shift_state *table; // open addressing
    size_t table_len;          // power of two
    struct path_entry *entries;
    size_t entry_count;
    int64_t best_cost;
    int32_t best_entry;
};

// ----------------------------------------------------------------------- votes

static bool add_vote(struct vote_list *votes, uint32_t from, uint32_t shift)
{
    if (votes->count == votes->capacity) {
        size_t capacity = votes->capacity * 2 + 1024;
        struct vote *items = realloc(votes->items, capacity * sizeof(*items));
        if (!items) {
            return false;
        }
        votes->items = items;
        votes->capacity = capacity;
    }
    votes->items[votes->count++] = (struct vote){from, shift};
    return true;
}

static bool collect(const struct image_sweep *old_sweep, const struct image_sweep *new_sweep,
                    const struct match_list *list, struct vote_list *votes)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct match_copy *copy = &list->items[i];
        for (uint32_t k = 0; k < copy->len; k++) {
            uint32_t o = copy->old_at + k;
            uint32_t n = copy->new_at + k;
            uint8_t kind = old_sweep->kind[o];
            // upper parts point nowhere: their lower parts vote
            if (kind == SWEEP_NO_REFERENCE || kind == UNIT_LUI || kind == UNIT_AUIPC ||
                kind != new_sweep->kind[n]) {
                continue;
            }
            if (!add_vote(votes, old_sweep->target[o],
                          new_sweep->target[n] - old_sweep->target[o])) {
                return false;
            }
        }
    }
    return true;
}

// The base of a table of distances moved as a whole.
static bool collect_bases(const struct image_sweep *old_sweep, const struct image_sweep *new_sweep,
                          struct vote_list *votes)
{
    if (old_sweep->region_count == 0 || new_sweep->region_count == 0 ||
        old_sweep->regions[0].is_self_relative) {
        return true;
    }
    uint32_t next;
    uint32_t old_at = old_sweep->regions[0].start;
    uint32_t new_at = new_sweep->regions[0].start;
    const struct delta_segment *o = delta_layout_find(&old_sweep->layout, old_at, &next);
    const struct delta_segment *n = delta_layout_find(&new_sweep->layout, new_at, &next);
    uint32_t from = o->address + old_at - o->offset;
    uint32_t to = n->address + new_at - n->offset;
    for (int i = 0; i < VOTES_MAX; i++) {
        if (!add_vote(votes, from, to - from)) {
            return false;
        }
    }
    return true;
}

static int compare_votes(const void *a, const void *b)
{
    const struct vote *x = a;
    const struct vote *y = b;
    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->shift < y->shift ? -1 : x->shift > y->shift;
}

// ----------------------------------------------------------------------- the cheapest path

static struct shift_state *find_state(const struct search *search, uint32_t shift)
{
    size_t at = delta_hash(shift, 1) & (search->table_len - 1);
    while (search->table[at].is_used && search->table[at].shift != shift) {
        at = (at + 1) & (search->table_len - 1);
    }
    return &search->table[at];
}

// count votes say that addresses from here on moved by shift. start: of the step, before any vote of this address.
static void take_votes(struct search *search, const struct address_prices *prices,
                       const struct vote *vote, uint32_t count, int64_t start_cost,
                       int32_t start_entry)
{
    struct shift_state *state = find_state(search, vote->shift);
    if (!state->is_used || state->cost > start_cost + prices->entry) {
        search->entries[search->entry_count] =
            (struct path_entry){{vote->from, vote->shift}, start_entry};
        *state = (struct shift_state){vote->shift, true, start_cost + prices->entry,
                                      (int32_t)search->entry_count++};
    }
    uint32_t counted = count < VOTES_MAX ? count : VOTES_MAX;
    state->cost -= (int64_t)counted * prices->miss + count / 8;
    if (state->cost < search->best_cost) {
        search->best_cost = state->cost;
        search->best_entry = state->entry;
    }
}

static void search_path(struct search *search, const struct address_prices *prices,
                        const struct vote_list *votes)
{
    search->best_entry = -1;
    for (size_t i = 0; i < votes->count;) {
        uint32_t from = votes->items[i].from;
        int64_t start_cost = search->best_cost;
        int32_t start_entry = search->best_entry;
        while (i < votes->count && votes->items[i].from == from) {
            const struct vote *first = &votes->items[i];
            uint32_t count = 0;
            for (; i < votes->count && votes->items[i].from == from &&
                   votes->items[i].shift == first->shift;
                 i++) {
                count++;
            }
            take_votes(search, prices, first, count, start_cost, start_entry);
        }
    }
}

// Writes the path from its end to its beginning, then puts it in order. Addresses of entries are even.
static esp_err_t take_path(const struct search *search, struct address_map *map)
{
    uint32_t count = 0;
    for (int32_t at = search->best_entry; at >= 0; at = search->entries[at].before) {
        count++;
    }
    map->entries = calloc((size_t)count + 1, sizeof(*map->entries));
    if (!map->entries) {
        return ESP_ERR_NO_MEM;
    }
    map->count = count;
    for (int32_t at = search->best_entry; at >= 0; at = search->entries[at].before) {
        map->entries[--count] = search->entries[at].entry;
        map->entries[count].from &= ~1u;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->count; i++) { // of two for one address the later
        if (kept > 0 && map->entries[kept - 1].from >= map->entries[i].from) {
            kept--;
            map->entries[i].from = map->entries[kept].from;
        }
        map->entries[kept++] = map->entries[i];
    }
    map->count = kept;
    return ESP_OK;
}

static esp_err_t find_path(const struct vote_list *votes, const struct address_prices *prices,
                           struct address_map *map)
{
    struct search search = {.table_len = 1024};
    while (search.table_len < votes->count * 2) {
        search.table_len *= 2;
    }
    search.table = calloc(search.table_len, sizeof(*search.table));
    search.entries = malloc((votes->count + 1) * sizeof(*search.entries));
    esp_err_t err = ESP_ERR_NO_MEM;
    if (search.table && search.entries) {
        search_path(&search, prices, votes);
        err = take_path(&search, map);
    }
    free(search.table);
    free(search.entries);
    return err;
}

esp_err_t address_votes_count(const struct image_sweep *old_sweep,
                              const struct image_sweep *new_sweep, const struct match_list *list,
                              const struct address_prices *prices, struct address_map *map)
{
    struct vote_list votes = {0};
    *map = (struct address_map){0};
    esp_err_t err = ESP_ERR_NO_MEM;
    if (collect(old_sweep, new_sweep, list, &votes) &&
        collect_bases(old_sweep, new_sweep, &votes)) {
        if (votes.count > 0) {
            qsort(votes.items, votes.count, sizeof(*votes.items), compare_votes);
        }
        err = find_path(&votes, prices, map);
    }
    free(votes.items);
    return err;
}
