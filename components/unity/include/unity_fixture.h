/** Groups of tests, as Unity's fixture extension has them. fact: macro names as there. */
#pragma once

#include "unity.h"

#define TEST_GROUP(group) static const char *const unity_group_##group = #group
#define TEST_SETUP(group)                                                                          \
    void unity_setup_##group(void);                                                                \
    void unity_setup_##group(void)
#define TEST_TEAR_DOWN(group)                                                                      \
    void unity_tear_down_##group(void);                                                            \
    void unity_tear_down_##group(void)

// clang-format off
/** A test of a group; runs between its set-up and its tear-down. */
#define TEST(group, name)                                                                          \
    void unity_setup_##group(void);                                                                \
    void unity_tear_down_##group(void);                                                            \
    static void unity_body_##group##_##name(void);                                                 \
    void unity_run_##group##_##name(void);                                                         \
    void unity_run_##group##_##name(void)                                                          \
    {                                                                                              \
        (void)unity_group_##group;                                                                 \
        unity_run_in_group(unity_setup_##group, unity_body_##group##_##name,                       \
                           unity_tear_down_##group, "TEST(" #group ", " #name ")", __FILE__, __LINE__); \
    }                                                                                              \
    static void unity_body_##group##_##name(void)
// clang-format on

#define RUN_TEST_CASE(group, name)                                                                 \
    {                                                                                              \
        void unity_run_##group##_##name(void);                                                     \
        unity_run_##group##_##name();                                                              \
    }
#define TEST_GROUP_RUNNER(group)                                                                   \
    void unity_group_runner_##group(void);                                                         \
    void unity_group_runner_##group(void)
#define RUN_TEST_GROUP(group)                                                                      \
    {                                                                                              \
        void unity_group_runner_##group(void);                                                     \
        unity_group_runner_##group();                                                              \
    }
#define UNITY_MAIN_FUNC(run_all) unity_main_group(run_all)

#ifdef __cplusplus
extern "C" {
#endif

/** Runs one test between setup and tear_down; both may end it. */
void unity_run_in_group(UnityTestFunction setup, UnityTestFunction body,
                        UnityTestFunction tear_down, const char *name, const char *file, int line);

/** Runs all groups and prints the summary. @return the number of failures */
int unity_main_group(void (*run_all)(void));

#ifdef __cplusplus
}
#endif
