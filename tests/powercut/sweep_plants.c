// The product's sources know nothing of these: the linker puts them in the way (--wrap), and each lets the call through unless
// its bug is switched on. So what is tested with them is what is shipped without them.

#include "sweep.h"

#include <string.h>

#include "efuse_keys.h"
#include "efuse_ops.h"
#include "esp_delta_patch.h"
#include "esp_efuse.h"
#include "esp_ota_ext.h"
#include "esp_ota_ops.h"
#include "image_verify.h"
#include "nvs_storage.h"
#include "ota_keep.h"
#include "ota_private.h"
#include "ota_room.h"
#include "ota_source.h"
#include "ota_tail.h"
#include "trust_store.h"

enum plant {
    PLANT_EARLY_RECORD,
    PLANT_BLIND_BOOTLOADER,
    PLANT_ACTIVE_ERASED,
    PLANT_WRONG_RECORD,
    PLANT_STATE_LAST,
    PLANT_CONFIRM_IN_PLACE,
    PLANT_TORN_RECORD_COUNTS,
    PLANT_NEVER_ABORTED,
    PLANT_FACTORY_ORDER,
    PLANT_NO_SYNC,
    PLANT_RESUME_TRUSTS,
    PLANT_ERASE_TOO_FAR,
    PLANT_USES_BLANK,
    PLANT_ERASED_BY_LOOKS,
    PLANT_KEEPS_WEAK,
    PLANT_TORN_JOURNAL,
    PLANT_NO_UNDO,
    PLANT_CLEARED_EARLY,
    PLANT_ROTATED_EARLY,
    PLANT_STORE_IN_PLACE,
    PLANT_BURNT_EARLY,
    PLANT_REVOKED_EARLY,
    PLANT_PRESENT_EARLY,
    PLANT_NVS_ERASE_FIRST,
    PLANT_NVS_HEADER_STAYS,
    PLANT_NVS_VOID_EARLY,
    PLANT_NVS_USES_BLANK,
    PLANT_NVS_KEEPS_WEAK,
    PLANT_BASE_UNCHECKED,
    PLANT_KEEP_OF_ANOTHER,
    PLANT_DOCUMENTED,
};

const struct sweep_plant SWEEP_PLANTS[] = {
    {"early_record", "the boot record is written before the image is verified", "first"},
    {"blind_bootloader", "the same, and the bootloader does not verify", "over_older"},
    {"active_erased", "both boot records are erased before one is written",
     "with_factory_rollback"},
    {"wrong_record", "the active boot record is replaced instead of the other", "three_slots"},
    {"state_last", "the state of a boot record is written after its CRC", "crash_loop"},
    {"confirm_in_place", "a state is programmed over another without erasing", "first_rollback"},
    {"torn_record_counts", "the CRC of boot records is not looked at", "over_older_rollback"},
    {"never_aborted", "an unconfirmed image is not given up", "crash_loop"},
    {"factory_order", "choosing factory erases the active record first",
     "choose_factory_from_record_1"},
    {"no_sync", "nothing is synced before the boot record counts", "cache"},
    {"resume_trusts", "what the journal says is there is taken for verified", "cache_https"},
    {"erase_too_far", "erasing is rounded up beyond the slot", "over_older_https"},
    {"uses_blank", "sectors that look blank after a cut are used without erasing", "over_older"},
    {"erased_by_looks", "what reads as blank counts as erased since the power came on",
     "over_older_erased"},
    {"keeps_weak", "sectors that look right after a cut are kept as they are", "over_older_https"},
    {"torn_journal", "a torn header of journal or copy record is accepted", "stage_data"},
    {"no_undo", "a staged image is copied without a record of it", "stage_data"},
    {"cleared_early", "the record of a copy is cleared before the copy is done", "stage_data"},
    {"rotated_early",
     "the trusted keys change when the new image is chosen, not when it is confirmed",
     "signed_rotate"},
    {"store_in_place", "the trust store is erased before its next record is written",
     "signed_rotate"},
    {"burnt_early", "the secure version is burnt when the new image is chosen", "anti_rollback"},
    {"revoked_early", "the old key is revoked when the new image is chosen", "secure_boot_revoke"},
    {"present_early", "a key digest counts as present before it is burnt", "secure_boot_revoke"},
    {"nvs_erase_first", "an NVS value is erased before the new one is written", "nvs"},
    {"nvs_header_stays", "the header of an NVS page stays until the page is erased", "nvs"},
    {"nvs_void_early", "an NVS page is void before its values are copied", "nvs"},
    {"nvs_uses_blank", "an NVS page that looks blank is used without erasing", "nvs"},
    {"nvs_keeps_weak", "what the last write to NVS left is not made firm", "nvs"},
    {"base_unchecked", "the image a patch is for is not looked at", "delta_wrong_base"},
    {"keep_of_another",
     "a kept patch is gone on with whatever the server has, and not fetched anew",
     "delta_kept_replaced"},
    {"documented", "boot records are written as ESP-IDF documents it",
     "choose_factory"}, // no bug of ours
};
const unsigned SWEEP_PLANT_COUNT = PLANT_DOCUMENTED;

