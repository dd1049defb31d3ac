#include "ota_private.h"

#include <stdatomic.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_efuse.h"
#include "esp_log.h"
#include "flash_ops.h"

static const char *TAG = "esp_ota_ops";

#define SLOT_MAX 16

// The image that esp_ota_end() verified last. It need not be verified again as long as nothing has touched it.
// Known by its place, because pointers into the partition list end with the list.
static struct {
    esp_flash_t *chip; // NULL: none
    struct flash_watch watch;
} s_verified;
static atomic_flag s_verified_lock = ATOMIC_FLAG_INIT;

static void lock_verified(void)
{
    while (atomic_flag_test_and_set_explicit(&s_verified_lock, memory_order_acquire)) {
    }
}

static void unlock_verified(void)
{
    atomic_flag_clear_explicit(&s_verified_lock, memory_order_release);
}

void ota_select_note_verified(const esp_partition_t *partition)
{
    lock_verified();
    if (s_verified.chip) {
        flash_watch_stop(s_verified.chip, &s_verified.watch);
    }
    s_verified.chip = partition->flash_chip;
    s_verified.watch.address = partition->address;
    s_verified.watch.len = partition->size;
    flash_watch_start(partition->flash_chip, &s_verified.watch);
    unlock_verified();
}

static bool is_known_valid(const esp_partition_t *partition)
{
    lock_verified();
    bool is_known = s_verified.chip == partition->flash_chip &&
                    s_verified.watch.address == partition->address &&
                    s_verified.watch.len == partition->size &&
                    !flash_watch_is_touched(&s_verified.watch);
    unlock_verified();
    return is_known;
}

// ----------------------------------------------------------------------- finding partitions

const esp_partition_t *ota_select_otadata(void)
{
    const esp_partition_t *otadata =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
    return otadata && otadata->size >= OTADATA_MIN_SIZE ? otadata : NULL;
}

const esp_partition_t *ota_select_slot(uint32_t slot)
{
    if (slot >= SLOT_MAX) {
        return NULL;
    }
    return esp_partition_find_first(
        ESP_PARTITION_TYPE_APP, (esp_partition_subtype_t)(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + slot),
        NULL);
}

bool ota_select_is_ota_slot(const esp_partition_t *p)
{
    return p->type == ESP_PARTITION_TYPE_APP && p->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MIN &&
           p->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
}

esp_err_t ota_select_read(const esp_partition_t **otadata,
                          esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    *otadata = ota_select_otadata();
    if (!*otadata) {
        return ESP_ERR_NOT_FOUND;
    }
    return otadata_read((*otadata)->flash_chip, (*otadata)->address, records);
}

uint8_t esp_ota_get_app_partition_count(void)
{
    uint8_t count = 0;
    while (count < SLOT_MAX && ota_select_slot(count)) {
        count++;
    }
    return count;
}

const esp_partition_t *esp_ota_get_running_partition(void)
{
    uint32_t address = boot_handover_get()->app_address;
    const esp_partition_t *running = NULL;
    esp_partition_iterator_t it =
        esp_partition_find(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, NULL);
    for (; it && !running; it = esp_partition_next(it)) {
        const esp_partition_t *partition = esp_partition_get(it);
        if (partition->address == address) {
            running = partition;
            break;
        }
    }
    esp_partition_iterator_release(it);
    return running;
}

static const esp_partition_t *first_slot_from(uint32_t slot)
{
    for (; slot < SLOT_MAX; slot++) {
        const esp_partition_t *partition = ota_select_slot(slot);
        if (partition) {
            return partition;
        }
    }
    return NULL;
}

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start_from)
{
    const esp_partition_t *start =
        start_from ? esp_partition_verify(start_from) : esp_ota_get_running_partition();
    if (start_from && !start) {
        return NULL;
    }
    const esp_partition_t *next = NULL;
    if (start && ota_select_is_ota_slot(start)) {
        next = first_slot_from(start->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN + 1u);
    }
    if (!next) {
        next = first_slot_from(0);
    }
    return next == start ? NULL : next;
}

