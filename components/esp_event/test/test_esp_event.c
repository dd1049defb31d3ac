#include "esp_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

ESP_EVENT_DEFINE_BASE(SENSOR_EVENT);
ESP_EVENT_DEFINE_BASE(BUTTON_EVENT);

#define TRACE_MAX 64

/** What the handlers saw, in order; written by the dispatcher only. */
struct trace {
    char text[TRACE_MAX];
    esp_event_loop_handle_t loop;
    SemaphoreHandle_t reached;
    SemaphoreHandle_t go_on;
    esp_err_t result;
    void *data;
    esp_event_handler_instance_t instance;
};

static void note(struct trace *trace, const char *word)
{
    strncat(trace->text, word, sizeof(trace->text) - strlen(trace->text) - 1);
}

static void note_id(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)data;
    char word[16];
    snprintf(word, sizeof(word), "%d ", (int)id);
    note(arg, word);
}

static void note_a(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)id;
    (void)data;
    note(arg, "a ");
}

static void note_b(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)id;
    (void)data;
    note(arg, "b ");
}

static void note_c(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)id;
    (void)data;
    note(arg, "c ");
}

static esp_event_loop_handle_t loop_without_task(int32_t queue_size)
{
    const esp_event_loop_args_t args = {.queue_size = queue_size};
    esp_event_loop_handle_t loop = NULL;
    assert_int_equal(esp_event_loop_create(&args, &loop), ESP_OK);
    return loop;
}

static esp_event_loop_handle_t loop_with_task(int32_t queue_size)
{
    const esp_event_loop_args_t args = {
        .queue_size = queue_size, .task_name = "test", .task_stack_size = 4096, .task_priority = 5};
    esp_event_loop_handle_t loop = NULL;
    assert_int_equal(esp_event_loop_create(&args, &loop), ESP_OK);
    return loop;
}

static void post(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id)
{
    assert_int_equal(esp_event_post_to(loop, base, id, NULL, 0, 0), ESP_OK);
}

static void add(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                esp_event_handler_t handler, struct trace *trace)
{
    assert_int_equal(esp_event_handler_register_with(loop, base, id, handler, trace), ESP_OK);
}

static void run_all(esp_event_loop_handle_t loop)
{
    assert_int_equal(esp_event_loop_run(loop, 0), ESP_OK);
}

static void delete_loop(esp_event_loop_handle_t loop)
{
    assert_int_equal(esp_event_loop_delete(loop), ESP_OK);
}

static void a_base_has_its_own_name_as_text(void **state)
{
    (void)state;
    assert_string_equal(SENSOR_EVENT, "SENSOR_EVENT");
}

static void events_arrive_in_posting_order(void **state)
{
    (void)state;
    struct trace trace = {0};
    esp_event_loop_handle_t loop = loop_without_task(8);
    add(loop, SENSOR_EVENT, ESP_EVENT_ANY_ID, note_id, &trace);
    post(loop, SENSOR_EVENT, 3);
    post(loop, SENSOR_EVENT, 1);
    post(loop, BUTTON_EVENT, 7); // nobody's
    post(loop, SENSOR_EVENT, 2);
    run_all(loop);
    assert_string_equal(trace.text, "3 1 2 ");
    delete_loop(loop);
}

static void
handlers_run_from_the_general_to_the_special_and_then_in_registration_order(void **state)
{
    (void)state;
    struct trace trace = {0};
    esp_event_loop_handle_t loop = loop_without_task(8);
    add(loop, SENSOR_EVENT, 4, note_a, &trace);
    add(loop, SENSOR_EVENT, ESP_EVENT_ANY_ID, note_b, &trace);
    add(loop, ESP_EVENT_ANY_BASE, ESP_EVENT_ANY_ID, note_c, &trace);
    add(loop, SENSOR_EVENT, 4, note_id, &trace);
    add(loop, SENSOR_EVENT, ESP_EVENT_ANY_ID, note_a, &trace);
    post(loop, SENSOR_EVENT, 4);
    run_all(loop);
    assert_string_equal(trace.text, "c b a a 4 ");
    delete_loop(loop);
}

