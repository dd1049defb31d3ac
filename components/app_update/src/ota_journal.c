// The resume journal. A sector takes over with its first record already in it, so that going from a full sector to the
// next loses nothing; nothing is ever appended to a sector that another life began, because what a cut left there may
// look erased and not be.

#include "ota_tail.h"

#include <string.h>

#include "boot_handover.h"
#include "esp_rom_crc.h"
#include "ota_private.h"

#define RECORD_MAGIC   0x5041544Fu // chosen: "OTAP"
#define RECORD_LEN     OTA_TAIL_RECORD
#define RECORD_LEN_MAX OTA_TAIL_RECORD_MAX
#define RECORDS_AT     ((uint32_t)sizeof(struct ota_tail_header))

// As on flash.
struct record {
    uint32_t magic;
    uint32_t image_offset;
    uint64_t entity_offset;
    uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN];
    uint16_t state_len;
    uint16_t reserved;
    uint8_t rest[RECORD_LEN_MAX - 36]; // state, reserved, CRC
};

_Static_assert(sizeof(struct record) == RECORD_LEN_MAX, "the record is 304 bytes on flash");

static uint32_t record_len(const struct esp_ota_journal_identity *identity)
{
    return identity->stages ? RECORD_LEN_MAX : RECORD_LEN;
}

static uint32_t state_capacity(const struct esp_ota_journal_identity *identity)
{
    return identity->stages ? ESP_OTA_JOURNAL_STATE_MAX : 0;
}

static uint32_t record_capacity(const struct esp_ota_journal_identity *identity)
{
    return (OTA_TAIL_SECTOR - RECORDS_AT) / record_len(identity);
}

// ----------------------------------------------------------------------- identity

static void copy_text(char *out, size_t size, const char *text)
{
    memset(out, 0, size);
    size_t len = text ? strlen(text) : 0;
    if (len < size) {
        memcpy(out, text ? text : "", len);
    }
}

void esp_ota_journal_set_texts(struct esp_ota_journal_identity *identity, const char *etag,
                               const char *last_modified)
{
    copy_text(identity->etag, sizeof(identity->etag), etag);
    copy_text(identity->last_modified, sizeof(identity->last_modified), last_modified);
}

bool esp_ota_journal_is_same(const struct esp_ota_journal_identity *a,
                             const struct esp_ota_journal_identity *b)
{
    return a->total_len == b->total_len && a->stages == b->stages &&
           memcmp(a->url_digest, b->url_digest, sizeof(a->url_digest)) == 0 &&
           memcmp(a->first_block_digest, b->first_block_digest, sizeof(a->first_block_digest)) ==
               0 &&
           strncmp(a->etag, b->etag, sizeof(a->etag)) == 0 &&
           strncmp(a->last_modified, b->last_modified, sizeof(a->last_modified)) == 0;
}

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

static void encode_identity(const struct esp_ota_journal_identity *identity,
                            struct ota_tail_header *header)
{
    struct ota_tail_identity *out = &header->body.identity;
    header->record_len = (uint16_t)record_len(identity);
    out->total_len = identity->total_len;
    memcpy(out->url_digest, identity->url_digest, sizeof(out->url_digest));
    memcpy(out->first_block_digest, identity->first_block_digest, sizeof(out->first_block_digest));
    copy_text(out->last_modified, sizeof(out->last_modified), identity->last_modified);
    copy_text(out->etag, sizeof(out->etag), identity->etag);
    out->stages = identity->stages;
}

static bool decode_identity(const struct ota_tail_header *header,
                            struct esp_ota_journal_identity *identity)
{
    const struct ota_tail_identity *in = &header->body.identity;
    if (!is_terminated(in->etag, sizeof(in->etag)) ||
        !is_terminated(in->last_modified, sizeof(in->last_modified))) {
        return false;
    }
    identity->total_len = in->total_len;
    memcpy(identity->url_digest, in->url_digest, sizeof(in->url_digest));
    memcpy(identity->first_block_digest, in->first_block_digest, sizeof(in->first_block_digest));
    esp_ota_journal_set_texts(identity, in->etag, in->last_modified);
    identity->stages = in->stages;
    return header->record_len == record_len(identity);
}

// ----------------------------------------------------------------------- records

static uint32_t record_offset(const struct esp_ota_journal *journal, uint32_t index)
{
    return ota_tail_offset(journal->slot) + journal->sector * OTA_TAIL_SECTOR + RECORDS_AT +
           index * record_len(&journal->identity);
}

