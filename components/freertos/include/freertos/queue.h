/** Queues of fixed-size items, copied in and out. All calls may be made by any thread. */
#pragma once

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QueueDefinition *QueueHandle_t;

/** A queue for `length` items of item_size bytes; length > 0. NULL: no memory, or length 0. */
QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_size);

/** Frees a queue or semaphore; nobody may be waiting for it. NULL is ignored. */
void vQueueDelete(QueueHandle_t queue);

/**
 * Copies one item in, at the back or at the front; waits up to `ticks` for room.
 * @return pdTRUE, or errQUEUE_FULL after the wait
 */
BaseType_t xQueueSendToBack(QueueHandle_t queue, const void *item, TickType_t ticks);
BaseType_t xQueueSendToFront(QueueHandle_t queue, const void *item, TickType_t ticks);
#define xQueueSend(queue, item, ticks) xQueueSendToBack(queue, item, ticks)

/** For queues of length 1: puts the item in, over the one that may be there. Never waits. @return pdTRUE */
BaseType_t xQueueOverwrite(QueueHandle_t queue, const void *item);

/**
 * Copies the first item out, and removes it (receive) or leaves it (peek); waits up to `ticks` for one.
 * @return pdTRUE, or errQUEUE_EMPTY after the wait; item is then unchanged
 */
BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks);
BaseType_t xQueuePeek(QueueHandle_t queue, void *item, TickType_t ticks);

/** Empties the queue. @return pdPASS */
BaseType_t xQueueReset(QueueHandle_t queue);

UBaseType_t uxQueueMessagesWaiting(QueueHandle_t queue);
UBaseType_t uxQueueSpacesAvailable(QueueHandle_t queue);

/** As the forms without FromISR with no waiting; *woken (may be NULL) becomes pdFALSE. */
BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *woken);
BaseType_t xQueueReceiveFromISR(QueueHandle_t queue, void *item, BaseType_t *woken);
#define xQueueSendToBackFromISR(queue, item, woken) xQueueSendFromISR(queue, item, woken)
#define uxQueueMessagesWaitingFromISR(queue)        uxQueueMessagesWaiting(queue)

#ifdef __cplusplus
}
#endif
