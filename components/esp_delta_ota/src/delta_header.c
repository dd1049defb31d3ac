#include <string.h>

#include "delta_decoder.h"
#include "esp_delta_patch.h"
#include "esp_rom_crc.h"

#define FLAG_CHECKSUM     0x01
#define FLAG_DIGEST       0x02
#define FLAG_NO_ADDRESSES 0x04
#define FLAG_DEFLATE      0x08
#define FLAGS_KNOWN       0x0F

#define POOL_UNIT 16 // slots counted together in the header

static void read_fields(const uint8_t *bytes, struct esp_delta_patch *patch)
{
    uint32_t flags = bytes[6];
    *patch = (struct esp_delta_patch){
        .ram_class = (enum esp_delta_class)bytes[5],
        .makes_checksum = (flags & FLAG_CHECKSUM) != 0,
        .makes_digest = (flags & FLAG_DIGEST) != 0,
        .ignores_addresses = (flags & FLAG_NO_ADDRESSES) != 0,
        .has_deflate = (flags & FLAG_DEFLATE) != 0,
        .inputs = bytes[7],
        .old_size = delta_load(bytes + 8, 4),
        .new_size = delta_load(bytes + 12, 4),
        .body_size = delta_load(bytes + 16, 4),
        .chip_id = (uint16_t)delta_load(bytes + 20, 2),
        .map_entries = delta_load(bytes + 22, 2),
        .pool_len = delta_load(bytes + 24, 2) * POOL_UNIT,
        .extension_len = delta_load(bytes + 26, 2),
    };
    memcpy(patch->old_digest, bytes + 28, ESP_DELTA_PATCH_DIGEST_LEN);
    memcpy(patch->new_digest, bytes + 44, ESP_DELTA_PATCH_DIGEST_LEN);
}

static bool is_in_range(const struct esp_delta_patch *patch)
{
    uint32_t tail = (patch->makes_checksum ? 1 : 0) + (patch->makes_digest ? 32 : 0);
    size_t most = esp_delta_class_memory(patch->ram_class);
    return patch->inputs >= 1 && patch->inputs <= MODEL_INPUTS_MAX && patch->pool_len > 0 &&
           patch->extension_len <= ESP_DELTA_PATCH_EXTENSION_MAX && tail <= patch->new_size &&
           (patch->makes_checksum || !patch->makes_digest) && patch->old_size <= INT32_MAX &&
           patch->new_size <= INT32_MAX && esp_delta_patch_memory(patch) <= most;
}

esp_err_t esp_delta_patch_parse(const uint8_t *bytes, size_t len, struct esp_delta_patch *patch)
{
    struct esp_delta_patch fields;
    if (len < ESP_DELTA_PATCH_HEADER_LEN) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (delta_load(bytes, 4) != ESP_DELTA_PATCH_MAGIC ||
        delta_load(bytes + 60, 4) != esp_rom_crc32_le(0, bytes, 60)) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    if (bytes[4] != ESP_DELTA_PATCH_VERSION || (bytes[6] & ~FLAGS_KNOWN)) {
        return ESP_ERR_INVALID_VERSION;
    }
    read_fields(bytes, &fields);
    if (!is_in_range(&fields)) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    *patch = fields;
    return ESP_OK;
}

void esp_delta_patch_encode(const struct esp_delta_patch *patch,
                            uint8_t bytes[ESP_DELTA_PATCH_HEADER_LEN])
{
    memset(bytes, 0, ESP_DELTA_PATCH_HEADER_LEN);
    delta_store(bytes, 4, ESP_DELTA_PATCH_MAGIC);
    bytes[4] = ESP_DELTA_PATCH_VERSION;
    bytes[5] = (uint8_t)patch->ram_class;
    bytes[6] = (uint8_t)((patch->makes_checksum ? FLAG_CHECKSUM : 0) |
                         (patch->makes_digest ? FLAG_DIGEST : 0) |
                         (patch->ignores_addresses ? FLAG_NO_ADDRESSES : 0) |
                         (patch->has_deflate ? FLAG_DEFLATE : 0));
    bytes[7] = patch->inputs;
    delta_store(bytes + 8, 4, patch->old_size);
    delta_store(bytes + 12, 4, patch->new_size);
    delta_store(bytes + 16, 4, patch->body_size);
    delta_store(bytes + 20, 2, patch->chip_id);
    delta_store(bytes + 22, 2, patch->map_entries);
    delta_store(bytes + 24, 2, patch->pool_len / POOL_UNIT);
    delta_store(bytes + 26, 2, patch->extension_len);
    memcpy(bytes + 28, patch->old_digest, ESP_DELTA_PATCH_DIGEST_LEN);
    memcpy(bytes + 44, patch->new_digest, ESP_DELTA_PATCH_DIGEST_LEN);
    delta_store(bytes + 60, 4, esp_rom_crc32_le(0, bytes, 60));
}

size_t esp_delta_patch_memory(const struct esp_delta_patch *patch)
{
    struct delta_size size = {.map_entries = patch->map_entries,
                              .pool_len = patch->pool_len,
                              .inputs = patch->inputs,
                              .has_deflate = patch->has_deflate};
    return delta_decoder_memory(&size);
}

size_t esp_delta_class_memory(enum esp_delta_class ram_class)
{
    switch (ram_class) {
    case ESP_DELTA_4K:
        return 6u * 1024;
    case ESP_DELTA_16K:
        return 16u * 1024;
    case ESP_DELTA_64K:
        return 64u * 1024;
    default:
        return 0;
    }
}
