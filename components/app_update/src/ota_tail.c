// NOR rules of the tail: a sector is erased only while the other one is in charge or none is, its header is programmed in
// one operation and counts only complete, and clearing lets bits of the magic fall.

#include "ota_tail.h"

#include <string.h>

#include "esp_log.h"

static const char *TAG = "esp_ota_ops";

#define VERSION    1u
#define SCAN_CHUNK 256u // chosen: on the stack

static uint32_t sector_offset(const esp_partition_t *slot, int sector)
{
    return ota_tail_offset(slot) + (uint32_t)sector * OTA_TAIL_SECTOR;
}

uint32_t ota_tail_offset(const esp_partition_t *slot)
{
    return slot->size / OTA_TAIL_SECTOR * OTA_TAIL_SECTOR - ESP_OTA_JOURNAL_LEN;
}

bool ota_tail_has_room(const esp_partition_t *slot, uint32_t len)
{
    return slot->size >= ESP_OTA_JOURNAL_LEN + OTA_TAIL_SECTOR && len <= ota_tail_offset(slot);
}

uint32_t ota_tail_crc(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    crc = ~crc;
    while (len-- > 0) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

static uint32_t header_crc(const struct ota_tail_header *header)
{
    return ota_tail_crc(0, header, offsetof(struct ota_tail_header, crc));
}

static bool is_our_magic(uint32_t magic)
{
    return magic == OTA_TAIL_JOURNAL || magic == OTA_TAIL_FINALIZE;
}

static bool is_valid(const struct ota_tail_header *header)
{
    return is_our_magic(header->magic) && header->version == VERSION &&
           header->crc == header_crc(header);
}

static esp_err_t read_header(const esp_partition_t *slot, int sector,
                             struct ota_tail_header *header)
{
    return esp_partition_read_raw(slot, sector_offset(slot, sector), header, sizeof(*header));
}

esp_err_t ota_tail_read(const esp_partition_t *slot, struct ota_tail_header *header, int *sector)
{
    struct ota_tail_header headers[2];
    for (int i = 0; i < 2; i++) {
        esp_err_t err = read_header(slot, i, &headers[i]);
        if (err != ESP_OK) {
            return err;
        }
    }
    bool is_first = is_valid(&headers[0]);
    bool is_second = is_valid(&headers[1]);
    if (!is_first && !is_second) {
        *sector = OTA_TAIL_NONE;
        return ESP_OK;
    }
    // The difference, so that a generation that wrapped around is still the newer one.
    bool is_second_newer = (int32_t)(headers[1].generation - headers[0].generation) > 0;
    *sector = is_second && (!is_first || is_second_newer) ? 1 : 0;
    *header = headers[*sector];
    return ESP_OK;
}

void ota_tail_prepare(struct ota_tail_header *header, uint32_t magic, uint32_t generation)
{
    memset(header, 0xFF, sizeof(*header));
    header->magic = magic;
    header->version = VERSION;
    header->record_len = 0;
    header->generation = generation;
}

esp_err_t ota_tail_write(const esp_partition_t *slot, int sector, struct ota_tail_header *header)
{
    header->crc = header_crc(header);
    return esp_partition_write_raw(slot, sector_offset(slot, sector), header, sizeof(*header));
}

esp_err_t ota_tail_erase(const esp_partition_t *slot, int sector)
{
    return esp_partition_erase_range(slot, sector_offset(slot, sector), OTA_TAIL_SECTOR);
}

esp_err_t ota_tail_clear(const esp_partition_t *slot, int sector, uint32_t magic)
{
    static const uint32_t cleared = 0;
    struct ota_tail_header header;
    esp_err_t err = read_header(slot, sector, &header);
    if (err != ESP_OK || !is_valid(&header) || header.magic != magic) {
        return err;
    }
    return esp_partition_write_raw(slot, sector_offset(slot, sector), &cleared, sizeof(cleared));
}

// A header that was cleared is known by the CRC of what it was.
static bool was_ours(struct ota_tail_header header)
{
    header.magic = OTA_TAIL_JOURNAL;
    bool was_journal = is_valid(&header);
    header.magic = OTA_TAIL_FINALIZE;
    return was_journal || is_valid(&header);
}

// ----------------------------------------------------------------------- data that reaches the tail

static esp_err_t refuse_forged(const esp_partition_t *slot, const struct ota_tail_header *header)
{
    if (!is_our_magic(header->magic) && !was_ours(*header)) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "the image would look like a journal at the end of %s", slot->label);
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

// The part of data, which stands at offset, that falls into the header of a sector.
static bool overlay(const esp_partition_t *slot, int sector, uint32_t offset, const uint8_t *data,
                    uint32_t len, struct ota_tail_header *header)
{
    uint32_t start = sector_offset(slot, sector);
    uint32_t low = offset > start ? offset : start;
    uint32_t high =
        offset + len < start + sizeof(*header) ? offset + len : start + (uint32_t)sizeof(*header);
    if (low < high) {
        memcpy((uint8_t *)header + (low - start), data + (low - offset), high - low);
    }
    return low < high;
}

esp_err_t ota_tail_check_data(const esp_partition_t *slot, uint32_t offset, const uint8_t *data,
                              uint32_t len)
{
    esp_err_t err = ESP_OK;
    for (int i = 0; i < 2 && err == ESP_OK && offset + len > ota_tail_offset(slot); i++) {
        struct ota_tail_header header;
        err = read_header(slot, i, &header);
        if (err == ESP_OK && overlay(slot, i, offset, data, len, &header)) {
            err = refuse_forged(slot, &header);
        }
    }
    return err;
}

esp_err_t ota_tail_check_copy(const esp_partition_t *slot, const esp_partition_t *src, uint32_t len)
{
    esp_err_t err = ESP_OK;
    for (int i = 0; i < 2 && err == ESP_OK && sector_offset(slot, i) < len; i++) {
        struct ota_tail_header header;
        uint32_t left = len - sector_offset(slot, i);
        memset(&header, 0xFF, sizeof(header));
        err = esp_partition_read(src, sector_offset(slot, i), &header,
                                 left < sizeof(header) ? left : sizeof(header));
        if (err == ESP_OK) {
            err = refuse_forged(slot, &header);
        }
    }
    return err;
}

uint32_t ota_tail_part_len(const esp_partition_t *slot, uint32_t offset, uint32_t len)
{
    for (int i = 0; i < 2; i++) {
        uint32_t end = sector_offset(slot, i) + (uint32_t)sizeof(uint32_t);
        if (offset < end && offset + len > end) {
            return end - offset;
        }
    }
    return len;
}

// ----------------------------------------------------------------------- a tail that nobody needs

// The bytes that stay erased in every record of a copy, also in one that was torn while it was programmed or erased. chosen:
// an image that ends within them would need a digest with four bytes of 0xFF at the right place.
static bool may_be_torn(const struct ota_tail_header *header)
{
    struct ota_tail_header blank;
    memset(&blank, 0xFF, sizeof(blank));
    const struct ota_tail_copy *copy = &header->body.copy;
    return header->reserved == blank.reserved && header->reserved_2 == blank.reserved_2 &&
           memcmp(copy->reserved, blank.body.bytes, sizeof(copy->reserved)) == 0 &&
           memcmp(header->body.bytes + sizeof(*copy), blank.body.bytes,
                  sizeof(header->body) - sizeof(*copy)) == 0;
}

static esp_err_t is_rest_erased(const esp_partition_t *slot, int sector, bool *is_erased)
{
    uint8_t chunk[SCAN_CHUNK];
    uint32_t offset = sector_offset(slot, sector);
    *is_erased = true;
    for (uint32_t at = sizeof(struct ota_tail_header); at < OTA_TAIL_SECTOR && *is_erased;) {
        uint32_t left = OTA_TAIL_SECTOR - at;
        uint32_t part = left < SCAN_CHUNK ? left : SCAN_CHUNK;
        esp_err_t err = esp_partition_read_raw(slot, offset + at, chunk, part);
        if (err != ESP_OK) {
            return err;
        }
        for (uint32_t i = 0; i < part && *is_erased; i++) {
            *is_erased = chunk[i] == 0xFF;
        }
        at += part;
    }
    return ESP_OK;
}

esp_err_t ota_tail_is_free(const esp_partition_t *slot, bool *is_free)
{
    *is_free = true;
    for (int i = 0; i < 2 && *is_free; i++) {
        struct ota_tail_header header;
        esp_err_t err = read_header(slot, i, &header);
        if (err == ESP_OK && !was_ours(header)) {
            *is_free = may_be_torn(&header);
            err = *is_free ? is_rest_erased(slot, i, is_free) : ESP_OK;
        }
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}
