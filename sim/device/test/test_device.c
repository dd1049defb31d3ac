// A device is what its flash file, its eFuse file and the images on it say.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "esp_app_desc.h"
#include "esp_log.h"
#include "image_encode.h"
#include "nor_flash.h"
#include "sim_efuse.h"

#define FLASH_SIZE 0x400000u
#define OTADATA    0xD000u
#define FACTORY    0x10000u
#define OTA_0      0x110000u
#define OTA_1      0x210000u
#define SLOT_SIZE  0x100000u

struct fixture {
    char folder[64];
    char path[96];
    char efuse_path[112];
};

static struct fixture s_fixture; // one test at a time

static int make_folder(void **state)
{
    struct fixture *f = &s_fixture;
    strcpy(f->folder, "/tmp/device.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/dev.bin", f->folder);
    (void)snprintf(f->efuse_path, sizeof(f->efuse_path), "%s/dev.bin.efuse", f->folder);
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);       // not every test has one
    (void)unlink(f->efuse_path); // not every test has one
    return rmdir(f->folder);
}

// ----------------------------------------------------------------------- what stands on flash

static void put_entry(esp_partition_info_t *entry, uint8_t type, uint8_t subtype, uint32_t offset,
                      uint32_t size, const char *label)
{
    *entry = (esp_partition_info_t){
        .magic = ESP_PARTITION_MAGIC, .type = type, .subtype = subtype, .pos = {offset, size}};
    memcpy(entry->label, label, strlen(label));
}

static esp_flash_t *create_flash(const struct fixture *f)
{
    esp_partition_info_t entries[4];
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    esp_flash_t *flash;
    put_entry(&entries[0], PART_TYPE_DATA, PART_SUBTYPE_DATA_OTA, OTADATA, 0x2000, "otadata");
    put_entry(&entries[1], PART_TYPE_APP, PART_SUBTYPE_FACTORY, FACTORY, SLOT_SIZE, "factory");
    put_entry(&entries[2], PART_TYPE_APP, 0x10, OTA_0, SLOT_SIZE, "ota_0");
    put_entry(&entries[3], PART_TYPE_APP, 0x11, OTA_1, SLOT_SIZE, "a_label_of_16_ch");
    assert_int_equal(partition_table_encode(entries, 4, true, table), ESP_OK);
    assert_int_equal(nor_flash_create(f->path, FLASH_SIZE), ESP_OK);
    assert_int_equal(nor_flash_open(f->path, false, &flash), ESP_OK);
    assert_int_equal(esp_flash_write(flash, table, 0x8000, sizeof(table)), ESP_OK);
    return flash;
}

static void put_image(esp_flash_t *flash, uint32_t address, esp_chip_id_t chip, uint16_t min_rev,
                      const char *version)
{
    uint8_t image[1024];
    struct image_encode_spec spec = {
        .chip_id = chip, .project = "test", .version = version, .min_chip_rev = min_rev};
    assert_true(image_encode_len(&spec) <= sizeof(image));
    assert_int_equal(image_encode(&spec, image), ESP_OK);
    assert_int_equal(esp_flash_write(flash, image, address, image_encode_len(&spec)), ESP_OK);
}

static void put_record(esp_flash_t *flash, int index, uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq);
    assert_int_equal(otadata_write(flash, OTADATA, index, &record), ESP_OK);
}

static struct device *open_device(const struct fixture *f, struct device_options options)
{
    struct device *device = NULL;
    assert_int_equal(device_open(f->path, &options, &device), ESP_OK);
    return device;
}

static esp_err_t try_to_open(const struct fixture *f, struct device_options options)
{
    struct device *device = (struct device *)&options; // anything but NULL
    esp_err_t err = device_open(f->path, &options, &device);
    assert_null(device);
    return err;
}

// ----------------------------------------------------------------------- identity

