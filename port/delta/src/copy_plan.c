#include "copy_plan.h"

#include <divsufsort.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MAX                                                                                  \
    40 // diagonals under consideration at once; measured: 24 cost 1 % more, 64 gain 0.3 %
#define LOOKAHEAD                                                                                  \
    24 // matches are looked for so far ahead, so that a copy can begin before them, where bytes differ
#define SEARCH_MIN    5 // shortest match that makes a diagonal worth a look
#define PRICE_NEVER   (INT64_MAX / 4)
#define PATIENCE      (48 * (int64_t)PRICE_BIT) // a diagonal that is so much behind is dropped
#define CHAIN_LEN     12 // earlier places that are tried for a copy from the new image
#define HASH_BITS     18
#define NEIGHBOURS    8  // suffixes looked at on both sides of the place found ...
#define NEIGHBOUR_MAX 32 // ... unless the match is longer: then it is the one

// Prices, measured on real patches.
#define PRICE_OPEN     (12 * PRICE_BIT) // lengths and flags of a copy, without its place
#define PRICE_EQUAL    1                // a byte that is as predicted
#define PRICE_DIFFERS  (7 * PRICE_BIT)  // one that is not
#define PRICE_MISS     (3 * PRICE_BIT)  // the first such after good ones
#define PRICE_TARGET   (8 * PRICE_BIT + PRICE_BIT / 2) // a reference to something else
#define PRICE_LITERALS (3 * PRICE_BIT)                 // a run of literals

// A diagonal: copies with this difference between source and place.
struct lane {
    int32_t diagonal; // source - place
    bool is_new;
    bool has_differed;  // the last byte
    int64_t price;      // of the cheapest way to here with a copy on it
    uint32_t start;     // where that copy begins
    int32_t corrected;  // source of the reference whose target has been paid for
    uint32_t match_end; // an exact match is known to last until here
};

// The cheapest way to a place.
struct step {
    uint32_t start;   // its last piece begins here
    int32_t diagonal; // of the copy
    uint8_t kind;     // PIECE_...
};

enum { PIECE_LITERAL, PIECE_OLD, PIECE_NEW };

struct planner {
    const struct plan_input *in;
    int32_t old_len;
    int32_t new_len;
    int32_t *suffixes;
    struct step *steps; // [new_len + 1]
    struct lane lanes[LANES_MAX];
    unsigned lane_count;
    int64_t literal_price; // of the cheapest way to here that ends with a literal
    uint32_t literal_start;
    int64_t best;
    int32_t best_diagonal; // of the last copy from the old image on that way
    int32_t *heads;        // hash of 4 bytes of the new image -> last place
    int32_t *chain;        // [new_len] place -> earlier place with the same hash
    int32_t quiet_until;   // no search before
};

static unsigned bits_of(uint32_t value)
{
    unsigned bits = 0;
    while (value >> bits) {
        bits++;
    }
    return bits;
}

// ----------------------------------------------------------------------- candidates

static int32_t common_len(const struct planner *p, int32_t old_at, int32_t new_at)
{
    const uint8_t *a = p->in->old_file.bytes + old_at;
    const uint8_t *b = p->in->new_file.bytes + new_at;
    int32_t most =
        p->old_len - old_at < p->new_len - new_at ? p->old_len - old_at : p->new_len - new_at;
    int32_t len = 0;
    while (len < most && a[len] == b[len]) {
        len++;
    }
    return len;
}