static void the_same_handler_again_replaces_its_argument(void **state)
{
    (void)state;
    struct trace first = {0};
    struct trace second = {0};
    esp_event_loop_handle_t loop = loop_without_task(8);
    add(loop, SENSOR_EVENT, 1, note_a, &first);
    add(loop, SENSOR_EVENT, 1, note_a, &second);
    post(loop, SENSOR_EVENT, 1);
    run_all(loop);
    assert_string_equal(first.text, "");
    assert_string_equal(second.text, "a ");
    delete_loop(loop);
}

static void instances_of_one_function_live_side_by_side(void **state)
{
    (void)state;
    struct trace first = {0};
    struct trace second = {0};
    esp_event_handler_instance_t instance = NULL;
    esp_event_loop_handle_t loop = loop_without_task(8);
    assert_int_equal(
        esp_event_handler_instance_register_with(loop, SENSOR_EVENT, 1, note_a, &first, &instance),
        ESP_OK);
    assert_int_equal(
        esp_event_handler_instance_register_with(loop, SENSOR_EVENT, 1, note_a, &second, NULL),
        ESP_OK);
    post(loop, SENSOR_EVENT, 1);
    run_all(loop);
    assert_int_equal(esp_event_handler_instance_unregister_with(loop, SENSOR_EVENT, 1, instance),
                     ESP_OK);
    post(loop, SENSOR_EVENT, 1);
    run_all(loop);
    assert_string_equal(first.text, "a ");
    assert_string_equal(second.text, "a a ");
    assert_int_equal(esp_event_handler_instance_unregister_with(loop, SENSOR_EVENT, 1, instance),
                     ESP_ERR_NOT_FOUND);
    delete_loop(loop);
}

static void an_unregistered_handler_is_not_called(void **state)
{
    (void)state;
    struct trace trace = {0};
    esp_event_loop_handle_t loop = loop_without_task(8);
    add(loop, SENSOR_EVENT, 1, note_a, &trace);
    post(loop, SENSOR_EVENT, 1);
    assert_int_equal(esp_event_handler_unregister_with(loop, SENSOR_EVENT, 1, note_a), ESP_OK);
    assert_int_equal(esp_event_handler_unregister_with(loop, SENSOR_EVENT, 1, note_a),
                     ESP_ERR_NOT_FOUND);
    run_all(loop);
    assert_string_equal(trace.text, "");
    delete_loop(loop);
}

static void change_handlers(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    (void)data;
    note(trace, "x ");
    assert_int_equal(esp_event_handler_unregister_with(trace->loop, base, id, change_handlers),
                     ESP_OK);
    assert_int_equal(esp_event_handler_unregister_with(trace->loop, base, id, note_a), ESP_OK);
    add(trace->loop, base, id, note_c, trace);
}

static void a_handler_may_remove_itself_and_others_and_add_one_for_the_next_event(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_without_task(8);
    struct trace trace = {.loop = loop};
    add(loop, SENSOR_EVENT, 1, change_handlers, &trace);
    add(loop, SENSOR_EVENT, 1, note_a, &trace);
    add(loop, SENSOR_EVENT, 1, note_b, &trace);
    post(loop, SENSOR_EVENT, 1);
    run_all(loop);
    assert_string_equal(trace.text, "x b ");
    post(loop, SENSOR_EVENT, 1);
    run_all(loop);
    assert_string_equal(trace.text, "x b b c ");
    delete_loop(loop);
}

static void keep_data(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    (void)base;
    (void)id;
    trace->data = data;
    if (data) {
        note(trace, data);
    }
}

static void handlers_get_a_copy_of_the_data_and_null_for_none(void **state)
{
    (void)state;
    struct trace trace = {0};
    char text[] = "first";
    esp_event_loop_handle_t loop = loop_without_task(8);
    add(loop, SENSOR_EVENT, 1, keep_data, &trace);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 1, text, sizeof(text), 0), ESP_OK);
    memset(text, 'z', sizeof(text) - 1);
    run_all(loop);
    assert_string_equal(trace.text, "first");
    assert_ptr_not_equal(trace.data, text);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 1, text, 0, 0), ESP_OK);
    run_all(loop);
    assert_null(trace.data);
    delete_loop(loop);
}

static void a_full_queue_times_out(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_without_task(2);
    post(loop, SENSOR_EVENT, 1);
    post(loop, SENSOR_EVENT, 2);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 3, "x", 2, 0), ESP_ERR_TIMEOUT);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 3, "x", 2, 1), ESP_ERR_TIMEOUT);
    delete_loop(loop);
}

