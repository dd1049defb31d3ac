/** What the first bytes of our delta patches tell. The format is described in SPEC.md, the ideas in docs/delta.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_DELTA_PATCH_HEADER_LEN 64
#define ESP_DELTA_PATCH_MAGIC                                                                      \
    0x44544FD5u // D5 "OTD"; chosen: no byte of a text, none of the magics known to us
#define ESP_DELTA_PATCH_VERSION 1
#define ESP_DELTA_PATCH_DIGEST_LEN                                                                 \
    16 // of a SHA-256; chosen: 128 bits, as no one gains by two files with one digest
#define ESP_DELTA_PATCH_NO_CHIP       0xFFFF // the files are no images
#define ESP_DELTA_PATCH_EXTENSION_MAX 4096   // chosen: room for a signature of any scheme

/** How much memory a decoder needs, roughly. */
enum esp_delta_class {
    ESP_DELTA_4K = 1,
    ESP_DELTA_16K = 2,
    ESP_DELTA_64K = 3,
};

struct esp_delta_patch {
    enum esp_delta_class ram_class;
    uint16_t chip_id;
    uint32_t old_size;
    uint32_t new_size;
    uint32_t body_size;     // bytes behind header and extension
    uint32_t extension_len; // bytes between header and body
    uint32_t map_entries;
    uint32_t pool_len;      // slots of the model
    uint8_t inputs;         // contexts of a decision, 1 to 8
    bool makes_checksum;    // the decoder computes the image's checksum byte ...
    bool makes_digest;      // ... and its appended SHA-256
    bool ignores_addresses; // old and new are treated as plain bytes
    bool has_deflate;       // there are copies of deflate streams, token by token
    uint8_t
        old_digest[ESP_DELTA_PATCH_DIGEST_LEN]; // first bytes of the SHA-256 of all of the old file
    uint8_t new_digest[ESP_DELTA_PATCH_DIGEST_LEN];
};

/**
 * Reads a header.
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: fewer than ESP_DELTA_PATCH_HEADER_LEN bytes; ESP_ERR_INVALID_RESPONSE: not such a
 *         patch, damaged, or a field out of range; ESP_ERR_INVALID_VERSION: made for a later decoder
 */
ESP_MUST_CHECK esp_err_t esp_delta_patch_parse(const uint8_t *bytes, size_t len,
                                               struct esp_delta_patch *patch);

/** Writes a header. All fields must be in range. */
void esp_delta_patch_encode(const struct esp_delta_patch *patch,
                            uint8_t bytes[ESP_DELTA_PATCH_HEADER_LEN]);

/** Bytes of memory that a decoder needs for this patch. */
size_t esp_delta_patch_memory(const struct esp_delta_patch *patch);

/** Most of that for a class: 6, 16 or 64 KiB. 0: no such class. */
size_t esp_delta_class_memory(enum esp_delta_class ram_class);

#ifdef __cplusplus
}
#endif