int g_sweep_plant = -1;

static bool is_on(enum plant plant)
{
    return g_sweep_plant == (int)plant;
}

static bool writes_early(void)
{
    return is_on(PLANT_EARLY_RECORD) || is_on(PLANT_BLIND_BOOTLOADER);
}

static void digest_of_running(uint32_t len, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    uint8_t chunk[64];
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < len; at += sizeof(chunk)) {
        uint32_t part = len - at < sizeof(chunk) ? len - at : (uint32_t)sizeof(chunk);
        if (esp_partition_read(esp_ota_get_running_partition(), at, chunk, part) != ESP_OK) {
            break; // and it will not fit
        }
        esp_crypto.sha256_write(&hash, chunk, part);
    }
    esp_crypto.sha256_end(&hash, digest);
}

// NOLINTBEGIN(readability-identifier-naming): the linker gives these names (--wrap)
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

// ----------------------------------------------------------------------- boot records

WRAP(esp_err_t, esp_ota_write, esp_ota_handle_t handle, const void *data, size_t size)
{
    if (writes_early() && esp_ota_set_boot_partition_skip_validate(
                              esp_ota_get_next_update_partition(NULL)) != ESP_OK) {
        return ESP_FAIL;
    }
    return __real_esp_ota_write(handle, data, size);
}

WRAP(enum image_fault, image_verify_flash, esp_flash_t *chip, const struct image_rules *rules,
     struct image_info *info)
{
    enum image_fault fault = __real_image_verify_flash(chip, rules, info);
    return is_on(PLANT_BLIND_BOOTLOADER) ? IMAGE_OK : fault;
}

WRAP(enum image_fault, ota_describe_verify, const esp_partition_t *partition, bool is_bootloader,
     const struct signature_policy *signature, struct image_info *info)
{
    enum image_fault fault = __real_ota_describe_verify(partition, is_bootloader, signature, info);
    return is_on(PLANT_RESUME_TRUSTS) ? IMAGE_OK : fault;
}

static esp_err_t erase_and_write(esp_flash_t *chip, uint32_t address, int index,
                                 const esp_ota_select_entry_t *record)
{
    uint32_t at = address + (uint32_t)index * OTADATA_SECTOR_SIZE;
    esp_err_t err = esp_flash_erase_region(chip, at, OTADATA_SECTOR_SIZE);
    return err == ESP_OK ? esp_flash_write(chip, record, at, sizeof(*record)) : err;
}

static esp_err_t write_state_last(esp_flash_t *chip, uint32_t address, int index,
                                  const esp_ota_select_entry_t *record)
{
    esp_ota_select_entry_t first = *record;
    first.ota_state = ESP_OTA_IMG_UNDEFINED;
    esp_err_t err = erase_and_write(chip, address, index, &first);
    uint32_t at = address + (uint32_t)index * OTADATA_SECTOR_SIZE;
    return err == ESP_OK ? esp_flash_write(chip, record, at, sizeof(*record)) : err;
}

