#include "ota_private.h"

#include "boot_handover.h"
#include "boot_tally.h"
#include "esp_efuse.h"
#include "esp_log.h"
#include "esp_ota_ext.h"
#include "esp_system.h"

static const char *TAG = "esp_ota_ops";

// otadata as the rollback calls see it.
struct records_view {
    const esp_partition_t *otadata;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    uint32_t slot_count;
    int active;
};

// ESP_ERR_NOT_FOUND: no otadata partition; ESP_FAIL: no active record or no slots; or the flash error.
static esp_err_t view_records(struct records_view *view)
{
    esp_err_t err = ota_select_read(&view->otadata, view->records);
    if (err != ESP_OK) {
        return err;
    }
    view->slot_count = esp_ota_get_app_partition_count();
    view->active = otadata_active(view->records);
    return view->slot_count > 0 && view->active != OTADATA_NONE ? ESP_OK : ESP_FAIL;
}

static const esp_partition_t *partition_of(const struct records_view *view, int index)
{
    return ota_select_slot(otadata_slot(view->records[index].ota_seq, view->slot_count));
}

static esp_err_t write_state(struct records_view *view, esp_ota_img_states_t state)
{
    esp_ota_select_entry_t *record = &view->records[view->active];
    record->ota_state = state;
    return otadata_write(view->otadata->flash_chip, view->otadata->address, view->active, record);
}

// ----------------------------------------------------------------------- confirm

static esp_err_t raise_secure_version(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    if (!boot_handover_get()->anti_rollback || !running) {
        return ESP_OK;
    }
    esp_app_desc_t desc;
    esp_err_t err = esp_ota_get_partition_description(running, &desc);
    if (err != ESP_OK) {
        return err;
    }
    return esp_efuse_update_secure_version(desc.secure_version);
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void)
{
    struct records_view view;
    esp_err_t err = view_records(&view);
    if (err != ESP_OK) {
        return err;
    }
    if (view.records[view.active].ota_state ==
        ESP_OTA_IMG_VALID) { // a cut may have come behind the record
        err = raise_secure_version();
        return err == ESP_OK ? ota_trust_complete_rotation() : err;
    }
    err = write_state(&view, ESP_OTA_IMG_VALID);
    if (err == ESP_OK) {
        err = raise_secure_version();
    }
    return err == ESP_OK ? ota_trust_rotate() : err;
}

// ----------------------------------------------------------------------- health

esp_err_t esp_ota_mark_healthy(void)
{
    struct records_view view;
    struct boot_tally tally;
    esp_err_t err = view_records(&view);
    if (err != ESP_OK) {
        return err;
    }
    if (partition_of(&view, view.active) != esp_ota_get_running_partition()) {
        return ESP_FAIL;
    }
    err = boot_tally_read(view.otadata->flash_chip, view.otadata->address, view.active, &tally);
    return err == ESP_OK ? boot_tally_mark_healthy(view.otadata->flash_chip, view.otadata->address,
                                                   view.active, &tally)
                         : err;
}

// ----------------------------------------------------------------------- roll back

static bool is_factory_bootable(void)
{
    const esp_partition_t *factory =
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL);
    return factory && !boot_handover_get()->anti_rollback && ota_describe_is_valid(factory);
}

static bool is_new_enough(const esp_partition_t *partition)
{
    esp_app_desc_t desc;
    return !boot_handover_get()->anti_rollback ||
           (esp_ota_get_partition_description(partition, &desc) == ESP_OK &&
            esp_efuse_check_secure_version(desc.secure_version));
}

static bool can_roll_back(const struct records_view *view)
{
    int other = 1 - view->active;
    if (!otadata_is_good(&view->records[other])) {
        return is_factory_bootable();
    }
    const esp_partition_t *partition = partition_of(view, other);
    return partition && ota_describe_is_valid(partition) && is_new_enough(partition);
}

