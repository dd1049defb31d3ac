// A partition seen as a block device.

#include <stdlib.h>

#include "esp_flash.h"
#include "esp_partition.h"

#define ENCRYPTED_WRITE_SIZE 16 // fact: block of the flash encryption

static const esp_partition_t *partition_of(esp_blockdev_handle_t device)
{
    return device->ctx;
}

static bool is_aligned(uint64_t address, size_t len, size_t unit)
{
    return address % unit == 0 && len % unit == 0;
}

static esp_err_t read_device(esp_blockdev_handle_t device, uint8_t *dst_buf, size_t dst_buf_size,
                             uint64_t src_addr, size_t data_read_len)
{
    if (!device || data_read_len > dst_buf_size || src_addr > device->geometry.disk_size) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!is_aligned(src_addr, data_read_len, device->geometry.read_size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    return esp_partition_read(partition_of(device), (size_t)src_addr, dst_buf, data_read_len);
}

/** What write and erase have in common. */
static esp_err_t check_change(esp_blockdev_handle_t device, uint64_t address, size_t len,
                              size_t unit)
{
    if (device->device_flags.read_only) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (address > device->geometry.disk_size) {
        return ESP_ERR_INVALID_ARG;
    }
    return is_aligned(address, len, unit) ? ESP_OK : ESP_ERR_INVALID_SIZE;
}

static esp_err_t write_device(esp_blockdev_handle_t device, const uint8_t *src_buf,
                              uint64_t dst_addr, size_t data_write_len)
{
    if (!device) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_change(device, dst_addr, data_write_len, device->geometry.write_size);
    return err == ESP_OK ? esp_partition_write(partition_of(device), (size_t)dst_addr, src_buf,
                                               data_write_len)
                         : err;
}

static esp_err_t erase_device(esp_blockdev_handle_t device, uint64_t start_addr, size_t erase_len)
{
    if (!device) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_change(device, start_addr, erase_len, device->geometry.erase_size);
    return err == ESP_OK
               ? esp_partition_erase_range(partition_of(device), (size_t)start_addr, erase_len)
               : err;
}

static esp_err_t sync_device(esp_blockdev_handle_t device)
{
    return device ? esp_flash_sync(partition_of(device)->flash_chip) : ESP_ERR_INVALID_ARG;
}

static esp_err_t release_device(esp_blockdev_handle_t device)
{
    free(device);
    return ESP_OK;
}

static const esp_blockdev_ops_t PARTITION_OPS = {
    .read = read_device,
    .write = write_device,
    .erase = erase_device,
    .sync = sync_device,
    .ioctl = NULL, // a partition knows no commands
    .release = release_device,
};

esp_err_t esp_partition_ptr_get_blockdev(const esp_partition_t *partition,
                                         esp_blockdev_handle_t *out_bdl_handle_ptr)
{
    if (!out_bdl_handle_ptr) {
        return ESP_ERR_INVALID_ARG;
    }
    *out_bdl_handle_ptr = ESP_BLOCKDEV_HANDLE_INVALID;
    if (!partition || partition->erase_size == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_blockdev_t *device = calloc(1, sizeof(*device));
    if (!device) {
        return ESP_ERR_NO_MEM;
    }
    device->ctx = (void *)partition; // only ever used as const again
    device->ops = &PARTITION_OPS;
    device->device_flags.read_only = partition->readonly;
    device->device_flags.encrypted = partition->encrypted;
    device->device_flags.erase_before_write = 1;
    device->device_flags.and_type_write = 1;
    device->device_flags.default_val_after_erase = 1;
    device->geometry.disk_size = partition->size;
    device->geometry.read_size = 1;
    device->geometry.write_size = partition->encrypted ? ENCRYPTED_WRITE_SIZE : 1;
    device->geometry.erase_size = partition->erase_size;
    *out_bdl_handle_ptr = device;
    return ESP_OK;
}

esp_err_t esp_partition_get_blockdev(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                     const char *label, esp_blockdev_handle_t *out_bdl_handle_ptr)
{
    if (!out_bdl_handle_ptr) {
        return ESP_ERR_INVALID_ARG;
    }
    *out_bdl_handle_ptr = ESP_BLOCKDEV_HANDLE_INVALID;
    const esp_partition_t *partition;
    esp_err_t err = esp_partition_find_first_err(type, subtype, label, &partition);
    return err == ESP_OK ? esp_partition_ptr_get_blockdev(partition, out_bdl_handle_ptr) : err;
}
