// Chains of toy stages that grow, shrink and hold back, with pieces of every size.

#include "ota_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- Toy stages ------------------------------------------------------------------------------------

#define BLOCK_LEN 16

enum toy_kind {
    TOY_DOUBLE,  // two bytes for one, the second depends on the position
    TOY_HALVE,   // one for two; an odd one at the end as it is
    TOY_REVERSE, // blocks of 16 backwards, the last as long as it is
    TOY_TRAILER, // bytes as they are, 4 bytes of sum at the end
    TOY_KIND_COUNT,
};

/** What a toy knows about its stream; saved as it is. */
struct toy_state {
    enum toy_kind kind;
    uint8_t block[BLOCK_LEN];
    size_t block_len;
    uint8_t held[BLOCK_LEN]; // output that waits for room
    size_t held_start;
    size_t held_len;
    uint32_t sum;
    uint64_t taken;
    bool has_ended;
};

struct toy {
    struct ota_stage stage;
    struct toy_state at;
    uint64_t fails_at; // this many bytes taken; 0: never
    esp_err_t finish_result;
    bool is_stuck;
};

static unsigned s_live; // toys not destroyed

static void hold(struct toy_state *at, const uint8_t *bytes, size_t len)
{
    memcpy(at->held, bytes, len);
    at->held_start = 0;
    at->held_len = len;
}

static void hold_block_backwards(struct toy_state *at)
{
    uint8_t backwards[BLOCK_LEN];
    for (size_t i = 0; i < at->block_len; i++) {
        backwards[i] = at->block[at->block_len - 1 - i];
    }
    hold(at, backwards, at->block_len);
    at->block_len = 0;
}

static void take(struct toy_state *at, uint8_t byte)
{
    uint8_t two[2] = {byte, (uint8_t)(byte ^ at->taken)};
    at->taken++;
    at->sum = at->sum * 31 + byte;
    switch (at->kind) {
    case TOY_DOUBLE:
        hold(at, two, 2);
        break;
    case TOY_TRAILER:
        hold(at, two, 1);
        break;
    case TOY_HALVE:
        at->block[at->block_len++] = byte;
        if (at->block_len == 2) {
            two[0] = (uint8_t)(at->block[0] + 3 * at->block[1]);
            at->block_len = 0;
            hold(at, two, 1);
        }
        break;
    default:
        at->block[at->block_len++] = byte;
        if (at->block_len == BLOCK_LEN) {
            hold_block_backwards(at);
        }
    }
}

static size_t give(struct toy_state *at, uint8_t *out, size_t room)
{
    size_t len = at->held_len < room ? at->held_len : room;
    if (len > 0) {
        memcpy(out, at->held + at->held_start, len);
    }
    at->held_start += len;
    at->held_len -= len;
    return len;
}

static esp_err_t toy_step(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                          size_t *out_len)
{
    struct toy *toy = (struct toy *)stage;
    size_t taken = 0;
    size_t given = 0;
    for (;;) {
        given += give(&toy->at, *out_len > given ? out + given : out, *out_len - given);
        if (toy->at.held_len > 0 || taken == *in_len || toy->is_stuck) {
            break;
        }
        if (toy->fails_at > 0 && toy->at.taken + 1 == toy->fails_at) {
            return ESP_ERR_INVALID_RESPONSE;
        }
        take(&toy->at, in[taken++]);
    }
    *in_len = taken;
    *out_len = given;
    return ESP_OK;
}

static void hold_end(struct toy_state *at)
{
    at->has_ended = true;
    if (at->kind == TOY_TRAILER) {
        uint8_t sum[4] = {(uint8_t)at->sum, (uint8_t)(at->sum >> 8), (uint8_t)(at->sum >> 16),
                          (uint8_t)(at->sum >> 24)};
        hold(at, sum, 4);
    } else if (at->block_len > 0) {
        hold_block_backwards(at);
    }
}