static int32_t find_longest(const struct planner *p, int32_t new_at, int32_t *old_at)
{
    int32_t low = 0;
    int32_t high = p->old_len - 1;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        int32_t at = p->suffixes[middle];
        int32_t len = p->old_len - at < p->new_len - new_at ? p->old_len - at : p->new_len - new_at;
        if (memcmp(p->in->old_file.bytes + at, p->in->new_file.bytes + new_at, (size_t)len) < 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    int32_t len_low = common_len(p, p->suffixes[low], new_at);
    int32_t len_high = common_len(p, p->suffixes[high], new_at);
    int32_t best = len_low > len_high ? len_low : len_high;
    *old_at = p->suffixes[len_low > len_high ? low : high];
    if (best < SEARCH_MIN || best > NEIGHBOUR_MAX) {
        return best;
    }
    // short matches are many; among equally long ones around there take the nearest to the current diagonal
    int32_t nearest = INT32_MAX;
    for (int32_t i = low > NEIGHBOURS ? low - NEIGHBOURS : 0;
         i <= high + NEIGHBOURS && i < p->old_len; i++) {
        int32_t away = abs(p->suffixes[i] - new_at - p->best_diagonal);
        if (away < nearest && common_len(p, p->suffixes[i], new_at) >= best) {
            nearest = away;
            *old_at = p->suffixes[i];
        }
    }
    return best;
}

static void add_lane(struct planner *p, int32_t diagonal, bool is_new, uint32_t match_end)
{
    unsigned worst = 0;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct lane *lane = &p->lanes[i];
        if (lane->diagonal == diagonal && lane->is_new == is_new) {
            lane->match_end = match_end > lane->match_end ? match_end : lane->match_end;
            return;
        }
        if (lane->price > p->lanes[worst].price) {
            worst = i;
        }
    }
    unsigned at = p->lane_count < LANES_MAX ? p->lane_count++ : worst;
    p->lanes[at] = (struct lane){diagonal, is_new, false, PRICE_NEVER, 0, -1, match_end};
}

static void search_old(struct planner *p, int32_t at)
{
    if (at >= p->new_len || at < p->quiet_until || p->old_len < 2) {
        return;
    }
    int32_t old_at = 0;
    int32_t len = find_longest(p, at, &old_at);
    if (len >= SEARCH_MIN) {
        add_lane(p, old_at - at, false, (uint32_t)(at + len));
        if (len > 32) { // nothing better is to be found inside a long match
            p->quiet_until = at + len - 12;
        }
    }
}

static uint32_t hash4(const uint8_t *bytes)
{
    return delta_load(bytes, 4) * 0x9E3779B1u >> (32 - HASH_BITS);
}

static void search_new(struct planner *p, int32_t at, bool is_wanted)
{
    if (at + 4 > p->new_len) {
        return;
    }
    uint32_t hash = hash4(p->in->new_bytes + at);
    int32_t from = p->heads[hash];
    int32_t best = SEARCH_MIN - 1;
    for (int i = 0; is_wanted && i < CHAIN_LEN && from >= 0; i++, from = p->chain[from]) {
        int32_t len = 0;
        while (at + len < p->new_len &&
               p->in->new_bytes[from + len] == p->in->new_bytes[at + len]) {
            len++;
        }
        if (len > best) {
            best = len;
            add_lane(p, from - at, true, (uint32_t)(at + len));
        }
    }
    p->chain[at] = p->heads[hash];
    p->heads[hash] = at;
}

// ----------------------------------------------------------------------- the cheapest way

static int64_t open_price(const struct planner *p, const struct lane *lane)
{
    uint32_t away =
        lane->is_new ? (uint32_t)-lane->diagonal : (uint32_t)abs(lane->diagonal - p->best_diagonal);
    return PRICE_OPEN + bits_of(away) * (PRICE_BIT + 3 * PRICE_BIT / 4);
}

// Price of the byte at place on the lane; PRICE_NEVER: it cannot be.
static int64_t byte_price(const struct planner *p, struct lane *lane, int32_t at)
{
    int32_t from = at + lane->diagonal;
    if (lane->is_new) {
        return p->in->new_bytes[from] == p->in->new_bytes[at] ? 0 : PRICE_NEVER;
    }
    if (from < 0 || from >= p->old_len) {
        return PRICE_NEVER;
    }
    const struct image_sweep *o = p->in->old_sweep;
    const struct image_sweep *n = p->in->new_sweep;
    uint8_t inside = o->inside[from];
    if (inside && inside == n->inside[at] &&
        o->kind[from - inside + 1] == n->kind[at - inside + 1]) {
        if (p->in->old_file.bytes[from] == p->in->new_file.bytes[at]) {
            return PRICE_EQUAL;
        }
        bool is_paid = lane->corrected == from - inside;
        lane->corrected = from - inside;
        return is_paid ? PRICE_EQUAL : PRICE_TARGET;
    }
    bool differs = p->in->old_file.bytes[from] != p->in->new_file.bytes[at];
    bool is_first = differs && !lane->has_differed;
    lane->has_differed = differs;
    return (differs ? PRICE_DIFFERS : PRICE_EQUAL) + (is_first ? PRICE_MISS : 0);
}

