// Descriptors, and what a header tells about fitness for this device.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

static void reads_the_descriptor_of_an_application(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_image("ota_1", "3.2.1");
    esp_app_desc_t desc;
    assert_int_equal(esp_ota_get_partition_description(device_partition("ota_1"), &desc), ESP_OK);
    assert_string_equal(desc.version, "3.2.1");
    assert_string_equal(desc.project_name, "device");
}

static void a_descriptor_is_written_only_on_success(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_app_desc_t desc = {.magic_word = 7};
    const esp_partition_t *slot = device_partition("ota_1");
    assert_int_equal(esp_ota_get_partition_description(NULL, &desc), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_get_partition_description(slot, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_get_partition_description(device_partition("storage"), &desc),
                     ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_ota_get_partition_description(slot, &desc), ESP_ERR_NOT_FOUND);
    g_flash.fail_read = g_flash.reads + 1;
    assert_int_equal(esp_ota_get_partition_description(slot, &desc), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(desc.magic_word, 7);
}

static void reads_the_descriptor_of_the_primary_bootloader(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    esp_bootloader_desc_t desc;
    assert_int_equal(esp_ota_get_bootloader_description(NULL, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_get_bootloader_description(NULL, &desc), ESP_ERR_NOT_FOUND);
    esp_bootloader_desc_t put = {.magic_byte = ESP_BOOTLOADER_DESC_MAGIC_BYTE, .version = 5};
    memcpy(device_bytes(0x1000 + 0x20), &put, sizeof(put)); // fact: ESP32's bootloader is at 0x1000
    assert_int_equal(esp_ota_get_bootloader_description(NULL, &desc), ESP_OK);
    assert_int_equal(desc.version, 5);
    assert_int_equal(esp_ota_get_bootloader_description(device_partition("storage"), &desc),
                     ESP_ERR_NOT_FOUND);
}

struct fitness {
    const char *name;
    esp_partition_type_t type;
    esp_image_header_t header;
    uint8_t running_mode;
    uint8_t mode;
    bool without_desc;
    esp_err_t err;
};

static const struct fitness FITNESS[] = {
    {.name = "fits"},
    {.name = "data", .type = ESP_PARTITION_TYPE_DATA, .err = ESP_ERR_INVALID_ARG},
    {.name = "table", .type = ESP_PARTITION_TYPE_PARTITION_TABLE, .err = ESP_ERR_INVALID_ARG},
    {.name = "bootloader", .type = ESP_PARTITION_TYPE_BOOTLOADER},
    {.name = "chip", .header = {.chip_id = ESP_CHIP_ID_ESP32C3}, .err = ESP_ERR_INVALID_VERSION},
    {.name = "bootloader's chip",
     .type = ESP_PARTITION_TYPE_BOOTLOADER,
     .header = {.chip_id = ESP_CHIP_ID_ESP32C3},
     .err = ESP_ERR_INVALID_VERSION},
    {.name = "minimum", .header = {.min_chip_rev_full = 101}, .err = ESP_ERR_INVALID_VERSION},
    {.name = "minimum reached", .header = {.min_chip_rev_full = 100}},
    {.name = "maximum", .header = {.max_chip_rev_full = 99}, .err = ESP_ERR_INVALID_VERSION},
    {.name = "maximum reached", .header = {.max_chip_rev_full = 100}},
    {.name = "no maximum", .header = {.max_chip_rev_full = 65535}},
    {.name = "bootloader's maximum",
     .type = ESP_PARTITION_TYPE_BOOTLOADER,
     .header = {.max_chip_rev_full = 99}},
    {.name = "modes differ", .running_mode = 1, .mode = 2, .err = ESP_ERR_OTA_SPI_MODE_MISMATCH},
    {.name = "modes agree", .running_mode = 2, .mode = 2},
    {.name = "old running image", .running_mode = 0, .mode = 2},
    {.name = "old new image", .running_mode = 2, .mode = 0},
    {.name = "no descriptor", .running_mode = 1, .mode = 2, .without_desc = true},
    {.name = "bootloader's mode",
     .type = ESP_PARTITION_TYPE_BOOTLOADER,
     .running_mode = 1,
     .mode = 2},
    {.name = "chip before mode",
     .header = {.chip_id = ESP_CHIP_ID_ESP32C3},
     .running_mode = 1,
     .mode = 2,
     .err = ESP_ERR_INVALID_VERSION},
};

static void a_header_tells_whether_an_image_fits_the_device(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct boot_handover handover = *boot_handover_get();
    handover.chip.chip_rev = 100;
    boot_handover_set(&handover);
    const esp_app_desc_t before = *esp_app_get_description();
    for (size_t i = 0; i < sizeof(FITNESS) / sizeof(FITNESS[0]); i++) {
        const struct fitness *row = &FITNESS[i];
        print_message("%s\n", row->name);
        esp_app_desc_t running = before;
        running.spi_flash_mode = row->running_mode;
        esp_app_set_description(&running);
        esp_app_desc_t desc = {.spi_flash_mode = row->mode};
        assert_int_equal(
            esp_ota_check_image_validity(row->type, &row->header, row->without_desc ? NULL : &desc),
            row->err);
    }
    esp_app_set_description(&before);
    assert_int_equal(esp_ota_check_image_validity(ESP_PARTITION_TYPE_APP, NULL, NULL),
                     ESP_ERR_INVALID_ARG);
}

static void the_maximum_revision_can_be_switched_off(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct boot_handover handover = *boot_handover_get();
    handover.chip.chip_rev = 100;
    handover.chip.ignore_max_chip_rev = true;
    boot_handover_set(&handover);
    esp_image_header_t header = {.max_chip_rev_full = 1};
    assert_int_equal(esp_ota_check_image_validity(ESP_PARTITION_TYPE_APP, &header, NULL), ESP_OK);
}

static void old_names_answer_as_the_new_ones(void **state)
{
    (void)state;
    char text[65];
    assert_ptr_equal(esp_ota_get_app_description(), esp_app_get_description());
    assert_int_equal(esp_ota_get_app_elf_sha256(text, sizeof(text)), 65);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(reads_the_descriptor_of_an_application),
        FACT(a_descriptor_is_written_only_on_success),
        FACT(reads_the_descriptor_of_the_primary_bootloader),
        FACT(a_header_tells_whether_an_image_fits_the_device),
        FACT(the_maximum_revision_can_be_switched_off),
        FACT(old_names_answer_as_the_new_ones),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
