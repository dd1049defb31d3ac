// A repair is planned in the same way as it is explained: on records in memory, with boot_select() as the judge. A step counts
// only if the next power-ons start exactly what they would have started without it, with rollback built in or not.
#include "boot_explain.h"

#include <string.h>

#include "esp_log.h"

static const char *TAG = "boot";

// ----------------------------------------------------------------------- predicting

// The boots one after the other, each with the records that the one before leaves.
static esp_err_t predict(const struct boot_request *request,
                         const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT],
                         struct boot_decision *boots, uint32_t count)
{
    struct boot_request dry = *request;
    dry.dry_run = true;
    dry.records = records;
    for (uint32_t i = 0; i < count; i++) {
        esp_err_t err = boot_select(&dry, &boots[i]);
        if (err != ESP_OK) {
            return err;
        }
        dry.records = boots[i].after;
        dry.tally = boots[i].tally;
        dry.secure_version = boots[i].secure_version;
    }
    return ESP_OK;
}

// Whether two pairs of records start the same at each of the next power-ons, with rollback built in and without.
static bool start_the_same(const struct boot_request *request, const esp_ota_select_entry_t *left,
                           const esp_ota_select_entry_t *right)
{
    esp_ota_select_entry_t records[2][OTADATA_RECORD_COUNT];
    for (int rollback = 0; rollback < 2; rollback++) {
        struct boot_request dry = *request;
        dry.rollback = rollback;
        dry.attempts = 0; // what the record says counts, not how often it was followed
        dry.crash_limit = 0;
        memcpy(records[0], left, sizeof(records[0]));
        memcpy(records[1], right, sizeof(records[1]));
        for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
            struct boot_decision decision;
            int booted[2];
            for (int side = 0; side < 2; side++) {
                if (predict(&dry, records[side], &decision, 1) != ESP_OK) {
                    return false;
                }
                booted[side] = decision.booted;
                memcpy(records[side], decision.after, sizeof(records[side]));
            }
            if (booted[0] != booted[1]) {
                return false;
            }
        }
    }
    return true;
}

// ----------------------------------------------------------------------- findings

// What there is no room for is not told; only a table made of overlaps has so much.
static void add_pair(struct boot_explanation *out, enum boot_finding_kind kind, int slot, int other)
{
    if (out->finding_count < BOOT_FINDING_MAX) {
        out->findings[out->finding_count++] =
            (struct boot_finding){.kind = kind, .record = -1, .slot = slot, .other = other};
    }
}

static void add(struct boot_explanation *out, enum boot_finding_kind kind, int record, int slot)
{
    if (out->finding_count < BOOT_FINDING_MAX) {
        out->findings[out->finding_count++] = (struct boot_finding){
            .kind = kind, .record = record, .slot = slot, .other = BOOT_INDEX_NONE};
    }
}

// An erased record of an encrypted chip reads as noise; it is empty all the same.
static bool is_erased(const struct boot_request *request, int index)
{
    uint8_t bytes[sizeof(esp_ota_select_entry_t)];
    uint32_t address = request->slots->otadata.offset + (uint32_t)index * OTADATA_SECTOR_SIZE;
    if (esp_flash_read(request->chip, bytes, address, sizeof(bytes)) != ESP_OK) {
        return false;
    }
    size_t i = 0;
    while (i < sizeof(bytes) && bytes[i] == 0xFF) {
        i++;
    }
    return i == sizeof(bytes);
}

static bool is_torn(const struct boot_request *request, const esp_ota_select_entry_t *records,
                    int index)
{
    const esp_ota_select_entry_t *record = &records[index];
    return !is_erased(request, index) && record->ota_seq != OTADATA_SEQ_EMPTY &&
           record->crc != otadata_crc(record->ota_seq);
}

static bool is_refused(const esp_ota_select_entry_t *record)
{
    return !otadata_is_blank(record) && otadata_is_bad(record);
}

