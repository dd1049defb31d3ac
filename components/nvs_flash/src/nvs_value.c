// Values: the new one first, then the old one goes. A blob counts from the moment its index is there; its chunks before that,
// and those of the old version after its index went, belong to nobody and are erased when the partition is loaded.
#include "nvs_storage.h"

#include <string.h>

#define BLOB_MAX 508000u // fact: ESP-IDF documentation, NVS, "Keys and Values"
#define SMALL_TAIL                                                                                 \
    13u // chosen: a tenth of a page is not worth a chunk of its own while there are other pages
#define CHUNK_SPAN_MIN 2u // an entry and 32 bytes

// ---- Reading ---------------------------------------------------------------------------------------

size_t nvs_value_len(const struct nvs_item *item)
{
    if (item->entry.type == NVS_ITEM_BLOB_INDEX) {
        return item->entry.u.index.size;
    }
    return nvs_format_has_data(item->entry.type) ? item->entry.u.data.size
                                                 : nvs_format_integer_size(item->entry.type);
}

static esp_err_t read_blob(const struct nvs_storage *storage, const struct nvs_item *index,
                           uint8_t *data)
{
    const struct nvs_entry *entry = &index->entry;
    uint32_t left = entry->u.index.size;
    for (uint32_t i = 0; i < entry->u.index.count; i++) {
        struct nvs_item chunk;
        esp_err_t err = nvs_storage_find(storage, entry->ns, entry->key,
                                         (uint8_t)(entry->u.index.start + i), NULL, &chunk);
        if (err == ESP_OK && chunk.entry.u.data.size > left) {
            return ESP_ERR_NVS_NOT_FOUND;
        }
        if (err == ESP_OK) {
            err = nvs_page_read_data(chunk.page, chunk.index, &chunk.entry, data);
        }
        if (err != ESP_OK) {
            return err;
        }
        data += chunk.entry.u.data.size;
        left -= chunk.entry.u.data.size;
    }
    return left == 0 ? ESP_OK : ESP_ERR_NVS_NOT_FOUND;
}

esp_err_t nvs_value_read(const struct nvs_storage *storage, const struct nvs_item *item, void *data)
{
    if (item->entry.type == NVS_ITEM_BLOB_INDEX) {
        return read_blob(storage, item, data);
    }
    if (nvs_format_has_data(item->entry.type)) {
        return nvs_page_read_data(item->page, item->index, &item->entry, data);
    }
    memcpy(data, item->entry.u.value, nvs_value_len(item));
    return ESP_OK;
}

// Whether an item that is no blob with chunks holds exactly this. An unreadable one does not.
static bool holds(struct nvs_storage *storage, const struct nvs_item *item, uint8_t type,
                  const void *data, size_t len)
{
    return item->entry.type == type && nvs_value_len(item) == len &&
           nvs_value_read(storage, item, storage->scratch) == ESP_OK &&
           memcmp(storage->scratch, data, len) == 0;
}

static bool blob_holds(struct nvs_storage *storage, const struct nvs_item *index,
                       const uint8_t *data, size_t len)
{
    const struct nvs_entry *entry = &index->entry;
    size_t at = 0;
    if (entry->type != NVS_ITEM_BLOB_INDEX || entry->u.index.size != len) {
        return false;
    }
    for (uint32_t i = 0; i < entry->u.index.count; i++) {
        struct nvs_item chunk;
        if (nvs_storage_find(storage, entry->ns, entry->key, (uint8_t)(entry->u.index.start + i),
                             NULL, &chunk) != ESP_OK ||
            chunk.entry.u.data.size > len - at ||
            !holds(storage, &chunk, NVS_ITEM_BLOB_DATA, data + at, chunk.entry.u.data.size)) {
            return false;
        }
        at += chunk.entry.u.data.size;
    }
    return at == len;
}

// ---- Erasing ---------------------------------------------------------------------------------------

