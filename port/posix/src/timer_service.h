/** Timers of this process: one service thread calls what is due. FreeRTOS timers and esp_timer are made of it. */
#pragma once

#include "kernel.h"

/** Embedded as the first member of a timer, which lies in memory of malloc(). */
struct service_timer {
    /** Called by the service thread, without the kernel lock; must not end the thread. */
    void (*expired)(struct service_timer *timer);
    // The rest belongs to timer_service.c.
    int64_t due_ns;
    int64_t period_ns; // 0: once
    bool is_armed;
    bool is_forgotten; // freed when its callback has returned
    struct service_timer *next;
};

/** Starts the service thread once. @return false: no thread could be made */
bool timer_service_start(void);

/** With the kernel locked: calls timer->expired at due_ns (kernel_now_ns()), then every period_ns unless 0. */
void timer_service_arm(struct service_timer *timer, int64_t due_ns, int64_t period_ns);

/** With the kernel locked: not any more. A call under way is not waited for. */
void timer_service_disarm(struct service_timer *timer);

/** With the kernel locked: disarms and frees the timer, when its call under way has returned. */
void timer_service_forget(struct service_timer *timer);
