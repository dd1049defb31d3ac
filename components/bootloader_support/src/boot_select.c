// Two steps, as on the chip: otadata names an index (choose_*), then partitions are tried from that index downwards,
// then upwards, until one loads (start_*). The second step does not look at otadata again.

#include "boot_select.h"

#include <string.h>

#include "esp_log.h"
#include "flash_ops.h"

static const char *TAG = "boot";

struct selection {
    const struct boot_request *request;
    struct boot_decision *decision;
    bool is_initial;  // otadata held nothing: what boots gets the first record
    bool has_aborted; // an unconfirmed image was given up
    bool has_crashed; // extension: an image that starts again and again was given up
    int followed;     // record that was followed; OTADATA_NONE: none
};

// ----------------------------------------------------------------------- helpers

// What cannot be written does not keep the device from booting: otadata_write() has told, and the decision is the same.
static void rewrite_record(struct selection *s, int index, uint32_t state)
{
    s->decision->after[index].ota_state = state;
    s->decision->tally[index] = (struct boot_tally){.is_usable = true}; // its sector is erased
    if (!s->request->dry_run) {
        ESP_IGNORE_ERROR(otadata_write(s->request->chip, s->request->slots->otadata.offset, index,
                                       &s->decision->after[index]));
    }
}

static esp_partition_pos_t position_of(const struct boot_slots *slots, int index)
{
    static const esp_partition_pos_t ABSENT = {0, 0};
    if (index == BOOT_INDEX_FACTORY) {
        return slots->factory;
    }
    if (index == BOOT_INDEX_TEST) {
        return slots->test;
    }
    return index >= 0 && index < BOOT_SLOT_MAX ? slots->ota[index] : ABSENT;
}

// Secure version of the application in a partition; false when no descriptor is there.
static bool read_secure_version(const struct boot_request *request, int index, uint32_t *out)
{
    esp_partition_pos_t pos = position_of(request->slots, index);
    uint32_t words[2];
    if (pos.size < 0x20 + sizeof(esp_app_desc_t) ||
        flash_plain_read(request->chip, words, pos.offset + 0x20, sizeof(words)) != ESP_OK ||
        words[0] != ESP_APP_DESC_MAGIC_WORD) {
        return false;
    }
    *out = words[1];
    return true;
}

// Against the version that the device has now: following a record may have raised it.
static bool is_new_enough(const struct selection *s, int index)
{
    uint32_t version = 0;
    return !s->request->anti_rollback || (read_secure_version(s->request, index, &version) &&
                                          version >= s->decision->secure_version);
}

// The next power-on tries again where it fails.
static void burn_version_of(struct selection *s, int index)
{
    const struct boot_request *request = s->request;
    uint32_t version = 0;
    if (!request->anti_rollback || !read_secure_version(request, index, &version) ||
        version <= s->decision->secure_version) {
        return;
    }
    bool burns = !request->dry_run && request->burn_secure_version;
    if (!burns || request->burn_secure_version(request->burn_context, version) == ESP_OK) {
        s->decision->secure_version = version;
    }
}

// ----------------------------------------------------------------------- step 1: otadata names an index

static bool counts_starts(const struct boot_request *request)
{
    return request->attempts > 1 || request->crash_limit > 0;
}

static esp_err_t read_tallies(struct selection *s)
{
    const struct boot_request *request = s->request;
    if (!counts_starts(request)) {
        return ESP_OK;
    }
    if (request->dry_run && request->tally) {
        memcpy(s->decision->tally, request->tally, sizeof(s->decision->tally));
        return ESP_OK;
    }
    esp_err_t err = ESP_OK;
    for (int i = 0; i < OTADATA_RECORD_COUNT && err == ESP_OK; i++) {
        err = boot_tally_read(request->chip, request->slots->otadata.offset, i,
                              &s->decision->tally[i]);
    }
    return err;
}

static bool may_try_again(const struct selection *s, int index)
{
    const struct boot_tally *tally = &s->decision->tally[index];
    return s->request->attempts > 1 && tally->is_usable && tally->starts < s->request->attempts &&
           index == otadata_active(s->decision->after);
}