static void fill_queue(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    (void)data;
    do {
        trace->result = esp_event_post_to(trace->loop, base, id + 1, NULL, 0, portMAX_DELAY);
    } while (trace->result == ESP_OK);
    xSemaphoreGive(trace->reached);
}

static void posting_from_a_handler_never_waits(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_with_task(4);
    struct trace trace = {.loop = loop, .reached = xSemaphoreCreateBinary()};
    add(loop, SENSOR_EVENT, 1, fill_queue, &trace);
    post(loop, SENSOR_EVENT, 1);
    assert_int_equal(xSemaphoreTake(trace.reached, portMAX_DELAY), pdTRUE);
    delete_loop(loop);
    assert_int_equal(trace.result, ESP_ERR_TIMEOUT);
    vSemaphoreDelete(trace.reached);
}

static void note_and_stop(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    note_id(arg, base, id, data);
    xSemaphoreGive(trace->reached);
    xSemaphoreTake(trace->go_on, portMAX_DELAY);
    note(trace, "end ");
}

struct deleter {
    esp_event_loop_handle_t loop;
    SemaphoreHandle_t done;
};

static void delete_from_task(void *arg)
{
    struct deleter *deleter = arg;
    delete_loop(deleter->loop);
    xSemaphoreGive(deleter->done);
    vTaskDelete(NULL);
}

static void deleting_waits_for_the_running_handler(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_with_task(4);
    struct trace trace = {.reached = xSemaphoreCreateBinary(), .go_on = xSemaphoreCreateBinary()};
    struct deleter deleter = {.loop = loop, .done = xSemaphoreCreateBinary()};
    add(loop, SENSOR_EVENT, ESP_EVENT_ANY_ID, note_and_stop, &trace);
    post(loop, SENSOR_EVENT, 1);
    xSemaphoreTake(trace.reached, portMAX_DELAY);
    assert_int_equal(xTaskCreate(delete_from_task, "del", 4096, &deleter, 5, NULL), pdPASS);
    assert_int_equal(xSemaphoreTake(deleter.done, 1), pdFALSE);
    xSemaphoreGive(trace.go_on);
    xSemaphoreTake(deleter.done, portMAX_DELAY);
    xSemaphoreGive(
        trace.go_on); // in case the delete came after event 2 was taken: it must not have been
    assert_string_equal(trace.text, "1 end ");
    vSemaphoreDelete(trace.reached);
    vSemaphoreDelete(trace.go_on);
    vSemaphoreDelete(deleter.done);
}

static void delete_own_loop(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    (void)base;
    (void)id;
    (void)data;
    trace->result = esp_event_loop_delete(trace->loop);
    note(trace, "deleted ");
    if (trace->reached) {
        xSemaphoreGive(trace->reached);
    }
}

static void a_handler_may_delete_its_own_loop(void **state)
{
    (void)state;
    struct trace trace = {.reached = xSemaphoreCreateBinary()};
    trace.loop = loop_with_task(4);
    add(trace.loop, SENSOR_EVENT, 1, delete_own_loop, &trace);
    add(trace.loop, SENSOR_EVENT, 1, note_a, &trace);
    post(trace.loop, SENSOR_EVENT, 1);
    xSemaphoreTake(trace.reached, portMAX_DELAY);
    while (uxTaskGetNumberOfTasks() > 0) {
        vTaskDelay(0);
    }
    assert_string_equal(trace.text, "deleted ");
    assert_int_equal(trace.result, ESP_OK);
    vSemaphoreDelete(trace.reached);

    struct trace here = {.loop = loop_without_task(4)};
    add(here.loop, SENSOR_EVENT, 1, delete_own_loop, &here);
    post(here.loop, SENSOR_EVENT, 1);
    post(here.loop, SENSOR_EVENT, 1);
    run_all(here.loop);
    assert_string_equal(here.text, "deleted ");
}

struct remover {
    esp_event_loop_handle_t loop;
    struct trace *trace;
    SemaphoreHandle_t done;
};

static void remove_from_task(void *arg)
{
    struct remover *remover = arg;
    assert_int_equal(
        esp_event_handler_unregister_with(remover->loop, SENSOR_EVENT, 1, note_and_stop), ESP_OK);
    note(remover->trace, "removed ");
    xSemaphoreGive(remover->done);
    vTaskDelete(NULL);
}

