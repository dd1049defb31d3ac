// Bytes of a partition. Every access goes through one of four functions at the end of the checks: read_flash,
// write_flash, erase and mmap. Flash encryption concerns those and nothing else; mappings of encrypted partitions, which
// need memory, are in partition_shadow.c.

#include <stdatomic.h>
#include <string.h>

#include "bootloader_common.h"
#include "crypto_ops.h"
#include "flash_ops.h"
#include "partition_list.h"
#include "partition_shadow.h"

// ---- Mappings that hold writers back ---------------------------------------------------------------

#define HANDLE_BLOCKS_WRITE 1u // lowest bit of a mapping's handle; the rest counts up

static atomic_flag s_gate_lock = ATOMIC_FLAG_INIT;
static uint32_t s_blocking_maps;
static uint32_t s_active_writers;
static uint32_t s_last_handle;

static void lock_gate(void)
{
    while (atomic_flag_test_and_set_explicit(&s_gate_lock, memory_order_acquire)) {
    }
}

static void unlock_gate(void)
{
    atomic_flag_clear_explicit(&s_gate_lock, memory_order_release);
}

/** Waits until others is 0, then adds one to own. */
static void enter(const uint32_t *others, uint32_t *own)
{
    lock_gate();
    while (*others > 0) {
        unlock_gate();
        lock_gate();
    }
    (*own)++;
    unlock_gate();
}

static void leave(uint32_t *own)
{
    lock_gate();
    if (*own > 0) { // a handle given back twice must not open the gate for others
        (*own)--;
    }
    unlock_gate();
}

// ---- Checks ----------------------------------------------------------------------------------------

static bool is_on_main_chip(const esp_partition_t *partition)
{
    return !partition->flash_chip || partition->flash_chip == esp_flash_default_chip;
}

static esp_err_t check_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    if (!partition || offset > partition->size) {
        return ESP_ERR_INVALID_ARG;
    }
    // The table is not checked against the chip when it is loaded: its ranges may wrap around 32 bits.
    bool wraps = (uint64_t)partition->address + offset + size > UINT32_MAX + UINT64_C(1);
    return size > partition->size - offset || wraps ? ESP_ERR_INVALID_SIZE : ESP_OK;
}

static esp_err_t check_write_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    return partition && partition->readonly ? ESP_ERR_NOT_ALLOWED
                                            : check_range(partition, offset, size);
}

// ---- Reading and writing ---------------------------------------------------------------------------

static esp_err_t read_flash(const esp_partition_t *partition, size_t offset, void *dst, size_t size,
                            bool decrypts)
{
    if (size == 0) {
        return ESP_OK;
    }
    uint32_t address = partition->address + (uint32_t)offset;
    return decrypts ? esp_flash_read_encrypted(partition->flash_chip, address, dst, (uint32_t)size)
                    : esp_flash_read(partition->flash_chip, dst, address, (uint32_t)size);
}

static esp_err_t write_flash(const esp_partition_t *partition, size_t offset, const void *src,
                             size_t size, bool encrypts)
{
    if (size == 0) {
        return ESP_OK;
    }
    uint32_t address = partition->address + (uint32_t)offset;
    enter(&s_blocking_maps, &s_active_writers);
    esp_err_t err =
        encrypts ? esp_flash_write_encrypted(partition->flash_chip, address, src, (uint32_t)size)
                 : esp_flash_write(partition->flash_chip, src, address, (uint32_t)size);
    leave(&s_active_writers);
    return err;
}

