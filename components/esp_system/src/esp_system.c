#include "esp_system.h"
#include "esp_random.h"
#include "system_port.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SHUTDOWN_HANDLER_COUNT 5 // fact: ESP-IDF v5, esp_system.c, SHUTDOWN_HANDLERS_NO

// One process is one boot: its reason, its last handlers and its memory are single.
static _Atomic(shutdown_handler_t)
    s_shutdown_handlers[SHUTDOWN_HANDLER_COUNT]; // packed from the front
static atomic_flag s_handlers_lock = ATOMIC_FLAG_INIT;
static atomic_flag s_is_restarting = ATOMIC_FLAG_INIT;
static _Atomic esp_reset_reason_t s_reset_reason = ESP_RST_POWERON;
static _Atomic uint32_t s_minimum_free = UINT32_MAX;

static void lock_handlers(void)
{
    while (atomic_flag_test_and_set_explicit(&s_handlers_lock, memory_order_acquire)) {
    }
}

static void unlock_handlers(void)
{
    atomic_flag_clear_explicit(&s_handlers_lock, memory_order_release);
}

/** Place of handler, or of the first free entry for NULL; SHUTDOWN_HANDLER_COUNT when there is none. */
static unsigned find_handler(shutdown_handler_t handler)
{
    unsigned i = 0;
    while (i < SHUTDOWN_HANDLER_COUNT && s_shutdown_handlers[i] != handler) {
        i++;
    }
    return i;
}

esp_err_t esp_register_shutdown_handler(shutdown_handler_t handler)
{
    if (!handler) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = ESP_OK;
    lock_handlers();
    unsigned place = find_handler(NULL);
    if (find_handler(handler) < SHUTDOWN_HANDLER_COUNT) {
        err = ESP_ERR_INVALID_STATE;
    } else if (place == SHUTDOWN_HANDLER_COUNT) {
        err = ESP_ERR_NO_MEM;
    } else {
        s_shutdown_handlers[place] = handler;
    }
    unlock_handlers();
    return err;
}

esp_err_t esp_unregister_shutdown_handler(shutdown_handler_t handler)
{
    lock_handlers();
    unsigned place = handler ? find_handler(handler) : SHUTDOWN_HANDLER_COUNT;
    bool found = place < SHUTDOWN_HANDLER_COUNT;
    for (; place + 1 < SHUTDOWN_HANDLER_COUNT; place++) {
        s_shutdown_handlers[place] = s_shutdown_handlers[place + 1];
    }
    if (found) {
        s_shutdown_handlers[SHUTDOWN_HANDLER_COUNT - 1] = (shutdown_handler_t)0;
    }
    unlock_handlers();
    return found ? ESP_OK : ESP_ERR_INVALID_STATE;
}

void esp_restart(void)
{
    if (!atomic_flag_test_and_set(&s_is_restarting)) {
        for (unsigned i = SHUTDOWN_HANDLER_COUNT; i-- > 0;) {
            shutdown_handler_t handler = s_shutdown_handlers[i];
            if (handler) {
                handler();
            }
        }
    }
    esp_system_port.restart();
}

esp_reset_reason_t esp_reset_reason(void)
{
    return s_reset_reason;
}

void esp_set_reset_reason(esp_reset_reason_t reason)
{
    s_reset_reason = reason;
}

uint32_t esp_get_free_heap_size(void)
{
    uint64_t bytes = esp_system_port.free_heap();
    uint32_t free_now = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    uint32_t minimum = s_minimum_free;
    while (free_now < minimum &&
           !atomic_compare_exchange_weak(&s_minimum_free, &minimum, free_now)) {
    }
    return free_now;
}

uint32_t esp_get_free_internal_heap_size(void)
{
    return esp_get_free_heap_size();
}

uint32_t esp_get_minimum_free_heap_size(void)
{
    (void)esp_get_free_heap_size(); // this moment counts too
    return s_minimum_free;
}

void esp_fill_random(void *buf, size_t len)
{
    if (esp_system_port.fill_random(buf, len) != ESP_OK) {
        abort();
    }
}

uint32_t esp_random(void)
{
    uint32_t value;
    esp_fill_random(&value, sizeof(value));
    return value;
}
