// The bootloader's decision where the reference vectors do not look: dry runs, reasons, odd tables.
// What is decided in which case is proved by the vectors (tests/vectors).

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "boot_select.h"
#include "esp_log.h"
#include "image_encode.h"
#include "nor_flash.h"

#define OTADATA_AT 0xD000u
#define SLOT_SIZE  0x10000u

struct fixture {
    esp_flash_t *chip;
    struct boot_slots slots;
    struct boot_request request;
    struct boot_decision decision;
};

static void put_image_of_version(struct fixture *f, esp_partition_pos_t *pos, uint32_t address,
                                 uint32_t secure_version)
{
    uint8_t image[512];
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32,
                                     .project = "p",
                                     .version = "1",
                                     .secure_version = secure_version};
    assert_true(image_encode_len(&spec) <= sizeof(image));
    assert_int_equal(image_encode(&spec, image), ESP_OK);
    assert_int_equal(esp_flash_write(f->chip, image, address, image_encode_len(&spec)), ESP_OK);
    pos->offset = address;
    pos->size = SLOT_SIZE;
}

static void put_image(struct fixture *f, esp_partition_pos_t *pos, uint32_t address)
{
    put_image_of_version(f, pos, address, 0);
}

static void put_record(struct fixture *f, int index, uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq);
    assert_int_equal(otadata_write(f->chip, OTADATA_AT, index, &record), ESP_OK);
}

static int create(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    assert_int_equal(nor_flash_open_in_memory(1024 * 1024, &f.chip), ESP_OK);
    f.slots.otadata = (esp_partition_pos_t){OTADATA_AT, 0x2000};
    put_image(&f, &f.slots.ota[0], 0x20000);
    put_image(&f, &f.slots.ota[1], 0x30000);
    f.slots.ota_count = 2;
    f.request = (struct boot_request){.chip = f.chip,
                                      .identity = {.chip_id = ESP_CHIP_ID_ESP32},
                                      .slots = &f.slots,
                                      .rollback = true};
    *state = &f;
    return 0;
}

static int destroy(void **state)
{
    nor_flash_close(((struct fixture *)*state)->chip);
    return 0;
}

static void decide(struct fixture *f)
{
    assert_int_equal(boot_select(&f->request, &f->decision), ESP_OK);
}

static void a_dry_run_decides_the_same_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID);
    put_record(f, 1, 2, ESP_OTA_IMG_PENDING_VERIFY);
    uint32_t writes = nor_flash_get_stats(f->chip).program_count;
    f->request.dry_run = true;
    decide(f);
    assert_int_equal(nor_flash_get_stats(f->chip).program_count, writes);
    struct boot_decision dry = f->decision;
    f->request.dry_run = false;
    decide(f);
    assert_int_equal(dry.booted, f->decision.booted);
    assert_int_equal(dry.reason, f->decision.reason);
    assert_memory_equal(dry.after, f->decision.after, sizeof(dry.after));
    assert_int_equal(nor_flash_get_stats(f->chip).program_count, writes + 2);
}

static void tells_a_rollback_from_a_plain_choice(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID);
    put_record(f, 1, 2, ESP_OTA_IMG_NEW);
    decide(f);
    assert_int_equal(f->decision.booted, 1);
    assert_int_equal(f->decision.reason, BOOT_REASON_RECORD);
    decide(f); // not confirmed
    assert_int_equal(f->decision.booted, 0);
    assert_int_equal(f->decision.reason, BOOT_REASON_ROLLED_BACK);
    decide(f);
    assert_int_equal(f->decision.booted, 0);
    assert_int_equal(f->decision.reason, BOOT_REASON_RECORD);
}

static void a_damaged_selection_is_a_fallback_with_its_verdict(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 2, ESP_OTA_IMG_VALID);
    assert_int_equal(esp_flash_erase_region(f->chip, f->slots.ota[1].offset, 4096), ESP_OK);
    decide(f);
    assert_int_equal(f->decision.selected, 1);
    assert_int_equal(f->decision.booted, 0);
    assert_int_equal(f->decision.reason, BOOT_REASON_FALLBACK);
    assert_int_equal(f->decision.try_count, 2);
    assert_int_equal(f->decision.tries[0].fault, IMAGE_BAD_MAGIC);
    assert_int_equal(f->decision.tries[1].fault, IMAGE_OK);
}

static void a_version_burnt_for_the_record_counts_for_the_fallback_too(void **state)
{
    struct fixture *f = *state;
    static const uint32_t none = 0;
    put_image_of_version(f, &f->slots.ota[2], 0x40000, 2);
    put_image_of_version(f, &f->slots.ota[3], 0x50000, 4);
    assert_int_equal(esp_flash_write(f->chip, &none, 0x50000, sizeof(none)), ESP_OK); // its magic
    f->slots.ota_count = 4;
    f->request.anti_rollback = true;
    f->request.secure_version = 1;
    put_record(f, 0, 4, ESP_OTA_IMG_VALID);
    decide(f);
    assert_int_equal(f->decision.selected, 3);
    assert_int_equal(f->decision.secure_version, 4);
    assert_int_equal(f->decision.booted, BOOT_INDEX_NONE); // ota_2 is too old by now
}

