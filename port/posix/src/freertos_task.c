#include "kernel.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_MIN_BYTES                                                                            \
    (1024u * 1024u) // chosen: TLS and name resolution on a host use far more than on a chip

static UBaseType_t s_task_count; // under the kernel lock

static void count_task(int change)
{
    kernel_lock();
    s_task_count += (UBaseType_t)change;
    kernel_unlock();
}

static void *run_task(void *arg)
{
    struct tskTaskControlBlock *task = arg;
    kernel_set_self(task);
    task->stack_top = __builtin_frame_address(0);
    task->function(task->arg);
    fprintf(stderr, "task \"%s\" returned; it must end with vTaskDelete(NULL)\n", task->name);
    abort(); // fact: FreeRTOS on ESP chips aborts too
}

static struct tskTaskControlBlock *new_task(TaskFunction_t function, const char *name, void *arg,
                                            UBaseType_t priority)
{
    struct tskTaskControlBlock *task = calloc(1, sizeof(*task));
    if (!task || !kernel_cond_init(&task->wake)) {
        free(task);
        return NULL;
    }
    task->function = function;
    task->arg = arg;
    task->priority = priority;
    snprintf(task->name, sizeof(task->name), "%s", name ? name : "");
    return task;
}

static size_t host_stack_size(uint32_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = stack_bytes < STACK_MIN_BYTES ? STACK_MIN_BYTES : stack_bytes;
    return (size + page - 1) / page * page;
}

static bool start_thread(struct tskTaskControlBlock *task, uint32_t stack_bytes)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    pthread_t thread;
    task->stack_size = host_stack_size(stack_bytes);
    bool ok = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
              pthread_attr_setstacksize(&attr, task->stack_size) == 0 &&
              pthread_create(&thread, &attr, run_task, task) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

BaseType_t xTaskCreate(TaskFunction_t function, const char *name, uint32_t stack_bytes, void *arg,
                       UBaseType_t priority, TaskHandle_t *created)
{
    struct tskTaskControlBlock *task = new_task(function, name, arg, priority);
    if (!task) {
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    TaskHandle_t before = created ? *created : NULL;
    if (created) {
        *created = task; // before the task runs: it may look there, or be gone when we come back
    }
    count_task(1);
    if (!start_thread(task, stack_bytes)) {
        count_task(-1);
        if (created) {
            *created = before;
        }
        pthread_cond_destroy(&task->wake);
        free(task);
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    return pdPASS;
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t function, const char *name, uint32_t stack_bytes,
                                   void *arg, UBaseType_t priority, TaskHandle_t *created,
                                   BaseType_t core)
{
    (void)core;
    return xTaskCreate(function, name, stack_bytes, arg, priority, created);
}

void kernel_end_self(void)
{
    struct tskTaskControlBlock *self = kernel_self();
    self->is_deleted = false; // so that the lock can be taken once more
    if (self->function) {
        count_task(-1);
        kernel_set_self(NULL);
        pthread_cond_destroy(&self->wake);
        free(self);
    }
    pthread_exit(NULL);
}

void vTaskDelete(TaskHandle_t task)
{
    if (!task || task == kernel_self()) {
        kernel_end_self();
    }
    kernel_lock();
    if (task->function) {
        task->is_deleted = true;
        if (task->waiting_on) {
            pthread_cond_broadcast(task->waiting_on);
        }
    }
    kernel_unlock();
}

static void sleep_until(int64_t deadline_ns)
{
    kernel_lock();
    while (kernel_wait(&kernel_self()->wake, deadline_ns)) {
    }
    kernel_unlock();
}

void vTaskDelay(TickType_t ticks)
{
    if (ticks == 0) {
        sched_yield();
    }
    sleep_until(kernel_deadline(ticks));
}

BaseType_t xTaskDelayUntil(TickType_t *previous, TickType_t increment)
{
    int64_t since_start = kernel_now_ns() - kernel_start_ns();
    TickType_t now = (TickType_t)(since_start / NS_PER_TICK);
    *previous += increment;
    int32_t missing = (int32_t)(*previous - now);
    if (missing <= 0) {
        return pdFALSE;
    }
    int64_t this_tick = kernel_start_ns() + since_start / NS_PER_TICK * NS_PER_TICK;
    sleep_until(this_tick + missing * NS_PER_TICK);
    return pdTRUE;
}

TickType_t xTaskGetTickCount(void)
{
    return (TickType_t)((kernel_now_ns() - kernel_start_ns()) / NS_PER_TICK);
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return kernel_self();
}

char *pcTaskGetName(TaskHandle_t task)
{
    return task ? task->name : kernel_self()->name;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t task)
{
    kernel_lock();
    UBaseType_t priority = task ? task->priority : kernel_self()->priority;
    kernel_unlock();
    return priority;
}

void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority)
{
    kernel_lock();
    (task ? task : kernel_self())->priority = priority;
    kernel_unlock();
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task)
{
    struct tskTaskControlBlock *self = kernel_self();
    task = task ? task : self;
    size_t used = 0;
    if (task == self && self->stack_top) {
        used = (size_t)(self->stack_top - (char *)__builtin_frame_address(0));
    }
    return (UBaseType_t)(used < task->stack_size ? task->stack_size - used : 0);
}

UBaseType_t uxTaskGetNumberOfTasks(void)
{
    kernel_lock();
    UBaseType_t count = s_task_count;
    kernel_unlock();
    return count;
}
