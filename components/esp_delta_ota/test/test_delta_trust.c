// The check in front of the decoder: what reaches the stage behind it, and when. Signatures that are right are tested with the
// program (tests/cli/test_delta_sign.py, tests/update/test_release_update.py); here the digest of the whole file speaks.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_ops.h"
#include "esp_delta_trust.h"
#include "esp_log.h"

#define BODY_LEN 500
#define FILE_LEN (ESP_DELTA_PATCH_HEADER_LEN + BODY_LEN)

// A stage that notes what it is given, takes at most 7 bytes at once and gives each byte twice.
struct noting_stage {
    struct ota_stage stage;
    size_t seen;
    uint8_t bytes[FILE_LEN + 64];
    bool has_finished;
};

static bool s_is_destroyed;

static esp_err_t note(struct ota_stage *stage, const uint8_t *in, size_t *in_len, uint8_t *out,
                      size_t *out_len)
{
    struct noting_stage *self = (struct noting_stage *)stage;
    size_t len = *in_len < 7 ? *in_len : 7;
    len = len < *out_len / 2 ? len : *out_len / 2;
    for (size_t i = 0; i < len; i++) {
        self->bytes[self->seen++] = in[i];
        out[2 * i] = out[2 * i + 1] = in[i];
    }
    *in_len = len;
    *out_len = 2 * len;
    return ESP_OK;
}

static esp_err_t note_end(struct ota_stage *stage, uint8_t *out, size_t *out_len, bool *is_done)
{
    (void)out;
    ((struct noting_stage *)stage)->has_finished = true;
    *out_len = 0;
    *is_done = true;
    return ESP_OK;
}

static void note_destroy(struct ota_stage *stage)
{
    s_is_destroyed = true;
    free(stage);
}

static const struct ota_stage_ops noting_ops = {
    .name = "noting", .step = note, .finish = note_end, .destroy = note_destroy};

struct fixture {
    uint8_t file[FILE_LEN];
    uint8_t sha256[CRYPTO_SHA256_LEN];
    struct noting_stage *inner;
    struct ota_stage *stage;
};

static struct esp_delta_patch header(void)
{
    return (struct esp_delta_patch){.ram_class = ESP_DELTA_64K,
                                    .chip_id = ESP_DELTA_PATCH_NO_CHIP,
                                    .new_size = 10,
                                    .body_size = BODY_LEN,
                                    .pool_len = 16,
                                    .inputs = 1};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct esp_delta_patch patch = header();
    struct crypto_hash hash;
    esp_log_level_set("*", ESP_LOG_NONE);
    esp_delta_patch_encode(&patch, f->file);
    memset(f->file + ESP_DELTA_PATCH_HEADER_LEN, 0xA5, BODY_LEN);
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, f->file, FILE_LEN);
    esp_crypto.sha256_end(&hash, f->sha256);
    s_is_destroyed = false;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->stage) {
        f->stage->ops->destroy(f->stage);
        assert_true(s_is_destroyed);
    }
    free(f);
    return 0;
}

static void create(struct fixture *f, const struct esp_delta_trust *trust)
{
    f->inner = calloc(1, sizeof(*f->inner));
    f->inner->stage.ops = &noting_ops;
    assert_int_equal(esp_delta_trust_stage_create(&f->inner->stage, trust, &f->stage), ESP_OK);
}

// Feeds the file in pieces. @return what the first failing step or finish said
static esp_err_t run(struct fixture *f, size_t len, size_t piece)
{
    uint8_t out[64];
    for (size_t at = 0; at < len;) {
        size_t in_len = len - at < piece ? len - at : piece;
        size_t out_len = sizeof(out);
        esp_err_t err = f->stage->ops->step(f->stage, f->file + at, &in_len, out, &out_len);
        if (err != ESP_OK) {
            return err;
        }
        assert_true(in_len > 0 || out_len > 0); // never stuck with input and room
        at += in_len;
    }
    for (bool is_done = false; !is_done;) {
        size_t out_len = sizeof(out);
        esp_err_t err = f->stage->ops->finish(f->stage, out, &out_len, &is_done);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

static void all_bytes_reach_the_stage_behind_it_however_they_are_cut(void **state)
{
    for (size_t piece = 1; piece <= FILE_LEN; piece += 61) {
        struct fixture *f = *state;
        for (uint32_t hold = 0; hold <= 1 << 16; hold += 1 << 16) {
            create(f, &(struct esp_delta_trust){.sha256 = f->sha256, .hold_max = hold});
            assert_int_equal(run(f, FILE_LEN, piece), ESP_OK);
            assert_int_equal(f->inner->seen, FILE_LEN);
            assert_memory_equal(f->inner->bytes, f->file, FILE_LEN);
            assert_true(f->inner->has_finished);
            f->stage->ops->destroy(f->stage);
            f->stage = NULL;
        }
    }
}

static void of_an_altered_file_that_is_held_nothing_reaches_it(void **state)
{
    struct fixture *f = *state;
    for (size_t at = 64; at < FILE_LEN; at += 31) {
        f->file[at] ^= 1;
        create(f, &(struct esp_delta_trust){.sha256 = f->sha256, .hold_max = FILE_LEN});
        assert_int_equal(run(f, FILE_LEN, 100), ESP_ERR_INVALID_CRC);
        assert_int_equal(f->inner->seen, 0);
        f->stage->ops->destroy(f->stage);
        f->stage = NULL;
        f->file[at] ^= 1;
    }
}

static void an_altered_file_that_is_too_long_to_hold_is_refused_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct esp_delta_patch patch = header();
    static uint8_t body[5000];
    struct crypto_hash hash;
    uint8_t out[64];
    esp_err_t err = ESP_OK;
    patch.body_size = sizeof(body);
    esp_delta_patch_encode(&patch, f->file);
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, f->file, ESP_DELTA_PATCH_HEADER_LEN);
    esp_crypto.sha256_write(&hash, body, sizeof(body));
    esp_crypto.sha256_end(&hash, f->sha256);
    create(f, &(struct esp_delta_trust){.sha256 = f->sha256});
    f->inner->stage.ops = &noting_ops;
    body[4999] = 1;
    size_t in_len = ESP_DELTA_PATCH_HEADER_LEN;
    size_t out_len = 0;
    assert_int_equal(f->stage->ops->step(f->stage, f->file, &in_len, out, &out_len), ESP_OK);
    for (size_t at = 0; at < sizeof(body) && err == ESP_OK; at += in_len) {
        in_len = sizeof(body) - at;
        out_len = sizeof(out);
        f->inner->seen = 0; // there is less room in it than bytes to come
        err = f->stage->ops->step(f->stage, body + at, &in_len, out, &out_len);
    }
    assert_int_equal(err, ESP_ERR_INVALID_CRC);
}

