// Confirming an image, refusing it, and what is known about those that were refused.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "efuse_ops.h"
#include "boot_tally.h"
#include "esp_log.h"
#include "esp_ota_ext.h"

// ota_0 (version 1, confirmed) was updated to ota_1 (version 2), which runs for the first time.
static void start_on_trial(void)
{
    DEVICE_START(.running = "ota_1", .rollback = true);
    device_put_image("factory", "0");
    device_put_image("ota_0", "1");
    device_put_image("ota_1", "2");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    device_put_record(1, 2, ESP_OTA_IMG_PENDING_VERIFY);
}

static const esp_partition_info_t WITHOUT_OTADATA[] = {
    {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
};

static void state_of(const char *label, esp_err_t err, esp_ota_img_states_t expected)
{
    esp_ota_img_states_t state = (esp_ota_img_states_t)77;
    assert_int_equal(esp_ota_get_state_partition(device_partition(label), &state), err);
    assert_int_equal(state, err == ESP_OK ? (uint32_t)expected : 77u);
}

// ----------------------------------------------------------------------- mark valid

static void a_confirmed_image_boots_again(void **state)
{
    (void)state;
    start_on_trial();
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_int_equal(device_record(1).ota_state, ESP_OTA_IMG_VALID);
    assert_int_equal(device_record(1).ota_seq, 2);
    assert_string_equal(device_boot(), "ota_1");
}

static void a_healthy_image_marks_the_starts_that_were_counted(void **state)
{
    (void)state;
    struct boot_tally tally;
    start_on_trial();
    device_forget();
    assert_int_equal(esp_ota_mark_healthy(), ESP_OK);
    assert_int_equal(g_flash.operations, 0); // nothing was counted
    uint32_t otadata = device_partition("otadata")->address;
    assert_int_equal(boot_tally_read(NULL, otadata, 1, &tally), ESP_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(boot_tally_count_start(NULL, otadata, 1, &tally), ESP_OK);
    }
    assert_int_equal(esp_ota_mark_healthy(), ESP_OK);
    assert_int_equal(boot_tally_read(NULL, otadata, 1, &tally), ESP_OK);
    assert_int_equal(tally.healthy, 3);
    device_put_record(1, 3, ESP_OTA_IMG_VALID); // another slot is chosen
    assert_int_equal(esp_ota_mark_healthy(), ESP_FAIL);
}

static void an_unconfirmed_image_does_not_boot_again(void **state)
{
    (void)state;
    start_on_trial();
    assert_string_equal(device_boot(), "ota_0");
    assert_int_equal(device_record(1).ota_state, ESP_OTA_IMG_ABORTED);
}

static void confirming_twice_writes_once(void **state)
{
    (void)state;
    start_on_trial();
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    device_forget();
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_int_equal(g_flash.operations, 0);
}

static void confirming_leaves_the_other_record_alone(void **state)
{
    (void)state;
    start_on_trial();
    uint64_t other = device_sum(0xD000, 0xE000);
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_true(device_sum(0xD000, 0xE000) == other);
}

static void any_active_record_can_be_confirmed(void **state)
{
    (void)state;
    const uint32_t states[] = {ESP_OTA_IMG_NEW, ESP_OTA_IMG_PENDING_VERIFY, ESP_OTA_IMG_UNDEFINED};
    for (size_t i = 0; i < 3; i++) {
        start_on_trial();
        device_put_record(1, 2, states[i]);
        assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
        state_of("ota_1", ESP_OK, ESP_OTA_IMG_VALID);
    }
}

static void marking_needs_otadata_and_an_active_record(void **state)
{
    (void)state;
    DEVICE_START(.running = "factory", .rollback = true);
    device_put_image("factory", "0");
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_FAIL);
    assert_int_equal(esp_ota_mark_app_invalid_rollback(), ESP_FAIL);
    assert_int_equal(esp_ota_mark_app_invalid_rollback_and_reboot(), ESP_FAIL);
    assert_false(esp_ota_check_rollback_is_possible());
    DEVICE_START(.running = "ota_0", .table = WITHOUT_OTADATA, .table_count = 1);
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_mark_app_invalid_rollback(), ESP_ERR_NOT_FOUND);
    assert_false(esp_ota_check_rollback_is_possible());
}

static void a_failed_confirmation_can_be_repeated(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 2; k++) {
        start_on_trial();
        g_flash.fail_at = k;
        assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_ERR_FLASH_OP_FAIL);
        if (k == 1) { // nothing was erased yet
            assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
        }
    }
}

struct burning_efuse {
    struct efuse efuse;
    uint32_t bits;
    bool fails;
};

static uint32_t fake_bit_count(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    return field == EFUSE_SECURE_VERSION ? 32 : 0;
}

