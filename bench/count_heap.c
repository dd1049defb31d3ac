// Counts what a whole process asks the heap for, its libraries included; for LD_PRELOAD.
//
//     COUNT_HEAP=FILE LD_PRELOAD=libbench_count_heap.so COMMAND     writes one line of JSON at the end

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_size_t s_now;
static atomic_size_t s_high;
static atomic_size_t s_count;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): glibc's names of what is replaced here
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void *note(void *block)
{
    size_t now =
        block ? atomic_fetch_add(&s_now, malloc_usable_size(block)) + malloc_usable_size(block)
              : atomic_load(&s_now);
    size_t high = atomic_load(&s_high);
    while (now > high && !atomic_compare_exchange_weak(&s_high, &high, now)) {
    }
    atomic_fetch_add(&s_count, 1);
    return block;
}

void *malloc(size_t size)
{
    return note(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return note(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    size_t before = block ? malloc_usable_size(block) : 0;
    void *after = __libc_realloc(block, size);
    if (after || size == 0) {
        atomic_fetch_sub(&s_now, before);
    }
    return note(after);
}

void free(void *block)
{
    atomic_fetch_sub(&s_now, block ? malloc_usable_size(block) : 0);
    __libc_free(block);
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("COUNT_HEAP");
    size_t high = atomic_load(&s_high);
    size_t count = atomic_load(&s_count);
    FILE *out = path ? fopen(path, "w") : NULL;
    if (out) {
        fprintf(out, "{\"high_water\": %zu, \"allocations\": %zu}\n", high, count);
        (void)fclose(out); // a missing report is noticed
    }
}