static esp_err_t toy_finish(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    struct toy *toy = (struct toy *)stage;
    size_t given = give(&toy->at, out, *out_len);
    if (!toy->at.has_ended && toy->at.held_len == 0) {
        hold_end(&toy->at);
    }
    given += give(&toy->at, *out_len > given ? out + given : out, *out_len - given);
    *out_len = given;
    *is_done = toy->at.has_ended && toy->at.held_len == 0;
    return toy->finish_result;
}

static esp_err_t toy_save(const struct ota_stage *stage, uint8_t *state, size_t *state_len)
{
    const struct toy *toy = (const struct toy *)stage;
    memcpy(state, &toy->at, sizeof(toy->at));
    *state_len = sizeof(toy->at);
    return ESP_OK;
}

static esp_err_t toy_restore(struct ota_stage *stage, const uint8_t *state, size_t state_len)
{
    struct toy *toy = (struct toy *)stage;
    struct toy_state at;
    if (state_len != sizeof(at)) {
        return ESP_ERR_INVALID_ARG;
    }
    memcpy(&at, state, sizeof(at));
    if (at.kind != toy->at.kind) {
        return ESP_ERR_INVALID_ARG;
    }
    toy->at = at;
    return ESP_OK;
}

static void toy_destroy(struct ota_stage *stage)
{
    s_live--;
    free(stage);
}

static const struct ota_stage_ops TOY_OPS = {.name = "toy",
                                             .step = toy_step,
                                             .finish = toy_finish,
                                             .save = toy_save,
                                             .restore = toy_restore,
                                             .destroy = toy_destroy};
static const struct ota_stage_ops TOY_OPS_WITHOUT_SAVE = {
    .name = "toy", .step = toy_step, .finish = toy_finish, .destroy = toy_destroy};

static struct ota_stage *toy_create(enum toy_kind kind)
{
    struct toy *toy = calloc(1, sizeof(*toy));
    assert_non_null(toy);
    s_live++;
    toy->stage.ops = &TOY_OPS;
    toy->at.kind = kind;
    return &toy->stage;
}

static struct toy *toy_of(struct ota_chain *chain, size_t i)
{
    return (struct toy *)chain->stages[i];
}

// ---- Running ---------------------------------------------------------------------------------------

#define INPUT_LEN 700
#define OUT_MAX   (INPUT_LEN * 16 + 64)
#define ANY_LEN   (OTA_CHAIN_LINK_MIN * 3)

static uint8_t s_input[INPUT_LEN];
static uint8_t s_buffer[2048];

