/**
 * Microseconds since this boot, and timers counted in them. fact: names and contracts as in ESP-IDF, esp_timer: esp_timer.h.
 *
 * The port provides them. All calls may be made by any thread.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_timer *esp_timer_handle_t;

/** Runs on the timer thread; must not block for long. */
typedef void (*esp_timer_cb_t)(void *arg);

typedef enum {
    ESP_TIMER_TASK = 0,
    ESP_TIMER_ISR = 1, // here the same as ESP_TIMER_TASK
    ESP_TIMER_MAX = 2,
} esp_timer_dispatch_t;

typedef struct {
    esp_timer_cb_t callback;
    void *arg;
    esp_timer_dispatch_t dispatch_method;
    const char *name; // not copied
    bool skip_unhandled_events;
} esp_timer_create_args_t;

/** Microseconds since this boot; never goes back. */
int64_t esp_timer_get_time(void);

/** A timer at rest. Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_NO_MEM. */
esp_err_t esp_timer_create(const esp_timer_create_args_t *create_args,
                           esp_timer_handle_t *out_handle) ESP_MUST_CHECK;

/** Calls once, timeout_us from now. Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (running). */
esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us) ESP_MUST_CHECK;

/** Calls every period_us, first after one period; at least 50. Errors: as esp_timer_start_once(). */
esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us) ESP_MUST_CHECK;

/** Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (not running). */
esp_err_t esp_timer_stop(esp_timer_handle_t timer) ESP_MUST_CHECK;

/** Stops first if needed, starts again with the time or period given; fact: a one-shot timer stays one-shot.
 *  Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (not running). */
esp_err_t esp_timer_restart(esp_timer_handle_t timer, uint64_t timeout_us) ESP_MUST_CHECK;

/** Frees a timer at rest. Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (running). */
esp_err_t esp_timer_delete(esp_timer_handle_t timer) ESP_MUST_CHECK;

bool esp_timer_is_active(esp_timer_handle_t timer);

#ifdef __cplusplus
}
#endif
