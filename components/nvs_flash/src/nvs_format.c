#include "nvs_format.h"

#include <string.h>

#include "esp_rom_crc.h"

uint32_t nvs_format_crc(const void *bytes, size_t len)
{
    return esp_rom_crc32_le(UINT32_MAX, bytes, (uint32_t)len); // fact: the start value is inverted
}

uint32_t nvs_format_header_crc(const struct nvs_page_header *header)
{
    return nvs_format_crc(&header->seq, offsetof(struct nvs_page_header, crc) -
                                            offsetof(struct nvs_page_header, seq));
}

uint32_t nvs_format_entry_crc(const struct nvs_entry *entry)
{
    uint8_t bytes[NVS_ENTRY_SIZE - sizeof(entry->crc)];
    const size_t before = offsetof(struct nvs_entry, crc);
    memcpy(bytes, entry, before);
    memcpy(bytes + before, entry->key, sizeof(bytes) - before);
    return nvs_format_crc(bytes, sizeof(bytes));
}

bool nvs_format_has_data(uint8_t type)
{
    return type == NVS_ITEM_STR || type == NVS_ITEM_BLOB_1 || type == NVS_ITEM_BLOB_DATA;
}

uint32_t nvs_format_integer_size(uint8_t type)
{
    uint32_t size = type & 0x0Fu;
    bool is_integer = (type & 0xF0u) <= 0x10u;
    return is_integer && (size == 1 || size == 2 || size == 4 || size == 8) ? size : 0;
}

uint8_t nvs_format_public_type(uint8_t type)
{
    return type == NVS_ITEM_BLOB_INDEX || type == NVS_ITEM_BLOB_1 ? NVS_ITEM_BLOB_DATA : type;
}

uint32_t nvs_format_span(uint32_t data_len)
{
    return 1 + (data_len + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE;
}

bool nvs_format_is_sound(const struct nvs_entry *entry)
{
    if (entry->crc != nvs_format_entry_crc(entry) || entry->span == 0 ||
        entry->span > NVS_ENTRY_COUNT || entry->key[0] == '\0' ||
        entry->key[sizeof(entry->key) - 1] != '\0') {
        return false;
    }
    if (nvs_format_has_data(entry->type)) {
        return entry->span == nvs_format_span(entry->u.data.size);
    }
    return entry->span == 1 ||
           (nvs_format_integer_size(entry->type) == 0 && entry->type != NVS_ITEM_BLOB_INDEX);
}

bool nvs_format_is_blank(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0 && *at == 0xFF) {
        at++;
        len--;
    }
    return len == 0;
}