WRAP(esp_err_t, otadata_write, esp_flash_t *chip, uint32_t address, int index,
     const esp_ota_select_entry_t *record)
{
    if (is_on(PLANT_ACTIVE_ERASED)) {
        esp_err_t err = esp_flash_erase_region(chip, address, 2 * OTADATA_SECTOR_SIZE);
        return err == ESP_OK ? erase_and_write(chip, address, index, record) : err;
    }
    if (is_on(PLANT_STATE_LAST)) {
        return write_state_last(chip, address, index, record);
    }
    if (is_on(PLANT_CONFIRM_IN_PLACE) && record->ota_state == ESP_OTA_IMG_VALID) {
        return esp_flash_write(chip, record, address + (uint32_t)index * OTADATA_SECTOR_SIZE,
                               sizeof(*record));
    }
    if (is_on(PLANT_NEVER_ABORTED) && record->ota_state == ESP_OTA_IMG_ABORTED) {
        return ESP_OK;
    }
    if (is_on(PLANT_DOCUMENTED)) {
        return erase_and_write(chip, address, index, record);
    }
    return __real_otadata_write(chip, address, index, record);
}

WRAP(esp_err_t, otadata_plan, const esp_ota_select_entry_t *records, uint32_t slot,
     uint32_t slot_count, uint32_t state, struct otadata_change *out)
{
    esp_err_t err = __real_otadata_plan(records, slot, slot_count, state, out);
    if (err == ESP_OK && is_on(PLANT_WRONG_RECORD)) {
        out->index = 1 - out->index;
    }
    return err;
}

WRAP(int, otadata_active, const esp_ota_select_entry_t *records)
{
    if (!is_on(PLANT_TORN_RECORD_COUNTS)) {
        return __real_otadata_active(records);
    }
    bool is_first = !otadata_is_bad(&records[0]);
    bool is_second = !otadata_is_bad(&records[1]);
    return is_second && (!is_first || records[1].ota_seq > records[0].ota_seq) ? 1
           : is_first                                                          ? 0
                                                                               : OTADATA_NONE;
}

// What belongs to confirming the new image, at the moment it is chosen.
static esp_err_t commit_early(void)
{
    struct trust_record record;
    if (is_on(PLANT_BURNT_EARLY)) {
        return esp_efuse_update_secure_version(4);
    }
    if (is_on(PLANT_REVOKED_EARLY)) {
        return efuse_key_revoke(0);
    }
    if (!is_on(PLANT_ROTATED_EARLY)) {
        return ESP_OK;
    }
    uint32_t address = boot_handover_get()->trust_address;
    esp_err_t err = trust_store_read(NULL, address, &record);
    trust_record_revoke(&record, record.trusted[0]);
    return err == ESP_OK ? trust_store_write(NULL, address, &record) : err;
}

// As ESP-IDF documents it: the whole of otadata in one go, whichever record is active.
WRAP(esp_err_t, esp_ota_set_boot_partition, const esp_partition_t *partition)
{
    if (is_on(PLANT_DOCUMENTED) && partition &&
        partition->subtype == ESP_PARTITION_SUBTYPE_APP_FACTORY) {
        const esp_partition_t *otadata = ota_select_otadata();
        return esp_partition_erase_range(otadata, 0, otadata->size);
    }
    esp_err_t err = __real_esp_ota_set_boot_partition(partition);
    return err == ESP_OK ? commit_early() : err;
}

// ----------------------------------------------------------------------- flash

WRAP(esp_err_t, esp_flash_sync, esp_flash_t *chip)
{
    return is_on(PLANT_NO_SYNC) || is_on(PLANT_DOCUMENTED) ? ESP_OK : __real_esp_flash_sync(chip);
}

WRAP(esp_err_t, esp_partition_erase_range, const esp_partition_t *partition, size_t offset,
     size_t size)
{
    if (is_on(PLANT_ERASE_TOO_FAR) && partition->type == ESP_PARTITION_TYPE_APP) {
        return esp_flash_erase_region(NULL, partition->address + (uint32_t)offset,
                                      (uint32_t)(size + 65535) / 65536 * 65536);
    }
    if (is_on(PLANT_FACTORY_ORDER) && partition == ota_select_otadata()) {
        offset ^= OTADATA_SECTOR_SIZE;
    }
    return __real_esp_partition_erase_range(partition, offset, size);
}

