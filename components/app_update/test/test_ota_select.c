// What boots next: choosing it, asking for it, and where the next update goes.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "efuse_ops.h"
#include "esp_log.h"

static esp_err_t choose(const char *label)
{
    return esp_ota_set_boot_partition(device_partition(label));
}

static const char *label_of(const esp_partition_t *partition)
{
    return partition ? partition->label : "none";
}

// ----------------------------------------------------------------------- set_boot_partition

static void a_choice_needs_a_partition_of_the_table(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    device_put_image("ota_0", "1");
    esp_partition_t foreign = *device_partition("ota_0");
    foreign.address += 4096;
    assert_int_equal(esp_ota_set_boot_partition(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_set_boot_partition(&foreign), ESP_ERR_NOT_FOUND);
    assert_int_equal(g_flash.operations, 0);
}

static void a_choice_needs_a_whole_image(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    assert_int_equal(choose("ota_0"), ESP_ERR_OTA_VALIDATE_FAILED);
    device_put_image("ota_0", "1");
    *device_bytes(0x20000 + 500) ^= 1;
    assert_int_equal(choose("ota_0"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(choose("storage"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(g_flash.operations, 0);
}

static void a_partition_that_is_no_application_cannot_boot(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "factory");
    device_put_image("storage", "1");
    assert_int_equal(choose("storage"), ESP_ERR_INVALID_ARG);
    device_put_image("test", "1");
    assert_int_equal(choose("test"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_set_boot_partition_skip_validate(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(g_flash.operations, 0);
}

struct choice {
    const char *name;
    uint32_t seq[2];
    const char *slot;
    int index;
    uint32_t written;
};

static const struct choice CHOICES[] = {
    {"first choice is slot 0", {0, 0}, "ota_0", 0, 1},
    {"first choice is slot 1", {0, 0}, "ota_1", 0, 2},
    {"the other slot, from record 0", {1, 0}, "ota_1", 1, 2},
    {"the other slot, from record 1", {1, 2}, "ota_0", 0, 3},
    {"the same slot stays in its record", {1, 2}, "ota_1", 1, 2},
    {"numbers need not be small", {1000, 999}, "ota_0", 1, 1001},
};

static void a_choice_is_one_record(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    for (size_t i = 0; i < 2 * sizeof(CHOICES) / sizeof(CHOICES[0]); i++) {
        const struct choice *row = &CHOICES[i / 2];
        bool rollback = i % 2;
        print_message("%s%s\n", row->name, rollback ? ", rollback" : "");
        DEVICE_START(.running = "factory", .rollback = rollback);
        for (int n = 0; n < 2; n++) {
            if (row->seq[n]) {
                device_put_record(n, row->seq[n], ESP_OTA_IMG_VALID);
            }
        }
        device_put_image(row->slot, "1");
        assert_int_equal(choose(row->slot), ESP_OK);
        esp_ota_select_entry_t record = device_record(row->index);
        assert_int_equal(record.ota_seq, row->written);
        assert_int_equal(record.crc, otadata_crc(row->written));
        assert_int_equal(record.ota_state, rollback ? ESP_OTA_IMG_NEW : ESP_OTA_IMG_UNDEFINED);
        uint32_t other = row->seq[1 - row->index];
        assert_int_equal(device_record(1 - row->index).ota_seq, other ? other : UINT32_MAX);
        assert_string_equal(label_of(esp_ota_get_boot_partition()), row->slot);
        assert_string_equal(device_boot(), row->slot);
    }
}

static void choosing_factory_erases_otadata(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    device_put_record(1, 2, ESP_OTA_IMG_VALID);
    device_put_image("factory", "1");
    assert_int_equal(choose("factory"), ESP_OK);
    assert_int_equal(device_record(0).ota_seq, UINT32_MAX);
    assert_int_equal(device_record(1).ota_seq, UINT32_MAX);
    assert_string_equal(device_boot(), "factory");
}

static void on_the_way_to_factory_no_older_image_boots(void **state)
{
    (void)state;
    for (int active = 0; active <= 1; active++) {
        DEVICE_START(.running = active ? "ota_1" : "ota_0");
        device_put_record(active, 4u - (active ? 0u : 1u), ESP_OTA_IMG_VALID);
        device_put_record(1 - active, active ? 3 : 2, ESP_OTA_IMG_VALID);
        device_put_image("factory", "1");
        device_put_image("ota_0", "2");
        device_put_image("ota_1", "3");
        g_flash.fail_at = 2; // the second erase
        assert_int_equal(choose("factory"), ESP_ERR_FLASH_OP_FAIL);
        assert_string_equal(device_boot(), active ? "ota_1" : "ota_0");
    }
}

static void a_choice_needs_otadata(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 0, .subtype = 0, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "factory"},
        {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    };
    DEVICE_START(.running = "factory", .table = TABLE, .table_count = 2);
    device_put_image("factory", "1");
    device_put_image("ota_0", "1");
    assert_int_equal(choose("factory"), ESP_ERR_NOT_FOUND);
    assert_int_equal(choose("ota_0"), ESP_ERR_NOT_FOUND);
    assert_null(esp_ota_get_boot_partition());
}

static void a_slot_behind_a_hole_in_the_numbering_cannot_be_chosen(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
        {.type = 0, .subtype = 0x15, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_5"},
    };
    DEVICE_START(.running = "ota_0", .table = TABLE, .table_count = 3);
    device_put_image("ota_5", "1");
    assert_int_equal(esp_ota_get_app_partition_count(), 1);
    assert_int_equal(choose("ota_5"), ESP_ERR_INVALID_ARG);
}

static void numbers_that_are_used_up_are_an_error_not_a_wrong_slot(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    device_put_record(0, UINT32_MAX - 1, ESP_OTA_IMG_VALID); // slot 1
    device_put_image("ota_0", "1");
    uint64_t choice = device_choice();
    assert_int_equal(choose("ota_0"), ESP_ERR_INVALID_STATE);
    assert_true(device_choice() == choice);
}

static void a_failed_choice_leaves_the_old_record(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 3; k++) {
        DEVICE_START(.running = "ota_0");
        device_put_record(0, 1, ESP_OTA_IMG_VALID);
        device_put_image("ota_0", "1");
        device_put_image("ota_1", "2");
        g_flash.fail_at = k;
        assert_int_equal(choose("ota_1"), ESP_ERR_FLASH_OP_FAIL);
        assert_string_equal(device_boot(), "ota_0");
        assert_int_equal(choose("ota_1"), ESP_OK);
        assert_string_equal(device_boot(), "ota_1");
    }
}

static void a_record_that_does_not_read_back_is_noticed(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    device_put_image("ota_0", "1");
    device_put_image("ota_1", "2");
    g_flash.loses_bits = true;
    assert_int_equal(choose("ota_1"), ESP_ERR_FLASH_OP_FAIL);
    assert_string_equal(device_boot(), "ota_0");
}

static void without_validation_anything_can_be_chosen_and_the_bootloader_falls_back(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    device_put_image("factory", "1");
    assert_int_equal(esp_ota_set_boot_partition_skip_validate(device_partition("ota_1")), ESP_OK);
    assert_string_equal(label_of(esp_ota_get_boot_partition()), "ota_1");
    assert_string_equal(device_boot(), "factory");
}

// ----------------------------------------------------------------------- verified once

static void an_image_that_was_just_verified_is_not_read_again(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 30000);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    device_forget();
    g_flash.is_unmapped = true; // whatever is read goes through read
    assert_int_equal(choose("ota_1"), ESP_OK);
    assert_in_range(g_flash.read_bytes, 1, 1000);
    device_forget();
    g_flash.is_unmapped = true;
    assert_int_equal(choose("ota_1"), ESP_OK);
    assert_in_range(g_flash.read_bytes, 1, 1000);
    free(image.bytes);
}

static void an_image_that_nobody_verified_is_read(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 30000);
    device_put("ota_1", image.bytes, image.len);
    g_flash.is_unmapped = true;
    assert_int_equal(choose("ota_1"), ESP_OK);
    assert_in_range(g_flash.read_bytes, image.len, 3 * image.len);
    free(image.bytes);
}

enum touch { TOUCH_WRITE, TOUCH_ERASE, TOUCH_FLASH, TOUCH_SESSION, TOUCH_COUNT };

static void touch(enum touch how)
{
    const esp_partition_t *slot = device_partition("ota_1");
    esp_ota_handle_t handle;
    if (how == TOUCH_WRITE) {
        assert_int_equal(esp_partition_write(slot, 700, "\0\0\0\0", 4), ESP_OK);
    } else if (how == TOUCH_ERASE) {
        assert_int_equal(esp_partition_erase_range(slot, 4096, 4096), ESP_OK);
    } else if (how == TOUCH_FLASH) {
        assert_int_equal(esp_flash_write(NULL, "\0\0\0\0", slot->address + 700, 4), ESP_OK);
    } else {
        assert_int_equal(esp_ota_begin(slot, 4096, &handle), ESP_OK);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
    }
}

static void an_image_touched_after_its_verification_is_verified_again(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    struct device_image image = DEVICE_IMAGE(.len = 30000);
    for (enum touch how = 0; how < TOUCH_COUNT; how++) {
        print_message("touch %d\n", how);
        DEVICE_START(.running = "ota_0");
        device_put_record(0, 1, ESP_OTA_IMG_VALID);
        uint64_t choice = device_choice();
        assert_int_equal(device_install("ota_1", image), ESP_OK);
        touch(how);
        assert_int_equal(choose("ota_1"), ESP_ERR_OTA_VALIDATE_FAILED);
        assert_true(device_choice() == choice);
    }
    free(image.bytes);
}

static void a_verification_does_not_outlive_the_partition_list(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 30000);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    esp_partition_unload_all();
    assert_int_equal(choose("ota_1"), ESP_OK);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    assert_int_equal(choose("ota_1"), ESP_OK);
    free(image.bytes);
}

static void a_verification_is_about_one_slot(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory");
    struct device_image image = DEVICE_IMAGE(.len = 3000);
    assert_int_equal(device_install("ota_0", image), ESP_OK);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    *device_bytes(0x20000 + 900) ^= 1;
    assert_int_equal(choose("ota_0"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(choose("ota_1"), ESP_OK);
    free(image.bytes);
}

static void an_image_that_failed_is_not_taken_for_verified(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 3000);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    image.bytes[900] ^= 1;
    assert_int_equal(device_install("ota_1", image), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(choose("ota_1"), ESP_ERR_OTA_VALIDATE_FAILED);
    free(image.bytes);
}

// ----------------------------------------------------------------------- anti-rollback

struct fake_efuse {
    struct efuse efuse;
    uint32_t bits;
};

static uint32_t fake_bit_count(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    return field == EFUSE_SECURE_VERSION ? 32 : 0;
}

static esp_err_t fake_read(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    (void)field;
    memcpy(bits, &((struct fake_efuse *)efuse)->bits, 4);
    return ESP_OK;
}

static const struct efuse_ops FAKE_EFUSE = {.bit_count = fake_bit_count, .read = fake_read};

static void an_image_below_the_devices_version_is_refused_and_erased(void **state)
{
    (void)state;
    struct fake_efuse fuses = {.efuse = {.ops = &FAKE_EFUSE}, .bits = 7};
    for (uint32_t version = 2; version <= 3; version++) {
        DEVICE_START(.running = "ota_0", .anti_rollback = true);
        efuse_default = &fuses.efuse;
        device_put_record(0, 1, ESP_OTA_IMG_VALID);
        uint64_t choice = device_choice();
        struct device_image image = DEVICE_IMAGE(.len = 3000, .secure_version = version);
        assert_int_equal(device_install("ota_1", image), ESP_OK);
        if (version < 3) {
            assert_int_equal(choose("ota_1"), ESP_ERR_OTA_SMALL_SEC_VER);
            assert_true(device_choice() == choice);
            assert_int_equal(*device_bytes(0x30000), 0xFF);
        } else {
            assert_int_equal(choose("ota_1"), ESP_OK);
        }
        free(image.bytes);
    }
    efuse_default = NULL;
}

// ----------------------------------------------------------------------- lookups

static void the_running_partition_is_the_one_that_was_started(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_1");
    assert_string_equal(label_of(esp_ota_get_running_partition()), "ota_1");
    DEVICE_START(.running = "test");
    assert_string_equal(label_of(esp_ota_get_running_partition()), "test");
    DEVICE_START(.running = NULL);
    assert_null(esp_ota_get_running_partition());
}

static void without_a_good_record_the_default_boots(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_1");
    assert_string_equal(label_of(esp_ota_get_boot_partition()), "factory");
    device_put_record(0, 2, ESP_OTA_IMG_INVALID);
    device_put_record(1, 3, ESP_OTA_IMG_ABORTED);
    assert_string_equal(label_of(esp_ota_get_boot_partition()), "factory");
    device_put_record(0, 2, ESP_OTA_IMG_VALID);
    assert_string_equal(label_of(esp_ota_get_boot_partition()), "ota_1");
    device_bytes(0xD000)[28] ^= 1; // CRC
    assert_string_equal(label_of(esp_ota_get_boot_partition()), "factory");
}

static void the_default_is_factory_then_a_slot_then_test(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 0, .subtype = 0x20, .pos = {0x40000, DEVICE_SLOT_SIZE}, .label = "test"},
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x12, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_2"},
        {.type = 0, .subtype = 0, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "factory"},
    };
    static const char *const EXPECTED[] = {"none", "none", "test", "ota_2", "factory"};
    for (uint32_t count = 2; count <= 4; count++) {
        DEVICE_START(.table = TABLE, .table_count = count);
        assert_string_equal(label_of(esp_ota_get_boot_partition()), EXPECTED[count]);
    }
}

static void the_next_update_goes_to_the_next_slot(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } ROWS[] = {{"factory", "ota_0"}, {"test", "ota_0"}, {"ota_0", "ota_1"}, {"ota_1", "ota_0"}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        DEVICE_START(.running = ROWS[i].from);
        assert_string_equal(label_of(esp_ota_get_next_update_partition(NULL)), ROWS[i].to);
        assert_string_equal(
            label_of(esp_ota_get_next_update_partition(device_partition(ROWS[i].from))),
            ROWS[i].to);
    }
    DEVICE_START(.running = NULL);
    assert_string_equal(label_of(esp_ota_get_next_update_partition(NULL)), "ota_0");
}

static void the_next_update_skips_holes_in_the_numbering(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x1F, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "ota_15"},
        {.type = 0, .subtype = 0x12, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_2"},
        {.type = 0, .subtype = 0x15, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_5"},
    };
    DEVICE_START(.running = "ota_2", .table = TABLE, .table_count = 4);
    assert_string_equal(label_of(esp_ota_get_next_update_partition(NULL)), "ota_5");
    assert_string_equal(label_of(esp_ota_get_next_update_partition(device_partition("ota_5"))),
                        "ota_15");
    assert_string_equal(label_of(esp_ota_get_next_update_partition(device_partition("ota_15"))),
                        "ota_2");
    assert_int_equal(esp_ota_get_app_partition_count(), 0);
}

static void a_single_slot_that_runs_has_no_next(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    };
    DEVICE_START(.running = "ota_0", .table = TABLE, .table_count = 2);
    assert_null(esp_ota_get_next_update_partition(NULL));
    DEVICE_START(.running = NULL, .table = TABLE, .table_count = 2);
    assert_string_equal(label_of(esp_ota_get_next_update_partition(NULL)), "ota_0");
}

