#include "esp_app_desc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int describe_an_image(void **state)
{
    (void)state;
    esp_app_desc_t desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD, .version = "1.2.3"};
    for (size_t i = 0; i < sizeof(desc.app_elf_sha256); i++) {
        desc.app_elf_sha256[i] = (uint8_t)(0xF0 + i);
    }
    esp_app_set_description(&desc);
    return 0;
}

static void without_an_image_the_description_says_unknown(void **state)
{
    (void)state;
    assert_int_equal(esp_app_get_description()->magic_word, ESP_APP_DESC_MAGIC_WORD);
    assert_string_equal(esp_app_get_description()->version, "unknown");
    assert_string_equal(esp_app_get_description()->project_name, "unknown");
}

static void every_member_stands_where_it_stands_on_flash(void **state)
{
    (void)state;
    assert_int_equal(offsetof(esp_app_desc_t, secure_version), 4);
    assert_int_equal(offsetof(esp_app_desc_t, version), 16);
    assert_int_equal(offsetof(esp_app_desc_t, project_name), 48);
    assert_int_equal(offsetof(esp_app_desc_t, time), 80);
    assert_int_equal(offsetof(esp_app_desc_t, date), 96);
    assert_int_equal(offsetof(esp_app_desc_t, idf_ver), 112);
    assert_int_equal(offsetof(esp_app_desc_t, app_elf_sha256), 144);
    assert_int_equal(offsetof(esp_app_desc_t, min_efuse_blk_rev_full), 176);
    assert_int_equal(offsetof(esp_app_desc_t, max_efuse_blk_rev_full), 178);
    assert_int_equal(offsetof(esp_app_desc_t, mmu_page_size), 180);
    assert_int_equal(offsetof(esp_app_desc_t, spi_flash_mode), 181);
}

static void a_set_description_is_copied(void **state)
{
    (void)state;
    assert_string_equal(esp_app_get_description()->version, "1.2.3");
}

static void the_hash_is_cut_to_the_buffer_and_terminated(void **state)
{
    (void)state;
    char text[65];
    assert_int_equal(esp_app_get_elf_sha256(text, sizeof(text)), 65);
    assert_int_equal(strlen(text), 64);
    assert_memory_equal(text, "f0f1f2f3", 8);
    assert_int_equal(esp_app_get_elf_sha256(text, 6), 6);
    assert_string_equal(text, "f0f1f");
    assert_int_equal(esp_app_get_elf_sha256(text, 1), 1);
    assert_string_equal(text, "");
    assert_int_equal(esp_app_get_elf_sha256(text, 0), 0);
    assert_int_equal(esp_app_get_elf_sha256(NULL, 10), 0);
}

static void the_hash_text_tells_the_first_digits(void **state)
{
    (void)state;
    assert_string_equal(esp_app_get_elf_sha256_str(), "f0f1f2f3f4f5f6f7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_image_the_description_says_unknown),
        cmocka_unit_test(every_member_stands_where_it_stands_on_flash),
        cmocka_unit_test_setup(a_set_description_is_copied, describe_an_image),
        cmocka_unit_test_setup(the_hash_is_cut_to_the_buffer_and_terminated, describe_an_image),
        cmocka_unit_test_setup(the_hash_text_tells_the_first_digits, describe_an_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
