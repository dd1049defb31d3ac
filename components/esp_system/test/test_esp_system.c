// With a scripted port: the last boot act of a device cannot be watched from inside a real one.
#include "esp_random.h"
#include "esp_system.h"
#include "system_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static jmp_buf s_restarted;
static char s_trace[32];
static uint64_t s_free_heap;

static void note(const char *word)
{
    strncat(s_trace, word, sizeof(s_trace) - strlen(s_trace) - 1);
}

ESP_NORETURN static void scripted_restart(void)
{
    note("restart");
    longjmp(s_restarted, 1);
}

static uint64_t scripted_free_heap(void)
{
    return s_free_heap;
}

static esp_err_t scripted_random(void *buf, size_t len)
{
    memset(buf, 0x5A, len);
    return ESP_OK;
}

const struct system_ops esp_system_port = {
    .restart = scripted_restart, .free_heap = scripted_free_heap, .fill_random = scripted_random};

static void handler_1(void)
{
    note("1 ");
}

static void handler_2(void)
{
    note("2 ");
}

static void handler_3(void)
{
    note("3 ");
}

static void handler_4(void)
{
}

static void handler_that_restarts(void)
{
    note("again ");
    esp_restart();
}

static void shutdown_handlers_are_few_and_unique(void **state)
{
    (void)state;
    assert_int_equal(esp_register_shutdown_handler(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_unregister_shutdown_handler(handler_1), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_unregister_shutdown_handler(NULL), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_register_shutdown_handler(handler_that_restarts), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(handler_1), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(handler_1), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_register_shutdown_handler(handler_4), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(handler_2), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(handler_3), ESP_OK);
    assert_int_equal(esp_unregister_shutdown_handler(handler_4), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(handler_4), ESP_OK);
    assert_int_equal(esp_register_shutdown_handler(scripted_restart), ESP_ERR_NO_MEM);
}

static void a_restart_runs_the_handlers_backwards_once(void **state)
{
    (void)state;
    if (setjmp(s_restarted) == 0) {
        esp_restart();
    }
    // handler_that_restarts is the first registered: it runs last, and does not start the others again
    assert_string_equal(s_trace, "3 2 1 again restart");
}

static void the_reset_reason_is_what_the_starter_of_the_boot_says(void **state)
{
    (void)state;
    assert_int_equal(esp_reset_reason(), ESP_RST_POWERON);
    esp_set_reset_reason(ESP_RST_SW);
    assert_int_equal(esp_reset_reason(), ESP_RST_SW);
}

static void the_least_free_memory_seen_is_kept(void **state)
{
    (void)state;
    s_free_heap = UINT64_MAX;
    assert_int_equal(esp_get_free_heap_size(), UINT32_MAX);
    s_free_heap = 1000;
    assert_int_equal(esp_get_free_heap_size(), 1000);
    s_free_heap = 5000;
    assert_int_equal(esp_get_free_internal_heap_size(), 5000);
    assert_int_equal(esp_get_minimum_free_heap_size(), 1000);
}

static void random_bytes_come_from_the_port(void **state)
{
    (void)state;
    uint8_t bytes[5] = {0};
    esp_fill_random(bytes, 4);
    assert_memory_equal(bytes, "\x5A\x5A\x5A\x5A\0", 5);
    assert_int_equal(esp_random(), 0x5A5A5A5A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_handlers_are_few_and_unique),
        cmocka_unit_test(a_restart_runs_the_handlers_backwards_once),
        cmocka_unit_test(the_reset_reason_is_what_the_starter_of_the_boot_says),
        cmocka_unit_test(the_least_free_memory_seen_is_kept),
        cmocka_unit_test(random_bytes_come_from_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
