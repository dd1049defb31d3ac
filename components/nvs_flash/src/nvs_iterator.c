// Searching. An iterator remembers numbers, not pointers, so that nothing that happens meanwhile can harm it.
#include <stdlib.h>
#include <string.h>

#include "nvs.h"
#include "nvs_partitions.h"

struct nvs_opaque_iterator_t {
    uint32_t partition_serial;
    uint8_t ns; // NVS_NAMESPACE_LIST: all
    nvs_type_t type;
    uint32_t page_seq; // where it stands
    uint32_t index;
    nvs_entry_info_t info;
};

static nvs_type_t type_of(const struct nvs_entry *entry)
{
    return (nvs_type_t)nvs_format_public_type(entry->type);
}

static bool is_wanted(const struct nvs_opaque_iterator_t *it, const struct nvs_entry *entry)
{
    return entry->ns != NVS_NAMESPACE_LIST && entry->type != NVS_ITEM_BLOB_DATA &&
           (it->ns == NVS_NAMESPACE_LIST || it->ns == entry->ns) &&
           (it->type == NVS_TYPE_ANY || it->type == type_of(entry));
}

static esp_err_t name_namespace(const struct nvs_storage *storage, uint8_t ns, char *out)
{
    struct nvs_item item = {0};
    esp_err_t err;
    while ((err = nvs_storage_next(storage, &item)) == ESP_OK) {
        if (item.entry.ns == NVS_NAMESPACE_LIST && item.entry.type == NVS_TYPE_U8 &&
            item.entry.u.value[0] == ns) {
            memcpy(out, item.entry.key, NVS_NS_NAME_MAX_SIZE);
            return ESP_OK;
        }
    }
    return err;
}

static bool is_behind(const struct nvs_opaque_iterator_t *it, const struct nvs_item *item)
{
    return item->page->seq > it->page_seq ||
           (item->page->seq == it->page_seq && item->index >= it->index);
}

// The first wanted item at or behind the place of the iterator. Items of a namespace without name are of nobody.
static esp_err_t search(struct nvs_opaque_iterator_t *it)
{
    struct nvs_partition *partition = nvs_partitions_find_serial(it->partition_serial);
    struct nvs_item item = {0};
    esp_err_t err = partition ? nvs_partitions_refresh(partition) : ESP_ERR_NVS_NOT_FOUND;
    while (err == ESP_OK && (err = nvs_storage_next(&partition->storage, &item)) == ESP_OK) {
        nvs_entry_info_t info = {.type = type_of(&item.entry)};
        if (!is_behind(it, &item) || !is_wanted(it, &item.entry)) {
            continue;
        }
        err = name_namespace(&partition->storage, item.entry.ns, info.namespace_name);
        if (err == ESP_OK) {
            memcpy(info.key, item.entry.key, sizeof(info.key));
            it->info = info;
            it->page_seq = item.page->seq;
            it->index = item.index + item.entry.span;
            return ESP_OK;
        }
        err = err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
    }
    return err;
}

static esp_err_t begin_search(const struct nvs_opaque_iterator_t *start, nvs_iterator_t *out)
{
    struct nvs_opaque_iterator_t *it = malloc(sizeof(*it));
    if (!it) {
        return ESP_ERR_NO_MEM;
    }
    *it = *start;
    esp_err_t err = search(it);
    if (err != ESP_OK) {
        free(it);
        return err;
    }
    *out = it;
    return ESP_OK;
}

static esp_err_t find_in_partition(const char *part_name, const char *namespace_name,
                                   nvs_type_t type, nvs_iterator_t *out)
{
    struct nvs_partition *partition = nvs_partitions_find(part_name);
    struct nvs_item item;
    if (!partition) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    struct nvs_opaque_iterator_t start = {.partition_serial = partition->serial, .type = type};
    esp_err_t err = nvs_partitions_refresh(partition);
    if (err == ESP_OK && namespace_name) {
        err = nvs_storage_find(&partition->storage, NVS_NAMESPACE_LIST, namespace_name,
                               NVS_CHUNK_NONE, NULL, &item);
        if (err == ESP_OK && item.entry.u.value[0] == NVS_NAMESPACE_LIST) {
            err = ESP_ERR_NVS_NOT_FOUND; // nobody writes that
        }
        if (err == ESP_OK) {
            start.ns = item.entry.u.value[0];
        }
    }
    return err == ESP_OK ? begin_search(&start, out) : err;
}