static void the_efuse_file_says_what_the_chip_is(void **state)
{
    const struct fixture *f = *state;
    struct chip_identity chip = {.chip_id = ESP_CHIP_ID_ESP32C3, .chip_rev = 4, .blk_rev = 103};
    nor_flash_close(create_flash(f));
    assert_int_equal(sim_efuse_create(f->efuse_path, &chip), ESP_OK);

    struct device *device = open_device(f, (struct device_options){0});
    assert_int_equal(device->chip_source, DEVICE_CHIP_FROM_EFUSE);
    assert_int_equal(device->chip.chip_id, ESP_CHIP_ID_ESP32C3);
    assert_int_equal(device->chip.chip_rev, 4);
    assert_int_equal(device->chip.blk_rev, 103);
    assert_ptr_equal(efuse_default, device->efuse);
    assert_ptr_equal(esp_flash_default_chip, device->flash);
    assert_int_equal(boot_handover_get()->chip.chip_id, ESP_CHIP_ID_ESP32C3);
    device_close(device);
    assert_null(efuse_default);
    assert_null(esp_flash_default_chip);
}

static void without_efuses_the_images_tell_chip_and_highest_minimum_revision(void **state)
{
    const struct fixture *f = *state;
    esp_flash_t *flash = create_flash(f);
    put_image(flash, FACTORY, ESP_CHIP_ID_ESP32C3, 3, "1");
    put_image(flash, OTA_1, ESP_CHIP_ID_ESP32C3, 101, "2");
    nor_flash_close(flash);

    struct device *device = open_device(f, (struct device_options){.read_only = true});
    assert_int_equal(device->chip_source, DEVICE_CHIP_FROM_IMAGES);
    assert_int_equal(device->chip.chip_id, ESP_CHIP_ID_ESP32C3);
    assert_int_equal(device->chip.chip_rev, 101);
    device_close(device);
}

static void an_image_of_another_chip_in_a_later_slot_does_not_count(void **state)
{
    const struct fixture *f = *state;
    esp_flash_t *flash = create_flash(f);
    put_image(flash, OTA_0, ESP_CHIP_ID_ESP32C3, 500, "other");
    put_image(flash, OTA_1, ESP_CHIP_ID_ESP32, 100, "mine");
    put_record(flash, 0, 2, ESP_OTA_IMG_VALID); // ota_1 is what boots
    nor_flash_close(flash);

    struct device *device = open_device(f, (struct device_options){0});
    assert_int_equal(device->chip.chip_id, ESP_CHIP_ID_ESP32);
    assert_int_equal(device->chip.chip_rev, 100);
    device_close(device);
}

static void an_unknown_chip_is_an_error_unless_it_does_not_matter(void **state)
{
    const struct fixture *f = *state;
    nor_flash_close(create_flash(f));
    assert_int_equal(try_to_open(f, (struct device_options){0}), ESP_ERR_NOT_FOUND);

    struct device *device = open_device(f, (struct device_options){.is_chip_optional = true});
    assert_int_equal(device->chip.chip_id, ESP_CHIP_ID_INVALID);
    device_close(device);
}

static void a_given_chip_wins_and_a_wrong_name_is_refused(void **state)
{
    const struct fixture *f = *state;
    nor_flash_close(create_flash(f));
    struct device *device = open_device(f, (struct device_options){.chip = "ESP32-S3"});
    assert_int_equal(device->chip_source, DEVICE_CHIP_GIVEN);
    assert_int_equal(device->chip.chip_id, ESP_CHIP_ID_ESP32S3);
    device_close(device);
    assert_int_equal(try_to_open(f, (struct device_options){.chip = "z80"}), ESP_ERR_INVALID_ARG);
}

// ----------------------------------------------------------------------- opening

static void a_flash_without_a_table_is_refused(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(nor_flash_create(f->path, FLASH_SIZE), ESP_OK);
    assert_int_equal(try_to_open(f, (struct device_options){.chip = "esp32"}),
                     ESP_ERR_INVALID_STATE);
}

static void a_flash_smaller_than_the_table_offset_is_refused(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(nor_flash_create(f->path, 0x8000), ESP_OK);
    assert_int_not_equal(try_to_open(f, (struct device_options){.chip = "esp32"}), ESP_OK);
}

static void a_missing_file_is_not_found(void **state)
{
    assert_int_equal(try_to_open(*state, (struct device_options){0}), ESP_ERR_NOT_FOUND);
}

static void a_damaged_efuse_file_is_refused(void **state)
{
    const struct fixture *f = *state;
    nor_flash_close(create_flash(f));
    FILE *file = fopen(f->efuse_path, "wb");
    assert_non_null(file);
    assert_int_equal(fputs("not an eFuse file", file) >= 0, true);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(try_to_open(f, (struct device_options){.chip = "esp32"}),
                     ESP_ERR_INVALID_SIZE);
}

