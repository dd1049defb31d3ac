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

#define FLASH_CIPHER_BLOCK                                                                         \
    16u // fact: flash encryption works on blocks of this size at multiples of it

struct flash_cipher;

/** Flash encryption of a chip. Each block depends on the key, its address and nothing else. Threads may call at once. */
struct flash_cipher_ops {
    /** Turns len > 0 bytes that are to stand at address into what flash holds. address and len are multiples of
     *  FLASH_CIPHER_BLOCK; out may be in. Errors: ESP_FAIL (the cryptographic library). */
    esp_err_t (*encrypt)(struct flash_cipher *cipher, uint32_t address, const void *in, void *out,
                         uint32_t len);

    /** The other way round. */
    esp_err_t (*decrypt)(struct flash_cipher *cipher, uint32_t address, const void *in, void *out,
                         uint32_t len);
};

/** An implementation embeds this as its first member. */
struct flash_cipher {
    const struct flash_cipher_ops *ops;
};

/** A range whose modification somebody wants to notice; see flash_watch_start(). The watcher owns the memory. */
struct flash_watch {
    uint32_t address;
    uint32_t len;
    bool touched; // set by the first program or erase that overlaps the range
    /** Called after every program or erase that overlaps the range, failed ones included, with what was changed; NULL:
     *  not called. It may read flash, and must not start or stop a watch. */
    void (*changed)(struct flash_watch *watch, uint32_t address, uint32_t len);
    struct flash_watch *next;
};

/** A driver embeds this as its first member, fills ops and geometry, and leaves the rest 0. */
struct esp_flash_t {
    const struct flash_ops *ops;
    struct flash_geometry geometry;
    struct flash_watch *watches; // owned by spi_flash.c
    uint32_t erased_from;        // the same: see flash_erased_len(); from == to: nothing
    uint32_t erased_to;
    struct flash_cipher
        *cipher; // NULL: flash encryption is off. Set when the device powers on, never changed
};

/** Pointer to flash contents for reading, or NULL when the chip cannot be mapped or the range leaves it.
 *  On an encrypted chip these are the raw bytes. */
const void *flash_map(esp_flash_t *chip, uint32_t address, uint32_t len);

// What the bootloader uses is encrypted as a whole or not at all: table, otadata, images. So its code says "plain" and
// works on both kinds of chips.

/** Whether flash encryption is on. chip NULL: the main chip. */
bool flash_is_encrypted(const esp_flash_t *chip);

/** Reads len bytes as the cache shows them: decrypted if flash encryption is on. @return as esp_flash_read */
esp_err_t flash_plain_read(esp_flash_t *chip, void *buffer, uint32_t address,
                           uint32_t len) ESP_MUST_CHECK;

/** Writes so that flash_plain_read() gives it back. With flash encryption address and len are multiples of 16.
 *  @return as esp_flash_write_encrypted or esp_flash_write; Cut: as there */
esp_err_t flash_plain_write(esp_flash_t *chip, const void *buffer, uint32_t address,
                            uint32_t len) ESP_MUST_CHECK;

/** As flash_map(), and NULL if flash encryption is on. */
const void *flash_plain_map(esp_flash_t *chip, uint32_t address, uint32_t len);

/** How many bytes from address on are known to be erased: by erases that were completed since the power came on, with nothing
 *  programmed there since. That they read as 0xFF is not enough: a power cut leaves cells that read so and decay later. Only
 *  the largest such range of a chip is remembered. */
uint32_t flash_erased_len(const esp_flash_t *chip, uint32_t address);

/** From now on flash_watch_is_touched() tells whether its range was programmed or erased through this process. */
void flash_watch_start(esp_flash_t *chip, struct flash_watch *watch);

/** Whether the range was touched since the watch was started; safe while other threads write. */
bool flash_watch_is_touched(const struct flash_watch *watch);

/** Ends the watch; harmless if it was never started. */
void flash_watch_stop(esp_flash_t *chip, struct flash_watch *watch);

#ifdef __cplusplus
}
#endif