/** An array rather than a count in digits: digit i of code, base TOY_KIND_COUNT, is the kind of stage i. */
static void build(struct ota_chain *chain, unsigned code, size_t count, size_t buffer_len)
{
    struct ota_stage *stages[OTA_CHAIN_STAGES_MAX];
    for (size_t i = 0; i < count; i++, code /= TOY_KIND_COUNT) {
        stages[i] = toy_create((enum toy_kind)(code % TOY_KIND_COUNT));
    }
    assert_int_equal(ota_chain_init(chain, stages, count, s_buffer, buffer_len), ESP_OK);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/** Saves and goes on with another chain, if the chain can be saved now. */
static bool replace(struct ota_chain *chain, unsigned code, size_t buffer_len)
{
    uint8_t state[OTA_CHAIN_STATE_MAX];
    size_t len = 0;
    size_t count = chain->count;
    esp_err_t err = ota_chain_save(chain, state, &len);
    if (err != ESP_OK) {
        assert_int_equal(err, ESP_ERR_NOT_SUPPORTED);
        return false;
    }
    ota_chain_destroy(chain);
    build(chain, code, count, buffer_len);
    assert_int_equal(ota_chain_restore(chain, state, len), ESP_OK);
    return true;
}

/** Pieces up to most bytes on both sides; with replaces the chain is replaced wherever it can be saved. */
static size_t run(unsigned code, size_t count, size_t buffer_len, uint32_t seed, uint32_t most,
                  bool replaces, uint8_t *out)
{
    struct ota_chain chain;
    size_t at = 0;
    size_t len = 0;
    unsigned replaced = 0;
    build(&chain, code, count, buffer_len);
    while (at < INPUT_LEN) {
        size_t in_len = next_random(&seed) % (most + 1);
        size_t room = next_random(&seed) % (most + 1);
        in_len = in_len < INPUT_LEN - at ? in_len : INPUT_LEN - at;
        assert_int_equal(ota_chain_step(&chain, s_input + at, &in_len, out + len, &room), ESP_OK);
        at += in_len;
        len += room;
        if (replaces && next_random(&seed) % 2) { // half of the time with bytes between the stages
            in_len = 0;
            room = OUT_MAX - len;
            assert_int_equal(ota_chain_step(&chain, NULL, &in_len, out + len, &room), ESP_OK);
            len += room;
        }
        replaced += replaces && replace(&chain, code, buffer_len);
    }
    bool is_done = false;
    while (!is_done) {
        size_t room = next_random(&seed) % (most + 1);
        assert_int_equal(ota_chain_finish(&chain, out + len, &room, &is_done), ESP_OK);
        len += room;
        assert_true(len < OUT_MAX);
    }
    ota_chain_destroy(&chain);
    assert_true(!replaces || replaced > 0);
    return len;
}

// ---- Tests -----------------------------------------------------------------------------------------

static int fill_input(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (size_t i = 0; i < INPUT_LEN; i++) {
        s_input[i] = (uint8_t)next_random(&seed);
    }
    return 0;
}

static int check_all_destroyed(void **state)
{
    (void)state;
    return s_live == 0 ? 0 : -1;
}

static unsigned code_count(size_t count)
{
    unsigned codes = 1;
    for (size_t i = 0; i < count; i++) {
        codes *= TOY_KIND_COUNT;
    }
    return codes;
}

static void gives_the_same_for_all_piece_sizes_in_every_chain(void **state)
{
    (void)state;
    static uint8_t whole[OUT_MAX];
    static uint8_t pieces[OUT_MAX];
    static const uint32_t MOST[] = {1, 2, 17, 300};
    for (size_t count = 1; count <= OTA_CHAIN_STAGES_MAX; count++) {
        for (unsigned code = 0; code < code_count(count); code++) {
            size_t whole_len = run(code, count, sizeof(s_buffer), 1, OUT_MAX / 2, false, whole);
            for (size_t i = 0; i < sizeof(MOST) / sizeof(MOST[0]); i++) {
                size_t buffer_len = OTA_CHAIN_LINK_MIN * (count - 1) + i;
                size_t len = run(code, count, buffer_len, code + 1, MOST[i], false, pieces);
                assert_int_equal(len, whole_len);
                assert_memory_equal(pieces, whole, whole_len);
            }
        }
    }
}

static void goes_on_from_every_point_where_it_can_be_saved(void **state)
{
    (void)state;
    static uint8_t whole[OUT_MAX];
    static uint8_t pieces[OUT_MAX];
    for (size_t count = 1; count <= 3; count++) {
        for (unsigned code = 0; code < code_count(count); code++) {
            size_t whole_len = run(code, count, sizeof(s_buffer), 1, OUT_MAX / 2, false, whole);
            size_t len = run(code, count, ANY_LEN, code + 1, 90, true, pieces);
            assert_int_equal(len, whole_len);
            assert_memory_equal(pieces, whole, whole_len);
        }
    }
}

static void is_what_its_stages_do_one_after_the_other(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t out[64];
    size_t in_len = 4;
    size_t out_len = sizeof(out);
    size_t more = sizeof(out);
    bool is_done = false;
    build(&chain, TOY_DOUBLE + TOY_KIND_COUNT * TOY_REVERSE, 2, ANY_LEN);
    assert_int_equal(ota_chain_step(&chain, (const uint8_t *)"abcd", &in_len, out, &out_len),
                     ESP_OK);
    assert_int_equal(in_len, 4);
    assert_int_equal(out_len, 0); // fewer than a block
    assert_int_equal(ota_chain_finish(&chain, out, &more, &is_done), ESP_OK);
    assert_true(is_done);
    assert_int_equal(more, 8);
    const uint8_t expected[] = {'d' ^ 3, 'd', 'c' ^ 2, 'c', 'b' ^ 1, 'b', 'a', 'a'};
    assert_memory_equal(out, expected, sizeof(expected));
    ota_chain_destroy(&chain);
}

static void passes_an_error_up_and_keeps_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ota_chain chain;
        uint8_t out[OUT_MAX];
        uint8_t saved[OTA_CHAIN_STATE_MAX];
        size_t saved_len;
        size_t in_len = INPUT_LEN;
        size_t out_len = sizeof(out);
        bool is_done = true;
        build(&chain, TOY_TRAILER * 21, 3, ANY_LEN);
        toy_of(&chain, i)->fails_at = 100;
        assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len),
                         ESP_ERR_INVALID_RESPONSE);
        in_len = 1;
        out_len = 1;
        assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len),
                         ESP_ERR_INVALID_RESPONSE);
        assert_int_equal(in_len, 0);
        assert_int_equal(out_len, 0);
        assert_int_equal(ota_chain_finish(&chain, out, &out_len, &is_done),
                         ESP_ERR_INVALID_RESPONSE);
        assert_false(is_done);
        assert_int_equal(ota_chain_save(&chain, saved, &saved_len), ESP_ERR_INVALID_STATE);
        ota_chain_destroy(&chain);
    }
}

