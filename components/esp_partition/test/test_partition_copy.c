#include "partition_fixture.h"

#include <string.h>

static uint8_t s_pattern[3 * 4096];

static int setup_with_source(void **state)
{
    for (size_t i = 0; i < sizeof(s_pattern); i++) {
        s_pattern[i] = (uint8_t)(i * 7 + i / 256);
    }
    int result = fixture_setup(state);
    fixture_put(0x110000, s_pattern, sizeof(s_pattern));
    return result;
}

static void copies_and_fills_the_last_sector_with_erased_bytes(void **state)
{
    (void)state;
    uint8_t got[3 * 4096];
    fixture_put(0x210000, "old", 3);
    fixture_put(0x212FFF, "o", 1);
    assert_int_equal(esp_partition_copy(fixture_find("ota_1"), 0, fixture_find("ota_0"), 0, 8193),
                     ESP_OK);
    assert_int_equal(esp_partition_read(fixture_find("ota_1"), 0, got, sizeof(got)), ESP_OK);
    assert_memory_equal(got, s_pattern, 8193);
    assert_int_equal(got[8193], 0xFF);
    assert_int_equal(got[sizeof(got) - 1], 0xFF);
}

static void copies_between_offsets(void **state)
{
    (void)state;
    uint8_t got[100];
    assert_int_equal(
        esp_partition_copy(fixture_find("ota_1"), 0x1000, fixture_find("ota_0"), 5, 100), ESP_OK);
    assert_int_equal(esp_partition_read(fixture_find("ota_1"), 0x1000, got, 100), ESP_OK);
    assert_memory_equal(got, s_pattern + 5, 100);
}

static void the_largest_size_means_the_whole_source_and_the_whole_destination(void **state)
{
    (void)state;
    uint8_t byte;
    fixture_put(0x30F000, "rest", 4);
    assert_int_equal(
        esp_partition_copy(fixture_find("ota_1"), 0, fixture_find("nvs"), 0x1000, SIZE_MAX),
        ESP_OK);
    assert_int_equal(esp_partition_read(fixture_find("ota_1"), 0xFF000, &byte, 1), ESP_OK);
    assert_int_equal(byte, 0xFF);
}

static void a_second_copy_erases_nothing_and_makes_firm_what_is_there(void **state)
{
    (void)state;
    const esp_partition_t *dest = fixture_find("ota_1");
    assert_int_equal(esp_partition_copy(dest, 0, fixture_find("ota_0"), 0, 8193), ESP_OK);
    struct nor_flash_stats before = nor_flash_get_stats(esp_flash_default_chip);
    assert_int_equal(esp_partition_copy(dest, 0, fixture_find("ota_0"), 0, 8193), ESP_OK);
    struct nor_flash_stats after = nor_flash_get_stats(esp_flash_default_chip);
    assert_int_equal(after.erase_count, before.erase_count);
    assert_int_equal(after.program_count, before.program_count + 3); // sectors
}

static void refuses_before_the_first_erase(void **state)
{
    (void)state;
    const esp_partition_t *ota_0 = fixture_find("ota_0");
    const esp_partition_t *ota_1 = fixture_find("ota_1");
    const esp_partition_t *nvs = fixture_find("nvs");
    const esp_partition_t alias = *ota_0;
    esp_partition_t elsewhere = *ota_0;
    elsewhere.flash_chip = (esp_flash_t *)(void *)&elsewhere; // never used
    const struct {
        const esp_partition_t *dest;
        uint32_t dest_offset;
        const esp_partition_t *src;
        uint32_t src_offset;
        size_t size;
        esp_err_t err;
    } CASES[] = {
        {NULL, 0, ota_0, 0, 1, ESP_ERR_INVALID_ARG},
        {ota_1, 0, NULL, 0, 1, ESP_ERR_INVALID_ARG},
        {ota_0, 0, ota_0, 0, 1, ESP_ERR_INVALID_ARG},
        {ota_0, 0, &alias, 0, 1, ESP_ERR_INVALID_ARG},
        {ota_1, 0x100001, ota_0, 0, 1, ESP_ERR_INVALID_SIZE},
        {ota_1, 0, ota_0, 0x100001, 1, ESP_ERR_INVALID_SIZE},
        {ota_1, 0, &elsewhere, 0, 1, ESP_ERR_NOT_SUPPORTED},
        {ota_1, 0, ota_0, 1, 0x100000, ESP_ERR_INVALID_SIZE},
        {nvs, 0, ota_0, 0, 0x4001, ESP_ERR_INVALID_SIZE},
        {nvs, 0, ota_0, 0, SIZE_MAX, ESP_ERR_INVALID_SIZE},
        {ota_1, 0, ota_0, 0, SIZE_MAX - 1, ESP_ERR_INVALID_SIZE},
        {ota_1, 1, ota_0, 0, 1, ESP_ERR_INVALID_ARG},
        {nvs, 0x3001, ota_0, 0, 1, ESP_ERR_INVALID_SIZE},
        {fixture_find("ro"), 0, ota_0, 0, 1, ESP_ERR_NOT_ALLOWED},
    };
    struct nor_flash_stats before = nor_flash_get_stats(esp_flash_default_chip);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_int_equal(esp_partition_copy(CASES[i].dest, CASES[i].dest_offset, CASES[i].src,
                                            CASES[i].src_offset, CASES[i].size),
                         CASES[i].err);
    }
    assert_int_equal(nor_flash_get_stats(esp_flash_default_chip).erase_count, before.erase_count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_with_source, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_and_fills_the_last_sector_with_erased_bytes),
        TEST(copies_between_offsets),
        TEST(the_largest_size_means_the_whole_source_and_the_whole_destination),
        TEST(a_second_copy_erases_nothing_and_makes_firm_what_is_there),
        TEST(refuses_before_the_first_erase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
