// Between the first step and the last one an update allocates nothing: not the engine, not the client, not what is below.

#include "update_fixture.h"

#include <stdlib.h>

#define LONG_IMAGE (150u * 1024) // two checkpoints of the journal

// Slots that are larger than usual.
static const esp_partition_info_t TABLE[] = {
    {.magic = ESP_PARTITION_MAGIC,
     .type = 1,
     .subtype = 0,
     .pos = {0xd000, 0x2000},
     .label = "otadata"},
    {.magic = ESP_PARTITION_MAGIC,
     .type = 0,
     .subtype = 0x10,
     .pos = {0x10000, 0x30000},
     .label = "ota_0"},
    {.magic = ESP_PARTITION_MAGIC,
     .type = 0,
     .subtype = 0x11,
     .pos = {0x40000, 0x30000},
     .label = "ota_1"},
};

// volatile: the compiler believes that malloc() looks at none of these
static volatile bool s_is_counting;
static volatile unsigned s_allocations;

// NOLINTBEGIN(readability-identifier-naming): the linker gives these names (--wrap)
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
    s_allocations += s_is_counting;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    s_allocations += s_is_counting;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    s_allocations += s_is_counting;
    return __real_realloc(block, size);
}
// NOLINTEND(readability-identifier-naming)

struct counts {
    unsigned begin;
    unsigned first_step; // opens the transaction
    unsigned loop;
    unsigned finish;
    unsigned steps;
};

static unsigned take_count(void)
{
    unsigned count = s_allocations;
    s_allocations = 0;
    return count;
}

static int start(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0", .table = TABLE, .table_count = 3);
    device_put_image("ota_0", "1");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    g_image = DEVICE_IMAGE(.len = LONG_IMAGE, .version = "2");
    return 0;
}

static struct counts count_update(const esp_https_ota_config_t *config)
{
    struct counts counts = {0};
    esp_https_ota_handle_t handle = NULL;
    s_allocations = 0;
    s_is_counting = true;
    assert_int_equal(esp_https_ota_begin(config, &handle), ESP_OK);
    counts.begin = take_count();
    esp_err_t err = esp_https_ota_perform(handle);
    counts.first_step = take_count();
    while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
        err = esp_https_ota_perform(handle);
        counts.steps++;
    }
    counts.loop = take_count();
    assert_int_equal(err, ESP_OK);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    counts.finish = take_count();
    s_is_counting = false;
    return counts;
}

static void assert_none_in_loop(const esp_https_ota_config_t *config)
{
    struct counts counts = count_update(config);
    print_message("allocations: begin %u, first step %u, %u steps %u, finish %u\n", counts.begin,
                  counts.first_step, counts.steps, counts.loop, counts.finish);
    assert_true(counts.begin > 0); // else nothing is counted
    assert_true(counts.steps >= 10);
    assert_int_equal(counts.loop, 0);
}

static void the_loop_allocates_nothing(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .piece = 1300});
    assert_none_in_loop(&config);
    assert_string_equal(device_boot(), "ota_1");
    assert_memory_equal(device_bytes(0x40000), g_image.bytes, g_image.len);
}

static void the_loop_allocates_nothing_with_a_resume_journal(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    http.buffer_size = 4096;
    esp_https_ota_config_t config = {.http_config = &http, .ota_resumption = true};
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .headers = "ETag: \"1\"\n"});
    assert_none_in_loop(&config);
    assert_string_equal(device_boot(), "ota_1");
    assert_memory_equal(device_bytes(0x40000), g_image.bytes, g_image.len);
}

static void the_loop_allocates_nothing_where_flash_is_not_mapped(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    g_flash.is_unmapped = true;
    SERVER_START({.body = g_image.bytes, .len = g_image.len});
    assert_none_in_loop(&config);
    assert_string_equal(device_boot(), "ota_1");
    assert_memory_equal(device_bytes(0x40000), g_image.bytes, g_image.len);
}

#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, start, update_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DEVICE(the_loop_allocates_nothing),
        WITH_DEVICE(the_loop_allocates_nothing_with_a_resume_journal),
        WITH_DEVICE(the_loop_allocates_nothing_where_flash_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