// The slot both records name while both may be followed; BOOT_INDEX_NONE: they do not.
static int common_slot(const esp_ota_select_entry_t *records, uint32_t slot_count)
{
    if (slot_count < 2 || !otadata_is_good(&records[0]) || !otadata_is_good(&records[1])) {
        return BOOT_INDEX_NONE;
    }
    uint32_t slot = otadata_slot(records[0].ota_seq, slot_count);
    return slot == otadata_slot(records[1].ota_seq, slot_count) ? (int)slot : BOOT_INDEX_NONE;
}

// Whether all records that are there are refused, so that a slot boots by default only.
static bool are_all_refused(const esp_ota_select_entry_t *records)
{
    return otadata_is_bad(&records[0]) && otadata_is_bad(&records[1]) &&
           (is_refused(&records[0]) || is_refused(&records[1]));
}

static bool is_choice_broken(const struct boot_decision *decision)
{
    return decision->reason == BOOT_REASON_FALLBACK && decision->selected >= 0 &&
           decision->booted != decision->selected &&
           otadata_active(decision->after) != OTADATA_NONE;
}

static void find_in_records(const struct boot_request *request, struct boot_explanation *out)
{
    const struct boot_decision *now = &out->boots[0];
    const esp_ota_select_entry_t *records = now->before;
    int common = common_slot(records, request->slots->ota_count);
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        uint32_t state = records[i].ota_state;
        if (is_torn(request, records, i)) {
            add(out, BOOT_FINDING_TORN_RECORD, i, BOOT_INDEX_NONE);
        } else if (!otadata_is_blank(&records[i]) && state > ESP_OTA_IMG_ABORTED &&
                   state != ESP_OTA_IMG_UNDEFINED) {
            add(out, BOOT_FINDING_UNKNOWN_STATE, i,
                (int)otadata_slot(records[i].ota_seq, request->slots->ota_count));
        }
    }
    int active = otadata_active(records);
    if (common != BOOT_INDEX_NONE) {
        add(out, BOOT_FINDING_SAME_SLOT, 1 - active, common);
    }
    if (are_all_refused(records) && now->booted >= 0) {
        add(out, BOOT_FINDING_ALL_REFUSED, -1, now->booted);
    }
    if (active != OTADATA_NONE &&
        records[active].ota_seq > OTADATA_SEQ_EMPTY - 1 - request->slots->ota_count) {
        add(out, BOOT_FINDING_LAST_SEQ, active, BOOT_INDEX_NONE);
    }
}

// An unconfirmed image is given up at the next reset; what then?
static void find_way_back(struct boot_explanation *out)
{
    const struct boot_decision *now = &out->boots[0];
    const struct boot_decision *next = &out->boots[1];
    int active = otadata_active(now->after);
    if (active != OTADATA_NONE && now->after[active].ota_state == ESP_OTA_IMG_PENDING_VERIFY &&
        next->after[active].ota_state == ESP_OTA_IMG_ABORTED && now->booted == now->selected &&
        (next->booted == now->booted || next->booted == BOOT_INDEX_NONE)) {
        add(out, BOOT_FINDING_NO_WAY_BACK, active, now->booted);
    }
}

static esp_partition_pos_t position(const struct boot_slots *slots, int i, int *index)
{
    if (i < BOOT_SLOT_MAX) {
        *index = i;
        return slots->ota[i];
    }
    *index = i == BOOT_SLOT_MAX       ? BOOT_INDEX_FACTORY
             : i == BOOT_SLOT_MAX + 1 ? BOOT_INDEX_TEST
                                      : BOOT_INDEX_OTADATA;
    return i == BOOT_SLOT_MAX       ? slots->factory
           : i == BOOT_SLOT_MAX + 1 ? slots->test
                                    : slots->otadata;
}

