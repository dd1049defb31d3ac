/**
 * ESP-IDF's extension of Unity: tests that register themselves, and a menu to run them.
 *
 * fact: macro and function names as in ESP-IDF, unity: unity_test_runner.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*unity_test_function_t)(void);

/** One registered test. The strings and the array are static. */
typedef struct unity_test_case {
    const char *name;
    const char *tags; // "[ota][timeout=60]"
    const unity_test_function_t *stages;
    const char *stage_names; // as written, separated by commas; NULL: a single function
    int stage_count;
    const char *file;
    int line;
    struct unity_test_case *next;
} unity_test_case_t;

/** Called before main() by the macros below, in the order of the file. */
void unity_testcase_register(unity_test_case_t *test);

#define UNITY_JOIN_(a, b)  a##b
#define UNITY_JOIN(a, b)   UNITY_JOIN_(a, b)
#define UNITY_NAME(prefix) UNITY_JOIN(prefix, __LINE__)

#define UNITY_REGISTER_(name_, tags_, array_, stages_text, count_)                                 \
    __attribute__((constructor)) static void UNITY_NAME(register_test_at_)(void)                   \
    {                                                                                              \
        static unity_test_case_t s_test = {name_,  tags_,    array_,   stages_text,                \
                                           count_, __FILE__, __LINE__, NULL};                      \
        unity_testcase_register(&s_test);                                                          \
    }

/** A test: TEST_CASE("it works", "[tag]") { ... } */
#define TEST_CASE(name_, tags_)                                                                    \
    static void UNITY_NAME(test_at_)(void);                                                        \
    static const unity_test_function_t UNITY_NAME(stages_at_)[] = {UNITY_NAME(test_at_)};          \
    UNITY_REGISTER_(name_, tags_, UNITY_NAME(stages_at_), NULL, 1)                                 \
    static void UNITY_NAME(test_at_)(void)

/** A test of several functions, with a reset of the device between them. */
#define TEST_CASE_MULTIPLE_STAGES(name_, tags_, ...)                                               \
    static const unity_test_function_t UNITY_NAME(stages_at_)[] = {__VA_ARGS__};                   \
    UNITY_REGISTER_(name_, tags_, UNITY_NAME(stages_at_), #__VA_ARGS__,                            \
                    (int)(sizeof(UNITY_NAME(stages_at_)) / sizeof(UNITY_NAME(stages_at_)[0])))

#define TEST_CASE_MULTIPLE_DEVICES(name_, tags_, ...)                                              \
    TEST_CASE_MULTIPLE_STAGES(name_, tags_ "[multi_device]", __VA_ARGS__)

/**
 * Runs tests as asked on standard input, one request a line, until it ends: a number, a "name" in quotes, a [tag],
 * ![tag] for all others, * for all, an empty line for the list. A test of several stages asks for the number of the stage.
 *
 * With the environment variable ESP_OTA_TESTS set to such a request, runs it without asking and returns. Stages then follow
 * each other through restarts: the file named by ESP_OTA_TESTS_STATE remembers where the run is.
 */
void unity_run_menu(void);

/** Run without a menu; stages of one test run one after the other without a reset. */
void unity_run_all_tests(void);
void unity_run_test_by_name(const char *name);
void unity_run_tests_by_tag(const char *tag, bool invert);
void unity_run_test_by_index(int index);
int unity_get_test_count(void);

#ifdef __cplusplus
}
#endif
