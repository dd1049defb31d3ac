#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "esp_rom_crc.h"

static const uint8_t CHECK[] = "123456789";

static void gives_what_zlib_gives_from_0(void **state)
{
    (void)state;
    assert_int_equal(esp_rom_crc32_le(0, CHECK, 9), 0xCBF43926); // fact: CRC-32/ISO-HDLC's check
    assert_int_equal(esp_rom_crc32_le(0, NULL, 0), 0);
}

static void goes_on_from_its_own_result(void **state)
{
    (void)state;
    for (uint32_t len = 0; len <= 9; len++) {
        uint32_t crc = esp_rom_crc32_le(0, CHECK, len);
        assert_int_equal(esp_rom_crc32_le(crc, CHECK + len, 9 - len), 0xCBF43926);
    }
}

static void starts_at_0_when_given_ones(void **state)
{
    (void)state;
    static const uint8_t SEQ_1[] = {1, 0, 0, 0};
    assert_int_equal(esp_rom_crc32_le(UINT32_MAX, SEQ_1, 4),
                     0x4743989A); // fact: otadata of sequence 1
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_zlib_gives_from_0),
        cmocka_unit_test(goes_on_from_its_own_result),
        cmocka_unit_test(starts_at_0_when_given_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
