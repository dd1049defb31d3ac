/**
 * What the FreeRTOS functions of this port share: one lock over all FreeRTOS objects, as on a chip with one core.
 *
 * Every function of the interface is: kernel_lock(), look and wait, kernel_unlock(). A task that another one deleted ends
 * at either end of such a function, hence never while it is on a list of waiters.
 */
#pragma once

#include <pthread.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

struct tskTaskControlBlock {
    TaskFunction_t function; // NULL: a thread not made by xTaskCreate()
    void *arg;
    char name[configMAX_TASK_NAME_LEN];
    UBaseType_t priority;
    bool is_deleted;            // ends at the next end of a function
    pthread_cond_t wake;        // vTaskDelay() waits here
    pthread_cond_t *waiting_on; // what the task waits for now, or NULL
    uint32_t notified_value;
    bool is_notified; // a notification is pending
    char *stack_top;  // where the thread began; NULL before it runs
    size_t stack_size;
};

#define NS_PER_S    INT64_C(1000000000)
#define NS_PER_TICK (NS_PER_S / configTICK_RATE_HZ)

#define DEADLINE_NEVER INT64_MAX

/** CLOCK_MONOTONIC in nanoseconds. */
int64_t kernel_now_ns(void);

/** kernel_now_ns() when the process started. */
int64_t kernel_start_ns(void);

/** The moment `ticks` from now on the scale of kernel_now_ns(); portMAX_DELAY: DEADLINE_NEVER. */
int64_t kernel_deadline(TickType_t ticks);

/** Takes the lock. Does not return in a task that was deleted. */
void kernel_lock(void);

/** Gives the lock back. Does not return in a task that was deleted. */
void kernel_unlock(void);

/** A condition on the monotonic clock. @return false without memory */
bool kernel_cond_init(pthread_cond_t *cond);

/**
 * Waits for a change of cond, with the lock held (given up meanwhile).
 * @return false: the deadline is over, or the task was deleted; stop waiting
 */
bool kernel_wait(pthread_cond_t *cond, int64_t deadline_ns);

/** The caller's record; made on first use for threads not made by xTaskCreate(). */
struct tskTaskControlBlock *kernel_self(void);

/** Makes task the caller's record. */
void kernel_set_self(struct tskTaskControlBlock *task);

/** Ends the calling thread and frees its record; the lock is not held. Implemented in freertos_task.c. */
void kernel_end_self(void) __attribute__((noreturn));
