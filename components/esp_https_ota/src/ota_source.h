// Where the bytes come from: one file on one or more servers, read front to back.
//
// A source hides broken connections: it goes on behind the last byte it gave, and makes sure that it is still the same file.
#pragma once

#include "crypto_ops.h"
#include "esp_http_client.h"
#include "esp_https_ota_ext.h"
#include "freertos/FreeRTOS.h"
#include "ota_download.h"

#define SOURCE_FIRST_BLOCK_LEN                                                                     \
    4096 // chosen: enough to tell files apart, small enough to fetch again from a mirror

// What tells one file from another. Empty strings and -1: the server did not say.
struct ota_entity {
    int64_t total;  // bytes
    char etag[128]; // as sent, quotes and W/ included
    char last_modified[48];
    bool has_first_block;
    uint8_t first_block
        [CRYPTO_SHA256_LEN]; // of the first SOURCE_FIRST_BLOCK_LEN bytes, or of all if there are fewer
};

struct ota_source_config {
    const esp_http_client_config_t *http; // for the time of ota_source_open
    const esp_https_ota_ext_t *ext;       // may be NULL: ESP-IDF's behaviour
    int64_t range_size;                   // bytes a request; 0: all in one
};

struct ota_source {
    esp_http_client_handle_t client; // owned
    esp_https_ota_ext_t limits;      // with the defaults filled in
    struct ota_download_budget budget;
    char *home_url;        // as configured; redirects may have led elsewhere
    unsigned url_index;    // 0: home_url, then the mirrors
    bool is_verified_here; // the present URL is known to serve this very file
    bool is_pieced;        // the bytes so far came over several connections, or in another run
    bool is_pinned;        // a file that was begun is not gone on with elsewhere
    unsigned alone_count;  // URLs that were asked for all of the file, see ota_source_go_alone
    bool retries_opening;
    int timeout_ms;
    int64_t range_size;

    struct ota_entity entity;
    struct crypto_hash first_block_hash;
    int64_t position;     // of the next byte, in the file
    int64_t response_end; // where the present response ends, in the file; -1: not known
    bool is_open;         // a response is being read
    bool is_sent;         // the request for the next range is on its way
    bool is_at_start;     // the open response is a whole file that nothing was read of
    bool lacks_ranges;    // what was asked for a part last sent all of a file that may be the same

    int failures;       // in a row
    int64_t owed_bytes; // that end the row; 0: any
    bool is_waiting;    // for the next attempt
    TickType_t wait_began;
    uint32_t wait_ms;
    TickType_t began;
    TickType_t last_byte;
    TickType_t window_began;
    int64_t window_bytes;
    uint64_t received;
    uint32_t retries;
};

// Prepares a source. client is taken over, also on failure.
esp_err_t ota_source_init(struct ota_source *s, esp_http_client_handle_t client,
                          const struct ota_source_config *config) ESP_MUST_CHECK;

// Continues an earlier run: the file must be entity, and reading starts at position. Before ota_source_open.
void ota_source_expect(struct ota_source *s, const struct ota_entity *entity, int64_t position);

// Connects and gets the first response. Blocks over retries, if there are any.
// Errors: as esp_https_ota_begin; ESP_ERR_INVALID_RESPONSE: not the expected file; call ota_source_restart.
esp_err_t ota_source_open(struct ota_source *s) ESP_MUST_CHECK;

// Reads up to len bytes. *got 0 with ESP_OK: the file is complete.
// Errors: ESP_ERR_HTTPS_OTA_IN_PROGRESS: nothing yet, call again; ESP_ERR_INVALID_RESPONSE: the file has changed, call
// ota_source_restart; ESP_ERR_TIMEOUT, ESP_ERR_INVALID_SIZE, ESP_ERR_NOT_FINISHED: a limit or cancelling; else the last failure.
esp_err_t ota_source_read(struct ota_source *s, void *buf, size_t len, size_t *got) ESP_MUST_CHECK;

// Forgets the file and begins at its start, with whatever the server has now.
void ota_source_restart(struct ota_source *s);

// After an image that came in pieces was refused: chooses the next URL to bring all of it. false: it did not come in pieces, or
// every URL had its turn. Then comes ota_source_restart.
bool ota_source_go_alone(struct ota_source *s);

// Whether all bytes of the file were read.
bool ota_source_is_complete(const struct ota_source *s);

void ota_source_destroy(struct ota_source *s);
