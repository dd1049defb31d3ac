#include "token_align.h"

#include <stdlib.h>

#define EFFORT_MAX 3000 // steps of a search; chosen: beyond, the best way so far is good enough

// The search goes from both ends along diagonals (place in a - place in b) and keeps on each how far it has come.
struct aligner {
    const uint16_t *a;
    const uint16_t *b;
    uint32_t *pairs;
    int32_t *forward; // [diagonal], the place in a
    int32_t *backward;
};

struct box {
    int32_t a_from, a_to, b_from, b_to;
};

struct point {
    int32_t a, b;
};

// One step from the beginning. @return true: it met the search from the end
static bool step_forward(const struct aligner *s, const struct box *box, int32_t step,
                         struct point *met, struct point *farthest)
{
    int32_t delta = (box->a_to - box->b_to) - (box->a_from - box->b_from);
    int32_t base = box->a_from - box->b_from;
    int32_t *v = s->forward;
    for (int32_t k = -step; k <= step; k += 2) {
        int32_t d = base + k;
        bool is_down = k == -step || (k != step && v[d - 1] < v[d + 1]);
        int32_t x = step == 0 ? box->a_from : is_down ? v[d + 1] : v[d - 1] + 1;
        int32_t y = x - d;
        if (x > box->a_to || y > box->b_to || y < box->b_from) {
            v[d] = x > box->a_to ? box->a_to + 1 : x;
            continue;
        }
        while (x < box->a_to && y < box->b_to && s->a[x] == s->b[y]) {
            x++;
            y++;
        }
        v[d] = x;
        if (x + y > farthest->a + farthest->b) {
            *farthest = (struct point){x, y};
        }
        int32_t other = k - delta; // steps of the search from the end to this diagonal
        if ((delta & 1) && abs(other) <= step - 1 && x >= s->backward[d]) {
            *met = (struct point){x, y};
            return true;
        }
    }
    return false;
}

static bool step_backward(const struct aligner *s, const struct box *box, int32_t step,
                          struct point *met)
{
    int32_t delta = (box->a_to - box->b_to) - (box->a_from - box->b_from);
    int32_t base = box->a_to - box->b_to;
    int32_t *v = s->backward;
    for (int32_t k = -step; k <= step; k += 2) {
        int32_t d = base + k;
        bool is_up = k == step || (k != -step && v[d - 1] < v[d + 1]);
        int32_t x = step == 0 ? box->a_to : is_up ? v[d - 1] : v[d + 1] - 1;
        int32_t y = x - d;
        if (x < box->a_from || y < box->b_from || y > box->b_to) {
            v[d] = x < box->a_from ? box->a_from - 1 : x;
            continue;
        }
        while (x > box->a_from && y > box->b_from && s->a[x - 1] == s->b[y - 1]) {
            x--;
            y--;
        }
        v[d] = x;
        int32_t other = k + delta;
        if (!(delta & 1) && abs(other) <= step && x <= s->forward[d]) {
            *met = (struct point){x, y};
            return true;
        }
    }
    return false;
}

// A point that a good way through the box goes through.
static struct point find_middle(const struct aligner *s, const struct box *box)
{
    struct point met;
    struct point farthest = {box->a_from, box->b_from};
    for (int32_t step = 0; step <= EFFORT_MAX; step++) {
        if (step_forward(s, box, step, &met, &farthest) || step_backward(s, box, step, &met)) {
            return met;
        }
    }
    return farthest;
}

static void align_box(const struct aligner *s, struct box box)
{
    for (;;) {
        while (box.a_from < box.a_to && box.b_from < box.b_to &&
               s->a[box.a_from] == s->b[box.b_from]) {
            s->pairs[box.b_from++] = (uint32_t)box.a_from++;
        }
        while (box.a_from < box.a_to && box.b_from < box.b_to &&
               s->a[box.a_to - 1] == s->b[box.b_to - 1]) {
            s->pairs[--box.b_to] = (uint32_t)--box.a_to;
        }
        if (box.a_from == box.a_to || box.b_from == box.b_to) {
            return;
        }
        struct point middle = find_middle(s, &box);
        bool is_inside = middle.a >= box.a_from && middle.a <= box.a_to && middle.b >= box.b_from &&
                         middle.b <= box.b_to;
        bool is_corner = (middle.a == box.a_from && middle.b == box.b_from) ||
                         (middle.a == box.a_to && middle.b == box.b_to);
        if (!is_inside || is_corner) { // nothing in common
            return;
        }
        align_box(s, (struct box){box.a_from, middle.a, box.b_from, middle.b});
        box.a_from = middle.a;
        box.b_from = middle.b;
    }
}

esp_err_t token_align(const uint16_t *a, uint32_t a_len, const uint16_t *b, uint32_t b_len,
                      uint32_t *pairs)
{
    // diagonals from -b_len - EFFORT_MAX to a_len + EFFORT_MAX, and one on both sides
    size_t room = (size_t)a_len + b_len + 2 * (EFFORT_MAX + 2);
    int32_t *forward = calloc(room, sizeof(*forward));
    int32_t *backward = calloc(room, sizeof(*backward));
    for (uint32_t i = 0; i < b_len; i++) {
        pairs[i] = TOKEN_ALIGN_NONE;
    }
    if (forward && backward) {
        struct aligner s = {a, b, pairs, forward + b_len + EFFORT_MAX + 2,
                            backward + b_len + EFFORT_MAX + 2};
        align_box(&s, (struct box){0, (int32_t)a_len, 0, (int32_t)b_len});
    }
    esp_err_t err = forward && backward ? ESP_OK : ESP_ERR_NO_MEM;
    free(forward);
    free(backward);
    return err;
}
