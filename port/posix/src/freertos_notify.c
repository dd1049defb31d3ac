// Notifications: 32 bits in each task's record, and the condition on which vTaskDelay() waits too.
#include "kernel.h"

/** Waits, with the kernel locked, until is_wanted says so of the caller's record or the time is over. */
static bool wait_notified(bool (*is_wanted)(const struct tskTaskControlBlock *), TickType_t ticks)
{
    struct tskTaskControlBlock *self = kernel_self();
    int64_t deadline = kernel_deadline(ticks);
    while (!is_wanted(self)) {
        if (ticks == 0 || !kernel_wait(&self->wake, deadline)) {
            break;
        }
    }
    return is_wanted(self);
}

static bool has_count(const struct tskTaskControlBlock *task)
{
    return task->notified_value > 0;
}

static bool has_notification(const struct tskTaskControlBlock *task)
{
    return task->is_notified;
}

BaseType_t xTaskNotify(TaskHandle_t task, uint32_t value, eNotifyAction action)
{
    kernel_lock();
    bool is_refused = action == eSetValueWithoutOverwrite && task->is_notified;
    if (!is_refused) {
        if (action == eSetBits) {
            task->notified_value |= value;
        } else if (action == eIncrement) {
            task->notified_value++;
        } else if (action != eNoAction) {
            task->notified_value = value;
        }
        task->is_notified = true;
        pthread_cond_broadcast(&task->wake);
    }
    kernel_unlock();
    return is_refused ? pdFAIL : pdPASS;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    return xTaskNotify(task, 0, eIncrement);
}

uint32_t ulTaskNotifyTake(BaseType_t clear_on_exit, TickType_t ticks)
{
    kernel_lock();
    struct tskTaskControlBlock *self = kernel_self();
    uint32_t count = wait_notified(has_count, ticks) ? self->notified_value : 0;
    if (count > 0) {
        self->notified_value = clear_on_exit ? 0 : count - 1;
    }
    self->is_notified = false;
    kernel_unlock();
    return count;
}

BaseType_t xTaskNotifyWait(uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value,
                           TickType_t ticks)
{
    kernel_lock();
    struct tskTaskControlBlock *self = kernel_self();
    if (!self->is_notified) {
        self->notified_value &= ~clear_on_entry;
    }
    bool ok = wait_notified(has_notification, ticks);
    if (value) {
        *value = self->notified_value;
    }
    if (ok) {
        self->notified_value &= ~clear_on_exit;
    }
    self->is_notified = false;
    kernel_unlock();
    return ok ? pdTRUE : pdFALSE;
}

BaseType_t xTaskNotifyStateClear(TaskHandle_t task)
{
    kernel_lock();
    task = task ? task : kernel_self();
    bool was_notified = task->is_notified;
    task->is_notified = false;
    kernel_unlock();
    return was_notified ? pdTRUE : pdFALSE;
}
