// What stands on a device's flash before a scenario, and what of it may change.

#include "powercut_private.h"

#include <string.h>

#include "esp_ota_ops.h"
#include "partition_table.h"

static uint32_t table_offset(const struct powercut_world *world)
{
    return world->table_offset ? world->table_offset : 0x8000;
}

const esp_partition_info_t *powercut_find(const struct powercut_world *world, uint8_t type,
                                          uint8_t subtype)
{
    for (uint32_t i = 0; i < world->table_count; i++) {
        if (world->table[i].type == type && world->table[i].subtype == subtype) {
            return &world->table[i];
        }
    }
    return NULL;
}

static void encode(const struct powercut_world *world, uint8_t *bytes, uint32_t address,
                   uint32_t len)
{
    if (world->encode) {
        world->encode(world->context, address, bytes + address, len);
    }
}

static bool put_image(const struct powercut_world *world, const esp_partition_info_t *where,
                      uint8_t image, uint8_t *bytes)
{
    const struct powercut_image *from = &world->images[image];
    if (image == 0) {
        return true;
    }
    if (!where || image >= world->image_count || from->len > where->pos.size) {
        return false;
    }
    memcpy(bytes + where->pos.offset, from->bytes, from->len);
    encode(world, bytes, where->pos.offset, (from->len + 15) / 16 * 16);
    return true;
}

static void put_record(uint8_t *at, uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq);
    memcpy(at, &record, sizeof(record));
}

static void put_otadata(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    const esp_partition_info_t *otadata = powercut_find(scenario->world, PART_TYPE_DATA, 0);
    for (uint32_t i = 0; otadata && i < OTADATA_RECORD_COUNT; i++) {
        uint32_t at = otadata->pos.offset + i * OTADATA_SECTOR_SIZE;
        if (scenario->seq[i]) {
            put_record(bytes + at, scenario->seq[i], scenario->states[i]);
        }
        encode(scenario->world, bytes, at, OTADATA_SECTOR_SIZE);
    }
}

bool powercut_lay_out(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    const struct powercut_world *world = scenario->world;
    memset(bytes, 0xFF, world->flash_size);
    for (uint32_t i = 0; i < world->table_count; i++) {
        const esp_partition_info_t *entry = &world->table[i];
        bool is_storage = entry->type == PART_TYPE_DATA && entry->subtype != 0;
        if (entry->pos.offset + entry->pos.size > world->flash_size) {
            return false;
        }
        if (is_storage) {
            memset(bytes + entry->pos.offset, 0x5A,
                   entry->pos.size); // must stay, or be replaced whole
        }
    }
    uint8_t *table = bytes + table_offset(world);
    if (partition_table_encode(world->table, world->table_count, true, table) != ESP_OK) {
        return false;
    }
    encode(world, bytes, table_offset(world), ESP_PARTITION_TABLE_MAX_LEN);
    put_otadata(scenario, bytes);
    bool is_done =
        put_image(world, powercut_find(world, PART_TYPE_APP, 0), scenario->factory, bytes);
    for (uint8_t i = 0; i < 16; i++) {
        is_done = is_done && put_image(world, powercut_find(world, PART_TYPE_APP, 0x10 + i),
                                       scenario->slots[i], bytes);
    }
    const struct powercut_extra *extra = scenario->extra;
    return is_done && (!extra || !extra->put || extra->put(scenario, bytes));
}

static bool is_in(const esp_partition_info_t *entry, uint32_t address)
{
    return address >= entry->pos.offset && address - entry->pos.offset < entry->pos.size;
}

static bool is_in_ranges(const struct powercut_extra *extra, uint32_t address, bool critical_only)
{
    for (uint32_t i = 0; i < POWERCUT_RANGE_MAX; i++) {
        const struct powercut_range *range = &extra->changes[i];
        if (address >= range->from && address < range->to &&
            (range->is_critical || !critical_only)) {
            return true;
        }
    }
    return false;
}

