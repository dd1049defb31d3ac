#include "nvs_storage.h"

#include <string.h>

#include "esp_flash.h"
#include "esp_log.h"

static const char TAG[] = "nvs";

// ---- Finding ---------------------------------------------------------------------------------------

static uint32_t position_of(const struct nvs_storage *storage, const struct nvs_page *page)
{
    uint32_t i = 0;
    while (i < storage->live_count && storage->order[i] != page) {
        i++;
    }
    return i;
}

esp_err_t nvs_storage_next(const struct nvs_storage *storage, struct nvs_item *item)
{
    uint32_t at = item->page ? position_of(storage, item->page) : 0;
    uint32_t index = item->page ? item->index + item->entry.span : 0;
    for (; at < storage->live_count; at++, index = 0) {
        struct nvs_entry entry;
        esp_err_t err = nvs_page_next(storage->order[at], &index, &entry);
        if (err == ESP_OK) {
            *item = (struct nvs_item){storage->order[at], index, entry};
        }
        if (err != ESP_ERR_NVS_NOT_FOUND) {
            return err;
        }
    }
    return ESP_ERR_NVS_NOT_FOUND;
}

static bool is_same_place(const struct nvs_item *a, const struct nvs_item *b)
{
    return b && a->page == b->page && a->index == b->index;
}

static bool has_key(const struct nvs_entry *entry, uint8_t ns, const char *key, uint8_t chunk)
{
    bool is_chunk = entry->type == NVS_ITEM_BLOB_DATA;
    return entry->ns == ns && is_chunk == (chunk != NVS_CHUNK_NONE) &&
           (!is_chunk || entry->chunk == chunk) && strcmp(entry->key, key) == 0;
}

esp_err_t nvs_storage_find(const struct nvs_storage *storage, uint8_t ns, const char *key,
                           uint8_t chunk, const struct nvs_item *except, struct nvs_item *out)
{
    struct nvs_item item = {0};
    esp_err_t err;
    while ((err = nvs_storage_next(storage, &item)) == ESP_OK) {
        if (has_key(&item.entry, ns, key, chunk) && !is_same_place(&item, except)) {
            *out = item;
            return ESP_OK;
        }
    }
    return err;
}

uint32_t nvs_storage_count_unused(const struct nvs_storage *storage)
{
    uint32_t unused = storage->page_count * NVS_ENTRY_COUNT;
    for (uint32_t i = 0; i < storage->live_count; i++) {
        unused -= nvs_page_count_written(storage->order[i]);
    }
    return unused;
}

// ---- Pages -----------------------------------------------------------------------------------------

static struct nvs_page *active_page(const struct nvs_storage *storage)
{
    struct nvs_page *newest =
        storage->live_count > 0 ? storage->order[storage->live_count - 1] : NULL;
    return newest && newest->state == NVS_PAGE_ACTIVE ? newest : NULL;
}

uint32_t nvs_storage_room(const struct nvs_storage *storage)
{
    const struct nvs_page *page = active_page(storage);
    return page ? NVS_ENTRY_COUNT - page->next_free : 0;
}

uint32_t nvs_storage_count_free(const struct nvs_storage *storage)
{
    return storage->page_count - storage->live_count;
}

esp_err_t nvs_storage_discard(struct nvs_storage *storage, struct nvs_page *page)
{
    uint32_t at = position_of(storage, page);
    if (at < storage->live_count) {
        storage->live_count--;
        for (uint32_t i = at; i < storage->live_count; i++) {
            storage->order[i] = storage->order[i + 1];
        }
    }
    return nvs_page_discard(page);
}

// The free page to use next: behind the newest one, so that all wear alike.
static struct nvs_page *free_page(const struct nvs_storage *storage)
{
    uint32_t start = 0;
    if (storage->live_count > 0) {
        start = (uint32_t)(storage->order[storage->live_count - 1] - storage->pages) + 1;
    }
    for (uint32_t i = 0; i < storage->page_count; i++) {
        struct nvs_page *page = &storage->pages[(start + i) % storage->page_count];
        if (!nvs_page_is_live(page)) {
            return page;
        }
    }
    return NULL;
}

