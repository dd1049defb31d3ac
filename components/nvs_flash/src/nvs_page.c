// The order of the small writes is what makes a cut harmless: an entry, its state, its data, their states when an item
// comes; the states of the data, then of the entry when it goes. So data are never taken for entries.
#include "nvs_page.h"

#include <string.h>

#include "esp_log.h"

static const char TAG[] = "nvs";

// ---- Bytes -----------------------------------------------------------------------------------------

static uint32_t entry_at(const struct nvs_page *page, uint32_t index)
{
    return page->offset + NVS_ENTRIES_AT + index * NVS_ENTRY_SIZE;
}

static esp_err_t read_entry(const struct nvs_page *page, uint32_t index, struct nvs_entry *entry)
{
    return esp_partition_read(page->partition, entry_at(page, index), entry, sizeof(*entry));
}

static esp_err_t program(const struct nvs_page *page, uint32_t at, const void *bytes, uint32_t len)
{
    return page->is_read_only ? ESP_OK : esp_partition_write(page->partition, at, bytes, len);
}

// ---- Entry states ----------------------------------------------------------------------------------

static enum nvs_entry_state get_state(const struct nvs_page *page, uint32_t index)
{
    return (enum nvs_entry_state)(page->states[index / 4] >> 2 * (index % 4) & 3);
}

// Lets bits fall: EMPTY -> WRITTEN -> ERASED.
static esp_err_t set_states(struct nvs_page *page, uint32_t index, uint32_t count,
                            enum nvs_entry_state state)
{
    if (count == 0) {
        return ESP_OK;
    }
    for (uint32_t i = index; i < index + count; i++) {
        uint32_t keep = 3u << 2 * (i % 4) & ~((uint32_t)state << 2 * (i % 4));
        page->states[i / 4] &= (uint8_t)~keep;
    }
    uint32_t first = index / 4;
    uint32_t last = (index + count - 1) / 4;
    return program(page, page->offset + NVS_STATES_AT + first, page->states + first,
                   last - first + 1);
}

static bool are_written(const struct nvs_page *page, uint32_t index, uint32_t count)
{
    for (uint32_t i = index; i < index + count; i++) {
        if (i >= NVS_ENTRY_COUNT || get_state(page, i) != NVS_ENTRY_WRITTEN) {
            return false;
        }
    }
    return true;
}

uint32_t nvs_page_count_written(const struct nvs_page *page)
{
    uint32_t count = 0;
    for (uint32_t i = 0; nvs_page_is_live(page) && i < NVS_ENTRY_COUNT; i++) {
        count += get_state(page, i) == NVS_ENTRY_WRITTEN;
    }
    return count;
}

// ---- Loading ---------------------------------------------------------------------------------------

bool nvs_page_is_live(const struct nvs_page *page)
{
    return page->state == NVS_PAGE_ACTIVE || page->state == NVS_PAGE_FULL ||
           page->state == NVS_PAGE_FREEING;
}

static esp_err_t check_blank(struct nvs_page *page)
{
    uint8_t bytes[256]; // chosen: a flash page
    for (uint32_t at = 0; at < NVS_PAGE_SIZE; at += sizeof(bytes)) {
        esp_err_t err =
            esp_partition_read(page->partition, page->offset + at, bytes, sizeof(bytes));
        if (err != ESP_OK) {
            return err;
        }
        if (!nvs_format_is_blank(bytes, sizeof(bytes))) {
            page->state = NVS_PAGE_VOID;
            return ESP_OK;
        }
    }
    return ESP_OK;
}

// Behind the last entry that is not blank, whatever its state: its write may have been cut.
static esp_err_t find_next_free(struct nvs_page *page)
{
    struct nvs_entry entry;
    uint32_t end = NVS_ENTRY_COUNT;
    while (end > 0 && get_state(page, end - 1) == NVS_ENTRY_EMPTY) {
        esp_err_t err = read_entry(page, end - 1, &entry);
        if (err != ESP_OK) {
            return err;
        }
        if (!nvs_format_is_blank(&entry, sizeof(entry))) {
            break;
        }
        end--;
    }
    page->next_free = end;
    return ESP_OK;
}

esp_err_t nvs_page_load(struct nvs_page *page)
{
    struct nvs_page_header header;
    esp_err_t err = esp_partition_read(page->partition, page->offset, &header, sizeof(header));
    if (err != ESP_OK) {
        return err;
    }
    page->state = header.state;
    page->seq = header.seq;
    page->is_erased = false;
    page->next_free = 0;
    memset(page->states, 0xFF, sizeof(page->states));
    if (header.state == NVS_PAGE_EMPTY) {
        return check_blank(page);
    }
    if (!nvs_page_is_live(page) || header.crc != nvs_format_header_crc(&header)) {
        page->state = NVS_PAGE_VOID;
        return ESP_OK;
    }
    if (header.version < NVS_VERSION_2) {
        ESP_LOGE(TAG, "page at 0x%x has format %u, newer than this software",
                 (unsigned)page->offset, 256u - header.version);
        return ESP_ERR_NVS_NEW_VERSION_FOUND;
    }
    err = esp_partition_read(page->partition, page->offset + NVS_STATES_AT, page->states,
                             sizeof(page->states));
    return err == ESP_OK ? find_next_free(page) : err;
}

