#include "unity.h"

#include <inttypes.h>
#include <string.h>

static void print_value(int64_t value, enum unity_style style)
{
    static const int DIGITS[] = {[UNITY_HEX8] = 2,
                                 [UNITY_HEX16] = 4,
                                 [UNITY_HEX32] = 8,
                                 [UNITY_HEX64] = 16,
                                 [UNITY_POINTER] = 16};
    if (style == UNITY_SIGNED) {
        printf("%" PRId64, value);
    } else if (style == UNITY_UNSIGNED) {
        printf("%" PRIu64, (uint64_t)value);
    } else {
        printf("0x%0*" PRIX64, DIGITS[style], (uint64_t)value);
    }
}

static void begin_failure(int line)
{
    Unity.failures++;
    printf("%s:%d:%s:FAIL: ", Unity.test_file, line, Unity.current_test);
}

static void end_failure(const char *message)
{
    if (message) {
        printf(". %s", message);
    }
    printf("\n");
    fflush(stdout);
    unity_leave();
}

void unity_fail(const char *text, const char *message, int line)
{
    begin_failure(line);
    printf("%s", text);
    end_failure(message);
}

static bool holds(enum unity_relation relation, int64_t expected, int64_t actual, bool is_signed)
{
    int order = is_signed ? (actual > expected) - (actual < expected)
                          : ((uint64_t)actual > (uint64_t)expected) -
                                ((uint64_t)actual < (uint64_t)expected);
    switch (relation) {
    case UNITY_EQUAL:
        return order == 0;
    case UNITY_NOT_EQUAL:
        return order != 0;
    case UNITY_GREATER:
        return order > 0;
    case UNITY_LESS:
        return order < 0;
    case UNITY_GREATER_OR_EQUAL:
        return order >= 0;
    default:
        return order <= 0;
    }
}

void unity_compare(enum unity_relation relation, int64_t expected, int64_t actual,
                   enum unity_style style, const char *message, int line)
{
    static const char *const WORDS[] = {[UNITY_EQUAL] = "",
                                        [UNITY_NOT_EQUAL] = "to be not equal to ",
                                        [UNITY_GREATER] = "to be greater than ",
                                        [UNITY_LESS] = "to be less than ",
                                        [UNITY_GREATER_OR_EQUAL] = "to be greater or equal to ",
                                        [UNITY_LESS_OR_EQUAL] = "to be less or equal to "};
    if (holds(relation, expected, actual, style == UNITY_SIGNED)) {
        return;
    }
    begin_failure(line);
    printf("Expected ");
    if (relation == UNITY_EQUAL) {
        print_value(expected, style);
        printf(" Was ");
        print_value(actual, style);
    } else {
        print_value(actual, style);
        printf(" %s", WORDS[relation]);
        print_value(expected, style);
    }
    end_failure(message);
}

void unity_within(uint64_t delta, int64_t expected, int64_t actual, enum unity_style style,
                  const char *message, int line)
{
    bool is_above = holds(UNITY_GREATER, expected, actual, style == UNITY_SIGNED);
    uint64_t distance =
        is_above ? (uint64_t)actual - (uint64_t)expected : (uint64_t)expected - (uint64_t)actual;
    if (distance <= delta) {
        return;
    }
    begin_failure(line);
    printf("Values Not Within Delta %" PRIu64 " Expected ", delta);
    print_value(expected, style);
    printf(" Was ");
    print_value(actual, style);
    end_failure(message);
}

/** Element i of an array of numbers of 1, 2, 4 or 8 bytes. */
static int64_t element(const void *array, size_t i, size_t size, bool is_signed)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)array + i * size,
           size); // fact: hosts of this port are little-endian
    unsigned shift = (unsigned)(64 - 8 * size);
    return is_signed ? (int64_t)(value << shift) >> shift : (int64_t)value;
}

static void element_differs(size_t i, int64_t expected, int64_t actual, enum unity_style style,
                            const char *message, int line)
{
    begin_failure(line);
    printf("Element %zu Expected ", i);
    print_value(expected, style);
    printf(" Was ");
    print_value(actual, style);
    end_failure(message);
}

void unity_compare_array(const void *expected, const void *actual, size_t count, size_t size,
                         enum unity_style style, const char *message, int line)
{
    if (expected == actual) {
        return;
    }
    if (!expected || !actual) {
        unity_fail("Expected or actual array is NULL", message, line);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t want = element(expected, i, size, style == UNITY_SIGNED);
        int64_t have = element(actual, i, size, style == UNITY_SIGNED);
        if (want != have) {
            element_differs(i, want, have, style, message, line);
        }
    }
}

void unity_compare_each(int64_t expected, const void *actual, size_t count, size_t size,
                        enum unity_style style, const char *message, int line)
{
    for (size_t i = 0; i < count; i++) {
        int64_t have = element(actual, i, size, style == UNITY_SIGNED);
        if (have != expected) {
            element_differs(i, expected, have, style, message, line);
        }
    }
}

void unity_compare_strings(const char *expected, const char *actual, size_t len,
                           const char *message, int line)
{
    if (expected == actual || (expected && actual && strncmp(expected, actual, len) == 0)) {
        return;
    }
    begin_failure(line);
    printf("Expected '%s' Was '%s'", expected ? expected : "NULL", actual ? actual : "NULL");
    end_failure(message);
}

void unity_compare_doubles(double delta, double expected, double actual, const char *message,
                           int line)
{
    if (fabs(actual - expected) <= fabs(delta) || expected == actual) {
        return;
    }
    begin_failure(line);
    printf("Expected %.9g Was %.9g", expected, actual);
    end_failure(message);
}