// Moves a lane over the byte at place. @return false: it can be dropped
static bool advance_lane(struct planner *p, struct lane *lane, int32_t at)
{
    int64_t opened = p->best + open_price(p, lane);
    if (opened < lane->price) {
        lane->price = opened;
        lane->start = (uint32_t)at;
        lane->has_differed = false;
        lane->corrected = -1;
    }
    int64_t price = byte_price(p, lane, at);
    if (price == PRICE_NEVER) {
        lane->price = PRICE_NEVER;
        return !lane->is_new && (uint32_t)at < lane->match_end;
    }
    lane->price += price;
    return true;
}

static void advance(struct planner *p, int32_t at)
{
    if (p->best + PRICE_LITERALS < p->literal_price) {
        p->literal_price = p->best + PRICE_LITERALS;
        p->literal_start = (uint32_t)at;
    }
    p->literal_price += p->in->literal_price[at];
    int64_t best = p->literal_price;
    const struct lane *best_lane = NULL;
    for (unsigned i = 0; i < p->lane_count;) {
        struct lane *lane = &p->lanes[i];
        bool is_kept = advance_lane(p, lane, at);
        bool is_late = lane->price > best + PATIENCE && (uint32_t)at >= lane->match_end;
        if (!is_kept || is_late) {
            *lane = p->lanes[--p->lane_count];
            continue;
        }
        if (lane->price < best) {
            best = lane->price;
            best_lane = lane;
        }
        i++;
    }
    struct step *step = &p->steps[at + 1];
    p->best = best;
    if (best_lane) {
        *step = (struct step){best_lane->start, best_lane->diagonal,
                              best_lane->is_new ? PIECE_NEW : PIECE_OLD};
        p->best_diagonal = best_lane->is_new ? p->best_diagonal : best_lane->diagonal;
    } else {
        *step = (struct step){p->literal_start, 0, PIECE_LITERAL};
    }
}

static bool is_on_long_match(const struct planner *p, int32_t at)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (!p->lanes[i].is_new && p->lanes[i].match_end > (uint32_t)at + 16) {
            return true;
        }
    }
    return false;
}

static void find_way(struct planner *p)
{
    p->literal_price = PRICE_NEVER;
    add_lane(p, 0, false, 0);
    for (int32_t at = 0; at < LOOKAHEAD; at++) {
        search_old(p, at);
    }
    for (int32_t at = 0; at < p->new_len; at++) {
        search_old(p, at + LOOKAHEAD);
        if (p->in->allows_new) {
            search_new(p, at, !is_on_long_match(p, at));
        }
        advance(p, at);
    }
}

// ----------------------------------------------------------------------- operations

// Writes the way as operations, literals and then a copy each. It is known backwards: counted first, then filled from the end.
static esp_err_t write_operations(const struct planner *p, struct operation_list *list)
{
    size_t count = 1; // the last one has no copy
    for (uint32_t at = (uint32_t)p->new_len; at > 0; at = p->steps[at].start) {
        count += p->steps[at].kind != PIECE_LITERAL;
    }
    list->items = calloc(count, sizeof(*list->items));
    if (!list->items) {
        return ESP_ERR_NO_MEM;
    }
    list->count = count;
    for (uint32_t at = (uint32_t)p->new_len; at > 0; at = p->steps[at].start) {
        const struct step *step = &p->steps[at];
        uint32_t len = at - step->start;
        if (step->kind == PIECE_LITERAL) {
            list->items[count - 1].literals += len;
            continue;
        }
        count--;
        list->items[count - 1] =
            (struct delta_operation){.is_from_new = step->kind == PIECE_NEW,
                                     .source = step->start + (uint32_t)step->diagonal,
                                     .len = len};
    }
    return ESP_OK;
}

