/**
 * Named regions of flash: find them, read, write and erase inside them.
 *
 * fact: names, values and contracts as in ESP-IDF up to v6.2, esp_partition: esp_partition.h.
 * The table is read on first use from where the boot handover says, and kept. All functions may be called from any
 * thread. Pointers to partitions stay valid until esp_partition_unload_all() or, for a registered one,
 * esp_partition_deregister_external(); pointer equality is identity.
 * differs: a NULL partition is answered with ESP_ERR_INVALID_ARG or NULL where ESP-IDF aborts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_attr.h"
#include "esp_bit_defs.h"
#include "esp_blockdev.h"
#include "esp_err.h"
#include "esp_flash.h"
#include "esp_spi_flash.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_PARTITION_TYPE_APP = 0x00,
    ESP_PARTITION_TYPE_DATA = 0x01,
    ESP_PARTITION_TYPE_BOOTLOADER = 0x02,
    ESP_PARTITION_TYPE_PARTITION_TABLE = 0x03,
    // 0x40 .. 0xFE are free for applications
    ESP_PARTITION_TYPE_ANY = 0xFF, // in searches
} esp_partition_type_t;

typedef enum {
    ESP_PARTITION_SUBTYPE_BOOTLOADER_PRIMARY = 0x00,
    ESP_PARTITION_SUBTYPE_BOOTLOADER_OTA = 0x01,
    ESP_PARTITION_SUBTYPE_BOOTLOADER_RECOVERY = 0x02,

    ESP_PARTITION_SUBTYPE_PARTITION_TABLE_PRIMARY = 0x00,
    ESP_PARTITION_SUBTYPE_PARTITION_TABLE_OTA = 0x01,

    ESP_PARTITION_SUBTYPE_APP_FACTORY = 0x00,
    ESP_PARTITION_SUBTYPE_APP_OTA_MIN = 0x10,
    ESP_PARTITION_SUBTYPE_APP_OTA_0 = 0x10,
    ESP_PARTITION_SUBTYPE_APP_OTA_1 = 0x11,
    ESP_PARTITION_SUBTYPE_APP_OTA_2 = 0x12,
    ESP_PARTITION_SUBTYPE_APP_OTA_3 = 0x13,
    ESP_PARTITION_SUBTYPE_APP_OTA_4 = 0x14,
    ESP_PARTITION_SUBTYPE_APP_OTA_5 = 0x15,
    ESP_PARTITION_SUBTYPE_APP_OTA_6 = 0x16,
    ESP_PARTITION_SUBTYPE_APP_OTA_7 = 0x17,
    ESP_PARTITION_SUBTYPE_APP_OTA_8 = 0x18,
    ESP_PARTITION_SUBTYPE_APP_OTA_9 = 0x19,
    ESP_PARTITION_SUBTYPE_APP_OTA_10 = 0x1A,
    ESP_PARTITION_SUBTYPE_APP_OTA_11 = 0x1B,
    ESP_PARTITION_SUBTYPE_APP_OTA_12 = 0x1C,
    ESP_PARTITION_SUBTYPE_APP_OTA_13 = 0x1D,
    ESP_PARTITION_SUBTYPE_APP_OTA_14 = 0x1E,
    ESP_PARTITION_SUBTYPE_APP_OTA_15 = 0x1F,
    ESP_PARTITION_SUBTYPE_APP_OTA_MAX = 0x20, // one beyond the last slot
    ESP_PARTITION_SUBTYPE_APP_TEST = 0x20,
    ESP_PARTITION_SUBTYPE_APP_TEE_MIN = 0x30,
    ESP_PARTITION_SUBTYPE_APP_TEE_0 = 0x30,
    ESP_PARTITION_SUBTYPE_APP_TEE_1 = 0x31,
    ESP_PARTITION_SUBTYPE_APP_TEE_MAX = 0x31,

    ESP_PARTITION_SUBTYPE_DATA_OTA = 0x00,
    ESP_PARTITION_SUBTYPE_DATA_PHY = 0x01,
    ESP_PARTITION_SUBTYPE_DATA_NVS = 0x02,
    ESP_PARTITION_SUBTYPE_DATA_COREDUMP = 0x03,
    ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS = 0x04,
    ESP_PARTITION_SUBTYPE_DATA_EFUSE_EM = 0x05,
    ESP_PARTITION_SUBTYPE_DATA_UNDEFINED = 0x06,
    ESP_PARTITION_SUBTYPE_DATA_ESPHTTPD = 0x80,
    ESP_PARTITION_SUBTYPE_DATA_FAT = 0x81,
    ESP_PARTITION_SUBTYPE_DATA_SPIFFS = 0x82,
    ESP_PARTITION_SUBTYPE_DATA_LITTLEFS = 0x83,
    ESP_PARTITION_SUBTYPE_DATA_TEE_OTA = 0x90,

#if defined(__has_include)
#if __has_include(<extra_partition_subtypes.inc>)
#include <extra_partition_subtypes.inc>
#endif
#endif

    ESP_PARTITION_SUBTYPE_ANY = 0xFF, // in searches
} esp_partition_subtype_t;

/** Subtype of OTA slot i, 0 to 15. */
#define ESP_PARTITION_SUBTYPE_OTA(i)                                                               \
    ((esp_partition_subtype_t)(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + ((i)&0xf)))

