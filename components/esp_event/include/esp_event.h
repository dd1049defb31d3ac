/**
 * Event loops: events are posted by anyone and handed to the registered handlers, one after another, on the loop's task.
 *
 * Handlers of one event run in this order: those for any base, those for its base and any id, those for its base and id;
 * in each class in the order they were registered. Every function may be called by any thread and from handlers.
 * fact: names, values and contracts as in ESP-IDF, esp_event: esp_event.h.
 */
#pragma once

#include "esp_err.h"
#include "esp_event_base.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t queue_size;        // events that can wait; > 0
    const char *task_name;     // NULL: no task; the owner calls esp_event_loop_run()
    UBaseType_t task_priority; // the next three are ignored without a task
    uint32_t task_stack_size;  // bytes
    BaseType_t task_core_id;
} esp_event_loop_args_t;

/**
 * A loop with a queue and, if it has a name, a task of its own.
 * Errors: ESP_ERR_INVALID_ARG (a pointer is NULL, queue_size < 1), ESP_ERR_NO_MEM, ESP_FAIL (no task could be started).
 * *loop is written only on success.
 */
esp_err_t esp_event_loop_create(const esp_event_loop_args_t *args,
                                esp_event_loop_handle_t *loop) ESP_MUST_CHECK;

/**
 * Ends a loop: waits for the handler that is running, drops the events still waiting, frees handlers and copies.
 * From one of the loop's own handlers it returns at once and the loop ends after that handler.
 * Nobody may use the handle afterwards. Errors: ESP_ERR_INVALID_ARG (NULL).
 */
esp_err_t esp_event_loop_delete(esp_event_loop_handle_t loop) ESP_MUST_CHECK;

/** The loop for everybody: task "sys_evt", CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE events.
 *  Errors: ESP_ERR_INVALID_STATE (exists already), ESP_ERR_NO_MEM, ESP_FAIL. */
esp_err_t esp_event_loop_create_default(void) ESP_MUST_CHECK;

/** Ends it; see esp_event_loop_delete(). Errors: ESP_ERR_INVALID_STATE (there is none). */
esp_err_t esp_event_loop_delete_default(void) ESP_MUST_CHECK;

/** Whether the default loop exists, for libraries that post only if somebody may listen. Ours. */
bool esp_event_default_loop_exists(void);

/**
 * Dispatches events of a loop without a task: those waiting and those that come, until `ticks` are over; with 0 those
 * that wait at the time of the call, with portMAX_DELAY for ever. Errors: ESP_ERR_INVALID_ARG (NULL),
 * ESP_ERR_INVALID_STATE (the loop has a task, or is being run already).
 */
esp_err_t esp_event_loop_run(esp_event_loop_handle_t loop, TickType_t ticks) ESP_MUST_CHECK;

/**
 * Registers a handler for base and id; ESP_EVENT_ANY_BASE (with ESP_EVENT_ANY_ID) and ESP_EVENT_ANY_ID are wildcards.
 * The same handler for the same base and id again: its argument is replaced, its place kept.
 * Errors: ESP_ERR_INVALID_ARG (handler NULL; any base with one id; loop NULL), ESP_ERR_INVALID_STATE (no default loop),
 * ESP_ERR_NO_MEM.
 */
esp_err_t esp_event_handler_register(esp_event_base_t event_base, int32_t event_id,
                                     esp_event_handler_t event_handler,
                                     void *event_handler_arg) ESP_MUST_CHECK;
esp_err_t esp_event_handler_register_with(esp_event_loop_handle_t loop, esp_event_base_t event_base,
                                          int32_t event_id, esp_event_handler_t event_handler,
                                          void *event_handler_arg) ESP_MUST_CHECK;

/**
 * As above, but every call adds an instance, even of the same function.
 * @param instance NULL, or where the handle for unregistering goes; written only on success
 */
esp_err_t
esp_event_handler_instance_register(esp_event_base_t event_base, int32_t event_id,
                                    esp_event_handler_t event_handler, void *event_handler_arg,
                                    esp_event_handler_instance_t *instance) ESP_MUST_CHECK;
esp_err_t
esp_event_handler_instance_register_with(esp_event_loop_handle_t loop, esp_event_base_t event_base,
                                         int32_t event_id, esp_event_handler_t event_handler,
                                         void *event_handler_arg,
                                         esp_event_handler_instance_t *instance) ESP_MUST_CHECK;

/**
 * Removes a handler: it does not begin again after this call, and unless the caller is a handler itself it is not running
 * any more when the call returns. Errors: ESP_ERR_INVALID_ARG (as for registering), ESP_ERR_INVALID_STATE (no default
 * loop), ESP_ERR_NOT_FOUND (not registered).
 */
esp_err_t esp_event_handler_unregister(esp_event_base_t event_base, int32_t event_id,
                                       esp_event_handler_t event_handler) ESP_MUST_CHECK;
esp_err_t esp_event_handler_unregister_with(esp_event_loop_handle_t loop,
                                            esp_event_base_t event_base, int32_t event_id,
                                            esp_event_handler_t event_handler) ESP_MUST_CHECK;
esp_err_t
esp_event_handler_instance_unregister(esp_event_base_t event_base, int32_t event_id,
                                      esp_event_handler_instance_t instance) ESP_MUST_CHECK;
esp_err_t
esp_event_handler_instance_unregister_with(esp_event_loop_handle_t loop,
                                           esp_event_base_t event_base, int32_t event_id,
                                           esp_event_handler_instance_t instance) ESP_MUST_CHECK;

/**
 * Puts an event at the end of the loop's queue. The data is copied; handlers get a pointer to the copy, valid during
 * their call, or NULL when size is 0. Waits up to `ticks` for room in the queue, except on the loop's own task, where it
 * never waits. Errors: ESP_ERR_INVALID_ARG (any base, any id, loop NULL, data NULL with size > 0),
 * ESP_ERR_INVALID_STATE (no default loop), ESP_ERR_NO_MEM, ESP_ERR_TIMEOUT (the queue stayed full).
 */
esp_err_t esp_event_post(esp_event_base_t event_base, int32_t event_id, const void *event_data,
                         size_t event_data_size, TickType_t ticks) ESP_MUST_CHECK;
esp_err_t esp_event_post_to(esp_event_loop_handle_t loop, esp_event_base_t event_base,
                            int32_t event_id, const void *event_data, size_t event_data_size,
                            TickType_t ticks) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
