#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flash_ops.h"
#include "partition_table.h"

#define RECORD_LEN 32
#define FLASH_SIZE 0x400000

static uint8_t s_bytes[ESP_PARTITION_TABLE_MAX_LEN];

static esp_partition_info_t entry_at(uint32_t offset, uint32_t size)
{
    return (esp_partition_info_t){
        .type = 1, .subtype = 0x99, .pos = {.offset = offset, .size = size}, .label = "data"};
}

/** Fills s_bytes with count entries behind each other. */
static void encode(uint32_t count, bool with_md5)
{
    esp_partition_info_t entries[ESP_PARTITION_TABLE_MAX_ENTRIES];
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = entry_at(0x9000 + i * 0x1000, 0x1000);
    }
    assert_int_equal(partition_table_encode(entries, count, with_md5, s_bytes), ESP_OK);
}

static enum partition_table_fault fault(void)
{
    return partition_table_verify(s_bytes, FLASH_SIZE).fault;
}

static void encodes_and_reads_back_every_field(void **state)
{
    (void)state;
    const esp_partition_info_t entry = {.type = 0x40,
                                        .subtype = 0xFE,
                                        .pos = {0x12345678, 0x9ABCDEF0},
                                        .label = "sixteen_chars_xy",
                                        .flags = 0x80000003};
    assert_int_equal(partition_table_encode(&entry, 1, true, s_bytes), ESP_OK);
    static const uint8_t START[12] = {0xAA, 0x50, 0x40, 0xFE, 0x78, 0x56,
                                      0x34, 0x12, 0xF0, 0xDE, 0xBC, 0x9A};
    assert_memory_equal(s_bytes, START, sizeof(START));
    const esp_partition_info_t got = partition_table_entry(s_bytes, 0);
    assert_int_equal(got.magic, ESP_PARTITION_MAGIC);
    assert_int_equal(got.pos.size, entry.pos.size);
    assert_memory_equal(got.label, entry.label, 16);
    assert_int_equal(got.flags, entry.flags);
}

static void fits_94_entries_with_md5_and_95_without(void **state)
{
    (void)state;
    esp_partition_info_t entries[ESP_PARTITION_TABLE_MAX_ENTRIES] = {0};
    assert_int_equal(partition_table_encode(entries, 94, true, s_bytes), ESP_OK);
    assert_int_equal(partition_table_encode(entries, 95, true, s_bytes), ESP_ERR_INVALID_SIZE);
    assert_int_equal(partition_table_encode(entries, 95, false, s_bytes), ESP_OK);
    assert_int_equal(partition_table_encode(entries, 96, false, s_bytes), ESP_ERR_INVALID_SIZE);
    assert_int_equal(partition_table_encode(entries, UINT32_MAX, false, s_bytes),
                     ESP_ERR_INVALID_SIZE);
}

static void counts_entries_without_the_md5_record(void **state)
{
    (void)state;
    encode(94, true);
    struct partition_table_check check = partition_table_verify(s_bytes, FLASH_SIZE);
    assert_int_equal(check.fault, PARTITION_TABLE_OK);
    assert_int_equal(check.count, 94);
    assert_true(check.has_md5);
    assert_int_equal(partition_table_verify_for_app(s_bytes).count, 94);
}

static void an_entry_may_end_at_the_end_of_flash_but_not_behind_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset;
        uint32_t size;
        enum partition_table_fault fault;
    } CASES[] = {
        {FLASH_SIZE - 0x1000, 0x1000, PARTITION_TABLE_OK},
        {FLASH_SIZE, 0, PARTITION_TABLE_OK},
        {FLASH_SIZE + 1, 0, PARTITION_TABLE_BAD_SIZE},
        {FLASH_SIZE - 0x1000, 0x1001, PARTITION_TABLE_BAD_SIZE},
        {0x1000, 0xFFFFF000, PARTITION_TABLE_BAD_SIZE}, // the sum wraps around
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const esp_partition_info_t entry = entry_at(CASES[i].offset, CASES[i].size);
        assert_int_equal(partition_table_encode(&entry, 1, true, s_bytes), ESP_OK);
        assert_int_equal(fault(), CASES[i].fault);
    }
}