static void find_in_slots(const struct boot_slots *slots, struct boot_explanation *out)
{
    const int count = BOOT_SLOT_MAX + 3;
    for (int i = 0; i < count; i++) {
        int slot;
        esp_partition_pos_t pos = position(slots, i, &slot);
        if (pos.size > 0 && slot >= (int)slots->ota_count) {
            add(out, BOOT_FINDING_BEHIND_HOLE, -1, slot);
        }
        for (int k = i + 1; k < count && pos.size > 0; k++) {
            int other;
            esp_partition_pos_t with = position(slots, k, &other);
            if (with.size > 0 && pos.offset < (uint64_t)with.offset + with.size &&
                with.offset < (uint64_t)pos.offset + pos.size) {
                add_pair(out, BOOT_FINDING_OVERLAP, slot, other);
            }
        }
    }
}

static void find_all(const struct boot_request *request, struct boot_explanation *out)
{
    const struct boot_decision *now = &out->boots[0];
    if (now->booted == BOOT_INDEX_NONE) {
        add(out, BOOT_FINDING_NOTHING_BOOTS, -1, BOOT_INDEX_NONE);
    }
    if (is_choice_broken(now) && now->booted != BOOT_INDEX_NONE) {
        add(out, BOOT_FINDING_BROKEN_CHOICE, otadata_active(now->after), now->selected);
    }
    if (now->has_otadata && request->slots->ota_count > 0) {
        find_way_back(out);
        find_in_records(request, out);
    }
    find_in_slots(request->slots, out);
}

// ----------------------------------------------------------------------- planning a repair

static struct boot_repair_step erase_step(enum boot_finding_kind cause, int record)
{
    struct boot_repair_step step = {.cause = cause, .erases = true};
    step.change.index = record;
    memset(&step.change.record, 0xFF, sizeof(step.change.record));
    return step;
}

// Lets otadata say what boots anyway: a slot by a record, factory by none at all.
static bool choose_step(const struct boot_request *request, const esp_ota_select_entry_t *records,
                        enum boot_finding_kind cause, int booted, struct boot_repair_step *out)
{
    if (booted == BOOT_INDEX_FACTORY) {
        int active = otadata_active(records);
        int other = active == OTADATA_NONE ? 0 : 1 - active;
        bool has_other = records[other].ota_seq != OTADATA_SEQ_EMPTY;
        *out = erase_step(cause, has_other ? other : active);
        return has_other || active != OTADATA_NONE;
    }
    *out = (struct boot_repair_step){.cause = cause};
    return booted >= 0 && booted < (int)request->slots->ota_count &&
           otadata_plan(records, (uint32_t)booted, request->slots->ota_count, ESP_OTA_IMG_UNDEFINED,
                        &out->change) == ESP_OK;
}

static bool next_step(const struct boot_request *request,
                      const struct boot_explanation *explanation,
                      const esp_ota_select_entry_t *records, struct boot_repair_step *out)
{
    const struct boot_decision *now = &explanation->boots[0];
    struct boot_decision decision;
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (is_torn(request, records, i)) {
            *out = erase_step(BOOT_FINDING_TORN_RECORD, i);
            return true;
        }
    }
    if (common_slot(records, request->slots->ota_count) != BOOT_INDEX_NONE) {
        *out = erase_step(BOOT_FINDING_SAME_SLOT, 1 - otadata_active(records));
        return true;
    }
    if (are_all_refused(records) && now->booted >= 0) {
        return choose_step(request, records, BOOT_FINDING_ALL_REFUSED, now->booted, out);
    }
    return predict(request, records, &decision, 1) == ESP_OK && is_choice_broken(&decision) &&
           choose_step(request, records, BOOT_FINDING_BROKEN_CHOICE, now->booted, out);
}

static void plan(const struct boot_request *request, struct boot_explanation *out)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    memcpy(records, out->boots[0].before, sizeof(records));
    while (out->step_count < BOOT_REPAIR_MAX) {
        struct boot_repair_step step;
        if (!next_step(request, out, records, &step)) {
            break;
        }
        records[step.change.index] = step.change.record;
        if (!start_the_same(request, out->boots[0].before, records)) {
            break;
        }
        out->steps[out->step_count++] = step;
    }
    for (uint32_t i = 0; i < out->finding_count; i++) {
        for (uint32_t k = 0; k < out->step_count; k++) {
            struct boot_finding *finding = &out->findings[i];
            bool is_other_record = finding->kind == BOOT_FINDING_TORN_RECORD &&
                                   finding->record != out->steps[k].change.index;
            finding->is_repairable |= finding->kind == out->steps[k].cause && !is_other_record;
        }
    }
}

