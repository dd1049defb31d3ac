/*
 * A loop is a queue of events, a list of handlers and one thread at a time that dispatches: the loop's task, or whoever
 * calls esp_event_loop_run().
 *
 * The list is locked only between handlers, so a handler may call everything and take its time. Two things follow:
 * handlers removed during a dispatch are only marked and swept after it, and removing from another thread has to wait for
 * a running handler (wait_for_call_end).
 */
#include "event_handlers.h"
#include "event_loop.h"
#include "freertos/event_groups.h"

#include <stdlib.h>
#include <string.h>

#define CALL_ENDED BIT0

struct event {
    esp_event_base_t base; // NULL: nothing happened, the dispatcher is only to look at is_stopping
    int32_t id;
    void *data; // the copy, owned by the event; NULL when the size was 0
};

struct event_loop {
    QueueHandle_t queue;    // of struct event
    SemaphoreHandle_t lock; // over the fields down to dispatcher
    struct event_handlers handlers;
    const struct event_handler *running; // whose function is being called
    unsigned call_end_waiters;           // threads waiting for CALL_ENDED
    bool is_dispatching;                 // the list is being walked; do not free handlers
    bool is_stopping;                    // no event is dispatched any more
    bool is_free_by_dispatcher;          // deleted by one of its own handlers
    TaskHandle_t dispatcher;             // NULL: nobody dispatches now
    bool has_task;                       // constant
    EventGroupHandle_t calls;            // CALL_ENDED
    SemaphoreHandle_t stopped;           // given by the dispatcher when it is done with the loop
    unsigned users;                      // under the users lock: calls inside this loop
    SemaphoreHandle_t left;              // given for each user that left after is_closing
    bool is_closing;                     // under the users lock
};

//---------------------------------------------------------------------------------------------- users

static atomic_flag s_users_lock = ATOMIC_FLAG_INIT;

void event_users_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&s_users_lock, memory_order_acquire)) {
        taskYIELD();
    }
}

void event_users_unlock(void)
{
    atomic_flag_clear_explicit(&s_users_lock, memory_order_release);
}

void event_loop_enter_locked(struct event_loop *loop)
{
    loop->users++;
}

void event_loop_leave(struct event_loop *loop)
{
    event_users_lock();
    loop->users--;
    bool is_closing = loop->is_closing;
    event_users_unlock();
    if (is_closing) {
        (void)xSemaphoreGive(loop->left); // one for each user counted by wait_for_users()
    }
}

//---------------------------------------------------------------------------------------------- life of a loop

static void lock(struct event_loop *loop)
{
    (void)xSemaphoreTake(loop->lock, portMAX_DELAY); // without limit it does not fail
}

static void unlock(struct event_loop *loop)
{
    (void)xSemaphoreGive(loop->lock); // the caller holds it
}

static void drop_waiting_events(struct event_loop *loop)
{
    struct event event;
    while (xQueueReceive(loop->queue, &event, 0) == pdTRUE) {
        free(event.data);
    }
}

static void free_loop(struct event_loop *loop)
{
    if (loop->queue) {
        drop_waiting_events(loop);
    }
    event_handlers_deinit(&loop->handlers);
    vQueueDelete(loop->queue);
    vSemaphoreDelete(loop->lock);
    vSemaphoreDelete(loop->stopped);
    vSemaphoreDelete(loop->left);
    vEventGroupDelete(loop->calls);
    free(loop);
}

/** Waits until the calls that were inside the loop are out, making room for those that post. */
static void wait_for_users(struct event_loop *loop)
{
    event_users_lock();
    loop->is_closing = true;
    unsigned users = loop->users;
    event_users_unlock();
    for (; users > 0; users--) {
        drop_waiting_events(loop);
        (void)xSemaphoreTake(loop->left, portMAX_DELAY); // without limit it does not fail
    }
}

