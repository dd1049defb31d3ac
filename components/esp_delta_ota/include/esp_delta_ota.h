/**
 * Espressif's delta updates: applies a detools patch to the running image and gives the new one. Names and signatures as in
 * Espressif's component esp_delta_ota 1.x.
 *
 * The application strips the 64-byte container first (ESP_DELTA_OTA_HEADER_LEN) and checks it; what it feeds is the rest.
 * For patches with and without that container, as a stage between network and flash, see esp_delta_stage.h.
 *
 * A handle is used by one thread at a time; callbacks run in the thread that feeds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Container of a patch: magic, SHA-256 of the base image, 28 reserved bytes. */
#define ESP_DELTA_OTA_HEADER_LEN 64
#define ESP_DELTA_OTA_MAGIC      0xFCCDDE10u // little-endian in the file

typedef void *esp_delta_ota_handle_t;

/** Reads size bytes of the base image from src_offset on. @return anything but ESP_OK ends the patch */
typedef esp_err_t (*src_read_cb_t)(uint8_t *buf_p, size_t size, int src_offset);
typedef esp_err_t (*src_read_cb_with_user_ctx_t)(uint8_t *buf_p, size_t size, int src_offset,
                                                 void *user_data);

/** Takes the next size bytes of the new image. @return anything but ESP_OK ends the patch */
typedef esp_err_t (*merged_stream_write_cb_t)(const uint8_t *buf_p, size_t size);
typedef esp_err_t (*merged_stream_write_cb_with_user_ctx_t)(const uint8_t *buf_p, size_t size,
                                                            void *user_data);

/** With user_data the callbacks with a context are called, without it (NULL) those without. */
typedef struct esp_delta_ota_cfg {
    void *user_data;
    union {
        src_read_cb_t read_cb;
        src_read_cb_with_user_ctx_t read_cb_with_user_data;
    };
    union {
        merged_stream_write_cb_with_user_ctx_t write_cb_with_user_data;
        merged_stream_write_cb_t write_cb;
    };
} esp_delta_ota_cfg_t;

/** Begins a patch. @return NULL: cfg or one of its callbacks is NULL, or out of memory */
esp_delta_ota_handle_t esp_delta_ota_init(esp_delta_ota_cfg_t *cfg);

/**
 * Takes the next bytes of the patch, cut anywhere, and hands on what they give. Bytes behind the end are ignored.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: a NULL, or a negative size; ESP_FAIL: no such patch, damaged, of a kind that is
 *         not supported (all logged), or a callback refused; then also of every later call
 */
ESP_MUST_CHECK esp_err_t esp_delta_ota_feed_patch(esp_delta_ota_handle_t handle, const uint8_t *buf,
                                                  int size);

/** Whether the patch is complete. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_FAIL: more was to come, or it has failed */
ESP_MUST_CHECK esp_err_t esp_delta_ota_finalize(esp_delta_ota_handle_t handle);

/** Frees the handle. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t esp_delta_ota_deinit(esp_delta_ota_handle_t handle);

#ifdef __cplusplus
}
#endif