static void abort_unconfirmed(struct selection *s)
{
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (s->decision->after[i].ota_state == ESP_OTA_IMG_PENDING_VERIFY && !may_try_again(s, i)) {
            rewrite_record(s, i, ESP_OTA_IMG_ABORTED);
            s->has_aborted = true;
        }
    }
}

/** Whether an image would start: as a try of it would find. */
static bool loads(const struct selection *s, int index, esp_partition_pos_t pos)
{
    const struct boot_request *request = s->request;
    struct image_info info;
    struct image_rules rules = {.chip = request->identity,
                                .flash_offset = pos.offset,
                                .partition_size = pos.size,
                                .signature = request->signature};
    return pos.size > 0 && is_new_enough(s, index) &&
           image_verify_flash(request->chip, &rules, &info) == IMAGE_OK;
}

// Whether something else would start if the active record were refused.
static bool has_alternative(const struct selection *s, int active)
{
    const esp_ota_select_entry_t *other = &s->decision->after[1 - active];
    const struct boot_slots *slots = s->request->slots;
    if (!otadata_is_good(other)) {
        return loads(s, BOOT_INDEX_FACTORY, slots->factory);
    }
    uint32_t slot = otadata_slot(other->ota_seq, slots->ota_count);
    return slot != otadata_slot(s->decision->after[active].ota_seq, slots->ota_count) &&
           slot < BOOT_SLOT_MAX && loads(s, (int)slot, slots->ota[slot]);
}

// Extension: gives up an image that was started too often without saying that it is healthy.
static void break_crash_loop(struct selection *s)
{
    int active = otadata_active(s->decision->after);
    if (s->request->crash_limit == 0 || active == OTADATA_NONE ||
        s->request->slots->ota_count == 0) {
        return;
    }
    const struct boot_tally *tally = &s->decision->tally[active];
    uint32_t state = s->decision->after[active].ota_state;
    bool is_decided = state != ESP_OTA_IMG_NEW && state != ESP_OTA_IMG_PENDING_VERIFY;
    if (!is_decided || !tally->is_usable ||
        tally->starts - tally->healthy < s->request->crash_limit || !has_alternative(s, active)) {
        return;
    }
    s->has_crashed = true;
    rewrite_record(s, active, ESP_OTA_IMG_ABORTED);
}

// Why a record is followed or not, unless an image was given up just now.
static enum boot_reason reason_or(const struct selection *s, enum boot_reason reason)
{
    return s->has_crashed   ? BOOT_REASON_CRASH_LOOP
           : s->has_aborted ? BOOT_REASON_ROLLED_BACK
                            : reason;
}

static void choose_default(struct selection *s, enum boot_reason reason)
{
    bool has_factory = s->request->slots->factory.size > 0;
    s->decision->selected = has_factory ? BOOT_INDEX_FACTORY : 0;
    s->decision->reason = reason;
}

static void follow_record(struct selection *s, int active)
{
    const esp_ota_select_entry_t *record = &s->decision->after[active];
    int slot = (int)otadata_slot(record->ota_seq, s->request->slots->ota_count);
    s->decision->selected = slot;
    s->decision->reason = reason_or(s, BOOT_REASON_RECORD);
    s->followed = active;
    if (s->request->rollback && record->ota_state == ESP_OTA_IMG_NEW) {
        rewrite_record(s, active, ESP_OTA_IMG_PENDING_VERIFY);
    } else if (record->ota_state == ESP_OTA_IMG_VALID) {
        burn_version_of(s, slot);
    }
}

// A record whose application is too old counts as if it were not there.
static int active_and_new_enough(const struct selection *s)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    memcpy(records, s->decision->after, sizeof(records));
    uint32_t slot_count = s->request->slots->ota_count;
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (slot_count == 0 ||
            !is_new_enough(s, (int)otadata_slot(records[i].ota_seq, slot_count))) {
            records[i].ota_seq = OTADATA_SEQ_EMPTY;
        }
    }
    return otadata_active(records);
}

