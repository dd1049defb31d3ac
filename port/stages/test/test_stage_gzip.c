#include "ota_stage_codecs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "stage_runner.h"

#define PLAIN_LEN  100000
#define PACKED_MAX (2 * PLAIN_LEN)

static uint8_t s_plain[PLAIN_LEN];
static uint8_t s_packed[PACKED_MAX];
static size_t s_packed_len;
static uint8_t s_out[3 * PLAIN_LEN];

/** Packs len bytes as one member. */
// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
static size_t pack(const uint8_t *in, size_t len, uint8_t *out, size_t capacity)
// NOLINTEND(readability-non-const-parameter)
{
    z_stream zlib = {.next_in = (z_const Bytef *)in,
                     .avail_in = (uInt)len,
                     .next_out = out,
                     .avail_out = (uInt)capacity};
    assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&zlib), Z_OK);
    return capacity - zlib.avail_out;
}

static int pack_plain(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (size_t i = 0; i < PLAIN_LEN; i++) { // half noise, half repetition
        seed = seed * 1664525u + 1013904223u;
        s_plain[i] = (uint8_t)(i / 1000 % 2 ? seed >> 24 : i / 100);
    }
    s_packed_len = pack(s_plain, PLAIN_LEN, s_packed, PACKED_MAX / 2);
    return 0;
}

static struct stage_result unpack(const uint8_t *in, size_t len, uint64_t max_output, uint32_t most)
{
    struct ota_stage *stage = ota_stage_gzip_create(max_output);
    assert_non_null(stage);
    return stage_run(stage, in, len, s_out, sizeof(s_out), most + 1, most);
}

#define assert_ends_with(result, error)                                                            \
    do {                                                                                           \
        assert_int_equal((result).err, error);                                                     \
        assert_int_equal((result).is_done, (error) == ESP_OK);                                     \
    } while (0)

static void unpacks_the_same_with_all_piece_sizes(void **state)
{
    (void)state;
    static const uint32_t MOST[] = {0, 1, 2, 3, 100, 5000, 70000};
    for (size_t i = 0; i < sizeof(MOST) / sizeof(MOST[0]); i++) {
        struct stage_result result = unpack(s_packed, s_packed_len, PLAIN_LEN, MOST[i]);
        assert_ends_with(result, ESP_OK);
        assert_int_equal(result.len, PLAIN_LEN);
        assert_memory_equal(s_out, s_plain, PLAIN_LEN);
    }
}

static void unpacks_members_one_after_the_other(void **state)
{
    (void)state;
    size_t len = pack(s_plain, 1000, s_packed + s_packed_len, 2000);
    len += pack(s_plain, 0, s_packed + s_packed_len + len, 100);
    for (uint32_t most = 0; most < 40; most++) {
        struct stage_result result =
            unpack(s_packed, s_packed_len + len, PLAIN_LEN + 1000, most ? most * 37 : 0);
        assert_ends_with(result, ESP_OK);
        assert_int_equal(result.len, PLAIN_LEN + 1000);
        assert_memory_equal(s_out + PLAIN_LEN, s_plain, 1000);
    }
}

static void ends_a_bomb_at_the_limit(void **state)
{
    (void)state;
    static const uint64_t LIMITS[] = {0, 1, 999, 4096, PLAIN_LEN - 1};
    for (size_t i = 0; i < sizeof(LIMITS) / sizeof(LIMITS[0]); i++) {
        for (uint32_t most = 0; most <= 5000; most += 2500) {
            struct stage_result result = unpack(s_packed, s_packed_len, LIMITS[i], most);
            assert_ends_with(result, ESP_ERR_INVALID_SIZE);
            assert_int_equal(result.len, LIMITS[i]);
            assert_memory_equal(s_out, s_plain, LIMITS[i]);
        }
    }
}

static void notices_every_truncation(void **state)
{
    (void)state;
    uint8_t packed[400];
    size_t len = pack(s_plain, 300, packed, sizeof(packed));
    for (size_t shorter = 0; shorter < len; shorter++) {
        assert_ends_with(unpack(packed, shorter, 300, 0), ESP_ERR_NOT_FINISHED);
        assert_ends_with(unpack(packed, shorter, 300, 3), ESP_ERR_NOT_FINISHED);
    }
    assert_ends_with(unpack(packed, len, 300, 0), ESP_OK);
}

static void notices_garbage_behind_the_end(void **state)
{
    (void)state;
    uint8_t packed[400];
    size_t len = pack(s_plain, 300, packed, sizeof(packed) - 4);
    memcpy(packed + len, "abc", 3);
    assert_ends_with(unpack(packed, len + 3, 300, 0), ESP_ERR_INVALID_RESPONSE);
    assert_ends_with(unpack(packed, len + 3, 300, 1), ESP_ERR_INVALID_RESPONSE);
    memset(packed + len, 0, 3); // differs: the gzip program ignores zeros behind the end
    assert_ends_with(unpack(packed, len + 3, 300, 0), ESP_ERR_INVALID_RESPONSE);
    packed[len] = 0x1F; // what could be another member, but ends
    assert_ends_with(unpack(packed, len + 1, 300, 0), ESP_ERR_NOT_FINISHED);
}

static void notices_a_wrong_checksum_and_a_wrong_length(void **state)
{
    (void)state;
    uint8_t packed[400];
    size_t len = pack(s_plain, 300, packed, sizeof(packed));
    packed[len - 8] ^= 1; // fact: RFC 1952, 2.3.1: CRC32, then ISIZE
    assert_ends_with(unpack(packed, len, 300, 0), ESP_ERR_INVALID_CRC);
    packed[len - 8] ^= 1;
    packed[len - 1] ^= 1;
    assert_ends_with(unpack(packed, len, 300, 0), ESP_ERR_INVALID_CRC);
}

static void refuses_what_is_not_gzip(void **state)
{
    (void)state;
    assert_ends_with(unpack(s_plain, 100, 300, 0), ESP_ERR_INVALID_RESPONSE);
    assert_ends_with(unpack((const uint8_t *)"\x78\x9C\x03\x00\x00\x00\x00\x01", 8, 300, 0),
                     ESP_ERR_INVALID_RESPONSE); // zlib's own header
    assert_ends_with(unpack(s_plain, 0, 300, 0), ESP_ERR_NOT_FINISHED);
}

static void cannot_be_saved(void **state)
{
    (void)state;
    struct ota_stage *stage = ota_stage_gzip_create(1);
    assert_null(stage->ops->save);
    stage->ops->destroy(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_the_same_with_all_piece_sizes),
        cmocka_unit_test(unpacks_members_one_after_the_other),
        cmocka_unit_test(ends_a_bomb_at_the_limit),
        cmocka_unit_test(notices_every_truncation),
        cmocka_unit_test(notices_garbage_behind_the_end),
        cmocka_unit_test(notices_a_wrong_checksum_and_a_wrong_length),
        cmocka_unit_test(refuses_what_is_not_gzip),
        cmocka_unit_test(cannot_be_saved),
    };
    return cmocka_run_group_tests(tests, pack_plain, NULL);
}