static void open_range(struct nor_shared *shared, uint32_t from, uint32_t len)
{
    shared->writable[shared->writable_count].from = from;
    shared->writable[shared->writable_count++].to = from + len;
}

void powercut_open_for_bootloader(const struct powercut_scenario *scenario,
                                  struct nor_shared *shared)
{
    const esp_partition_info_t *otadata = powercut_find(scenario->world, PART_TYPE_DATA, 0);
    shared->writable_count = 0;
    open_range(shared, otadata ? otadata->pos.offset : 0, otadata ? otadata->pos.size : 0);
    for (uint32_t i = 0; scenario->extra && i < POWERCUT_RANGE_MAX; i++) {
        const struct powercut_range *range = &scenario->extra->changes[i];
        open_range(shared, range->from, range->to - range->from);
    }
}

// The slot behind the one that booted; slots are numbered without gaps.
static const esp_partition_info_t *passive_slot(const struct powercut_world *world, int booted)
{
    const esp_partition_info_t *next =
        booted >= 0 ? powercut_find(world, PART_TYPE_APP, (uint8_t)(0x10 + booted + 1)) : NULL;
    return next ? next : powercut_find(world, PART_TYPE_APP, 0x10);
}

void powercut_open_for_application(const struct powercut_scenario *scenario, int booted,
                                   struct nor_shared *shared)
{
    const struct powercut_world *world = scenario->world;
    const esp_partition_info_t *slot = passive_slot(world, booted);
    const esp_partition_info_t *storage = powercut_find(world, PART_TYPE_DATA, 6);
    bool is_about_records = (scenario->extra && scenario->extra->is_records_only) ||
                            scenario->wish == POWERCUT_MARK_INVALID ||
                            scenario->wish == POWERCUT_FACTORY ||
                            scenario->wish == POWERCUT_RESELECT;
    if (slot && !is_about_records) {
        open_range(shared, slot->pos.offset, slot->pos.size);
    }
    if (storage && scenario->wish == POWERCUT_STAGE) {
        open_range(shared, storage->pos.offset, storage->pos.size);
    }
}

bool powercut_may_change(const struct powercut_scenario *scenario, uint32_t address)
{
    static const struct powercut_extra NONE;
    const struct powercut_world *world = scenario->world;
    const struct powercut_extra *extra = scenario->extra ? scenario->extra : &NONE;
    for (uint32_t i = 0; i < world->table_count; i++) {
        const esp_partition_info_t *entry = &world->table[i];
        bool is_slot = !extra->is_records_only && entry->type == PART_TYPE_APP &&
                       entry->subtype >= 0x10 && entry->subtype < 0x20;
        bool is_otadata =
            !extra->keeps_otadata && entry->type == PART_TYPE_DATA && entry->subtype == 0;
        bool is_final = scenario->wish == POWERCUT_STAGE && entry->type == PART_TYPE_DATA &&
                        strncmp((const char *)entry->label, "storage", 16) == 0;
        if ((is_slot || is_otadata || is_final) && is_in(entry, address)) {
            return true;
        }
    }
    return is_in_ranges(extra, address, false);
}

// otadata, the last two sectors of a slot, where the journal and the record of a copy stand, and what the scenario says.
bool powercut_is_critical(const struct powercut_scenario *scenario, uint32_t address)
{
    const struct powercut_world *world = scenario->world;
    for (uint32_t i = 0; i < world->table_count; i++) {
        const esp_partition_info_t *entry = &world->table[i];
        bool is_otadata = entry->type == PART_TYPE_DATA && entry->subtype == 0;
        bool is_tail = entry->type == PART_TYPE_APP &&
                       address - entry->pos.offset + 2 * FLASH_SECTOR_SIZE >= entry->pos.size;
        if ((is_otadata || is_tail) && is_in(entry, address)) {
            return true;
        }
    }
    return scenario->extra && is_in_ranges(scenario->extra, address, true);
}
