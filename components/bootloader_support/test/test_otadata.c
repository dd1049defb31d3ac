// Two records, and which of them is believed.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "esp_log.h"
#include "nor_flash.h"
#include "otadata.h"

static esp_ota_select_entry_t record(uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t entry;
    memset(&entry, 0xFF, sizeof(entry));
    entry.ota_seq = seq;
    entry.ota_state = state;
    entry.crc = otadata_crc(seq);
    return entry;
}

static esp_ota_select_entry_t empty(void)
{
    esp_ota_select_entry_t entry;
    memset(&entry, 0xFF, sizeof(entry));
    return entry;
}

static void crc_has_espressifs_check_values(void **state)
{
    (void)state;
    // fact: ESP-IDF otadata check values
    assert_int_equal(otadata_crc(1), 0x4743989A);
    assert_int_equal(otadata_crc(2), 0x55F63774);
    assert_int_equal(otadata_crc(3), 0xED4A5011);
    assert_int_equal(otadata_crc(0xFFFFFFFF), 0x2144DF1C);
}

static void an_erased_record_is_bad_and_blank(void **state)
{
    (void)state;
    esp_ota_select_entry_t entry = empty();
    assert_true(otadata_is_bad(&entry));
    assert_true(otadata_is_blank(&entry));
    assert_false(otadata_is_good(&entry));
}

static void refused_states_are_bad_but_not_blank(void **state)
{
    (void)state;
    const uint32_t states[] = {ESP_OTA_IMG_INVALID, ESP_OTA_IMG_ABORTED};
    for (int i = 0; i < 2; i++) {
        esp_ota_select_entry_t entry = record(1, states[i]);
        assert_true(otadata_is_bad(&entry));
        assert_false(otadata_is_blank(&entry));
    }
}

static void an_unknown_state_is_as_good_as_valid(void **state)
{
    (void)state;
    esp_ota_select_entry_t entry = record(1, 77);
    assert_true(otadata_is_good(&entry));
}

static void the_larger_sequence_number_is_active(void **state)
{
    (void)state;
    esp_ota_select_entry_t records[] = {record(3, ESP_OTA_IMG_VALID), record(4, ESP_OTA_IMG_NEW)};
    assert_int_equal(otadata_active(records), 1);
    records[0] = record(5, ESP_OTA_IMG_VALID);
    assert_int_equal(otadata_active(records), 0);
    records[1] = record(5, ESP_OTA_IMG_VALID);
    assert_int_equal(otadata_active(records), 0);
}

static void falls_back_to_the_older_record_when_the_newer_crc_is_wrong(void **state)
{
    (void)state;
    esp_ota_select_entry_t records[] = {record(1, ESP_OTA_IMG_VALID), record(2, ESP_OTA_IMG_VALID)};
    records[1].crc ^= 1;
    assert_int_equal(otadata_active(records), 0);
    records[0].crc ^= 1;
    assert_int_equal(otadata_active(records), OTADATA_NONE);
}

static void choosing_another_slot_never_touches_the_active_record(void **state)
{
    (void)state;
    for (uint32_t count = 2; count <= 16; count++) {
        for (uint32_t seq = 1; seq < 40; seq++) {
            esp_ota_select_entry_t records[] = {record(seq, ESP_OTA_IMG_VALID), empty()};
            uint32_t present = otadata_slot(seq, count);
            for (uint32_t slot = 0; slot < count; slot++) {
                struct otadata_change change;
                assert_int_equal(otadata_plan(records, slot, count, ESP_OTA_IMG_NEW, &change),
                                 ESP_OK);
                assert_int_equal(change.index, slot == present ? 0 : 1);
                assert_int_equal(otadata_slot(change.record.ota_seq, count), slot);
                assert_true(change.record.ota_seq >= seq && change.record.ota_seq < seq + count);
                assert_true(otadata_is_good(&change.record));
            }
        }
    }
}

static void the_sequence_number_0_leads_to_the_slot_that_was_asked_for(void **state)
{
    (void)state;
    for (uint32_t slot_count = 1; slot_count <= 16; slot_count++) {
        for (uint32_t slot = 0; slot < slot_count; slot++) {
            esp_ota_select_entry_t records[] = {record(0, ESP_OTA_IMG_VALID), empty()};
            struct otadata_change change;
            assert_int_equal(otadata_plan(records, slot, slot_count, ESP_OTA_IMG_NEW, &change),
                             ESP_OK);
            assert_int_equal(otadata_slot(change.record.ota_seq, slot_count), slot);
        }
    }
}