static const esp_partition_t *default_boot_partition(void)
{
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL);
    if (!partition) {
        partition = first_slot_from(0);
    }
    if (!partition) {
        partition =
            esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_TEST, NULL);
    }
    return partition;
}

const esp_partition_t *esp_ota_get_boot_partition(void)
{
    const esp_partition_t *otadata;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    if (ota_select_read(&otadata, records) != ESP_OK) {
        return NULL;
    }
    uint32_t slot_count = esp_ota_get_app_partition_count();
    int active = otadata_active(records);
    if (slot_count == 0 || active == OTADATA_NONE) {
        return default_boot_partition();
    }
    return ota_select_slot(otadata_slot(records[active].ota_seq, slot_count));
}

// ----------------------------------------------------------------------- choosing

// The record in charge goes last: were it first, a cut would leave the other one, which names an older image.
static esp_err_t erase_records(const esp_partition_t *otadata, int active)
{
    uint32_t last = active == OTADATA_NONE ? 0 : (uint32_t)active * OTADATA_SECTOR_SIZE;
    for (uint32_t at = 0; at < otadata->size; at += OTADATA_SECTOR_SIZE) {
        esp_err_t err =
            at == last ? ESP_OK : esp_partition_erase_range(otadata, at, OTADATA_SECTOR_SIZE);
        if (err != ESP_OK) {
            return err;
        }
    }
    return esp_partition_erase_range(otadata, last, OTADATA_SECTOR_SIZE);
}

static esp_err_t choose_factory(void)
{
    const esp_partition_t *otadata;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_err_t err = ota_select_read(&otadata, records);
    if (err == ESP_OK) {
        err = erase_records(otadata, otadata_active(records));
    }
    return err == ESP_OK ? esp_flash_sync(otadata->flash_chip) : err;
}

static esp_err_t choose_slot(uint32_t slot)
{
    const esp_partition_t *otadata;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    esp_err_t err = ota_select_read(&otadata, records);
    if (err != ESP_OK) {
        return err;
    }
    uint32_t slot_count = esp_ota_get_app_partition_count();
    if (slot >= slot_count) {
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t state = boot_handover_get()->rollback ? ESP_OTA_IMG_NEW : ESP_OTA_IMG_UNDEFINED;
    struct otadata_change change;
    err = otadata_plan(records, slot, slot_count, state, &change);
    if (err != ESP_OK) {
        return err;
    }
    return otadata_write(otadata->flash_chip, otadata->address, change.index, &change.record);
}

// fact: ESP-IDF erases an image that anti-rollback refuses, so that the bootloader cannot meet it either
static esp_err_t check_secure_version(const esp_partition_t *partition)
{
    if (!boot_handover_get()->anti_rollback) {
        return ESP_OK;
    }
    esp_app_desc_t desc;
    esp_err_t err = esp_ota_get_partition_description(partition, &desc);
    if (err != ESP_OK || esp_efuse_check_secure_version(desc.secure_version)) {
        return err;
    }
    ESP_LOGE(TAG, "secure version %" PRIu32 " of %s is below the device's %" PRIu32 "; erasing it",
             desc.secure_version, partition->label, esp_efuse_read_secure_version());
    err = esp_partition_erase_range(partition, 0, partition->size);
    return err == ESP_OK ? ESP_ERR_OTA_SMALL_SEC_VER : err;
}

esp_err_t esp_ota_set_boot_partition_skip_validate(const esp_partition_t *partition)
{
    if (!partition || partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition->subtype == ESP_PARTITION_SUBTYPE_APP_FACTORY) {
        return choose_factory();
    }
    if (!ota_select_is_ota_slot(partition)) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_secure_version(partition);
    if (err != ESP_OK) {
        return err;
    }
    return choose_slot(partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN);
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    const esp_partition_t *known = esp_partition_verify(partition);
    if (!known) {
        return ESP_ERR_NOT_FOUND;
    }
    if (!is_known_valid(known) && !ota_describe_is_valid(known)) {
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    return esp_ota_set_boot_partition_skip_validate(known);
}