static void unregistering_waits_until_the_handler_has_returned(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_with_task(4);
    struct trace trace = {.reached = xSemaphoreCreateBinary(), .go_on = xSemaphoreCreateBinary()};
    struct remover remover = {.loop = loop, .trace = &trace, .done = xSemaphoreCreateBinary()};
    add(loop, SENSOR_EVENT, 1, note_and_stop, &trace);
    post(loop, SENSOR_EVENT, 1);
    xSemaphoreTake(trace.reached, portMAX_DELAY);
    assert_int_equal(xTaskCreate(remove_from_task, "rm", 4096, &remover, 5, NULL), pdPASS);
    assert_int_equal(xSemaphoreTake(remover.done, 1), pdFALSE);
    xSemaphoreGive(trace.go_on);
    xSemaphoreTake(remover.done, portMAX_DELAY);
    delete_loop(loop);
    assert_string_equal(trace.text, "1 end removed ");
    vSemaphoreDelete(trace.reached);
    vSemaphoreDelete(trace.go_on);
    vSemaphoreDelete(remover.done);
}

static void deleting_frees_the_events_that_wait(void **state)
{
    (void)state;
    struct trace trace = {0};
    esp_event_loop_handle_t loop = loop_without_task(4);
    add(loop, SENSOR_EVENT, 1, note_a, &trace);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 1, "data", 5, 0), ESP_OK);
    delete_loop(loop); // the leak checker of the sanitizer sees the rest
    assert_string_equal(trace.text, "");
}

static void running_is_for_loops_without_a_task(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_with_task(4);
    assert_int_equal(esp_event_loop_run(loop, 0), ESP_ERR_INVALID_STATE);
    delete_loop(loop);
    loop = loop_without_task(4);
    struct trace trace = {0};
    add(loop, SENSOR_EVENT, 1, note_a, &trace);
    post(loop, SENSOR_EVENT, 1);
    TickType_t before = xTaskGetTickCount();
    assert_int_equal(esp_event_loop_run(loop, 2), ESP_OK);
    assert_true(xTaskGetTickCount() - before >= 2);
    assert_string_equal(trace.text, "a ");
    delete_loop(loop);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    esp_event_loop_handle_t loop = loop_without_task(2);
    esp_event_loop_handle_t none = NULL;
    const esp_event_loop_args_t empty = {.queue_size = 0};
    assert_int_equal(esp_event_loop_create(NULL, &none), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_loop_create(&empty, &none), ESP_ERR_INVALID_ARG);
    assert_null(none);
    assert_int_equal(esp_event_loop_delete(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_handler_register_with(loop, SENSOR_EVENT, 1, NULL, NULL),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_handler_register_with(loop, ESP_EVENT_ANY_BASE, 1, note_a, NULL),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_handler_register_with(NULL, SENSOR_EVENT, 1, note_a, NULL),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_post_to(loop, ESP_EVENT_ANY_BASE, 1, NULL, 0, 0),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, ESP_EVENT_ANY_ID, NULL, 0, 0),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_event_post_to(loop, SENSOR_EVENT, 1, NULL, 4, 0), ESP_ERR_INVALID_ARG);
    delete_loop(loop);
}

static void without_the_default_loop_everything_is_an_invalid_state(void **state)
{
    (void)state;
    esp_event_handler_instance_t instance = NULL;
    assert_false(esp_event_default_loop_exists());
    assert_int_equal(esp_event_loop_delete_default(), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_event_post(SENSOR_EVENT, 1, NULL, 0, 0), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_event_handler_register(SENSOR_EVENT, 1, note_a, NULL),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_event_handler_unregister(SENSOR_EVENT, 1, note_a), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_event_handler_instance_register(SENSOR_EVENT, 1, note_a, NULL, &instance),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_event_handler_instance_unregister(SENSOR_EVENT, 1, &instance),
                     ESP_ERR_INVALID_STATE);
}

static void note_task(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct trace *trace = arg;
    (void)base;
    (void)id;
    (void)data;
    note(trace, pcTaskGetName(NULL));
    xSemaphoreGive(trace->reached);
}

