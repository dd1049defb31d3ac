// A ticket says the same on both ends, and nothing else passes for one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "device_ticket.h"

static struct device_ticket some_ticket(void)
{
    return (struct device_ticket){.flash_fd = 7,
                                  .line_fd = -1,
                                  .app_address = 0xFFFF0000,
                                  .table_offset = 0x8000,
                                  .reset = ESP_RST_TASK_WDT,
                                  .rollback = true,
                                  .anti_rollback = true,
                                  .chip = "linux",
                                  .path = "a folder/with blanks/dev 1.bin"};
}

static void assert_same(const struct device_ticket *a, const struct device_ticket *b)
{
    assert_int_equal(a->flash_fd, b->flash_fd);
    assert_int_equal(a->line_fd, b->line_fd);
    assert_int_equal(a->app_address, b->app_address);
    assert_int_equal(a->table_offset, b->table_offset);
    assert_int_equal(a->reset, b->reset);
    assert_int_equal(a->rollback, b->rollback);
    assert_int_equal(a->anti_rollback, b->anti_rollback);
    assert_string_equal(a->chip, b->chip);
    assert_string_equal(a->flash_key, b->flash_key);
    assert_string_equal(a->path, b->path);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char text[DEVICE_TICKET_TEXT_SIZE];
    struct device_ticket ticket = some_ticket();
    struct device_ticket back;
    assert_int_equal(device_ticket_parse(device_ticket_encode(&ticket, text), &back), ESP_OK);
    assert_same(&ticket, &back);
    ticket.anti_rollback = false;
    ticket.chip[0] = 0;
    memset(ticket.path, 'x', sizeof(ticket.path) - 1);
    assert_int_equal(device_ticket_parse(device_ticket_encode(&ticket, text), &back), ESP_OK);
    assert_same(&ticket, &back);
    memset(ticket.flash_key, 'k', sizeof(ticket.flash_key) - 1);
    assert_int_equal(device_ticket_parse(device_ticket_encode(&ticket, text), &back), ESP_OK);
    assert_same(&ticket, &back);
}

static void a_key_with_blanks_is_told_from_the_path(void **state)
{
    (void)state;
    char text[DEVICE_TICKET_TEXT_SIZE];
    struct device_ticket ticket = some_ticket();
    struct device_ticket back;
    strcpy(ticket.flash_key, "keys of mine/12 flash.key");
    assert_int_equal(device_ticket_parse(device_ticket_encode(&ticket, text), &back), ESP_OK);
    assert_same(&ticket, &back);
}

static void programs_packed_before_keys_were_told_still_understand_a_ticket_without(void **state)
{
    (void)state;
    char text[DEVICE_TICKET_TEXT_SIZE];
    struct device_ticket ticket = some_ticket();
    assert_string_equal(device_ticket_encode(&ticket, text),
                        "1 7 -1 0xffff0000 0x8000 6 1 linux a folder/with blanks/dev 1.bin");
}

static void every_ticket_cut_short_is_refused(void **state)
{
    (void)state;
    char text[DEVICE_TICKET_TEXT_SIZE];
    struct device_ticket ticket = some_ticket();
    struct device_ticket back;
    strcpy(ticket.path, "x");
    for (int with_key = 0; with_key < 2; with_key++) {
        strcpy(ticket.flash_key, with_key ? "a key" : "");
        size_t len = strlen(device_ticket_encode(&ticket, text));
        for (size_t i = 0; i < len; i++) {
            text[len - 1 - i] = 0;
            assert_int_equal(device_ticket_parse(text, &back), ESP_ERR_INVALID_ARG);
        }
    }
    assert_int_equal(device_ticket_parse(NULL, &back), ESP_ERR_INVALID_ARG);
}

static void what_is_no_ticket_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "3 7 8 0x10000 0x8000 3 1 linux x",            // another version
        "2 7 8 0x10000 0x8000 3 1 linux x",            // no key
        "2 7 8 0x10000 0x8000 3 1 linux 0  x",         // a key without name
        "2 7 8 0x10000 0x8000 3 1 linux 3 ke x",       // shorter than it says
        "2 7 8 0x10000 0x8000 3 1 linux 1 ke x",       // longer than it says
        "2 7 8 0x10000 0x8000 3 1 linux 4096 k x",     // longer than any path
        "1 -1 8 0x10000 0x8000 3 1 linux x",           // no descriptor
        "1 7 -2 0x10000 0x8000 3 1 linux x",           // no line either
        "1 7 8 0x100000000 0x8000 3 1 linux x",        // above 32 bits
        "1 7 8 0x10000 0x8000 16 1 linux x",           // no reset reason
        "1 7 8 0x10000 0x8000 3 2 linux x",            // neither yes nor no
        "1 7 8 0x10000 0x8000 3 1 a_name_of_16_chr x", // longer than any name
        "1 7 8 ten 0x8000 3 1 linux x",                // no number
    };
    struct device_ticket back;
    assert_int_equal(device_ticket_parse("1 7 8 0x10000 0x8000 3 1 linux x", &back), ESP_OK);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_equal(device_ticket_parse(BAD[i], &back), ESP_ERR_INVALID_ARG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_key_with_blanks_is_told_from_the_path),
        cmocka_unit_test(programs_packed_before_keys_were_told_still_understand_a_ticket_without),
        cmocka_unit_test(every_ticket_cut_short_is_refused),
        cmocka_unit_test(what_is_no_ticket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
