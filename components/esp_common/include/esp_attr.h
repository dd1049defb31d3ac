/** Placement attributes of ESP-IDF; a host has one kind of memory, so they are empty. */
#pragma once

#define IRAM_ATTR
#define DRAM_ATTR
#define DRAM_STR(str) (str)
#define RTC_DATA_ATTR
#define RTC_NOINIT_ATTR
#define RTC_IRAM_ATTR
#define EXT_RAM_BSS_ATTR
#define WORD_ALIGNED_ATTR __attribute__((aligned(4)))
#define NOINLINE_ATTR     __attribute__((noinline))
#define FORCE_INLINE_ATTR static inline __attribute__((always_inline))
