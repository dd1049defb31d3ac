/** Semaphores and mutexes. All calls may be made by any thread. */
#pragma once

#include "freertos/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef QueueHandle_t SemaphoreHandle_t;

/** New semaphores; NULL: no memory, or a count of 0 or an initial value above it. Mutexes start free, binary ones empty. */
SemaphoreHandle_t xSemaphoreCreateMutex(void);
SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void);
SemaphoreHandle_t xSemaphoreCreateBinary(void);
SemaphoreHandle_t xSemaphoreCreateCounting(UBaseType_t max_count, UBaseType_t initial_count);

#define vSemaphoreDelete(semaphore) vQueueDelete(semaphore)

/**
 * Takes the semaphore; waits up to `ticks`. A mutex that the caller holds already is not given again (the wait expires).
 * @return pdTRUE when taken, pdFALSE after the wait
 */
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks);

/** Gives it back. @return pdFALSE when it is full already, or a mutex that the caller does not hold */
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore);

/** The same for recursive mutexes: the holder may take again and gives as often. Only for these. */
BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t mutex, TickType_t ticks);
BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t mutex);

/** As the forms without FromISR with no waiting; *woken (may be NULL) becomes pdFALSE. */
BaseType_t xSemaphoreGiveFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken);
BaseType_t xSemaphoreTakeFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken);

/** Task that holds a mutex; NULL when it is free. */
TaskHandle_t xSemaphoreGetMutexHolder(SemaphoreHandle_t mutex);

/** How often it can be taken now. */
UBaseType_t uxSemaphoreGetCount(SemaphoreHandle_t semaphore);

#ifdef __cplusplus
}
#endif
