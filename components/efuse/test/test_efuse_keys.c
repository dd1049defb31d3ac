// With eFuses in a file, as the simulator has them: what a cut leaves is what the file holds.
#include "efuse_keys.h"
#include "efuse_ops.h"
#include "esp_log.h"
#include "sim_efuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CUT_EXIT_CODE 77

static char s_folder[64];
static char s_file[80];
static uint8_t s_a[EFUSE_KEY_DIGEST_LEN];
static uint8_t s_b[EFUSE_KEY_DIGEST_LEN];

static void plug_in(esp_chip_id_t chip_id)
{
    const struct chip_identity chip = {.chip_id = chip_id};
    sim_efuse_close(efuse_default);
    unlink(s_file);
    assert_int_equal(sim_efuse_create(s_file, &chip), ESP_OK);
    assert_int_equal(sim_efuse_open(s_file, NULL, &efuse_default), ESP_OK);
}

static int start(void **state)
{
    (void)state;
    strcpy(s_folder, "/tmp/efuse_keys_XXXXXX");
    if (!mkdtemp(s_folder)) {
        return -1;
    }
    snprintf(s_file, sizeof(s_file), "%s/efuse.bin", s_folder);
    for (uint8_t i = 0; i < EFUSE_KEY_DIGEST_LEN; i++) {
        s_a[i] = (uint8_t)(i * 7 + 1);
        s_b[i] = (uint8_t)(i * 5 + 2);
    }
    plug_in(ESP_CHIP_ID_ESP32S3);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sim_efuse_close(efuse_default);
    efuse_default = NULL;
    unlink(s_file);
    rmdir(s_folder);
    return 0;
}

static struct efuse_key_slot slot(uint32_t index)
{
    struct efuse_key_slot found;
    assert_int_equal(efuse_key_read(index, &found), ESP_OK);
    return found;
}

static void a_digest_is_written_once_and_stays(void **state)
{
    (void)state;
    assert_false(slot(1).is_present);
    assert_int_equal(efuse_key_write(1, s_a), ESP_OK);
    assert_true(slot(1).is_present);
    assert_false(slot(1).is_revoked);
    assert_memory_equal(slot(1).digest, s_a, sizeof(s_a));
    assert_int_equal(efuse_key_write(1, s_a), ESP_OK);
    assert_int_equal(efuse_key_write(1, s_b), ESP_ERR_INVALID_STATE);
    assert_memory_equal(slot(1).digest, s_a, sizeof(s_a));
    assert_false(slot(0).is_present || slot(2).is_present);
}

static void a_present_digest_is_not_extended_to_another_that_has_its_bits(void **state)
{
    (void)state;
    uint8_t more[EFUSE_KEY_DIGEST_LEN];
    memset(more, 0xFF, sizeof(more));
    assert_int_equal(efuse_key_write(0, s_a), ESP_OK);
    assert_int_equal(efuse_key_write(0, more), ESP_ERR_INVALID_STATE);
    assert_memory_equal(slot(0).digest, s_a, sizeof(s_a));
}

static void a_digest_of_zeros_is_refused(void **state)
{
    (void)state;
    static const uint8_t ZEROS[EFUSE_KEY_DIGEST_LEN];
    assert_int_equal(efuse_key_write(0, ZEROS), ESP_ERR_INVALID_ARG);
    assert_false(slot(0).is_present);
}

static void a_revoked_slot_stays_so_and_takes_no_digest(void **state)
{
    (void)state;
    assert_int_equal(efuse_key_write(0, s_a), ESP_OK);
    assert_int_equal(efuse_key_revoke(0), ESP_OK);
    assert_int_equal(efuse_key_revoke(2), ESP_OK);
    assert_true(slot(0).is_revoked && slot(0).is_present);
    assert_false(slot(1).is_revoked);
    assert_int_equal(efuse_key_write(2, s_b), ESP_ERR_INVALID_STATE);
}

static void secure_boot_needs_a_trusted_key(void **state)
{
    (void)state;
    bool is_on = true;
    assert_int_equal(efuse_secure_boot_enable(), ESP_ERR_INVALID_STATE);
    assert_int_equal(efuse_key_write(0, s_a), ESP_OK);
    assert_int_equal(efuse_key_revoke(0), ESP_OK);
    assert_int_equal(efuse_secure_boot_enable(), ESP_ERR_INVALID_STATE);
    assert_int_equal(efuse_secure_boot_read(&is_on), ESP_OK);
    assert_false(is_on);
    assert_int_equal(efuse_key_write(1, s_b), ESP_OK);
    assert_int_equal(efuse_secure_boot_enable(), ESP_OK);
    assert_int_equal(efuse_secure_boot_read(&is_on), ESP_OK);
    assert_true(is_on);
}