static struct event_loop *new_loop(const esp_event_loop_args_t *args)
{
    struct event_loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        return NULL;
    }
    loop->queue = xQueueCreate((UBaseType_t)args->queue_size, sizeof(struct event));
    loop->lock = xSemaphoreCreateMutex();
    loop->stopped = xSemaphoreCreateBinary();
    loop->left = xSemaphoreCreateCounting(UINT32_MAX, 0);
    loop->calls = xEventGroupCreate();
    loop->has_task = args->task_name != NULL;
    if (!loop->queue || !loop->lock || !loop->stopped || !loop->left || !loop->calls) {
        free_loop(loop);
        return NULL;
    }
    return loop;
}

//---------------------------------------------------------------------------------------------- dispatch

/** Calls one handler, with the lock given up meanwhile. */
static void call_handler(struct event_loop *loop, const struct event_handler *handler,
                         const struct event *event)
{
    esp_event_handler_t function = handler->function;
    void *arg = handler->arg;
    loop->running = handler;
    unlock(loop);
    function(arg, event->base, event->id, event->data);
    lock(loop);
    loop->running = NULL;
    if (loop->call_end_waiters > 0) {
        (void)xEventGroupSetBits(loop->calls, CALL_ENDED); // the bits are of no interest here
    }
}

/** Hands one event to its handlers and frees it. Handlers added meanwhile get the next event. */
static void dispatch(struct event_loop *loop, struct event *event)
{
    lock(loop);
    loop->is_dispatching = true;
    uint64_t limit = loop->handlers.next_serial;
    const struct event_handler *handler = NULL;
    while (event->base && !loop->is_stopping) {
        handler = event_handlers_next(&loop->handlers, handler, event->base, event->id, limit);
        if (!handler) {
            break;
        }
        call_handler(loop, handler, event);
    }
    loop->is_dispatching = false;
    event_handlers_sweep(&loop->handlers);
    unlock(loop);
    free(event->data);
}

static bool is_stopping(struct event_loop *loop)
{
    lock(loop);
    bool stopping = loop->is_stopping;
    unlock(loop);
    return stopping;
}

/** The dispatcher is done with a loop that is stopping: frees it, or tells who waits to do so. */
static void dispatcher_end(struct event_loop *loop)
{
    if (loop->is_free_by_dispatcher) {
        wait_for_users(loop);
        free_loop(loop);
    } else {
        (void)xSemaphoreGive(loop->stopped); // empty until now
    }
}

static void run_task(void *arg)
{
    struct event_loop *loop = arg;
    while (!is_stopping(loop)) {
        struct event event;
        if (xQueueReceive(loop->queue, &event, portMAX_DELAY) == pdTRUE) {
            dispatch(loop, &event);
        }
    }
    dispatcher_end(loop);
    vTaskDelete(NULL);
}

esp_err_t esp_event_loop_create(const esp_event_loop_args_t *args, esp_event_loop_handle_t *loop)
{
    if (!args || !loop || args->queue_size < 1) {
        return ESP_ERR_INVALID_ARG;
    }
    struct event_loop *created = new_loop(args);
    if (!created) {
        return ESP_ERR_NO_MEM;
    }
    if (created->has_task &&
        xTaskCreatePinnedToCore(run_task, args->task_name, args->task_stack_size, created,
                                args->task_priority, &created->dispatcher,
                                args->task_core_id) != pdPASS) {
        free_loop(created);
        return ESP_FAIL;
    }
    *loop = created;
    return ESP_OK;
}

/** Wakes a dispatcher that waits for an event; if the queue is full it is awake. */
static void wake_dispatcher(struct event_loop *loop)
{
    const struct event nothing = {0};
    (void)xQueueSend(loop->queue, &nothing, 0); // full: see above
}

esp_err_t esp_event_loop_delete(esp_event_loop_handle_t loop_handle)
{
    struct event_loop *loop = loop_handle;
    if (!loop) {
        return ESP_ERR_INVALID_ARG;
    }
    lock(loop);
    loop->is_stopping = true;
    TaskHandle_t dispatcher = loop->dispatcher;
    if (dispatcher == xTaskGetCurrentTaskHandle()) {
        loop->is_free_by_dispatcher = true;
        unlock(loop);
        return ESP_OK;
    }
    unlock(loop);
    if (dispatcher) {
        wake_dispatcher(loop);
        (void)xSemaphoreTake(loop->stopped, portMAX_DELAY); // without limit it does not fail
    }
    wait_for_users(loop);
    free_loop(loop);
    return ESP_OK;
}

