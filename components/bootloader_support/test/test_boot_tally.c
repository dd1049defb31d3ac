// Counting starts in the rest of a record's sector, and what the bootloader makes of it when it is asked to.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "boot_explain.h"
#include "esp_log.h"
#include "image_encode.h"
#include "nor_flash.h"

#define OTADATA_AT 0xD000u
#define SLOT_SIZE  0x10000u

struct fixture {
    esp_flash_t *chip;
    struct boot_slots slots;
    struct boot_request request;
};

static void put_record(struct fixture *f, int index, uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq);
    assert_int_equal(otadata_write(f->chip, OTADATA_AT, index, &record), ESP_OK);
}

// Two slots with images; ota_1 is chosen and in this state, ota_0 was before.
static void put_state(struct fixture *f, uint32_t state)
{
    put_record(f, 0, 1, ESP_OTA_IMG_VALID);
    put_record(f, 1, 2, state);
}

static int create(void **state)
{
    static struct fixture f;
    uint8_t image[512];
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32, .project = "p", .version = "1"};
    memset(&f, 0, sizeof(f));
    esp_log_level_set("*", ESP_LOG_NONE);
    assert_int_equal(nor_flash_open_in_memory(1024 * 1024, &f.chip), ESP_OK);
    assert_int_equal(image_encode(&spec, image), ESP_OK);
    f.slots.otadata = (esp_partition_pos_t){OTADATA_AT, 0x2000};
    f.slots.ota_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        f.slots.ota[i] = (esp_partition_pos_t){0x20000 + i * SLOT_SIZE, SLOT_SIZE};
        assert_int_equal(
            esp_flash_write(f.chip, image, f.slots.ota[i].offset, image_encode_len(&spec)), ESP_OK);
    }
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

static struct boot_decision boot(struct fixture *f)
{
    struct boot_decision decision;
    assert_int_equal(boot_select(&f->request, &decision), ESP_OK);
    return decision;
}

static struct boot_tally tally_of(struct fixture *f, int index)
{
    struct boot_tally tally;
    assert_int_equal(boot_tally_read(f->chip, OTADATA_AT, index, &tally), ESP_OK);
    return tally;
}

static void starts_are_counted_bit_by_bit_without_an_erase(void **state)
{
    struct fixture *f = *state;
    struct boot_tally tally = tally_of(f, 1);
    uint32_t erases = nor_flash_get_stats(f->chip).erase_count;
    for (uint32_t i = 0; i < 600; i++) {
        assert_int_equal(boot_tally_count_start(f->chip, OTADATA_AT, 1, &tally), ESP_OK);
        if (i % 97 == 0) {
            assert_int_equal(tally_of(f, 1).starts, i + 1);
        }
        if (i == 200) {
            assert_int_equal(boot_tally_mark_healthy(f->chip, OTADATA_AT, 1, &tally), ESP_OK);
        }
    }
    tally = tally_of(f, 1);
    assert_true(tally.is_usable);
    assert_int_equal(tally.starts, 600);
    assert_int_equal(tally.healthy, 201);
    assert_int_equal(boot_tally_mark_healthy(f->chip, OTADATA_AT, 1, &tally), ESP_OK);
    assert_int_equal(tally_of(f, 1).healthy, 600);
    assert_int_equal(tally_of(f, 0).starts, 0);
    assert_int_equal(nor_flash_get_stats(f->chip).erase_count, erases);
}

static void the_count_ends_at_its_limit(void **state)
{
    struct fixture *f = *state;
    struct boot_tally tally = {.starts = BOOT_TALLY_MAX, .is_usable = true};
    uint32_t programs = nor_flash_get_stats(f->chip).program_count;
    assert_int_equal(boot_tally_count_start(f->chip, OTADATA_AT, 0, &tally), ESP_OK);
    assert_int_equal(tally.starts, BOOT_TALLY_MAX);
    assert_int_equal(nor_flash_get_stats(f->chip).program_count, programs);
}

static void bytes_of_somebody_else_are_left_alone(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(esp_flash_write(f->chip, "text", OTADATA_AT + 0x1400, 4), ESP_OK);
    assert_false(tally_of(f, 1).is_usable);
    f->request.attempts = 5;
    struct boot_decision decision = boot(f);
    assert_int_equal(decision.reason, BOOT_REASON_ROLLED_BACK); // as without the extension
}