static void esp32_has_one_slot_and_esp32c2_one_of_16_bytes_and_neither_revokes(void **state)
{
    (void)state;
    const struct {
        esp_chip_id_t chip_id;
        uint32_t len;
    } cases[] = {{ESP_CHIP_ID_ESP32, 32}, {ESP_CHIP_ID_ESP32C2, 16}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const uint8_t ZEROS[EFUSE_KEY_DIGEST_LEN];
        plug_in(cases[i].chip_id);
        assert_int_equal(efuse_key_slot_count(), 1);
        assert_false(efuse_key_can_revoke());
        assert_int_equal(efuse_key_write(1, s_a), ESP_ERR_INVALID_ARG);
        assert_int_equal(efuse_key_write(0, s_a), ESP_OK);
        assert_int_equal(slot(0).digest_len, cases[i].len);
        assert_memory_equal(slot(0).digest, s_a, cases[i].len);
        assert_memory_equal(slot(0).digest + cases[i].len, ZEROS, 32 - cases[i].len);
        assert_int_equal(efuse_key_revoke(0), ESP_ERR_NOT_SUPPORTED);
    }
}

static void without_efuses_there_are_no_slots(void **state)
{
    (void)state;
    struct efuse_key_slot found;
    bool is_on = true;
    struct efuse *kept = efuse_default;
    efuse_default = NULL;
    assert_int_equal(efuse_key_slot_count(), 0);
    assert_int_equal(efuse_key_read(0, &found), ESP_ERR_INVALID_ARG);
    assert_int_equal(efuse_secure_boot_enable(), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(efuse_secure_boot_read(&is_on), ESP_OK);
    assert_false(is_on);
    efuse_default = kept;
}

//---------------------------------------------------------------------------------------------- power cuts

static void end_at_zero(void *context, uint32_t offset, uint8_t value)
{
    unsigned *writes_left = context;
    (void)offset;
    (void)value;
    if ((*writes_left)-- == 0) {
        _exit(CUT_EXIT_CODE);
    }
}

/** Writes s_a to slot 0 in a process that loses power before write number `writes`. @return whether it did */
static bool write_with_cut(unsigned writes)
{
    pid_t child = fork();
    if (child == 0) {
        sim_efuse_observe(efuse_default, end_at_zero, &writes);
        _exit(efuse_key_write(0, s_a) == ESP_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) &&
                (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CUT_EXIT_CODE));
    return WEXITSTATUS(status) == CUT_EXIT_CODE;
}

static void a_cut_never_leaves_half_a_digest_that_is_trusted(void **state)
{
    (void)state;
    unsigned cuts = 0;
    for (unsigned writes = 0; write_with_cut(writes); writes++, cuts++) {
        assert_false(slot(0).is_present);
        assert_int_equal(slot(0).is_begun, writes > 0);
        assert_int_equal(efuse_secure_boot_enable(), ESP_ERR_INVALID_STATE);
        assert_int_equal(efuse_key_write(0, s_b), writes > 0 ? ESP_ERR_INVALID_STATE : ESP_OK);
        if (writes > 0) {
            assert_int_equal(efuse_key_write(0, s_a), ESP_OK);
            assert_memory_equal(slot(0).digest, s_a, sizeof(s_a));
            assert_true(slot(0).is_present && !slot(0).is_begun);
        }
        plug_in(ESP_CHIP_ID_ESP32S3);
    }
    assert_int_equal(cuts, EFUSE_KEY_DIGEST_LEN + 1);
}

int main(void)
{
    esp_log_level_set("*", ESP_LOG_NONE);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(a_digest_is_written_once_and_stays),
        TEST(a_present_digest_is_not_extended_to_another_that_has_its_bits),
        TEST(a_digest_of_zeros_is_refused),
        TEST(a_revoked_slot_stays_so_and_takes_no_digest),
        TEST(secure_boot_needs_a_trusted_key),
        TEST(esp32_has_one_slot_and_esp32c2_one_of_16_bytes_and_neither_revokes),
        TEST(without_efuses_there_are_no_slots),
        TEST(a_cut_never_leaves_half_a_digest_that_is_trusted),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
