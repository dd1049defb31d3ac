// One device has one list, as ESP-IDF's interface demands: the entries of the table, then what was registered.
//
// Each entry is an allocation of its own, so that its address never changes. Iterators remember a position instead of an
// entry; entries that come or go while somebody iterates therefore cannot leave a pointer behind. The lock guards
// links, never flash access: the table is read into a private list and then published in one step.

#include "partition_list.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "partition_table.h"

struct node {
    esp_partition_t partition;
    uint32_t position; // rises along the list
    bool is_registered;
    struct node *next;
};

static const char TAG[] = "partition"; // fact: tag of ESP-IDF's esp_partition.c

static struct node *s_first;
static bool s_is_loaded;
static atomic_flag s_lock = ATOMIC_FLAG_INIT;

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&s_lock, memory_order_acquire)) {
    }
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&s_lock, memory_order_release);
}

static void free_nodes(struct node *node)
{
    while (node) {
        struct node *next = node->next;
        free(node);
        node = next;
    }
}

/** Puts node behind the last one. */
static void append(struct node **first, struct node *node)
{
    struct node **end = first;
    while (*end) {
        node->position = (*end)->position + 1;
        end = &(*end)->next;
    }
    *end = node;
}

// ---- Loading ---------------------------------------------------------------------------------------

/** Whether what stands on flash is ciphertext. fact: without flash encryption nothing is, whatever the flag says. */
static bool is_encrypted(const esp_partition_t *partition, uint32_t flags)
{
    esp_partition_info_t entry = {
        .type = (uint8_t)partition->type, .subtype = (uint8_t)partition->subtype, .flags = flags};
    memcpy(entry.label, partition->label, sizeof(entry.label));
    return flash_is_encrypted(NULL) && partition_table_entry_is_encrypted(&entry);
}

static struct node *make_node(const esp_partition_info_t *info)
{
    struct node *node = calloc(1, sizeof(*node));
    if (!node) {
        return NULL;
    }
    node->partition = (esp_partition_t){
        .flash_chip = esp_flash_default_chip,
        .type = (esp_partition_type_t)info->type,
        .subtype = (esp_partition_subtype_t)info->subtype,
        .address = info->pos.offset,
        .size = info->pos.size,
        .erase_size = FLASH_SECTOR_SIZE,
        .readonly = info->flags & PART_FLAG_READONLY,
    };
    memcpy(node->partition.label, info->label, sizeof(info->label));
    node->partition.encrypted = is_encrypted(&node->partition, info->flags);
    return node;
}

static esp_err_t check_table(const uint8_t *bytes, uint32_t *count)
{
    struct partition_table_check check = partition_table_verify_for_app(bytes);
    if (check.fault == PARTITION_TABLE_OK) {
        *count = check.count;
        return ESP_OK;
    }
    ESP_LOGE(TAG, "partition table at 0x%" PRIx32 ", record %" PRIu32 ": %s",
             boot_handover_get()->table_offset, check.index,
             partition_table_fault_text(check.fault));
    return check.fault == PARTITION_TABLE_MD5_MISSING ? ESP_ERR_NOT_FOUND : ESP_ERR_INVALID_STATE;
}

static esp_err_t build_list(const uint8_t *bytes, struct node **first)
{
    uint32_t count = 0;
    esp_err_t err = check_table(bytes, &count);
    for (uint32_t i = 0; i < count && err == ESP_OK; i++) {
        const esp_partition_info_t info = partition_table_entry(bytes, i);
        struct node *node = make_node(&info);
        if (node) {
            append(first, node);
        } else {
            err = ESP_ERR_NO_MEM;
        }
    }
    return err;
}

static esp_err_t read_list(struct node **first)
{
    uint8_t *bytes = malloc(ESP_PARTITION_TABLE_MAX_LEN);
    if (!bytes) {
        return ESP_ERR_NO_MEM;
    }
    uint32_t offset = boot_handover_get()->table_offset;
    esp_err_t err = flash_plain_read(NULL, bytes, offset, ESP_PARTITION_TABLE_MAX_LEN);
    if (err == ESP_OK) {
        err = build_list(bytes, first);
    } else {
        ESP_LOGE(TAG, "partition table at 0x%" PRIx32 " cannot be read: %s", offset,
                 esp_err_to_text(err));
    }
    free(bytes);
    return err;
}

esp_err_t partition_list_load(void)
{
    lock();
    bool is_loaded = s_is_loaded;
    unlock();
    if (is_loaded) {
        return ESP_OK;
    }
    struct node *first = NULL;
    esp_err_t err = read_list(&first);
    if (err == ESP_OK) {
        lock();
        if (!s_is_loaded) { // else another thread was faster, and its pointers are out already
            s_first = first;
            s_is_loaded = true;
            first = NULL;
        }
        unlock();
    }
    free_nodes(first);
    return err;
}

void esp_partition_unload_all(void)
{
    lock();
    struct node *first = s_first;
    s_first = NULL;
    s_is_loaded = false;
    unlock();
    free_nodes(first);
}

// ---- Looking up ------------------------------------------------------------------------------------

