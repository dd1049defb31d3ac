/**
 * Codec of the binary partition table: bytes to entries and back, and the checks of bootloader and application.
 *
 * No heap, no flash access: bytes in, answer out. The bytes are in SPEC.md.
 */
#pragma once

#include "esp_flash_partitions.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Why a table is refused; the order is the order of the checks. */
enum partition_table_fault {
    PARTITION_TABLE_OK = 0,
    PARTITION_TABLE_BAD_SIZE,    // an entry leaves the flash chip
    PARTITION_TABLE_MD5_TWICE,   // a second MD5 record
    PARTITION_TABLE_BAD_MD5,     // the MD5 record does not match the records before it
    PARTITION_TABLE_BAD_MAGIC,   // a record that is neither entry, MD5 record nor end marker
    PARTITION_TABLE_NO_END,      // no end marker within the table
    PARTITION_TABLE_MD5_MISSING, // application's reader only: no MD5 record
};

struct partition_table_check {
    enum partition_table_fault fault;
    uint32_t index; // record at which the fault was found
    uint32_t count; // entries found, without the MD5 record; valid when fault is OK
    bool has_md5;
};

/** Checks as the bootloader does (see SPEC.md). bytes: ESP_PARTITION_TABLE_MAX_LEN bytes. */
struct partition_table_check partition_table_verify(const uint8_t *bytes, uint32_t flash_size);

/** Checks as the application's loader does: the MD5 record is mandatory, ranges are not looked at. */
struct partition_table_check partition_table_verify_for_app(const uint8_t *bytes);

/** Entry at index; index is below the count that a check reported. */
esp_partition_info_t partition_table_entry(const uint8_t *bytes, uint32_t index);

/**
 * Whether a partition is encrypted on a device whose flash encryption is on. fact: ESP-IDF, always: applications,
 * bootloaders, tables, otadata (also the one of the TEE) and nvs_keys; everything else by its flag.
 * @param flags  PART_FLAG_*
 */
bool partition_table_is_encrypted(uint8_t type, uint8_t subtype, uint32_t flags);

/** The same for an entry of a table; here the trust store (trust_store.h), known by its label, is encrypted as well. */
bool partition_table_entry_is_encrypted(const esp_partition_info_t *entry);

/**
 * Encodes count entries, optional MD5 record and end marker; fills the rest of bytes with 0xFF.
 * @param[out] bytes  ESP_PARTITION_TABLE_MAX_LEN bytes
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: more than 95 entries, or 94 with MD5
 */
esp_err_t partition_table_encode(const esp_partition_info_t *entries, uint32_t count, bool with_md5,
                                 uint8_t *bytes) ESP_MUST_CHECK;

/** One phrase for people, e.g. "MD5 does not match". Never NULL. */
const char *partition_table_fault_text(enum partition_table_fault fault);

#ifdef __cplusplus
}
#endif
