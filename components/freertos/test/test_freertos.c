#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "freertos/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void wait_until_all_tasks_ended(void)
{
    while (uxTaskGetNumberOfTasks() > 0) {
        vTaskDelay(0);
    }
}

static void start(TaskFunction_t function, void *arg, TaskHandle_t *created)
{
    assert_int_equal(xTaskCreate(function, "worker", 2048, arg, 5, created), pdPASS);
}

//---------------------------------------------------------------------------------------------- tasks

struct visit {
    SemaphoreHandle_t done;
    TaskHandle_t handle;
    char name[configMAX_TASK_NAME_LEN];
    bool ran_on;
    TaskHandle_t self;
};

static void visit_and_end(void *arg)
{
    struct visit *visit = arg;
    visit->self = xTaskGetCurrentTaskHandle();
    snprintf(visit->name, sizeof(visit->name), "%s", pcTaskGetName(NULL));
    volatile char stack[200 * 1024]; // far more than was asked for
    stack[0] = 1;
    stack[sizeof(stack) - 1] = stack[0];
    xSemaphoreGive(visit->done);
    (void)vTaskDelete(NULL);
    visit->ran_on = true;
}

static void a_task_runs_knows_itself_and_ends_in_delete(void **state)
{
    (void)state;
    struct visit visit = {.done = xSemaphoreCreateBinary()};
    start(visit_and_end, &visit, &visit.handle);
    assert_int_equal(xSemaphoreTake(visit.done, portMAX_DELAY), pdTRUE);
    wait_until_all_tasks_ended();
    assert_ptr_equal(visit.self, visit.handle);
    assert_string_equal(visit.name, "worker");
    assert_false(visit.ran_on);
    vSemaphoreDelete(visit.done);
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    struct visit visit = {.done = xSemaphoreCreateBinary()};
    assert_int_equal(xTaskCreatePinnedToCore(visit_and_end, "a_name_longer_than_sixteen", 0, &visit,
                                             5, NULL, tskNO_AFFINITY),
                     pdPASS);
    xSemaphoreTake(visit.done, portMAX_DELAY);
    wait_until_all_tasks_ended();
    assert_string_equal(visit.name, "a_name_longer_t");
    vSemaphoreDelete(visit.done);
}

static void the_first_thread_has_a_handle_too(void **state)
{
    (void)state;
    assert_non_null(xTaskGetCurrentTaskHandle());
    assert_ptr_equal(xTaskGetCurrentTaskHandle(), xTaskGetCurrentTaskHandle());
    assert_string_equal(pcTaskGetName(NULL), "main");
}

static void sleep_for_ever(void *arg)
{
    xSemaphoreGive(arg);
    for (;;) {
        vTaskDelay(portMAX_DELAY);
    }
}

static void wait_for_bits_for_ever(void *arg)
{
    EventGroupHandle_t group = arg;
    xEventGroupSetBits(group, BIT1);
    xEventGroupWaitBits(group, BIT0, pdFALSE, pdFALSE, portMAX_DELAY);
    abort(); // nobody sets the bit
}

static void a_blocked_task_ends_when_another_deletes_it(void **state)
{
    (void)state;
    SemaphoreHandle_t started = xSemaphoreCreateBinary();
    TaskHandle_t task;
    start(sleep_for_ever, started, &task);
    xSemaphoreTake(started, portMAX_DELAY);
    vTaskDelete(task);
    wait_until_all_tasks_ended();
    vSemaphoreDelete(started);

    EventGroupHandle_t group = xEventGroupCreate();
    start(wait_for_bits_for_ever, group, &task);
    xEventGroupWaitBits(group, BIT1, pdFALSE, pdFALSE, portMAX_DELAY);
    vTaskDelete(task);
    wait_until_all_tasks_ended();
    vEventGroupDelete(group);
}

static void a_delay_lasts_at_least_its_ticks(void **state)
{
    (void)state;
    TickType_t before = xTaskGetTickCount();
    vTaskDelay(2);
    assert_true(xTaskGetTickCount() - before >= 2);
}

static void delay_until_keeps_the_period_and_tells_when_it_is_late(void **state)
{
    (void)state;
    TickType_t start_tick = xTaskGetTickCount();
    TickType_t previous = start_tick;
    assert_int_equal(xTaskDelayUntil(&previous, 10), pdTRUE);
    assert_int_equal(previous, start_tick + 10);
    assert_true((int32_t)(xTaskGetTickCount() - previous) >= 0);
    previous -= 20;
    assert_int_equal(xTaskDelayUntil(&previous, 1), pdFALSE);
    assert_int_equal(previous, start_tick - 9);
}

