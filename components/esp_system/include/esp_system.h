/**
 * Restart, reset reason and memory of the device. fact: names, values and contracts as in ESP-IDF, esp_system: esp_system.h.
 */
#pragma once

#include "esp_attr.h"
#include "esp_bit_defs.h"
#include "esp_err.h"
#include "esp_idf_version.h"
#include "esp_random.h" // applications of ESP-IDF v4 find it here

#ifdef __cplusplus
extern "C" {
#endif

/** Why this boot happened. */
typedef enum {
    ESP_RST_UNKNOWN = 0,
    ESP_RST_POWERON = 1,
    ESP_RST_EXT = 2,
    ESP_RST_SW = 3, // esp_restart()
    ESP_RST_PANIC = 4,
    ESP_RST_INT_WDT = 5,
    ESP_RST_TASK_WDT = 6,
    ESP_RST_WDT = 7,
    ESP_RST_DEEPSLEEP = 8,
    ESP_RST_BROWNOUT = 9,
    ESP_RST_SDIO = 10,
    ESP_RST_USB = 11,
    ESP_RST_JTAG = 12,
    ESP_RST_EFUSE = 13,
    ESP_RST_PWR_GLITCH = 14,
    ESP_RST_CPU_LOCKUP = 15,
} esp_reset_reason_t;

typedef void (*shutdown_handler_t)(void);

/**
 * Restarts the device: runs the shutdown handlers, the last registered first, then ends this boot. A handler or another
 * thread that calls it meanwhile restarts at once. On a host the process ends; see ESP_EXIT_RESTART.
 */
void esp_restart(void) ESP_NORETURN;

/**
 * A function to run before a restart; at most five.
 * Errors: ESP_ERR_INVALID_ARG (NULL), ESP_ERR_INVALID_STATE (registered already), ESP_ERR_NO_MEM (five are).
 */
esp_err_t esp_register_shutdown_handler(shutdown_handler_t handler) ESP_MUST_CHECK;

/** Takes it back. Errors: ESP_ERR_INVALID_STATE (not registered). */
esp_err_t esp_unregister_shutdown_handler(shutdown_handler_t handler) ESP_MUST_CHECK;

/** Why this boot happened: what esp_set_reset_reason() said, else ESP_RST_POWERON. */
esp_reset_reason_t esp_reset_reason(void);

/** Tells why this boot happened. For whoever starts the boot, once, before any other thread runs. Ours. */
void esp_set_reset_reason(esp_reset_reason_t reason);

/** Bytes a caller could still allocate: on a host what the process limit and the machine leave, capped at UINT32_MAX. */
uint32_t esp_get_free_heap_size(void);

/** The same; ESP chips tell internal memory apart, a host has one kind. */
uint32_t esp_get_free_internal_heap_size(void);

/** The smallest value esp_get_free_heap_size() and this function have seen in this boot. differs: a chip's allocator sees
 *  every moment. */
uint32_t esp_get_minimum_free_heap_size(void);

#ifdef __cplusplus
}
#endif
