#include "partition_fixture.h"

#include <stdio.h>
#include <string.h>

static void writes_and_reads_inside_the_partition(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    char got[6];
    assert_int_equal(esp_partition_write(nvs, 0x3FFB, "hello", 5), ESP_OK);
    assert_int_equal(esp_partition_read(nvs, 0x3FFB, got, 5), ESP_OK);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(esp_flash_read(NULL, got, 0x9000 + 0x3FFB, 5), ESP_OK);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(esp_partition_read_raw(nvs, 0x3FFB, got, 5), ESP_OK);
    assert_int_equal(esp_partition_write_raw(nvs, 0, "raw", 3), ESP_OK);
}

static void answers_each_wrong_range_as_documented(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    uint8_t byte = 0xFF;
    static const struct {
        size_t offset;
        size_t size;
        esp_err_t transfer; // of read and write
        esp_err_t erase;
    } CASES[] = {
        {0x4000, 0, ESP_OK, ESP_OK},
        {0x4001, 0, ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_ARG},
        {0x4000, 1, ESP_ERR_INVALID_SIZE, ESP_ERR_INVALID_SIZE},
        {0, 0x4001, ESP_ERR_INVALID_SIZE, ESP_ERR_INVALID_SIZE},
        {1, SIZE_MAX, ESP_ERR_INVALID_SIZE, ESP_ERR_INVALID_SIZE},
        {SIZE_MAX, 1, ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_ARG},
        {0, 1, ESP_OK, ESP_ERR_INVALID_SIZE},
        {1, 0, ESP_OK, ESP_ERR_INVALID_ARG},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        size_t offset = CASES[i].offset;
        size_t size = CASES[i].size;
        assert_int_equal(esp_partition_read(nvs, offset, &byte, size), CASES[i].transfer);
        assert_int_equal(esp_partition_write(nvs, offset, &byte, size), CASES[i].transfer);
        assert_int_equal(esp_partition_read_raw(nvs, offset, &byte, size), CASES[i].transfer);
        assert_int_equal(esp_partition_write_raw(nvs, offset, &byte, size), CASES[i].transfer);
        assert_int_equal(esp_partition_erase_range(nvs, offset, size), CASES[i].erase);
    }
}

