/**
 * NOR parts by name, with the times their data sheets promise.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How long an operation takes, in microseconds; both 0: the part does not have it. */
struct nor_duration {
    uint32_t typical_us;
    uint32_t worst_us;
};

/** A part. Reading and transferring depend on how the bus is wired rather than on the part: quad or octal at 80 MHz. */
struct nor_part {
    const char *name;
    const char *source;               // data sheet, revision, and how sure the figures are
    uint32_t size;                    // bytes
    struct nor_duration program_page; // 256 bytes; a part of a page counts as a whole one
    struct nor_duration erase_4k;
    struct nor_duration erase_32k;
    struct nor_duration erase_64k;
    uint32_t bus_bytes_per_us;
};

/** The part with this name, whatever the case of its letters; NULL: unknown. */
const struct nor_part *nor_part_find(const char *name);

/** The part at index; NULL behind the last one. */
const struct nor_part *nor_part_at(size_t index);

#ifdef __cplusplus
}
#endif
