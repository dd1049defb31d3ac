/** Partition tables in words: text for people, JSON for programs. */
#pragma once

#include "cli.h"
#include "partition_csv.h"

/** Reads options of Espressif's generator out of the command line and closes the gaps they leave.
 *  @return false: one is wrong; said so */
bool table_take_options(int *argc, char **argv, struct partition_csv_options *options);

/** Parses CSV or a binary table. On refusal says so, with line and reason. Free with partition_csv_free(). */
bool table_parse(const char *name, const void *bytes, size_t len,
                 const struct partition_csv_options *options, struct partition_csv_table *out);

/** Prints the entries as aligned columns. @return false: not enough memory; said so */
bool table_print(const struct partition_csv_table *table,
                 const struct partition_csv_options *options);

/** @return new reference: list of entries; NULL: not enough memory; said so */
json_t *table_to_json(const struct partition_csv_table *table,
                      const struct partition_csv_options *options);