static void a_null_partition_is_an_invalid_argument(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(esp_partition_read(NULL, 0, bytes, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_write(NULL, 0, bytes, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_erase_range(NULL, 0, 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_get_sha256(NULL, bytes), ESP_ERR_INVALID_ARG);
    assert_false(esp_partition_check_identity(NULL, NULL));
}

static void a_readonly_partition_refuses_every_change_first(void **state)
{
    (void)state;
    const esp_partition_t *ro = fixture_find("ro");
    assert_int_equal(esp_partition_write(ro, SIZE_MAX, "x", 1), ESP_ERR_NOT_ALLOWED);
    assert_int_equal(esp_partition_write_raw(ro, 0, "x", 1), ESP_ERR_NOT_ALLOWED);
    assert_int_equal(esp_partition_erase_range(ro, 1, 1), ESP_ERR_NOT_ALLOWED);
}

static void an_encrypted_partition_on_another_chip_is_not_supported(void **state)
{
    (void)state;
    esp_partition_t partition = *fixture_find("nvs");
    uint8_t byte = 0xFF;
    partition.encrypted = true;
    partition.flash_chip = (esp_flash_t *)(void *)&partition; // never used
    assert_int_equal(esp_partition_read(&partition, 0, &byte, 1), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_partition_write(&partition, 0, &byte, 1), ESP_ERR_NOT_SUPPORTED);
}

static void a_partition_that_wraps_around_the_address_space_is_refused(void **state)
{
    (void)state;
    const esp_partition_t partition = {.address = 0xFFFFF000, .size = 0x2000};
    uint8_t byte = 0;
    assert_int_equal(esp_partition_write(&partition, 0x1000, &byte, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_partition_erase_range(&partition, 0x1000, 0x1000), ESP_ERR_INVALID_SIZE);
}

static void erase_leaves_the_neighbours_alone(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    uint8_t bytes[3 * 4096] = {0};
    assert_int_equal(esp_partition_write(nvs, 0, bytes, sizeof(bytes)), ESP_OK);
    assert_int_equal(esp_partition_erase_range(nvs, 4096, 4096), ESP_OK);
    assert_int_equal(esp_partition_read(nvs, 0, bytes, sizeof(bytes)), ESP_OK);
    assert_int_equal(bytes[4095], 0);
    assert_int_equal(bytes[4096], 0xFF);
    assert_int_equal(bytes[8191], 0xFF);
    assert_int_equal(bytes[8192], 0);
}

static void a_mapping_shows_later_writes(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    const void *pointer;
    esp_partition_mmap_handle_t handle;
    assert_int_equal(esp_partition_mmap(nvs, 10, 4, ESP_PARTITION_MMAP_DATA, &pointer, &handle),
                     ESP_OK);
    assert_int_equal(esp_partition_write(nvs, 10, "late", 4), ESP_OK);
    assert_memory_equal(pointer, "late", 4);
    esp_partition_munmap(handle);
    assert_int_equal(esp_partition_mmap(nvs, 0x4001, 0, ESP_PARTITION_MMAP_DATA, &pointer, &handle),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_mmap(nvs, 0, 0x4001, ESP_PARTITION_MMAP_DATA, &pointer, &handle),
                     ESP_ERR_INVALID_SIZE);
}

static void writes_go_on_after_a_blocking_mapping_ends(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    const void *pointer;
    esp_partition_mmap_handle_t handle;
    assert_int_equal(
        esp_partition_mmap(nvs, 0, 4, ESP_PARTITION_MMAP_BLOCKS_WRITE, &pointer, &handle), ESP_OK);
    esp_partition_munmap(handle);
    esp_partition_munmap(handle); // a mistake of the caller's that must not open the gate twice
    assert_int_equal(esp_partition_write(nvs, 0, "x", 1), ESP_OK);
}

static void hashes_all_bytes_of_a_data_partition(void **state)
{
    (void)state;
    // SHA-256 of 8192 bytes of 0xFF, computed with sha256sum
    static const uint8_t ERASED[4] = {0x7d, 0x2c, 0x7a, 0xc4};
    uint8_t digest[32];
    const esp_partition_t region = {
        .type = ESP_PARTITION_TYPE_DATA, .address = 0xD000, .size = 0x2000};
    assert_int_equal(esp_partition_get_sha256(&region, digest), ESP_OK);
    assert_memory_equal(digest, ERASED, sizeof(ERASED));
    assert_true(esp_partition_check_identity(&region, fixture_find("otadata")));
    assert_false(esp_partition_check_identity(&region, fixture_find("nvs")));
}

/** Writes the reference image into ota_0. @return its length; bytes holds it */
static size_t put_reference_image(uint8_t *bytes, size_t capacity)
{
    FILE *file = fopen(VECTORS_DIR "/images/esp32_min.bin", "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, capacity, file);
    (void)fclose(file); // opened for reading
    fixture_put(0x110000, bytes, (uint32_t)len);
    return len;
}

static void an_app_partition_has_the_digest_of_its_image(void **state)
{
    (void)state;
    uint8_t image[1024];
    uint8_t digest[32];
    size_t len = put_reference_image(image, sizeof(image));
    assert_int_equal(esp_partition_get_sha256(fixture_find("ota_0"), digest), ESP_OK);
    assert_memory_equal(digest, image + len - sizeof(digest), sizeof(digest));
    fixture_put(0x210000, image, (uint32_t)len);
    assert_true(esp_partition_check_identity(fixture_find("ota_0"), fixture_find("ota_1")));
}

static void a_damaged_image_has_no_digest(void **state)
{
    (void)state;
    uint8_t image[1024];
    uint8_t digest[32];
    size_t len = put_reference_image(image, sizeof(image));
    const uint8_t zeros[4] = {0};
    assert_int_equal(
        esp_partition_write(fixture_find("ota_0"), len - sizeof(zeros), zeros, sizeof(zeros)),
        ESP_OK);
    assert_int_equal(esp_partition_get_sha256(fixture_find("ota_0"), digest),
                     ESP_ERR_IMAGE_INVALID);
}

static void an_app_partition_without_image_has_no_digest(void **state)
{
    (void)state;
    uint8_t digest[32];
    assert_int_equal(esp_partition_get_sha256(fixture_find("ota_0"), digest),
                     ESP_ERR_IMAGE_INVALID);
    assert_false(esp_partition_check_identity(fixture_find("ota_0"), fixture_find("ota_0")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_and_reads_inside_the_partition),
        TEST(answers_each_wrong_range_as_documented),
        TEST(a_null_partition_is_an_invalid_argument),
        TEST(a_readonly_partition_refuses_every_change_first),
        TEST(an_encrypted_partition_on_another_chip_is_not_supported),
        TEST(a_partition_that_wraps_around_the_address_space_is_refused),
        TEST(erase_leaves_the_neighbours_alone),
        TEST(a_mapping_shows_later_writes),
        TEST(writes_go_on_after_a_blocking_mapping_ends),
        TEST(hashes_all_bytes_of_a_data_partition),
        TEST(an_app_partition_has_the_digest_of_its_image),
        TEST(a_damaged_image_has_no_digest),
        TEST(an_app_partition_without_image_has_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
