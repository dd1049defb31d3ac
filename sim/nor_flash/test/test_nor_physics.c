// Every fault of the physics is made to happen once, and counted.
#define _DEFAULT_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nor_physics.h"

#define SIZE   0x20000u
#define SECTOR 4096u

static struct nor_physics *s_chip;
static uint8_t s_blank[SIZE];

static int open_chip(void **state)
{
    (void)state;
    memset(s_blank, 0xFF, sizeof(s_blank));
    assert_int_equal(nor_physics_open(SIZE, &s_chip), ESP_OK);
    return 0;
}

static int close_chip(void **state)
{
    (void)state;
    nor_physics_close(s_chip);
    return 0;
}

// One life: data programmed at 0 (NULL: the first sector erased). Whether the power was cut in it.
static bool live(const void *data, uint32_t len)
{
    pid_t child = fork();
    if (child == 0) {
        nor_physics_power_on(s_chip);
        esp_err_t err = data ? s_chip->chip.ops->program(&s_chip->chip, data, 0, len)
                             : s_chip->chip.ops->erase(&s_chip->chip, 0, SECTOR);
        _exit(err == ESP_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == NOR_CUT_EXIT;
}

static void arm(enum nor_tear tear, uint32_t seed)
{
    nor_physics_restore(s_chip, s_blank);
    s_chip->shared->cuts[0] = (struct nor_cut){1, tear, seed};
    s_chip->shared->cut_count = 1;
}

static uint32_t count_zeros(const uint8_t *bytes, uint32_t len)
{
    uint32_t zeros = 0;
    for (uint32_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            zeros += !(bytes[i] >> bit & 1);
        }
    }
    return zeros;
}

static void a_cut_changes_only_pending_bits_of_its_own_range(void **state)
{
    (void)state;
    uint8_t data[512];
    for (uint32_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (int tear = 0; tear < NOR_TEAR_COUNT; tear++) {
        arm((enum nor_tear)tear, 3);
        assert_true(live(data, sizeof(data)));
        assert_int_equal(s_chip->shared->fired[NOR_FAULT_CUT], 1);
        for (uint32_t i = 0; i < sizeof(data); i++) {
            assert_int_equal(s_chip->cells[i] & data[i],
                             data[i]); // nothing that was to stay 1 fell
        }
        assert_memory_equal(s_chip->cells + sizeof(data), s_blank, SIZE - sizeof(data));
    }
}

static void the_tears_differ_in_how_much_is_done(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    uint32_t zeros[NOR_TEAR_COUNT];
    for (int tear = 0; tear < NOR_TEAR_COUNT; tear++) {
        arm((enum nor_tear)tear, 5);
        assert_true(live(data, sizeof(data)));
        zeros[tear] = count_zeros(s_chip->cells, SECTOR);
    }
    assert_int_equal(zeros[NOR_TEAR_BEFORE], 0);
    assert_int_equal(zeros[NOR_TEAR_AFTER], SECTOR * 8);
    assert_int_equal(zeros[NOR_TEAR_WEAK], SECTOR * 8); // so it looks
    assert_in_range(zeros[NOR_TEAR_FEW], 1, 64);
    assert_in_range(zeros[NOR_TEAR_NEARLY], SECTOR * 8 - 64, SECTOR * 8 - 1);
    assert_in_range(zeros[NOR_TEAR_BITS], SECTOR * 3, SECTOR * 5);
    assert_int_equal(zeros[NOR_TEAR_PREFIX] + zeros[NOR_TEAR_SUFFIX], SECTOR * 8); // the same split
}

static void the_same_seed_tears_alike_and_another_differently(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    uint8_t first[SECTOR];
    arm(NOR_TEAR_BITS, 8);
    assert_true(live(data, sizeof(data)));
    memcpy(first, s_chip->cells, SECTOR);
    arm(NOR_TEAR_BITS, 8);
    assert_true(live(data, sizeof(data)));
    assert_memory_equal(first, s_chip->cells, SECTOR);
    arm(NOR_TEAR_BITS, 9);
    assert_true(live(data, sizeof(data)));
    assert_memory_not_equal(first, s_chip->cells, SECTOR);
}

static void unstable_bits_read_differently_until_the_sector_is_erased(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    uint8_t first[SECTOR];
    uint8_t second[SECTOR];
    arm(NOR_TEAR_UNSTABLE, 1);
    assert_true(live(data, sizeof(data)));
    const struct flash_ops *ops = s_chip->chip.ops;
    assert_null(ops->map(&s_chip->chip, 0, SECTOR));
    assert_int_equal(ops->read(&s_chip->chip, first, 0, SECTOR), ESP_OK);
    assert_int_equal(ops->read(&s_chip->chip, second, 0, SECTOR), ESP_OK);
    assert_memory_not_equal(first, second, SECTOR);
    assert_int_equal(s_chip->shared->fired[NOR_FAULT_UNSTABLE_READ], 2);
    assert_int_equal(ops->erase(&s_chip->chip, 0, SECTOR), ESP_OK);
    assert_int_equal(ops->read(&s_chip->chip, first, 0, SECTOR), ESP_OK);
    assert_memory_equal(first, s_blank, SECTOR);
    assert_int_equal(s_chip->shared->fired[NOR_FAULT_UNSTABLE_READ], 2);
}

static void programming_again_makes_unstable_and_weak_bits_firm(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    static const enum nor_tear TEARS[] = {NOR_TEAR_UNSTABLE, NOR_TEAR_WEAK};
    for (size_t i = 0; i < 2; i++) {
        arm(TEARS[i], 1);
        assert_true(live(data, sizeof(data)));
        for (int life = 0; life < 6; life++) {
            assert_false(live(data, sizeof(data)));
            assert_memory_equal(s_chip->cells, data, SECTOR);
        }
        assert_int_equal(s_chip->shared->fired[NOR_FAULT_DECAY], 0);
    }
}

static void weak_bits_look_right_at_first_and_decay_within_five_power_ons(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    bool is_erase = false;
    do {
        arm(NOR_TEAR_WEAK, 4);
        if (is_erase) {
            memset(s_chip->cells, 0, SECTOR);
        }
        assert_true(live(is_erase ? NULL : data, sizeof(data)));
        assert_memory_equal(s_chip->cells, is_erase ? s_blank : data, SECTOR);
        nor_physics_power_on(s_chip);
        assert_memory_equal(s_chip->cells, is_erase ? s_blank : data, SECTOR);
        for (int i = 0; i < 4; i++) {
            nor_physics_power_on(s_chip);
        }
        assert_memory_not_equal(s_chip->cells, is_erase ? s_blank : data, SECTOR);
        assert_int_equal(s_chip->shared->fired[NOR_FAULT_DECAY], 1);
        is_erase = !is_erase;
    } while (is_erase);
}

static void what_was_not_synced_may_be_lost_by_a_cut(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    unsigned lost = 0;
    for (uint32_t seed = 0; seed < 16; seed++) {
        nor_physics_restore(s_chip, s_blank);
        s_chip->shared->has_cache = true;
        assert_false(live(data, sizeof(data)));
        s_chip->shared->cuts[0] = (struct nor_cut){2, NOR_TEAR_BEFORE, seed}; // the second of all
        s_chip->shared->cut_count = 1;
        assert_true(live(data, sizeof(data)));
        bool is_lost = memcmp(s_chip->cells, s_blank, SECTOR) == 0;
        assert_int_equal(s_chip->shared->fired[NOR_FAULT_LOST_CACHE], is_lost);
        lost += is_lost;
    }
    assert_in_range(lost, 1, 15);
}

static void what_was_not_synced_may_be_lost_between_operations_too(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    unsigned lost = 0;
    for (uint32_t seed = 0; seed < 16; seed++) {
        nor_physics_restore(s_chip, s_blank);
        s_chip->shared->has_cache = true;
        assert_false(live(data, sizeof(data)));
        nor_physics_power_off(s_chip, seed);
        lost += memcmp(s_chip->cells, s_blank, SECTOR) == 0;
    }
    assert_in_range(lost, 1, 15);
}

static void what_was_synced_stays(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    for (uint32_t seed = 0; seed < 16; seed++) {
        nor_physics_restore(s_chip, s_blank);
        s_chip->shared->has_cache = true;
        assert_false(live(data, sizeof(data)));
        assert_int_equal(s_chip->chip.ops->sync(&s_chip->chip), ESP_OK);
        s_chip->shared->cuts[0] = (struct nor_cut){2, NOR_TEAR_BEFORE, seed};
        s_chip->shared->cut_count = 1;
        assert_true(live(data, sizeof(data)));
        nor_physics_power_off(s_chip, seed);
        assert_memory_equal(s_chip->cells, data, SECTOR);
    }
}

static void only_writes_outside_of_what_is_writable_are_noted(void **state)
{
    (void)state;
    static const uint8_t data[SECTOR] = {0};
    nor_physics_restore(s_chip, s_blank);
    assert_false(live(data, sizeof(data)));
    assert_int_equal(s_chip->shared->trespass, 0);
    s_chip->shared->writable_count = 1;
    s_chip->shared->writable[0].to = SECTOR;
    assert_false(live(data, sizeof(data)));
    assert_int_equal(s_chip->shared->trespass, 0);
    s_chip->shared->writable[0].to = SECTOR - 1;
    assert_false(live(data, sizeof(data)));
    assert_int_not_equal(s_chip->shared->trespass, 0);
}

static void stuck_bits_bad_sectors_read_errors_and_wear_answer_as_set(void **state)
{
    (void)state;
    static const uint8_t data[16] = {0};
    const struct flash_ops *ops = s_chip->chip.ops;
    uint8_t back[16];
    nor_physics_restore(s_chip, s_blank);
    struct nor_shared *shared = s_chip->shared;
    shared->stuck[0].address = 3;
    shared->stuck[0].mask = 0x10;
    shared->stuck[0].value = 0x10;
    shared->stuck_count = 1;
    shared->bad_sectors[0] = SECTOR;
    shared->bad_sector_count = 1;
    shared->wear_limit = 2;
    shared->fail_read = 2;
    assert_int_equal(ops->program(&s_chip->chip, data, 0, 16), ESP_OK);
    assert_int_equal(ops->read(&s_chip->chip, back, 0, 16), ESP_OK);
    assert_int_equal(back[3], 0x10);
    assert_int_equal(ops->read(&s_chip->chip, back, 0, 16), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(ops->erase(&s_chip->chip, SECTOR, SECTOR), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(ops->erase(&s_chip->chip, 0, SECTOR), ESP_OK);
    assert_int_equal(ops->erase(&s_chip->chip, 0, SECTOR), ESP_OK);
    assert_int_equal(ops->erase(&s_chip->chip, 0, SECTOR), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(shared->fired[NOR_FAULT_STUCK], 1);
    assert_int_equal(shared->fired[NOR_FAULT_READ], 1);
    assert_int_equal(shared->fired[NOR_FAULT_BAD_SECTOR], 1);
    assert_int_equal(shared->fired[NOR_FAULT_WORN], 1);
}

static void refuses_to_raise_a_bit(void **state)
{
    (void)state;
    static const uint8_t zero = 0;
    static const uint8_t one = 1;
    nor_physics_restore(s_chip, s_blank);
    assert_int_equal(s_chip->chip.ops->program(&s_chip->chip, &zero, 9, 1), ESP_OK);
    assert_int_equal(s_chip->chip.ops->program(&s_chip->chip, &one, 9, 1), ESP_ERR_INVALID_STATE);
    assert_int_equal(s_chip->cells[9], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_changes_only_pending_bits_of_its_own_range),
        cmocka_unit_test(the_tears_differ_in_how_much_is_done),
        cmocka_unit_test(the_same_seed_tears_alike_and_another_differently),
        cmocka_unit_test(unstable_bits_read_differently_until_the_sector_is_erased),
        cmocka_unit_test(programming_again_makes_unstable_and_weak_bits_firm),
        cmocka_unit_test(weak_bits_look_right_at_first_and_decay_within_five_power_ons),
        cmocka_unit_test(what_was_not_synced_may_be_lost_by_a_cut),
        cmocka_unit_test(what_was_not_synced_may_be_lost_between_operations_too),
        cmocka_unit_test(what_was_synced_stays),
        cmocka_unit_test(only_writes_outside_of_what_is_writable_are_noted),
        cmocka_unit_test(stuck_bits_bad_sectors_read_errors_and_wear_answer_as_set),
        cmocka_unit_test(refuses_to_raise_a_bit),
    };
    return cmocka_run_group_tests(tests, open_chip, close_chip);
}