esp_err_t copy_plan_make(const struct plan_input *input, struct operation_list *list)
{
    size_t old_len = input->old_file.len;
    size_t new_len = input->new_file.len;
    struct planner *p = calloc(1, sizeof(*p));
    if (!p) {
        return ESP_ERR_NO_MEM;
    }
    p->in = input;
    p->old_len = (int32_t)old_len;
    p->new_len = (int32_t)new_len;
    p->suffixes = malloc((old_len + 1) * sizeof(*p->suffixes));
    p->steps = calloc(new_len + 1, sizeof(*p->steps));
    p->heads = malloc(sizeof(*p->heads) << HASH_BITS);
    p->chain = malloc((new_len + 1) * sizeof(*p->chain));
    bool has_memory = p->suffixes && p->steps && p->heads && p->chain;
    esp_err_t err = ESP_ERR_NO_MEM;
    if (has_memory &&
        (old_len < 2 || divsufsort(input->old_file.bytes, p->suffixes, p->old_len) == 0)) {
        memset(p->heads, 0xFF, sizeof(*p->heads) << HASH_BITS);
        find_way(p);
        err = write_operations(p, list);
    }
    free(p->suffixes);
    free(p->steps);
    free(p->heads);
    free(p->chain);
    free(p);
    return err;
}

// A list that grows; literals wait for the copy behind them.
struct list_builder {
    struct operation_list list;
    size_t room;
    uint32_t literals;
};

static void add_operation(struct list_builder *builder, struct delta_operation op)
{
    if (builder->list.count == builder->room) {
        size_t room = builder->room * 2 + 64;
        struct delta_operation *items =
            realloc(builder->list.items, room * sizeof(*builder->list.items));
        if (!items) { // as many as before and no more: seen at the end
            return;
        }
        builder->list.items = items;
        builder->room = room;
    }
    op.literals = builder->literals;
    builder->literals = 0;
    builder->list.items[builder->list.count++] = op;
}

// A stretch of literals or of a copy, of which from to to is wanted.
static void add_part(struct list_builder *builder, const struct delta_operation *copy,
                     uint32_t start, uint32_t from, uint32_t to)
{
    if (from >= to) {
        return;
    }
    if (!copy) {
        builder->literals += to - from;
        return;
    }
    struct delta_operation part = *copy;
    part.source += from - start;
    part.len = to - from;
    add_operation(builder, part);
}

// The same without what streams make, which come as copies of their own.
static void add_around(struct list_builder *builder, const struct deflate_plan *plan, size_t *next,
                       const struct delta_operation *copy, uint32_t start, uint32_t end)
{
    uint32_t at = start;
    for (; *next < plan->count && plan->copies[*next].new_at < end; (*next)++) {
        const struct deflate_copy *stream = &plan->copies[*next];
        uint32_t stream_end = stream->new_at + stream->new_len;
        if (stream->new_at >= start) {
            add_part(builder, copy, start, at, stream->new_at);
            struct delta_operation op = {.source = stream->old_at,
                                         .len = stream->new_len,
                                         .script = (const uint32_t *)(void *)stream->script.bytes};
            add_operation(builder, op);
        }
        at = stream_end;
        if (stream_end > end) {
            return; // it reaches into the next stretch
        }
    }
    add_part(builder, copy, start, at, end);
}

esp_err_t operation_list_insert(struct operation_list *list, const struct deflate_plan *plan)
{
    struct list_builder builder = {0};
    size_t next = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct delta_operation *op = &list->items[i];
        add_around(&builder, plan, &next, NULL, at, at + op->literals);
        at += op->literals;
        add_around(&builder, plan, &next, op, at, at + op->len);
        at += op->len;
    }
    add_operation(&builder, (struct delta_operation){0}); // the last literals
    if (builder.list.count == builder.room && builder.literals > 0) {
        operation_list_free(&builder.list);
        return ESP_ERR_NO_MEM;
    }
    operation_list_free(list);
    *list = builder.list;
    return ESP_OK;
}

void operation_list_free(struct operation_list *list)
{
    free(list->items);
    *list = (struct operation_list){0};
}
