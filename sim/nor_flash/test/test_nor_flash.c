// The simulator must be stricter than hardware, and its file must be the flash.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "esp_log.h"
#include "nor_flash.h"

#define CHIP_SIZE (64u * 1024)

struct fixture {
    char folder[64];
    char path[96];
};

static int make_folder(void **state)
{
    static struct fixture fixture;
    strcpy(fixture.folder, "/tmp/nor_flash.XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.path, sizeof(fixture.path), "%s/flash.bin", fixture.folder);
    *state = &fixture;
    return 0;
}

static int remove_folder(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    return rmdir(fixture->folder);
}

static esp_flash_t *open_new(const struct fixture *fixture)
{
    esp_flash_t *chip = NULL;
    assert_int_equal(nor_flash_create(fixture->path, CHIP_SIZE), ESP_OK);
    assert_int_equal(nor_flash_open(fixture->path, false, &chip), ESP_OK);
    return chip;
}

static void a_new_file_is_all_ones_and_has_the_size_of_the_chip(void **state)
{
    struct fixture *fixture = *state;
    esp_flash_t *chip = open_new(fixture);
    const uint8_t *bytes = flash_map(chip, 0, CHIP_SIZE);
    for (uint32_t i = 0; i < CHIP_SIZE; i++) {
        assert_int_equal(bytes[i], 0xFF);
    }
    struct stat info;
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_size, CHIP_SIZE);
    nor_flash_close(chip);
}

static void what_was_written_stands_in_the_file_at_its_address(void **state)
{
    struct fixture *fixture = *state;
    esp_flash_t *chip = open_new(fixture);
    assert_int_equal(esp_flash_write(chip, "firmware", 0x1234, 8), ESP_OK);
    assert_int_equal(esp_flash_sync(chip), ESP_OK);
    nor_flash_close(chip);
    char read_back[8];
    int fd = open(fixture->path, O_RDONLY);
    assert_int_equal(pread(fd, read_back, 8, 0x1234), 8);
    assert_memory_equal(read_back, "firmware", 8);
    (void)close(fd);
}

static void programming_only_clears_bits(void **state)
{
    esp_flash_t *chip = open_new(*state);
    uint8_t byte = 0xF0;
    assert_int_equal(esp_flash_write(chip, &byte, 0, 1), ESP_OK);
    byte = 0xC0;
    assert_int_equal(esp_flash_write(chip, &byte, 0, 1), ESP_OK);
    assert_int_equal(esp_flash_read(chip, &byte, 0, 1), ESP_OK);
    assert_int_equal(byte, 0xC0);
    nor_flash_close(chip);
}

static void refuses_to_raise_a_bit_and_changes_nothing(void **state)
{
    esp_flash_t *chip = open_new(*state);
    uint8_t zero = 0;
    uint8_t data[16];
    uint8_t before[16];
    memset(data, 0x0F, sizeof(data));
    assert_int_equal(esp_flash_write(chip, &zero, 15, 1), ESP_OK);
    assert_int_equal(esp_flash_read(chip, before, 0, sizeof(before)), ESP_OK);
    assert_int_equal(esp_flash_write(chip, data, 0, sizeof(data)), ESP_ERR_INVALID_STATE);
    assert_memory_equal(flash_map(chip, 0, sizeof(before)), before, sizeof(before));
    nor_flash_close(chip);
}

static void erasing_sets_all_bits_of_the_sector_and_no_others(void **state)
{
    esp_flash_t *chip = open_new(*state);
    uint8_t zeros[3 * 4096] = {0};
    assert_int_equal(esp_flash_write(chip, zeros, 0, sizeof(zeros)), ESP_OK);
    assert_int_equal(esp_flash_erase_region(chip, 4096, 4096), ESP_OK);
    const uint8_t *bytes = flash_map(chip, 0, sizeof(zeros));
    for (uint32_t i = 0; i < sizeof(zeros); i++) {
        assert_int_equal(bytes[i], i >= 4096 && i < 8192 ? 0xFF : 0);
    }
    nor_flash_close(chip);
}

static void two_devices_cannot_share_one_flash(void **state)
{
    struct fixture *fixture = *state;
    esp_flash_t *chip = open_new(fixture);
    esp_flash_t *second = NULL;
    assert_int_equal(nor_flash_open(fixture->path, false, &second), ESP_ERR_INVALID_STATE);
    assert_null(second);
    nor_flash_close(chip);
    assert_int_equal(nor_flash_open(fixture->path, false, &second), ESP_OK);
    nor_flash_close(second);
}

