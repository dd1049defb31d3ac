// Findings, and repairs that change nothing but otadata. That explanations agree with the decision is proved over every
// observed boot in tests/vectors.

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
#define FACTORY_AT 0x10000u
#define SLOT_SIZE  0x10000u

struct fixture {
    esp_flash_t *chip;
    struct boot_slots slots;
    struct boot_request request;
    struct boot_explanation told;
};

static void put_image(struct fixture *f, uint32_t address)
{
    uint8_t image[512];
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32, .project = "p", .version = "1"};
    assert_int_equal(image_encode(&spec, image), ESP_OK);
    assert_int_equal(esp_flash_write(f->chip, image, address, image_encode_len(&spec)), ESP_OK);
}

static uint32_t slot_at(int slot)
{
    return 0x20000u + (uint32_t)slot * SLOT_SIZE;
}

static void put_record(struct fixture *f, int index, uint32_t seq, uint32_t state, bool is_torn)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq) ^ (is_torn ? 1 : 0);
    assert_int_equal(otadata_write(f->chip, OTADATA_AT, index, &record), ESP_OK);
}

// Two slots with images, no factory, empty otadata.
static int create(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    esp_log_level_set("*", ESP_LOG_NONE);
    assert_int_equal(nor_flash_open_in_memory(1024 * 1024, &f.chip), ESP_OK);
    f.slots.otadata = (esp_partition_pos_t){OTADATA_AT, 0x2000};
    f.slots.ota_count = 2;
    for (int i = 0; i < 2; i++) {
        f.slots.ota[i] = (esp_partition_pos_t){slot_at(i), SLOT_SIZE};
        put_image(&f, slot_at(i));
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

static void add_factory(struct fixture *f)
{
    f->slots.factory = (esp_partition_pos_t){FACTORY_AT, SLOT_SIZE};
    put_image(f, FACTORY_AT);
}

static void explain(struct fixture *f)
{
    struct nor_flash_stats before = nor_flash_get_stats(f->chip);
    assert_int_equal(boot_explain(&f->request, &f->told), ESP_OK);
    struct nor_flash_stats after = nor_flash_get_stats(f->chip);
    assert_int_equal(before.program_count + before.erase_count,
                     after.program_count + after.erase_count);
}

static const struct boot_finding *find(const struct fixture *f, enum boot_finding_kind kind)
{
    for (uint32_t i = 0; i < f->told.finding_count; i++) {
        if (f->told.findings[i].kind == kind) {
            return &f->told.findings[i];
        }
    }
    return NULL;
}

static bool is_repairable(const struct fixture *f, enum boot_finding_kind kind)
{
    const struct boot_finding *finding = find(f, kind);
    assert_non_null(finding);
    return finding->is_repairable;
}

// Repairs, and checks that the next boots start what they would have started, with nothing left to repair.
static void repair(struct fixture *f)
{
    int booted[BOOT_EXPLAIN_BOOTS];
    for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
        booted[i] = f->told.boots[i].booted;
    }
    assert_int_equal(boot_repair(&f->request, &f->told), ESP_OK);
    explain(f);
    assert_int_equal(f->told.step_count, 0);
    for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
        struct boot_decision decision;
        assert_int_equal(f->told.boots[i].booted, booted[i]);
        assert_int_equal(boot_select(&f->request, &decision), ESP_OK);
        assert_int_equal(decision.booted, booted[i]);
    }
}

static void a_healthy_device_has_no_findings(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, false);
    explain(f);
    assert_int_equal(f->told.finding_count, 0);
    assert_int_equal(f->told.step_count, 0);
    assert_int_equal(boot_repair(&f->request, &f->told), ESP_OK);
}

static void resets_of_an_unconfirmed_image_are_told(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_NEW, false);
    explain(f);
    assert_int_equal(f->told.boots[0].booted, 1);
    assert_int_equal(f->told.boots[0].after[1].ota_state, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(f->told.boots[1].booted, 0);
    assert_int_equal(f->told.boots[1].reason, BOOT_REASON_ROLLED_BACK);
    assert_int_equal(f->told.boots[3].booted, 0);
    assert_int_equal(f->told.finding_count, 0);
}

