// Signature records: what they accept, of every scheme, and that nothing else is.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "signature_record.h"
#include "signer.h"

#define MESSAGE_LEN                                                                                \
    4096u // a whole sector, so that signer_append() signs these bytes and no padding

struct signed_message {
    uint8_t bytes[MESSAGE_LEN + 8192];
    uint8_t record[SIGNATURE_RECORD_MAX];
    struct signature_record view;
    struct signature_policy policy; // trusts the signer
};

static void make(struct signed_message *out, enum signature_scheme scheme)
{
    struct signer *signer = signer_create(scheme);
    struct signature_block block;
    memset(out, 0, sizeof(*out));
    memset(out->bytes, 0x5A, MESSAGE_LEN);
    assert_int_equal(signer_append(&signer, 1, out->bytes, MESSAGE_LEN), MESSAGE_LEN + 4096);
    assert_int_equal(signature_block_parse(out->bytes + MESSAGE_LEN, scheme, &block),
                     SIGNATURE_BLOCK_OK);
    signature_record_encode(&block, out->record);
    out->view = (struct signature_record){out->record, signature_record_len(scheme)};
    out->policy.trusted_count = 1;
    signer_key_digest(signer, out->policy.trusted[0]);
    signer_free(signer);
}

static enum image_fault judge(const struct signed_message *m)
{
    return signature_record_verify(m->bytes, MESSAGE_LEN, &m->view, 1, &m->policy);
}

static void a_signature_of_every_scheme_is_accepted_and_its_key_told(void **state)
{
    (void)state;
    for (int scheme = SIGNATURE_RSA; scheme < SIGNATURE_SCHEME_COUNT; scheme++) {
        struct signed_message m;
        struct signature_record_verdict verdict;
        make(&m, (enum signature_scheme)scheme);
        assert_int_equal(judge(&m), IMAGE_OK);
        signature_record_judge(m.bytes, MESSAGE_LEN, &m.view, &verdict);
        assert_int_equal(verdict.scheme, scheme);
        assert_true(verdict.is_right);
        assert_memory_equal(verdict.key_digest, m.policy.trusted[0], SIGNATURE_KEY_DIGEST_LEN);
    }
}

static void every_flipped_bit_of_a_record_is_refused(void **state)
{
    (void)state;
    struct signed_message m;
    make(&m, SIGNATURE_P256);
    for (size_t i = 0; i < m.view.len; i++) {
        m.record[i] ^= 0x04;
        assert_int_not_equal(judge(&m), IMAGE_OK);
        m.record[i] ^= 0x04;
    }
    assert_int_equal(judge(&m), IMAGE_OK);
}

static void another_length_is_damaged(void **state)
{
    (void)state;
    struct signed_message m;
    make(&m, SIGNATURE_P384);
    for (size_t len = 0; len < signature_record_len(SIGNATURE_P384); len++) {
        m.view.len = len;
        assert_int_equal(judge(&m), IMAGE_SIGNATURE_DAMAGED);
    }
}

static void an_altered_message_is_told_from_an_unknown_key(void **state)
{
    (void)state;
    struct signed_message m;
    make(&m, SIGNATURE_P256);
    m.bytes[MESSAGE_LEN - 1] ^= 1;
    assert_int_equal(judge(&m), IMAGE_SIGNATURE_WRONG);
    m.bytes[MESSAGE_LEN - 1] ^= 1;
    m.policy.trusted[0][31] ^= 1;
    assert_int_equal(judge(&m), IMAGE_SIGNATURE_UNTRUSTED);
    m.policy.digest_len = 16;
    assert_int_equal(judge(&m), IMAGE_OK);
}

static void without_records_or_keys_nothing_is_accepted(void **state)
{
    (void)state;
    struct signed_message m;
    make(&m, SIGNATURE_P256);
    assert_int_equal(signature_record_verify(m.bytes, MESSAGE_LEN, &m.view, 0, &m.policy),
                     IMAGE_SIGNATURE_MISSING);
    m.policy.revoked = 1;
    assert_int_equal(judge(&m), IMAGE_SIGNATURE_REVOKED);
    m.policy.trusted_count = 0;
    assert_int_not_equal(judge(&m), IMAGE_OK);
    assert_int_equal(signature_record_verify(m.bytes, MESSAGE_LEN, &m.view, 0, &m.policy),
                     IMAGE_SIGNATURE_NO_KEYS);
}

static void one_key_that_signs_twice_counts_once(void **state)
{
    (void)state;
    struct signed_message a;
    struct signed_message b;
    make(&a, SIGNATURE_P256);
    make(&b, SIGNATURE_P384);
    struct signature_record twice[2] = {a.view, a.view};
    struct signature_record both[2] = {a.view, b.view};
    a.policy.trusted_count = 2;
    memcpy(a.policy.trusted[1], b.policy.trusted[0], SIGNATURE_KEY_DIGEST_LEN);
    a.policy.threshold = 2;
    assert_int_equal(signature_record_verify(a.bytes, MESSAGE_LEN, twice, 2, &a.policy),
                     IMAGE_SIGNATURE_TOO_FEW);
    assert_int_equal(signature_record_verify(a.bytes, MESSAGE_LEN, both, 2, &a.policy), IMAGE_OK);
    a.policy.threshold = 0;
    assert_int_equal(signature_record_verify(a.bytes, MESSAGE_LEN, twice, 2, &a.policy), IMAGE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_of_every_scheme_is_accepted_and_its_key_told),
        cmocka_unit_test(every_flipped_bit_of_a_record_is_refused),
        cmocka_unit_test(another_length_is_damaged),
        cmocka_unit_test(an_altered_message_is_told_from_an_unknown_key),
        cmocka_unit_test(without_records_or_keys_nothing_is_accepted),
        cmocka_unit_test(one_key_that_signs_twice_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
