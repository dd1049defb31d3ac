/**
 * The seam to whatever runs this boot: how it ends, how much memory there is, where randomness comes from.
 * Exactly one port defines `esp_system_port`; which one is chosen by the build. All functions may be called by any thread.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Exit codes of a host process that is a boot of a device; whoever powers the device makes a reset reason of them.
 * 0: nothing is left to run, the device would idle for ever. Any other code and any signal: a crash.
 * chosen: outside 1..2 (our programs), 64..78 (sysexits.h), 124..127 (timeout, shells) and 128 up (signals).
 */
#define ESP_EXIT_RESTART    96  // esp_restart(): the next boot follows at once, ESP_RST_SW
#define ESP_EXIT_DEEP_SLEEP 97  // esp_deep_sleep(); the next boot is ESP_RST_DEEPSLEEP
#define ESP_EXIT_TASK_WDT   98  // a task watchdog ran out: ESP_RST_TASK_WDT
#define ESP_EXIT_INT_WDT    99  // an interrupt watchdog ran out: ESP_RST_INT_WDT
#define ESP_EXIT_BROWNOUT   100 // the supply sagged: ESP_RST_BROWNOUT
#define ESP_EXIT_POWER_CUT                                                                         \
    101 // power was cut: ESP_RST_POWERON; as if the process were killed with SIGKILL

struct system_ops {
    /** Ends this boot now, without exit handlers and without flushing what the application buffers except standard
     *  output and error. Never returns. */
    void (*restart)(void) ESP_NORETURN;

    /** Ends this boot as restart() does; after that the chip sleeps for us microseconds, 0: until something else wakes
     *  it. Never returns. */
    void (*deep_sleep)(uint64_t us) ESP_NORETURN;

    /** Tells whoever watches this boot that the application is alive. Any thread; cheap. */
    void (*feed_watchdog)(void);

    /** Bytes that could still be allocated; UINT64_MAX when nobody can tell. */
    uint64_t (*free_heap)(void);

    /** Fills buf with len unpredictable bytes; blocks until there are some. Errors: ESP_FAIL (no source). */
    esp_err_t (*fill_random)(void *buf, size_t len);
};

extern const struct system_ops esp_system_port;

#ifdef __cplusplus
}
#endif
