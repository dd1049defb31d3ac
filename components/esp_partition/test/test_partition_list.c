#include "partition_fixture.h"

#include <string.h>

#define ANY_TYPE    ESP_PARTITION_TYPE_ANY
#define ANY_SUBTYPE ESP_PARTITION_SUBTYPE_ANY

static unsigned count_matches(esp_partition_type_t type)
{
    unsigned count = 0;
    esp_partition_iterator_t it = esp_partition_find(type, ANY_SUBTYPE, NULL);
    for (; it; it = esp_partition_next(it)) {
        count++;
    }
    return count;
}

static void iterates_in_table_order(void **state)
{
    (void)state;
    static const char *const LABELS[] = {"nvs", "otadata", "fact", "ota_0", "ota_1", "ro"};
    esp_partition_iterator_t it = esp_partition_find(ANY_TYPE, ANY_SUBTYPE, NULL);
    for (size_t i = 0; i < 6; i++) {
        assert_non_null(it);
        assert_string_equal(esp_partition_get(it)->label, LABELS[i]);
        it = esp_partition_next(it);
    }
    assert_null(it);
}

static void fills_every_field_from_the_record(void **state)
{
    (void)state;
    const esp_partition_t *ro = fixture_find("ro");
    assert_ptr_equal(ro->flash_chip, esp_flash_default_chip);
    assert_int_equal(ro->type, ESP_PARTITION_TYPE_DATA);
    assert_int_equal(ro->subtype, ESP_PARTITION_SUBTYPE_DATA_FAT);
    assert_int_equal(ro->address, 0x310000);
    assert_int_equal(ro->size, 0x10000);
    assert_int_equal(ro->erase_size, 4096);
    assert_true(ro->readonly);
    assert_false(ro->encrypted); // the flag is set, but this device has no flash encryption
}

static void filters_by_type_subtype_and_label(void **state)
{
    (void)state;
    assert_int_equal(count_matches(ESP_PARTITION_TYPE_APP), 3);
    assert_string_equal(
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_1, NULL)
            ->label,
        "ota_1");
    assert_null(esp_partition_find_first(ESP_PARTITION_TYPE_APP, ANY_SUBTYPE, "nvs"));
    assert_null(esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ANY_SUBTYPE, "nv"));
}

static void refuses_any_type_with_a_subtype(void **state)
{
    (void)state;
    esp_partition_iterator_t it = (esp_partition_iterator_t)state;
    assert_int_equal(esp_partition_find_err(ANY_TYPE, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL, &it),
                     ESP_ERR_INVALID_ARG);
    assert_null(it);
    assert_null(esp_partition_find(ANY_TYPE, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL));
}

static void tells_why_nothing_was_found(void **state)
{
    (void)state;
    const esp_partition_t *partition = (const esp_partition_t *)(void *)state;
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, "no", &partition),
                     ESP_ERR_NOT_FOUND);
    assert_null(partition);
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, "no", NULL),
                     ESP_ERR_INVALID_ARG);
}

static void returns_the_same_pointer_for_the_same_entry(void **state)
{
    (void)state;
    assert_ptr_equal(fixture_find("ota_0"), fixture_find("ota_0"));
}

static void survives_null_iterators(void **state)
{
    (void)state;
    esp_partition_iterator_release(NULL);
    assert_null(esp_partition_get(NULL));
    assert_null(esp_partition_next(NULL));
}

static void tries_again_after_a_table_that_could_not_be_loaded(void **state)
{
    (void)state;
    static const esp_partition_info_t ENTRY = {.type = 1, .pos = {0x9000, 0x2000}, .label = "x"};
    const esp_partition_t *partition;
    fixture_put_table(&ENTRY, 1, false);
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, NULL, &partition),
                     ESP_ERR_NOT_FOUND);
    fixture_put_table(&ENTRY, 1, true);
    const uint8_t zero = 0;
    assert_int_equal(esp_flash_write(NULL, &zero, 0x8000 + 32 + 31, 1), ESP_OK); // spoils the MD5
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, NULL, &partition),
                     ESP_ERR_INVALID_STATE);
    fixture_put_table(&ENTRY, 1, true);
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, NULL, &partition), ESP_OK);
    assert_string_equal(partition->label, "x");
}

static void reads_the_table_where_the_bootloader_found_it(void **state)
{
    (void)state;
    static const esp_partition_info_t ENTRY = {
        .type = 1, .pos = {0x12000, 0x2000}, .label = "sixteen_chars_xy"};
    struct boot_handover handover = *boot_handover_get();
    handover.table_offset = 0x11000;
    boot_handover_set(&handover);
    fixture_put_table(&ENTRY, 1, true);
    assert_string_equal(fixture_find(NULL)->label, "sixteen_chars_xy");
}

static void verify_finds_the_listed_entry_of_a_copy(void **state)
{
    (void)state;
    esp_partition_t copy = *fixture_find("ota_0");
    copy.erase_size = 1;
    copy.readonly = true;
    copy.flash_chip = NULL;
    assert_ptr_equal(esp_partition_verify(&copy), fixture_find("ota_0"));
    copy.label[0] = '\0';
    assert_ptr_equal(esp_partition_verify(&copy), fixture_find("ota_0"));
    strcpy(copy.label, "ota_1");
    assert_null(esp_partition_verify(&copy));
}

static void verify_notices_each_difference(void **state)
{
    (void)state;
    const esp_partition_t good = *fixture_find("ota_0");
    const esp_partition_t *found;
    esp_partition_t bad[5] = {good, good, good, good, good};
    bad[0].address += 4096;
    bad[1].size -= 1;
    bad[2].type = ESP_PARTITION_TYPE_DATA;
    bad[3].subtype = ESP_PARTITION_SUBTYPE_APP_OTA_1;
    bad[4].encrypted = true;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(esp_partition_verify_err(&bad[i], &found), ESP_ERR_NOT_FOUND);
        assert_null(found);
    }
    assert_int_equal(esp_partition_verify_err(NULL, &found), ESP_ERR_INVALID_ARG);
    assert_null(esp_partition_verify(NULL));
}

