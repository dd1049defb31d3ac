/** Software timers: functions called by one service thread when their time comes. All calls may be made by any thread. */
#pragma once

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tmrTimerControl *TimerHandle_t;

/** Runs on the service thread "Tmr Svc": must not block for long, may use every function here, also on its own timer. */
typedef void (*TimerCallbackFunction_t)(TimerHandle_t timer);

/**
 * A timer at rest.
 * @param name     for people; not copied, may be NULL
 * @param period   in ticks, above 0
 * @param auto_reload  whether it goes on after the first time
 * @return NULL: no memory, no thread, period 0 or no function
 */
TimerHandle_t xTimerCreate(const char *name, TickType_t period, BaseType_t auto_reload, void *id,
                           TimerCallbackFunction_t function);

/**
 * Starts (again), stops, changes the period and starts, or frees a timer. differs: done at once, where FreeRTOS sends a
 * command to the service task; `ticks` is without effect.
 * @return pdPASS; pdFAIL: a period of 0
 */
BaseType_t xTimerStart(TimerHandle_t timer, TickType_t ticks);
BaseType_t xTimerStop(TimerHandle_t timer, TickType_t ticks);
BaseType_t xTimerChangePeriod(TimerHandle_t timer, TickType_t period, TickType_t ticks);
BaseType_t xTimerDelete(TimerHandle_t timer, TickType_t ticks);

#define xTimerReset(timer, ticks)        xTimerStart(timer, ticks)
#define xTimerStartFromISR(timer, woken) xTimerStart(timer, 0)
#define xTimerStopFromISR(timer, woken)  xTimerStop(timer, 0)
#define xTimerResetFromISR(timer, woken) xTimerStart(timer, 0)

/** Whether it will call its function. */
BaseType_t xTimerIsTimerActive(TimerHandle_t timer);

void *pvTimerGetTimerID(TimerHandle_t timer);
void vTimerSetTimerID(TimerHandle_t timer, void *id);
const char *pcTimerGetName(TimerHandle_t timer);
TickType_t xTimerGetPeriod(TimerHandle_t timer);

#ifdef __cplusplus
}
#endif
