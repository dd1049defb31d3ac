#include "freertos/timers.h"
#include "timer_service.h"

#include <stdlib.h>

struct tmrTimerControl {
    struct service_timer service; // first
    const char *name;
    TickType_t period;
    bool is_auto_reload;
    void *id;
    TimerCallbackFunction_t function;
};

static void call_function(struct service_timer *service)
{
    TimerHandle_t timer = (TimerHandle_t)service;
    timer->function(timer);
}

TimerHandle_t xTimerCreate(const char *name, TickType_t period, BaseType_t auto_reload, void *id,
                           TimerCallbackFunction_t function)
{
    if (period == 0 || !function || !timer_service_start()) {
        return NULL;
    }
    TimerHandle_t timer = calloc(1, sizeof(*timer));
    if (timer) {
        timer->service.expired = call_function;
        timer->name = name;
        timer->period = period;
        timer->is_auto_reload = auto_reload != pdFALSE;
        timer->id = id;
        timer->function = function;
    }
    return timer;
}

/** With the kernel locked. */
static void arm(TimerHandle_t timer)
{
    int64_t period_ns = (int64_t)timer->period * NS_PER_TICK;
    timer_service_arm(&timer->service, kernel_now_ns() + period_ns,
                      timer->is_auto_reload ? period_ns : 0);
}

BaseType_t xTimerStart(TimerHandle_t timer, TickType_t ticks)
{
    (void)ticks;
    kernel_lock();
    arm(timer);
    kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerStop(TimerHandle_t timer, TickType_t ticks)
{
    (void)ticks;
    kernel_lock();
    timer_service_disarm(&timer->service);
    kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerChangePeriod(TimerHandle_t timer, TickType_t period, TickType_t ticks)
{
    (void)ticks;
    if (period == 0) {
        return pdFAIL;
    }
    kernel_lock();
    timer->period = period;
    arm(timer);
    kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerDelete(TimerHandle_t timer, TickType_t ticks)
{
    (void)ticks;
    kernel_lock();
    timer_service_forget(&timer->service);
    kernel_unlock();
    return pdPASS;
}

BaseType_t xTimerIsTimerActive(TimerHandle_t timer)
{
    kernel_lock();
    bool is_armed = timer->service.is_armed;
    kernel_unlock();
    return is_armed ? pdTRUE : pdFALSE;
}

void *pvTimerGetTimerID(TimerHandle_t timer)
{
    kernel_lock();
    void *id = timer->id;
    kernel_unlock();
    return id;
}

void vTimerSetTimerID(TimerHandle_t timer, void *id)
{
    kernel_lock();
    timer->id = id;
    kernel_unlock();
}

const char *pcTimerGetName(TimerHandle_t timer)
{
    return timer->name;
}

TickType_t xTimerGetPeriod(TimerHandle_t timer)
{
    kernel_lock();
    TickType_t period = timer->period;
    kernel_unlock();
    return period;
}
