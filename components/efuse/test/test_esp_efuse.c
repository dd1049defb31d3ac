// With a chip of two fields in memory.
#include "efuse_ops.h"
#include "esp_efuse.h"
#include "esp_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fake_efuse {
    struct efuse base;
    uint32_t bits[EFUSE_FIELD_COUNT]; // fields of at most 32 bits
    uint32_t widths[EFUSE_FIELD_COUNT];
    esp_err_t read_result;
    esp_err_t burn_result;
    unsigned burn_count;
    uint32_t defective; // bits of every field that burning leaves as they are
};

static uint32_t fake_bit_count(const struct efuse *efuse, enum efuse_field field)
{
    return ((const struct fake_efuse *)efuse)->widths[field];
}

static esp_err_t fake_read(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    struct fake_efuse *fake = (struct fake_efuse *)efuse;
    for (uint32_t i = 0; i < EFUSE_FIELD_BYTES(fake->widths[field]); i++) {
        bits[i] = (uint8_t)(fake->bits[field] >> i * 8);
    }
    return fake->read_result;
}

static esp_err_t fake_burn(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    struct fake_efuse *fake = (struct fake_efuse *)efuse;
    fake->burn_count++;
    if (fake->burn_result == ESP_OK) {
        for (uint32_t i = 0; i < EFUSE_FIELD_BYTES(fake->widths[field]); i++) {
            fake->bits[field] |= (uint32_t)bits[i] << i * 8 & ~fake->defective;
        }
    }
    return fake->burn_result;
}

static const struct efuse_ops FAKE_OPS = {
    .bit_count = fake_bit_count, .read = fake_read, .burn = fake_burn};
static struct fake_efuse s_fake;

static int plug_in(void **state)
{
    (void)state;
    s_fake = (struct fake_efuse){.base.ops = &FAKE_OPS, .widths = {16, 12}};
    efuse_default = &s_fake.base;
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    efuse_default = NULL;
    return 0;
}

static void an_odd_number_of_bits_says_that_flash_is_encrypted(void **state)
{
    (void)state;
    assert_false(esp_efuse_is_flash_encryption_enabled());
    s_fake.widths[EFUSE_FLASH_CRYPT_CNT] = 3;
    for (uint32_t bits = 0; bits < 8; bits++) {
        s_fake.bits[EFUSE_FLASH_CRYPT_CNT] = bits;
        bool is_odd = (bits ^ bits >> 1 ^ bits >> 2) & 1;
        assert_int_equal(esp_efuse_is_flash_encryption_enabled(), is_odd);
    }
}

static void the_secure_version_is_the_number_of_bits(void **state)
{
    (void)state;
    s_fake.bits[EFUSE_SECURE_VERSION] = 0x8005;
    assert_int_equal(esp_efuse_read_secure_version(), 3);
    assert_true(esp_efuse_check_secure_version(3));
    assert_true(esp_efuse_check_secure_version(4));
    assert_false(esp_efuse_check_secure_version(2));
}

static void raising_sets_the_lowest_free_bits(void **state)
{
    (void)state;
    assert_int_equal(esp_efuse_update_secure_version(2), ESP_OK);
    assert_int_equal(s_fake.bits[EFUSE_SECURE_VERSION], 0x3);
    s_fake.bits[EFUSE_SECURE_VERSION] = 0x8005;
    assert_int_equal(esp_efuse_update_secure_version(5), ESP_OK);
    assert_int_equal(s_fake.bits[EFUSE_SECURE_VERSION], 0x800F);
}

static void the_version_is_never_lowered_and_burnt_only_when_it_rises(void **state)
{
    (void)state;
    s_fake.bits[EFUSE_SECURE_VERSION] = 0x7;
    assert_int_equal(esp_efuse_update_secure_version(3), ESP_OK);
    assert_int_equal(esp_efuse_update_secure_version(0), ESP_OK);
    assert_int_equal(s_fake.burn_count, 0);
    assert_int_equal(esp_efuse_update_secure_version(17), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_efuse_update_secure_version(16), ESP_OK);
    assert_int_equal(esp_efuse_read_secure_version(), 16);
}

static void a_full_word_is_a_version_too(void **state)
{
    (void)state;
    s_fake.widths[EFUSE_SECURE_VERSION] = 32;
    assert_int_equal(esp_efuse_update_secure_version(32), ESP_OK);
    assert_int_equal(esp_efuse_read_secure_version(), 32);
    assert_int_equal(esp_efuse_update_secure_version(33), ESP_ERR_INVALID_ARG);
}

static void nothing_is_new_enough_when_the_fuses_cannot_be_read(void **state)
{
    (void)state;
    s_fake.read_result = ESP_FAIL;
    assert_false(esp_efuse_check_secure_version(UINT32_MAX));
    assert_int_equal(esp_efuse_update_secure_version(1), ESP_FAIL);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x1000), ESP_FAIL);
}

