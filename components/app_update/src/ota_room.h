// Room for the next bytes of an image: what of a partition can be programmed as it stands, and what is erased first.
#pragma once

#include "esp_partition.h"

// chosen: a checkpoint and a unit under erase of 64 KiB each, and ESP_OTA_ERASE_AHEAD_MAX
#define OTA_ROOM_SUSPECT_LEN (2 * 65536u + 1048576u)

struct ota_room {
    const esp_partition_t *partition;
    uint32_t ready_end; // everything below is erased or written
    uint32_t kept_end;  // what is written below was there already, and is not programmed
    bool is_settled;    // no power cut met a write: what reads right is right
    uint32_t image_end; // 0: not known
    uint32_t unit_max;  // largest erase at once; 0: whatever the chip has
    uint32_t ahead;     // may be erased although nothing is known of what comes
    // Between these, no power cut can have left a sector half erased: what is right is not erased.
    uint32_t known_from;
    uint32_t known_end;
};

// What partition holds there, as long as nothing else is asked of the chip; NULL: encrypted, or the chip cannot be mapped.
const uint8_t *ota_room_map(const esp_partition_t *partition, uint32_t offset, uint32_t len);

// Everything below offset is written. has_tail: the last sectors are a journal's.
void ota_room_begin(struct ota_room *room, const esp_partition_t *partition, uint32_t offset,
                    bool has_tail);

// The power may have been cut while something was written from offset on.
void ota_room_suspect(struct ota_room *room, uint32_t offset);

// Makes room from ready_end on, where the len bytes of data are to stand, for a part of them at least. The room may hold them
// already; beyond kept_end they are to be programmed all the same. Cut: sectors from ready_end on hold anything.
esp_err_t ota_room_make(struct ota_room *room, const uint8_t *data, uint32_t len) ESP_MUST_CHECK;

// Erases one unit before its bytes are there. ESP_ERR_NOT_FOUND: nothing to do, position being that of the next byte.
esp_err_t ota_room_make_ahead(struct ota_room *room, uint32_t position) ESP_MUST_CHECK;
