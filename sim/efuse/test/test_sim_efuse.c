#include "esp_efuse.h"
#include "esp_log.h"
#include "sim_efuse.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CUT_EXIT_CODE 77

struct folder {
    char path[64];
    char file[80];
    char left_over[96]; // what an interrupted creation leaves
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));
    strcpy(folder->path, "/tmp/sim_efuse_XXXXXX");
    if (!mkdtemp(folder->path)) {
        free(folder);
        return -1;
    }
    snprintf(folder->file, sizeof(folder->file), "%s/efuse.bin", folder->path);
    snprintf(folder->left_over, sizeof(folder->left_over), "%s.new", folder->file);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    unlink(folder->file);
    unlink(folder->left_over);
    rmdir(folder->path);
    free(folder);
    return 0;
}

static void create(const struct folder *folder, esp_chip_id_t chip_id)
{
    const struct chip_identity chip = {.chip_id = chip_id, .chip_rev = 101, .blk_rev = 2};
    assert_int_equal(sim_efuse_create(folder->file, &chip), ESP_OK);
}

static void open_as_default(const struct folder *folder)
{
    assert_int_equal(sim_efuse_open(folder->file, NULL, &efuse_default), ESP_OK);
}

static void close_default(void)
{
    sim_efuse_close(efuse_default);
    efuse_default = NULL;
}

static void read_file(const char *path, uint8_t bytes[128])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, 128, file), 128);
    fclose(file);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void a_new_file_says_what_the_chip_is(void **state)
{
    const struct folder *folder = *state;
    const struct chip_identity made = {
        .chip_id = ESP_CHIP_ID_ESP32C3, .chip_rev = 4, .blk_rev = 103, .ignore_max_blk_rev = true};
    struct chip_identity found;
    struct efuse *efuse;
    assert_int_equal(sim_efuse_create(folder->file, &made), ESP_OK);
    assert_int_equal(sim_efuse_open(folder->file, &found, &efuse), ESP_OK);
    sim_efuse_close(efuse);
    assert_int_equal(found.chip_id, ESP_CHIP_ID_ESP32C3);
    assert_int_equal(found.chip_rev, 4);
    assert_int_equal(found.blk_rev, 103);
    assert_false(found.ignore_max_chip_rev);
    assert_true(found.ignore_max_blk_rev);
}

