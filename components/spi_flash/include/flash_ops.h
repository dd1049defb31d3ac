/**
 * The chip seam: what a flash driver provides. Implemented by sim/nor_flash, later by MTD, block devices and MCU drivers.
 *
 * The layer above (spi_flash.c) has checked every argument against the geometry before an operation is called.
 */
#pragma once

#include "esp_flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_SECTOR_SIZE 4096u // fact: smallest erase unit of the NOR parts ESP chips boot from

/** What the chip is; constant for the life of the driver. All in bytes. */
struct flash_geometry {
    uint32_t size; // capacity; a multiple of FLASH_SECTOR_SIZE
    uint32_t erase_units
        [4]; // supported erase sizes, largest first, zero-terminated; the last is FLASH_SECTOR_SIZE
    uint32_t page_size; // largest program operation that does not cross a page boundary, e.g. 256
};

/** A NOR chip. All addresses in bytes from its start; all calls block. */
struct flash_ops {
    /** Reads len > 0 bytes. Errors: ESP_ERR_FLASH_OP_FAIL. */
    esp_err_t (*read)(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len);

    /** Programs len > 0 bytes; the driver splits at pages if the chip needs it.
     *  Bits only fall. If one would have to rise, an erase was forgotten: hardware keeps the AND in silence,
     *  the simulator answers ESP_ERR_INVALID_STATE and changes nothing. Errors: ESP_ERR_FLASH_OP_FAIL.
     *  Cut: each of these bits may or may not have fallen; no other byte changes. */
    esp_err_t (*program)(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len);

    /** Erases one unit: unit is one of geometry->erase_units and address a multiple of it.
     *  Errors: ESP_ERR_FLASH_OP_FAIL. Cut: the unit holds anything; no byte outside changes. */
    esp_err_t (*erase)(esp_flash_t *chip, uint32_t address, uint32_t unit);

    /** Makes everything before this call durable. NULL: it is already. Errors: ESP_ERR_FLASH_OP_FAIL. */
    esp_err_t (*sync)(esp_flash_t *chip);

    /** Pointer through which address .. address + len can be read, following later writes; valid as long as the
     *  chip. NULL (the function, or its result): not mappable, use read. */
    const void *(*map)(esp_flash_t *chip, uint32_t address, uint32_t len);
};

/** A range whose modification somebody wants to notice; see flash_watch_start(). The watcher owns the memory. */
struct flash_watch {
    uint32_t address;
    uint32_t len;
    bool touched; // set by the first program or erase that overlaps the range
    struct flash_watch *next;
};

/** A driver embeds this as its first member and fills ops and geometry. */
struct esp_flash_t {
    const struct flash_ops *ops;
    struct flash_geometry geometry;
    struct flash_watch *watches; // owned by spi_flash.c; NULL initially
};

/** Pointer to flash contents for reading, or NULL when the chip cannot be mapped or the range leaves it. */
const void *flash_map(esp_flash_t *chip, uint32_t address, uint32_t len);

/** From now on flash_watch_is_touched() tells whether its range was programmed or erased through this process. */
void flash_watch_start(esp_flash_t *chip, struct flash_watch *watch);

/** Whether the range was touched since the watch was started; safe while other threads write. */
bool flash_watch_is_touched(const struct flash_watch *watch);

/** Ends the watch; harmless if it was never started. */
void flash_watch_stop(esp_flash_t *chip, struct flash_watch *watch);

#ifdef __cplusplus
}
#endif