static void nothing_bootable_is_a_decision_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(esp_flash_erase_region(f->chip, 0x20000, 0x20000), ESP_OK);
    decide(f);
    assert_int_equal(f->decision.booted, BOOT_INDEX_NONE);
    assert_int_equal(f->decision.reason, BOOT_REASON_NOT_BOOTABLE);
    assert_false(f->decision.has_created_record);
}

static void a_short_otadata_stops_the_bootloader(void **state)
{
    struct fixture *f = *state;
    f->slots.otadata.size = 0x1000;
    assert_int_equal(boot_select(&f->request, &f->decision), ESP_ERR_INVALID_SIZE);
    assert_int_equal(f->decision.booted, BOOT_INDEX_NONE);
}

static void without_otadata_factory_boots(void **state)
{
    struct fixture *f = *state;
    f->slots.otadata.size = 0;
    put_image(f, &f->slots.factory, 0x40000);
    decide(f);
    assert_int_equal(f->decision.booted, BOOT_INDEX_FACTORY);
    assert_int_equal(f->decision.reason, BOOT_REASON_NO_OTADATA);
}

// fact: with ota_0 and ota_2 the bootloader counts two slots, finds nothing in slot 1 and never reaches ota_2
static void a_hole_in_the_numbering_makes_the_slot_behind_it_unreachable(void **state)
{
    struct fixture *f = *state;
    f->slots.ota[2] = f->slots.ota[1];
    f->slots.ota[1].size = 0;
    put_record(f, 0, 2, ESP_OTA_IMG_VALID);
    decide(f);
    assert_int_equal(f->decision.selected, 1);
    assert_int_equal(f->decision.booted, 0);
}

static void a_record_can_name_any_of_sixteen_slots(void **state)
{
    struct fixture *f = *state;
    f->slots.ota_count = 16;
    for (uint32_t i = 0; i < 16; i++) {
        f->slots.ota[i] = f->slots.ota[0];
    }
    f->request.rollback = false;
    for (uint32_t seq = 1; seq <= 32; seq++) {
        put_record(f, 0, seq, ESP_OTA_IMG_VALID);
        decide(f);
        assert_int_equal(f->decision.booted, (seq - 1) % 16);
    }
}

// A fault in the very image that a record names must not start it, whatever else is true.
static void an_image_for_another_chip_is_not_started(void **state)
{
    struct fixture *f = *state;
    f->request.identity.chip_id = ESP_CHIP_ID_ESP32S3;
    decide(f);
    assert_int_equal(f->decision.booted, BOOT_INDEX_NONE);
    assert_int_equal(f->decision.tries[0].fault, IMAGE_BAD_CHIP_ID);
}

static esp_err_t refuse_erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    (void)address;
    (void)unit;
    return ESP_ERR_FLASH_OP_FAIL;
}

static void records_that_cannot_be_written_do_not_keep_it_from_booting(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID);
    put_record(f, 1, 2, ESP_OTA_IMG_PENDING_VERIFY);
    struct flash_ops ops = *f->chip->ops;
    const struct flash_ops *whole = f->chip->ops;
    ops.erase = refuse_erase;
    f->chip->ops = &ops;
    for (int i = 0; i < 2; i++) { // each time anew, as nothing remembers it
        decide(f);
        assert_int_equal(f->decision.booted, 0);
        assert_int_equal(f->decision.reason, BOOT_REASON_ROLLED_BACK);
    }
    f->chip->ops = whole;
}

#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DEVICE(a_dry_run_decides_the_same_and_writes_nothing),
        WITH_DEVICE(tells_a_rollback_from_a_plain_choice),
        WITH_DEVICE(a_damaged_selection_is_a_fallback_with_its_verdict),
        WITH_DEVICE(a_version_burnt_for_the_record_counts_for_the_fallback_too),
        WITH_DEVICE(nothing_bootable_is_a_decision_too),
        WITH_DEVICE(a_short_otadata_stops_the_bootloader),
        WITH_DEVICE(without_otadata_factory_boots),
        WITH_DEVICE(a_hole_in_the_numbering_makes_the_slot_behind_it_unreachable),
        WITH_DEVICE(a_record_can_name_any_of_sixteen_slots),
        WITH_DEVICE(an_image_for_another_chip_is_not_started),
        WITH_DEVICE(records_that_cannot_be_written_do_not_keep_it_from_booting),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
