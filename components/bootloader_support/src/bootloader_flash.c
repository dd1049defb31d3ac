#include "bootloader_flash_priv.h"

#include "flash_ops.h"

const void *bootloader_mmap(uint32_t src_addr, uint32_t size)
{
    return esp_flash_default_chip ? flash_map(esp_flash_default_chip, src_addr, size) : NULL;
}

void bootloader_munmap(const void *mapping)
{
    (void)mapping; // the chip is mapped as long as it is open
}

esp_err_t bootloader_flash_read(size_t src_addr, void *dest, size_t size, bool allow_decrypt)
{
    (void)allow_decrypt;
    if (src_addr > UINT32_MAX || size > UINT32_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    return esp_flash_read(NULL, dest, (uint32_t)src_addr, (uint32_t)size);
}

esp_err_t bootloader_flash_write(size_t dest_addr, void *src, size_t size, bool write_encrypted)
{
    (void)write_encrypted;
    if (dest_addr > UINT32_MAX || size > UINT32_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    return esp_flash_write(NULL, src, (uint32_t)dest_addr, (uint32_t)size);
}

esp_err_t bootloader_flash_erase_sector(size_t sector)
{
    if (sector > UINT32_MAX / FLASH_SECTOR_SIZE) {
        return ESP_ERR_INVALID_ARG;
    }
    return esp_flash_erase_region(NULL, (uint32_t)sector * FLASH_SECTOR_SIZE, FLASH_SECTOR_SIZE);
}

esp_err_t bootloader_flash_erase_range(uint32_t start_addr, uint32_t size)
{
    return esp_flash_erase_region(NULL, start_addr, size);
}
