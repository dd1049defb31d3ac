// Erasing costs far more than programming, and a large unit hardly more than a small one (W25Q32JV: 64 KiB in 150 ms, 4 KiB in
// 45 ms). So a sector that holds the bytes already is not erased, and anything else is, in the largest unit that begins there:
// one whose first sector has changed has as a rule changed altogether, and where the first was kept, the sectors behind it
// are decided one by one.
//
// A cut can leave bits that look right and decay some power-ons later. Programmed bits become firm when they are programmed
// once more, so what is kept is programmed all the same. Erased bits do not, so what looks blank is erased all the same, unless
// it was erased since the power came on: no cut can have been in between. A caller who knows that none was ever there is
// believed.

#include "ota_room.h"

#include <string.h>

#include "flash_ops.h"
#include "ota_tail.h"

#define VIEW_CHUNK 256u // chosen: on the stack, where flash is not mapped

// Asked for piece by piece, so that a chip behind a mapped file knows what is in use and can give back the rest.
const uint8_t *ota_room_map(const esp_partition_t *partition, uint32_t offset, uint32_t len)
{
    return partition->encrypted
               ? NULL
               : flash_map(partition->flash_chip, partition->address + offset, len);
}

void ota_room_begin(struct ota_room *room, const esp_partition_t *partition, uint32_t offset,
                    bool has_tail)
{
    uint32_t unit = partition->erase_size;
    room->partition = partition;
    room->ready_end = (offset + unit - 1) / unit * unit;
    room->known_from = 0;
    room->known_end = has_tail ? ota_tail_offset(partition) : partition->size;
}

void ota_room_suspect(struct ota_room *room, uint32_t offset)
{
    room->known_from =
        offset < UINT32_MAX - OTA_ROOM_SUSPECT_LEN ? offset + OTA_ROOM_SUSPECT_LEN : UINT32_MAX;
}

static bool is_known(const struct ota_room *room)
{
    return room->ready_end >= room->known_from &&
           room->ready_end + room->partition->erase_size <= room->known_end;
}

static bool is_blank(const uint8_t *data, uint32_t len)
{
    return data[0] == 0xFF && memcmp(data, data + 1, len - 1) == 0;
}

// Whether the sector at ready_end holds data; NULL: whether it is blank. Ends at the first piece that differs.
static esp_err_t holds(const struct ota_room *room, const uint8_t *data, bool *out)
{
    // Cells are blank, not what they decrypt to.
    esp_err_t (*read_cells)(const esp_partition_t *, size_t, void *, size_t) =
        data ? esp_partition_read : esp_partition_read_raw;
    uint8_t chunk[VIEW_CHUNK];
    const uint8_t *mapped =
        ota_room_map(room->partition, room->ready_end, room->partition->erase_size);
    *out = true;
    for (uint32_t at = 0; at < room->partition->erase_size && *out; at += VIEW_CHUNK) {
        uint32_t offset = room->ready_end + at;
        const uint8_t *cells = mapped ? mapped + at : chunk;
        esp_err_t err = mapped ? ESP_OK : read_cells(room->partition, offset, chunk, VIEW_CHUNK);
        if (err != ESP_OK) {
            return err;
        }
        *out = data ? memcmp(cells, data + at, VIEW_CHUNK) == 0 : is_blank(cells, VIEW_CHUNK);
    }
    return ESP_OK;
}

// The end of what may be erased as part of a larger unit; within the last sector, if the image ends there.
static uint32_t erase_limit(const struct ota_room *room)
{
    uint32_t limit = room->partition->size;
    if (room->image_end > 0 && room->image_end < limit) {
        limit = room->image_end;
    } else if (room->ready_end < room->known_end) {
        limit = room->known_end;
    }
    return limit;
}

static uint32_t largest_unit(const struct ota_room *room)
{
    const esp_partition_t *partition = room->partition;
    const struct flash_geometry *geometry = &partition->flash_chip->geometry;
    uint32_t end = erase_limit(room) + partition->erase_size; // of no unit
    for (int i = 0; i < 4 && geometry->erase_units[i] > partition->erase_size; i++) {
        uint32_t unit = geometry->erase_units[i];
        bool begins_here = (partition->address + room->ready_end) % unit == 0;
        bool is_allowed = room->unit_max == 0 || unit <= room->unit_max;
        if (begins_here && is_allowed && room->ready_end + unit < end) {
            return unit;
        }
    }
    return partition->erase_size;
}

// Whether there is room already: somebody erased it since the power came on.
static bool take_erased(struct ota_room *room)
{
    const esp_partition_t *partition = room->partition;
    uint32_t start = room->ready_end;
    uint32_t limit = erase_limit(room);
    uint32_t len = flash_erased_len(partition->flash_chip, partition->address + start);
    while (room->ready_end < limit && room->ready_end + partition->erase_size - start <= len) {
        room->ready_end += partition->erase_size;
    }
    return room->ready_end > start;
}

static esp_err_t erase_unit(struct ota_room *room)
{
    uint32_t unit = largest_unit(room);
    esp_err_t err = esp_partition_erase_range(room->partition, room->ready_end, unit);
    if (err == ESP_OK) {
        room->ready_end += unit;
    }
    return err;
}

// The sector at ready_end is room if it is blank and was never half erased.
static esp_err_t take_blank(struct ota_room *room)
{
    bool is_room = false;
    esp_err_t err = room->is_settled && is_known(room) ? holds(room, NULL, &is_room) : ESP_OK;
    room->ready_end += is_room ? room->partition->erase_size : 0;
    return err;
}

static esp_err_t keep_equal_sectors(struct ota_room *room, const uint8_t *data, uint32_t len)
{
    uint32_t sector = room->partition->erase_size;
    bool is_equal = true;
    for (uint32_t at = 0; is_equal && len - at >= sector && is_known(room); at += sector) {
        if (!room->is_settled && is_blank(data + at, sector)) {
            return ESP_OK; // nothing would be programmed there that makes it firm
        }
        esp_err_t err = holds(room, data + at, &is_equal);
        if (err != ESP_OK) {
            return err;
        }
        room->ready_end += is_equal ? sector : 0;
        room->kept_end = room->is_settled && is_equal ? room->ready_end : room->kept_end;
    }
    return ESP_OK;
}

// Makes room at ready_end, whatever comes there.
static esp_err_t take_or_erase(struct ota_room *room)
{
    if (take_erased(room)) {
        return ESP_OK;
    }
    uint32_t start = room->ready_end;
    esp_err_t err = take_blank(room);
    return err != ESP_OK || room->ready_end > start ? err : erase_unit(room);
}

esp_err_t ota_room_make(struct ota_room *room, const uint8_t *data, uint32_t len)
{
    uint32_t start = room->ready_end;
    esp_err_t err = keep_equal_sectors(room, data, len);
    return err != ESP_OK || room->ready_end > start ? err : take_or_erase(room);
}

esp_err_t ota_room_make_ahead(struct ota_room *room, uint32_t position)
{
    uint32_t ahead = room->ahead;
    if (room->ready_end == 0 && ahead == 0 && !room->is_settled) {
        ahead = 1; // the first sector has the version in it: it will change
    }
    if (room->ready_end >= erase_limit(room) || room->ready_end - position >= ahead) {
        return ESP_ERR_NOT_FOUND;
    }
    return take_or_erase(room);
}
