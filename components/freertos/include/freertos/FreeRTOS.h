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

#define pdFALSE        ((BaseType_t)0)
#define pdTRUE         ((BaseType_t)1)
#define pdFAIL         pdFALSE
#define pdPASS         pdTRUE
#define errQUEUE_EMPTY ((BaseType_t)0)
#define errQUEUE_FULL  ((BaseType_t)0)

#define errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY (-1)

// chosen: ESP-IDF's default. Fixed, because the port is built with it, whatever CONFIG_FREERTOS_HZ an application's own
// sdkconfig.h says; code that converts with the macros below is right with any value.
#define configTICK_RATE_HZ       100
#define configMAX_PRIORITIES     25
#define configMAX_TASK_NAME_LEN  16 // with the terminator
#define configMINIMAL_STACK_SIZE 1536

#define portMAX_DELAY      ((TickType_t)0xFFFFFFFFu) // wait without limit
#define portTICK_PERIOD_MS ((TickType_t)(1000 / configTICK_RATE_HZ))
#define portTICK_RATE_MS   portTICK_PERIOD_MS // name of ESP-IDF v3
#define portNUM_PROCESSORS 1

/** Milliseconds to ticks and back; rounds down. */
#define pdMS_TO_TICKS(ms)                                                                          \
    ((TickType_t)(((uint64_t)(ms) * (uint64_t)configTICK_RATE_HZ) / (uint64_t)1000))
#define pdTICKS_TO_MS(ticks)                                                                       \
    ((TickType_t)(((uint64_t)(ticks) * (uint64_t)1000) / (uint64_t)configTICK_RATE_HZ))
