/** Where the entries of a table stand, and whether the table makes sense. */
#pragma once

#include "partition_csv.h"

#define CSV_CHECK_NO_OFFSET INT64_MIN // an entry whose offset field is empty

#define SUBTYPE_PRIMARY  0x00 // fact: of types bootloader and partition_table
#define SUBTYPE_RECOVERY 0x02 // fact: of type bootloader

/** Whether the entry is the bootloader or the table that the chip boots from. They stand outside the placement. */
bool csv_check_is_primary(const struct partition_csv_entry *entry);

/** Gives every entry its offset and size. @return ESP_OK, ESP_ERR_INVALID_ARG */
esp_err_t csv_check_place(struct partition_csv_table *table,
                          const struct partition_csv_options *options,
                          struct partition_csv_problem *problem) ESP_MUST_CHECK;

/** All checks on a placed table that the options ask for; warns. @return ESP_OK, ESP_ERR_INVALID_ARG */
esp_err_t csv_check_verify(const struct partition_csv_table *table,
                           const struct partition_csv_options *options,
                           struct partition_csv_problem *problem) ESP_MUST_CHECK;