typedef struct esp_partition_iterator_opaque_ *esp_partition_iterator_t;

/** A region of flash. Those handed out belong to the list; an application may also fill one for esp_partition_verify()
 *  or esp_partition_get_sha256(). */
typedef struct {
    esp_flash_t *flash_chip; // NULL in a struct of the caller's: the main chip
    esp_partition_type_t type;
    esp_partition_subtype_t subtype;
    uint32_t address;    // from the start of flash
    uint32_t size;       // bytes
    uint32_t erase_size; // bytes of the smallest erase, 4096
    char label[17];      // terminated
    bool encrypted;      // what is on flash is ciphertext
    bool readonly;       // write and erase are refused
} esp_partition_t;

typedef uint32_t esp_partition_mmap_handle_t;

/** How to map; values may be or'ed. */
typedef enum {
    ESP_PARTITION_MMAP_DATA = 0,
    ESP_PARTITION_MMAP_INST = 1,
    ESP_PARTITION_MMAP_BLOCKS_WRITE = 2, // writes and erases of every partition wait until munmap
} esp_partition_mmap_flag_t;

typedef esp_partition_mmap_flag_t esp_partition_mmap_memory_t; // name until v6.1

// ---- Search ----------------------------------------------------------------------------------------

/**
 * Starts a search in table order; registered partitions come last.
 * @param type     ESP_PARTITION_TYPE_ANY for all
 * @param subtype  ESP_PARTITION_SUBTYPE_ANY for all; must be that if type is ANY
 * @param label    exact label, NULL for all; borrowed until the iterator is released
 * @return iterator at the first match, to be released; NULL: nothing found, wrong arguments, no usable table, no memory
 */
esp_partition_iterator_t esp_partition_find(esp_partition_type_t type,
                                            esp_partition_subtype_t subtype, const char *label);

/**
 * As esp_partition_find(), telling why nothing was found.
 * @param[out] it  NULL on every failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: type ANY with a subtype, or it is NULL; ESP_ERR_NOT_FOUND: no match, or no MD5
 *         record in the table; ESP_ERR_INVALID_STATE: the table's MD5 is wrong; ESP_ERR_NO_MEM; or the flash error
 */
esp_err_t esp_partition_find_err(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                 const char *label, esp_partition_iterator_t *it) ESP_MUST_CHECK;

/** First match of a search, as esp_partition_find(). @return NULL as there */
const esp_partition_t *esp_partition_find_first(esp_partition_type_t type,
                                                esp_partition_subtype_t subtype, const char *label);

/** First match of a search, results as esp_partition_find_err(). @param[out] partition  NULL on every failure */
esp_err_t esp_partition_find_first_err(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                       const char *label,
                                       const esp_partition_t **partition) ESP_MUST_CHECK;

/** The partition an iterator stands at. @return NULL only for a NULL iterator */
const esp_partition_t *esp_partition_get(esp_partition_iterator_t iterator);

/**
 * Moves an iterator to the next match. Partitions that come or go meanwhile do not harm it.
 * @return iterator; NULL: there is no further match and the iterator has been released
 */
esp_partition_iterator_t esp_partition_next(esp_partition_iterator_t iterator);

/** Ends a search that was left early; NULL is harmless. */
void esp_partition_iterator_release(esp_partition_iterator_t iterator);

/**
 * Finds the listed partition that a struct describes. Compared are chip, type, subtype, address, size, encrypted, and
 * the label if it is not empty; not erase_size and readonly (fact: nor does ESP-IDF; use the result's).
 * @return the listed partition; NULL: there is none
 */
const esp_partition_t *esp_partition_verify(const esp_partition_t *partition);

/** As esp_partition_verify(). @param[out] out  NULL on every failure
 *  @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND; or the error of loading the table */
esp_err_t esp_partition_verify_err(const esp_partition_t *partition,
                                   const esp_partition_t **out) ESP_MUST_CHECK;

