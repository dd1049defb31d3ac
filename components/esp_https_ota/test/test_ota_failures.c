// Fail the k-th, for every k: allocations, flash operations, flash reads, network reads. Whatever fails, once, in the
// middle of an update: nothing leaks (AddressSanitizer looks), a failed begin leaves no handle, and what boots is the
// old image or the new one, whole.

#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

// ----------------------------------------------------------------------- allocations

// volatile: the compiler believes that malloc() looks at none of these
static volatile bool s_is_counting;
static volatile unsigned s_allocations;
static volatile unsigned s_fail_allocation; // this one fails; 0: none

// NOLINTBEGIN(readability-identifier-naming): the linker gives these names (--wrap)
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool must_fail(void)
{
    return s_is_counting && ++s_allocations == s_fail_allocation;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return must_fail() ? NULL : __real_realloc(block, size);
}
// NOLINTEND(readability-identifier-naming)

// ----------------------------------------------------------------------- one update

struct run {
    bool bulk;
    bool rollback;
    bool with_detour; // a redirect and a challenge on the way
    bool unmapped;    // flash is read with read operations
};

// Starts all over and arms nothing.
static void prepare(const struct run *run)
{
    DEVICE_START(.running = "ota_0", .rollback = run->rollback);
    device_put_image("ota_0", "1");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    assert_non_null(device_partition("ota_1")); // the list is loaded
    g_flash.is_unmapped = run->unmapped;
    if (run->with_detour) {
        SERVER_START({.status = 302, .headers = "Location: /b\n"},
                     {.status = 401, .headers = "WWW-Authenticate: Basic realm=\"r\"\n"},
                     {.body = g_image.bytes, .len = g_image.len, .piece = 900});
    } else {
        SERVER_START({.body = g_image.bytes, .len = g_image.len, .piece = 900});
    }
}

static esp_err_t update(const struct run *run)
{
    esp_http_client_config_t http = update_http_config();
    http.username = "user";
    http.password = "pass";
    esp_https_ota_config_t config = {.http_config = &http, .bulk_flash_erase = run->bulk};
    return update_run(&config);
}

static void check_after(esp_err_t err, unsigned k)
{
    const esp_ota_select_entry_t old = device_record(0);
    const char *booted = device_boot();
    bool is_new = strcmp(booted, "ota_1") == 0;
    if (!is_new && strcmp(booted, "ota_0") != 0) {
        fail_msg("k = %u: %s boots", k, booted);
    }
    if (is_new) {
        assert_memory_equal(device_bytes(0x30000), g_image.bytes, g_image.len);
    }
    if (err == ESP_OK && !is_new) {
        fail_msg("k = %u: the update said OK and the old image boots", k);
    }
    if (!is_new) {
        assert_int_equal(old.ota_seq, 1);
    }
    assert_int_equal(g_server.open_count, 0);
}

// An update that failed once can be repeated at once.
static void check_retry(const struct run *run, unsigned k)
{
    if (esp_ota_get_running_partition() != device_partition("ota_0")) {
        return;
    }
    prepare(run);
    esp_err_t err = update(run);
    if (err != ESP_OK) {
        fail_msg("k = %u: the next update fails with %s", k, esp_err_to_name(err));
    }
    assert_string_equal(device_boot(), "ota_1");
}

enum kind { KIND_ALLOCATION, KIND_OPERATION, KIND_FLASH_READ, KIND_NETWORK_READ, KIND_COUNT };
static const char *const KIND_NAMES[] = {"allocation", "flash operation", "flash read",
                                         "network read"};

static void arm(enum kind kind, unsigned k)
{
    s_allocations = 0;
    s_fail_allocation = kind == KIND_ALLOCATION ? k : 0;
    g_flash.fail_at = kind == KIND_OPERATION ? k : 0;
    g_flash.fail_read = kind == KIND_FLASH_READ ? k : 0;
    g_server.fail_read = kind == KIND_NETWORK_READ ? k : 0;
    s_is_counting = true;
}

static unsigned count_of(enum kind kind)
{
    s_is_counting = false;
    switch (kind) {
    case KIND_ALLOCATION:
        return s_allocations;
    case KIND_OPERATION:
        return g_flash.operations;
    case KIND_FLASH_READ:
        return g_flash.reads;
    default:
        return g_server.reads;
    }
}

static void sweep(const struct run *run, enum kind kind)
{
    prepare(run);
    arm(kind, 0);
    assert_int_equal(update(run), ESP_OK);
    unsigned count = count_of(kind);
    unsigned failed = 0;
    for (unsigned k = 1; k <= count; k++) {
        prepare(run);
        arm(kind, k);
        esp_err_t err = update(run);
        (void)count_of(kind);
        failed += err != ESP_OK;
        check_after(err, k);
        check_retry(run, k);
    }
    print_message("%s: %u, %u of them end the update\n", KIND_NAMES[kind], count, failed);
    assert_in_range(count, 1, 100000);
    assert_in_range(failed, 1, count);
}

static void sweep_all_runs(enum kind kind)
{
    for (unsigned i = 0; i < 8; i++) {
        struct run run = {.bulk = i & 1,
                          .rollback = i & 2,
                          .with_detour = i & 4,
                          .unmapped = kind == KIND_FLASH_READ};
        sweep(&run, kind);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_all_runs(KIND_ALLOCATION);
}

static void every_flash_operation_may_fail(void **state)
{
    (void)state;
    sweep_all_runs(KIND_OPERATION);
}

static void every_flash_read_may_fail(void **state)
{
    (void)state;
    sweep_all_runs(KIND_FLASH_READ);
}

static void every_network_read_may_fail(void **state)
{
    (void)state;
    sweep_all_runs(KIND_NETWORK_READ);
}

static void the_sweep_reaches_allocations_at_all(void **state)
{
    (void)state;
    s_is_counting = true;
    s_allocations = 0;
    s_fail_allocation = 1;
    void *volatile block = malloc(8);
    s_is_counting = false;
    bool has_failed = block == NULL;
    free(block);
    assert_true(has_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, update_start, update_stop)
        FACT(the_sweep_reaches_allocations_at_all), FACT(every_allocation_may_fail),
        FACT(every_flash_operation_may_fail),       FACT(every_flash_read_may_fail),
        FACT(every_network_read_may_fail),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
