/** The partitions in use and the one lock over everything in this component. */
#pragma once

#include "nvs_storage.h"

struct nvs_partition {
    struct nvs_storage storage;
    char label[NVS_LABEL_SIZE];
    uint32_t serial; // never used twice
    struct nvs_partition *next;
};

/** @return ESP_OK; ESP_ERR_NO_MEM: the lock cannot be made */
esp_err_t nvs_partitions_lock(void) ESP_MUST_CHECK;
void nvs_partitions_unlock(void);

// The rest with the lock held.

/** The partition with this label; NULL: it is not in use. */
struct nvs_partition *nvs_partitions_find(const char *label);

/** The partition with this serial; NULL: it is not in use any more. */
struct nvs_partition *nvs_partitions_find_serial(uint32_t serial);

/** Whether any is in use. */
bool nvs_partitions_is_any(void);

/**
 * Makes the storage usable after a flash operation failed, by loading it again.
 * @return ESP_OK, or as nvs_storage_load()
 */
esp_err_t nvs_partitions_refresh(struct nvs_partition *partition) ESP_MUST_CHECK;

/** Notes the outcome of an operation: after a flash error the picture in memory may be wrong. @return err */
esp_err_t nvs_partitions_note(struct nvs_partition *partition, esp_err_t err);

/** Forgets the handles of a partition that goes (nvs_handle.c). */
void nvs_handle_forget(uint32_t partition_serial);

/** Where a handle looks. @return ESP_OK; ESP_ERR_NVS_INVALID_HANDLE; or the error of loading the partition again */
esp_err_t nvs_handle_scope(uint32_t handle, uint32_t *partition_serial, uint8_t *ns) ESP_MUST_CHECK;