// ---- Contents --------------------------------------------------------------------------------------

/**
 * Reads size bytes at src_offset, decrypted if the partition is encrypted. size may be 0.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: offset behind the end, or NULL; ESP_ERR_INVALID_SIZE: more than what is left;
 *         ESP_ERR_NOT_SUPPORTED: encrypted on another chip; or the flash error
 */
esp_err_t esp_partition_read(const esp_partition_t *partition, size_t src_offset, void *dst,
                             size_t size) ESP_MUST_CHECK;

/**
 * Writes size bytes at dst_offset, encrypted if the partition is. Bits only fall: erase first. size may be 0.
 * @return ESP_OK; ESP_ERR_NOT_ALLOWED: read-only; ESP_ERR_INVALID_ARG: offset behind the end, or NULL;
 *         ESP_ERR_INVALID_SIZE: more than what is left; ESP_ERR_NOT_SUPPORTED: encrypted on another chip;
 *         encrypted: ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_SIZE: dst_offset, size are not multiples of 16, and each 16
 *         bytes are written once between erases; or the flash error (a simulated chip answers ESP_ERR_INVALID_STATE when a bit would have to rise)
 * Waits while a mapping with BLOCKS_WRITE exists.
 * Cut: any subset of the falling bits of this range has fallen.
 */
esp_err_t esp_partition_write(const esp_partition_t *partition, size_t dst_offset, const void *src,
                              size_t size) ESP_MUST_CHECK;

/** As esp_partition_read(), never decrypting. */
esp_err_t esp_partition_read_raw(const esp_partition_t *partition, size_t src_offset, void *dst,
                                 size_t size) ESP_MUST_CHECK;

/** As esp_partition_write(), never encrypting. Read-only partitions are refused too. */
esp_err_t esp_partition_write_raw(const esp_partition_t *partition, size_t dst_offset,
                                  const void *src, size_t size) ESP_MUST_CHECK;

/**
 * Erases size bytes at offset, both multiples of 4096. size may be 0.
 * @return ESP_OK; ESP_ERR_NOT_ALLOWED: read-only; ESP_ERR_INVALID_ARG: offset behind the end or not aligned, or NULL;
 *         ESP_ERR_INVALID_SIZE: more than what is left, or size not aligned; or the flash error
 * Waits while a mapping with BLOCKS_WRITE exists.
 * Cut: units before the interrupted one are erased, that one holds anything, the rest is untouched.
 */
esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset,
                                    size_t size) ESP_MUST_CHECK;

/**
 * Maps size bytes at offset for reading; later writes show through. Of an encrypted partition the plain text is mapped,
 * which takes size bytes of heap until esp_partition_munmap().
 * @param flags  ESP_PARTITION_MMAP_*; DATA and INST are the same here. With BLOCKS_WRITE waits for writes under way
 * @param[out] out_ptr     the byte at offset
 * @param[out] out_handle  for esp_partition_munmap()
 * @return ESP_OK; ESP_ERR_INVALID_ARG: offset behind the end, or NULL; ESP_ERR_INVALID_SIZE: more than what is left;
 *         ESP_ERR_NOT_SUPPORTED: on another chip, or the chip cannot be mapped; ESP_ERR_NO_MEM; or the flash error
 */
esp_err_t esp_partition_mmap(const esp_partition_t *partition, size_t offset, size_t size,
                             esp_partition_mmap_flag_t flags, const void **out_ptr,
                             esp_partition_mmap_handle_t *out_handle) ESP_MUST_CHECK;

/** Ends a mapping. Each handle once. */
void esp_partition_munmap(esp_partition_mmap_handle_t handle);

/**
 * Digest of what a partition of the main chip holds: of an application or bootloader the digest of its verified image,
 * of anything else SHA-256 over all bytes. Only type, address and size of the struct are used; with flash encryption all
 * bytes are therefore decrypted, as the cache does it, also those of a partition that is not encrypted.
 * @param[out] sha_256  32 bytes
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL or size 0; ESP_ERR_IMAGE_INVALID: not a valid image; or the flash error
 */
esp_err_t esp_partition_get_sha256(const esp_partition_t *partition,
                                   uint8_t *sha_256) ESP_MUST_CHECK;

/** Whether both digests can be computed and are equal. */
bool esp_partition_check_identity(const esp_partition_t *partition_1,
                                  const esp_partition_t *partition_2);