static void milliseconds_round_down_to_ticks(void **state)
{
    (void)state;
    assert_int_equal(pdMS_TO_TICKS(19), 1);
    assert_int_equal(pdTICKS_TO_MS(3), 30);
    assert_int_equal(1000 / portTICK_PERIOD_MS, 100);
    assert_int_equal(pdMS_TO_TICKS(4000000000u), 400000000u);
}

//---------------------------------------------------------------------------------------------- queues

static void items_leave_a_queue_in_order_and_peeking_leaves_them(void **state)
{
    (void)state;
    QueueHandle_t queue = xQueueCreate(3, sizeof(int));
    int value = 0;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(xQueueSend(queue, &i, 0), pdTRUE);
    }
    assert_int_equal(xQueueSend(queue, &value, 0), errQUEUE_FULL);
    assert_int_equal(uxQueueSpacesAvailable(queue), 0);
    assert_int_equal(xQueuePeek(queue, &value, 0), pdTRUE);
    assert_int_equal(value, 1);
    assert_int_equal(xQueueReceive(queue, &value, 0), pdTRUE);
    assert_int_equal(value, 1);
    value = 9;
    assert_int_equal(xQueueSendToFront(queue, &value, 0), pdTRUE);
    assert_int_equal(xQueueReceive(queue, &value, 0), pdTRUE);
    assert_int_equal(value, 9);
    assert_int_equal(uxQueueMessagesWaiting(queue), 2);
    assert_int_equal(xQueueReset(queue), pdPASS);
    assert_int_equal(xQueueReceive(queue, &value, 1), errQUEUE_EMPTY);
    assert_int_equal(value, 9);
    vQueueDelete(queue);
}

static void overwrite_replaces_the_only_item(void **state)
{
    (void)state;
    QueueHandle_t queue = xQueueCreate(1, 1);
    char value = 'a';
    xQueueOverwrite(queue, &value);
    value = 'b';
    xQueueOverwrite(queue, &value);
    assert_int_equal(xQueueReceive(queue, &value, 0), pdTRUE);
    assert_int_equal(value, 'b');
    assert_int_equal(uxQueueMessagesWaiting(queue), 0);
    vQueueDelete(queue);
}

static void queues_without_room_and_counts_above_the_limit_are_not_made(void **state)
{
    (void)state;
    assert_null(xQueueCreate(0, 4));
    assert_null(xSemaphoreCreateCounting(2, 3));
}

#define STREAM_COUNT 500

static void send_numbers(void *arg)
{
    for (int i = 0; i < STREAM_COUNT; i++) {
        xQueueSend((QueueHandle_t)arg, &i, portMAX_DELAY);
    }
    vTaskDelete(NULL);
}

static void a_small_queue_carries_a_long_stream_between_tasks(void **state)
{
    (void)state;
    QueueHandle_t queue = xQueueCreate(2, sizeof(int));
    start(send_numbers, queue, NULL);
    for (int i = 0; i < STREAM_COUNT; i++) {
        int value;
        assert_int_equal(xQueueReceive(queue, &value, portMAX_DELAY), pdTRUE);
        assert_int_equal(value, i);
    }
    wait_until_all_tasks_ended();
    vQueueDelete(queue);
}

static void waits_end_with_their_time(void **state)
{
    (void)state;
    SemaphoreHandle_t semaphore = xSemaphoreCreateBinary();
    TickType_t before = xTaskGetTickCount();
    assert_int_equal(xSemaphoreTake(semaphore, 2), pdFALSE);
    assert_true(xTaskGetTickCount() - before >= 2);
    vSemaphoreDelete(semaphore);
}

//---------------------------------------------------------------------------------------------- semaphores

static void semaphores_count_up_to_their_limit(void **state)
{
    (void)state;
    SemaphoreHandle_t semaphore = xSemaphoreCreateCounting(2, 1);
    assert_int_equal(xSemaphoreGive(semaphore), pdTRUE);
    assert_int_equal(xSemaphoreGive(semaphore), pdFALSE);
    assert_int_equal(uxSemaphoreGetCount(semaphore), 2);
    vSemaphoreDelete(semaphore);

    SemaphoreHandle_t binary = xSemaphoreCreateBinary();
    assert_int_equal(xSemaphoreTake(binary, 0), pdFALSE);
    assert_int_equal(xSemaphoreGive(binary), pdTRUE);
    assert_int_equal(xSemaphoreGive(binary), pdFALSE);
    assert_int_equal(xSemaphoreTake(binary, 0), pdTRUE);
    vSemaphoreDelete(binary);
}

