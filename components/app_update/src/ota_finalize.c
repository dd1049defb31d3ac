// Staged updates: what was verified in one partition is copied to another. The record of the intended copy stands on flash
// before the first byte of the final partition changes and until the copy is verified, so a cut only delays it.

#include "ota_private.h"

#include <stdatomic.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "ota_tail.h"
#include "partition_table.h"
#include "signature_policy.h"

static const char *TAG = "esp_ota_ops";

#define SLOT_MAX       16u
#define HASH_CHUNK     1024u // chosen: on the stack
#define FLAG_ENCRYPTED 1u

// One copy at a time: two would erase each other's sectors.
static atomic_flag s_is_copying = ATOMIC_FLAG_INIT;

static bool start_copying(void)
{
    return !atomic_flag_test_and_set_explicit(&s_is_copying, memory_order_acquire);
}

static void stop_copying(void)
{
    atomic_flag_clear_explicit(&s_is_copying, memory_order_release);
}

static bool is_on_main_chip(const esp_partition_t *partition)
{
    return !partition->flash_chip || partition->flash_chip == esp_flash_default_chip;
}

static bool overlap(const esp_partition_t *a, const esp_partition_t *b)
{
    return is_on_main_chip(a) == is_on_main_chip(b) &&
           a->address < (uint64_t)b->address + b->size &&
           b->address < (uint64_t)a->address + a->size;
}

// ----------------------------------------------------------------------- verification

static esp_err_t read_partition(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    return esp_partition_read(context, offset, buffer, len);
}

