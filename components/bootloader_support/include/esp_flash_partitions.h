/**
 * Records of the partition table and of otadata as they stand on flash.
 *
 * fact: names, layout and values as in ESP-IDF, bootloader_support: esp_flash_partitions.h. Little-endian.
 */
#pragma once

#include "esp_err.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_PARTITION_MAGIC     0x50AA
#define ESP_PARTITION_MAGIC_MD5 0xEBEB

#define PART_TYPE_APP             0x00
#define PART_SUBTYPE_FACTORY      0x00
#define PART_SUBTYPE_OTA_FLAG     0x10
#define PART_SUBTYPE_OTA_MASK     0x0f
#define PART_SUBTYPE_TEST         0x20
#define PART_TYPE_DATA            0x01
#define PART_SUBTYPE_DATA_OTA     0x00
#define PART_TYPE_BOOTLOADER      0x02
#define PART_TYPE_PARTITION_TABLE 0x03
#define PART_TYPE_END             0xff
#define PART_SUBTYPE_END          0xff

#define PART_FLAG_ENCRYPTED (1u << 0)
#define PART_FLAG_READONLY  (1u << 1)

#define ESP_PARTITION_TABLE_OFFSET      CONFIG_PARTITION_TABLE_OFFSET
#define ESP_PARTITION_TABLE_SIZE        0x1000
#define ESP_PARTITION_TABLE_MAX_LEN     0xC00
#define ESP_PARTITION_TABLE_MAX_ENTRIES 96
#define ESP_PARTITION_MD5_OFFSET        16

#define ESP_BOOTLOADER_DIGEST_OFFSET       0x0
#define ESP_BOOTLOADER_OFFSET              CONFIG_BOOTLOADER_OFFSET_IN_FLASH
#define ESP_PRIMARY_BOOTLOADER_OFFSET      CONFIG_BOOTLOADER_OFFSET_IN_FLASH
#define ESP_PRIMARY_PARTITION_TABLE_OFFSET CONFIG_PARTITION_TABLE_OFFSET
#define ESP_BOOTLOADER_SIZE                (ESP_PARTITION_TABLE_OFFSET - ESP_BOOTLOADER_OFFSET)

/** State of an OTA slot, kept in otadata. An extension in C11: UNDEFINED does not fit an int. */
__extension__ typedef enum {
    ESP_OTA_IMG_NEW = 0x0U,              // chosen, not yet booted
    ESP_OTA_IMG_PENDING_VERIFY = 0x1U,   // booted once, not confirmed
    ESP_OTA_IMG_VALID = 0x2U,            // confirmed
    ESP_OTA_IMG_INVALID = 0x3U,          // the application refused it
    ESP_OTA_IMG_ABORTED = 0x4U,          // was not confirmed before the next boot
    ESP_OTA_IMG_UNDEFINED = 0xFFFFFFFFU, // rollback is not in use
} esp_ota_img_states_t;

/** One otadata record; one stands at the start of each of the two sectors. */
typedef struct {
    uint32_t ota_seq;      // 0xFFFFFFFF: empty
    uint8_t seq_label[20]; // never read; kept when the sector is rewritten
    uint32_t ota_state;    // esp_ota_img_states_t; not covered by crc
    uint32_t crc;          // of the four bytes of ota_seq
} esp_ota_select_entry_t;

typedef struct {
    uint32_t offset; // from the start of flash, bytes
    uint32_t size;   // bytes
} esp_partition_pos_t;

/** One record of the partition table. */
typedef struct {
    uint16_t magic; // ESP_PARTITION_MAGIC
    uint8_t type;
    uint8_t subtype;
    esp_partition_pos_t pos;
    uint8_t label[16]; // zero-padded; 16 characters leave no terminator
    uint32_t flags;    // PART_FLAG_*
} esp_partition_info_t;

#ifdef __cplusplus
static_assert(sizeof(esp_ota_select_entry_t) == 32, "otadata record is 32 bytes on flash");
static_assert(sizeof(esp_partition_info_t) == 32, "table record is 32 bytes on flash");
#else
_Static_assert(sizeof(esp_ota_select_entry_t) == 32, "otadata record is 32 bytes on flash");
_Static_assert(sizeof(esp_partition_info_t) == 32, "table record is 32 bytes on flash");
#endif

/**
 * Checks a binary partition table as the bootloader does, with the main flash chip's size.
 * @param table             ESP_PARTITION_TABLE_MAX_LEN bytes
 * @param log_errors        log what is wrong
 * @param[out] num_partitions  records without the MD5 record
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_INVALID_SIZE: an entry leaves the chip;
 *         ESP_ERR_INVALID_STATE: bad magic, MD5 wrong or twice, no end marker
 */
esp_err_t esp_partition_table_verify(const esp_partition_info_t *table, bool log_errors,
                                     int *num_partitions) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