struct counter {
    SemaphoreHandle_t mutex;
    long value;
    BaseType_t foreign_give;
};

static void give_what_another_holds(void *arg)
{
    struct counter *counter = arg;
    counter->foreign_give = xSemaphoreGive(counter->mutex);
    vTaskDelete(NULL);
}

static void only_the_holder_gives_a_mutex(void **state)
{
    (void)state;
    struct counter counter = {.mutex = xSemaphoreCreateMutex(), .foreign_give = pdTRUE};
    assert_int_equal(xSemaphoreTake(counter.mutex, 0), pdTRUE);
    assert_ptr_equal(xSemaphoreGetMutexHolder(counter.mutex), xTaskGetCurrentTaskHandle());
    assert_int_equal(xSemaphoreTake(counter.mutex, 1), pdFALSE);
    start(give_what_another_holds, &counter, NULL);
    wait_until_all_tasks_ended();
    assert_int_equal(counter.foreign_give, pdFALSE);
    assert_int_equal(xSemaphoreGive(counter.mutex), pdTRUE);
    assert_null(xSemaphoreGetMutexHolder(counter.mutex));
    vSemaphoreDelete(counter.mutex);
}

static void a_recursive_mutex_is_free_after_as_many_gives(void **state)
{
    (void)state;
    SemaphoreHandle_t mutex = xSemaphoreCreateRecursiveMutex();
    assert_int_equal(xSemaphoreTakeRecursive(mutex, 0), pdTRUE);
    assert_int_equal(xSemaphoreTakeRecursive(mutex, 0), pdTRUE);
    assert_int_equal(xSemaphoreGiveRecursive(mutex), pdTRUE);
    assert_non_null(xSemaphoreGetMutexHolder(mutex));
    assert_int_equal(xSemaphoreGiveRecursive(mutex), pdTRUE);
    assert_null(xSemaphoreGetMutexHolder(mutex));
    assert_int_equal(xSemaphoreGiveRecursive(mutex), pdFALSE);
    vSemaphoreDelete(mutex);
}

#define ADD_COUNT 1000

static void add_under_mutex(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < ADD_COUNT; i++) {
        xSemaphoreTake(counter->mutex, portMAX_DELAY);
        counter->value++;
        xSemaphoreGive(counter->mutex);
    }
    vTaskDelete(NULL);
}

static void a_mutex_excludes(void **state)
{
    (void)state;
    struct counter counter = {.mutex = xSemaphoreCreateMutex()};
    for (int i = 0; i < 3; i++) {
        start(add_under_mutex, &counter, NULL);
    }
    wait_until_all_tasks_ended();
    assert_int_equal(counter.value, 3 * ADD_COUNT);
    vSemaphoreDelete(counter.mutex);
}

//---------------------------------------------------------------------------------------------- event groups

static void waiting_for_bits_that_are_set_returns_at_once(void **state)
{
    (void)state;
    EventGroupHandle_t group = xEventGroupCreate();
    assert_int_equal(xEventGroupSetBits(group, BIT0 | BIT2 | 0xFF000000u), BIT0 | BIT2);
    assert_int_equal(xEventGroupWaitBits(group, BIT0 | BIT1, pdTRUE, pdTRUE, 0), BIT0 | BIT2);
    assert_int_equal(xEventGroupGetBits(group), BIT0 | BIT2);
    assert_int_equal(xEventGroupWaitBits(group, BIT0 | BIT1, pdTRUE, pdFALSE, 0), BIT0 | BIT2);
    assert_int_equal(xEventGroupGetBits(group), BIT2);
    assert_int_equal(xEventGroupClearBits(group, BIT2), BIT2);
    assert_int_equal(xEventGroupWaitBits(group, BIT0, pdTRUE, pdFALSE, 1), 0);
    vEventGroupDelete(group);
}

struct meeting {
    EventGroupHandle_t group;
    SemaphoreHandle_t results; // one for each task that saw both bits
    SemaphoreHandle_t ready;
};