WRAP(esp_err_t, esp_partition_write, const esp_partition_t *partition, size_t offset,
     const void *data, size_t size)
{
    static uint8_t found[65536];
    if (is_on(PLANT_NVS_HEADER_STAYS) && partition->subtype == ESP_PARTITION_SUBTYPE_DATA_NVS &&
        offset % NVS_PAGE_SIZE == 0 && size == sizeof(struct nvs_page_header) &&
        *(const uint8_t *)data == 0) {
        return ESP_OK;
    }
    if (is_on(PLANT_KEEPS_WEAK) && size <= sizeof(found) &&
        esp_partition_read(partition, offset, found, size) == ESP_OK &&
        memcmp(found, data, size) == 0) {
        return ESP_OK;
    }
    return __real_esp_partition_write(partition, offset, data, size);
}

WRAP(esp_err_t, ota_room_make, struct ota_room *room, const uint8_t *data, uint32_t len)
{
    uint8_t cells[FLASH_SECTOR_SIZE];
    if (is_on(PLANT_USES_BLANK) && room->partition->size - room->ready_end >= sizeof(cells) &&
        esp_partition_read_raw(room->partition, room->ready_end, cells, sizeof(cells)) == ESP_OK &&
        cells[0] == 0xFF && memcmp(cells, cells + 1, sizeof(cells) - 1) == 0) {
        room->ready_end += (uint32_t)sizeof(cells);
        return ESP_OK;
    }
    return __real_ota_room_make(room, data, len);
}

WRAP(uint32_t, flash_erased_len, const esp_flash_t *chip, uint32_t address)
{
    uint8_t cells[FLASH_SECTOR_SIZE];
    if (is_on(PLANT_ERASED_BY_LOOKS) &&
        esp_flash_read(NULL, cells, address, sizeof(cells)) == ESP_OK && cells[0] == 0xFF &&
        memcmp(cells, cells + 1, sizeof(cells) - 1) == 0) {
        return sizeof(cells);
    }
    return __real_flash_erased_len(chip, address);
}

// ----------------------------------------------------------------------- journal and copies

WRAP(esp_err_t, esp_ota_resume_verified, const esp_partition_t *partition, size_t offset,
     const uint8_t *digest, esp_ota_handle_t *out)
{
    return is_on(PLANT_RESUME_TRUSTS)
               ? esp_ota_resume(partition, OTA_WITH_SEQUENTIAL_WRITES, offset, out)
               : __real_esp_ota_resume_verified(partition, offset, digest, out);
}

// Whatever header has its magic and any CRC is taken for valid.
WRAP(esp_err_t, ota_tail_read, const esp_partition_t *slot, struct ota_tail_header *header,
     int *sector)
{
    if (!is_on(PLANT_TORN_JOURNAL)) {
        return __real_ota_tail_read(slot, header, sector);
    }
    *sector = OTA_TAIL_NONE;
    for (int i = 0; i < 2; i++) {
        struct ota_tail_header found;
        esp_err_t err = esp_partition_read_raw(
            slot, ota_tail_offset(slot) + (uint32_t)i * OTA_TAIL_SECTOR, &found, sizeof(found));
        if (err != ESP_OK) {
            return err;
        }
        if (found.magic == OTA_TAIL_FINALIZE || found.magic == OTA_TAIL_JOURNAL) {
            *sector = i;
            *header = found;
        }
    }
    return ESP_OK;
}

WRAP(esp_err_t, ota_finalize_copy, const esp_partition_t *staging, const esp_partition_t *final,
     uint32_t len)
{
    return is_on(PLANT_NO_UNDO) ? esp_partition_copy(final, 0, staging, 0, len)
                                : __real_ota_finalize_copy(staging, final, len);
}

WRAP(esp_err_t, esp_partition_copy, const esp_partition_t *to, uint32_t to_offset,
     const esp_partition_t *from, uint32_t from_offset, size_t size)
{
    for (int sector = 0; sector < 2 && is_on(PLANT_CLEARED_EARLY); sector++) {
        esp_err_t err = ota_tail_clear(from, sector, OTA_TAIL_FINALIZE);
        if (err != ESP_OK) {
            return err;
        }
    }
    return __real_esp_partition_copy(to, to_offset, from, from_offset, size);
}