static void a_file_that_ends_early_is_not_finished_and_bytes_behind_it_are_refused(void **state)
{
    struct fixture *f = *state;
    create(f, &(struct esp_delta_trust){.sha256 = f->sha256, .hold_max = FILE_LEN});
    assert_int_equal(run(f, FILE_LEN - 1, 100), ESP_ERR_NOT_FINISHED);
    assert_int_equal(f->inner->seen, 0);
    f->stage->ops->destroy(f->stage);
    create(f, &(struct esp_delta_trust){.sha256 = f->sha256, .hold_max = FILE_LEN});
    assert_int_equal(run(f, FILE_LEN, FILE_LEN), ESP_OK);
    uint8_t out[4];
    size_t in_len = 1;
    size_t out_len = sizeof(out);
    assert_int_equal(f->stage->ops->step(f->stage, f->file, &in_len, out, &out_len),
                     ESP_ERR_INVALID_CRC);
}

static void a_policy_refuses_what_is_not_signed_before_the_body(void **state)
{
    struct fixture *f = *state;
    struct signature_policy policy = {.trusted_count = 1};
    uint8_t out[64];
    size_t in_len = ESP_DELTA_PATCH_HEADER_LEN;
    size_t out_len = sizeof(out);
    create(f, &(struct esp_delta_trust){.policy = &policy, .hold_max = FILE_LEN});
    assert_int_equal(f->stage->ops->step(f->stage, f->file, &in_len, out, &out_len),
                     ESP_ERR_INVALID_CRC);
    assert_int_equal(f->inner->seen, 0);
}

static void an_extension_must_be_well_formed_and_end_with_its_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[56];
        uint32_t len;
        esp_err_t err;
        uint32_t count;
    } cases[] = {
        {"none", {0}, 0, ESP_OK, 0},
        {"of a later version", {9, 0, 2, 0, 1, 1}, 6, ESP_OK, 0},
        {"cut", {9, 0, 3, 0, 1, 1}, 6, ESP_ERR_INVALID_RESPONSE, 0},
        {"no head", {9, 0, 0}, 3, ESP_ERR_INVALID_RESPONSE, 0},
        {"reserved byte", {9, 1, 0, 0}, 4, ESP_ERR_INVALID_RESPONSE, 0},
        {"body digest", {1, 0, 32, 0}, 36, ESP_OK, 0},
        {"short body digest", {1, 0, 31, 0}, 35, ESP_ERR_INVALID_RESPONSE, 0},
        {"signature without body digest", {2, 0, 0, 0}, 4, ESP_ERR_INVALID_RESPONSE, 0},
        {"signature", {[0] = 1, [2] = 32, [36] = 2}, 40, ESP_OK, 1},
        {"three", {[0] = 1, [2] = 32, [36] = 2, [40] = 2, [44] = 2}, 48, ESP_OK, 3},
        {"four",
         {[0] = 1, [2] = 32, [36] = 2, [40] = 2, [44] = 2, [48] = 2},
         52,
         ESP_ERR_INVALID_RESPONSE,
         0},
        {"something behind",
         {[0] = 1, [2] = 32, [36] = 2, [40] = 9},
         44,
         ESP_ERR_INVALID_RESPONSE,
         0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t head[ESP_DELTA_PATCH_HEADER_LEN + 56];
        struct esp_delta_signature signature = {0};
        struct esp_delta_patch patch = header();
        patch.extension_len = cases[i].len;
        esp_delta_patch_encode(&patch, head);
        memcpy(head + ESP_DELTA_PATCH_HEADER_LEN, cases[i].bytes, cases[i].len);
        size_t len = ESP_DELTA_PATCH_HEADER_LEN + cases[i].len;
        esp_err_t err = esp_delta_signature_parse(head, len, &signature);
        if (err != cases[i].err || signature.count != cases[i].count) {
            fail_msg("%s: error %d, %u signatures", cases[i].name, err, (unsigned)signature.count);
        }
        if (signature.count > 0) {
            assert_int_equal(signature.signed_len, ESP_DELTA_PATCH_HEADER_LEN + 36);
        }
        if (cases[i].len > 0) {
            assert_int_equal(esp_delta_signature_parse(head, len - 1, &signature),
                             ESP_ERR_INVALID_SIZE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_bytes_reach_the_stage_behind_it_however_they_are_cut,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_an_altered_file_that_is_held_nothing_reaches_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            an_altered_file_that_is_too_long_to_hold_is_refused_at_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_file_that_ends_early_is_not_finished_and_bytes_behind_it_are_refused, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_policy_refuses_what_is_not_signed_before_the_body, set_up,
                                        tear_down),
        cmocka_unit_test(an_extension_must_be_well_formed_and_end_with_its_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