static void wait_for_both(void *arg)
{
    struct meeting *meeting = arg;
    xSemaphoreGive(meeting->ready);
    EventBits_t bits =
        xEventGroupWaitBits(meeting->group, BIT0 | BIT1, pdTRUE, pdTRUE, portMAX_DELAY);
    if ((bits & (BIT0 | BIT1)) == (BIT0 | BIT1)) {
        xSemaphoreGive(meeting->results);
    }
    vTaskDelete(NULL);
}

static void all_waiting_tasks_see_the_bits_before_one_clears_them(void **state)
{
    (void)state;
    struct meeting meeting = {.group = xEventGroupCreate(),
                              .results = xSemaphoreCreateCounting(3, 0),
                              .ready = xSemaphoreCreateCounting(3, 0)};
    for (int i = 0; i < 3; i++) {
        start(wait_for_both, &meeting, NULL);
    }
    for (int i = 0; i < 3; i++) {
        xSemaphoreTake(meeting.ready, portMAX_DELAY);
    }
    // A task that was ready but not yet waiting finds the bits cleared, hence again until all came.
    while (uxSemaphoreGetCount(meeting.results) < 3) {
        xEventGroupSetBits(meeting.group, BIT0);
        xEventGroupSetBits(meeting.group, BIT1);
        vTaskDelay(0);
    }
    wait_until_all_tasks_ended();
    xEventGroupClearBits(meeting.group, BIT0 | BIT1);
    vSemaphoreDelete(meeting.results);
    vSemaphoreDelete(meeting.ready);
    vEventGroupDelete(meeting.group);
}

//---------------------------------------------------------------------------------------------- notifications

static void give_twice(void *arg)
{
    xTaskNotifyGive(arg);
    vTaskNotifyGiveFromISR(arg, NULL);
    vTaskDelete(NULL);
}

static void notifications_count_and_are_taken_one_by_one_or_all(void **state)
{
    (void)state;
    start(give_twice, xTaskGetCurrentTaskHandle(), NULL);
    wait_until_all_tasks_ended();
    assert_int_equal(ulTaskNotifyTake(pdFALSE, portMAX_DELAY), 2);
    assert_int_equal(ulTaskNotifyTake(pdTRUE, 0), 1);
    assert_int_equal(ulTaskNotifyTake(pdTRUE, 1), 0);
}

static void notified_bits_arrive_once_and_are_not_overwritten_unasked(void **state)
{
    (void)state;
    TaskHandle_t self = xTaskGetCurrentTaskHandle();
    uint32_t value = 0;
    assert_int_equal(xTaskNotify(self, 0x5, eSetBits), pdPASS);
    assert_int_equal(xTaskNotify(self, 9, eSetValueWithoutOverwrite), pdFAIL);
    assert_int_equal(xTaskNotifyWait(0, 0x1, &value, 0), pdTRUE);
    assert_int_equal(value, 0x5);
    assert_int_equal(xTaskNotifyWait(0, UINT32_MAX, &value, 0), pdFALSE);
    assert_int_equal(value, 0x4);
    assert_int_equal(xTaskNotifyFromISR(self, 9, eSetValueWithoutOverwrite, NULL), pdPASS);
    assert_int_equal(xTaskNotifyStateClear(NULL), pdTRUE);
    assert_int_equal(xTaskNotifyStateClear(NULL), pdFALSE);
    assert_int_equal(xTaskNotifyWait(0, UINT32_MAX, &value, 0), pdFALSE);
    assert_int_equal(ulTaskNotifyTake(pdTRUE, 0), 9);
}

//---------------------------------------------------------------------------------------------- timers

static void give_id(TimerHandle_t timer)
{
    xSemaphoreGive(pvTimerGetTimerID(timer));
}

static void a_timer_calls_once_or_again_and_again(void **state)
{
    (void)state;
    SemaphoreHandle_t count = xSemaphoreCreateCounting(100, 0);
    TimerHandle_t once = xTimerCreate("once", 1, pdFALSE, count, give_id);
    assert_non_null(once);
    assert_string_equal(pcTimerGetName(once), "once");
    assert_int_equal(xTimerStart(once, 0), pdPASS);
    assert_int_equal(xSemaphoreTake(count, portMAX_DELAY), pdTRUE);
    assert_int_equal(xTimerIsTimerActive(once), pdFALSE);
    TimerHandle_t often = xTimerCreate(NULL, 1000, pdTRUE, count, give_id);
    assert_int_equal(xTimerChangePeriod(often, 1, 0), pdPASS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(xSemaphoreTake(count, portMAX_DELAY), pdTRUE);
    }
    assert_int_equal(xTimerIsTimerActive(often), pdTRUE);
    assert_int_equal(xTimerStop(often, 0), pdPASS);
    assert_int_equal(xTimerIsTimerActive(often), pdFALSE);
    assert_int_equal(xTimerDelete(often, 0), pdPASS);
    assert_int_equal(xTimerDelete(once, 0), pdPASS);
    assert_null(xTimerCreate("never", 0, pdTRUE, NULL, give_id));
    vTaskDelay(2); // a call under way may still use the semaphore
    vSemaphoreDelete(count);
}

