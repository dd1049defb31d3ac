// On a chip the cache decrypts what is mapped. Here a mapping is a copy in memory, and each change of flash below it is
// decrypted into the copy right after it happened.

#include "partition_shadow.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "esp_log.h"
#include "flash_ops.h"

static const char TAG[] = "partition";

struct shadow {
    struct flash_watch watch; // first, so that the two pointers convert
    esp_partition_mmap_handle_t handle;
    struct shadow *next;
    uint8_t bytes[]; // [watch.len]
};

static struct shadow *s_shadows;
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

/** Decrypts what a change left in the part of the mapping that it concerns. */
static void refresh(struct flash_watch *watch, uint32_t address, uint32_t len)
{
    struct shadow *shadow = (struct shadow *)watch;
    uint32_t start = address > watch->address ? address : watch->address;
    uint32_t end =
        address + len < watch->address + watch->len ? address + len : watch->address + watch->len;
    esp_err_t err =
        flash_plain_read(NULL, shadow->bytes + (start - watch->address), start, end - start);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the mapping of 0x%" PRIx32 " does not follow a change: %s", start,
                 esp_err_to_name(err));
    }
}

esp_err_t partition_shadow_create(esp_partition_mmap_handle_t handle, uint32_t address,
                                  uint32_t size, const void **out)
{
    struct shadow *shadow = malloc(sizeof(*shadow) + (size_t)size + 1);
    if (!shadow) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = flash_plain_read(NULL, shadow->bytes, address, size);
    if (err != ESP_OK) {
        free(shadow);
        return err;
    }
    shadow->watch = (struct flash_watch){.address = address, .len = size, .changed = refresh};
    shadow->handle = handle;
    flash_watch_start(NULL, &shadow->watch);
    lock();
    shadow->next = s_shadows;
    s_shadows = shadow;
    unlock();
    *out = shadow->bytes;
    return ESP_OK;
}

void partition_shadow_free(esp_partition_mmap_handle_t handle)
{
    struct shadow *found = NULL;
    lock();
    for (struct shadow **at = &s_shadows; *at; at = &(*at)->next) {
        if ((*at)->handle == handle) {
            found = *at;
            *at = found->next;
            break;
        }
    }
    unlock();
    if (found) {
        flash_watch_stop(NULL, &found->watch);
        free(found);
    }
}
