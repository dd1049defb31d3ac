// Searching the list.

#include <stdlib.h>
#include <string.h>

#include "partition_list.h"

struct esp_partition_iterator_opaque_ {
    struct partition_filter filter;
    const esp_partition_t *current;
    uint32_t position; // of current in the list
};

/** Loads the list and finds the first match. */
static esp_err_t find_first(const struct partition_filter *filter, uint32_t *position,
                            const esp_partition_t **partition)
{
    if (filter->type == ESP_PARTITION_TYPE_ANY && filter->subtype != ESP_PARTITION_SUBTYPE_ANY) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = partition_list_load();
    if (err != ESP_OK) {
        return err;
    }
    *partition = partition_list_next(filter, position);
    return *partition ? ESP_OK : ESP_ERR_NOT_FOUND;
}

esp_err_t esp_partition_find_err(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                 const char *label, esp_partition_iterator_t *it)
{
    if (!it) {
        return ESP_ERR_INVALID_ARG;
    }
    *it = NULL;
    struct esp_partition_iterator_opaque_ start = {.filter = {type, subtype, label}};
    esp_err_t err = find_first(&start.filter, &start.position, &start.current);
    if (err != ESP_OK) {
        return err;
    }
    esp_partition_iterator_t iterator = malloc(sizeof(*iterator));
    if (!iterator) {
        return ESP_ERR_NO_MEM;
    }
    *iterator = start;
    *it = iterator;
    return ESP_OK;
}

esp_partition_iterator_t esp_partition_find(esp_partition_type_t type,
                                            esp_partition_subtype_t subtype, const char *label)
{
    esp_partition_iterator_t iterator;
    return esp_partition_find_err(type, subtype, label, &iterator) == ESP_OK ? iterator : NULL;
}

esp_err_t esp_partition_find_first_err(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                       const char *label, const esp_partition_t **partition)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    *partition = NULL;
    const struct partition_filter filter = {type, subtype, label};
    uint32_t position = 0;
    return find_first(&filter, &position, partition);
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type,
                                                esp_partition_subtype_t subtype, const char *label)
{
    const esp_partition_t *partition;
    esp_err_t err = esp_partition_find_first_err(type, subtype, label, &partition);
    return err == ESP_OK ? partition : NULL;
}

const esp_partition_t *esp_partition_get(esp_partition_iterator_t iterator)
{
    return iterator ? iterator->current : NULL;
}

esp_partition_iterator_t esp_partition_next(esp_partition_iterator_t iterator)
{
    if (!iterator) {
        return NULL;
    }
    iterator->position++;
    iterator->current = partition_list_next(&iterator->filter, &iterator->position);
    if (!iterator->current) {
        free(iterator);
        return NULL;
    }
    return iterator;
}

void esp_partition_iterator_release(esp_partition_iterator_t iterator)
{
    free(iterator);
}

esp_err_t esp_partition_verify_err(const esp_partition_t *partition, const esp_partition_t **out)
{
    if (out) {
        *out = NULL;
    }
    if (!partition || !out) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = partition_list_load();
    if (err != ESP_OK) {
        return err;
    }
    *out = partition_list_find_equal(partition);
    return *out ? ESP_OK : ESP_ERR_NOT_FOUND;
}

const esp_partition_t *esp_partition_verify(const esp_partition_t *partition)
{
    const esp_partition_t *listed;
    return esp_partition_verify_err(partition, &listed) == ESP_OK ? listed : NULL;
}