static SemaphoreHandle_t s_deleted;

static void delete_self(TimerHandle_t timer)
{
    xTimerDelete(timer, 0);
    xSemaphoreGive(s_deleted);
}

static void a_timer_may_delete_itself(void **state)
{
    (void)state;
    s_deleted = xSemaphoreCreateBinary();
    TimerHandle_t timer = xTimerCreate("brief", 1, pdTRUE, NULL, delete_self);
    xTimerStart(timer, 0);
    assert_int_equal(xSemaphoreTake(s_deleted, portMAX_DELAY), pdTRUE);
    vTaskDelay(2);
    assert_int_equal(uxSemaphoreGetCount(s_deleted), 0);
    vSemaphoreDelete(s_deleted);
}

//---------------------------------------------------------------------------------------------- critical sections

static portMUX_TYPE s_mux = portMUX_INITIALIZER_UNLOCKED;
static int s_inside;

static void add_a_thousand(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        taskENTER_CRITICAL(&s_mux);
        portENTER_CRITICAL(&s_mux);
        s_inside++;
        portEXIT_CRITICAL(&s_mux);
        taskEXIT_CRITICAL(&s_mux);
    }
    vTaskDelete(NULL);
}

static void critical_sections_nest_and_exclude_each_other(void **state)
{
    (void)state;
    start(add_a_thousand, NULL, NULL);
    start(add_a_thousand, NULL, NULL);
    wait_until_all_tasks_ended();
    assert_int_equal(s_inside, 2000);
}

static void a_priority_can_change_and_the_stack_has_room(void **state)
{
    (void)state;
    vTaskPrioritySet(NULL, 7);
    assert_int_equal(uxTaskPriorityGet(NULL), 7);
    assert_true(uxTaskGetStackHighWaterMark(NULL) > 0);
    QueueHandle_t queue = xQueueCreate(1, sizeof(int));
    BaseType_t woken = pdTRUE;
    int item = 3;
    assert_int_equal(xQueueSendFromISR(queue, &item, &woken), pdTRUE);
    assert_int_equal(woken, pdFALSE);
    assert_int_equal(xQueueReceiveFromISR(queue, &item, NULL), pdTRUE);
    vQueueDelete(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_runs_knows_itself_and_ends_in_delete),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(the_first_thread_has_a_handle_too),
        cmocka_unit_test(a_blocked_task_ends_when_another_deletes_it),
        cmocka_unit_test(a_delay_lasts_at_least_its_ticks),
        cmocka_unit_test(delay_until_keeps_the_period_and_tells_when_it_is_late),
        cmocka_unit_test(milliseconds_round_down_to_ticks),
        cmocka_unit_test(items_leave_a_queue_in_order_and_peeking_leaves_them),
        cmocka_unit_test(overwrite_replaces_the_only_item),
        cmocka_unit_test(queues_without_room_and_counts_above_the_limit_are_not_made),
        cmocka_unit_test(a_small_queue_carries_a_long_stream_between_tasks),
        cmocka_unit_test(waits_end_with_their_time),
        cmocka_unit_test(semaphores_count_up_to_their_limit),
        cmocka_unit_test(only_the_holder_gives_a_mutex),
        cmocka_unit_test(a_recursive_mutex_is_free_after_as_many_gives),
        cmocka_unit_test(a_mutex_excludes),
        cmocka_unit_test(waiting_for_bits_that_are_set_returns_at_once),
        cmocka_unit_test(all_waiting_tasks_see_the_bits_before_one_clears_them),
        cmocka_unit_test(notifications_count_and_are_taken_one_by_one_or_all),
        cmocka_unit_test(notified_bits_arrive_once_and_are_not_overwritten_unasked),
        cmocka_unit_test(a_timer_calls_once_or_again_and_again),
        cmocka_unit_test(a_timer_may_delete_itself),
        cmocka_unit_test(critical_sections_nest_and_exclude_each_other),
        cmocka_unit_test(a_priority_can_change_and_the_stack_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