static void every_byte_of_a_new_file_stands_as_documented(void **state)
{
    const struct folder *folder = *state;
    uint8_t bytes[128];
    // the last four are zlib.crc32() of the others
    const uint8_t expected[128] = {'E', 'S', 'P', 'E', 'F', 'U', 'S',  'E',  1,    0,
                                   0,   0,   101, 0,   2,   0,   0x8F, 0x7A, 0x24, 0x42};
    create(folder, ESP_CHIP_ID_ESP32);
    read_file(folder->file, bytes);
    assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void an_existing_file_is_not_touched_by_create(void **state)
{
    const struct folder *folder = *state;
    const struct chip_identity chip = {.chip_id = ESP_CHIP_ID_ESP32};
    create(folder, ESP_CHIP_ID_ESP32C3);
    assert_int_equal(sim_efuse_create(folder->file, &chip), ESP_ERR_INVALID_STATE);
}

static void a_chip_nobody_knows_is_refused(void **state)
{
    const struct folder *folder = *state;
    const struct chip_identity chip = {.chip_id = ESP_CHIP_ID_INVALID};
    assert_int_equal(sim_efuse_create(folder->file, &chip), ESP_ERR_INVALID_ARG);
    assert_int_equal(access(folder->file, F_OK), -1);
}

static void a_creation_that_was_cut_is_repeated(void **state)
{
    const struct folder *folder = *state;
    write_file(folder->left_over, "ESPEF", 5);
    create(folder, ESP_CHIP_ID_ESP32);
    open_as_default(folder);
    close_default();
}

static void a_folder_that_is_missing_fails(void **state)
{
    (void)state;
    const struct chip_identity chip = {.chip_id = ESP_CHIP_ID_ESP32};
    assert_int_equal(sim_efuse_create("/nonexistent/efuse.bin", &chip), ESP_FAIL);
}

static esp_err_t open_error(const struct folder *folder)
{
    struct efuse *efuse = (void *)folder->file; // something that must be replaced by NULL
    esp_err_t err = sim_efuse_open(folder->file, NULL, &efuse);
    assert_null(efuse);
    return err;
}

static void files_that_are_not_ours_are_named(void **state)
{
    const struct folder *folder = *state;
    uint8_t bytes[128];
    uint8_t changed[129] = {0};
    assert_int_equal(open_error(folder), ESP_ERR_NOT_FOUND);
    create(folder, ESP_CHIP_ID_ESP32);
    read_file(folder->file, bytes);
    memcpy(changed, bytes, sizeof(bytes));

    write_file(folder->file, bytes, 127);
    assert_int_equal(open_error(folder), ESP_ERR_INVALID_SIZE);
    write_file(folder->file, changed, 129);
    assert_int_equal(open_error(folder), ESP_ERR_INVALID_SIZE);
    changed[0] = 'X';
    write_file(folder->file, changed, 128);
    assert_int_equal(open_error(folder), ESP_ERR_NOT_SUPPORTED);
    for (size_t i = 8; i < 20; i++) { // each byte of the identity and its checksum
        memcpy(changed, bytes, sizeof(bytes));
        changed[i] ^= 0x10;
        write_file(folder->file, changed, 128);
        assert_int_equal(open_error(folder), ESP_ERR_INVALID_CRC);
    }
}

static void bits_stay_set_when_the_file_is_opened_again(void **state)
{
    const struct folder *folder = *state;
    create(folder, ESP_CHIP_ID_ESP32C3);
    open_as_default(folder);
    assert_int_equal(esp_efuse_read_secure_version(), 0);
    assert_int_equal(esp_efuse_update_secure_version(10), ESP_OK);
    close_default();
    open_as_default(folder);
    assert_int_equal(esp_efuse_read_secure_version(), 10);
    assert_int_equal(esp_efuse_update_secure_version(3), ESP_OK);
    assert_int_equal(esp_efuse_read_secure_version(), 10);
    close_default();
}

static void the_secure_version_is_as_wide_as_the_chip_has_it(void **state)
{
    const struct {
        esp_chip_id_t chip_id;
        uint32_t bits;
    } cases[] = {{ESP_CHIP_ID_ESP32, 32},
                 {ESP_CHIP_ID_ESP32C2, 4},
                 {ESP_CHIP_ID_ESP32C5, 9},
                 {ESP_CHIP_ID_ESP32S3, 16}};
    const struct folder *folder = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        create(folder, cases[i].chip_id);
        open_as_default(folder);
        assert_int_equal(esp_efuse_update_secure_version(cases[i].bits + 1), ESP_ERR_INVALID_ARG);
        assert_int_equal(esp_efuse_read_secure_version(), 0);
        assert_int_equal(esp_efuse_update_secure_version(cases[i].bits), ESP_OK);
        assert_int_equal(esp_efuse_read_secure_version(), cases[i].bits);
        close_default();
        unlink(folder->file);
    }
}

static void burning_touches_only_its_field(void **state)
{
    const struct folder *folder = *state;
    const uint8_t all[EFUSE_FIELD_BYTES_MAX] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    create(folder, ESP_CHIP_ID_ESP32C5);
    open_as_default(folder);
    for (int burnt = 0; burnt < EFUSE_FIELD_COUNT; burnt++) {
        assert_int_equal(efuse_default->ops->burn(efuse_default, (enum efuse_field)burnt, all),
                         ESP_OK);
        for (int i = 0; i < EFUSE_FIELD_COUNT; i++) {
            uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {0};
            enum efuse_field field = (enum efuse_field)i;
            uint32_t count = efuse_default->ops->bit_count(efuse_default, field);
            assert_int_equal(efuse_default->ops->read(efuse_default, field, bits), ESP_OK);
            for (uint32_t bit = 0; bit < sizeof(bits) * 8; bit++) {
                assert_int_equal(bits[bit / 8] >> bit % 8 & 1, i <= burnt && bit < count);
            }
        }
    }
    close_default();
    struct chip_identity chip;
    assert_int_equal(sim_efuse_open(folder->file, &chip, &efuse_default), ESP_OK);
    assert_true(chip.ignore_max_chip_rev && chip.ignore_max_blk_rev);
    close_default();
}

