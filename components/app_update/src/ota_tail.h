// The last two sectors of a slot: each holds a header, and the one with the higher generation counts.
#pragma once

#include "esp_ota_ext.h"

#define OTA_TAIL_JOURNAL  0x4A41544Fu // chosen: "OTAJ"
#define OTA_TAIL_FINALIZE 0x4641544Fu // chosen: "OTAF"
#define OTA_TAIL_SECTOR   4096u
#define OTA_TAIL_NONE     (-1)

#define OTA_TAIL_RECORD     48u  // length of a record of the journal without state
#define OTA_TAIL_RECORD_MAX 304u // with state

// As on flash; offsets in esp_ota_ext.h.
struct ota_tail_identity {
    uint64_t total_len;
    uint8_t url_digest[32];
    uint8_t first_block_digest[32];
    char last_modified[ESP_OTA_JOURNAL_DATE_MAX + 1];
    char etag[ESP_OTA_JOURNAL_ETAG_MAX + 1];
    uint32_t stages;
};

struct ota_tail_place {
    uint8_t type;
    uint8_t subtype;
    uint8_t flags;
};

struct ota_tail_copy {
    uint32_t len;
    uint32_t src_address;
    uint32_t src_size;
    uint32_t dst_address;
    uint32_t dst_size;
    struct ota_tail_place src;
    struct ota_tail_place dst;
    uint8_t reserved[10];
    uint8_t digest[32];
    char src_label[16];
    char dst_label[16];
};

struct ota_tail_header {
    uint32_t magic;
    uint16_t version;
    uint16_t record_len;
    uint32_t generation;
    uint32_t reserved;
    union {
        struct ota_tail_identity identity;
        struct ota_tail_copy copy;
        uint8_t bytes[264];
    } body;
    uint32_t reserved_2;
    uint32_t crc;
};

_Static_assert(sizeof(struct ota_tail_header) == 288, "the header is 288 bytes on flash");
_Static_assert(sizeof(struct ota_tail_copy) == 100, "no holes in what stands on flash");

// Where the two sectors begin. slot has at least three sectors.
uint32_t ota_tail_offset(const esp_partition_t *slot);

// Whether slot can have a tail behind len bytes.
bool ota_tail_has_room(const esp_partition_t *slot, uint32_t len);

// Reads the header in charge. *sector: where it stands, or OTA_TAIL_NONE, and then *header is undefined.
esp_err_t ota_tail_read(const esp_partition_t *slot, struct ota_tail_header *header,
                        int *sector) ESP_MUST_CHECK;

// Bytes of the two sectors, decrypted and encrypted where the slot is; offset and len are multiples of 16. Erased blocks
// read as 0xFF, and blocks of 0xFF stay erased: a write is one program operation for each stretch between them.
esp_err_t ota_tail_read_bytes(const esp_partition_t *slot, uint32_t offset, void *out,
                              uint32_t len) ESP_MUST_CHECK;
esp_err_t ota_tail_write_bytes(const esp_partition_t *slot, uint32_t offset, const void *data,
                               uint32_t len) ESP_MUST_CHECK;

// An empty header that will take over from what is in charge; reserved bytes filled.
void ota_tail_prepare(const esp_partition_t *slot, struct ota_tail_header *header, uint32_t magic,
                      uint32_t generation);

// Sets the CRC of a header and programs it. The sector is erased already.
esp_err_t ota_tail_write(const esp_partition_t *slot, int sector,
                         struct ota_tail_header *header) ESP_MUST_CHECK;

esp_err_t ota_tail_erase(const esp_partition_t *slot, int sector) ESP_MUST_CHECK;

// Clears the header of a sector that is known to have one, however it reads now. Programs 4 bytes.
esp_err_t ota_tail_overwrite(const esp_partition_t *slot, int sector) ESP_MUST_CHECK;

// Clears the header of a sector if it is a valid one with this magic.
esp_err_t ota_tail_clear(const esp_partition_t *slot, int sector, uint32_t magic) ESP_MUST_CHECK;

// Whether each sector is erased or ours: valid, cleared, or torn while a record of a copy was written or erased.
esp_err_t ota_tail_is_free(const esp_partition_t *slot, bool *is_free) ESP_MUST_CHECK;

// Whether the last bytes of a valid image may be what ota_tail_is_free() takes for a torn record.
bool ota_tail_may_hold_image_end(const esp_partition_t *slot, uint32_t image_len);

// Image bytes come from the network and may reach the tail; they must never pass for a header, whole or torn by a cut.

// Whether len bytes of an image may be written at offset. ESP_ERR_OTA_VALIDATE_FAILED: they would complete a header.
esp_err_t ota_tail_check_data(const esp_partition_t *slot, uint32_t offset, const uint8_t *data,
                              uint32_t len) ESP_MUST_CHECK;

// The same for a copy of the first len bytes of src to the start of slot.
esp_err_t ota_tail_check_copy(const esp_partition_t *slot, const esp_partition_t *src,
                              uint32_t len) ESP_MUST_CHECK;

// How many of len image bytes one program operation may take: a wrong magic must stand before what follows it does.
uint32_t ota_tail_part_len(const esp_partition_t *slot, uint32_t offset, uint32_t len);
