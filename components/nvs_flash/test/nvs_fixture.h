/** A device in memory with NVS partitions: "nvs" of four pages, "nvs2" of three, "ro" read-only. */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nvs_flash.h"
#include "nvs_format.h"

#define FIXTURE_NVS_AT    0x9000u
#define FIXTURE_NVS_PAGES 4u

/** Opens the chip and writes the table. NVS is not in use yet. */
int fixture_setup(void **state);

/** As fixture_setup(), and "nvs" is in use. */
int fixture_setup_init(void **state);

int fixture_teardown(void **state);

/** The power goes and comes: all of RAM is lost, "nvs" is in use again. */
void fixture_reboot(void);

/** Opens the namespace "app" of "nvs" for reading and writing. */
nvs_handle_t fixture_open(void);

/** The partition with this label. */
const esp_partition_t *fixture_partition(const char *label);

/** Writes bytes to an offset of "nvs", whatever stands there. */
void fixture_put(uint32_t offset, const void *bytes, uint32_t len);

void fixture_get(uint32_t offset, void *bytes, uint32_t len);