static void the_lock_passes_on_with_the_descriptor(void **state)
{
    struct fixture *fixture = *state;
    esp_flash_t *second = NULL;
    esp_flash_t *chip = open_new(fixture);
    int fd = dup(nor_flash_descriptor(chip));
    nor_flash_close(chip);
    assert_int_equal(nor_flash_open(fixture->path, false, &second), ESP_ERR_INVALID_STATE);
    assert_int_equal(nor_flash_open_descriptor(fd, "flash", false, &second), ESP_OK);
    (void)close(fd); // the chip has its own
    assert_int_equal(esp_flash_write(second, "x", 0, 1), ESP_OK);
    assert_int_equal(nor_flash_open(fixture->path, false, &chip), ESP_ERR_INVALID_STATE);
    nor_flash_close(second);
    assert_int_equal(nor_flash_open(fixture->path, false, &chip), ESP_OK);
    nor_flash_close(chip);
    assert_int_equal(nor_flash_open_descriptor(fd, "closed", false, &chip), ESP_ERR_FLASH_OP_FAIL);
    assert_null(chip);
}

static void a_read_only_chip_refuses_changes(void **state)
{
    struct fixture *fixture = *state;
    nor_flash_close(open_new(fixture));
    esp_flash_t *chip = NULL;
    assert_int_equal(nor_flash_open(fixture->path, true, &chip), ESP_OK);
    uint8_t byte = 0;
    assert_int_equal(esp_flash_write(chip, &byte, 0, 1), ESP_ERR_NOT_ALLOWED);
    assert_int_equal(esp_flash_erase_region(chip, 0, 4096), ESP_ERR_NOT_ALLOWED);
    nor_flash_close(chip);
}

static void refuses_files_that_are_no_flash(void **state)
{
    struct fixture *fixture = *state;
    esp_flash_t *chip = NULL;
    assert_int_equal(nor_flash_open(fixture->path, false, &chip), ESP_ERR_NOT_FOUND);
    assert_int_equal(nor_flash_open(fixture->folder, true, &chip), ESP_ERR_FLASH_OP_FAIL);
    int fd = open(fixture->path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "short", 5), 5);
    (void)close(fd);
    assert_int_equal(nor_flash_open(fixture->path, false, &chip), ESP_ERR_INVALID_SIZE);
    assert_null(chip);
}

static void creating_refuses_bad_sizes_and_existing_files(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(nor_flash_create(fixture->path, 0), ESP_ERR_INVALID_SIZE);
    assert_int_equal(nor_flash_create(fixture->path, 4097), ESP_ERR_INVALID_SIZE);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(nor_flash_create(fixture->path, CHIP_SIZE), ESP_OK);
    assert_int_equal(nor_flash_create(fixture->path, CHIP_SIZE), ESP_ERR_INVALID_STATE);
}

// The limit of file sizes stands in for a full disk: a write that crosses it fails.
static void a_file_that_cannot_be_written_in_full_is_not_left_behind(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = CHIP_SIZE / 2, .rlim_max = old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    esp_err_t err = nor_flash_create(fixture->path, CHIP_SIZE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err, ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

static void counts_what_was_done(void **state)
{
    esp_flash_t *chip = open_new(*state);
    assert_int_equal(esp_flash_write(chip, "abc", 0, 3), ESP_OK);
    assert_int_equal(esp_flash_erase_region(chip, 0, 8192), ESP_OK);
    assert_int_equal(esp_flash_sync(chip), ESP_OK);
    assert_int_equal(esp_flash_sync(chip), ESP_OK); // nothing to do
    struct nor_flash_stats stats = nor_flash_get_stats(chip);
    assert_int_equal(stats.programmed_bytes, 3);
    assert_int_equal(stats.program_count, 1);
    assert_int_equal(stats.erased_bytes, 8192);
    assert_int_equal(stats.erase_count, 2);
    assert_int_equal(stats.sync_count, 1);
    nor_flash_close(chip);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_new_file_is_all_ones_and_has_the_size_of_the_chip),
        IN_FOLDER(what_was_written_stands_in_the_file_at_its_address),
        IN_FOLDER(programming_only_clears_bits),
        IN_FOLDER(refuses_to_raise_a_bit_and_changes_nothing),
        IN_FOLDER(erasing_sets_all_bits_of_the_sector_and_no_others),
        IN_FOLDER(two_devices_cannot_share_one_flash),
        IN_FOLDER(the_lock_passes_on_with_the_descriptor),
        IN_FOLDER(a_read_only_chip_refuses_changes),
        IN_FOLDER(refuses_files_that_are_no_flash),
        IN_FOLDER(creating_refuses_bad_sizes_and_existing_files),
        IN_FOLDER(a_file_that_cannot_be_written_in_full_is_not_left_behind),
        IN_FOLDER(counts_what_was_done),
    };
    esp_log_level_set("*", ESP_LOG_NONE); // refusals are what most of this is about
    return cmocka_run_group_tests(tests, NULL, NULL);
}