static bool is_accepted(const esp_partition_t *partition, const struct partition_filter *filter)
{
    return (filter->type == ESP_PARTITION_TYPE_ANY || filter->type == partition->type) &&
           (filter->subtype == ESP_PARTITION_SUBTYPE_ANY ||
            filter->subtype == partition->subtype) &&
           (!filter->label || strcmp(filter->label, partition->label) == 0);
}

const esp_partition_t *partition_list_next(const struct partition_filter *filter,
                                           uint32_t *position)
{
    const esp_partition_t *found = NULL;
    lock();
    for (const struct node *node = s_first; node && !found; node = node->next) {
        if (node->position >= *position && is_accepted(&node->partition, filter)) {
            found = &node->partition;
            *position = node->position;
        }
    }
    unlock();
    return found;
}

static bool is_equal(const esp_partition_t *listed, const esp_partition_t *given)
{
    const esp_flash_t *chip = given->flash_chip ? given->flash_chip : esp_flash_default_chip;
    return listed->flash_chip == chip && listed->type == given->type &&
           listed->subtype == given->subtype && listed->address == given->address &&
           listed->size == given->size && listed->encrypted == given->encrypted &&
           (given->label[0] == '\0' ||
            strncmp(listed->label, given->label, sizeof(given->label)) == 0);
}

const esp_partition_t *partition_list_find_equal(const esp_partition_t *partition)
{
    const esp_partition_t *found = NULL;
    lock();
    for (const struct node *node = s_first; node && !found; node = node->next) {
        found = is_equal(&node->partition, partition) ? &node->partition : NULL;
    }
    unlock();
    return found;
}

static bool overlaps(const esp_partition_t *partition, uint64_t address, uint64_t size)
{
    return address < (uint64_t)partition->address + partition->size &&
           partition->address < address + size;
}

bool partition_list_any_overlap(uint64_t address, uint64_t size,
                                bool (*is_wanted)(const esp_partition_t *partition))
{
    bool found = false;
    lock();
    for (const struct node *node = s_first; node && !found; node = node->next) {
        found = node->partition.flash_chip == esp_flash_default_chip &&
                overlaps(&node->partition, address, size) && is_wanted(&node->partition);
    }
    unlock();
    return found;
}

// ---- Registered partitions -------------------------------------------------------------------------

/** Adds node unless it overlaps an entry of the same chip. @return whether it was added */
static bool append_if_free(struct node *node)
{
    bool is_free = true;
    lock();
    for (const struct node *other = s_first; other && is_free; other = other->next) {
        is_free = other->partition.flash_chip != node->partition.flash_chip ||
                  !overlaps(&other->partition, node->partition.address, node->partition.size);
    }
    if (is_free) {
        append(&s_first, node);
    }
    unlock();
    return is_free;
}

static esp_err_t check_chip(esp_flash_t *chip, size_t offset, size_t size)
{
    uint32_t chip_size;
    esp_err_t err = esp_flash_get_size(chip, &chip_size);
    if (err != ESP_OK) {
        return err;
    }
    return offset > chip_size || size > chip_size - offset ? ESP_ERR_INVALID_SIZE
                                                           : partition_list_load();
}

esp_err_t esp_partition_register_external(esp_flash_t *flash_chip, size_t offset, size_t size,
                                          const char *label, esp_partition_type_t type,
                                          esp_partition_subtype_t subtype,
                                          const esp_partition_t **out_partition)
{
    esp_flash_t *chip = flash_chip ? flash_chip : esp_flash_default_chip;
    if (out_partition) {
        *out_partition = NULL;
    }
    esp_err_t err = label ? check_chip(chip, offset, size) : ESP_ERR_INVALID_ARG;
    if (err != ESP_OK) {
        return err;
    }
    struct node *node = calloc(1, sizeof(*node));
    if (!node) {
        return ESP_ERR_NO_MEM;
    }
    node->is_registered = true;
    node->partition = (esp_partition_t){
        .flash_chip = chip,
        .type = type,
        .subtype = subtype,
        .address = (uint32_t)offset,
        .size = (uint32_t)size,
        .erase_size = FLASH_SECTOR_SIZE,
    };
    size_t label_len = strlen(label);
    size_t room = sizeof(node->partition.label) - 1;
    memcpy(node->partition.label, label, label_len < room ? label_len : room);
    node->partition.encrypted = chip == esp_flash_default_chip && is_encrypted(&node->partition, 0);
    if (!append_if_free(node)) {
        ESP_LOGE(TAG, "\"%s\" at 0x%zx, size 0x%zx, overlaps a partition", node->partition.label,
                 offset, size);
        free(node);
        return ESP_ERR_INVALID_ARG;
    }
    if (out_partition) {
        *out_partition = &node->partition;
    }
    return ESP_OK;
}

esp_err_t esp_partition_deregister_external(const esp_partition_t *partition)
{
    esp_err_t err = ESP_ERR_NOT_FOUND;
    struct node *removed = NULL;
    lock();
    for (struct node **at = &s_first; *at; at = &(*at)->next) {
        if (&(*at)->partition != partition) {
            continue;
        }
        err = ESP_ERR_INVALID_ARG;
        if ((*at)->is_registered) {
            removed = *at;
            *at = removed->next;
            err = ESP_OK;
        }
        break;
    }
    unlock();
    free(removed);
    return err;
}
