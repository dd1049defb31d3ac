/**
 * The pages of one partition as a set of items. No locking; nvs_flash.c has the one lock.
 *
 * An item belongs to a namespace and a key. There is one value of a key: an integer, a string, a blob of format 1 or the
 * index of a blob, whose chunks are items too.
 */
#pragma once

#include "nvs_page.h"

#define NVS_MIN_PAGES  3u // fact: ESP-IDF, NVS_PART_MIN_SIZE; one page is always empty
#define NVS_LABEL_SIZE 17 // as in esp_partition_t

struct nvs_storage {
    esp_partition_t partition;
    bool is_read_only;
    bool is_stale; // a flash operation failed: load again before anything else
    struct nvs_page *pages;
    uint32_t page_count;
    struct nvs_page **order; // the live pages, oldest first
    uint32_t live_count;
    uint8_t *scratch; // NVS_DATA_MAX bytes: data on the way
};

struct nvs_item {
    struct nvs_page *page; // NULL: none
    uint32_t index;
    struct nvs_entry entry;
};

// ---- Life (nvs_load.c) -----------------------------------------------------------------------------

/** @return ESP_OK; ESP_ERR_NVS_NOT_ENOUGH_SPACE: too few pages; ESP_ERR_NO_MEM; or as nvs_storage_load() */
esp_err_t nvs_storage_init(struct nvs_storage *storage,
                           const esp_partition_t *partition) ESP_MUST_CHECK;

void nvs_storage_deinit(struct nvs_storage *storage);

/**
 * Reads all pages and repairs what a cut left. Errors as nvs_flash_init_partition().
 * Cut: each value is there as it was.
 */
esp_err_t nvs_storage_load(struct nvs_storage *storage) ESP_MUST_CHECK;

// ---- Items (nvs_storage.c) -------------------------------------------------------------------------

/**
 * The next item behind *item in the order of writing.
 * @param[in,out] item  page NULL: begin; left alone on failure
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: no further item; or the flash error
 */
esp_err_t nvs_storage_next(const struct nvs_storage *storage, struct nvs_item *item) ESP_MUST_CHECK;

/**
 * Finds the item of a key.
 * @param chunk   NVS_CHUNK_NONE: its value; else this chunk
 * @param except  not this one; may be NULL
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND; or the flash error
 */
esp_err_t nvs_storage_find(const struct nvs_storage *storage, uint8_t ns, const char *key,
                           uint8_t chunk, const struct nvs_item *except,
                           struct nvs_item *out) ESP_MUST_CHECK;

/**
 * Appends an item, making room first; items may move meanwhile.
 * @param item  ns, type, chunk and u (but no CRC and no span) of its entry are set; key comes beside. Completed here
 * @param data  u.data.size bytes if the type has data
 * @return ESP_OK; ESP_ERR_NVS_NOT_ENOUGH_SPACE; or the flash error
 */
esp_err_t nvs_storage_append(struct nvs_storage *storage, struct nvs_item *item, const char *key,
                             const void *data) ESP_MUST_CHECK;

/** Blank entries of the page that is written to now. */
uint32_t nvs_storage_room(const struct nvs_storage *storage);

/**
 * Gets another page to write to, with at least this many blank entries.
 * @return ESP_OK; ESP_ERR_NVS_NOT_ENOUGH_SPACE: nothing changed; or the flash error
 */
esp_err_t nvs_storage_turn_page(struct nvs_storage *storage, uint32_t entries) ESP_MUST_CHECK;

/** Copies what lives in a page that is FREEING to a page that is activated here, and empties the old one. */
esp_err_t nvs_storage_move_page(struct nvs_storage *storage, struct nvs_page *page) ESP_MUST_CHECK;

/** Empties a page and takes it out of the order. */
esp_err_t nvs_storage_discard(struct nvs_storage *storage, struct nvs_page *page) ESP_MUST_CHECK;

/** Entries that are not written, in all pages. */
uint32_t nvs_storage_count_unused(const struct nvs_storage *storage);

/** Pages that hold nothing. */
uint32_t nvs_storage_count_free(const struct nvs_storage *storage);

// ---- Values (nvs_value.c) --------------------------------------------------------------------------

/** Where values of a handle live. */
struct nvs_scope {
    struct nvs_storage *storage;
    uint8_t ns;
    bool wipes; // what is erased
};

/**
 * Sets an integer or a string, in place of whatever the key has.
 * @return ESP_OK; ESP_ERR_NVS_NOT_ENOUGH_SPACE; or the flash error
 */
esp_err_t nvs_value_set(const struct nvs_scope *scope, const char *key, uint8_t type,
                        const void *data, uint32_t len) ESP_MUST_CHECK;

/** Sets a blob. @return as nvs_value_set(); ESP_ERR_NVS_VALUE_TOO_LONG */
esp_err_t nvs_value_set_blob(const struct nvs_scope *scope, const char *key, const void *data,
                             size_t len) ESP_MUST_CHECK;

/** Bytes of the value of an item that is no chunk. */
size_t nvs_value_len(const struct nvs_item *item);

/**
 * Reads a value.
 * @param data  nvs_value_len(item) bytes
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: it is damaged; or the flash error
 */
esp_err_t nvs_value_read(const struct nvs_storage *storage, const struct nvs_item *item,
                         void *data) ESP_MUST_CHECK;

/** Erases a value with all its chunks. */
esp_err_t nvs_value_erase(const struct nvs_scope *scope,
                          const struct nvs_item *item) ESP_MUST_CHECK;

/** Erases all items of the namespace. */
esp_err_t nvs_value_erase_all(const struct nvs_scope *scope) ESP_MUST_CHECK;