static void choose_with_anti_rollback(struct selection *s)
{
    const esp_ota_select_entry_t *records = s->decision->after;
    s->decision->selected = BOOT_INDEX_FACTORY;
    if (otadata_is_blank(&records[0]) && otadata_is_blank(&records[1])) {
        s->is_initial = true;
        s->decision->reason = BOOT_REASON_NO_RECORD;
        return;
    }
    int active = active_and_new_enough(s);
    if (active == OTADATA_NONE) {
        s->decision->reason = reason_or(s, BOOT_REASON_NO_RECORD);
        return;
    }
    follow_record(s, active);
}

static void choose_by_records(struct selection *s)
{
    const esp_ota_select_entry_t *records = s->decision->after;
    if (s->request->anti_rollback) {
        choose_with_anti_rollback(s);
        return;
    }
    if ((otadata_is_bad(&records[0]) && otadata_is_bad(&records[1])) ||
        s->request->slots->ota_count == 0) {
        choose_default(s, reason_or(s, BOOT_REASON_NO_RECORD));
        s->is_initial = s->decision->selected == 0 && otadata_is_blank(&records[0]) &&
                        otadata_is_blank(&records[1]);
        return;
    }
    int active = otadata_active(records);
    if (active != OTADATA_NONE) {
        follow_record(s, active);
        return;
    }
    s->decision->selected = BOOT_INDEX_FACTORY;
    s->decision->reason = BOOT_REASON_BAD_CRC;
}

static esp_err_t read_records(const struct boot_request *request,
                              esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    if (request->dry_run && request->records) {
        memcpy(records, request->records, OTADATA_RECORD_COUNT * sizeof(*records));
        return ESP_OK;
    }
    return otadata_read(request->chip, request->slots->otadata.offset, records);
}

static esp_err_t choose_index(struct selection *s)
{
    const struct boot_request *request = s->request;
    struct boot_decision *decision = s->decision;
    decision->selected = BOOT_INDEX_FACTORY;
    decision->reason = BOOT_REASON_NO_OTADATA;
    if (request->slots->otadata.size == 0) {
        return ESP_OK;
    }
    if (request->slots->otadata.size < OTADATA_MIN_SIZE) {
        ESP_LOGE(TAG,
                 "otadata has 0x%" PRIx32
                 " bytes, 0x2000 are needed: the chip would reset for ever",
                 request->slots->otadata.size);
        return ESP_ERR_INVALID_SIZE;
    }
    decision->has_otadata = true;
    esp_err_t err = read_records(request, decision->before);
    if (err != ESP_OK) {
        return err;
    }
    memcpy(decision->after, decision->before, sizeof(decision->after));
    err = read_tallies(s);
    if (err != ESP_OK) {
        return err;
    }
    if (request->rollback || request->anti_rollback) {
        abort_unconfirmed(s);
    }
    break_crash_loop(s);
    choose_by_records(s);
    return ESP_OK;
}

// ----------------------------------------------------------------------- step 2: the first that loads

static bool try_to_load(struct selection *s, int index)
{
    struct boot_decision *decision = s->decision;
    esp_partition_pos_t pos = position_of(s->request->slots, index);
    if (pos.size == 0 || !is_new_enough(s, index)) {
        return false;
    }
    struct image_rules rules = {.chip = s->request->identity,
                                .flash_offset = pos.offset,
                                .partition_size = pos.size,
                                .signature = s->request->signature};
    struct boot_try *attempt = &decision->tries[decision->try_count++];
    attempt->index = index;
    attempt->fault = image_verify_flash(s->request->chip, &rules, &decision->image);
    if (attempt->fault != IMAGE_OK) {
        return false;
    }
    decision->booted = index;
    decision->partition = pos;
    return true;
}

static bool start_from(struct selection *s, int index)
{
    int slot_count = (int)s->request->slots->ota_count;
    for (int i = index; i >= BOOT_INDEX_FACTORY; i--) {
        if (i < slot_count && try_to_load(s, i)) {
            return true;
        }
    }
    for (int i = index + 1; i < slot_count; i++) {
        if (try_to_load(s, i)) {
            return true;
        }
    }
    return try_to_load(s, BOOT_INDEX_TEST);
}