static void a_read_only_file_can_be_read_and_not_burnt(void **state)
{
    const struct folder *folder = *state;
    if (geteuid() == 0) {
        skip(); // root may write everything
    }
    create(folder, ESP_CHIP_ID_ESP32);
    chmod(folder->file, 0444);
    open_as_default(folder);
    assert_int_equal(esp_efuse_read_secure_version(), 0);
    assert_int_equal(esp_efuse_update_secure_version(1), ESP_FAIL);
    close_default();
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

/** Runs operations in a process that loses power before write number `writes`. @return whether it did */
static bool run_with_cut(const struct folder *folder, unsigned writes,
                         esp_err_t (*operations)(void))
{
    pid_t child = fork();
    if (child == 0) {
        if (sim_efuse_open(folder->file, NULL, &efuse_default) != ESP_OK) {
            _exit(1);
        }
        sim_efuse_observe(efuse_default, end_at_zero, &writes);
        _exit(operations() == ESP_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CUT_EXIT_CODE);
    return WEXITSTATUS(status) == CUT_EXIT_CODE;
}

static esp_err_t raise_twice_and_set_recovery(void)
{
    esp_err_t err = esp_efuse_update_secure_version(3);
    if (err == ESP_OK) {
        err = esp_efuse_update_secure_version(9);
    }
    return err == ESP_OK ? esp_efuse_set_recovery_bootloader_offset(0x3F1000) : err;
}

static void after_a_cut_before_any_write_the_bits_only_grew_and_a_repetition_completes(void **state)
{
    const struct folder *folder = *state;
    bool was_cut = true;
    unsigned cuts = 0;
    for (unsigned writes = 0; was_cut; writes++) {
        uint8_t before[128];
        uint8_t after[128];
        create(folder, ESP_CHIP_ID_ESP32C5);
        read_file(folder->file, before);
        was_cut = run_with_cut(folder, writes, raise_twice_and_set_recovery);
        cuts += was_cut;
        read_file(folder->file, after);
        for (size_t i = 0; i < sizeof(after); i++) {
            assert_int_equal(after[i] & before[i], before[i]);
        }
        open_as_default(folder);
        assert_true(esp_efuse_read_secure_version() <= 9);
        assert_int_equal(raise_twice_and_set_recovery(), ESP_OK);
        assert_int_equal(esp_efuse_read_secure_version(), 9);
        close_default();
        unlink(folder->file);
    }
    assert_int_equal(cuts, 5); // 3: one byte; 9: two; sector 0x3F1: two
}

int main(void)
{
    esp_log_level_set("*", ESP_LOG_NONE);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        TEST(a_new_file_says_what_the_chip_is),
        TEST(every_byte_of_a_new_file_stands_as_documented),
        TEST(an_existing_file_is_not_touched_by_create),
        TEST(a_chip_nobody_knows_is_refused),
        TEST(a_creation_that_was_cut_is_repeated),
        TEST(a_folder_that_is_missing_fails),
        TEST(files_that_are_not_ours_are_named),
        TEST(bits_stay_set_when_the_file_is_opened_again),
        TEST(the_secure_version_is_as_wide_as_the_chip_has_it),
        TEST(burning_touches_only_its_field),
        TEST(a_read_only_file_can_be_read_and_not_burnt),
        TEST(after_a_cut_before_any_write_the_bits_only_grew_and_a_repetition_completes),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
