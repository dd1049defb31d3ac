/**
 * Assertions and a test runner under the names of Unity (as far as tests of ESP-IDF applications use them), with ESP-IDF's
 * extensions: TEST_CASE() registers itself, unity_run_menu() runs what is asked for.
 *
 * The assertions end the test that runs, with one line "FILE:LINE:TEST:FAIL: ..." on standard output. They may be used by the
 * test's own thread only. fact: macro names as in Unity 2.6; output lines as other tools parse them.
 */
#pragma once

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "unity_test_runner.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*UnityTestFunction)(void);

/** What was counted since UNITY_BEGIN(). */
struct unity_counts {
    const char *test_file;
    const char *current_test;
    unsigned tests;
    unsigned failures;
    unsigned ignored;
};

extern struct unity_counts Unity;

enum unity_style {
    UNITY_SIGNED,
    UNITY_UNSIGNED,
    UNITY_HEX8,
    UNITY_HEX16,
    UNITY_HEX32,
    UNITY_HEX64,
    UNITY_POINTER
};

enum unity_relation {
    UNITY_EQUAL,
    UNITY_NOT_EQUAL,
    UNITY_GREATER,
    UNITY_LESS,
    UNITY_GREATER_OR_EQUAL,
    UNITY_LESS_OR_EQUAL,
};

void unity_begin(const char *file);

/** Prints the summary. @return the number of failures */
int unity_end(void);

void unity_run(UnityTestFunction function, const char *name, int line, const char *file);

/** What the macros below call. Each returns, or ends the test. */
void unity_fail(const char *text, const char *message, int line);
void unity_ignore(const char *message, int line);
void unity_pass(void);
void unity_print_message(const char *message, int line);
void unity_compare(enum unity_relation relation, int64_t expected, int64_t actual,
                   enum unity_style style, const char *message, int line);
void unity_within(uint64_t delta, int64_t expected, int64_t actual, enum unity_style style,
                  const char *message, int line);
void unity_compare_array(const void *expected, const void *actual, size_t count, size_t size,
                         enum unity_style style, const char *message, int line);
void unity_compare_each(int64_t expected, const void *actual, size_t count, size_t size,
                        enum unity_style style, const char *message, int line);
void unity_compare_strings(const char *expected, const char *actual, size_t len,
                           const char *message, int line);
void unity_compare_doubles(double delta, double expected, double actual, const char *message,
                           int line);

/** Run around every test; a program may define its own. */
void setUp(void);
void tearDown(void);

#define UNITY_BEGIN()                unity_begin(__FILE__)
#define UNITY_END()                  unity_end()
#define RUN_TEST(function, ...)      unity_run(function, #function, __LINE__, __FILE__)
#define TEST_PROTECT()               (setjmp(*unity_frame()) == 0)
#define TEST_ABORT()                 unity_leave()
#define TEST_MESSAGE(message)        unity_print_message((message), __LINE__)
#define TEST_FAIL()                  unity_fail("", NULL, __LINE__)
#define TEST_FAIL_MESSAGE(message)   unity_fail("", (message), __LINE__)
#define TEST_IGNORE()                unity_ignore(NULL, __LINE__)
#define TEST_IGNORE_MESSAGE(message) unity_ignore((message), __LINE__)
#define TEST_PASS()                  unity_pass()

jmp_buf *unity_frame(void);
void unity_leave(void) __attribute__((noreturn));

#define unity_require_(condition, text, message)                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            unity_fail(text, message, __LINE__);                                                   \
        }                                                                                          \
    } while (0)

// clang-format off
#define TEST_ASSERT_MESSAGE(condition, message)         unity_require_(condition, "Expression Evaluated To FALSE", message)
#define TEST_ASSERT(condition)                          TEST_ASSERT_MESSAGE(condition, NULL)
#define TEST_ASSERT_TRUE(condition)                     unity_require_(condition, "Expected TRUE Was FALSE", NULL)
#define TEST_ASSERT_TRUE_MESSAGE(condition, message)    unity_require_(condition, "Expected TRUE Was FALSE", message)
#define TEST_ASSERT_UNLESS(condition)                   unity_require_(!(condition), "Expression Evaluated To TRUE", NULL)
#define TEST_ASSERT_FALSE(condition)                    unity_require_(!(condition), "Expected FALSE Was TRUE", NULL)
#define TEST_ASSERT_FALSE_MESSAGE(condition, message)   unity_require_(!(condition), "Expected FALSE Was TRUE", message)
#define TEST_ASSERT_NULL(pointer)                       unity_require_((pointer) == NULL, "Expected NULL", NULL)
#define TEST_ASSERT_NULL_MESSAGE(pointer, message)      unity_require_((pointer) == NULL, "Expected NULL", message)
#define TEST_ASSERT_NOT_NULL(pointer)                   unity_require_((pointer) != NULL, "Expected Non-NULL", NULL)
#define TEST_ASSERT_NOT_NULL_MESSAGE(pointer, message)  unity_require_((pointer) != NULL, "Expected Non-NULL", message)

