/** Devices and updates for the tests of staged updates: a slot or data partition is written, and copied to where it is meant. */
#pragma once

#include "cut_chip.h"

#define STAGED_TABLE_COUNT 8

extern const esp_partition_info_t g_staged_table[STAGED_TABLE_COUNT];

enum staged_content {
    CONTENT_DATA,
    CONTENT_APP,
    CONTENT_BOOTLOADER,
    CONTENT_TABLE,
};

struct staged_scenario {
    const char *name;
    const char *staging;
    const char *final;
    enum staged_content content;
    uint32_t len;
    uint32_t external; // address; 0: final is in the table
    uint32_t external_size;
    bool has_window; // the table the device boots with
};

/** A device with that table: ota_0 runs and is confirmed, ota_2 holds the image before it. */
void staged_start(void);

/** What is staged; the caller frees bytes. */
struct device_image staged_content(enum staged_content content, uint32_t len);

const esp_partition_t *staged_final(const struct staged_scenario *scenario);

/** The whole update. */
esp_err_t staged_update(const struct staged_scenario *scenario, struct device_image image);

/** The power comes on, and is cut at this operation. */
void staged_plan(unsigned cut_at, enum cut_variant variant);
