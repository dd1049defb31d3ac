// Queues and, as in FreeRTOS, semaphores and mutexes as queues of items without bytes.
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

struct QueueDefinition {
    UBaseType_t length;
    UBaseType_t item_size; // 0: a semaphore
    UBaseType_t count;
    UBaseType_t head;    // index of the first item
    bool is_mutex;       // only the holder may give
    TaskHandle_t holder; // mutex only; NULL: free
    UBaseType_t depth;   // how often the holder took a recursive mutex
    pthread_cond_t changed;
    uint8_t items[];
};

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_size)
{
    if (length == 0) {
        return NULL;
    }
    size_t bytes;
    if (__builtin_mul_overflow((size_t)length, (size_t)item_size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct QueueDefinition), &bytes)) {
        return NULL;
    }
    struct QueueDefinition *queue = calloc(1, bytes);
    if (!queue || !kernel_cond_init(&queue->changed)) {
        free(queue);
        return NULL;
    }
    queue->length = length;
    queue->item_size = item_size;
    return queue;
}

void vQueueDelete(QueueHandle_t queue)
{
    if (queue) {
        pthread_cond_destroy(&queue->changed);
        free(queue);
    }
}

static void *item_at(QueueHandle_t queue, UBaseType_t index)
{
    return queue->items + (size_t)((queue->head + index) % queue->length) * queue->item_size;
}

/** Waits, with the kernel locked, until the queue has room. */
static bool wait_for_room(QueueHandle_t queue, TickType_t ticks)
{
    int64_t deadline = queue->count < queue->length ? 0 : kernel_deadline(ticks);
    while (queue->count == queue->length) {
        if (ticks == 0 || !kernel_wait(&queue->changed, deadline)) {
            break;
        }
    }
    return queue->count < queue->length;
}

/** Waits, with the kernel locked, until the queue holds an item. */
static bool wait_for_item(QueueHandle_t queue, TickType_t ticks)
{
    int64_t deadline = queue->count > 0 ? 0 : kernel_deadline(ticks);
    while (queue->count == 0) {
        if (ticks == 0 || !kernel_wait(&queue->changed, deadline)) {
            break;
        }
    }
    return queue->count > 0;
}

static BaseType_t send(QueueHandle_t queue, const void *item, TickType_t ticks, bool to_front)
{
    kernel_lock();
    bool ok = wait_for_room(queue, ticks);
    if (ok) {
        if (to_front) {
            queue->head = (queue->head + queue->length - 1) % queue->length;
        }
        if (queue->item_size > 0) {
            memcpy(item_at(queue, to_front ? 0 : queue->count), item, queue->item_size);
        }
        queue->count++;
        pthread_cond_broadcast(&queue->changed);
    }
    kernel_unlock();
    return ok ? pdTRUE : errQUEUE_FULL;
}

BaseType_t xQueueSendToBack(QueueHandle_t queue, const void *item, TickType_t ticks)
{
    return send(queue, item, ticks, false);
}

BaseType_t xQueueSendToFront(QueueHandle_t queue, const void *item, TickType_t ticks)
{
    return send(queue, item, ticks, true);
}

BaseType_t xQueueOverwrite(QueueHandle_t queue, const void *item)
{
    kernel_lock();
    if (queue->item_size > 0) {
        memcpy(item_at(queue, 0), item, queue->item_size);
    }
    queue->count = 1;
    pthread_cond_broadcast(&queue->changed);
    kernel_unlock();
    return pdTRUE;
}

static BaseType_t receive(QueueHandle_t queue, void *item, TickType_t ticks, bool remove)
{
    kernel_lock();
    bool ok = wait_for_item(queue, ticks);
    if (ok) {
        if (queue->item_size > 0) {
            memcpy(item, item_at(queue, 0), queue->item_size);
        }
        if (remove) {
            queue->head = (queue->head + 1) % queue->length;
            queue->count--;
            pthread_cond_broadcast(&queue->changed);
        }
    }
    kernel_unlock();
    return ok ? pdTRUE : errQUEUE_EMPTY;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks)
{
    return receive(queue, item, ticks, true);
}

BaseType_t xQueuePeek(QueueHandle_t queue, void *item, TickType_t ticks)
{
    return receive(queue, item, ticks, false);
}

BaseType_t xQueueReset(QueueHandle_t queue)
{
    kernel_lock();
    queue->count = 0;
    queue->head = 0;
    pthread_cond_broadcast(&queue->changed);
    kernel_unlock();
    return pdPASS;
}

UBaseType_t uxQueueMessagesWaiting(QueueHandle_t queue)
{
    kernel_lock();
    UBaseType_t count = queue->count;
    kernel_unlock();
    return count;
}

UBaseType_t uxQueueSpacesAvailable(QueueHandle_t queue)
{
    return queue->length - uxQueueMessagesWaiting(queue);
}

//---------------------------------------------------------------------------------------------- semaphores

SemaphoreHandle_t xSemaphoreCreateCounting(UBaseType_t max_count, UBaseType_t initial_count)
{
    if (initial_count > max_count) {
        return NULL;
    }
    SemaphoreHandle_t semaphore = xQueueCreate(max_count, 0);
    if (semaphore) {
        semaphore->count = initial_count;
    }
    return semaphore;
}

SemaphoreHandle_t xSemaphoreCreateBinary(void)
{
    return xSemaphoreCreateCounting(1, 0);
}

SemaphoreHandle_t xSemaphoreCreateMutex(void)
{
    SemaphoreHandle_t mutex = xSemaphoreCreateCounting(1, 1);
    if (mutex) {
        mutex->is_mutex = true;
    }
    return mutex;
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void)
{
    return xSemaphoreCreateMutex();
}

/** Takes with the kernel locked. */
static bool take(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    if (!wait_for_item(semaphore, ticks)) {
        return false;
    }
    semaphore->count--;
    if (semaphore->is_mutex) {
        semaphore->holder = kernel_self();
    }
    return true;
}

/** Gives with the kernel locked. */
static bool give(SemaphoreHandle_t semaphore)
{
    if (semaphore->count == semaphore->length ||
        (semaphore->is_mutex && semaphore->holder != kernel_self())) {
        return false;
    }
    semaphore->count++;
    semaphore->holder = NULL;
    pthread_cond_broadcast(&semaphore->changed);
    return true;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    kernel_lock();
    bool ok = take(semaphore, ticks);
    kernel_unlock();
    return ok ? pdTRUE : pdFALSE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    kernel_lock();
    bool ok = give(semaphore);
    kernel_unlock();
    return ok ? pdTRUE : pdFALSE;
}

BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t mutex, TickType_t ticks)
{
    kernel_lock();
    bool ok = mutex->holder == kernel_self() || take(mutex, ticks);
    if (ok) {
        mutex->depth++;
    }
    kernel_unlock();
    return ok ? pdTRUE : pdFALSE;
}

BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t mutex)
{
    kernel_lock();
    bool ok = mutex->holder == kernel_self() && mutex->depth > 0;
    if (ok && --mutex->depth == 0) {
        ok = give(mutex);
    }
    kernel_unlock();
    return ok ? pdTRUE : pdFALSE;
}

TaskHandle_t xSemaphoreGetMutexHolder(SemaphoreHandle_t mutex)
{
    kernel_lock();
    TaskHandle_t holder = mutex->holder;
    kernel_unlock();
    return holder;
}

UBaseType_t uxSemaphoreGetCount(SemaphoreHandle_t semaphore)
{
    return uxQueueMessagesWaiting(semaphore);
}