static void a_label_is_found_whole_even_when_it_fills_its_field(void **state)
{
    const struct fixture *f = *state;
    nor_flash_close(create_flash(f));
    struct device *device = open_device(f, (struct device_options){.chip = "esp32"});
    assert_int_equal(device_find_label(device, "ota_0"), 2);
    assert_int_equal(device_find_label(device, "ota_"), -1);
    assert_int_equal(device_find_label(device, "a_label_of_16_ch"), 3);
    assert_int_equal(device_find_label(device, "a_label_of_16_chars"), -1);
    assert_int_equal(device_entry(device, 2).pos.offset, OTA_0);
    device_close(device);
}

// ----------------------------------------------------------------------- booting

static void an_unconfirmed_image_runs_until_the_next_power_on(void **state)
{
    const struct fixture *f = *state;
    esp_flash_t *flash = create_flash(f);
    put_image(flash, FACTORY, ESP_CHIP_ID_ESP32, 0, "1");
    put_image(flash, OTA_0, ESP_CHIP_ID_ESP32, 0, "2");
    put_record(flash, 0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    nor_flash_close(flash);

    struct device *device = open_device(f, (struct device_options){.rollback = true});
    assert_int_equal(device_start_application(device, NULL), ESP_OK);
    assert_int_equal(boot_handover_get()->app_address, OTA_0);
    assert_true(boot_handover_get()->rollback);
    assert_string_equal(esp_app_get_description()->version, "2");

    struct boot_decision decision;
    assert_int_equal(device_boot(device, true, true, &decision), ESP_OK);
    assert_int_equal(decision.booted, BOOT_INDEX_FACTORY);
    device_close(device);
}

static void a_dry_run_writes_nothing_and_a_boot_does(void **state)
{
    const struct fixture *f = *state;
    esp_flash_t *flash = create_flash(f);
    put_image(flash, OTA_1, ESP_CHIP_ID_ESP32, 0, "2");
    put_record(flash, 1, 2, ESP_OTA_IMG_NEW);
    nor_flash_close(flash);

    struct device *device = open_device(f, (struct device_options){0});
    struct boot_decision decision;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    assert_int_equal(device_boot(device, true, true, &decision), ESP_OK);
    assert_int_equal(nor_flash_get_stats(device->flash).program_count, 0);
    assert_int_equal(device_boot(device, true, false, &decision), ESP_OK);
    assert_int_equal(decision.booted, 1);
    assert_int_equal(otadata_read(device->flash, OTADATA, records), ESP_OK);
    assert_int_equal(records[1].ota_state, ESP_OTA_IMG_PENDING_VERIFY);
    device_close(device);
}

static void with_nothing_bootable_no_application_runs(void **state)
{
    const struct fixture *f = *state;
    nor_flash_close(create_flash(f));
    struct device *device = open_device(f, (struct device_options){.chip = "esp32"});
    struct boot_decision decision;
    assert_int_equal(device_start_application(device, &decision), ESP_OK);
    assert_int_equal(decision.booted, BOOT_INDEX_NONE);
    assert_int_equal(boot_handover_get()->app_address, BOOT_APP_ADDRESS_NONE);
    device_close(device);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(the_efuse_file_says_what_the_chip_is),
        FACT(without_efuses_the_images_tell_chip_and_highest_minimum_revision),
        FACT(an_image_of_another_chip_in_a_later_slot_does_not_count),
        FACT(an_unknown_chip_is_an_error_unless_it_does_not_matter),
        FACT(a_given_chip_wins_and_a_wrong_name_is_refused),
        FACT(a_flash_without_a_table_is_refused),
        FACT(a_flash_smaller_than_the_table_offset_is_refused),
        FACT(a_missing_file_is_not_found),
        FACT(a_damaged_efuse_file_is_refused),
        FACT(a_label_is_found_whole_even_when_it_fills_its_field),
        FACT(an_unconfirmed_image_runs_until_the_next_power_on),
        FACT(a_dry_run_writes_nothing_and_a_boot_does),
        FACT(with_nothing_bootable_no_application_runs),
    };
    esp_log_level_set("*", ESP_LOG_NONE); // the refusals are the point
    device_close(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