static void is_not_done_when_a_stage_fails_at_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ota_chain chain;
        uint8_t out[OUT_MAX];
        size_t in_len = INPUT_LEN;
        size_t out_len = sizeof(out);
        bool is_done = true;
        build(&chain, TOY_TRAILER * 21, 3, ANY_LEN);
        toy_of(&chain, i)->finish_result = ESP_ERR_INVALID_CRC;
        assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len), ESP_OK);
        out_len = sizeof(out);
        assert_int_equal(ota_chain_finish(&chain, out, &out_len, &is_done), ESP_ERR_INVALID_CRC);
        assert_false(is_done);
        ota_chain_destroy(&chain);
    }
}

static void notices_a_stage_that_neither_takes_nor_gives(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t out[8];
    size_t in_len = 8;
    size_t out_len = sizeof(out);
    build(&chain, TOY_TRAILER, 1, 0);
    toy_of(&chain, 0)->is_stuck = true;
    assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len),
                     ESP_ERR_INVALID_STATE);
    ota_chain_destroy(&chain);
}

static void takes_no_more_input_after_finish(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t out[8];
    size_t in_len = 1;
    size_t out_len = sizeof(out);
    bool is_done = false;
    build(&chain, TOY_DOUBLE, 1, 0);
    assert_int_equal(ota_chain_finish(&chain, out, &out_len, &is_done), ESP_OK);
    assert_true(is_done);
    out_len = sizeof(out);
    assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len),
                     ESP_ERR_INVALID_STATE);
    ota_chain_destroy(&chain);
}

static void refuses_wrong_counts_missing_stages_and_short_buffers(void **state)
{
    (void)state;
    struct ota_chain chain;
    struct ota_stage *stages[5] = {NULL};
    assert_int_equal(ota_chain_init(&chain, stages, 0, s_buffer, 64), ESP_ERR_INVALID_ARG);
    assert_int_equal(ota_chain_init(&chain, stages, 1, s_buffer, 64), ESP_ERR_INVALID_ARG);
    for (size_t i = 0; i < 5; i++) {
        stages[i] = toy_create(TOY_DOUBLE);
    }
    assert_int_equal(ota_chain_init(&chain, stages, 5, s_buffer, 2048), ESP_ERR_INVALID_ARG);
    assert_int_equal(ota_chain_init(&chain, stages, 2, NULL, 64), ESP_ERR_INVALID_SIZE);
    assert_int_equal(ota_chain_init(&chain, stages, 3, s_buffer, 31), ESP_ERR_INVALID_SIZE);
    assert_int_equal(ota_chain_init(&chain, stages, 3, s_buffer, 32), ESP_OK);
    ota_chain_destroy(&chain);
    ota_chain_destroy(&chain); // left alone
    toy_destroy(stages[3]);
    toy_destroy(stages[4]);
}