// Bound to its header: a record never counts under another one.
static uint32_t record_crc(const struct esp_ota_journal *journal, const struct record *record)
{
    uint32_t crc =
        esp_rom_crc32_le(0, (const uint8_t *)&journal->header_crc, sizeof(journal->header_crc));
    return esp_rom_crc32_le(crc, (const uint8_t *)record, record_len(&journal->identity) - 4);
}

static uint8_t *crc_of(const struct esp_ota_journal *journal, struct record *record)
{
    return (uint8_t *)record + record_len(&journal->identity) - 4;
}

static bool decode_record(const struct esp_ota_journal *journal, struct record *record,
                          struct esp_ota_journal_progress *progress)
{
    uint32_t crc;
    memcpy(&crc, crc_of(journal, record), sizeof(crc));
    if (record->magic != RECORD_MAGIC || crc != record_crc(journal, record) ||
        record->state_len > state_capacity(&journal->identity) ||
        record->image_offset > ota_tail_offset(journal->slot) ||
        record->entity_offset > journal->identity.total_len) {
        return false;
    }
    memset(progress->state, 0, sizeof(progress->state));
    progress->entity_offset = record->entity_offset;
    progress->image_offset = record->image_offset;
    memcpy(progress->digest, record->digest, sizeof(progress->digest));
    progress->state_len = record->state_len;
    memcpy(progress->state, record->rest, record->state_len);
    return true;
}

static esp_err_t program_record(const struct esp_ota_journal *journal,
                                const struct esp_ota_journal_progress *progress)
{
    struct record record;
    memset(&record, 0xFF, sizeof(record));
    record.magic = RECORD_MAGIC;
    record.image_offset = progress->image_offset;
    record.entity_offset = progress->entity_offset;
    memcpy(record.digest, progress->digest, sizeof(record.digest));
    record.state_len = progress->state_len;
    memcpy(record.rest, progress->state, progress->state_len);
    uint32_t crc = record_crc(journal, &record);
    memcpy(crc_of(journal, &record), &crc, sizeof(crc));
    return ota_tail_write_bytes(journal->slot, record_offset(journal, journal->record_count),
                                &record, record_len(&journal->identity));
}

// ----------------------------------------------------------------------- load

// All places are looked at: an erase that was cut off leaves holes.
static esp_err_t find_last_record(const struct esp_ota_journal *journal, bool *is_found,
                                  struct esp_ota_journal_progress *progress)
{
    *is_found = false;
    for (uint32_t i = record_capacity(&journal->identity); i-- > 0 && !*is_found;) {
        struct record record;
        esp_err_t err = ota_tail_read_bytes(journal->slot, record_offset(journal, i), &record,
                                            record_len(&journal->identity));
        if (err != ESP_OK) {
            return err;
        }
        *is_found = decode_record(journal, &record, progress);
    }
    return ESP_OK;
}

esp_err_t esp_ota_journal_load(const esp_partition_t *slot, struct esp_ota_journal *journal,
                               struct esp_ota_journal_progress *progress)
{
    if (!slot || !journal || !progress) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!ota_tail_has_room(slot, 0)) {
        return ESP_ERR_NOT_FOUND;
    }
    struct ota_tail_header header;
    int sector;
    esp_err_t err = ota_tail_read(slot, &header, &sector);
    if (err != ESP_OK) {
        return err;
    }
    struct esp_ota_journal found = {.slot = slot, .needs_new_sector = true};
    if (sector == OTA_TAIL_NONE || header.magic != OTA_TAIL_JOURNAL ||
        !decode_identity(&header, &found.identity)) {
        return ESP_ERR_NOT_FOUND;
    }
    found.sector = (uint8_t)sector;
    found.generation = header.generation;
    found.header_crc = header.crc;
    struct esp_ota_journal_progress last;
    bool is_found = false;
    err = find_last_record(&found, &is_found, &last);
    if (err == ESP_OK && is_found) {
        *journal = found;
        *progress = last;
    }
    return err == ESP_OK && !is_found ? ESP_ERR_NOT_FOUND : err;
}

// ----------------------------------------------------------------------- write

