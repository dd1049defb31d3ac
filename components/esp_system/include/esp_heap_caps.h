/**
 * Memory with capabilities. A host has one kind of memory that can do everything, so the capabilities are taken and not
 * looked at. fact: names and values as in ESP-IDF, heap: esp_heap_caps.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MALLOC_CAP_EXEC     (1u << 0)
#define MALLOC_CAP_32BIT    (1u << 1)
#define MALLOC_CAP_8BIT     (1u << 2)
#define MALLOC_CAP_DMA      (1u << 3)
#define MALLOC_CAP_SPIRAM   (1u << 10)
#define MALLOC_CAP_INTERNAL (1u << 11)
#define MALLOC_CAP_DEFAULT  (1u << 12)

/** As malloc(); the caller frees with heap_caps_free(). @return NULL: out of memory */
static inline void *heap_caps_malloc(size_t size, uint32_t caps)
{
    (void)caps;
    return malloc(size);
}

/** As calloc(). */
static inline void *heap_caps_calloc(size_t count, size_t size, uint32_t caps)
{
    (void)caps;
    return calloc(count, size);
}

/** As free(). */
static inline void heap_caps_free(void *ptr)
{
    free(ptr);
}

#ifdef __cplusplus
}
#endif