static void a_torn_record_is_erased(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_NEW, true);
    explain(f);
    assert_true(is_repairable(f, BOOT_FINDING_TORN_RECORD));
    assert_int_equal(f->told.step_count, 1);
    repair(f);
    assert_int_equal(f->told.finding_count, 0);
}

static void two_torn_records_are_erased(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, true);
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, true);
    explain(f);
    assert_int_equal(f->told.boots[0].reason, BOOT_REASON_BAD_CRC);
    assert_int_equal(f->told.step_count, 2);
    repair(f);
}

static void of_two_records_for_one_slot_the_older_goes(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 4, ESP_OTA_IMG_VALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, false);
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_SAME_SLOT)->record, 1);
    assert_int_equal(find(f, BOOT_FINDING_SAME_SLOT)->slot, 1);
    assert_true(is_repairable(f, BOOT_FINDING_SAME_SLOT));
    repair(f);
    assert_int_equal(f->told.finding_count, 0);
}

static void a_repair_that_would_change_a_later_boot_is_not_offered(void **state)
{
    struct fixture *f = *state;
    add_factory(f);
    put_record(f, 0, 4, ESP_OTA_IMG_NEW,
               false); // given up at the next reset: back to the older record
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, false);
    explain(f);
    assert_false(is_repairable(f, BOOT_FINDING_SAME_SLOT));
    assert_int_equal(f->told.step_count, 0);
}

static void refused_records_give_way_to_one_that_names_what_boots(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 3, ESP_OTA_IMG_INVALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_ABORTED, false);
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_ALL_REFUSED)->slot, 0);
    assert_true(is_repairable(f, BOOT_FINDING_ALL_REFUSED));
    repair(f);
    assert_null(find(f, BOOT_FINDING_ALL_REFUSED));
    assert_int_equal(f->told.boots[0].reason, BOOT_REASON_RECORD);
}

static void refused_records_are_in_order_where_factory_boots(void **state)
{
    struct fixture *f = *state;
    add_factory(f);
    put_record(f, 0, 3, ESP_OTA_IMG_INVALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_ABORTED, false);
    explain(f);
    assert_int_equal(f->told.boots[0].booted, BOOT_INDEX_FACTORY);
    assert_int_equal(f->told.finding_count, 0);
}

static void a_broken_choice_gives_way_to_what_boots(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(esp_flash_erase_region(f->chip, slot_at(1), SLOT_SIZE), ESP_OK);
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, false);
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, false);
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_BROKEN_CHOICE)->slot, 1);
    assert_true(is_repairable(f, BOOT_FINDING_BROKEN_CHOICE));
    repair(f);
    assert_null(find(f, BOOT_FINDING_BROKEN_CHOICE));
    assert_int_equal(f->told.boots[0].reason, BOOT_REASON_RECORD);
}

static void a_broken_choice_gives_way_to_factory(void **state)
{
    struct fixture *f = *state;
    add_factory(f);
    assert_int_equal(esp_flash_erase_region(f->chip, slot_at(0), SLOT_SIZE), ESP_OK);
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, false);
    explain(f);
    assert_int_equal(f->told.boots[0].booted, BOOT_INDEX_FACTORY);
    assert_true(is_repairable(f, BOOT_FINDING_BROKEN_CHOICE));
    repair(f);
    assert_int_equal(f->told.boots[0].reason, BOOT_REASON_NO_RECORD);
}

static void an_image_without_a_way_back_is_named(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(esp_flash_erase_region(f->chip, slot_at(1), SLOT_SIZE), ESP_OK);
    put_record(f, 0, 1, ESP_OTA_IMG_NEW, false);
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_NO_WAY_BACK)->slot, 0);
    assert_int_equal(f->told.step_count, 0);
}

