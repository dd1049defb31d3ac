#include "ota_stage_detect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_kind(kind, ...)                                                                     \
    do {                                                                                           \
        const uint8_t bytes[] = {__VA_ARGS__};                                                     \
        assert_int_equal(ota_stage_detect(bytes, sizeof(bytes)), kind);                            \
    } while (0)

static void tells_each_kind_by_its_first_bytes(void **state)
{
    (void)state;
    assert_kind(OTA_STAGE_IMAGE, 0xE9, 0x02, 0x00, 0x00);
    assert_kind(OTA_STAGE_GZIP, 0x1F, 0x8B, 0x08, 0x00);
    assert_kind(OTA_STAGE_ZSTD, 0x28, 0xB5, 0x2F, 0xFD);
    assert_kind(OTA_STAGE_ENCRYPTED, 0xCF, 0xB6, 0x88, 0x07);
    assert_kind(OTA_STAGE_DELTA, 0xD5, 'O', 'T', 'D');
    assert_kind(OTA_STAGE_DELTA, 0x10, 0xDE, 0xCD, 0xFC);
}

static void does_not_know_what_only_begins_alike(void **state)
{
    (void)state;
    assert_kind(OTA_STAGE_UNKNOWN, 0x1F, 0x8B, 0x07, 0x00); // another method than deflate
    assert_kind(OTA_STAGE_UNKNOWN, 0x1F, 0x8B);
    assert_kind(OTA_STAGE_UNKNOWN, 0x28, 0xB5, 0x2F);
    assert_kind(OTA_STAGE_UNKNOWN, 0x28, 0xB5, 0x2F, 0xFC);
    assert_kind(OTA_STAGE_UNKNOWN, 0xCF, 0xB6, 0x88, 0x08);
    assert_kind(OTA_STAGE_UNKNOWN, 0x78, 0x9C, 0x00, 0x00); // zlib without gzip header
    assert_kind(OTA_STAGE_UNKNOWN, 0x50, 0x2A, 0x4D, 0x18); // a skippable frame
    assert_int_equal(ota_stage_detect((const uint8_t *)"", 0), OTA_STAGE_UNKNOWN);
    assert_int_equal(ota_stage_detect(NULL, 0), OTA_STAGE_UNKNOWN);
}

static void has_a_word_for_each_kind(void **state)
{
    (void)state;
    assert_string_equal(ota_stage_kind_name(OTA_STAGE_IMAGE), "image");
    assert_string_equal(ota_stage_kind_name(OTA_STAGE_GZIP), "gzip");
    assert_string_equal(ota_stage_kind_name(OTA_STAGE_ZSTD), "zstd");
    assert_string_equal(ota_stage_kind_name(OTA_STAGE_ENCRYPTED), "pre-encrypted");
    assert_string_equal(ota_stage_kind_name(OTA_STAGE_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_kind_by_its_first_bytes),
        cmocka_unit_test(does_not_know_what_only_begins_alike),
        cmocka_unit_test(has_a_word_for_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
