// The trust store holds its record through damage, and keys move as a rotation says.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "esp_log.h"
#include "nor_flash.h"
#include "trust_store.h"

#define STORE_AT 0x4000u

static esp_flash_t *s_chip;

static int open_chip(void **state)
{
    (void)state;
    return nor_flash_open_in_memory(0x10000, &s_chip) == ESP_OK ? 0 : -1;
}

static int close_chip(void **state)
{
    (void)state;
    nor_flash_close(s_chip);
    return 0;
}

static const uint8_t *key(uint8_t name)
{
    static uint8_t digests[256][SIGNATURE_KEY_DIGEST_LEN];
    memset(digests[name], name, SIGNATURE_KEY_DIGEST_LEN);
    return digests[name];
}

static struct trust_record record_of(const char *keys)
{
    struct trust_record record = {.flags = TRUST_STORE_FLAG_ROTATE, .threshold = 1};
    for (; *keys; keys++) {
        assert_int_equal(trust_record_add(&record, key((uint8_t)*keys)), ESP_OK);
    }
    return record;
}

static struct signature_result signed_by(const char *keys)
{
    struct signature_result result = {0};
    for (uint32_t i = 0; keys[i]; i++) {
        memcpy(result.key_digest[i], key((uint8_t)keys[i]), SIGNATURE_KEY_DIGEST_LEN);
        result.right |= (uint8_t)(1u << i);
    }
    return result;
}

static void assert_trusts(const struct trust_record *record, const char *keys)
{
    assert_int_equal(record->trusted_count, strlen(keys));
    for (; *keys; keys++) {
        assert_true(trust_record_trusts(record, key((uint8_t)*keys)));
    }
}

// ----------------------------------------------------------------------- records

static void an_empty_store_asks_for_nothing(void **state)
{
    (void)state;
    struct trust_record record;
    assert_int_equal(trust_store_read(s_chip, STORE_AT, &record), ESP_OK);
    assert_int_equal(record.sequence, 0);
    assert_int_equal(record.trusted_count + record.revoked_count + (int)record.flags, 0);
}

static void reads_what_was_written(void **state)
{
    (void)state;
    struct trust_record record = record_of("AB");
    struct trust_record back;
    trust_record_revoke(&record, key('Z'));
    record.min_len = 1000;
    record.max_len = 0x80000000u;
    record.threshold = 2;
    for (uint32_t sequence = 1; sequence < 5; sequence++) {
        assert_int_equal(trust_store_write(s_chip, STORE_AT, &record), ESP_OK);
        assert_int_equal(record.sequence, sequence);
        assert_int_equal(trust_store_read(s_chip, STORE_AT, &back), ESP_OK);
        assert_memory_equal(&back, &record, sizeof(back));
    }
}