esp_err_t esp_partition_read(const esp_partition_t *partition, size_t src_offset, void *dst,
                             size_t size)
{
    esp_err_t err = check_range(partition, src_offset, size);
    if (err != ESP_OK) {
        return err;
    }
    if (partition->encrypted && !is_on_main_chip(partition)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    return read_flash(partition, src_offset, dst, size, partition->encrypted);
}

esp_err_t esp_partition_read_raw(const esp_partition_t *partition, size_t src_offset, void *dst,
                                 size_t size)
{
    esp_err_t err = check_range(partition, src_offset, size);
    return err == ESP_OK ? read_flash(partition, src_offset, dst, size, false) : err;
}

esp_err_t esp_partition_write(const esp_partition_t *partition, size_t dst_offset, const void *src,
                              size_t size)
{
    esp_err_t err = check_write_range(partition, dst_offset, size);
    if (err != ESP_OK) {
        return err;
    }
    if (partition->encrypted && !is_on_main_chip(partition)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    return write_flash(partition, dst_offset, src, size, partition->encrypted);
}

esp_err_t esp_partition_write_raw(const esp_partition_t *partition, size_t dst_offset,
                                  const void *src, size_t size)
{
    esp_err_t err = check_write_range(partition, dst_offset, size);
    return err == ESP_OK ? write_flash(partition, dst_offset, src, size, false) : err;
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    esp_err_t err = check_write_range(partition, offset, size);
    if (err != ESP_OK) {
        return err;
    }
    if (size % FLASH_SECTOR_SIZE != 0) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (offset % FLASH_SECTOR_SIZE != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    enter(&s_blocking_maps, &s_active_writers);
    err = esp_flash_erase_region(partition->flash_chip, partition->address + (uint32_t)offset,
                                 (uint32_t)size);
    leave(&s_active_writers);
    return err;
}

// ---- Mapping ---------------------------------------------------------------------------------------

static esp_partition_mmap_handle_t new_handle(bool blocks_write)
{
    lock_gate();
    s_last_handle += 2;
    esp_partition_mmap_handle_t handle = s_last_handle | (blocks_write ? HANDLE_BLOCKS_WRITE : 0);
    unlock_gate();
    return handle;
}

/** Writers wait while the memory is filled, so that nothing falls between the filling and the first change. */
static esp_err_t map_decrypted(uint32_t address, uint32_t size, bool blocks_write,
                               const void **out_ptr, esp_partition_mmap_handle_t *out_handle)
{
    const void *pointer;
    esp_partition_mmap_handle_t handle = new_handle(blocks_write);
    enter(&s_active_writers, &s_blocking_maps);
    esp_err_t err = partition_shadow_create(handle, address, size, &pointer);
    if (err != ESP_OK || !blocks_write) {
        leave(&s_blocking_maps);
    }
    if (err == ESP_OK) {
        *out_ptr = pointer;
        *out_handle = handle;
    }
    return err;
}

esp_err_t esp_partition_mmap(const esp_partition_t *partition, size_t offset, size_t size,
                             esp_partition_mmap_flag_t flags, const void **out_ptr,
                             esp_partition_mmap_handle_t *out_handle)
{
    esp_err_t err = check_range(partition, offset, size);
    if (err != ESP_OK || !out_ptr || !out_handle) {
        return err != ESP_OK ? err : ESP_ERR_INVALID_ARG;
    }
    if (!is_on_main_chip(partition)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    uint32_t address = partition->address + (uint32_t)offset;
    bool blocks_write = flags & ESP_PARTITION_MMAP_BLOCKS_WRITE;
    if (partition->encrypted && flash_is_encrypted(NULL)) {
        return map_decrypted(address, (uint32_t)size, blocks_write, out_ptr, out_handle);
    }
    const void *pointer = flash_map(partition->flash_chip, address, (uint32_t)size);
    if (!pointer) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (blocks_write) {
        enter(&s_active_writers, &s_blocking_maps);
    }
    *out_ptr = pointer;
    *out_handle = new_handle(blocks_write);
    return ESP_OK;
}

void esp_partition_munmap(esp_partition_mmap_handle_t handle)
{
    partition_shadow_free(handle);
    if (handle & HANDLE_BLOCKS_WRITE) {
        leave(&s_blocking_maps);
    }
}

// ---- Digests ---------------------------------------------------------------------------------------

esp_err_t esp_partition_get_sha256(const esp_partition_t *partition, uint8_t *sha_256)
{
    if (!partition || !sha_256 || partition->size == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    return bootloader_common_get_sha256_of_partition(partition->address, partition->size,
                                                     (int)partition->type, sha_256);
}

bool esp_partition_check_identity(const esp_partition_t *partition_1,
                                  const esp_partition_t *partition_2)
{
    uint8_t digest_1[CRYPTO_SHA256_LEN];
    uint8_t digest_2[CRYPTO_SHA256_LEN];
    return esp_partition_get_sha256(partition_1, digest_1) == ESP_OK &&
           esp_partition_get_sha256(partition_2, digest_2) == ESP_OK &&
           memcmp(digest_1, digest_2, sizeof(digest_1)) == 0;
}