// ---- Reading ---------------------------------------------------------------------------------------

esp_err_t nvs_page_next(const struct nvs_page *page, uint32_t *index, struct nvs_entry *entry)
{
    for (uint32_t i = *index; i < page->next_free; i++) {
        if (get_state(page, i) != NVS_ENTRY_WRITTEN) {
            continue;
        }
        struct nvs_entry found;
        esp_err_t err = read_entry(page, i, &found);
        if (err != ESP_OK) {
            return err;
        }
        if (nvs_format_is_sound(&found) && are_written(page, i, found.span)) {
            *index = i;
            *entry = found;
            return ESP_OK;
        }
    }
    return ESP_ERR_NVS_NOT_FOUND;
}

esp_err_t nvs_page_read_data(const struct nvs_page *page, uint32_t index,
                             const struct nvs_entry *entry, void *data)
{
    uint32_t len = entry->u.data.size;
    esp_err_t err = esp_partition_read(page->partition, entry_at(page, index + 1), data, len);
    if (err != ESP_OK) {
        return err;
    }
    return nvs_format_crc(data, len) == entry->u.data.crc ? ESP_OK : ESP_ERR_NVS_NOT_FOUND;
}

// ---- Repairing -------------------------------------------------------------------------------------

// How many entries at index go together, and whether they are to be erased.
static esp_err_t judge(const struct nvs_page *page, uint32_t index, void *scratch, uint32_t *span,
                       bool *is_bad)
{
    struct nvs_entry entry;
    esp_err_t err = read_entry(page, index, &entry);
    if (err != ESP_OK) {
        return err;
    }
    bool is_sound = nvs_format_is_sound(&entry);
    uint32_t room = page->next_free - index;
    *span = !is_sound ? 1 : entry.span < room ? entry.span : room;
    *is_bad = !is_sound || !are_written(page, index, entry.span);
    if (!*is_bad && nvs_format_has_data(entry.type)) {
        err = nvs_page_read_data(page, index, &entry, scratch);
        *is_bad = err == ESP_ERR_NVS_NOT_FOUND;
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
}

// An entry whose state was never written has no data behind it. It is made unusable before its state changes: a cut in that
// could leave a state that reads as written now and as erased later.
static esp_err_t drop_torn_entry(struct nvs_page *page, uint32_t index)
{
    static const uint8_t ZEROS[NVS_ENTRY_SIZE];
    esp_err_t err = program(page, entry_at(page, index), ZEROS, sizeof(ZEROS));
    return err == ESP_OK ? nvs_page_erase_item(page, index, 1, false) : err;
}

esp_err_t nvs_page_settle(struct nvs_page *page, void *scratch)
{
    uint32_t span = 1;
    for (uint32_t i = 0; i < page->next_free; i += span) {
        enum nvs_entry_state state = get_state(page, i);
        bool is_bad = false;
        esp_err_t err = ESP_OK;
        span = 1;
        if (state == NVS_ENTRY_EMPTY) {
            err = drop_torn_entry(page, i);
        } else if (state == NVS_ENTRY_WRITTEN) {
            err = judge(page, i, scratch, &span, &is_bad);
        }
        if (err == ESP_OK && is_bad) {
            err = nvs_page_erase_item(page, i, span, false);
        }
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

// The last item that is there; *index is NVS_ENTRY_COUNT if there is none.
static esp_err_t find_last(const struct nvs_page *page, uint32_t *index, struct nvs_entry *entry)
{
    uint32_t at = 0;
    esp_err_t err;
    struct nvs_entry found;
    *index = NVS_ENTRY_COUNT;
    while ((err = nvs_page_next(page, &at, &found)) == ESP_OK) {
        *index = at;
        *entry = found;
        at += found.span;
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
}

static esp_err_t refresh_item(const struct nvs_page *page, uint32_t index,
                              const struct nvs_entry *entry, void *scratch)
{
    uint32_t len = nvs_format_has_data(entry->type) ? entry->u.data.size : 0;
    esp_err_t err = program(page, entry_at(page, index), entry, sizeof(*entry));
    if (err == ESP_OK && len > 0) {
        err = nvs_page_read_data(page, index, entry, scratch);
    }
    return err == ESP_OK && len > 0 ? program(page, entry_at(page, index + 1), scratch, len) : err;
}

esp_err_t nvs_page_refresh(struct nvs_page *page, void *scratch)
{
    struct nvs_page_header header;
    struct nvs_entry entry;
    uint32_t last;
    if (page->is_read_only) {
        return ESP_OK;
    }
    esp_err_t err = esp_partition_read(page->partition, page->offset, &header, sizeof(header));
    if (err == ESP_OK) {
        header.state = page->state;
        err = program(page, page->offset, &header, sizeof(header));
    }
    if (err == ESP_OK) {
        err = program(page, page->offset + NVS_STATES_AT, page->states, sizeof(page->states));
    }
    if (err == ESP_OK) {
        err = find_last(page, &last, &entry);
    }
    return err == ESP_OK && last < NVS_ENTRY_COUNT ? refresh_item(page, last, &entry, scratch)
                                                   : err;
}

// ---- Writing ---------------------------------------------------------------------------------------

static esp_err_t write_data(struct nvs_page *page, uint32_t index, const struct nvs_entry *entry,
                            const void *data)
{
    uint32_t len = entry->u.data.size;
    if (!nvs_format_has_data(entry->type) || len == 0) {
        return ESP_OK;
    }
    esp_err_t err = program(page, entry_at(page, index + 1), data, len);
    return err == ESP_OK ? set_states(page, index + 1, entry->span - 1u, NVS_ENTRY_WRITTEN) : err;
}

static esp_err_t compare(const struct nvs_page *page, uint32_t index, const struct nvs_entry *entry,
                         const void *data)
{
    struct nvs_entry found;
    esp_err_t err = read_entry(page, index, &found);
    bool is_equal = err == ESP_OK && memcmp(&found, entry, sizeof(found)) == 0;
    uint32_t len = nvs_format_has_data(entry->type) ? entry->u.data.size : 0;
    uint8_t bytes[NVS_ENTRY_SIZE];
    for (uint32_t at = 0; at < len && is_equal; at += sizeof(bytes)) {
        uint32_t part = len - at < sizeof(bytes) ? len - at : sizeof(bytes);
        err = esp_partition_read(page->partition, entry_at(page, index + 1) + at, bytes, part);
        is_equal = err == ESP_OK && memcmp(bytes, (const uint8_t *)data + at, part) == 0;
    }
    return err != ESP_OK ? err : is_equal ? ESP_OK : ESP_ERR_FLASH_OP_FAIL;
}

esp_err_t nvs_page_append(struct nvs_page *page, const struct nvs_entry *entry, const void *data,
                          uint32_t *out_index)
{
    uint32_t index = page->next_free;
    page->next_free += entry->span;
    esp_err_t err = program(page, entry_at(page, index), entry, sizeof(*entry));
    if (err == ESP_OK) {
        err = set_states(page, index, 1, NVS_ENTRY_WRITTEN);
    }
    if (err == ESP_OK) {
        err = write_data(page, index, entry, data);
    }
    if (err == ESP_OK && !page->is_read_only) {
        err = compare(page, index, entry, data);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "entry %u of the page at 0x%x does not hold what was written",
                 (unsigned)index, (unsigned)page->offset);
        ESP_IGNORE_ERROR(nvs_page_erase_item(page, index, entry->span, false)); // failed already
        return err;
    }
    *out_index = index;
    return ESP_OK;
}

esp_err_t nvs_page_erase_item(struct nvs_page *page, uint32_t index, uint32_t span, bool wipes)
{
    static const uint8_t ZEROS[NVS_ENTRY_SIZE];
    esp_err_t err = set_states(page, index + 1, span - 1, NVS_ENTRY_ERASED);
    if (err == ESP_OK) {
        err = set_states(page, index, 1, NVS_ENTRY_ERASED);
    }
    for (uint32_t i = 0; i < span && wipes && err == ESP_OK; i++) {
        err = program(page, entry_at(page, index + i), ZEROS, sizeof(ZEROS));
    }
    return err;
}

// ---- Whole pages -----------------------------------------------------------------------------------

esp_err_t nvs_page_set_state(struct nvs_page *page, uint32_t state)
{
    page->state = state;
    return program(page, page->offset, &state, sizeof(state));
}

esp_err_t nvs_page_discard(struct nvs_page *page)
{
    // An erase that is cut may leave anything, also a header that looks right above entries that are not. So the header
    // goes first.
    static const uint8_t ZEROS[sizeof(struct nvs_page_header)];
    esp_err_t err = program(page, page->offset, ZEROS, sizeof(ZEROS));
    page->state = NVS_PAGE_VOID;
    page->next_free = 0;
    memset(page->states, 0xFF, sizeof(page->states));
    if (err != ESP_OK || page->is_read_only) {
        return err;
    }
    err = esp_partition_erase_range(page->partition, page->offset, NVS_PAGE_SIZE);
    if (err == ESP_OK) {
        page->state = NVS_PAGE_EMPTY;
        page->is_erased = true;
    }
    return err;
}

esp_err_t nvs_page_activate(struct nvs_page *page, uint32_t seq)
{
    esp_err_t err =
        page->state == NVS_PAGE_EMPTY && page->is_erased ? ESP_OK : nvs_page_discard(page);
    if (err != ESP_OK) {
        return err;
    }
    struct nvs_page_header header = {
        .state = NVS_PAGE_ACTIVE, .seq = seq, .version = NVS_VERSION_2};
    memset(header.unused, 0xFF, sizeof(header.unused));
    header.crc = nvs_format_header_crc(&header);
    page->state = NVS_PAGE_ACTIVE;
    page->is_erased = false;
    page->seq = seq;
    page->next_free = 0;
    memset(page->states, 0xFF, sizeof(page->states));
    return program(page, page->offset, &header, sizeof(header));
}