static esp_err_t verify_image(const esp_partition_t *where, const esp_partition_t *final)
{
    struct ota_trust trust;
    if (ota_trust_load(&trust) != ESP_OK) {
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .flash_offset = final->address,
                                .partition_size =
                                    where->size < final->size ? where->size : final->size,
                                .is_bootloader = final->type == ESP_PARTITION_TYPE_BOOTLOADER,
                                .signature = &trust.signature};
    struct image_source source = {
        .read = read_partition, .context = (void *)where, .size = where->size};
    struct image_info info;
    enum image_fault fault = image_verify(&source, &rules, &info);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "image in %s: %s", where->label, image_fault_text(fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

// fact: with Secure Boot v1 the bootloader verifies the table's signature, so one without would be the last this device reads
static esp_err_t verify_table_signature(const esp_partition_t *where)
{
    struct ota_trust trust;
    if (ota_trust_load(&trust) != ESP_OK) {
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (trust.signature.scheme != SIGNATURE_V1 || !signature_is_secure_boot_on()) {
        return ESP_OK;
    }
    enum image_fault fault =
        signature_verify_table(read_partition, (void *)where, &trust.signature);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "partition table in %s: %s", where->label, image_fault_text(fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

static esp_err_t verify_table(const esp_partition_t *where)
{
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    uint32_t flash_size = 0;
    esp_err_t err = esp_partition_read(where, 0, table, sizeof(table));
    if (err == ESP_OK) {
        err = esp_flash_get_size(where->flash_chip, &flash_size);
    }
    if (err != ESP_OK) {
        return err;
    }
    struct partition_table_check check = partition_table_verify(table, flash_size);
    if (check.fault == PARTITION_TABLE_OK) {
        return verify_table_signature(where);
    }
    ESP_LOGE(TAG, "partition table, record %" PRIu32 ": %s", check.index,
             partition_table_fault_text(check.fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

esp_err_t ota_finalize_verify(const esp_partition_t *where, const esp_partition_t *final)
{
    switch (final->type) {
    case ESP_PARTITION_TYPE_APP:
    case ESP_PARTITION_TYPE_BOOTLOADER:
        return verify_image(where, final);
    case ESP_PARTITION_TYPE_PARTITION_TABLE:
        return verify_table(where);
    default:
        return ESP_OK;
    }
}

static esp_err_t digest_of(const esp_partition_t *partition, uint32_t len,
                           uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    uint8_t chunk[HASH_CHUNK];
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < len;) {
        uint32_t part = len - at < HASH_CHUNK ? len - at : HASH_CHUNK;
        esp_err_t err = esp_partition_read(partition, at, chunk, part);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, chunk, part);
        at += part;
    }
    esp_crypto.sha256_end(&hash, digest);
    return ESP_OK;
}

static esp_err_t check_digest(const esp_partition_t *partition, const struct ota_tail_copy *record)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    esp_err_t err = digest_of(partition, record->len, digest);
    if (err == ESP_OK && memcmp(digest, record->digest, sizeof(digest)) != 0) {
        err = ESP_ERR_INVALID_CRC;
    }
    return err;
}

// ----------------------------------------------------------------------- checks before anything is written

esp_err_t ota_finalize_check(const esp_partition_t *staging, const esp_partition_t *final)
{
    if (final->readonly) {
        ESP_LOGE(TAG, "%s is read-only", final->label);
        return ESP_ERR_NOT_ALLOWED;
    }
    if (final == esp_ota_get_running_partition()) {
        ESP_LOGE(TAG, "%s is the running partition; it cannot be copied over", final->label);
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    if (!is_on_main_chip(staging) || !is_on_main_chip(final)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    return overlap(staging, final) ? ESP_ERR_INVALID_ARG : ESP_OK;
}

static esp_err_t check_size(const esp_partition_t *final, uint32_t len)
{
    uint64_t rounded = (len + (uint64_t)OTA_TAIL_SECTOR - 1) / OTA_TAIL_SECTOR * OTA_TAIL_SECTOR;
    if (rounded <= final->size) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "%" PRIu32 " bytes do not fit into %s (%" PRIu32 " bytes)", len, final->label,
             final->size);
    return ESP_ERR_INVALID_SIZE;
}

// ----------------------------------------------------------------------- the record

/** A record and where it stands. */
struct pending {
    const esp_partition_t *holder;
    int sector;
    struct ota_tail_copy copy;
};

// The tail of a slot without a valid image is nobody's; else it must be free, as something may follow the image.
static esp_err_t may_spare(const esp_partition_t *slot, bool *may)
{
    struct image_info info;
    esp_err_t err = ota_tail_is_free(slot, may);
    if (err == ESP_OK && (!*may || slot->encrypted)) {
        bool is_valid = ota_describe_verify(slot, false, NULL, &info) == IMAGE_OK;
        *may = !is_valid || (*may && !ota_tail_may_hold_image_end(slot, info.image_len));
    }
    return err;
}

static esp_err_t may_hold(const esp_partition_t *slot, const esp_partition_t *staging,
                          const esp_partition_t *final, uint32_t len, bool *may)
{
    *may = ota_tail_has_room(slot, slot == staging || slot == final ? len : 0) &&
           slot != esp_ota_get_running_partition();
    if (!*may || slot == staging) {
        return ESP_OK;
    }
    *may = slot == final || !ota_session_is_in_use(slot);
    return *may ? may_spare(slot, may) : ESP_OK;
}

// The staging slot, else the first other one that can, the final one last: everything else in it is to stay as it is.
static esp_err_t find_holder(const esp_partition_t *staging, const esp_partition_t *final,
                             uint32_t len, const esp_partition_t **holder)
{
    const esp_partition_t *candidates[SLOT_MAX + 2] = {staging};
    for (uint32_t i = 0; i < SLOT_MAX; i++) {
        const esp_partition_t *slot = ota_select_slot(i);
        candidates[i + 1] = slot != final ? slot : NULL;
    }
    candidates[SLOT_MAX + 1] = final;
    for (uint32_t i = 0; i < SLOT_MAX + 2; i++) {
        const esp_partition_t *slot = candidates[i];
        bool may = false;
        esp_err_t err = slot && ota_select_is_ota_slot(slot)
                            ? may_hold(slot, staging, final, len, &may)
                            : ESP_OK;
        if (err != ESP_OK || may) {
            *holder = slot;
            return err;
        }
    }
    ESP_LOGE(TAG, "no OTA slot has 8 KiB to spare for the record that protects the copy to %s",
             final->label);
    return ESP_ERR_NOT_SUPPORTED;
}

static void encode_copy(const esp_partition_t *src, const esp_partition_t *dst,
                        struct ota_tail_copy *copy)
{
    copy->src_address = src->address;
    copy->src_size = src->size;
    copy->dst_address = dst->address;
    copy->dst_size = dst->size;
    copy->src = (struct ota_tail_place){(uint8_t)src->type, (uint8_t)src->subtype,
                                        src->encrypted ? FLAG_ENCRYPTED : 0};
    copy->dst = (struct ota_tail_place){(uint8_t)dst->type, (uint8_t)dst->subtype,
                                        dst->encrypted ? FLAG_ENCRYPTED : 0};
    memcpy(copy->src_label, src->label, sizeof(copy->src_label));
    memcpy(copy->dst_label, dst->label, sizeof(copy->dst_label));
}

static esp_partition_t decode_place(const struct ota_tail_place *place, uint32_t address,
                                    uint32_t size, const char *label)
{
    esp_partition_t partition = {.flash_chip = esp_flash_default_chip,
                                 .type = (esp_partition_type_t)place->type,
                                 .subtype = (esp_partition_subtype_t)place->subtype,
                                 .address = address,
                                 .size = size,
                                 .erase_size = OTA_TAIL_SECTOR,
                                 .encrypted = place->flags & FLAG_ENCRYPTED};
    memcpy(partition.label, label, sizeof(partition.label) - 1);
    return partition;
}

static esp_err_t write_record(const esp_partition_t *staging, const esp_partition_t *final,
                              uint32_t len, struct pending *pending)
{
    struct ota_tail_header header;
    struct ota_tail_header old;
    int old_sector = OTA_TAIL_NONE;
    esp_err_t err = find_holder(staging, final, len, &pending->holder);
    if (err == ESP_OK) {
        err = ota_tail_read(pending->holder, &old, &old_sector);
    }
    if (err != ESP_OK) {
        return err;
    }
    ota_tail_prepare(pending->holder, &header, OTA_TAIL_FINALIZE,
                     old_sector == OTA_TAIL_NONE ? 1 : old.generation + 1);
    header.body.copy.len = len;
    encode_copy(staging, final, &header.body.copy);
    err = digest_of(staging, len, header.body.copy.digest);
    pending->sector = old_sector == 0 ? 1 : 0;
    pending->copy = header.body.copy;
    if (err == ESP_OK) { // what the record promises must be on the medium before the record is
        err = esp_flash_sync(staging->flash_chip);
    }
    if (err == ESP_OK) {
        err = ota_tail_erase(pending->holder, pending->sector);
    }
    if (err == ESP_OK) {
        err = ota_tail_write(pending->holder, pending->sector, &header);
    }
    return err == ESP_OK ? esp_flash_sync(pending->holder->flash_chip) : err;
}

// What was there before the record goes first, or it would be in charge again. The record was there in this life: a cut may have
// left it so that it reads as cleared now, and not for ever.
static esp_err_t clear_record(const struct pending *pending)
{
    esp_err_t err = ota_tail_clear(pending->holder, 1 - pending->sector, OTA_TAIL_JOURNAL);
    if (err == ESP_OK) {
        err = ota_tail_clear(pending->holder, 1 - pending->sector, OTA_TAIL_FINALIZE);
    }
    if (err == ESP_OK) {
        err = ota_tail_overwrite(pending->holder, pending->sector);
    }
    return err == ESP_OK ? esp_flash_sync(pending->holder->flash_chip) : err;
}

// ESP_ERR_NOT_FOUND: none there.
static esp_err_t read_record(const esp_partition_t *slot, struct pending *pending)
{
    struct ota_tail_header header;
    if (!ota_tail_has_room(slot, 0)) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = ota_tail_read(slot, &header, &pending->sector);
    if (err != ESP_OK) {
        return err;
    }
    if (pending->sector == OTA_TAIL_NONE || header.magic != OTA_TAIL_FINALIZE) {
        return ESP_ERR_NOT_FOUND;
    }
    pending->holder = slot;
    pending->copy = header.body.copy;
    return ESP_OK;
}

// ----------------------------------------------------------------------- the copy

static esp_err_t copy_and_clear(const esp_partition_t *src, const esp_partition_t *dst,
                                const struct pending *pending)
{
    esp_err_t err = esp_partition_copy(dst, 0, src, 0, pending->copy.len);
    if (err == ESP_OK) {
        err = check_digest(dst, &pending->copy);
    }
    if (err == ESP_OK) {
        err = ota_finalize_verify(dst, dst);
    }
    if (err == ESP_OK) {
        err = esp_flash_sync(dst->flash_chip);
    }
    return err == ESP_OK ? clear_record(pending) : err;
}

esp_err_t ota_finalize_copy(const esp_partition_t *staging, const esp_partition_t *final,
                            uint32_t len)
{
    esp_err_t err = check_size(final, len);
    if (err == ESP_OK && ota_select_is_ota_slot(final) && ota_tail_has_room(final, 0)) {
        err = ota_tail_check_copy(final, staging, len);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (!start_copying()) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    struct pending pending;
    err = write_record(staging, final, len, &pending);
    if (err == ESP_OK) {
        err = copy_and_clear(staging, final, &pending);
    }
    stop_copying();
    return err;
}

// ----------------------------------------------------------------------- after a cut

// A partition that is not listed may be used only where no listed one is: the table may have changed since.
static bool is_usable(const esp_partition_t *partition)
{
    uint32_t flash_size = 0;
    if (esp_flash_get_size(partition->flash_chip, &flash_size) != ESP_OK ||
        partition->address > flash_size || partition->size > flash_size - partition->address) {
        return false;
    }
    if (esp_partition_verify(partition)) {
        return true;
    }
    bool is_apart = true;
    esp_partition_iterator_t it =
        esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
    for (; it; it = esp_partition_next(it)) {
        is_apart = is_apart && !overlap(esp_partition_get(it), partition);
    }
    return is_apart;
}

static bool is_fit(const esp_partition_t *src, const esp_partition_t *dst, uint32_t len)
{
    return len > 0 && dst->address % OTA_TAIL_SECTOR == 0 && is_usable(src) && is_usable(dst) &&
           !overlap(src, dst) && len <= src->size && check_size(dst, len) == ESP_OK;
}

static esp_err_t give_up(const struct pending *pending, esp_err_t why)
{
    ESP_LOGE(TAG, "the copy from %.16s to %.16s cannot be completed: %s", pending->copy.src_label,
             pending->copy.dst_label, esp_err_to_name(why));
    esp_err_t err = clear_record(pending);
    return err == ESP_OK ? why : err;
}

// A cut while the record was written can have left it with bits that decay before the copy is done: programmed once more
// they are firm. One that reads differently already was cut while it was written, and nothing of the copy was begun, or while it
// was cleared, and all of it is done: ESP_ERR_NOT_FOUND.
static esp_err_t refresh_record(const struct pending *pending)
{
    struct ota_tail_header header;
    int sector;
    esp_err_t err = ota_tail_read(pending->holder, &header, &sector);
    if (err == ESP_OK && sector != pending->sector) {
        err = clear_record(pending);
        return err == ESP_OK ? ESP_ERR_NOT_FOUND : err;
    }
    if (err == ESP_OK) {
        err = ota_tail_write(pending->holder, sector, &header);
    }
    return err == ESP_OK ? esp_flash_sync(pending->holder->flash_chip) : err;
}

static esp_err_t finish(const struct pending *pending)
{
    const struct ota_tail_copy *copy = &pending->copy;
    esp_partition_t src =
        decode_place(&copy->src, copy->src_address, copy->src_size, copy->src_label);
    esp_partition_t dst =
        decode_place(&copy->dst, copy->dst_address, copy->dst_size, copy->dst_label);
    if (!is_fit(&src, &dst, copy->len)) {
        return give_up(pending, ESP_ERR_INVALID_STATE);
    }
    const esp_partition_t *listed = esp_partition_verify(&dst);
    dst.readonly = listed && listed->readonly;
    if (ota_session_is_in_use(esp_partition_verify(&src)) || ota_session_is_in_use(listed)) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    esp_err_t err = check_digest(&src, copy);
    if (err == ESP_ERR_INVALID_CRC) {
        return give_up(pending, err);
    }
    if (err == ESP_OK && listed && listed == esp_ota_get_running_partition()) {
        err = check_digest(&dst, copy);
        return err == ESP_ERR_INVALID_CRC ? give_up(pending, ESP_ERR_OTA_PARTITION_CONFLICT)
               : err == ESP_OK            ? clear_record(pending)
                                          : err;
    }
    if (err == ESP_OK) {
        err = ota_finalize_verify(&src, &dst);
    }
    // It was verified before the record was written: a record of what is no image or table is not one of ours.
    if (err == ESP_ERR_OTA_VALIDATE_FAILED || err == ESP_ERR_INVALID_SIZE) {
        return give_up(pending, err);
    }
    if (err != ESP_OK) {
        return err;
    }
    err = refresh_record(pending);
    if (err != ESP_OK) {
        return err;
    }
    ESP_LOGW(TAG, "completing the interrupted copy from %s to %s", src.label, dst.label);
    return copy_and_clear(&src, &dst, pending);
}

static bool concerns(const struct pending *pending, const esp_partition_t *partition)
{
    const struct ota_tail_copy *copy = &pending->copy;
    esp_partition_t src =
        decode_place(&copy->src, copy->src_address, copy->src_size, copy->src_label);
    esp_partition_t dst =
        decode_place(&copy->dst, copy->dst_address, copy->dst_size, copy->dst_label);
    return overlap(pending->holder, partition) || overlap(&src, partition) ||
           overlap(&dst, partition);
}

// partition NULL: all. The first error counts, but every record gets its chance.
static esp_err_t finish_all(const esp_partition_t *partition)
{
    esp_err_t result = ESP_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < SLOT_MAX; i++) {
        const esp_partition_t *slot = ota_select_slot(i);
        struct pending pending;
        esp_err_t err = slot ? read_record(slot, &pending) : ESP_ERR_NOT_FOUND;
        if (err == ESP_OK) {
            err =
                !partition || concerns(&pending, partition) ? finish(&pending) : ESP_ERR_NOT_FOUND;
        }
        if (err != ESP_ERR_NOT_FOUND && (result == ESP_OK || result == ESP_ERR_NOT_FOUND)) {
            result = err;
        }
    }
    return result;
}

esp_err_t esp_ota_finish_pending_copy(void)
{
    if (!start_copying()) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    esp_err_t err = finish_all(NULL);
    stop_copying();
    return err;
}

// Only looks. ESP_ERR_NOT_FOUND: nothing is pending that concerns this partition.
static esp_err_t look_for_record(const esp_partition_t *partition)
{
    for (uint32_t i = 0; i < SLOT_MAX; i++) {
        const esp_partition_t *slot = ota_select_slot(i);
        struct pending pending;
        esp_err_t err = slot ? read_record(slot, &pending) : ESP_ERR_NOT_FOUND;
        bool is_other = err == ESP_OK && !concerns(&pending, partition);
        if (err != ESP_ERR_NOT_FOUND && !is_other) {
            return err;
        }
    }
    return ESP_ERR_NOT_FOUND;
}

esp_err_t ota_finalize_make_way(const esp_partition_t *partition)
{
    // Sessions that have nothing to do with a copy must not get in each other's way.
    esp_err_t found = is_on_main_chip(partition) ? look_for_record(partition) : ESP_ERR_NOT_FOUND;
    if (found != ESP_OK) {
        return found == ESP_ERR_NOT_FOUND ? ESP_OK : found;
    }
    if (!start_copying()) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    esp_err_t err = finish_all(partition);
    stop_copying();
    return err == ESP_ERR_NOT_FOUND ? ESP_OK : err;
}