/** Makes the caller the dispatcher. */
static bool become_dispatcher(struct event_loop *loop)
{
    lock(loop);
    bool ok = !loop->has_task && !loop->dispatcher && !loop->is_stopping;
    if (ok) {
        loop->dispatcher = xTaskGetCurrentTaskHandle();
    }
    unlock(loop);
    return ok;
}

/** Ends what become_dispatcher() began; the loop may be gone afterwards. */
static void resign_as_dispatcher(struct event_loop *loop)
{
    lock(loop);
    bool stopping = loop->is_stopping;
    if (!stopping) {
        loop->dispatcher = NULL;
    }
    unlock(loop);
    if (stopping) {
        dispatcher_end(loop);
    }
}

static void run_waiting(struct event_loop *loop)
{
    struct event event;
    UBaseType_t count = uxQueueMessagesWaiting(loop->queue);
    while (count-- > 0 && !is_stopping(loop) && xQueueReceive(loop->queue, &event, 0) == pdTRUE) {
        dispatch(loop, &event);
    }
}

static void run_for(struct event_loop *loop, TickType_t ticks)
{
    TickType_t start = xTaskGetTickCount();
    while (!is_stopping(loop)) {
        TickType_t passed = xTaskGetTickCount() - start;
        if (ticks != portMAX_DELAY && passed >= ticks) {
            return;
        }
        struct event event;
        TickType_t left = ticks == portMAX_DELAY ? portMAX_DELAY : ticks - passed;
        if (xQueueReceive(loop->queue, &event, left) == pdTRUE) {
            dispatch(loop, &event);
        }
    }
}

esp_err_t esp_event_loop_run(esp_event_loop_handle_t loop_handle, TickType_t ticks)
{
    struct event_loop *loop = loop_handle;
    if (!loop) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!become_dispatcher(loop)) {
        return ESP_ERR_INVALID_STATE;
    }
    if (ticks == 0) {
        run_waiting(loop);
    } else {
        run_for(loop, ticks);
    }
    resign_as_dispatcher(loop);
    return ESP_OK;
}

//---------------------------------------------------------------------------------------------- handlers

/** Adds a handler, or replaces the argument of the same one. @param instance NULL for plain handlers */
static esp_err_t add_handler(struct event_loop *loop, const struct event_handler *handler,
                             esp_event_handler_instance_t *instance)
{
    if (!loop || !handler->function || !event_handlers_is_valid_key(handler->base, handler->id)) {
        return ESP_ERR_INVALID_ARG;
    }
    lock(loop);
    struct event_handler *entry = NULL;
    if (!handler->is_instance) {
        entry = event_handlers_find(&loop->handlers, handler->base, handler->id, handler->function);
    }
    if (entry) {
        entry->arg = handler->arg;
    } else {
        entry = event_handlers_add(&loop->handlers, handler);
    }
    unlock(loop);
    if (entry && instance) {
        *instance = entry;
    }
    return entry ? ESP_OK : ESP_ERR_NO_MEM;
}

esp_err_t esp_event_handler_register_with(esp_event_loop_handle_t loop, esp_event_base_t event_base,
                                          int32_t event_id, esp_event_handler_t event_handler,
                                          void *event_handler_arg)
{
    const struct event_handler handler = {
        .base = event_base, .id = event_id, .function = event_handler, .arg = event_handler_arg};
    return add_handler(loop, &handler, NULL);
}

esp_err_t esp_event_handler_instance_register_with(esp_event_loop_handle_t loop,
                                                   esp_event_base_t event_base, int32_t event_id,
                                                   esp_event_handler_t event_handler,
                                                   void *event_handler_arg,
                                                   esp_event_handler_instance_t *instance)
{
    const struct event_handler handler = {.base = event_base,
                                          .id = event_id,
                                          .function = event_handler,
                                          .arg = event_handler_arg,
                                          .is_instance = true};
    return add_handler(loop, &handler, instance);
}

