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
 * Exit code of a host process whose application called esp_restart(): the device wants its next boot, reason ESP_RST_SW.
 * chosen: outside 0..2 (our programs), 64..78 (sysexits.h), 124..127 (timeout, shells) and 128 up (signals).
 */
#define ESP_EXIT_RESTART 96

struct system_ops {
    /** Ends this boot now, without exit handlers and without flushing what the application buffers except standard
     *  output and error. Never returns. */
    void (*restart)(void) ESP_NORETURN;

    /** Bytes that could still be allocated; UINT64_MAX when nobody can tell. */
    uint64_t (*free_heap)(void);

    /** Fills buf with len unpredictable bytes; blocks until there are some. Errors: ESP_FAIL (no source). */
    esp_err_t (*fill_random)(void *buf, size_t len);
};

extern const struct system_ops esp_system_port;

#ifdef __cplusplus
}
#endif
