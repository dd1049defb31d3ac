#include "vector_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_encode.h"
#include "partition_table.h"

uint32_t vector_device_slot_address(const struct vector_device_spec *spec, uint32_t slot)
{
    return VECTOR_APP_ADDRESS + (slot + (spec->has_factory ? 1 : 0)) * VECTOR_APP_SIZE;
}

static void must(esp_err_t err)
{
    if (err != ESP_OK) {
        fprintf(stderr, "vector_device: %s\n", esp_err_to_name(err));
        abort();
    }
}

static void put_entry(esp_partition_info_t *entries, uint32_t *count, uint8_t type, uint8_t subtype,
                      uint32_t address, uint32_t size)
{
    esp_partition_info_t *entry = &entries[*count];
    memset(entry, 0, sizeof(*entry));
    entry->magic = ESP_PARTITION_MAGIC;
    entry->type = type;
    entry->subtype = subtype;
    entry->pos.offset = address;
    entry->pos.size = size;
    (void)snprintf((char *)entry->label, sizeof(entry->label), "p%u", (unsigned)*count);
    (*count)++;
}

// An image that does not verify is whole but for its last byte: its descriptor can be read, as that of a real update
// which went wrong.
static void put_image(esp_flash_t *chip, const struct vector_device_spec *spec, uint32_t address,
                      uint32_t secure_version, bool verifies)
{
    struct image_encode_spec image = {.chip_id = (esp_chip_id_t)spec->chip_id,
                                      .project = "vector",
                                      .version = "1",
                                      .secure_version = secure_version,
                                      .payload_len = spec->payload_len};
    uint32_t len = image_encode_len(&image);
    uint8_t *bytes = calloc(1, len);
    must(bytes ? image_encode(&image, bytes) : ESP_ERR_NO_MEM);
    bytes[len - 1] ^= verifies ? 0 : 1;
    must(esp_flash_write(chip, bytes, address, len));
    free(bytes);
}

static void put_app(esp_flash_t *chip, const struct vector_device_spec *spec,
                    esp_partition_info_t *entries, uint32_t *count, uint8_t subtype,
                    uint32_t address, bool is_bootable)
{
    bool is_slot = (subtype & ~PART_SUBTYPE_OTA_MASK) == PART_SUBTYPE_OTA_FLAG;
    put_entry(entries, count, PART_TYPE_APP, subtype, address, VECTOR_APP_SIZE);
    put_image(chip, spec, address,
              is_slot ? spec->secure_version[subtype & PART_SUBTYPE_OTA_MASK] : 0, is_bootable);
}

esp_flash_t *vector_device_build(const struct vector_device_spec *spec)
{
    esp_flash_t *chip = NULL;
    esp_partition_info_t entries[VECTOR_SLOT_MAX + 3];
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    uint32_t count = 0;
    uint32_t end = vector_device_slot_address(spec, spec->slot_count);
    must(nor_flash_open_in_memory(end + VECTOR_APP_SIZE, &chip));
    put_entry(entries, &count, PART_TYPE_DATA, PART_SUBTYPE_DATA_OTA, VECTOR_OTADATA_ADDRESS,
              VECTOR_OTADATA_LEN);
    if (spec->has_factory) {
        put_app(chip, spec, entries, &count, PART_SUBTYPE_FACTORY, VECTOR_APP_ADDRESS,
                spec->is_factory_bootable);
    }
    for (uint32_t i = 0; i < spec->slot_count; i++) {
        put_app(chip, spec, entries, &count, (uint8_t)(PART_SUBTYPE_OTA_FLAG + i),
                vector_device_slot_address(spec, i), spec->bootable_slots >> i & 1);
    }
    if (spec->has_test) {
        put_app(chip, spec, entries, &count, PART_SUBTYPE_TEST, end, spec->is_test_bootable);
    }
    must(partition_table_encode(entries, count, true, table));
    must(esp_flash_write(chip, table, VECTOR_TABLE_ADDRESS, sizeof(table)));
    must(esp_flash_write(chip, spec->otadata, VECTOR_OTADATA_ADDRESS, VECTOR_OTADATA_LEN));
    return chip;
}