static void registers_at_the_end_and_deregisters(void **state)
{
    (void)state;
    const esp_partition_t *added;
    assert_int_equal(esp_partition_register_external(NULL, 0x320000, 0x1000, "a label far too long",
                                                     0x40, 0x41, &added),
                     ESP_OK);
    assert_string_equal(added->label, "a label far too ");
    assert_ptr_equal(added->flash_chip, esp_flash_default_chip);
    assert_int_equal(count_matches(ANY_TYPE), 7);
    assert_int_equal(esp_partition_deregister_external(added), ESP_OK);
    assert_int_equal(count_matches(ANY_TYPE), 6);
    assert_int_equal(esp_partition_deregister_external(added), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_partition_deregister_external(fixture_find("nvs")), ESP_ERR_INVALID_ARG);
}

static void refuses_what_cannot_be_registered(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        size_t size;
        const char *label;
        esp_err_t err;
    } CASES[] = {
        {0x320000, 0x1000, NULL, ESP_ERR_INVALID_ARG},
        {0x3FF000, 0x2000, "x", ESP_ERR_INVALID_SIZE},
        {0x400001, 0, "x", ESP_ERR_INVALID_SIZE},
        {0x1000, SIZE_MAX, "x", ESP_ERR_INVALID_SIZE},
        {0x31F000, 0x2000, "x", ESP_ERR_INVALID_ARG}, // overlaps the end of ro
        {0x8000, 0x1001, "x", ESP_ERR_INVALID_ARG},   // overlaps the start of nvs
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const esp_partition_t *added = (const esp_partition_t *)(void *)state;
        assert_int_equal(esp_partition_register_external(NULL, CASES[i].offset, CASES[i].size,
                                                         CASES[i].label, 0x40, 0, &added),
                         CASES[i].err);
        assert_null(added);
    }
}

static void registers_on_another_chip_where_the_main_chip_is_full(void **state)
{
    (void)state;
    esp_flash_t *other;
    const esp_partition_t *added;
    uint8_t byte;
    assert_int_equal(nor_flash_open_in_memory(0x10000, &other), ESP_OK);
    assert_int_equal(esp_partition_register_external(other, 0x9000, 0x4000, "ext", 0x40, 0, &added),
                     ESP_OK);
    assert_int_equal(esp_partition_read(added, 0, &byte, 1), ESP_OK);
    const void *pointer;
    esp_partition_mmap_handle_t handle;
    assert_int_equal(esp_partition_mmap(added, 0, 1, ESP_PARTITION_MMAP_DATA, &pointer, &handle),
                     ESP_ERR_NOT_SUPPORTED);
    esp_partition_unload_all();
    nor_flash_close(other);
}

static void an_iterator_survives_deregistration_of_its_entry(void **state)
{
    (void)state;
    const esp_partition_t *first;
    assert_int_equal(esp_partition_register_external(NULL, 0x320000, 0x1000, "x1", 0x40, 0, &first),
                     ESP_OK);
    assert_int_equal(esp_partition_register_external(NULL, 0x321000, 0x1000, "x2", 0x40, 0, NULL),
                     ESP_OK);
    esp_partition_iterator_t it = esp_partition_find(0x40, ANY_SUBTYPE, NULL);
    assert_int_equal(esp_partition_deregister_external(first), ESP_OK);
    it = esp_partition_next(it);
    assert_string_equal(esp_partition_get(it)->label, "x2");
    esp_partition_iterator_release(it);
}

static void unload_makes_a_rewritten_table_visible(void **state)
{
    (void)state;
    static const esp_partition_info_t ENTRY = {.type = 1, .pos = {0x9000, 0x2000}, .label = "new"};
    assert_int_equal(count_matches(ANY_TYPE), 6);
    fixture_put_table(&ENTRY, 1, true);
    assert_int_equal(count_matches(ANY_TYPE), 6);
    esp_partition_unload_all();
    assert_int_equal(count_matches(ANY_TYPE), 1);
}

static void without_a_chip_there_is_an_error_and_no_crash(void **state)
{
    (void)state;
    esp_flash_t *chip = esp_flash_default_chip;
    const esp_partition_t *partition;
    esp_flash_default_chip = NULL;
    assert_int_equal(esp_partition_find_first_err(ANY_TYPE, ANY_SUBTYPE, NULL, &partition),
                     ESP_ERR_FLASH_NOT_INITIALISED);
    esp_flash_default_chip = chip;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(iterates_in_table_order),
        TEST(fills_every_field_from_the_record),
        TEST(filters_by_type_subtype_and_label),
        TEST(refuses_any_type_with_a_subtype),
        TEST(tells_why_nothing_was_found),
        TEST(returns_the_same_pointer_for_the_same_entry),
        TEST(survives_null_iterators),
        TEST(tries_again_after_a_table_that_could_not_be_loaded),
        TEST(reads_the_table_where_the_bootloader_found_it),
        TEST(verify_finds_the_listed_entry_of_a_copy),
        TEST(verify_notices_each_difference),
        TEST(registers_at_the_end_and_deregisters),
        TEST(refuses_what_cannot_be_registered),
        TEST(registers_on_another_chip_where_the_main_chip_is_full),
        TEST(an_iterator_survives_deregistration_of_its_entry),
        TEST(unload_makes_a_rewritten_table_visible),
        TEST(without_a_chip_there_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
