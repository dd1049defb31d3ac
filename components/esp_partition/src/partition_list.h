/** The list of partitions: loaded once, guarded by a lock that is never held during flash access. */
#pragma once

#include "esp_partition.h"

/** What a search accepts. */
struct partition_filter {
    esp_partition_type_t type;
    esp_partition_subtype_t subtype;
    const char *label; // NULL: any; borrowed
};

/** Loads the table unless that is done. @return ESP_OK, or why there is no list */
esp_err_t partition_list_load(void) ESP_MUST_CHECK;

/**
 * First partition at position *position or behind it that the filter accepts.
 * @param[in,out] position  position of the match; unchanged without one
 * @return NULL: no match
 */
const esp_partition_t *partition_list_next(const struct partition_filter *filter,
                                           uint32_t *position);

/** The listed partition that matches in all that esp_partition_verify() compares, or NULL. */
const esp_partition_t *partition_list_find_equal(const esp_partition_t *partition);

/** Whether a listed partition of the main chip that overlaps address .. address + size answers true to is_wanted. */
bool partition_list_any_overlap(uint64_t address, uint64_t size,
                                bool (*is_wanted)(const esp_partition_t *partition));
