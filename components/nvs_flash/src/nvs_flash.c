// Which partitions are in use. ESP-IDF's interface names partitions, not objects, so the list and its lock are single.
#include "nvs_flash.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "esp_flash.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "nvs_partitions.h"

static const char TAG[] = "nvs";

static _Atomic(SemaphoreHandle_t) s_lock; // made on first use, never deleted
static struct nvs_partition *s_partitions;
static uint32_t s_last_serial;

// ---- The lock --------------------------------------------------------------------------------------

esp_err_t nvs_partitions_lock(void)
{
    SemaphoreHandle_t lock = atomic_load(&s_lock);
    if (!lock) {
        SemaphoreHandle_t made = xSemaphoreCreateMutex();
        if (!made) {
            return ESP_ERR_NO_MEM;
        }
        if (atomic_compare_exchange_strong(&s_lock, &lock, made)) {
            lock = made;
        } else {
            vSemaphoreDelete(made); // another thread was faster
        }
    }
    return xSemaphoreTake(lock, portMAX_DELAY) == pdTRUE ? ESP_OK : ESP_ERR_NO_MEM;
}

void nvs_partitions_unlock(void)
{
    (void)xSemaphoreGive(atomic_load(&s_lock)); // held by the caller
}

// ---- The list --------------------------------------------------------------------------------------

struct nvs_partition *nvs_partitions_find(const char *label)
{
    struct nvs_partition *partition = s_partitions;
    while (partition && strcmp(partition->label, label) != 0) {
        partition = partition->next;
    }
    return partition;
}

struct nvs_partition *nvs_partitions_find_serial(uint32_t serial)
{
    struct nvs_partition *partition = s_partitions;
    while (partition && partition->serial != serial) {
        partition = partition->next;
    }
    return partition;
}

bool nvs_partitions_is_any(void)
{
    return s_partitions != NULL;
}

esp_err_t nvs_partitions_refresh(struct nvs_partition *partition)
{
    return partition->storage.is_stale ? nvs_storage_load(&partition->storage) : ESP_OK;
}

esp_err_t nvs_partitions_note(struct nvs_partition *partition, esp_err_t err)
{
    bool is_ours = err >= ESP_ERR_NVS_BASE && err < ESP_ERR_ULP_BASE;
    if (err != ESP_OK && !is_ours) {
        partition->storage.is_stale = true;
    }
    return err;
}

// ---- Init ------------------------------------------------------------------------------------------

static esp_err_t add(const esp_partition_t *where)
{
    if (nvs_partitions_find(where->label)) {
        return ESP_OK;
    }
    struct nvs_partition *partition = calloc(1, sizeof(*partition));
    if (!partition) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = nvs_storage_init(&partition->storage, where);
    if (err != ESP_OK) {
        free(partition);
        return err;
    }
    memcpy(partition->label, where->label, sizeof(partition->label));
    partition->serial = ++s_last_serial;
    partition->next = s_partitions;
    s_partitions = partition;
    return ESP_OK;
}

esp_err_t nvs_flash_init_partition_ptr(const esp_partition_t *partition)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition->encrypted) {
        ESP_LOGE(TAG,
                 "partition %s is marked as encrypted; NVS keeps its own encryption, which is "
                 "not supported here",
                 partition->label);
        return ESP_ERR_NVS_WRONG_ENCRYPTION;
    }
    esp_err_t err = nvs_partitions_lock();
    if (err == ESP_OK) {
        err = add(partition);
        nvs_partitions_unlock();
    }
    return err;
}

static const esp_partition_t *find_partition(const char *label)
{
    return esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, label);
}

esp_err_t nvs_flash_init_partition(const char *partition_label)
{
    if (!partition_label) {
        return ESP_ERR_INVALID_ARG;
    }
    const esp_partition_t *partition = find_partition(partition_label);
    return partition ? nvs_flash_init_partition_ptr(partition) : ESP_ERR_NOT_FOUND;
}

esp_err_t nvs_flash_init(void)
{
    return nvs_flash_init_partition(NVS_DEFAULT_PART_NAME);
}

// ---- Deinit and erase ------------------------------------------------------------------------------

static esp_err_t take_out(const char *label)
{
    struct nvs_partition **link = &s_partitions;
    while (*link && strcmp((*link)->label, label) != 0) {
        link = &(*link)->next;
    }
    struct nvs_partition *partition = *link;
    if (!partition) {
        return ESP_ERR_NVS_NOT_INITIALIZED;
    }
    *link = partition->next;
    nvs_handle_forget(partition->serial);
    nvs_storage_deinit(&partition->storage);
    free(partition);
    return ESP_OK;
}

esp_err_t nvs_flash_deinit_partition(const char *partition_label)
{
    if (!partition_label) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = nvs_partitions_lock();
    if (err == ESP_OK) {
        err = take_out(partition_label);
        nvs_partitions_unlock();
    }
    return err;
}

esp_err_t nvs_flash_deinit(void)
{
    return nvs_flash_deinit_partition(NVS_DEFAULT_PART_NAME);
}

esp_err_t nvs_flash_erase_partition_ptr(const esp_partition_t *partition)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = nvs_partitions_lock();
    if (err != ESP_OK) {
        return err;
    }
    ESP_IGNORE_ERROR(take_out(partition->label)); // need not be in use
    err = esp_partition_erase_range(partition, 0, partition->size);
    if (err == ESP_OK) {
        err = esp_flash_sync(partition->flash_chip);
    }
    nvs_partitions_unlock();
    return err;
}

esp_err_t nvs_flash_erase_partition(const char *part_name)
{
    if (!part_name) {
        return ESP_ERR_INVALID_ARG;
    }
    const esp_partition_t *partition = find_partition(part_name);
    return partition ? nvs_flash_erase_partition_ptr(partition) : ESP_ERR_NOT_FOUND;
}

esp_err_t nvs_flash_erase(void)
{
    return nvs_flash_erase_partition(NVS_DEFAULT_PART_NAME);
}

// ---- Encryption is refused -------------------------------------------------------------------------

static esp_err_t refuse_encryption(void)
{
    ESP_LOGE(TAG, "NVS encryption is not supported");
    return ESP_ERR_NVS_ENCR_NOT_SUPPORTED;
}

esp_err_t nvs_flash_secure_init_partition(const char *partition_label, nvs_sec_cfg_t *cfg)
{
    return cfg ? refuse_encryption() : nvs_flash_init_partition(partition_label);
}

esp_err_t nvs_flash_secure_init(nvs_sec_cfg_t *cfg)
{
    return nvs_flash_secure_init_partition(NVS_DEFAULT_PART_NAME, cfg);
}

esp_err_t nvs_flash_generate_keys(const esp_partition_t *partition, nvs_sec_cfg_t *cfg)
{
    (void)partition;
    (void)cfg;
    return refuse_encryption();
}

esp_err_t nvs_flash_read_security_cfg(const esp_partition_t *partition, nvs_sec_cfg_t *cfg)
{
    (void)partition;
    (void)cfg;
    return refuse_encryption();
}