static void what_the_table_makes_impossible_is_named(void **state)
{
    struct fixture *f = *state;
    f->slots.ota[5] = (esp_partition_pos_t){slot_at(1) + 0x1000, SLOT_SIZE};
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_BEHIND_HOLE)->slot, 5);
    assert_int_equal(find(f, BOOT_FINDING_OVERLAP)->slot, 1);
    assert_int_equal(find(f, BOOT_FINDING_OVERLAP)->other, 5);
    f->slots.otadata.size = 0x1000;
    explain(f);
    assert_int_equal(f->told.error, ESP_ERR_INVALID_SIZE);
    assert_non_null(find(f, BOOT_FINDING_OTADATA_TOO_SMALL));
}

static void states_and_numbers_out_of_range_are_named(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, OTADATA_SEQ_EMPTY - 1, 77, false);
    explain(f);
    assert_int_equal(find(f, BOOT_FINDING_UNKNOWN_STATE)->record, 0);
    assert_non_null(find(f, BOOT_FINDING_LAST_SEQ));
    assert_int_equal(f->told.step_count, 0);
}

static void nothing_to_boot_is_named(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(esp_flash_erase_region(f->chip, slot_at(0), 2 * SLOT_SIZE), ESP_OK);
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, true);
    explain(f);
    assert_non_null(find(f, BOOT_FINDING_NOTHING_BOOTS));
}

static void records_that_changed_meanwhile_are_left_alone(void **state)
{
    struct fixture *f = *state;
    put_record(f, 0, 1, ESP_OTA_IMG_VALID, true);
    explain(f);
    assert_int_equal(f->told.step_count, 1);
    put_record(f, 1, 2, ESP_OTA_IMG_VALID, false);
    assert_int_equal(boot_repair(&f->request, &f->told), ESP_ERR_INVALID_STATE);
    assert_int_equal(f->told.boots[0].before[1].ota_seq, OTADATA_SEQ_EMPTY);
}

// Every pair of small records: whatever is repaired, the boots stay the same and nothing repairable is left.
static void any_two_records_are_repaired_without_changing_a_boot(void **state)
{
    struct fixture *f = *state;
    static const uint32_t SEQS[] = {OTADATA_SEQ_EMPTY, 0, 1, 2, 3, 4};
    static const uint32_t STATES[] = {ESP_OTA_IMG_NEW, ESP_OTA_IMG_PENDING_VERIFY,
                                      ESP_OTA_IMG_VALID, ESP_OTA_IMG_INVALID,
                                      ESP_OTA_IMG_UNDEFINED};
    const unsigned kinds = 6 * 5 * 2;
    unsigned repaired = 0;
    for (unsigned setup = 0; setup < 4; setup++) { // slot 1 gone, factory there
        if (setup == 1) {
            assert_int_equal(esp_flash_erase_region(f->chip, slot_at(1), SLOT_SIZE), ESP_OK);
        } else if (setup == 2) {
            add_factory(f);
        } else if (setup == 3) {
            put_image(f, slot_at(1));
        }
        for (unsigned i = 0; i < kinds * kinds; i += 1 + i % 3) {
            unsigned pair[2] = {i % kinds, i / kinds};
            for (int k = 0; k < 2; k++) {
                put_record(f, k, SEQS[pair[k] % 6], STATES[pair[k] / 6 % 5], pair[k] / 30 == 1);
            }
            explain(f);
            repaired += f->told.step_count > 0;
            repair(f);
        }
    }
    assert_true(repaired > 1000);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        FACT(a_healthy_device_has_no_findings),
        FACT(resets_of_an_unconfirmed_image_are_told),
        FACT(a_torn_record_is_erased),
        FACT(two_torn_records_are_erased),
        FACT(of_two_records_for_one_slot_the_older_goes),
        FACT(a_repair_that_would_change_a_later_boot_is_not_offered),
        FACT(refused_records_give_way_to_one_that_names_what_boots),
        FACT(refused_records_are_in_order_where_factory_boots),
        FACT(a_broken_choice_gives_way_to_what_boots),
        FACT(a_broken_choice_gives_way_to_factory),
        FACT(an_image_without_a_way_back_is_named),
        FACT(what_the_table_makes_impossible_is_named),
        FACT(states_and_numbers_out_of_range_are_named),
        FACT(nothing_to_boot_is_named),
        FACT(records_that_changed_meanwhile_are_left_alone),
        FACT(any_two_records_are_repaired_without_changing_a_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