bool esp_ota_check_rollback_is_possible(void)
{
    struct records_view view;
    return view_records(&view) == ESP_OK && can_roll_back(&view);
}

esp_err_t esp_ota_mark_app_invalid_rollback(void)
{
    struct records_view view;
    esp_err_t err = view_records(&view);
    if (err != ESP_OK) {
        return err;
    }
    if (!can_roll_back(&view)) {
        ESP_LOGE(TAG, "no other image can boot; the running one stays");
        return ESP_ERR_OTA_ROLLBACK_FAILED;
    }
    return write_state(&view, ESP_OTA_IMG_INVALID);
}

esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void)
{
    esp_err_t err = esp_ota_mark_app_invalid_rollback();
    if (err == ESP_OK) {
        esp_restart();
    }
    return err;
}

// ----------------------------------------------------------------------- what became of other images

static bool is_refused(const esp_ota_select_entry_t *record)
{
    return !otadata_is_blank(record) &&
           (record->ota_state == ESP_OTA_IMG_INVALID || record->ota_state == ESP_OTA_IMG_ABORTED);
}

const esp_partition_t *esp_ota_get_last_invalid_partition(void)
{
    struct records_view view;
    esp_err_t err = view_records(&view);
    if ((err != ESP_OK && err != ESP_FAIL) || view.slot_count == 0) {
        return NULL;
    }
    int last = OTADATA_NONE;
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (is_refused(&view.records[i]) &&
            (last == OTADATA_NONE || view.records[i].ota_seq < view.records[last].ota_seq)) {
            last = i;
        }
    }
    const esp_partition_t *partition = last == OTADATA_NONE ? NULL : partition_of(&view, last);
    return partition && ota_describe_is_valid(partition) ? partition : NULL;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition,
                                      esp_ota_img_states_t *ota_state)
{
    if (!partition || !ota_state) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!ota_select_is_ota_slot(partition)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    struct records_view view;
    esp_err_t err = view_records(&view);
    if (err != ESP_OK && err != ESP_FAIL) {
        return err;
    }
    uint32_t slot = partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN;
    const esp_ota_select_entry_t *found = NULL;
    for (int i = 0; i < OTADATA_RECORD_COUNT && view.slot_count > 0; i++) {
        const esp_ota_select_entry_t *record = &view.records[i];
        if (!otadata_is_blank(record) && otadata_slot(record->ota_seq, view.slot_count) == slot &&
            (!found || record->ota_seq > found->ota_seq)) {
            found = record;
        }
    }
    if (!found) {
        return ESP_ERR_NOT_FOUND;
    }
    *ota_state = (esp_ota_img_states_t)found->ota_state;
    return ESP_OK;
}

// Finds the slot of the record that is not active; NULL when there is none or it is the running one.
static const esp_partition_t *find_inactive_slot(struct records_view *view)
{
    if (view_records(view) != ESP_OK || otadata_is_blank(&view->records[1 - view->active])) {
        return NULL;
    }
    const esp_partition_t *partition = partition_of(view, 1 - view->active);
    return partition == esp_ota_get_running_partition() ? NULL : partition;
}

static esp_err_t erase_inactive_record(const struct records_view *view)
{
    uint32_t offset = (uint32_t)(1 - view->active) * OTADATA_SECTOR_SIZE;
    return esp_partition_erase_range(view->otadata, offset, OTADATA_SECTOR_SIZE);
}

esp_err_t esp_ota_erase_last_boot_app_partition(void)
{
    struct records_view view;
    const esp_partition_t *partition = find_inactive_slot(&view);
    if (!partition) {
        return ESP_FAIL;
    }
    esp_err_t err = esp_partition_erase_range(partition, 0, partition->size);
    return err == ESP_OK ? erase_inactive_record(&view) : err;
}

esp_err_t esp_ota_invalidate_inactive_ota_data_slot(void)
{
    struct records_view view;
    return find_inactive_slot(&view) ? erase_inactive_record(&view) : ESP_FAIL;
}
