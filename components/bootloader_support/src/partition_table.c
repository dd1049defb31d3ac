#include "partition_table.h"

#include <string.h>

#include "crypto_ops.h"
#include "esp_flash.h"
#include "esp_log.h"
#include "trust_store.h"

#define RECORD_LEN   32u     // fact: esp_flash_partitions.h, esp_partition_info_t
#define MAGIC_END    0xFFFFu // fact: the first two bytes of an erased record
#define LABEL_OFFSET 12u
#define FLAGS_OFFSET 28u

_Static_assert(ESP_PARTITION_TABLE_MAX_ENTRIES *RECORD_LEN == ESP_PARTITION_TABLE_MAX_LEN,
               "the table is made of whole records");

static const char TAG[] = "flash_parts"; // fact: tag of ESP-IDF's verifier

// ---- Bytes -----------------------------------------------------------------------------------------

static uint32_t read_le(const uint8_t *bytes, unsigned len)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < len; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

static void write_le(uint8_t *bytes, uint32_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

esp_partition_info_t partition_table_entry(const uint8_t *bytes, uint32_t index)
{
    const uint8_t *record = bytes + index * RECORD_LEN;
    esp_partition_info_t entry = {
        .magic = (uint16_t)read_le(record, 2),
        .type = record[2],
        .subtype = record[3],
        .pos = {.offset = read_le(record + 4, 4), .size = read_le(record + 8, 4)},
        .flags = read_le(record + FLAGS_OFFSET, 4),
    };
    memcpy(entry.label, record + LABEL_OFFSET, sizeof(entry.label));
    return entry;
}

static void encode_entry(uint8_t *record, const esp_partition_info_t *entry)
{
    write_le(record, ESP_PARTITION_MAGIC, 2);
    record[2] = entry->type;
    record[3] = entry->subtype;
    write_le(record + 4, entry->pos.offset, 4);
    write_le(record + 8, entry->pos.size, 4);
    memcpy(record + LABEL_OFFSET, entry->label, sizeof(entry->label));
    write_le(record + FLAGS_OFFSET, entry->flags, 4);
}

esp_err_t partition_table_encode(const esp_partition_info_t *entries, uint32_t count, bool with_md5,
                                 uint8_t *bytes)
{
    // One record must stay free for the end marker.
    if (count > ESP_PARTITION_TABLE_MAX_ENTRIES - (with_md5 ? 2u : 1u)) {
        return ESP_ERR_INVALID_SIZE;
    }
    memset(bytes, 0xFF, ESP_PARTITION_TABLE_MAX_LEN);
    for (uint32_t i = 0; i < count; i++) {
        encode_entry(bytes + i * RECORD_LEN, &entries[i]);
    }
    if (with_md5) {
        uint8_t *record = bytes + count * RECORD_LEN;
        write_le(record, ESP_PARTITION_MAGIC_MD5, 2);
        esp_crypto.md5(bytes, count * RECORD_LEN, record + ESP_PARTITION_MD5_OFFSET);
    }
    return ESP_OK;
}

// ---- Checks ----------------------------------------------------------------------------------------

static bool is_end_marker(const uint8_t *record)
{
    // Only these four bytes count; the rest of the record may hold anything.
    return read_le(record, 2) == MAGIC_END && record[2] == PART_TYPE_END &&
           record[3] == PART_SUBTYPE_END;
}

static bool md5_matches(const uint8_t *bytes, uint32_t index)
{
    uint8_t digest[CRYPTO_MD5_LEN];
    esp_crypto.md5(bytes, index * RECORD_LEN, digest);
    return memcmp(bytes + index * RECORD_LEN + ESP_PARTITION_MD5_OFFSET, digest, sizeof(digest)) ==
           0;
}

static bool leaves_flash(const uint8_t *record, uint32_t flash_size)
{
    uint32_t offset = read_le(record + 4, 4);
    uint32_t size = read_le(record + 8, 4);
    return offset > flash_size || size > flash_size - offset;
}

static enum partition_table_fault check_md5_record(const uint8_t *bytes, uint32_t index,
                                                   bool seen_before)
{
    if (seen_before) {
        return PARTITION_TABLE_MD5_TWICE;
    }
    return md5_matches(bytes, index) ? PARTITION_TABLE_OK : PARTITION_TABLE_BAD_MD5;
}

struct partition_table_check partition_table_verify(const uint8_t *bytes, uint32_t flash_size)
{
    struct partition_table_check check = {.fault = PARTITION_TABLE_NO_END};
    for (; check.index < ESP_PARTITION_TABLE_MAX_ENTRIES; check.index++) {
        const uint8_t *record = bytes + check.index * RECORD_LEN;
        uint32_t magic = read_le(record, 2);
        enum partition_table_fault fault = PARTITION_TABLE_OK;
        if (magic == ESP_PARTITION_MAGIC) {
            fault =
                leaves_flash(record, flash_size) ? PARTITION_TABLE_BAD_SIZE : PARTITION_TABLE_OK;
            check.count++;
        } else if (magic == ESP_PARTITION_MAGIC_MD5) {
            fault = check_md5_record(bytes, check.index, check.has_md5);
            check.has_md5 = true;
        } else if (is_end_marker(record) && check.index > 0) {
            check.fault = PARTITION_TABLE_OK;
            return check;
        } else {
            fault = PARTITION_TABLE_BAD_MAGIC;
        }
        if (fault != PARTITION_TABLE_OK) {
            check.fault = fault;
            return check;
        }
    }
    return check;
}

struct partition_table_check partition_table_verify_for_app(const uint8_t *bytes)
{
    struct partition_table_check check = {.fault = PARTITION_TABLE_MD5_MISSING};
    // Entries behind the MD5 record are not covered by it, so reading stops there.
    for (; check.index < ESP_PARTITION_TABLE_MAX_ENTRIES; check.index++) {
        uint32_t magic = read_le(bytes + check.index * RECORD_LEN, 2);
        if (magic == ESP_PARTITION_MAGIC_MD5) {
            check.has_md5 = true;
            check.fault = check_md5_record(bytes, check.index, false);
            return check;
        }
        if (magic != ESP_PARTITION_MAGIC) {
            return check;
        }
        check.count++;
    }
    return check;
}

#define SUBTYPE_DATA_NVS_KEYS 0x04 // fact: esp_partition.h
#define SUBTYPE_DATA_TEE_OTA  0x90

bool partition_table_is_encrypted(uint8_t type, uint8_t subtype, uint32_t flags)
{
    switch (type) {
    case PART_TYPE_APP:
    case PART_TYPE_BOOTLOADER:
    case PART_TYPE_PARTITION_TABLE:
        return true;
    case PART_TYPE_DATA:
        return subtype == PART_SUBTYPE_DATA_OTA || subtype == SUBTYPE_DATA_TEE_OTA ||
               subtype == SUBTYPE_DATA_NVS_KEYS || flags & PART_FLAG_ENCRYPTED;
    default:
        return flags & PART_FLAG_ENCRYPTED;
    }
}

bool partition_table_entry_is_encrypted(const esp_partition_info_t *entry)
{
    bool is_trust_store =
        entry->type == PART_TYPE_DATA &&
        strncmp((const char *)entry->label, TRUST_STORE_LABEL, sizeof(entry->label)) == 0;
    return is_trust_store ||
           partition_table_is_encrypted(entry->type, entry->subtype, entry->flags);
}

const char *partition_table_fault_text(enum partition_table_fault fault)
{
    switch (fault) {
    case PARTITION_TABLE_OK:
        return "the table is valid";
    case PARTITION_TABLE_BAD_SIZE:
        return "an entry reaches beyond the end of the flash chip";
    case PARTITION_TABLE_MD5_TWICE:
        return "there is a second MD5 record";
    case PARTITION_TABLE_BAD_MD5:
        return "the MD5 does not match";
    case PARTITION_TABLE_BAD_MAGIC:
        return "a record is neither an entry nor the end marker";
    case PARTITION_TABLE_NO_END:
        return "the end marker is missing";
    case PARTITION_TABLE_MD5_MISSING:
        return "the MD5 record is missing";
    }
    return "unknown fault";
}

esp_err_t esp_partition_table_verify(const esp_partition_info_t *table, bool log_errors,
                                     int *num_partitions)
{
    if (!table || !num_partitions) {
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t flash_size;
    esp_err_t err = esp_flash_get_size(esp_flash_default_chip, &flash_size);
    if (err != ESP_OK) {
        return err;
    }
    struct partition_table_check check = partition_table_verify((const uint8_t *)table, flash_size);
    if (check.fault == PARTITION_TABLE_OK) {
        *num_partitions = (int)check.count;
        return ESP_OK;
    }
    if (log_errors) {
        ESP_LOGE(TAG, "partition table, record %" PRIu32 ": %s", check.index,
                 partition_table_fault_text(check.fault));
    }
    return check.fault == PARTITION_TABLE_BAD_SIZE ? ESP_ERR_INVALID_SIZE : ESP_ERR_INVALID_STATE;
}