static esp_err_t check_begin(const esp_partition_t *slot, uint32_t image_len,
                             const struct esp_ota_journal_identity *identity)
{
    if (!is_terminated(identity->etag, sizeof(identity->etag)) ||
        !is_terminated(identity->last_modified, sizeof(identity->last_modified))) {
        return ESP_ERR_INVALID_ARG;
    }
    if (slot->address == boot_handover_get()->app_address) { // without the heap: an update runs
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    return ota_tail_has_room(slot, image_len) ? ESP_OK : ESP_ERR_INVALID_SIZE;
}

esp_err_t esp_ota_journal_begin(const esp_partition_t *slot, uint32_t image_len,
                                const struct esp_ota_journal_identity *identity,
                                struct esp_ota_journal *journal)
{
    if (!slot || !identity || !journal) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_begin(slot, image_len, identity);
    struct ota_tail_header old;
    int old_sector = OTA_TAIL_NONE;
    if (err == ESP_OK) {
        err = ota_tail_read(slot, &old, &old_sector);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (old_sector != OTA_TAIL_NONE && old.magic == OTA_TAIL_FINALIZE) {
        return ESP_ERR_INVALID_STATE;
    }
    struct esp_ota_journal fresh = {.identity = *identity, .slot = slot};
    fresh.generation = old_sector == OTA_TAIL_NONE ? 1 : old.generation + 1;
    fresh.sector = old_sector == 0 ? 1 : 0;
    struct ota_tail_header header;
    ota_tail_prepare(slot, &header, OTA_TAIL_JOURNAL, fresh.generation);
    encode_identity(identity, &header);
    err = ota_tail_erase(slot, fresh.sector);
    if (err == ESP_OK) {
        err = ota_tail_write(slot, fresh.sector, &header);
    }
    if (err == ESP_OK && old_sector != OTA_TAIL_NONE) {
        err = ota_tail_clear(slot, old_sector, OTA_TAIL_JOURNAL);
    }
    if (err == ESP_OK) {
        fresh.header_crc = header.crc;
        *journal = fresh;
    }
    return err;
}

// The record first, then the header that makes the sector count.
static esp_err_t add_in_new_sector(struct esp_ota_journal *journal,
                                   const struct esp_ota_journal_progress *progress)
{
    struct esp_ota_journal next = *journal;
    struct ota_tail_header header;
    next.generation++;
    next.sector = journal->sector == 0 ? 1 : 0;
    next.record_count = 0;
    next.needs_new_sector = false;
    ota_tail_prepare(next.slot, &header, OTA_TAIL_JOURNAL, next.generation);
    encode_identity(&next.identity, &header);
    next.header_crc =
        esp_rom_crc32_le(0, (const uint8_t *)&header, offsetof(struct ota_tail_header, crc));
    esp_err_t err = ota_tail_erase(next.slot, next.sector);
    if (err == ESP_OK) {
        err = program_record(&next, progress);
    }
    if (err == ESP_OK) {
        err = ota_tail_write(next.slot, next.sector, &header);
    }
    if (err == ESP_OK) {
        next.record_count = 1;
        *journal = next;
    }
    return err;
}

esp_err_t esp_ota_journal_add(struct esp_ota_journal *journal,
                              const struct esp_ota_journal_progress *progress)
{
    if (!journal || !progress || progress->state_len > state_capacity(&journal->identity) ||
        progress->entity_offset > journal->identity.total_len) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!journal->slot) {
        return ESP_ERR_INVALID_STATE;
    }
    if (!ota_tail_has_room(journal->slot, progress->image_offset)) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (journal->needs_new_sector || journal->record_count == record_capacity(&journal->identity)) {
        return add_in_new_sector(journal, progress);
    }
    esp_err_t err = program_record(journal, progress);
    journal->record_count++; // also after a failure: that place may not be erased any more
    return err;
}

// The older sector goes first: were it last, a cut would bring it back.
esp_err_t esp_ota_journal_clear(const esp_partition_t *slot)
{
    if (!slot) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!ota_tail_has_room(slot, 0)) {
        return ESP_OK;
    }
    struct ota_tail_header header;
    int newest;
    esp_err_t err = ota_tail_read(slot, &header, &newest);
    if (err != ESP_OK || newest == OTA_TAIL_NONE) {
        return err;
    }
    err = ota_tail_clear(slot, 1 - newest, OTA_TAIL_JOURNAL);
    return err == ESP_OK ? ota_tail_clear(slot, newest, OTA_TAIL_JOURNAL) : err;
}
