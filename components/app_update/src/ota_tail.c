// NOR rules of the tail: a sector is erased only while the other one is in charge or none is, its header is programmed in
// one operation and counts only complete, and clearing lets bits of the magic fall.
//
// In an encrypted slot headers and records are encrypted too, as what a stage keeps in them may be parts of the image. What
// would be 16 bytes of 0xFF is not programmed, and 16 erased bytes are taken for 0xFF instead of being decrypted, so an
// empty place looks empty there as well. Clearing makes the block of the magic decrypt to noise.

#include "ota_tail.h"

#include <string.h>

#include "esp_log.h"
#include "esp_rom_crc.h"
#include "flash_ops.h"

static const char *TAG = "esp_ota_ops";

#define VERSION    1u
#define SCAN_CHUNK 256u // chosen: on the stack
#define BLOCK      FLASH_CIPHER_BLOCK
#define SIGNATURE                                                                                  \
    128u // chosen: room for what may follow a verified image in its sector (a v1 signature: 68 bytes)

// The blocks of a record of a copy that are all 0xFF: behind its labels, before the block of the CRC.
#define ENCRYPTED_GAP     128u
#define ENCRYPTED_GAP_LEN 144u

_Static_assert(sizeof(struct ota_tail_header) % BLOCK == 0, "a header is made of whole blocks");

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

static uint32_t header_crc(const struct ota_tail_header *header)
{
    return esp_rom_crc32_le(0, (const uint8_t *)header, offsetof(struct ota_tail_header, crc));
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

// ----------------------------------------------------------------------- bytes of the tail

static bool is_all_ff(const uint8_t *bytes, uint32_t len)
{
    uint32_t i = 0;
    while (i < len && bytes[i] == 0xFF) {
        i++;
    }
    return i == len;
}

esp_err_t ota_tail_read_bytes(const esp_partition_t *slot, uint32_t offset, void *out, uint32_t len)
{
    uint8_t *bytes = out;
    esp_err_t err = esp_partition_read_raw(slot, offset, bytes, len);
    for (uint32_t at = 0; slot->encrypted && at < len && err == ESP_OK; at += BLOCK) {
        if (!is_all_ff(bytes + at, BLOCK)) {
            err = esp_partition_read(slot, offset + at, bytes + at, BLOCK);
        }
    }
    return err;
}

// The length of what begins at bytes and is, or is not, 0xFF block by block.
static uint32_t stretch(const uint8_t *bytes, uint32_t len, bool is_ff)
{
    uint32_t at = 0;
    while (at < len && is_all_ff(bytes + at, BLOCK) == is_ff) {
        at += BLOCK;
    }
    return at;
}

esp_err_t ota_tail_write_bytes(const esp_partition_t *slot, uint32_t offset, const void *data,
                               uint32_t len)
{
    const uint8_t *bytes = data;
    esp_err_t err = ESP_OK;
    if (!slot->encrypted) {
        return esp_partition_write_raw(slot, offset, data, len);
    }
    for (uint32_t at = stretch(bytes, len, true); at < len && err == ESP_OK;) {
        uint32_t part = stretch(bytes + at, len - at, false);
        err = esp_partition_write(slot, offset + at, bytes + at, part);
        at += part;
        at += stretch(bytes + at, len - at, true);
    }
    return err;
}

static esp_err_t read_header(const esp_partition_t *slot, int sector,
                             struct ota_tail_header *header)
{
    return ota_tail_read_bytes(slot, sector_offset(slot, sector), header, sizeof(*header));
}

// ----------------------------------------------------------------------- headers

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

void ota_tail_prepare(const esp_partition_t *slot, struct ota_tail_header *header, uint32_t magic,
                      uint32_t generation)
{
    memset(header, 0xFF, sizeof(*header));
    header->magic = magic;
    header->version = VERSION;
    header->record_len = 0;
    header->generation = generation;
    if (slot->encrypted) { // for the time when the first block is noise
        header->reserved_2 = generation;
    }
}

esp_err_t ota_tail_write(const esp_partition_t *slot, int sector, struct ota_tail_header *header)
{
    header->crc = header_crc(header);
    return ota_tail_write_bytes(slot, sector_offset(slot, sector), header, sizeof(*header));
}

esp_err_t ota_tail_erase(const esp_partition_t *slot, int sector)
{
    uint32_t address = slot->address + sector_offset(slot, sector);
    if (flash_erased_len(slot->flash_chip, address) >= OTA_TAIL_SECTOR) {
        return ESP_OK;
    }
    return esp_partition_erase_range(slot, sector_offset(slot, sector), OTA_TAIL_SECTOR);
}

esp_err_t ota_tail_overwrite(const esp_partition_t *slot, int sector)
{
    static const uint32_t cleared = 0;
    return esp_partition_write_raw(slot, sector_offset(slot, sector), &cleared, sizeof(cleared));
}

esp_err_t ota_tail_clear(const esp_partition_t *slot, int sector, uint32_t magic)
{
    struct ota_tail_header header;
    esp_err_t err = read_header(slot, sector, &header);
    if (err != ESP_OK || !is_valid(&header) || header.magic != magic) {
        return err;
    }
    return ota_tail_overwrite(slot, sector);
}

// A header that was cleared is known by the CRC of what it was.
static bool was_ours(struct ota_tail_header header)
{
    header.magic = OTA_TAIL_JOURNAL;
    bool was_journal = is_valid(&header);
    header.magic = OTA_TAIL_FINALIZE;
    return was_journal || is_valid(&header);
}

// The same where the whole first block is noise.
static bool was_ours_encrypted(struct ota_tail_header header)
{
    uint16_t lens[] = {OTA_TAIL_RECORD, OTA_TAIL_RECORD_MAX, 0};
    bool was = false;
    header.version = VERSION;
    header.generation = header.reserved_2;
    header.reserved = UINT32_MAX;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]) && !was; i++) {
        header.record_len = lens[i];
        was = was_ours(header);
    }
    return was;
}