static void explain_start(struct boot_decision *decision)
{
    if (decision->booted == BOOT_INDEX_NONE) {
        decision->reason = BOOT_REASON_NOT_BOOTABLE;
    } else if (decision->try_count > 1 ||
               (decision->selected >= 0 && decision->booted != decision->selected)) {
        decision->reason = BOOT_REASON_FALLBACK;
    }
}

// Extension: what starts is counted, if a record named it.
static void count_start(struct selection *s)
{
    struct boot_decision *decision = s->decision;
    if (!counts_starts(s->request) || s->followed == OTADATA_NONE ||
        decision->booted != decision->selected) {
        return;
    }
    struct boot_tally *tally = &decision->tally[s->followed];
    if (s->request->dry_run) {
        tally->starts += tally->is_usable && tally->starts < BOOT_TALLY_MAX;
        return;
    }
    ESP_IGNORE_ERROR(boot_tally_count_start(s->request->chip, s->request->slots->otadata.offset,
                                            s->followed, tally)); // then it does not count
}

static void create_first_record(struct selection *s)
{
    struct boot_decision *decision = s->decision;
    esp_ota_select_entry_t *record = &decision->after[0];
    memset(record, 0xFF, sizeof(*record));
    record->ota_seq = (uint32_t)decision->booted + 1;
    record->crc = otadata_crc(record->ota_seq);
    decision->has_created_record = true;
    rewrite_record(s, 0, ESP_OTA_IMG_VALID);
    burn_version_of(s, decision->booted);
}

esp_err_t boot_select(const struct boot_request *request, struct boot_decision *out)
{
    memset(out, 0, sizeof(*out));
    out->booted = BOOT_INDEX_NONE;
    out->secure_version = request->secure_version;
    struct selection s = {.request = request, .decision = out, .followed = OTADATA_NONE};
    esp_err_t err = choose_index(&s);
    if (err != ESP_OK) {
        out->reason = BOOT_REASON_NOT_BOOTABLE;
        return err;
    }
    bool has_started = start_from(&s, out->selected);
    explain_start(out);
    if (has_started && s.is_initial && out->booted >= 0) {
        create_first_record(&s);
    }
    if (has_started) {
        count_start(&s);
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- words

const char *boot_index_name(int index, char buf[8])
{
    const char *name = index == BOOT_INDEX_FACTORY ? "factory"
                       : index == BOOT_INDEX_TEST  ? "test"
                                                   : "none";
    if (index >= 0) {
        (void)snprintf(buf, 8, "ota_%u", (unsigned)index % 100); // slots end at 15
    } else {
        (void)snprintf(buf, 8, "%s", name);
    }
    return buf;
}

struct reason_words {
    const char *name;
    const char *text;
};

static const struct reason_words REASONS[] = {
    [BOOT_REASON_RECORD] = {"otadata", "the newest valid otadata record names it"},
    [BOOT_REASON_NO_OTADATA] = {"no_otadata", "the partition table has no otadata partition"},
    [BOOT_REASON_NO_RECORD] = {"default", "otadata names no slot that may boot"},
    [BOOT_REASON_BAD_CRC] = {"bad_crc", "no otadata record has a right CRC"},
    [BOOT_REASON_ROLLED_BACK] = {"rolled_back",
                                 "the newer image was not confirmed before this boot"},
    [BOOT_REASON_FALLBACK] = {"fallback",
                              "what otadata selects does not load; this is the next that does"},
    [BOOT_REASON_CRASH_LOOP] = {"crash_loop", "the newer image started too often without saying "
                                              "that it is healthy"},
    [BOOT_REASON_NOT_BOOTABLE] = {"not_bootable", "no partition holds a valid image"},
};

const char *boot_reason_name(enum boot_reason reason)
{
    return REASONS[reason].name;
}

const char *boot_reason_text(enum boot_reason reason)
{
    return REASONS[reason].text;
}
