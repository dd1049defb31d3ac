/** A small simulated device for rows about booting: a table with slots, images that verify or do not, otadata. */
#pragma once

#include "otadata.h"
#include "nor_flash.h"
#include "vector.h"

#define VECTOR_OTADATA_ADDRESS 0xD000u
#define VECTOR_OTADATA_LEN     0x2000u
#define VECTOR_TABLE_ADDRESS   0x8000u
#define VECTOR_APP_ADDRESS     0x10000u // of the first app partition
#define VECTOR_APP_SIZE        0x80000u
#define VECTOR_SLOT_MAX        16

struct vector_device_spec {
    uint16_t chip_id;
    uint32_t slot_count; // at most VECTOR_SLOT_MAX
    bool has_factory;
    bool has_test;
    uint32_t bootable_slots; // bit i: ota_i's image verifies; others hold one that does not
    bool is_factory_bootable;
    bool is_test_bootable;
    uint32_t payload_len;                     // of each image
    uint32_t secure_version[VECTOR_SLOT_MAX]; // of each slot's image
    const uint8_t *otadata;                   // VECTOR_OTADATA_LEN bytes
};

/** Flash address of a slot's partition. */
uint32_t vector_device_slot_address(const struct vector_device_spec *spec, uint32_t slot);

/** Builds the device in memory; close it with nor_flash_close(). Ends the program on our own mistakes. */
esp_flash_t *vector_device_build(const struct vector_device_spec *spec);