static void cannot_be_saved_when_one_stage_cannot(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t saved[OTA_CHAIN_STATE_MAX];
    size_t len;
    build(&chain, TOY_DOUBLE, 2, ANY_LEN);
    assert_true(ota_chain_can_save(&chain));
    toy_of(&chain, 1)->stage.ops = &TOY_OPS_WITHOUT_SAVE;
    assert_false(ota_chain_can_save(&chain));
    assert_int_equal(ota_chain_save(&chain, saved, &len), ESP_ERR_NOT_SUPPORTED);
    ota_chain_destroy(&chain);
}

static void cannot_be_saved_while_bytes_wait_between_stages(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t saved[OTA_CHAIN_STATE_MAX];
    uint8_t out[64];
    size_t len;
    size_t in_len = 8;
    size_t out_len = 2;
    build(&chain, TOY_DOUBLE + TOY_KIND_COUNT * TOY_DOUBLE, 2, ANY_LEN);
    assert_int_equal(ota_chain_step(&chain, s_input, &in_len, out, &out_len), ESP_OK);
    assert_int_equal(ota_chain_save(&chain, saved, &len), ESP_ERR_NOT_SUPPORTED);
    in_len = 0;
    out_len = sizeof(out);
    assert_int_equal(ota_chain_step(&chain, NULL, &in_len, out, &out_len), ESP_OK);
    assert_int_equal(ota_chain_save(&chain, saved, &len), ESP_OK);
    ota_chain_destroy(&chain);
}

static void refuses_states_of_other_chains_and_damaged_ones(void **state)
{
    (void)state;
    struct ota_chain chain;
    uint8_t saved[OTA_CHAIN_STATE_MAX + 1] = {0};
    size_t len;
    build(&chain, TOY_DOUBLE, 2, ANY_LEN);
    assert_int_equal(ota_chain_save(&chain, saved, &len), ESP_OK);
    for (size_t shorter = 0; shorter < len; shorter++) {
        assert_int_equal(ota_chain_restore(&chain, saved, shorter), ESP_ERR_INVALID_ARG);
    }
    assert_int_equal(ota_chain_restore(&chain, saved, len + 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(ota_chain_restore(&chain, saved, len), ESP_OK);
    ota_chain_destroy(&chain);
    build(&chain, TOY_DOUBLE, 1, 0);
    assert_int_equal(ota_chain_restore(&chain, saved, len), ESP_ERR_INVALID_ARG);
    ota_chain_destroy(&chain);
    build(&chain, TOY_HALVE, 2, ANY_LEN);
    assert_int_equal(ota_chain_restore(&chain, saved, len), ESP_ERR_INVALID_ARG);
    ota_chain_destroy(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_for_all_piece_sizes_in_every_chain),
        cmocka_unit_test(goes_on_from_every_point_where_it_can_be_saved),
        cmocka_unit_test(is_what_its_stages_do_one_after_the_other),
        cmocka_unit_test(passes_an_error_up_and_keeps_it),
        cmocka_unit_test(is_not_done_when_a_stage_fails_at_the_end),
        cmocka_unit_test(notices_a_stage_that_neither_takes_nor_gives),
        cmocka_unit_test(takes_no_more_input_after_finish),
        cmocka_unit_test(refuses_wrong_counts_missing_stages_and_short_buffers),
        cmocka_unit_test(cannot_be_saved_when_one_stage_cannot),
        cmocka_unit_test(cannot_be_saved_while_bytes_wait_between_stages),
        cmocka_unit_test(refuses_states_of_other_chains_and_damaged_ones),
    };
    return cmocka_run_group_tests(tests, fill_input, check_all_destroyed);
}