static void every_flipped_bit_of_entries_and_digest_is_noticed(void **state)
{
    (void)state;
    encode(2, true);
    for (uint32_t bit = 0; bit < 3 * RECORD_LEN * 8; bit++) {
        bool is_padding = bit / 8 >= 2 * RECORD_LEN + 2 && bit / 8 < 2 * RECORD_LEN + 16;
        s_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool is_noticed = fault() != PARTITION_TABLE_OK;
        s_bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (is_noticed == is_padding) {
            fail_msg("bit %u", (unsigned)bit);
        }
    }
}

static void the_first_record_may_not_be_the_end(void **state)
{
    (void)state;
    memset(s_bytes, 0xFF, sizeof(s_bytes));
    assert_int_equal(fault(), PARTITION_TABLE_BAD_MAGIC);
    assert_int_equal(partition_table_verify_for_app(s_bytes).fault, PARTITION_TABLE_MD5_MISSING);
}

static void the_application_wants_the_md5_record(void **state)
{
    (void)state;
    encode(3, false);
    assert_int_equal(fault(), PARTITION_TABLE_OK);
    assert_int_equal(partition_table_verify_for_app(s_bytes).fault, PARTITION_TABLE_MD5_MISSING);
    encode(3, true);
    s_bytes[5] ^= 1;
    assert_int_equal(partition_table_verify_for_app(s_bytes).fault, PARTITION_TABLE_BAD_MD5);
}

static void entries_behind_the_md5_record_do_not_reach_the_application(void **state)
{
    (void)state;
    encode(2, true);
    memcpy(s_bytes + 3 * RECORD_LEN, s_bytes, RECORD_LEN);
    assert_int_equal(partition_table_verify(s_bytes, FLASH_SIZE).count, 3);
    assert_int_equal(partition_table_verify_for_app(s_bytes).count, 2);
}

static void the_verifier_under_its_idf_name_uses_the_main_chip(void **state)
{
    (void)state;
    struct esp_flash_t chip = {.geometry = {.size = FLASH_SIZE}};
    const esp_partition_info_t *table = (const void *)s_bytes;
    int count = -1;
    encode(2, true);
    esp_flash_default_chip = NULL;
    assert_int_equal(esp_partition_table_verify(table, false, &count),
                     ESP_ERR_FLASH_NOT_INITIALISED);
    esp_flash_default_chip = &chip;
    assert_int_equal(esp_partition_table_verify(NULL, false, &count), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_table_verify(table, false, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_partition_table_verify(table, true, &count), ESP_OK);
    assert_int_equal(count, 2);
    chip.geometry.size = 0xA000;
    assert_int_equal(esp_partition_table_verify(table, false, &count), ESP_ERR_INVALID_SIZE);
    s_bytes[0] = 0;
    assert_int_equal(esp_partition_table_verify(table, false, &count), ESP_ERR_INVALID_STATE);
    assert_int_equal(count, 2);
    esp_flash_default_chip = NULL;
}

static void every_fault_has_a_text(void **state)
{
    (void)state;
    for (int i = PARTITION_TABLE_OK; i <= PARTITION_TABLE_MD5_MISSING; i++) {
        const char *text = partition_table_fault_text((enum partition_table_fault)i);
        assert_string_not_equal(text, "unknown fault");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_reads_back_every_field),
        cmocka_unit_test(fits_94_entries_with_md5_and_95_without),
        cmocka_unit_test(counts_entries_without_the_md5_record),
        cmocka_unit_test(an_entry_may_end_at_the_end_of_flash_but_not_behind_it),
        cmocka_unit_test(every_flipped_bit_of_entries_and_digest_is_noticed),
        cmocka_unit_test(the_first_record_may_not_be_the_end),
        cmocka_unit_test(the_application_wants_the_md5_record),
        cmocka_unit_test(entries_behind_the_md5_record_do_not_reach_the_application),
        cmocka_unit_test(the_verifier_under_its_idf_name_uses_the_main_chip),
        cmocka_unit_test(every_fault_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
