/** The handlers of one loop, in the order they were registered. No locking; the loop has its own. */
#pragma once

#include "esp_event.h"

struct event_handler {
    esp_event_base_t base; // ESP_EVENT_ANY_BASE: all
    int32_t id;            // ESP_EVENT_ANY_ID: all
    esp_event_handler_t function;
    void *arg;
    bool is_instance; // found by its address only
    bool is_removed;  // never called again; freed by event_handlers_sweep()
    uint64_t serial;  // grows with every handler added
    struct event_handler *next;
};

struct event_handlers {
    struct event_handler *first;
    uint64_t next_serial;
};

/** Whether base and id may be registered together. */
bool event_handlers_is_valid_key(esp_event_base_t base, int32_t id);

/** Adds a copy of *handler (next, serial and is_removed are set here). @return the new entry, NULL without memory */
struct event_handler *event_handlers_add(struct event_handlers *list,
                                         const struct event_handler *handler) ESP_MUST_CHECK;

/** The entry registered by function that has the same base, id and function; NULL: none. */
struct event_handler *event_handlers_find(const struct event_handlers *list, esp_event_base_t base,
                                          int32_t id, esp_event_handler_t function);

/** The instance at this address if it is in the list under base and id; NULL: it is not. */
struct event_handler *event_handlers_find_instance(const struct event_handlers *list,
                                                   esp_event_base_t base, int32_t id,
                                                   const void *instance);

/**
 * The next handler to call for an event, in the order promised by esp_event.h, among those added before `limit`.
 * @param previous the handler called last, NULL: none yet; may be marked as removed, but not swept
 */
struct event_handler *event_handlers_next(const struct event_handlers *list,
                                          const struct event_handler *previous,
                                          esp_event_base_t base, int32_t id, uint64_t limit);

/** Frees the removed handlers. */
void event_handlers_sweep(struct event_handlers *list);

/** Frees all. */
void event_handlers_deinit(struct event_handlers *list);
