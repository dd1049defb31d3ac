/** Event groups: 24 bits that tasks set, clear and wait for. All calls may be made by any thread. */
#pragma once

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct EventGroupDef_t *EventGroupHandle_t;
typedef TickType_t EventBits_t; // bits 0..23; the others stay 0

/** All bits 0. NULL: no memory. */
EventGroupHandle_t xEventGroupCreate(void);

/** Frees the group. Waiting tasks return with the bits 0. NULL is ignored. */
void vEventGroupDelete(EventGroupHandle_t group);

/**
 * Sets bits and lets go every task whose wait is thereby fulfilled; all of them see the bits before any is cleared.
 * @return the bits afterwards, those already cleared that a woken task asked to clear
 */
EventBits_t xEventGroupSetBits(EventGroupHandle_t group, EventBits_t bits);

/** Clears bits. @return the bits before */
EventBits_t xEventGroupClearBits(EventGroupHandle_t group, EventBits_t bits);

EventBits_t xEventGroupGetBits(EventGroupHandle_t group);

/** As xEventGroupSetBits(); *woken (may be NULL) becomes pdFALSE. @return pdPASS */
BaseType_t xEventGroupSetBitsFromISR(EventGroupHandle_t group, EventBits_t bits, BaseType_t *woken);

/**
 * Waits up to `ticks` for any (or all, with wait_for_all) of the bits; on success with clear_on_exit clears those bits.
 * @return the bits at the moment the wait ended, before clearing; after a time-out the wanted ones are not (all) set
 */
EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, EventBits_t bits,
                                BaseType_t clear_on_exit, BaseType_t wait_for_all,
                                TickType_t ticks);

#ifdef __cplusplus
}
#endif