static void the_default_loop_dispatches_on_its_own_task(void **state)
{
    (void)state;
    struct trace trace = {.reached = xSemaphoreCreateBinary()};
    assert_int_equal(esp_event_loop_create_default(), ESP_OK);
    assert_int_equal(esp_event_loop_create_default(), ESP_ERR_INVALID_STATE);
    assert_true(esp_event_default_loop_exists());
    assert_int_equal(esp_event_handler_register(SENSOR_EVENT, 1, note_task, &trace), ESP_OK);
    assert_int_equal(esp_event_post(SENSOR_EVENT, 1, NULL, 0, portMAX_DELAY), ESP_OK);
    assert_int_equal(xSemaphoreTake(trace.reached, portMAX_DELAY), pdTRUE);
    assert_int_equal(esp_event_handler_unregister(SENSOR_EVENT, 1, note_task), ESP_OK);
    assert_int_equal(esp_event_loop_delete_default(), ESP_OK);
    assert_string_equal(trace.text, "sys_evt");
    vSemaphoreDelete(trace.reached);
}

#define POSTER_COUNT 4
#define POST_COUNT   200

struct poster {
    SemaphoreHandle_t done;
    int id;
};

static void post_until_gone(void *arg)
{
    struct poster *poster = arg;
    int32_t value = 0;
    esp_err_t err;
    do {
        err = esp_event_post(BUTTON_EVENT, poster->id, &value, sizeof(value), portMAX_DELAY);
        value++;
    } while (err == ESP_OK);
    assert_int_equal(err, ESP_ERR_INVALID_STATE);
    xSemaphoreGive(poster->done);
    vTaskDelete(NULL);
}

struct counts {
    int32_t next[POSTER_COUNT];
    unsigned total;
    SemaphoreHandle_t enough;
};

static void count_in_order(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    struct counts *counts = arg;
    (void)base;
    assert_int_equal(*(int32_t *)data, counts->next[id]);
    counts->next[id]++;
    if (++counts->total == POST_COUNT) {
        xSemaphoreGive(counts->enough);
    }
}

static void the_default_loop_may_be_deleted_while_others_post(void **state)
{
    (void)state;
    struct counts counts = {.enough = xSemaphoreCreateBinary()};
    SemaphoreHandle_t done = xSemaphoreCreateCounting(POSTER_COUNT, 0);
    struct poster posters[POSTER_COUNT];
    assert_int_equal(esp_event_loop_create_default(), ESP_OK);
    assert_int_equal(
        esp_event_handler_register(BUTTON_EVENT, ESP_EVENT_ANY_ID, count_in_order, &counts),
        ESP_OK);
    for (int i = 0; i < POSTER_COUNT; i++) {
        posters[i] = (struct poster){.done = done, .id = i};
        assert_int_equal(xTaskCreate(post_until_gone, "post", 4096, &posters[i], 5, NULL), pdPASS);
    }
    xSemaphoreTake(counts.enough, portMAX_DELAY);
    assert_int_equal(esp_event_loop_delete_default(), ESP_OK);
    for (int i = 0; i < POSTER_COUNT; i++) {
        xSemaphoreTake(done, portMAX_DELAY);
    }
    assert_true(counts.total >= POST_COUNT);
    vSemaphoreDelete(done);
    vSemaphoreDelete(counts.enough);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_base_has_its_own_name_as_text),
        cmocka_unit_test(events_arrive_in_posting_order),
        cmocka_unit_test(
            handlers_run_from_the_general_to_the_special_and_then_in_registration_order),
        cmocka_unit_test(the_same_handler_again_replaces_its_argument),
        cmocka_unit_test(instances_of_one_function_live_side_by_side),
        cmocka_unit_test(an_unregistered_handler_is_not_called),
        cmocka_unit_test(a_handler_may_remove_itself_and_others_and_add_one_for_the_next_event),
        cmocka_unit_test(handlers_get_a_copy_of_the_data_and_null_for_none),
        cmocka_unit_test(a_full_queue_times_out),
        cmocka_unit_test(posting_from_a_handler_never_waits),
        cmocka_unit_test(deleting_waits_for_the_running_handler),
        cmocka_unit_test(a_handler_may_delete_its_own_loop),
        cmocka_unit_test(unregistering_waits_until_the_handler_has_returned),
        cmocka_unit_test(deleting_frees_the_events_that_wait),
        cmocka_unit_test(running_is_for_loops_without_a_task),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(without_the_default_loop_everything_is_an_invalid_state),
        cmocka_unit_test(the_default_loop_dispatches_on_its_own_task),
        cmocka_unit_test(the_default_loop_may_be_deleted_while_others_post),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