static esp_err_t erase_item(const struct nvs_scope *scope, const struct nvs_item *item)
{
    return nvs_page_erase_item(item->page, item->index, item->entry.span, scope->wipes);
}

static esp_err_t erase_chunks(const struct nvs_scope *scope, const char *key, uint8_t start,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct nvs_item chunk;
        esp_err_t err =
            nvs_storage_find(scope->storage, scope->ns, key, (uint8_t)(start + i), NULL, &chunk);
        if (err == ESP_OK) {
            err = erase_item(scope, &chunk);
        }
        if (err != ESP_OK && err != ESP_ERR_NVS_NOT_FOUND) {
            return err;
        }
    }
    return ESP_OK;
}

esp_err_t nvs_value_erase(const struct nvs_scope *scope, const struct nvs_item *item)
{
    struct nvs_entry entry = item->entry;
    esp_err_t err = erase_item(scope, item);
    if (err == ESP_OK && entry.type == NVS_ITEM_BLOB_INDEX) {
        err = erase_chunks(scope, entry.key, entry.u.index.start, entry.u.index.count);
    }
    return err;
}

// Erases every value of the key but the new one.
static esp_err_t erase_others(const struct nvs_scope *scope, const struct nvs_item *item)
{
    struct nvs_item other;
    esp_err_t err;
    while ((err = nvs_storage_find(scope->storage, scope->ns, item->entry.key, NVS_CHUNK_NONE, item,
                                   &other)) == ESP_OK) {
        err = nvs_value_erase(scope, &other);
        if (err != ESP_OK) {
            return err;
        }
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
}

esp_err_t nvs_value_erase_all(const struct nvs_scope *scope)
{
    // Indexes and plain values first: chunks without an index are harmless, an index without chunks is not.
    for (int pass = 0; pass < 2; pass++) {
        struct nvs_item item = {0};
        esp_err_t err;
        while ((err = nvs_storage_next(scope->storage, &item)) == ESP_OK) {
            if (item.entry.ns == scope->ns &&
                (pass == 1 || item.entry.type != NVS_ITEM_BLOB_DATA)) {
                err = erase_item(scope, &item);
            }
            if (err != ESP_OK) {
                return err;
            }
        }
        if (err != ESP_ERR_NVS_NOT_FOUND) {
            return err;
        }
    }
    return ESP_OK;
}

// ---- Setting ---------------------------------------------------------------------------------------

static struct nvs_item new_item(const struct nvs_scope *scope, uint8_t type, uint8_t chunk)
{
    struct nvs_item item = {.entry = {.ns = scope->ns, .type = type, .chunk = chunk}};
    memset(&item.entry.u, 0xFF, sizeof(item.entry.u));
    return item;
}

static void describe_data(struct nvs_item *item, const void *data, uint32_t len)
{
    item->entry.u.data.size = (uint16_t)len;
    item->entry.u.data.crc = nvs_format_crc(data, len);
}

esp_err_t nvs_value_set(const struct nvs_scope *scope, const char *key, uint8_t type,
                        const void *data, uint32_t len)
{
    struct nvs_item old;
    esp_err_t err = nvs_storage_find(scope->storage, scope->ns, key, NVS_CHUNK_NONE, NULL, &old);
    if (err == ESP_OK && holds(scope->storage, &old, type, data, len)) {
        return ESP_OK;
    }
    if (err != ESP_OK && err != ESP_ERR_NVS_NOT_FOUND) {
        return err;
    }
    struct nvs_item item = new_item(scope, type, NVS_CHUNK_NONE);
    if (nvs_format_has_data(type)) {
        describe_data(&item, data, len);
    } else {
        memcpy(item.entry.u.value, data, len);
    }
    err = nvs_storage_append(scope->storage, &item, key, data);
    return err == ESP_OK ? erase_others(scope, &item) : err;
}

// Bytes that the next chunk may have: the room of this page, or of another one if that is not worth it.
static esp_err_t make_room(struct nvs_storage *storage, size_t left, uint32_t *len)
{
    uint32_t span = left < NVS_DATA_MAX ? nvs_format_span((uint32_t)left) : NVS_ENTRY_COUNT;
    uint32_t room = nvs_storage_room(storage);
    if (room < span && room < SMALL_TAIL) {
        uint32_t least = span < CHUNK_SPAN_MIN ? span : CHUNK_SPAN_MIN;
        esp_err_t err = nvs_storage_turn_page(storage, least);
        if (err != ESP_OK && (err != ESP_ERR_NVS_NOT_ENOUGH_SPACE || room < least)) {
            return err;
        }
        room = nvs_storage_room(storage);
    }
    size_t fits = (size_t)(room - 1) * NVS_ENTRY_SIZE;
    *len = (uint32_t)(left < fits ? left : fits);
    return ESP_OK;
}

static esp_err_t append_chunks(const struct nvs_scope *scope, const char *key, const uint8_t *data,
                               size_t len, uint8_t start, uint8_t *count)
{
    do {
        uint32_t part;
        if (*count >= NVS_CHUNK_MAX) {
            return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
        }
        esp_err_t err = make_room(scope->storage, len, &part);
        if (err != ESP_OK) {
            return err;
        }
        struct nvs_item chunk = new_item(scope, NVS_ITEM_BLOB_DATA, (uint8_t)(start + *count));
        describe_data(&chunk, data, part);
        err = nvs_storage_append(scope->storage, &chunk, key, data);
        if (err != ESP_OK) {
            return err;
        }
        (*count)++;
        data += part;
        len -= part;
    } while (len > 0);
    return ESP_OK;
}

static esp_err_t replace_blob(const struct nvs_scope *scope, const char *key, const void *data,
                              size_t len, uint8_t start)
{
    uint8_t count = 0;
    esp_err_t err = append_chunks(scope, key, data, len, start, &count);
    struct nvs_item index = new_item(scope, NVS_ITEM_BLOB_INDEX, NVS_CHUNK_NONE);
    index.entry.u.index.size = (uint32_t)len;
    index.entry.u.index.count = count;
    index.entry.u.index.start = start;
    if (err == ESP_OK) {
        err = nvs_storage_append(scope->storage, &index, key, NULL);
    }
    if (err != ESP_OK) {
        ESP_IGNORE_ERROR(
            erase_chunks(scope, key, start, count)); // failed already; loading does it too
        return err;
    }
    return erase_others(scope, &index);
}

esp_err_t nvs_value_set_blob(const struct nvs_scope *scope, const char *key, const void *data,
                             size_t len)
{
    struct nvs_storage *storage = scope->storage;
    struct nvs_item old;
    if (len > BLOB_MAX || len > (size_t)(storage->page_count - 1) * NVS_DATA_MAX) {
        return ESP_ERR_NVS_VALUE_TOO_LONG;
    }
    esp_err_t err = nvs_storage_find(storage, scope->ns, key, NVS_CHUNK_NONE, NULL, &old);
    if (err == ESP_OK && blob_holds(storage, &old, data, len)) {
        return ESP_OK;
    }
    if (err != ESP_OK && err != ESP_ERR_NVS_NOT_FOUND) {
        return err;
    }
    size_t entries = len / NVS_ENTRY_SIZE + len / NVS_DATA_MAX + 2; // at least
    if (entries + NVS_ENTRY_COUNT > nvs_storage_count_unused(storage)) {
        return ESP_ERR_NVS_NOT_ENOUGH_SPACE; // known before the first write
    }
    bool is_on_first_side = err == ESP_OK && old.entry.type == NVS_ITEM_BLOB_INDEX &&
                            old.entry.u.index.start < NVS_CHUNK_SIDE;
    return replace_blob(scope, key, data, len, is_on_first_side ? NVS_CHUNK_SIDE : 0);
}