static esp_err_t fake_read(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    (void)field;
    memcpy(bits, &((struct burning_efuse *)efuse)->bits, 4);
    return ESP_OK;
}

static esp_err_t fake_burn(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    (void)field;
    struct burning_efuse *fuses = (struct burning_efuse *)efuse;
    uint32_t burnt;
    memcpy(&burnt, bits, 4);
    fuses->bits |= fuses->fails ? 0 : burnt;
    return fuses->fails ? ESP_FAIL : ESP_OK;
}

static const struct efuse_ops BURNING_EFUSE = {
    .bit_count = fake_bit_count, .read = fake_read, .burn = fake_burn};

static void confirming_raises_the_devices_version(void **state)
{
    (void)state;
    for (int fails = 0; fails <= 1; fails++) {
        struct burning_efuse fuses = {.efuse = {.ops = &BURNING_EFUSE}, .bits = 1, .fails = fails};
        DEVICE_START(.running = "ota_1", .anti_rollback = true);
        efuse_default = &fuses.efuse;
        struct device_image image = DEVICE_IMAGE(.len = 2000, .secure_version = 4);
        device_put("ota_1", image.bytes, image.len);
        free(image.bytes);
        device_put_record(0, 2, ESP_OTA_IMG_PENDING_VERIFY);
        assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), fails ? ESP_FAIL : ESP_OK);
        assert_int_equal(fuses.bits, fails ? 1 : 15);
    }
    efuse_default = NULL;
}

// ----------------------------------------------------------------------- mark invalid

static void a_refused_image_gives_way_to_the_other(void **state)
{
    (void)state;
    start_on_trial();
    assert_true(esp_ota_check_rollback_is_possible());
    assert_int_equal(esp_ota_mark_app_invalid_rollback(), ESP_OK);
    assert_int_equal(device_record(1).ota_state, ESP_OTA_IMG_INVALID);
    assert_string_equal(device_boot(), "ota_0");
}

static void the_last_bootable_image_cannot_be_refused(void **state)
{
    (void)state;
    start_on_trial();
    *device_bytes(0x20000 + 500) ^= 1;
    uint64_t choice = device_choice();
    assert_false(esp_ota_check_rollback_is_possible());
    assert_int_equal(esp_ota_mark_app_invalid_rollback(), ESP_ERR_OTA_ROLLBACK_FAILED);
    assert_int_equal(esp_ota_mark_app_invalid_rollback_and_reboot(), ESP_ERR_OTA_ROLLBACK_FAILED);
    assert_true(device_choice() == choice);
}

static void without_another_record_factory_must_be_whole(void **state)
{
    (void)state;
    start_on_trial();
    memset(device_bytes(0xD000), 0xFF, 4096);
    assert_true(esp_ota_check_rollback_is_possible());
    *device_bytes(0x10000 + 500) ^= 1;
    assert_false(esp_ota_check_rollback_is_possible());
    *device_bytes(0x10000 + 500) ^= 1;
    struct boot_handover handover = *boot_handover_get();
    handover.anti_rollback = true;
    boot_handover_set(&handover);
    assert_false(esp_ota_check_rollback_is_possible());
}

static void rolling_back_respects_the_devices_version(void **state)
{
    (void)state;
    struct burning_efuse fuses = {.efuse = {.ops = &BURNING_EFUSE}, .bits = 1};
    start_on_trial(); // secure version 0
    struct boot_handover handover = *boot_handover_get();
    handover.anti_rollback = true;
    boot_handover_set(&handover);
    efuse_default = &fuses.efuse;
    assert_false(esp_ota_check_rollback_is_possible());
    fuses.bits = 0;
    assert_true(esp_ota_check_rollback_is_possible());
    efuse_default = NULL;
}

// ----------------------------------------------------------------------- what became of images

static void the_last_invalid_partition_is_the_one_that_was_refused(void **state)
{
    (void)state;
    const uint32_t states[] = {ESP_OTA_IMG_INVALID, ESP_OTA_IMG_ABORTED};
    start_on_trial();
    assert_null(esp_ota_get_last_invalid_partition());
    for (size_t i = 0; i < 2; i++) {
        device_put_record(1, 2, states[i]);
        assert_ptr_equal(esp_ota_get_last_invalid_partition(), device_partition("ota_1"));
    }
    *device_bytes(0x30000 + 500) ^= 1;
    assert_null(esp_ota_get_last_invalid_partition());
}

static void of_two_refused_images_the_older_is_the_last(void **state)
{
    (void)state;
    start_on_trial();
    device_put_record(0, 3, ESP_OTA_IMG_INVALID);
    device_put_record(1, 2, ESP_OTA_IMG_ABORTED);
    assert_ptr_equal(esp_ota_get_last_invalid_partition(), device_partition("ota_1"));
    device_bytes(0xE000)[28] ^= 1; // CRC
    assert_ptr_equal(esp_ota_get_last_invalid_partition(), device_partition("ota_0"));
}