/**
 * Copies size bytes between partitions, sector by sector: the destination range, rounded up to whole sectors, ends up
 * holding the source bytes followed by erased flash; if the destination is encrypted the last block of 16 is filled with 0xFF.
 * @param size  SIZE_MAX: the source from src_offset to its end, and the destination is filled with 0xFF to its end
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, the same or overlapping partitions, dest_offset not a multiple of 4096;
 *         ESP_ERR_INVALID_SIZE: the copy or its rounding would leave a partition; ESP_ERR_NOT_SUPPORTED: the source
 *         is on another chip; ESP_ERR_NOT_ALLOWED: the destination is read-only; ESP_ERR_NO_MEM;
 *         ESP_ERR_FLASH_OP_FAIL: a sector does not read back as written; or the flash error. Only flash errors leave
 *         the destination changed.
 * differs: sectors that are right already are left alone (so a repeated call continues an interrupted one), the others
 *          are read back; ESP-IDF erases the whole range first and does not check.
 * Cut: sectors before the interrupted one are copied, that one holds anything, the rest is as before.
 */
esp_err_t esp_partition_copy(const esp_partition_t *dest_part, uint32_t dest_offset,
                             const esp_partition_t *src_part, uint32_t src_offset,
                             size_t size) ESP_MUST_CHECK;

// ---- The list --------------------------------------------------------------------------------------

/**
 * Adds a partition that is not in the table.
 * @param flash_chip  NULL: the main chip
 * @param label       cut to 16 characters
 * @param[out] out_partition  may be NULL; NULL on every failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: no label, or it overlaps a listed partition of this chip;
 *         ESP_ERR_INVALID_SIZE: it leaves the chip; ESP_ERR_NO_MEM; the flash error; or the error of loading the table
 */
esp_err_t esp_partition_register_external(esp_flash_t *flash_chip, size_t offset, size_t size,
                                          const char *label, esp_partition_type_t type,
                                          esp_partition_subtype_t subtype,
                                          const esp_partition_t **out_partition) ESP_MUST_CHECK;

/** Removes a registered partition; its pointer is invalid from then on.
 *  @return ESP_OK; ESP_ERR_NOT_FOUND: not listed; ESP_ERR_INVALID_ARG: it comes from the table */
esp_err_t esp_partition_deregister_external(const esp_partition_t *partition) ESP_MUST_CHECK;

/** Forgets the list; all pointers are invalid from then on. The next search reads the table again, which is how a table
 *  that was rewritten becomes visible. */
void esp_partition_unload_all(void);

/** Smallest erase of the main chip in bytes, 4096. */
uint32_t esp_partition_get_main_flash_sector_size(void);

// ---- Regions of the main chip ----------------------------------------------------------------------

/** Whether addr .. addr + size touches no read-only partition; false also when the table cannot be read. */
bool esp_partition_is_flash_region_writable(size_t addr, size_t size);

/** Whether addr .. addr + size lies behind bootloader and partition table and does not touch the running partition. */
bool esp_partition_main_flash_region_safe(size_t addr, size_t size);

// ---- Block device view -----------------------------------------------------------------------------

/**
 * Opens a partition as a block device; free it with handle->ops->release(handle).
 * Its read, write and erase answer as the functions above, and in addition ESP_ERR_INVALID_ARG: the buffer is too small;
 * ESP_ERR_INVALID_SIZE: not aligned to the geometry; ESP_ERR_NOT_SUPPORTED: write or erase on a read-only partition.
 * @param[out] out_bdl_handle_ptr  NULL on every failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NO_MEM
 */
esp_err_t esp_partition_ptr_get_blockdev(const esp_partition_t *partition,
                                         esp_blockdev_handle_t *out_bdl_handle_ptr) ESP_MUST_CHECK;

/** As esp_partition_ptr_get_blockdev() for the first match. @return as there, or as esp_partition_find_err() */
esp_err_t esp_partition_get_blockdev(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                     const char *label,
                                     esp_blockdev_handle_t *out_bdl_handle_ptr) ESP_MUST_CHECK;

// ---- Names before v5.0 -----------------------------------------------------------------------------

typedef esp_partition_mmap_flag_t spi_flash_mmap_memory_t;

#define SPI_FLASH_MMAP_DATA ESP_PARTITION_MMAP_DATA
#define SPI_FLASH_MMAP_INST ESP_PARTITION_MMAP_INST

/** Old name of esp_partition_munmap() for mappings of esp_partition_mmap(). */
static inline void spi_flash_munmap(spi_flash_mmap_handle_t handle)
{
    esp_partition_munmap(handle);
}

#ifdef __cplusplus
}

inline esp_partition_mmap_flag_t operator|(esp_partition_mmap_flag_t a, esp_partition_mmap_flag_t b)
{
    return static_cast<esp_partition_mmap_flag_t>(static_cast<int>(a) | static_cast<int>(b));
}
#endif