// The number of the next page; UINT32_MAX: there is none, which nobody reaches by writing.
static uint32_t next_seq(const struct nvs_storage *storage)
{
    uint32_t newest =
        storage->live_count > 0 ? storage->order[storage->live_count - 1]->seq : UINT32_MAX;
    return storage->live_count > 0 && newest >= UINT32_MAX - 1 ? UINT32_MAX : newest + 1;
}

static esp_err_t activate_page(struct nvs_storage *storage)
{
    struct nvs_page *page = free_page(storage);
    uint32_t seq = next_seq(storage);
    if (!page || seq == UINT32_MAX) {
        return ESP_ERR_NVS_NO_FREE_PAGES;
    }
    esp_err_t err = nvs_page_activate(page, seq);
    if (err == ESP_OK) {
        storage->order[storage->live_count++] = page;
    }
    return err;
}

esp_err_t nvs_storage_move_page(struct nvs_storage *storage, struct nvs_page *page)
{
    esp_err_t err = activate_page(storage);
    struct nvs_page *target = active_page(storage);
    struct nvs_entry entry;
    for (uint32_t index = 0; err == ESP_OK; index += entry.span) {
        uint32_t moved;
        err = nvs_page_next(page, &index, &entry);
        if (err != ESP_OK) {
            break;
        }
        // Of a type that is not known the bytes behind the entry cannot be checked, and none exists that has any.
        if (nvs_format_has_data(entry.type)) {
            err = nvs_page_read_data(page, index, &entry, storage->scratch);
        } else if (entry.span != 1) {
            err = ESP_ERR_NVS_NOT_FOUND;
        }
        if (err == ESP_OK) {
            err = nvs_page_append(target, &entry, storage->scratch, &moved);
        } else if (err == ESP_ERR_NVS_NOT_FOUND) {
            ESP_LOGW(TAG, "the damaged value of %s is left behind", entry.key);
            err = ESP_OK;
        }
    }
    if (err == ESP_ERR_NVS_NOT_FOUND) { // all copied
        err = esp_flash_sync(storage->partition.flash_chip);
    }
    return err == ESP_OK ? nvs_storage_discard(storage, page) : err;
}

static struct nvs_page *emptiest_page(const struct nvs_storage *storage)
{
    struct nvs_page *best = NULL;
    for (uint32_t i = 0; i < storage->live_count; i++) {
        struct nvs_page *page = storage->order[i];
        if (!best || nvs_page_count_written(page) < nvs_page_count_written(best)) {
            best = page;
        }
    }
    return best;
}

esp_err_t nvs_storage_turn_page(struct nvs_storage *storage, uint32_t entries)
{
    struct nvs_page *page = active_page(storage);
    struct nvs_page *victim = NULL;
    if (nvs_storage_count_free(storage) < 2) {
        victim = emptiest_page(storage);
        if (!victim || NVS_ENTRY_COUNT - nvs_page_count_written(victim) < entries) {
            return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
        }
    }
    if (next_seq(storage) == UINT32_MAX) {
        return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
    }
    esp_err_t err = page ? nvs_page_set_state(page, NVS_PAGE_FULL) : ESP_OK;
    if (err != ESP_OK || !victim) {
        return err == ESP_OK ? activate_page(storage) : err;
    }
    // Marked before the new page begins: the newest page is then a copy in the making, and nothing else.
    err = nvs_page_set_state(victim, NVS_PAGE_FREEING);
    return err == ESP_OK ? nvs_storage_move_page(storage, victim) : err;
}

// ---- Appending -------------------------------------------------------------------------------------

esp_err_t nvs_storage_append(struct nvs_storage *storage, struct nvs_item *item, const char *key,
                             const void *data)
{
    struct nvs_entry *entry = &item->entry;
    memset(entry->key, 0, sizeof(entry->key));
    memcpy(entry->key, key, strlen(key));
    entry->span =
        nvs_format_has_data(entry->type) ? (uint8_t)nvs_format_span(entry->u.data.size) : 1;
    entry->crc = nvs_format_entry_crc(entry);
    esp_err_t err = ESP_OK;
    if (nvs_storage_room(storage) < entry->span) {
        err = nvs_storage_turn_page(storage, entry->span);
    }
    if (err == ESP_OK) {
        item->page = active_page(storage);
        err = nvs_page_append(item->page, entry, data, &item->index);
    }
    return err;
}
