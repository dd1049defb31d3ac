/** Tasks: each is a thread of the process, with a stack of its own. */
#pragma once

#include "freertos/FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tskTaskControlBlock *TaskHandle_t;

#define tskNO_AFFINITY   ((BaseType_t)0x7FFFFFFF)
#define tskIDLE_PRIORITY ((UBaseType_t)0)

/**
 * Starts a task that runs function(arg). The function must not return; it ends with vTaskDelete(NULL). Returning is
 * reported on standard error and aborts the process, as on a chip.
 *
 * @param name        for people; cut to configMAX_TASK_NAME_LEN - 1 characters; NULL: ""
 * @param stack_bytes what the task needs on a chip; differs: host stacks are never smaller than 1 MiB
 * @param created     NULL, or where the handle goes, before the task first runs; written only on success.
 *                    The handle is valid until the task ends.
 * @return pdPASS, or errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY when no memory or thread was left
 */
BaseType_t xTaskCreate(TaskFunction_t function, const char *name, uint32_t stack_bytes, void *arg,
                       UBaseType_t priority, TaskHandle_t *created);

/** As xTaskCreate(); the core is without effect. */
BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char *name, uint32_t stack_bytes,
                                   void *arg, UBaseType_t priority, TaskHandle_t *created,
                                   BaseType_t core);

/**
 * Ends a task. NULL or the caller's own handle: does not return (works for the main thread too; the process then lives
 * until exit() or its last thread). Whatever the task holds stays held, as with FreeRTOS.
 * differs: another task ends when it is, or next comes, inside a function of these headers, not in the middle of its own
 * code; this call does not wait for it. Only tasks made by xTaskCreate() can be ended from outside.
 */
void vTaskDelete(TaskHandle_t task);

/** Sleeps for that many ticks; 0 gives way to other threads. */
void vTaskDelay(TickType_t ticks);

/**
 * Sleeps until *previous + increment and sets *previous to that moment, for loops of constant period.
 * @return pdFALSE when the moment had already passed
 */
BaseType_t xTaskDelayUntil(TickType_t *previous, TickType_t increment);

/** Ticks since the process started; wraps. */
TickType_t xTaskGetTickCount(void);

/** The caller's handle; threads not made by xTaskCreate() have one too, valid while they live. */
TaskHandle_t xTaskGetCurrentTaskHandle(void);

/** Name of a live task; NULL: the caller's. Valid while the task lives. "main" for threads not made by xTaskCreate(). */
char *pcTaskGetName(TaskHandle_t task);

/** Priority the task was created with; NULL: the caller's. */
UBaseType_t uxTaskPriorityGet(TaskHandle_t task);

/** Tasks made by xTaskCreate() that have not ended. differs: FreeRTOS counts its own service tasks too. */
UBaseType_t uxTaskGetNumberOfTasks(void);

/** Changes the number that uxTaskPriorityGet() tells; NULL: the caller's. */
void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority);

/** Bytes of its stack that the caller does not use now. differs: the deepest use so far is not known on a host; for
 *  another task (or before it runs) the whole stack. */
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);

// ----------------------------------------------------------------------- notifications

/** What xTaskNotify() does with the 32 bits of the task. */
typedef enum {
    eNoAction = 0,
    eSetBits = 1,
    eIncrement = 2,
    eSetValueWithOverwrite = 3,
    eSetValueWithoutOverwrite = 4, // fails while a notification is pending
} eNotifyAction;

/** Notifies a task; it becomes pending until that task looks.
 *  @return pdPASS; pdFAIL: eSetValueWithoutOverwrite, and one is pending */
BaseType_t xTaskNotify(TaskHandle_t task, uint32_t value, eNotifyAction action);

/** xTaskNotify() with eIncrement. @return pdPASS */
BaseType_t xTaskNotifyGive(TaskHandle_t task);

/**
 * Waits up to `ticks` for a count of the caller's own above 0, then clears it (clear_on_exit) or takes 1.
 * @return the count before; 0 after the wait
 */
uint32_t ulTaskNotifyTake(BaseType_t clear_on_exit, TickType_t ticks);

/**
 * Waits up to `ticks` for a pending notification of the caller's own.
 * @param clear_on_entry  bits cleared before the wait, unless one is pending already
 * @param clear_on_exit   bits cleared after a successful wait
 * @param value           NULL, or where the bits as they were before clearing on exit go
 * @return pdTRUE, or pdFALSE after the wait
 */
BaseType_t xTaskNotifyWait(uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value,
                           TickType_t ticks);

/** Takes a pending notification back; NULL: the caller's. @return pdTRUE when there was one */
BaseType_t xTaskNotifyStateClear(TaskHandle_t task);

/** As the forms without FromISR; *woken (may be NULL) becomes pdFALSE. */
BaseType_t xTaskNotifyFromISR(TaskHandle_t task, uint32_t value, eNotifyAction action,
                              BaseType_t *woken);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken);

#define vTaskDelayUntil(previous, increment) ((void)xTaskDelayUntil(previous, increment))
#define xTaskGetTickCountFromISR()           xTaskGetTickCount()
#define uxTaskPriorityGetFromISR(task)       uxTaskPriorityGet(task)
#define uxTaskGetStackHighWaterMark2(task)   uxTaskGetStackHighWaterMark(task)
#define pcTaskGetTaskName(task)              pcTaskGetName(task)

#define taskYIELD()                 vTaskDelay(0)
#define taskENTER_CRITICAL(mux)     vPortEnterCritical(mux)
#define taskEXIT_CRITICAL(mux)      vPortExitCritical(mux)
#define taskENTER_CRITICAL_ISR(mux) vPortEnterCritical(mux)
#define taskEXIT_CRITICAL_ISR(mux)  vPortExitCritical(mux)
#define taskSCHEDULER_NOT_STARTED   1
#define taskSCHEDULER_RUNNING       2
#define taskSCHEDULER_SUSPENDED     0
#define xTaskGetSchedulerState()    ((BaseType_t)taskSCHEDULER_RUNNING)

#ifdef __cplusplus
}
#endif