static void every_changed_bit_makes_a_record_unusable(void **state)
{
    (void)state;
    uint8_t bytes[TRUST_RECORD_LEN];
    struct trust_record record = record_of("AB");
    struct trust_record back;
    record.sequence = 7;
    trust_record_encode(&record, bytes);
    assert_true(trust_record_parse(bytes, &back));
    for (uint32_t bit = 0; bit < 8 * TRUST_RECORD_LEN; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(trust_record_parse(bytes, &back));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_damaged_record_leaves_the_older_one_in_charge(void **state)
{
    (void)state;
    struct trust_record older = record_of("A");
    struct trust_record newer = record_of("B");
    struct trust_record back;
    const uint8_t zero = 0;
    assert_int_equal(trust_store_write(s_chip, STORE_AT, &older), ESP_OK);
    assert_int_equal(trust_store_write(s_chip, STORE_AT, &newer), ESP_OK);
    assert_int_equal(trust_store_read(s_chip, STORE_AT, &back), ESP_OK);
    assert_trusts(&back, "B");
    for (uint32_t sector = 0; sector < 2; sector++) {
        uint32_t sequence = 0;
        uint32_t at = STORE_AT + sector * TRUST_STORE_SECTOR_LEN;
        assert_int_equal(esp_flash_read(s_chip, &sequence, at + 8, 4), ESP_OK);
        if (sequence == newer.sequence) {
            assert_int_equal(esp_flash_write(s_chip, &zero, at + 40, 1), ESP_OK);
        }
    }
    assert_int_equal(trust_store_read(s_chip, STORE_AT, &back), ESP_OK);
    assert_trusts(&back, "A");
}

// ----------------------------------------------------------------------- keys

static void keys_rotate_from_a_over_both_to_b(void **state)
{
    (void)state;
    struct trust_record record = record_of("A");
    struct signature_result both = signed_by("AB");
    struct signature_result only_b = signed_by("B");
    assert_true(trust_record_rotate(&record, &both, false));
    assert_trusts(&record, "AB");
    assert_false(trust_record_rotate(&record, &both, false));
    assert_true(trust_record_rotate(&record, &only_b, false));
    assert_trusts(&record, "B");
    assert_true(trust_record_revokes(&record, key('A')));
    assert_false(trust_record_rotate(&record, &only_b, false));
}

static void an_older_image_that_runs_again_turns_nothing_back(void **state)
{
    (void)state;
    struct trust_record record = record_of("AB");
    struct signature_result only_a = signed_by("A");
    struct signature_result only_b = signed_by("B");
    assert_false(trust_record_rotate(&record, &only_a, true));
    assert_trusts(&record, "AB");
    assert_true(trust_record_rotate(&record, &only_b, true)); // a rotation that a cut interrupted
    assert_trusts(&record, "B");
}

static void a_revoked_key_does_not_come_back_by_rotation(void **state)
{
    (void)state;
    struct trust_record record = record_of("B");
    struct signature_result result = signed_by("AB");
    trust_record_revoke(&record, key('A'));
    assert_false(trust_record_rotate(&record, &result, false));
    assert_trusts(&record, "B");
    assert_int_equal(trust_record_add(&record, key('A')), ESP_ERR_INVALID_STATE);
}

static void rotation_never_leaves_fewer_keys_than_the_threshold(void **state)
{
    (void)state;
    struct trust_record record = record_of("AB");
    struct signature_result one = signed_by("A");
    record.threshold = 2;
    assert_false(trust_record_rotate(&record, &one, false));
    assert_trusts(&record, "AB");
}

static void keeps_eight_trusted_and_the_last_eight_revoked(void **state)
{
    (void)state;
    struct trust_record record = record_of("ABCDEFGH");
    assert_int_equal(trust_record_add(&record, key('A')), ESP_OK);
    assert_int_equal(trust_record_add(&record, key('I')), ESP_ERR_NO_MEM);
    for (int name = 'A'; name < 'A' + 9; name++) {
        trust_record_revoke(&record, key((uint8_t)name));
        trust_record_revoke(&record, key((uint8_t)name));
    }
    assert_trusts(&record, "");
    assert_int_equal(record.revoked_count, TRUST_KEY_MAX);
    assert_false(trust_record_revokes(&record, key('A')));
    assert_true(trust_record_revokes(&record, key('I')));
}

static void a_policy_tells_trusted_from_revoked(void **state)
{
    (void)state;
    struct trust_record record = record_of("AB");
    struct signature_policy policy = {.scheme = SIGNATURE_RSA};
    trust_record_revoke(&record, key('A'));
    record.threshold = 1;
    trust_record_to_policy(&record, &policy);
    assert_int_equal(policy.trusted_count, 2);
    assert_int_equal(policy.revoked, 2);
    assert_memory_equal(policy.trusted[0], key('B'), SIGNATURE_KEY_DIGEST_LEN);
    assert_memory_equal(policy.trusted[1], key('A'), SIGNATURE_KEY_DIGEST_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_asks_for_nothing, open_chip, close_chip),
        cmocka_unit_test_setup_teardown(reads_what_was_written, open_chip, close_chip),
        cmocka_unit_test(every_changed_bit_makes_a_record_unusable),
        cmocka_unit_test_setup_teardown(a_damaged_record_leaves_the_older_one_in_charge, open_chip,
                                        close_chip),
        cmocka_unit_test(keys_rotate_from_a_over_both_to_b),
        cmocka_unit_test(an_older_image_that_runs_again_turns_nothing_back),
        cmocka_unit_test(a_revoked_key_does_not_come_back_by_rotation),
        cmocka_unit_test(rotation_never_leaves_fewer_keys_than_the_threshold),
        cmocka_unit_test(keeps_eight_trusted_and_the_last_eight_revoked),
        cmocka_unit_test(a_policy_tells_trusted_from_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
