// One test at a time, left by longjmp.
#include "unity.h"
#include "unity_fixture.h"

struct unity_counts Unity; // Unity's interface has one run a process
static jmp_buf s_frame;

enum { LEFT_BY_FAILURE = 1, LEFT_IGNORED = 2, LEFT_PASSED = 3 };

__attribute__((weak)) void setUp(void)
{
}

__attribute__((weak)) void tearDown(void)
{
}

jmp_buf *unity_frame(void)
{
    return &s_frame;
}

void unity_leave(void)
{
    longjmp(s_frame, LEFT_BY_FAILURE);
}

void unity_pass(void)
{
    longjmp(s_frame, LEFT_PASSED);
}

void unity_ignore(const char *message, int line)
{
    Unity.ignored++;
    printf("%s:%d:%s:IGNORE%s%s\n", Unity.test_file, line, Unity.current_test, message ? ": " : "",
           message ? message : "");
    longjmp(s_frame, LEFT_IGNORED);
}

void unity_print_message(const char *message, int line)
{
    printf("%s:%d:%s:INFO: %s\n", Unity.test_file, line, Unity.current_test, message);
}

void unity_begin(const char *file)
{
    Unity = (struct unity_counts){.test_file = file, .current_test = ""};
}

int unity_end(void)
{
    printf("\n-----------------------\n%u Tests %u Failures %u Ignored\n%s\n", Unity.tests,
           Unity.failures, Unity.ignored, Unity.failures == 0 ? "OK" : "FAIL");
    fflush(stdout);
    return (int)Unity.failures;
}

void unity_run_in_group(UnityTestFunction setup, UnityTestFunction body,
                        UnityTestFunction tear_down, const char *name, const char *file, int line)
{
    unsigned failures = Unity.failures;
    unsigned ignored = Unity.ignored;
    Unity.test_file = file;
    Unity.current_test = name;
    Unity.tests++;
    if (setjmp(s_frame) == 0) {
        setup();
        body();
    }
    if (setjmp(s_frame) == 0) {
        tear_down();
    }
    if (Unity.failures > failures + 1) {
        Unity.failures = failures + 1; // a test fails once, also when its tear-down does too
    }
    if (Unity.failures == failures && Unity.ignored == ignored) {
        printf("%s:%d:%s:PASS\n", file, line, name);
    }
    fflush(stdout);
}

void unity_run(UnityTestFunction function, const char *name, int line, const char *file)
{
    unity_run_in_group(setUp, function, tearDown, name, file, line);
}

int unity_main_group(void (*run_all)(void))
{
    UNITY_BEGIN();
    run_all();
    return UNITY_END();
}
