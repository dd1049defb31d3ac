// Several threads on one list and one chip. Run under the tsan preset too.

#include "partition_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREAD_COUNT 4

static void *find_nvs(void *result)
{
    *(const esp_partition_t **)result =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NULL);
    return NULL;
}

static void threads_that_load_at_once_get_the_same_pointer(void **state)
{
    (void)state;
    pthread_t threads[THREAD_COUNT];
    const esp_partition_t *found[THREAD_COUNT] = {0};
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, find_nvs, &found[i]), 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_non_null(found[0]);
    for (size_t i = 1; i < THREAD_COUNT; i++) {
        assert_ptr_equal(found[i], found[0]);
    }
}

static void *register_and_deregister(void *context)
{
    size_t offset = *(const size_t *)context;
    const esp_partition_t *added;
    for (int i = 0; i < 200; i++) {
        if (esp_partition_register_external(NULL, offset, 0x1000, "x", 0x40, 0, &added) != ESP_OK ||
            esp_partition_deregister_external(added) != ESP_OK) {
            return context;
        }
    }
    return NULL;
}

static void iterating_while_entries_come_and_go_finds_the_table_each_time(void **state)
{
    (void)state;
    static size_t s_offsets[2] = {0x320000, 0x330000};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, register_and_deregister, &s_offsets[i]),
                         0);
    }
    for (int i = 0; i < 200; i++) {
        unsigned count = 0;
        esp_partition_iterator_t it =
            esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
        for (; it; it = esp_partition_next(it)) {
            count++;
        }
        assert_true(count >= 6);
    }
    for (size_t i = 0; i < 2; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static atomic_bool s_is_about_to_write;
static atomic_bool s_has_written;

static void *write_nvs(void *nvs)
{
    atomic_store(&s_is_about_to_write, true);
    esp_err_t err = esp_partition_write(nvs, 0, "late", 4);
    atomic_store(&s_has_written, true);
    return err == ESP_OK ? NULL : nvs;
}

static void a_write_waits_until_a_blocking_mapping_ends(void **state)
{
    (void)state;
    const esp_partition_t *nvs = fixture_find("nvs");
    const void *pointer;
    esp_partition_mmap_handle_t handle;
    pthread_t thread;
    void *failed;
    assert_int_equal(
        esp_partition_mmap(nvs, 0, 4, ESP_PARTITION_MMAP_BLOCKS_WRITE, &pointer, &handle), ESP_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_nvs, (void *)nvs), 0);
    while (!atomic_load(&s_is_about_to_write)) {
        sched_yield();
    }
    for (int i = 0; i < 100; i++) { // gives a write that does not wait the chance to show
        sched_yield();
    }
    assert_false(atomic_load(&s_has_written));
    assert_memory_equal(pointer, "\xFF\xFF\xFF\xFF", 4);
    esp_partition_munmap(handle);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_memory_equal(pointer, "late", 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_that_load_at_once_get_the_same_pointer),
        TEST(iterating_while_entries_come_and_go_finds_the_table_each_time),
        TEST(a_write_waits_until_a_blocking_mapping_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
