#include "timer_service.h"

#include <stdlib.h>
#include <string.h>

// One process is one device with one timer task; all under the kernel lock.
static pthread_cond_t s_changed;
static bool s_is_started;
static struct service_timer *s_armed;   // earliest first
static struct service_timer *s_running; // whose callback is under way

static void insert(struct service_timer *timer)
{
    struct service_timer **link = &s_armed;
    while (*link && (*link)->due_ns <= timer->due_ns) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    timer->is_armed = true;
    pthread_cond_broadcast(&s_changed);
}

static void take_out(struct service_timer *timer)
{
    for (struct service_timer **link = &s_armed; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    }
    timer->is_armed = false;
}

/** Calls the first timer, with the kernel locked before and after. */
static void call_first(void)
{
    struct service_timer *timer = s_armed;
    take_out(timer);
    if (timer->period_ns > 0) {
        timer->due_ns += timer->period_ns;
        insert(timer);
    }
    s_running = timer;
    kernel_unlock();
    timer->expired(timer);
    kernel_lock();
    s_running = NULL;
    if (timer->is_forgotten) {
        free(timer);
    }
}

static void *serve(void *arg)
{
    (void)arg;
    struct tskTaskControlBlock *self = kernel_self();
    strcpy(self->name, "Tmr Svc"); // shorter than the field
    self->priority = configTIMER_TASK_PRIORITY;
    kernel_lock();
    for (;;) {
        if (!s_armed) {
            (void)kernel_wait(&s_changed, DEADLINE_NEVER);
        } else if (s_armed->due_ns > kernel_now_ns()) {
            (void)kernel_wait(&s_changed, s_armed->due_ns);
        } else {
            call_first();
        }
    }
    return NULL;
}

bool timer_service_start(void)
{
    kernel_lock();
    if (!s_is_started && kernel_cond_init(&s_changed)) {
        pthread_t thread;
        s_is_started = pthread_create(&thread, NULL, serve, NULL) == 0;
        if (s_is_started) {
            pthread_detach(thread);
        } else {
            pthread_cond_destroy(&s_changed);
        }
    }
    bool ok = s_is_started;
    kernel_unlock();
    return ok;
}

void timer_service_arm(struct service_timer *timer, int64_t due_ns, int64_t period_ns)
{
    timer_service_disarm(timer);
    timer->due_ns = due_ns;
    timer->period_ns = period_ns;
    insert(timer);
}

void timer_service_disarm(struct service_timer *timer)
{
    if (timer->is_armed) {
        take_out(timer);
    }
}

void timer_service_forget(struct service_timer *timer)
{
    timer_service_disarm(timer);
    if (s_running == timer) {
        timer->is_forgotten = true;
    } else {
        free(timer);
    }
}