// ----------------------------------------------------------------------- interface

esp_err_t boot_explain(const struct boot_request *request, struct boot_explanation *out)
{
    memset(out, 0, sizeof(*out));
    esp_err_t err = predict(request, NULL, out->boots, BOOT_EXPLAIN_BOOTS);
    if (err == ESP_ERR_INVALID_SIZE) {
        out->error = err;
        add(out, BOOT_FINDING_OTADATA_TOO_SMALL, -1, BOOT_INDEX_OTADATA);
        find_in_slots(request->slots, out);
        return ESP_OK;
    }
    if (err != ESP_OK) {
        return err;
    }
    find_all(request, out);
    if (out->boots[0].has_otadata && request->slots->ota_count > 0) {
        plan(request, out);
    }
    return ESP_OK;
}

static esp_err_t erase_record(esp_flash_t *chip, uint32_t otadata, int index)
{
    esp_err_t err = esp_flash_sync(chip);
    if (err == ESP_OK) {
        err = esp_flash_erase_region(chip, otadata + (uint32_t)index * OTADATA_SECTOR_SIZE,
                                     OTADATA_SECTOR_SIZE);
    }
    return err == ESP_OK ? esp_flash_sync(chip) : err;
}

// A record with a wrong CRC may read differently each time, if a power cut left it so; it counts as little as before.
static bool is_unchanged(const esp_ota_select_entry_t *now, const esp_ota_select_entry_t *before)
{
    bool is_torn = now->crc != otadata_crc(now->ota_seq);
    bool was_torn = before->crc != otadata_crc(before->ota_seq);
    return memcmp(now, before, sizeof(*now)) == 0 || (is_torn && was_torn);
}

esp_err_t boot_repair(const struct boot_request *request,
                      const struct boot_explanation *explanation)
{
    uint32_t otadata = request->slots->otadata.offset;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    if (explanation->step_count == 0) {
        return ESP_OK;
    }
    esp_err_t err = otadata_read(request->chip, otadata, records);
    const esp_ota_select_entry_t *before = explanation->boots[0].before;
    if (err == ESP_OK &&
        !(is_unchanged(&records[0], &before[0]) && is_unchanged(&records[1], &before[1]))) {
        ESP_LOGE(TAG, "otadata has changed since it was looked at; nothing is repaired");
        return ESP_ERR_INVALID_STATE;
    }
    for (uint32_t i = 0; i < explanation->step_count && err == ESP_OK; i++) {
        const struct boot_repair_step *step = &explanation->steps[i];
        err = step->erases
                  ? erase_record(request->chip, otadata, step->change.index)
                  : otadata_write(request->chip, otadata, step->change.index, &step->change.record);
    }
    return err;
}

const char *boot_finding_name(enum boot_finding_kind kind)
{
    static const char *const NAMES[] = {
        [BOOT_FINDING_NOTHING_BOOTS] = "nothing_boots",
        [BOOT_FINDING_OTADATA_TOO_SMALL] = "otadata_too_small",
        [BOOT_FINDING_BROKEN_CHOICE] = "broken_choice",
        [BOOT_FINDING_NO_WAY_BACK] = "no_way_back",
        [BOOT_FINDING_TORN_RECORD] = "torn_record",
        [BOOT_FINDING_SAME_SLOT] = "same_slot",
        [BOOT_FINDING_ALL_REFUSED] = "all_refused",
        [BOOT_FINDING_UNKNOWN_STATE] = "unknown_state",
        [BOOT_FINDING_LAST_SEQ] = "last_sequence_number",
        [BOOT_FINDING_BEHIND_HOLE] = "behind_hole",
        [BOOT_FINDING_OVERLAP] = "overlap",
    };
    return NAMES[kind];
}