#define TEST_ASSERT_EQUAL(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(expected), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(expected), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT8(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT8_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT16(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT16_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT32(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT32_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT64(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT64_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT8(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT8_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT16(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT16_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT32(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT32_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT64(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT64_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_size_t(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_size_t_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX8(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX8_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX16(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX16_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX32(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX32_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX64(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX64_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EQUAL_CHAR(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_CHAR_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_PTR(expected, actual) unity_compare(UNITY_EQUAL, (int64_t)(uintptr_t)(expected), (int64_t)(uintptr_t)(actual), UNITY_POINTER, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_PTR_MESSAGE(expected, actual, message) unity_compare(UNITY_EQUAL, (int64_t)(uintptr_t)(expected), (int64_t)(uintptr_t)(actual), UNITY_POINTER, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(expected), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(expected), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(threshold), (int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_INT(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_INT_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int)(threshold), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT8(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT8_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT8(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_INT8(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_INT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT8(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT8(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int8_t)(threshold), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT16(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT16_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT16(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_INT16(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_INT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT16(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT16(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int16_t)(threshold), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT32(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT32_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT32(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_INT32(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_INT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT32(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT32(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int32_t)(threshold), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT64(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_INT64_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT64(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_INT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_INT64(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_INT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT64(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_INT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT64(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_INT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(int64_t)(threshold), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT8(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT8_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT8(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT8(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT8(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT8(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint8_t)(threshold), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT16(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT16_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT16(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT16(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT16(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT16(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint16_t)(threshold), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT32(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT32_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT32(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT32(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT32(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT32(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint32_t)(threshold), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT64(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_UINT64_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT64(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_UINT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT64(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_UINT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT64(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_UINT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT64(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_UINT64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_size_t(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_size_t_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_size_t(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_size_t_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_size_t(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_size_t_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_size_t(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_size_t_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_size_t(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_size_t_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(size_t)(threshold), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(unsigned)(threshold), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX8(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX8_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX8(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX8(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX8(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX8_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX8(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX8_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint8_t)(uint8_t)(threshold), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX16(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX16_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX16(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX16(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX16(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX16_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX16(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX16_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint16_t)(uint16_t)(threshold), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX32(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX32_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX32(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX32(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX32(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX32_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX32(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX32_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint32_t)(uint32_t)(threshold), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX64(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_HEX64_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX64(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_HEX64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX64(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_HEX64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX64(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_HEX64_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX64(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_HEX64_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(uint64_t)(uint64_t)(threshold), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_NOT_EQUAL_CHAR(expected, actual) unity_compare(UNITY_NOT_EQUAL, (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_NOT_EQUAL_CHAR_MESSAGE(expected, actual, message) unity_compare(UNITY_NOT_EQUAL, (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_THAN_CHAR(threshold, actual) unity_compare(UNITY_GREATER, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_THAN_CHAR_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_THAN_CHAR(threshold, actual) unity_compare(UNITY_LESS, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_THAN_CHAR_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_CHAR(threshold, actual) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_GREATER_OR_EQUAL_CHAR_MESSAGE(threshold, actual, message) unity_compare(UNITY_GREATER_OR_EQUAL, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_CHAR(threshold, actual) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_LESS_OR_EQUAL_CHAR_MESSAGE(threshold, actual, message) unity_compare(UNITY_LESS_OR_EQUAL, (int64_t)(char)(threshold), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_INT_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_INT_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(int)(expected), (int64_t)(int)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(int), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(int), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT(expected, actual, count) unity_compare_each((int64_t)(int)(expected), (actual), (count), sizeof(int), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(int)(expected), (actual), (count), sizeof(int), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_INT8_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_INT8_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(int8_t)(expected), (int64_t)(int8_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT8_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(int8_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT8_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(int8_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT8(expected, actual, count) unity_compare_each((int64_t)(int8_t)(expected), (actual), (count), sizeof(int8_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT8_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(int8_t)(expected), (actual), (count), sizeof(int8_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_INT16_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_INT16_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(int16_t)(expected), (int64_t)(int16_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT16_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(int16_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT16_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(int16_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT16(expected, actual, count) unity_compare_each((int64_t)(int16_t)(expected), (actual), (count), sizeof(int16_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT16_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(int16_t)(expected), (actual), (count), sizeof(int16_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_INT32_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_INT32_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(int32_t)(expected), (int64_t)(int32_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT32_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(int32_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT32_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(int32_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT32(expected, actual, count) unity_compare_each((int64_t)(int32_t)(expected), (actual), (count), sizeof(int32_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT32_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(int32_t)(expected), (actual), (count), sizeof(int32_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_INT64_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_INT64_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(int64_t)(expected), (int64_t)(int64_t)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_INT64_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(int64_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_INT64_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(int64_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT64(expected, actual, count) unity_compare_each((int64_t)(int64_t)(expected), (actual), (count), sizeof(int64_t), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_INT64_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(int64_t)(expected), (actual), (count), sizeof(int64_t), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_UINT_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_UINT_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(unsigned), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(unsigned), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT(expected, actual, count) unity_compare_each((int64_t)(unsigned)(expected), (actual), (count), sizeof(unsigned), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(unsigned)(expected), (actual), (count), sizeof(unsigned), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_UINT8_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_UINT8_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint8_t)(expected), (int64_t)(uint64_t)(uint8_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT8_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint8_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT8_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint8_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT8(expected, actual, count) unity_compare_each((int64_t)(uint8_t)(expected), (actual), (count), sizeof(uint8_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT8_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint8_t)(expected), (actual), (count), sizeof(uint8_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_UINT16_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_UINT16_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint16_t)(expected), (int64_t)(uint64_t)(uint16_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT16_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint16_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT16_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint16_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT16(expected, actual, count) unity_compare_each((int64_t)(uint16_t)(expected), (actual), (count), sizeof(uint16_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT16_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint16_t)(expected), (actual), (count), sizeof(uint16_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_UINT32_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_UINT32_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint32_t)(expected), (int64_t)(uint64_t)(uint32_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT32_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint32_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT32_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint32_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT32(expected, actual, count) unity_compare_each((int64_t)(uint32_t)(expected), (actual), (count), sizeof(uint32_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT32_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint32_t)(expected), (actual), (count), sizeof(uint32_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_UINT64_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_UINT64_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_UINT64_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint64_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_UINT64_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint64_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT64(expected, actual, count) unity_compare_each((int64_t)(uint64_t)(expected), (actual), (count), sizeof(uint64_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_UINT64_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint64_t)(expected), (actual), (count), sizeof(uint64_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_size_t_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_size_t_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(size_t)(expected), (int64_t)(uint64_t)(size_t)(actual), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_size_t_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(size_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_size_t_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(size_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_size_t(expected, actual, count) unity_compare_each((int64_t)(size_t)(expected), (actual), (count), sizeof(size_t), UNITY_UNSIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_size_t_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(size_t)(expected), (actual), (count), sizeof(size_t), UNITY_UNSIGNED, (message), __LINE__)
#define TEST_ASSERT_HEX_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_HEX_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(unsigned)(expected), (int64_t)(uint64_t)(unsigned)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(unsigned), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(unsigned), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX(expected, actual, count) unity_compare_each((int64_t)(unsigned)(expected), (actual), (count), sizeof(unsigned), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(unsigned)(expected), (actual), (count), sizeof(unsigned), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_HEX8_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_HEX8_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint8_t)(uint8_t)(expected), (int64_t)(uint8_t)(uint8_t)(actual), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX8_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint8_t), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX8_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint8_t), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX8(expected, actual, count) unity_compare_each((int64_t)(uint8_t)(expected), (actual), (count), sizeof(uint8_t), UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX8_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint8_t)(expected), (actual), (count), sizeof(uint8_t), UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_HEX16_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_HEX16_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint16_t)(uint16_t)(expected), (int64_t)(uint16_t)(uint16_t)(actual), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX16_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint16_t), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX16_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint16_t), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX16(expected, actual, count) unity_compare_each((int64_t)(uint16_t)(expected), (actual), (count), sizeof(uint16_t), UNITY_HEX16, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX16_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint16_t)(expected), (actual), (count), sizeof(uint16_t), UNITY_HEX16, (message), __LINE__)
#define TEST_ASSERT_HEX32_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_HEX32_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint32_t)(uint32_t)(expected), (int64_t)(uint32_t)(uint32_t)(actual), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX32_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint32_t), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX32_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint32_t), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX32(expected, actual, count) unity_compare_each((int64_t)(uint32_t)(expected), (actual), (count), sizeof(uint32_t), UNITY_HEX32, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX32_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint32_t)(expected), (actual), (count), sizeof(uint32_t), UNITY_HEX32, (message), __LINE__)
#define TEST_ASSERT_HEX64_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_HEX64_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(uint64_t)(uint64_t)(expected), (int64_t)(uint64_t)(uint64_t)(actual), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EQUAL_HEX64_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(uint64_t), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_HEX64_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(uint64_t), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX64(expected, actual, count) unity_compare_each((int64_t)(uint64_t)(expected), (actual), (count), sizeof(uint64_t), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_HEX64_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(uint64_t)(expected), (actual), (count), sizeof(uint64_t), UNITY_HEX64, (message), __LINE__)
#define TEST_ASSERT_CHAR_WITHIN(delta, expected, actual) unity_within((uint64_t)(delta), (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_CHAR_WITHIN_MESSAGE(delta, expected, actual, message) unity_within((uint64_t)(delta), (int64_t)(char)(expected), (int64_t)(char)(actual), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EQUAL_CHAR_ARRAY(expected, actual, count) unity_compare_array((expected), (actual), (count), sizeof(char), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_CHAR_ARRAY_MESSAGE(expected, actual, count, message) unity_compare_array((expected), (actual), (count), sizeof(char), UNITY_SIGNED, (message), __LINE__)
#define TEST_ASSERT_EACH_EQUAL_CHAR(expected, actual, count) unity_compare_each((int64_t)(char)(expected), (actual), (count), sizeof(char), UNITY_SIGNED, NULL, __LINE__)
#define TEST_ASSERT_EACH_EQUAL_CHAR_MESSAGE(expected, actual, count, message) unity_compare_each((int64_t)(char)(expected), (actual), (count), sizeof(char), UNITY_SIGNED, (message), __LINE__)