static bool was_ours_in(const esp_partition_t *slot, const struct ota_tail_header *header)
{
    return was_ours(*header) || (slot->encrypted && was_ours_encrypted(*header));
}

// ----------------------------------------------------------------------- data that reaches the tail

static esp_err_t refuse_forged(const esp_partition_t *slot, const struct ota_tail_header *header)
{
    if (!is_our_magic(header->magic) && !was_ours_in(slot, header)) {
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
    // Encrypted, a block is whole or noise, and a block of noise completes no header.
    for (int i = 0; i < 2 && !slot->encrypted; i++) {
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
// Encrypted, only blocks that were never programmed tell anything, and an image that ends in the first of the others looks the
// same: ota_tail_may_hold_image_end().
static bool may_be_torn(const esp_partition_t *slot, const struct ota_tail_header *header)
{
    struct ota_tail_header blank;
    memset(&blank, 0xFF, sizeof(blank));
    const struct ota_tail_copy *copy = &header->body.copy;
    if (slot->encrypted) {
        return memcmp((const uint8_t *)header + ENCRYPTED_GAP, &blank, ENCRYPTED_GAP_LEN) == 0;
    }
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
        *is_erased = is_all_ff(chunk, part);
        at += part;
    }
    return ESP_OK;
}

bool ota_tail_may_hold_image_end(const esp_partition_t *slot, uint32_t image_len)
{
    return slot->encrypted && image_len + SIGNATURE > ota_tail_offset(slot);
}

esp_err_t ota_tail_is_free(const esp_partition_t *slot, bool *is_free)
{
    *is_free = true;
    for (int i = 0; i < 2 && *is_free; i++) {
        struct ota_tail_header header;
        esp_err_t err = read_header(slot, i, &header);
        if (err == ESP_OK && !was_ours_in(slot, &header)) {
            *is_free = may_be_torn(slot, &header);
            err = *is_free ? is_rest_erased(slot, i, is_free) : ESP_OK;
        }
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}