static void a_burn_that_fails_is_reported(void **state)
{
    (void)state;
    s_fake.burn_result = ESP_FAIL;
    assert_int_equal(esp_efuse_update_secure_version(1), ESP_FAIL);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x1000), ESP_FAIL);
}

static void a_fuse_that_does_not_read_back_is_reported(void **state)
{
    (void)state;
    s_fake.defective = 1u << 1;
    s_fake.widths[EFUSE_KEY_PRESENT] = s_fake.widths[EFUSE_KEY_REVOKED] = 3;
    assert_int_equal(esp_efuse_update_secure_version(3), ESP_FAIL);
    assert_int_equal(esp_efuse_set_digest_revoke(1), ESP_FAIL);
    assert_int_equal(esp_efuse_set_digest_revoke(2), ESP_OK);
}

static void a_device_without_fuses_has_version_zero(void **state)
{
    (void)state;
    efuse_default = NULL;
    assert_int_equal(esp_efuse_read_secure_version(), 0);
    assert_true(esp_efuse_check_secure_version(0));
    assert_int_equal(esp_efuse_update_secure_version(0), ESP_OK);
    assert_int_equal(esp_efuse_update_secure_version(1), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x1000), ESP_ERR_NOT_SUPPORTED);
    assert_false(esp_efuse_is_flash_encryption_enabled());
}

static void versions_are_counted_with_as_many_bits_as_the_firmware_takes(void **state)
{
    (void)state;
    efuse_secure_version_bits = 4;
    s_fake.bits[EFUSE_SECURE_VERSION] = 0xFF10; // above the four bits: somebody else's
    assert_int_equal(efuse_secure_version_max(), 4);
    assert_int_equal(esp_efuse_read_secure_version(), 0);
    assert_int_equal(esp_efuse_update_secure_version(5), ESP_ERR_INVALID_ARG);
    assert_int_equal(s_fake.burn_count, 0);
    assert_int_equal(esp_efuse_update_secure_version(4), ESP_OK);
    assert_int_equal(s_fake.bits[EFUSE_SECURE_VERSION], 0xFF1F);
    assert_int_equal(esp_efuse_read_secure_version(), 4);
    efuse_secure_version_bits = 17; // the chip has 16
    assert_int_equal(efuse_secure_version_max(), 16);
    efuse_secure_version_bits = 0;
    assert_int_equal(efuse_secure_version_max(), 16);
}

static void keys_are_revoked_by_esp_idfs_names_too(void **state)
{
    (void)state;
    s_fake.widths[EFUSE_KEY_PRESENT] = s_fake.widths[EFUSE_KEY_REVOKED] = 3;
    assert_false(esp_efuse_get_digest_revoke(1));
    assert_int_equal(esp_efuse_set_digest_revoke(1), ESP_OK);
    assert_true(esp_efuse_get_digest_revoke(1));
    assert_false(esp_efuse_get_digest_revoke(2));
    assert_int_equal(esp_efuse_set_digest_revoke(3), ESP_ERR_INVALID_ARG);
    s_fake.read_result = ESP_FAIL;
    assert_true(esp_efuse_get_digest_revoke(2));
}

static void the_recovery_offset_is_set_once(void **state)
{
    (void)state;
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x3F0000), ESP_OK);
    assert_int_equal(s_fake.bits[EFUSE_RECOVERY_SECTOR], 0x3F0);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x3F0000), ESP_OK);
    assert_int_equal(s_fake.burn_count, 1);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x3E0000), ESP_FAIL);
    s_fake.bits[EFUSE_RECOVERY_SECTOR] = 0xFFF;
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x3F0000), ESP_ERR_NOT_ALLOWED);
}

static void only_sectors_of_the_field_can_be_recovery_offsets(void **state)
{
    (void)state;
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x1001), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0xFFF000), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0x1000000), ESP_ERR_INVALID_ARG);
    assert_int_equal(s_fake.burn_count, 0);
    assert_int_equal(esp_efuse_set_recovery_bootloader_offset(0xFFE000), ESP_OK);
}

int main(void)
{
    esp_log_level_set("*", ESP_LOG_NONE);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug_in, unplug)
        TEST(an_odd_number_of_bits_says_that_flash_is_encrypted),
        TEST(the_secure_version_is_the_number_of_bits),
        TEST(raising_sets_the_lowest_free_bits),
        TEST(the_version_is_never_lowered_and_burnt_only_when_it_rises),
        TEST(a_full_word_is_a_version_too),
        TEST(nothing_is_new_enough_when_the_fuses_cannot_be_read),
        TEST(a_burn_that_fails_is_reported),
        TEST(a_fuse_that_does_not_read_back_is_reported),
        TEST(a_device_without_fuses_has_version_zero),
        TEST(versions_are_counted_with_as_many_bits_as_the_firmware_takes),
        TEST(keys_are_revoked_by_esp_idfs_names_too),
        TEST(the_recovery_offset_is_set_once),
        TEST(only_sectors_of_the_field_can_be_recovery_offsets),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
