/** Compiler hints under the names that ESP-IDF applications use. */
#pragma once

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define ESP_NORETURN __attribute__((noreturn))

/**
 * The result must be looked at. Inside this tree (OTA_STRICT) ignoring it does not compile;
 * applications keep the freedom they have with ESP-IDF.
 */
#ifdef OTA_STRICT
#define ESP_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ESP_MUST_CHECK
#endif

#define ESP_COMPILER_DESIGNATED_INIT_AGGREGATE_TYPE_EMPTY(type) ((type){0})

/** Ignores an error on purpose; the reason stands beside it. */
#define ESP_IGNORE_ERROR(x)                                                                        \
    do {                                                                                           \
        int ignored_error_ = (x);                                                                  \
        (void)ignored_error_;                                                                      \
    } while (0)
