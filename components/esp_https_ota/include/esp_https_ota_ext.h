/**
 * What an update can do beyond ESP-IDF: limits, retries, mirrors, cancelling. Ours.
 *
 * Hand it over in esp_https_ota_config_t.ext. Zero is the default of every member.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /** Attempts in a row that bring no new byte (see min_rate) before the update fails. 0: 5; -1: none. Counts connections
     *  that fail, break, stall or answer 408, 425, 429, 500, 502, 503, 504; never what cannot heal (certificates and keys
     *  that cannot be used, TLS verification, other 4xx, a refused image).
     *  Without ext only a download that has begun is retried, as ESP-IDF's begin answers at once. */
    int max_retries;
    uint32_t
        retry_delay_ms; // pause before the first retry, doubled for each further one, with jitter; 0: 500
    uint32_t retry_delay_max_ms; // longest pause, also for Retry-After; 0: 30000

    uint32_t deadline_ms; // from begin to the end of the body; 0: none. Then ESP_ERR_TIMEOUT

    /** Bytes per second; a connection that is slower is broken off and counts as stalled. 0: any rate. After a stall, silence
     *  included, new bytes end the row of max_retries only when they are as many as this rate brings in one window. So a
     *  server that stays below the rate ends the update with ESP_ERR_HTTP_READ_TIMEOUT, however often it is asked. */
    uint32_t min_rate;
    uint32_t min_rate_window_ms; // over which the rate is measured; 0: 10000

    uint64_t
        max_bytes; // body bytes over the network, retries included; 0: any. Then ESP_ERR_INVALID_SIZE

    /** Further URLs of the same file, NULL-terminated; borrowed for the session. A retry goes to the next one, also after
     *  what cannot heal at one server. A mirror is used only
     *  if its length and first block are those of the file that was begun. When an image that came in pieces is refused, it is
     *  fetched once more from each of these URLs in turn, all of it from one, until one is good. */
    const char *const *mirrors;

    /** Asked now and then, at least twice a second: true ends the update with ESP_ERR_NOT_FINISHED. May be set from
     *  another thread or a signal handler through what it reads. */
    bool (*is_cancelled)(void *context);
    void *cancel_context;

    /** Called in between flash operations, in the thread of esp_https_ota_perform(); see esp_ota_tuning_t. NULL: none. */
    void (*flash_yield)(void *context);
    void *flash_yield_context;
    /** Bytes of the passive slot that are erased while the server is still connecting, at most 1 MiB. 0: none, and then an image
     *  that its header gives away is refused before anything is erased. Otherwise it has cost what stood there. */
    uint32_t erase_before_header;
    uint32_t erase_size_max; // largest erase at once, in bytes; 0: the chip's largest
    bool
        slot_is_settled; // no power cut ever met a write to the slot; see is_settled of esp_ota_tuning_t

    bool
        keeps_compression; // gzip and zstd files are not unpacked (a data partition may want them as they are)
} esp_https_ota_ext_t;

/** What a session did so far. */
typedef struct {
    uint64_t received;     // body bytes over the network
    uint64_t resumed_from; // entity bytes that an earlier run had brought
    uint32_t retries;      // connections after the first that had to be made again
    uint32_t restarts;     // times the file changed and the update began anew
} esp_https_ota_stats_t;

/** Statistics of an open session. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t esp_https_ota_get_stats(void *https_ota_handle,
                                  esp_https_ota_stats_t *stats) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
