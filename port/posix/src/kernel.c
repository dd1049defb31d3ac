#include "kernel.h"

#include <errno.h>
#include <time.h>

#define ADOPTED_STACK (1024u * 1024u) // chosen: what our own tasks have at least

// One process is one device with one FreeRTOS kernel: hence one lock.
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t s_start_ns;

static _Thread_local struct tskTaskControlBlock s_adopted; // record of a thread we did not make
static _Thread_local struct tskTaskControlBlock *s_self;

int64_t kernel_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

__attribute__((constructor)) static void remember_start(void)
{
    s_start_ns = kernel_now_ns();
}

int64_t kernel_start_ns(void)
{
    return s_start_ns;
}

int64_t kernel_deadline(TickType_t ticks)
{
    return ticks == portMAX_DELAY ? DEADLINE_NEVER : kernel_now_ns() + ticks * NS_PER_TICK;
}

struct tskTaskControlBlock *kernel_self(void)
{
    if (!s_self) {
        s_adopted = (struct tskTaskControlBlock){.name = "main", .stack_size = ADOPTED_STACK};
        if (!kernel_cond_init(&s_adopted.wake)) {
            abort(); // a condition of glibc needs no memory, so this does not happen
        }
        s_self = &s_adopted;
    }
    return s_self;
}

void kernel_set_self(struct tskTaskControlBlock *task)
{
    s_self = task;
}

void kernel_lock(void)
{
    const struct tskTaskControlBlock *self = kernel_self();
    pthread_mutex_lock(&s_lock);
    if (self->is_deleted) {
        pthread_mutex_unlock(&s_lock);
        kernel_end_self();
    }
}

void kernel_unlock(void)
{
    bool is_deleted = kernel_self()->is_deleted;
    pthread_mutex_unlock(&s_lock);
    if (is_deleted) {
        kernel_end_self();
    }
}

bool kernel_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0) {
        return false;
    }
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

bool kernel_wait(pthread_cond_t *cond, int64_t deadline_ns)
{
    struct tskTaskControlBlock *self = kernel_self();
    int rc = 0;
    self->waiting_on = cond;
    if (deadline_ns == DEADLINE_NEVER) {
        pthread_cond_wait(cond, &s_lock);
    } else {
        struct timespec until = {.tv_sec = deadline_ns / NS_PER_S,
                                 .tv_nsec = deadline_ns % NS_PER_S};
        rc = pthread_cond_timedwait(cond, &s_lock, &until);
    }
    self->waiting_on = NULL;
    return rc != ETIMEDOUT && !self->is_deleted;
}
