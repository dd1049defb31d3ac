// Pairs of equal elements, in order and as many as there can be.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token_align.h"

#define LEN_MAX 60

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

// The classic table.
static uint32_t longest_common(const uint16_t *a, uint32_t a_len, const uint16_t *b, uint32_t b_len)
{
    static uint32_t table[LEN_MAX + 1][LEN_MAX + 1];
    memset(table, 0, sizeof(table));
    for (uint32_t i = 1; i <= a_len; i++) {
        for (uint32_t k = 1; k <= b_len; k++) {
            uint32_t skip = table[i - 1][k] > table[i][k - 1] ? table[i - 1][k] : table[i][k - 1];
            table[i][k] = a[i - 1] == b[k - 1] ? table[i - 1][k - 1] + 1 : skip;
        }
    }
    return table[a_len][b_len];
}

static uint32_t count_pairs(const uint16_t *a, uint32_t a_len, const uint16_t *b, uint32_t b_len)
{
    uint32_t pairs[LEN_MAX];
    uint32_t count = 0;
    uint32_t next = 0;
    assert_int_equal(token_align(a, a_len, b, b_len, pairs), ESP_OK);
    for (uint32_t i = 0; i < b_len; i++) {
        if (pairs[i] != TOKEN_ALIGN_NONE) {
            assert_in_range(pairs[i], next, a_len - 1);
            assert_int_equal(a[pairs[i]], b[i]);
            next = pairs[i] + 1;
            count++;
        }
    }
    return count;
}

static void pairs_are_equal_in_order_and_as_many_as_can_be(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int round = 0; round < 3000; round++) {
        uint16_t a[LEN_MAX];
        uint16_t b[LEN_MAX];
        uint32_t a_len = next_random(&seed) % LEN_MAX;
        uint32_t b_len = next_random(&seed) % LEN_MAX;
        uint32_t values = 1 + next_random(&seed) % 12;
        for (uint32_t i = 0; i < LEN_MAX; i++) {
            a[i] = (uint16_t)(next_random(&seed) % values);
            b[i] = (uint16_t)(next_random(&seed) % values);
        }
        assert_int_equal(count_pairs(a, a_len, b, b_len), longest_common(a, a_len, b, b_len));
    }
}

static void sequences_with_nothing_in_common_have_no_pairs(void **state)
{
    (void)state;
    const uint16_t a[] = {1, 2, 3};
    const uint16_t b[] = {4, 5};
    assert_int_equal(count_pairs(a, 3, b, 2), 0);
    assert_int_equal(count_pairs(a, 0, b, 2), 0);
    assert_int_equal(count_pairs(a, 3, b, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_equal_in_order_and_as_many_as_can_be),
        cmocka_unit_test(sequences_with_nothing_in_common_have_no_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
