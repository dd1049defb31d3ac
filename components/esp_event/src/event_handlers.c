#include "event_handlers.h"

#include <stdlib.h>

bool event_handlers_is_valid_key(esp_event_base_t base, int32_t id)
{
    return base != ESP_EVENT_ANY_BASE || id == ESP_EVENT_ANY_ID;
}

struct event_handler *event_handlers_add(struct event_handlers *list,
                                         const struct event_handler *handler)
{
    struct event_handler *entry = malloc(sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    *entry = *handler;
    entry->is_removed = false;
    entry->serial = list->next_serial++;
    entry->next = NULL;
    struct event_handler **link = &list->first;
    while (*link) {
        link = &(*link)->next;
    }
    *link = entry;
    return entry;
}

struct event_handler *event_handlers_find(const struct event_handlers *list, esp_event_base_t base,
                                          int32_t id, esp_event_handler_t function)
{
    for (struct event_handler *entry = list->first; entry; entry = entry->next) {
        if (!entry->is_removed && !entry->is_instance && entry->base == base && entry->id == id &&
            entry->function == function) {
            return entry;
        }
    }
    return NULL;
}

struct event_handler *event_handlers_find_instance(const struct event_handlers *list,
                                                   esp_event_base_t base, int32_t id,
                                                   const void *instance)
{
    for (struct event_handler *entry = list->first; entry; entry = entry->next) {
        if (entry == instance) {
            return !entry->is_removed && entry->base == base && entry->id == id ? entry : NULL;
        }
    }
    return NULL;
}

enum key_class { CLASS_ANY_BASE, CLASS_ANY_ID, CLASS_EXACT, CLASS_COUNT };

static enum key_class class_of(const struct event_handler *entry)
{
    if (entry->base == ESP_EVENT_ANY_BASE) {
        return CLASS_ANY_BASE;
    }
    return entry->id == ESP_EVENT_ANY_ID ? CLASS_ANY_ID : CLASS_EXACT;
}

static bool is_wanted(const struct event_handler *entry, esp_event_base_t base, int32_t id)
{
    return (entry->base == ESP_EVENT_ANY_BASE || entry->base == base) &&
           (entry->id == ESP_EVENT_ANY_ID || entry->id == id);
}

struct event_handler *event_handlers_next(const struct event_handlers *list,
                                          const struct event_handler *previous,
                                          esp_event_base_t base, int32_t id, uint64_t limit)
{
    int class = previous ? (int)class_of(previous) : 0;
    struct event_handler *entry = previous ? previous->next : list->first;
    for (; class < CLASS_COUNT; class ++, entry = list->first) {
        for (; entry; entry = entry->next) {
            if (!entry->is_removed && entry->serial < limit && (int)class_of(entry) == class &&
                is_wanted(entry, base, id)) {
                return entry;
            }
        }
    }
    return NULL;
}

void event_handlers_sweep(struct event_handlers *list)
{
    struct event_handler **link = &list->first;
    while (*link) {
        struct event_handler *entry = *link;
        if (entry->is_removed) {
            *link = entry->next;
            free(entry);
        } else {
            link = &entry->next;
        }
    }
}

void event_handlers_deinit(struct event_handlers *list)
{
    while (list->first) {
        struct event_handler *entry = list->first;
        list->first = entry->next;
        free(entry);
    }
}