esp_err_t nvs_entry_find(const char *part_name, const char *namespace_name, nvs_type_t type,
                         nvs_iterator_t *output_iterator)
{
    if (!part_name || !output_iterator) {
        return ESP_ERR_INVALID_ARG;
    }
    *output_iterator = NULL;
    esp_err_t err = nvs_partitions_lock();
    if (err == ESP_OK) {
        err = find_in_partition(part_name, namespace_name, type, output_iterator);
        nvs_partitions_unlock();
    }
    return err;
}

esp_err_t nvs_entry_find_in_handle(nvs_handle_t handle, nvs_type_t type,
                                   nvs_iterator_t *output_iterator)
{
    if (!output_iterator) {
        return ESP_ERR_INVALID_ARG;
    }
    *output_iterator = NULL;
    esp_err_t err = nvs_partitions_lock();
    if (err != ESP_OK) {
        return err;
    }
    struct nvs_opaque_iterator_t start = {.type = type};
    err = nvs_handle_scope(handle, &start.partition_serial, &start.ns);
    if (err == ESP_OK) {
        err = begin_search(&start, output_iterator);
    }
    nvs_partitions_unlock();
    return err;
}

esp_err_t nvs_entry_next(nvs_iterator_t *iterator)
{
    if (!iterator || !*iterator) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = nvs_partitions_lock();
    if (err == ESP_OK) {
        err = search(*iterator);
        nvs_partitions_unlock();
    }
    if (err != ESP_OK) {
        free(*iterator);
        *iterator = NULL;
    }
    return err;
}

esp_err_t nvs_entry_info(nvs_iterator_t iterator, nvs_entry_info_t *out_info)
{
    if (!iterator || !out_info) {
        return ESP_ERR_INVALID_ARG;
    }
    *out_info = iterator->info;
    return ESP_OK;
}

void nvs_release_iterator(nvs_iterator_t iterator)
{
    free(iterator);
}

// ---- Counting --------------------------------------------------------------------------------------

static esp_err_t count_entries(struct nvs_partition *partition, nvs_stats_t *stats)
{
    const struct nvs_storage *storage = &partition->storage;
    struct nvs_item item = {0};
    esp_err_t err = nvs_partitions_refresh(partition);
    nvs_stats_t counts = {.total_entries = (size_t)storage->page_count * NVS_ENTRY_COUNT};
    while (err == ESP_OK && (err = nvs_storage_next(storage, &item)) == ESP_OK) {
        counts.namespace_count += item.entry.ns == NVS_NAMESPACE_LIST;
    }
    if (err != ESP_ERR_NVS_NOT_FOUND) {
        return err;
    }
    counts.free_entries = nvs_storage_count_unused(storage);
    counts.used_entries = counts.total_entries - counts.free_entries;
    counts.available_entries =
        counts.free_entries > NVS_ENTRY_COUNT ? counts.free_entries - NVS_ENTRY_COUNT : 0;
    *stats = counts;
    return ESP_OK;
}

esp_err_t nvs_get_stats(const char *part_name, nvs_stats_t *nvs_stats)
{
    if (!nvs_stats) {
        return ESP_ERR_INVALID_ARG;
    }
    *nvs_stats = (nvs_stats_t){0};
    esp_err_t err = nvs_partitions_lock();
    if (err != ESP_OK) {
        return err;
    }
    struct nvs_partition *partition =
        nvs_partitions_find(part_name ? part_name : NVS_DEFAULT_PART_NAME);
    err = partition ? count_entries(partition, nvs_stats) : ESP_ERR_NVS_NOT_INITIALIZED;
    nvs_partitions_unlock();
    return err;
}
