/** A device in memory with a partition table, for the tests of this component. */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot_handover.h"
#include "esp_flash_partitions.h"
#include "esp_partition.h"
#include "flash_ops.h"
#include "nor_flash.h"

#define FIXTURE_FLASH_SIZE 0x400000u

/** Opens the chip and writes the table: nvs, otadata, fact, ota_0, ota_1, and the read-only "ro". */
int fixture_setup(void **state);

/** Forgets the list and closes the chip. */
int fixture_teardown(void **state);

/** Writes bytes over whatever stands at address; erases its sectors first. */
void fixture_put(uint32_t address, const void *bytes, uint32_t len);

/** Writes a table with these entries. */
void fixture_put_table(const esp_partition_info_t *entries, uint32_t count, bool with_md5);

/** The listed partition with this label. */
const esp_partition_t *fixture_find(const char *label);