static void the_state_comes_from_the_newest_record_of_the_slot(void **state)
{
    (void)state;
    start_on_trial();
    state_of("ota_0", ESP_OK, ESP_OTA_IMG_VALID);
    state_of("ota_1", ESP_OK, ESP_OTA_IMG_PENDING_VERIFY);
    device_put_record(0, 2, ESP_OTA_IMG_INVALID);
    device_put_record(1, 4, ESP_OTA_IMG_NEW);
    state_of("ota_1", ESP_OK, ESP_OTA_IMG_NEW);
    state_of("ota_0", ESP_ERR_NOT_FOUND, 0);
}

static void only_slots_have_a_state(void **state)
{
    (void)state;
    start_on_trial();
    esp_ota_img_states_t ota_state;
    assert_int_equal(esp_ota_get_state_partition(NULL, &ota_state), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_get_state_partition(device_partition("ota_0"), NULL),
                     ESP_ERR_INVALID_ARG);
    state_of("factory", ESP_ERR_NOT_SUPPORTED, 0);
    state_of("test", ESP_ERR_NOT_SUPPORTED, 0);
    state_of("storage", ESP_ERR_NOT_SUPPORTED, 0);
    device_bytes(0xD000)[28] ^= 1; // CRC
    state_of("ota_0", ESP_ERR_NOT_FOUND, 0);
    DEVICE_START(.running = "ota_0", .table = WITHOUT_OTADATA, .table_count = 1);
    state_of("ota_0", ESP_ERR_NOT_FOUND, 0);
}

// ----------------------------------------------------------------------- erase the last

static void the_last_application_and_its_record_can_be_erased(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    start_on_trial();
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_OK);
    assert_int_equal(device_record(0).ota_seq, UINT32_MAX);
    assert_int_equal(device_record(1).ota_seq, 2);
    assert_int_equal(g_flash.erased_bytes, DEVICE_SLOT_SIZE + OTADATA_SECTOR_SIZE);
    assert_int_equal(*device_bytes(0x20000), 0xFF);
}

static void the_inactive_record_alone_can_be_erased(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    start_on_trial();
    assert_int_equal(esp_ota_invalidate_inactive_ota_data_slot(), ESP_OK);
    assert_int_equal(device_record(0).ota_seq, UINT32_MAX);
    assert_int_equal(*device_bytes(0x20000), 0xE9);
}

static void nothing_is_erased_that_is_needed(void **state)
{
    (void)state;
    start_on_trial();
    struct boot_handover handover = *boot_handover_get();
    handover.app_address = 0x20000; // the inactive record names the slot that runs
    boot_handover_set(&handover);
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_FAIL);
    start_on_trial();
    device_bytes(0xD000)[28] ^= 1; // CRC of the inactive record
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_FAIL);
    start_on_trial();
    memset(device_bytes(0xD000), 0xFF, 0x2000);
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_FAIL);
    assert_int_equal(esp_ota_invalidate_inactive_ota_data_slot(), ESP_FAIL);
    DEVICE_START(.running = "ota_0", .table = WITHOUT_OTADATA, .table_count = 1);
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_FAIL);
    assert_int_equal(g_flash.operations, 0);
}

static void a_failed_erase_is_reported(void **state)
{
    (void)state;
    start_on_trial();
    g_flash.fail_at = 1;
    assert_int_equal(esp_ota_erase_last_boot_app_partition(), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(device_record(0).ota_seq, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(a_confirmed_image_boots_again),
        FACT(a_healthy_image_marks_the_starts_that_were_counted),
        FACT(an_unconfirmed_image_does_not_boot_again),
        FACT(confirming_twice_writes_once),
        FACT(confirming_leaves_the_other_record_alone),
        FACT(any_active_record_can_be_confirmed),
        FACT(marking_needs_otadata_and_an_active_record),
        FACT(a_failed_confirmation_can_be_repeated),
        FACT(confirming_raises_the_devices_version),
        FACT(a_refused_image_gives_way_to_the_other),
        FACT(the_last_bootable_image_cannot_be_refused),
        FACT(without_another_record_factory_must_be_whole),
        FACT(rolling_back_respects_the_devices_version),
        FACT(the_last_invalid_partition_is_the_one_that_was_refused),
        FACT(of_two_refused_images_the_older_is_the_last),
        FACT(the_state_comes_from_the_newest_record_of_the_slot),
        FACT(only_slots_have_a_state),
        FACT(the_last_application_and_its_record_can_be_erased),
        FACT(the_inactive_record_alone_can_be_erased),
        FACT(nothing_is_erased_that_is_needed),
        FACT(a_failed_erase_is_reported),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