// ----------------------------------------------------------------------- trust store, eFuses, NVS

WRAP(esp_err_t, trust_store_write, esp_flash_t *chip, uint32_t address, struct trust_record *record)
{
    esp_err_t err = is_on(PLANT_STORE_IN_PLACE)
                        ? esp_flash_erase_region(chip, address, TRUST_STORE_LEN)
                        : ESP_OK;
    return err == ESP_OK ? __real_trust_store_write(chip, address, record) : err;
}

WRAP(esp_err_t, efuse_key_write, uint32_t slot, const uint8_t *digest)
{
    struct efuse_key_slot found;
    uint8_t bits = (uint8_t)(1u << slot);
    esp_err_t err = efuse_key_read(slot, &found);
    if (err != ESP_OK || found.is_present || !is_on(PLANT_PRESENT_EARLY)) {
        return err == ESP_OK ? __real_efuse_key_write(slot, digest) : err;
    }
    err = efuse_default->ops->burn(efuse_default, EFUSE_KEY_PRESENT, &bits);
    return err == ESP_OK ? efuse_default->ops->burn(
                               efuse_default, (enum efuse_field)(EFUSE_KEY_DIGEST_0 + slot), digest)
                         : err;
}

WRAP(esp_err_t, nvs_value_set, const struct nvs_scope *scope, const char *key, uint8_t type,
     const void *data, uint32_t len)
{
    struct nvs_item old;
    if (is_on(PLANT_NVS_ERASE_FIRST) &&
        nvs_storage_find(scope->storage, scope->ns, key, NVS_CHUNK_NONE, NULL, &old) == ESP_OK) {
        esp_err_t err = nvs_value_erase(scope, &old);
        if (err != ESP_OK) {
            return err;
        }
    }
    return __real_nvs_value_set(scope, key, type, data, len);
}

WRAP(esp_err_t, nvs_page_set_state, struct nvs_page *page, uint32_t state)
{
    bool is_early = is_on(PLANT_NVS_VOID_EARLY) && state == NVS_PAGE_FREEING;
    esp_err_t err = __real_nvs_page_set_state(page, is_early ? NVS_PAGE_VOID : state);
    page->state = state;
    return err;
}

WRAP(esp_err_t, nvs_page_activate, struct nvs_page *page, uint32_t seq)
{
    page->is_erased = page->is_erased || is_on(PLANT_NVS_USES_BLANK);
    return __real_nvs_page_activate(page, seq);
}

WRAP(esp_err_t, nvs_page_refresh, struct nvs_page *page, void *scratch)
{
    return is_on(PLANT_NVS_KEEPS_WEAK) ? ESP_OK : __real_nvs_page_refresh(page, scratch);
}

// ----------------------------------------------------------------------- delta patches

WRAP(esp_err_t, esp_delta_patch_parse, const uint8_t *bytes, size_t len,
     struct esp_delta_patch *patch)
{
    esp_err_t err = __real_esp_delta_patch_parse(bytes, len, patch);
    uint8_t digest[CRYPTO_SHA256_LEN];
    if (err == ESP_OK && esp_flash_default_chip && is_on(PLANT_BASE_UNCHECKED)) { // in a life
        digest_of_running(patch->old_size, digest);
        memcpy(patch->old_digest, digest, sizeof(patch->old_digest));
    }
    return err;
}

WRAP(void, ota_source_expect, struct ota_source *s, const struct ota_entity *entity,
     int64_t position)
{
    const struct ota_entity any = {.total = -1};
    __real_ota_source_expect(s, is_on(PLANT_KEEP_OF_ANOTHER) ? &any : entity, position);
    s->is_verified_here = s->is_verified_here || is_on(PLANT_KEEP_OF_ANOTHER);
}

WRAP(bool, ota_source_go_alone, struct ota_source *s)
{
    return !is_on(PLANT_KEEP_OF_ANOTHER) && __real_ota_source_go_alone(s);
}
// NOLINTEND(readability-identifier-naming)
