/**
 * One page: reading what stands there, appending items, erasing them. An item is an entry with the data behind it.
 *
 * Of a read-only page only the picture in memory changes.
 */
#pragma once

#include "esp_partition.h"
#include "nvs_format.h"

struct nvs_page {
    const esp_partition_t *partition;
    uint32_t offset; // in the partition
    uint32_t state;  // NVS_PAGE_*
    uint32_t seq;
    uint32_t next_free; // entries from here on are blank; 0 in an empty page
    uint8_t states[NVS_STATES_LEN];
    bool
        is_erased; // since this page was loaded: what looks blank may else be what a cut erase left
    bool is_read_only;
};

/**
 * Looks at the page. Changes nothing on flash.
 * @return ESP_OK; ESP_ERR_NVS_NEW_VERSION_FOUND; or the flash error
 */
esp_err_t nvs_page_load(struct nvs_page *page) ESP_MUST_CHECK;

/** Whether the page holds items: neither empty nor void. */
bool nvs_page_is_live(const struct nvs_page *page);

/** Entries that are written, data included. */
uint32_t nvs_page_count_written(const struct nvs_page *page);

/**
 * The next item at or behind *index that is sound as far as its entry and the states tell.
 * @param[in,out] index  where to look; set to the item's
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: no further item; or the flash error
 */
esp_err_t nvs_page_next(const struct nvs_page *page, uint32_t *index,
                        struct nvs_entry *entry) ESP_MUST_CHECK;

/**
 * Reads the data of an item.
 * @param data  at least entry->u.data.size bytes
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: their CRC is wrong; or the flash error
 */
esp_err_t nvs_page_read_data(const struct nvs_page *page, uint32_t index,
                             const struct nvs_entry *entry, void *data) ESP_MUST_CHECK;

/**
 * Erases what is no whole item: torn entries, entries with a wrong CRC, items whose data are not all there.
 * @param scratch  NVS_DATA_MAX bytes
 */
esp_err_t nvs_page_settle(struct nvs_page *page, void *scratch) ESP_MUST_CHECK;

/**
 * Programs once more what a power cut may have left half done: header, states and the last item. Bits that only looked as they
 * should, and would decay later, are firm then.
 * @param scratch  NVS_DATA_MAX bytes
 */
esp_err_t nvs_page_refresh(struct nvs_page *page, void *scratch) ESP_MUST_CHECK;

/**
 * Appends an item and reads it back. There must be room.
 * @param entry    complete, CRC included
 * @param data     entry->u.data.size bytes if the type has data
 * @param[out] out_index  where it stands
 * @return ESP_OK; ESP_ERR_FLASH_OP_FAIL: it does not read back (it is erased again); or the flash error
 * Cut: the item is there or not.
 */
esp_err_t nvs_page_append(struct nvs_page *page, const struct nvs_entry *entry, const void *data,
                          uint32_t *out_index) ESP_MUST_CHECK;

/** Erases an item of span entries. Cut: it is there or not. wipes: overwrites it with zeros as well. */
esp_err_t nvs_page_erase_item(struct nvs_page *page, uint32_t index, uint32_t span,
                              bool wipes) ESP_MUST_CHECK;

/** A step to a state with fewer bits. Cut: the old state or the new one, as the step is one bit. */
esp_err_t nvs_page_set_state(struct nvs_page *page, uint32_t state) ESP_MUST_CHECK;

/** Begins an empty or void page, which is erased first unless that was done since it was loaded. Cut: it is empty, void or
 *  active. */
esp_err_t nvs_page_activate(struct nvs_page *page, uint32_t seq) ESP_MUST_CHECK;

/** Empties a page. Cut: it is as it was, void, or empty; never something in between. */
esp_err_t nvs_page_discard(struct nvs_page *page) ESP_MUST_CHECK;
