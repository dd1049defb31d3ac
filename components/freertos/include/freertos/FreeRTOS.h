/**
 * FreeRTOS under its own names: basic types and constants. Include before the other freertos/ headers.
 *
 * Only the part of FreeRTOS that OTA applications use. On a host port/posix implements it on POSIX threads; on a
 * microcontroller this component is left out and the real FreeRTOS takes its place. What is declared works as FreeRTOS
 * documents it, except where a comment says `differs:`.
 * differs: the host schedules the tasks; priorities and core numbers are accepted and have no effect.
 * fact: names, types and values as in FreeRTOS as shipped with ESP-IDF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_attr.h"
#include "esp_bit_defs.h"
#include "esp_err.h"
#include "sdkconfig.h"

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t; // one tick is portTICK_PERIOD_MS milliseconds
typedef uint8_t StackType_t; // ESP-IDF counts stacks in bytes

typedef void (*TaskFunction_t)(void *arg);
typedef void (*PendedFunction_t)(void *arg1, uint32_t arg2);

#define pdFALSE        ((BaseType_t)0)
#define pdTRUE         ((BaseType_t)1)
#define pdFAIL         pdFALSE
#define pdPASS         pdTRUE
#define errQUEUE_EMPTY ((BaseType_t)0)
#define errQUEUE_FULL  ((BaseType_t)0)

#define errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY (-1)

// chosen: ESP-IDF's default. Fixed, because the port is built with it, whatever CONFIG_FREERTOS_HZ an application's own
// sdkconfig.h says; code that converts with the macros below is right with any value.
#define configTICK_RATE_HZ                    100
#define configMAX_PRIORITIES                  25
#define configMAX_TASK_NAME_LEN               16 // with the terminator
#define configMINIMAL_STACK_SIZE              1536
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 1
#define configTIMER_TASK_PRIORITY             1

#define portMAX_DELAY      ((TickType_t)0xFFFFFFFFu) // wait without limit
#define portTICK_PERIOD_MS ((TickType_t)(1000 / configTICK_RATE_HZ))
#define portTICK_RATE_MS   portTICK_PERIOD_MS // name of ESP-IDF v3
#define portNUM_PROCESSORS 1

/** Milliseconds to ticks and back; rounds down. */
#define pdMS_TO_TICKS(ms)                                                                          \
    ((TickType_t)(((uint64_t)(ms) * (uint64_t)configTICK_RATE_HZ) / (uint64_t)1000))
#define pdTICKS_TO_MS(ticks)                                                                       \
    ((TickType_t)(((uint64_t)(ticks) * (uint64_t)1000) / (uint64_t)configTICK_RATE_HZ))

// ----------------------------------------------------------------------- critical sections

/** A lock for a few instructions. ESP-IDF has one per use; here all of them are one lock, as on a chip with one core. */
typedef struct {
    uint32_t owner; // not used
    uint32_t count; // not used
} portMUX_TYPE;

#define portMUX_FREE_VAL UINT32_C(0xB33FFFFF)
#define portMUX_INITIALIZER_UNLOCKED                                                               \
    {                                                                                              \
        .owner = portMUX_FREE_VAL, .count = 0                                                      \
    }
#define portMUX_INITIALIZE(mux) spinlock_initialize(mux)

#ifdef __cplusplus
extern "C" {
#endif

/** Between the two no other thread is inside a critical section. They nest; mux may be NULL. */
void vPortEnterCritical(portMUX_TYPE *mux);
void vPortExitCritical(portMUX_TYPE *mux);

static inline void spinlock_initialize(portMUX_TYPE *mux)
{
    mux->owner = portMUX_FREE_VAL;
    mux->count = 0;
}

/** Core that runs the caller: 0, as there is one. */
static inline BaseType_t xPortGetCoreID(void)
{
    return 0;
}

/** Whether an interrupt handler runs: never. */
static inline BaseType_t xPortInIsrContext(void)
{
    return pdFALSE;
}

#ifdef __cplusplus
}
#endif

#define portENTER_CRITICAL(mux)      vPortEnterCritical(mux)
#define portEXIT_CRITICAL(mux)       vPortExitCritical(mux)
#define portENTER_CRITICAL_ISR(mux)  vPortEnterCritical(mux)
#define portEXIT_CRITICAL_ISR(mux)   vPortExitCritical(mux)
#define portENTER_CRITICAL_SAFE(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL_SAFE(mux)  vPortExitCritical(mux)

/** There are no interrupts on a host: the FromISR forms work from any thread and never ask for a switch. */
#define portYIELD_FROM_ISR(...) ((void)0)
#define portYIELD()             vTaskDelay(0)
