/**
 * Block devices: one face for anything that stores bytes.
 *
 * fact: names, fields and the meaning of the callbacks as in ESP-IDF v6.0, esp_blockdev: esp_blockdev.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_blockdev esp_blockdev_t;
typedef struct esp_blockdev *esp_blockdev_handle_t;

#define ESP_BLOCKDEV_HANDLE_INVALID NULL

/** Properties of the medium. */
typedef union {
    struct {
        uint32_t read_only : 1;
        uint32_t encrypted : 1;
        uint32_t erase_before_write : 1;      // a range must be erased before it is written again
        uint32_t and_type_write : 1;          // writing keeps the AND of old and new bits
        uint32_t default_val_after_erase : 1; // value of an erased bit
        uint32_t reserved : 27;
    };
    uint32_t val;
} esp_blockdev_flags_t;

/** Sizes in bytes; 0 where the operation is not available. */
typedef struct {
    uint64_t disk_size;
    size_t read_size;
    size_t write_size;
    size_t erase_size;
    size_t recommended_write_size; // 0: no preference
    size_t recommended_read_size;
    size_t recommended_erase_size;
} esp_blockdev_geometry_t;

/** Operations; a NULL member is not supported. Addresses and lengths in bytes; all calls block. */
typedef struct {
    /** Reads data_read_len bytes at src_addr into dst_buf, which has room for dst_buf_size. */
    esp_err_t (*read)(esp_blockdev_handle_t dev_handle, uint8_t *dst_buf, size_t dst_buf_size,
                      uint64_t src_addr, size_t data_read_len);
    /** Writes data_write_len bytes at dst_addr. */
    esp_err_t (*write)(esp_blockdev_handle_t dev_handle, const uint8_t *src_buf, uint64_t dst_addr,
                       size_t data_write_len);
    /** Erases erase_len bytes at start_addr. */
    esp_err_t (*erase)(esp_blockdev_handle_t dev_handle, uint64_t start_addr, size_t erase_len);
    /** Makes everything written so far durable. */
    esp_err_t (*sync)(esp_blockdev_handle_t dev_handle);
    /** Device-specific commands. */
    esp_err_t (*ioctl)(esp_blockdev_handle_t dev_handle, const uint8_t cmd, void *args);
    /** Frees the handle, not what it stands for. */
    esp_err_t (*release)(esp_blockdev_handle_t dev_handle);
} esp_blockdev_ops_t;

struct esp_blockdev {
    void *ctx; // of the implementation
    esp_blockdev_flags_t device_flags;
    esp_blockdev_geometry_t geometry;
    const esp_blockdev_ops_t *ops;
};

#ifdef __cplusplus
}
#endif