static void a_foreign_partition_has_no_next(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    esp_partition_t foreign = *device_partition("ota_0");
    foreign.size += 4096;
    assert_null(esp_ota_get_next_update_partition(&foreign));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(a_choice_needs_a_partition_of_the_table),
        FACT(a_choice_needs_a_whole_image),
        FACT(a_partition_that_is_no_application_cannot_boot),
        FACT(a_choice_is_one_record),
        FACT(choosing_factory_erases_otadata),
        FACT(on_the_way_to_factory_no_older_image_boots),
        FACT(a_choice_needs_otadata),
        FACT(a_slot_behind_a_hole_in_the_numbering_cannot_be_chosen),
        FACT(numbers_that_are_used_up_are_an_error_not_a_wrong_slot),
        FACT(a_failed_choice_leaves_the_old_record),
        FACT(a_record_that_does_not_read_back_is_noticed),
        FACT(without_validation_anything_can_be_chosen_and_the_bootloader_falls_back),
        FACT(an_image_that_was_just_verified_is_not_read_again),
        FACT(an_image_that_nobody_verified_is_read),
        FACT(an_image_touched_after_its_verification_is_verified_again),
        FACT(a_verification_does_not_outlive_the_partition_list),
        FACT(a_verification_is_about_one_slot),
        FACT(an_image_that_failed_is_not_taken_for_verified),
        FACT(an_image_below_the_devices_version_is_refused_and_erased),
        FACT(the_running_partition_is_the_one_that_was_started),
        FACT(without_a_good_record_the_default_boots),
        FACT(the_default_is_factory_then_a_slot_then_test),
        FACT(the_next_update_goes_to_the_next_slot),
        FACT(the_next_update_skips_holes_in_the_numbering),
        FACT(a_single_slot_that_runs_has_no_next),
        FACT(a_foreign_partition_has_no_next),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
