// Any two records: what they select, and the change that selects something else.
//
// Input: both records as they stand on flash, slot count, slot, flags.

#include <assert.h>
#include <string.h>

#include "fuzz_check.h"
#include "otadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    uint8_t slot_count;
    uint8_t slot;
    uint8_t flags; // bits 0 and 1: make the CRC of record 0, 1 right; bit 2: rollback
};

static void check_predicates(const esp_ota_select_entry_t *record)
{
    FUZZ_CHECK(!(otadata_is_bad(record) && otadata_is_good(record)));
    FUZZ_CHECK(!(otadata_is_blank(record) && otadata_is_good(record)));
    FUZZ_CHECK(otadata_state_name(record->ota_state)[0]);
}

static void check_active(const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    int active = otadata_active(records);
    FUZZ_CHECK(active >= OTADATA_NONE && active < OTADATA_RECORD_COUNT);
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        bool is_good = otadata_is_good(&records[i]);
        FUZZ_CHECK(active != OTADATA_NONE || !is_good);
        FUZZ_CHECK(active == OTADATA_NONE || !is_good ||
                   records[i].ota_seq <= records[active].ota_seq);
    }
    FUZZ_CHECK(active == OTADATA_NONE || otadata_is_good(&records[active]));
}

// The planned record is in charge once it is written, and until then the one that was.
static void check_plan(const struct input *in, uint32_t slot_count, uint32_t slot)
{
    uint32_t state = in->flags & 4 ? ESP_OTA_IMG_NEW : ESP_OTA_IMG_UNDEFINED;
    int before = otadata_active(in->records);
    struct otadata_change change;
    if (otadata_plan(in->records, slot, slot_count, state, &change) != ESP_OK) {
        FUZZ_CHECK(before != OTADATA_NONE &&
                   in->records[before].ota_seq > OTADATA_SEQ_EMPTY - 1 - slot_count);
        return;
    }
    esp_ota_select_entry_t after[OTADATA_RECORD_COUNT];
    memcpy(after, in->records, sizeof(after));
    after[change.index] = change.record;
    FUZZ_CHECK(otadata_active(after) == change.index);
    FUZZ_CHECK(otadata_slot(change.record.ota_seq, slot_count) == slot);
    FUZZ_CHECK(change.record.ota_state == state);
    bool is_same =
        before != OTADATA_NONE && otadata_slot(in->records[before].ota_seq, slot_count) == slot;
    FUZZ_CHECK(is_same || change.index != before);
    memset(&after[change.index], 0xFF, sizeof(after[0]));
    FUZZ_CHECK(is_same || otadata_active(after) == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in;
    if (size < sizeof(in)) {
        return 0;
    }
    memcpy(&in, data, sizeof(in));
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (in.flags & 1 << i) {
            in.records[i].crc = otadata_crc(in.records[i].ota_seq);
        }
        check_predicates(&in.records[i]);
    }
    check_active(in.records);
    uint32_t slot_count = 1u + in.slot_count % 16;
    check_plan(&in, slot_count, in.slot % slot_count);
    return 0;
}