static void refuses_to_run_out_of_sequence_numbers(void **state)
{
    (void)state;
    esp_ota_select_entry_t records[] = {record(0xFFFFFFFE, ESP_OTA_IMG_VALID), empty()};
    uint32_t present = otadata_slot(0xFFFFFFFE, 2);
    struct otadata_change change;
    assert_int_equal(otadata_plan(records, 1 - present, 2, ESP_OTA_IMG_NEW, &change),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(otadata_plan(records, present, 2, ESP_OTA_IMG_NEW, &change), ESP_OK);
}

static void keeps_the_label_of_the_sector_that_is_rewritten(void **state)
{
    (void)state;
    esp_ota_select_entry_t records[] = {record(1, ESP_OTA_IMG_VALID), empty()};
    memset(records[1].seq_label, 'x', sizeof(records[1].seq_label));
    struct otadata_change change;
    assert_int_equal(otadata_plan(records, 1, 2, ESP_OTA_IMG_NEW, &change), ESP_OK);
    assert_memory_equal(change.record.seq_label, records[1].seq_label, 20);
}

// ----------------------------------------------------------------------- on flash

static void count_ops(void *context, enum nor_flash_op op, uint32_t address, uint32_t len)
{
    (void)address;
    (void)len;
    ((unsigned *)context)[op]++;
}

static void a_record_is_one_erase_and_two_writes_between_two_syncs(void **state)
{
    (void)state;
    esp_flash_t *chip;
    unsigned ops[3] = {0};
    esp_ota_select_entry_t written = record(9, ESP_OTA_IMG_NEW);
    esp_ota_select_entry_t records[2];
    assert_int_equal(nor_flash_open_in_memory(64 * 1024, &chip), ESP_OK);
    assert_int_equal(esp_flash_write(chip, "image", 0x8000, 5), ESP_OK); // not durable yet
    nor_flash_observe(chip, count_ops, ops);
    assert_int_equal(otadata_write(chip, 0x2000, 1, &written), ESP_OK);
    assert_int_equal(ops[NOR_FLASH_ERASE], 1);
    assert_int_equal(ops[NOR_FLASH_PROGRAM], 2);
    assert_int_equal(ops[NOR_FLASH_SYNC], 2);
    assert_int_equal(otadata_read(chip, 0x2000, records), ESP_OK);
    assert_memory_equal(&records[1], &written, sizeof(written));
    assert_true(otadata_is_blank(&records[0]));
    nor_flash_close(chip);
}

static void note_lens(void *context, enum nor_flash_op op, uint32_t address, uint32_t len)
{
    uint32_t(*programs)[2] = context;
    if (op == NOR_FLASH_PROGRAM) {
        programs[programs[0][1] != 0][0] = address;
        programs[programs[0][1] != 0][1] = len;
    }
}

// It covers the sequence number only: were it written with the state, a cut could leave it without.
static void the_crc_is_written_when_the_rest_stands(void **state)
{
    (void)state;
    esp_flash_t *chip;
    uint32_t programs[2][2] = {{0}};
    esp_ota_select_entry_t written = record(9, ESP_OTA_IMG_ABORTED);
    assert_int_equal(nor_flash_open_in_memory(64 * 1024, &chip), ESP_OK);
    nor_flash_observe(chip, note_lens, programs);
    assert_int_equal(otadata_write(chip, 0x2000, 0, &written), ESP_OK);
    assert_int_equal(programs[0][0], 0x2000);
    assert_int_equal(programs[0][1], 28);
    assert_int_equal(programs[1][0], 0x2000 + 28);
    assert_int_equal(programs[1][1], 4);
    nor_flash_close(chip);
}

// Whatever part of a record reaches flash, its reader accepts it only complete: every prefix of the write is cut here.
static void a_torn_record_is_never_good(void **state)
{
    (void)state;
    for (uint32_t seq = 1; seq < 300; seq++) {
        esp_ota_select_entry_t whole = record(seq, ESP_OTA_IMG_NEW);
        for (size_t len = 0; len < sizeof(whole); len++) {
            esp_ota_select_entry_t torn;
            memset(&torn, 0xFF, sizeof(torn));
            memcpy(&torn, &whole, len);
            assert_false(otadata_is_good(&torn));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_has_espressifs_check_values),
        cmocka_unit_test(an_erased_record_is_bad_and_blank),
        cmocka_unit_test(refused_states_are_bad_but_not_blank),
        cmocka_unit_test(an_unknown_state_is_as_good_as_valid),
        cmocka_unit_test(the_larger_sequence_number_is_active),
        cmocka_unit_test(falls_back_to_the_older_record_when_the_newer_crc_is_wrong),
        cmocka_unit_test(choosing_another_slot_never_touches_the_active_record),
        cmocka_unit_test(the_sequence_number_0_leads_to_the_slot_that_was_asked_for),
        cmocka_unit_test(refuses_to_run_out_of_sequence_numbers),
        cmocka_unit_test(keeps_the_label_of_the_sector_that_is_rewritten),
        cmocka_unit_test(a_record_is_one_erase_and_two_writes_between_two_syncs),
        cmocka_unit_test(the_crc_is_written_when_the_rest_stands),
        cmocka_unit_test(a_torn_record_is_never_good),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