#define TEST_ASSERT_BITS(mask, expected, actual) unity_compare(UNITY_EQUAL, (int64_t)((mask) & (expected)), (int64_t)((mask) & (actual)), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_BITS_HIGH(mask, actual)      unity_compare(UNITY_EQUAL, (int64_t)(mask), (int64_t)((mask) & (actual)), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_BITS_LOW(mask, actual)       unity_compare(UNITY_EQUAL, 0, (int64_t)((mask) & (actual)), UNITY_HEX64, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_STRING(expected, actual)                           unity_compare_strings((expected), (actual), SIZE_MAX, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_STRING_MESSAGE(expected, actual, message)          unity_compare_strings((expected), (actual), SIZE_MAX, (message), __LINE__)
#define TEST_ASSERT_EQUAL_STRING_LEN(expected, actual, len)                  unity_compare_strings((expected), (actual), (len), NULL, __LINE__)
#define TEST_ASSERT_EQUAL_STRING_LEN_MESSAGE(expected, actual, len, message) unity_compare_strings((expected), (actual), (len), (message), __LINE__)
#define TEST_ASSERT_EQUAL_MEMORY(expected, actual, len)                      unity_compare_array((expected), (actual), (len), 1, UNITY_HEX8, NULL, __LINE__)
#define TEST_ASSERT_EQUAL_MEMORY_MESSAGE(expected, actual, len, message)     unity_compare_array((expected), (actual), (len), 1, UNITY_HEX8, (message), __LINE__)
#define TEST_ASSERT_FLOAT_WITHIN(delta, expected, actual)  unity_compare_doubles((delta), (expected), (actual), NULL, __LINE__)
#define TEST_ASSERT_DOUBLE_WITHIN(delta, expected, actual) unity_compare_doubles((delta), (expected), (actual), NULL, __LINE__)
#define TEST_ASSERT_EQUAL_FLOAT(expected, actual)          unity_compare_doubles(fabs((double)(expected)) * 0.00001, (expected), (actual), NULL, __LINE__)
#define TEST_ASSERT_EQUAL_DOUBLE(expected, actual)         unity_compare_doubles(fabs((double)(expected)) * 1e-12, (expected), (actual), NULL, __LINE__)
// clang-format on

/** ESP-IDF's: an esp_err_t is as expected. */
#define TEST_ESP_OK(rc)            TEST_ASSERT_EQUAL_HEX32(ESP_OK, rc)
#define TEST_ESP_ERR(expected, rc) TEST_ASSERT_EQUAL_HEX32(expected, rc)

#ifdef __cplusplus
}
#endif
