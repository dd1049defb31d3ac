/**
 * Key-value storage in a flash partition: which partitions are in use. What is in them: nvs.h.
 *
 * fact: names and contracts as in ESP-IDF up to v6.2, nvs_flash: nvs_flash.h. The bytes on flash are Espressif's page
 * format, see SPEC.md. All functions block and may be called from any thread. NVS encryption is not built: functions
 * that would need it refuse with ESP_ERR_NVS_ENCR_NOT_SUPPORTED.
 */
#pragma once

#include "nvs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NVS_KEY_SIZE 32 // bytes of an AES-256 key

/** Keys of an encrypted partition; here for sources that mention them. */
typedef struct {
    uint8_t eky[NVS_KEY_SIZE];
    uint8_t tky[NVS_KEY_SIZE];
} nvs_sec_cfg_t;

/**
 * Takes the partition labelled "nvs" into use, as nvs_flash_init_partition().
 * @return as there
 */
esp_err_t nvs_flash_init(void) ESP_MUST_CHECK;

/**
 * Takes a data partition of subtype nvs into use, and repairs what a power cut left. A second call is harmless.
 * A read-only partition is read only: what would be repaired is left out.
 * @param partition_label  at most 16 characters
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND: no such partition; ESP_ERR_NVS_NOT_ENOUGH_SPACE:
 *         smaller than three pages of 4096 bytes (one, if read-only); ESP_ERR_NVS_NO_FREE_PAGES: no page is empty,
 *         erase the partition and try again; ESP_ERR_NVS_NEW_VERSION_FOUND: a newer format, erase as well;
 *         ESP_ERR_NVS_WRONG_ENCRYPTION: the partition is marked as encrypted, or holds entries and not one of them
 *         is readable, so it is most likely encrypted (nothing was changed); ESP_ERR_NO_MEM; or the flash error
 * Cut: each value is there as it was.
 */
esp_err_t nvs_flash_init_partition(const char *partition_label) ESP_MUST_CHECK;

/** As nvs_flash_init_partition(), for this partition, known by its label from then on. The struct is copied. */
esp_err_t nvs_flash_init_partition_ptr(const esp_partition_t *partition) ESP_MUST_CHECK;

/** Gives up the partition labelled "nvs". @return as nvs_flash_deinit_partition() */
esp_err_t nvs_flash_deinit(void) ESP_MUST_CHECK;

/**
 * Gives up a partition; its open handles become invalid.
 * @return ESP_OK; ESP_ERR_NVS_NOT_INITIALIZED: it is not in use
 */
esp_err_t nvs_flash_deinit_partition(const char *partition_label) ESP_MUST_CHECK;

/** Gives up and erases the partition labelled "nvs". @return as nvs_flash_erase_partition() */
esp_err_t nvs_flash_erase(void) ESP_MUST_CHECK;

/**
 * Gives up and erases a partition.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NOT_FOUND: no such partition; or the flash error
 * Cut: some of the values are gone.
 */
esp_err_t nvs_flash_erase_partition(const char *part_name) ESP_MUST_CHECK;

/** As nvs_flash_erase_partition(), for this partition. */
esp_err_t nvs_flash_erase_partition_ptr(const esp_partition_t *partition) ESP_MUST_CHECK;

/** As nvs_flash_init() if cfg is NULL. @return else ESP_ERR_NVS_ENCR_NOT_SUPPORTED */
esp_err_t nvs_flash_secure_init(nvs_sec_cfg_t *cfg) ESP_MUST_CHECK;

/** As nvs_flash_init_partition() if cfg is NULL. @return else ESP_ERR_NVS_ENCR_NOT_SUPPORTED */
esp_err_t nvs_flash_secure_init_partition(const char *partition_label,
                                          nvs_sec_cfg_t *cfg) ESP_MUST_CHECK;

/** @return ESP_ERR_NVS_ENCR_NOT_SUPPORTED; nothing is written */
esp_err_t nvs_flash_generate_keys(const esp_partition_t *partition,
                                  nvs_sec_cfg_t *cfg) ESP_MUST_CHECK;

/** @return ESP_ERR_NVS_ENCR_NOT_SUPPORTED; *cfg is left alone */
esp_err_t nvs_flash_read_security_cfg(const esp_partition_t *partition,
                                      nvs_sec_cfg_t *cfg) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