/** Waits, with the lock held (given up meanwhile), until the handler that runs now has returned. */
static void wait_for_call_end(struct event_loop *loop)
{
    loop->call_end_waiters++;
    (void)xEventGroupClearBits(loop->calls, CALL_ENDED); // what was before is of no interest
    unlock(loop);
    (void)xEventGroupWaitBits(loop->calls, CALL_ENDED, pdFALSE, pdTRUE, portMAX_DELAY);
    lock(loop);
    loop->call_end_waiters--;
}

/** Removes an entry, with the lock held, and sees to it that its function does not run any more. */
static void remove_handler(struct event_loop *loop, struct event_handler *entry)
{
    entry->is_removed = true;
    if (!loop->is_dispatching) {
        event_handlers_sweep(&loop->handlers);
    } else if (loop->running == entry && loop->dispatcher != xTaskGetCurrentTaskHandle()) {
        wait_for_call_end(loop);
    }
}

esp_err_t esp_event_handler_unregister_with(esp_event_loop_handle_t loop_handle,
                                            esp_event_base_t event_base, int32_t event_id,
                                            esp_event_handler_t event_handler)
{
    struct event_loop *loop = loop_handle;
    if (!loop || !event_handler || !event_handlers_is_valid_key(event_base, event_id)) {
        return ESP_ERR_INVALID_ARG;
    }
    lock(loop);
    struct event_handler *entry =
        event_handlers_find(&loop->handlers, event_base, event_id, event_handler);
    if (entry) {
        remove_handler(loop, entry);
    }
    unlock(loop);
    return entry ? ESP_OK : ESP_ERR_NOT_FOUND;
}

esp_err_t esp_event_handler_instance_unregister_with(esp_event_loop_handle_t loop_handle,
                                                     esp_event_base_t event_base, int32_t event_id,
                                                     esp_event_handler_instance_t instance)
{
    struct event_loop *loop = loop_handle;
    if (!loop || !instance || !event_handlers_is_valid_key(event_base, event_id)) {
        return ESP_ERR_INVALID_ARG;
    }
    lock(loop);
    struct event_handler *entry =
        event_handlers_find_instance(&loop->handlers, event_base, event_id, instance);
    if (entry) {
        remove_handler(loop, entry);
    }
    unlock(loop);
    return entry ? ESP_OK : ESP_ERR_NOT_FOUND;
}

//---------------------------------------------------------------------------------------------- posting

static bool is_dispatcher(struct event_loop *loop)
{
    lock(loop);
    bool is_self = loop->dispatcher == xTaskGetCurrentTaskHandle();
    unlock(loop);
    return is_self;
}

/** Copies the data of a new event. @return false without memory */
static bool copy_data(struct event *event, const void *data, size_t size)
{
    if (size == 0) {
        return true;
    }
    event->data = malloc(size);
    if (!event->data) {
        return false;
    }
    memcpy(event->data, data, size);
    return true;
}

esp_err_t esp_event_post_to(esp_event_loop_handle_t loop_handle, esp_event_base_t event_base,
                            int32_t event_id, const void *event_data, size_t event_data_size,
                            TickType_t ticks)
{
    struct event_loop *loop = loop_handle;
    if (!loop || event_base == ESP_EVENT_ANY_BASE || event_id == ESP_EVENT_ANY_ID ||
        (!event_data && event_data_size > 0)) {
        return ESP_ERR_INVALID_ARG;
    }
    struct event event = {.base = event_base, .id = event_id};
    if (!copy_data(&event, event_data, event_data_size)) {
        return ESP_ERR_NO_MEM;
    }
    // Only the dispatcher makes room, so it would wait for itself.
    TickType_t patience = is_dispatcher(loop) ? 0 : ticks;
    if (xQueueSend(loop->queue, &event, patience) != pdTRUE) {
        free(event.data);
        return ESP_ERR_TIMEOUT;
    }
    return ESP_OK;
}
