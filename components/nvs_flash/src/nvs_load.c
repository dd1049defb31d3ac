// From whatever flash holds to a set of items without contradictions. Each step may be cut and begins again from the top.
#include "nvs_storage.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

static const char TAG[] = "nvs";

// ---- Pages -----------------------------------------------------------------------------------------

static bool is_older(const struct nvs_page *a, const struct nvs_page *b)
{
    return a->seq != b->seq ? a->seq < b->seq : a->offset < b->offset;
}

static esp_err_t load_pages(struct nvs_storage *storage)
{
    storage->live_count = 0;
    for (uint32_t i = 0; i < storage->page_count; i++) {
        struct nvs_page *page = &storage->pages[i];
        *page = (struct nvs_page){.partition = &storage->partition,
                                  .offset = i * NVS_PAGE_SIZE,
                                  .is_read_only = storage->is_read_only};
        esp_err_t err = nvs_page_load(page);
        if (err != ESP_OK) {
            return err;
        }
        if (nvs_page_is_live(page)) {
            uint32_t at = storage->live_count++;
            for (; at > 0 && is_older(page, storage->order[at - 1]); at--) {
                storage->order[at] = storage->order[at - 1];
            }
            storage->order[at] = page;
        }
    }
    return ESP_OK;
}

// Entries of an encrypted partition are there, and not one makes sense. They must not be erased as damaged. A single one may be
// the first of all, whose write was cut.
static esp_err_t check_readable(const struct nvs_storage *storage)
{
    struct nvs_item item = {0};
    uint32_t written = 0;
    for (uint32_t i = 0; i < storage->live_count; i++) {
        written += nvs_page_count_written(storage->order[i]);
    }
    esp_err_t err = nvs_storage_next(storage, &item);
    if (err == ESP_ERR_NVS_NOT_FOUND && written > 1) {
        ESP_LOGE(TAG,
                 "not one of %u entries in partition %s is readable: it is encrypted, which is not "
                 "supported, or damaged",
                 (unsigned)written, storage->partition.label);
        return ESP_ERR_NVS_WRONG_ENCRYPTION;
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
}

static struct nvs_page *find_freeing(const struct nvs_storage *storage)
{
    for (uint32_t i = 0; i < storage->live_count; i++) {
        if (storage->order[i]->state == NVS_PAGE_FREEING) {
            return storage->order[i];
        }
    }
    return NULL;
}

// A page was being moved: the newest page, if it is active, is an unfinished copy.
static esp_err_t finish_moves(struct nvs_storage *storage)
{
    struct nvs_page *page = find_freeing(storage);
    if (!page) {
        return ESP_OK;
    }
    struct nvs_page *newest = storage->order[storage->live_count - 1];
    esp_err_t err = ESP_OK;
    if (newest->state == NVS_PAGE_ACTIVE) {
        err = nvs_storage_discard(storage, newest);
    }
    while (err == ESP_OK && page) {
        newest = storage->order[storage->live_count - 1];
        if (storage->is_read_only) {
            page->state = NVS_PAGE_FULL;               // in memory only
        } else if (newest->state == NVS_PAGE_ACTIVE) { // several moves at once: nobody writes that
            err = nvs_page_set_state(newest, NVS_PAGE_FULL);
        }
        if (err == ESP_OK && !storage->is_read_only) {
            err = nvs_page_settle(page, storage->scratch);
        }
        if (err == ESP_OK && !storage->is_read_only) { // a cut may have left the mark half set
            err = nvs_page_set_state(page, NVS_PAGE_FREEING);
        }
        if (err == ESP_OK && !storage->is_read_only) {
            err = nvs_storage_move_page(storage, page);
        }
        page = find_freeing(storage);
    }
    return err;
}

static esp_err_t settle_pages(struct nvs_storage *storage)
{
    esp_err_t err = ESP_OK;
    for (uint32_t i = 0; i < storage->live_count && err == ESP_OK; i++) {
        err = nvs_page_settle(storage->order[i], storage->scratch);
        if (err == ESP_OK) {
            err = nvs_page_refresh(storage->order[i], storage->scratch);
        }
    }
    return err;
}

// One page must be empty, or nothing can ever be moved.
static esp_err_t keep_one_free(struct nvs_storage *storage)
{
    if (storage->is_read_only || nvs_storage_count_free(storage) > 0) {
        return ESP_OK;
    }
    for (uint32_t i = storage->live_count; i > 0; i--) {
        struct nvs_page *page = storage->order[i - 1];
        if (nvs_page_count_written(page) == 0) {
            return nvs_storage_discard(storage, page);
        }
    }
    ESP_LOGE(TAG, "partition %s has no empty page", storage->partition.label);
    return ESP_ERR_NVS_NO_FREE_PAGES;
}

// ---- Items that contradict each other --------------------------------------------------------------

// Items with the same hash of namespace and key stand together, oldest first.
struct item_ref {
    uint32_t hash;
    uint32_t page; // position in the order
    uint32_t index;
};

static int compare_refs(const void *a, const void *b)
{
    const struct item_ref *left = a;
    const struct item_ref *right = b;
    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    if (left->page != right->page) {
        return left->page < right->page ? -1 : 1;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

static uint32_t hash_of(const struct nvs_entry *entry)
{
    uint8_t bytes[1 + sizeof(entry->key)];
    bytes[0] = entry->ns;
    memcpy(bytes + 1, entry->key, sizeof(entry->key));
    return nvs_format_crc(bytes, sizeof(bytes));
}

static esp_err_t list_items(const struct nvs_storage *storage, struct item_ref **out,
                            uint32_t *out_count)
{
    struct item_ref *refs =
        malloc((storage->live_count * NVS_ENTRY_COUNT + 1) * sizeof(struct item_ref));
    uint32_t count = 0;
    if (!refs) {
        return ESP_ERR_NO_MEM;
    }
    for (uint32_t i = 0; i < storage->live_count; i++) {
        struct nvs_entry entry;
        esp_err_t err;
        for (uint32_t index = 0; (err = nvs_page_next(storage->order[i], &index, &entry)) == ESP_OK;
             index += entry.span) {
            refs[count++] = (struct item_ref){hash_of(&entry), i, index};
        }
        if (err != ESP_ERR_NVS_NOT_FOUND) {
            free(refs);
            return err;
        }
    }
    qsort(refs, count, sizeof(*refs), compare_refs);
    *out = refs;
    *out_count = count;
    return ESP_OK;
}

// Items of one hash, read into memory; page NULL: erased by now.
struct group {
    struct nvs_item *items;
    uint32_t count;
};

static bool has_same_key(const struct nvs_entry *a, const struct nvs_entry *b)
{
    return a->ns == b->ns && strcmp(a->key, b->key) == 0;
}

static bool is_chunk(const struct nvs_entry *entry)
{
    return entry->type == NVS_ITEM_BLOB_DATA;
}

static bool covers(const struct nvs_entry *index, const struct nvs_entry *chunk)
{
    return index->type == NVS_ITEM_BLOB_INDEX && has_same_key(index, chunk) &&
           chunk->chunk >= index->u.index.start &&
           chunk->chunk - index->u.index.start < index->u.index.count;
}

static esp_err_t drop(struct nvs_item *item)
{
    esp_err_t err = nvs_page_erase_item(item->page, item->index, item->entry.span, false);
    item->page = NULL;
    return err;
}

// Chunks with a number that a newer one has too.
static esp_err_t drop_old_chunks(const struct group *group)
{
    struct nvs_item *newest[256] = {0};
    for (uint32_t i = 0; i < group->count; i++) {
        struct nvs_item *item = &group->items[i];
        struct nvs_item **place = &newest[item->entry.chunk];
        if (!is_chunk(&item->entry)) {
            continue;
        }
        if (*place && has_same_key(&(*place)->entry, &item->entry)) {
            esp_err_t err = drop(*place);
            if (err != ESP_OK) {
                return err;
            }
        }
        *place = item;
    }
    return ESP_OK;
}

// Indexes whose chunks are not all there.
static esp_err_t drop_broken_indexes(const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct nvs_item *index = &group->items[i];
        if (!index->page || index->entry.type != NVS_ITEM_BLOB_INDEX) {
            continue;
        }
        uint64_t size = 0;
        uint32_t count = 0;
        for (uint32_t k = 0; k < group->count; k++) {
            const struct nvs_item *chunk = &group->items[k];
            if (chunk->page && is_chunk(&chunk->entry) && covers(&index->entry, &chunk->entry)) {
                size += chunk->entry.u.data.size;
                count++;
            }
        }
        if (count != index->entry.u.index.count || size != index->entry.u.index.size) {
            esp_err_t err = drop(index);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

// Values that a newer value of the key replaces: the cut came before they were erased.
static esp_err_t drop_old_values(const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct nvs_item *item = &group->items[i];
        bool is_replaced = false;
        for (uint32_t k = i + 1; k < group->count && item->page && !is_replaced; k++) {
            const struct nvs_item *newer = &group->items[k];
            is_replaced = newer->page && !is_chunk(&newer->entry) &&
                          has_same_key(&newer->entry, &item->entry);
        }
        if (is_replaced && !is_chunk(&item->entry)) {
            esp_err_t err = drop(item);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

static esp_err_t drop_orphan_chunks(const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct nvs_item *item = &group->items[i];
        bool has_index = false;
        for (uint32_t k = 0; k < group->count; k++) {
            has_index =
                has_index || (group->items[k].page && covers(&group->items[k].entry, &item->entry));
        }
        if (item->page && is_chunk(&item->entry) && !has_index) {
            esp_err_t err = drop(item);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

static esp_err_t resolve_group(const struct nvs_storage *storage, const struct item_ref *refs,
                               const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct nvs_item *item = &group->items[i];
        item->page = storage->order[refs[i].page];
        item->index = refs[i].index;
        esp_err_t err = nvs_page_next(item->page, &item->index, &item->entry);
        if (err != ESP_OK || item->index != refs[i].index) {
            return err != ESP_OK ? err : ESP_ERR_NVS_INVALID_STATE;
        }
    }
    esp_err_t err = drop_old_chunks(group);
    if (err == ESP_OK) {
        err = drop_broken_indexes(group);
    }
    if (err == ESP_OK) {
        err = drop_old_values(group);
    }
    return err == ESP_OK ? drop_orphan_chunks(group) : err;
}

static esp_err_t resolve_groups(const struct nvs_storage *storage, const struct item_ref *refs,
                                uint32_t count)
{
    struct nvs_item *items = malloc((count + 1) * sizeof(*items));
    esp_err_t err = items ? ESP_OK : ESP_ERR_NO_MEM;
    uint32_t next;
    for (uint32_t i = 0; i < count && err == ESP_OK; i = next) {
        for (next = i + 1; next < count && refs[next].hash == refs[i].hash; next++) {
        }
        err = resolve_group(storage, refs + i, &(struct group){items, next - i});
    }
    free(items);
    return err;
}

static esp_err_t resolve(const struct nvs_storage *storage)
{
    struct item_ref *refs = NULL;
    uint32_t count = 0;
    esp_err_t err = list_items(storage, &refs, &count);
    if (err == ESP_OK) {
        err = resolve_groups(storage, refs, count);
    }
    free(refs);
    return err;
}

// ---- Life ------------------------------------------------------------------------------------------

esp_err_t nvs_storage_load(struct nvs_storage *storage)
{
    storage->is_stale = true;
    esp_err_t err = load_pages(storage);
    if (err == ESP_OK) {
        err = check_readable(storage);
    }
    if (err == ESP_OK) {
        err = finish_moves(storage);
    }
    if (err == ESP_OK) {
        err = settle_pages(storage);
    }
    if (err == ESP_OK) {
        err = resolve(storage);
    }
    if (err == ESP_OK) {
        err = keep_one_free(storage);
    }
    storage->is_stale = err != ESP_OK;
    return err;
}

esp_err_t nvs_storage_init(struct nvs_storage *storage, const esp_partition_t *partition)
{
    *storage = (struct nvs_storage){.partition = *partition, .is_read_only = partition->readonly};
    storage->page_count = partition->size / NVS_PAGE_SIZE;
    if (storage->page_count < (storage->is_read_only ? 1 : NVS_MIN_PAGES)) {
        ESP_LOGE(TAG, "partition %s has %u pages, at least %u are needed", partition->label,
                 (unsigned)storage->page_count, storage->is_read_only ? 1 : NVS_MIN_PAGES);
        return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
    }
    storage->pages = calloc(storage->page_count, sizeof(*storage->pages));
    storage->order = calloc(storage->page_count, sizeof(struct nvs_page *));
    storage->scratch = malloc(NVS_DATA_MAX);
    esp_err_t err = storage->pages && storage->order && storage->scratch ? nvs_storage_load(storage)
                                                                         : ESP_ERR_NO_MEM;
    if (err != ESP_OK) {
        nvs_storage_deinit(storage);
    }
    return err;
}

void nvs_storage_deinit(struct nvs_storage *storage)
{
    free(storage->pages);
    free(storage->order);
    free(storage->scratch);
    *storage = (struct nvs_storage){0};
}