static void a_cut_among_the_healthy_bits_counts_too_few(void **state)
{
    struct fixture *f = *state;
    struct boot_tally tally = tally_of(f, 0);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(boot_tally_count_start(f->chip, OTADATA_AT, 0, &tally), ESP_OK);
    }
    assert_int_equal(esp_flash_write(f->chip, "\x5A\xF5", OTADATA_AT + 0x800, 2), ESP_OK);
    tally = tally_of(f, 0);
    assert_true(tally.is_usable);
    assert_int_equal(tally.healthy, 6);
    assert_int_equal(boot_tally_mark_healthy(f->chip, OTADATA_AT, 0, &tally), ESP_OK);
    assert_int_equal(tally_of(f, 0).healthy, 12);
}

static void an_unconfirmed_image_has_as_many_attempts_as_wanted(void **state)
{
    struct fixture *f = *state;
    for (uint32_t attempts = 0; attempts <= 5; attempts++) {
        put_state(f, ESP_OTA_IMG_NEW);
        f->request.attempts = attempts;
        for (uint32_t i = 0; i < (attempts ? attempts : 1); i++) {
            assert_int_equal(boot(f).booted, 1);
        }
        struct boot_decision decision = boot(f);
        assert_int_equal(decision.booted, 0);
        assert_int_equal(decision.reason, BOOT_REASON_ROLLED_BACK);
        assert_int_equal(boot(f).booted, 0);
    }
}

static void without_the_extension_nothing_is_counted(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_VALID);
    uint32_t programs = nor_flash_get_stats(f->chip).program_count;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(boot(f).booted, 1);
    }
    assert_int_equal(nor_flash_get_stats(f->chip).program_count, programs);
}

static void a_stock_bootloader_ignores_the_counts(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_NEW);
    f->request.attempts = 5;
    assert_int_equal(boot(f).booted, 1);
    assert_int_equal(boot(f).booted, 1);
    f->request.attempts = 0;
    struct boot_decision decision = boot(f);
    assert_int_equal(decision.booted, 0);
    assert_int_equal(decision.after[1].ota_state, ESP_OTA_IMG_ABORTED);
    assert_int_equal(tally_of(f, 1).starts, 0); // went with the sector
}

static void a_crash_loop_ends_with_the_other_image(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_VALID);
    f->request.crash_limit = 3;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(boot(f).booted, 1);
    }
    struct boot_decision decision = boot(f);
    assert_int_equal(decision.booted, 0);
    assert_int_equal(decision.reason, BOOT_REASON_CRASH_LOOP);
    assert_int_equal(decision.after[1].ota_state, ESP_OTA_IMG_ABORTED);
}

static void a_healthy_image_may_restart_as_often_as_it_likes(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_VALID);
    f->request.crash_limit = 2;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(boot(f).booted, 1);
        struct boot_tally tally = tally_of(f, 1);
        assert_int_equal(boot_tally_mark_healthy(f->chip, OTADATA_AT, 1, &tally), ESP_OK);
    }
}

static void the_guard_gives_up_nothing_without_an_alternative(void **state)
{
    struct fixture *f = *state;
    put_state(f, ESP_OTA_IMG_VALID);
    assert_int_equal(esp_flash_erase_region(f->chip, f->slots.ota[0].offset, SLOT_SIZE), ESP_OK);
    f->request.crash_limit = 2;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(boot(f).booted, 1);
    }
}

static void an_explanation_foresees_both(void **state)
{
    struct fixture *f = *state;
    static struct boot_explanation told; // large
    for (int guard = 0; guard < 2; guard++) {
        put_state(f, guard ? ESP_OTA_IMG_VALID : ESP_OTA_IMG_NEW);
        f->request.attempts = guard ? 0 : 2;
        f->request.crash_limit = guard ? 2 : 0;
        assert_int_equal(boot_explain(&f->request, &told), ESP_OK);
        for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
            struct boot_decision decision = boot(f);
            assert_int_equal(told.boots[i].booted, decision.booted);
            assert_int_equal(told.boots[i].reason, decision.reason);
            assert_int_equal(decision.booted, i < 2);
        }
    }
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        FACT(starts_are_counted_bit_by_bit_without_an_erase),
        FACT(the_count_ends_at_its_limit),
        FACT(bytes_of_somebody_else_are_left_alone),
        FACT(a_cut_among_the_healthy_bits_counts_too_few),
        FACT(an_unconfirmed_image_has_as_many_attempts_as_wanted),
        FACT(without_the_extension_nothing_is_counted),
        FACT(a_stock_bootloader_ignores_the_counts),
        FACT(a_crash_loop_ends_with_the_other_image),
        FACT(a_healthy_image_may_restart_as_often_as_it_likes),
        FACT(the_guard_gives_up_nothing_without_an_alternative),
        FACT(an_explanation_foresees_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
