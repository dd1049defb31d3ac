// A run over several lives of the device: before each stage a small file says what is about to run, so that the next life
// knows where the reset came.
#include "unity_cases.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "esp_system.h"

struct run_state {
    int number; // test that runs, counted from 1; 0: none yet
    int stage;  // stage that runs, counted from 0
    unsigned tests;
    unsigned failures;
    unsigned ignored;
};

/** Five numbers of a line. @return false: there are fewer */
static bool parse_numbers(const char *line, long numbers[5])
{
    for (int i = 0; i < 5; i++) {
        char *end;
        numbers[i] = strtol(line, &end, 10);
        if (end == line || numbers[i] < 0 || numbers[i] > INT_MAX) {
            return false;
        }
        line = end;
    }
    return true;
}

static struct run_state load(const char *path)
{
    struct run_state state = {0};
    char line[128];
    long numbers[5];
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file && fgets(line, sizeof(line), file) && parse_numbers(line, numbers)) {
        state = (struct run_state){.number = (int)numbers[0],
                                   .stage = (int)numbers[1],
                                   .tests = (unsigned)numbers[2],
                                   .failures = (unsigned)numbers[3],
                                   .ignored = (unsigned)numbers[4]};
    }
    if (file) {
        fclose(file);
    }
    return state;
}

static void save(const char *path, int number, int stage)
{
    if (!path) {
        return;
    }
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d %d %u %u %u\n", number, stage, Unity.tests, Unity.failures,
                         Unity.ignored) < 0) {
        fprintf(stderr, "unity: cannot write %s: %s\n", path, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
}

/** Runs the stages of a test from `stage` on; a stage that returns and is not the last asks for the reset itself. */
static void run_from(const unity_test_case_t *test, int number, int stage, const char *path)
{
    if (test->stage_count > 1 && !path) {
        printf("%s:%d:%s:IGNORE: stages need ESP_OTA_TESTS_STATE\n", test->file, test->line,
               test->name);
        Unity.tests++;
        Unity.ignored++;
        return;
    }
    unsigned failures = Unity.failures;
    save(path, number, stage);
    unity_run_stage(test, stage);
    if (stage + 1 < test->stage_count) {
        Unity.tests--; // the stages of a test count as one
        if (Unity.failures == failures) {
            save(path, number, stage);
            esp_restart();
        }
        Unity.tests++; // a failed stage is the end of the test
    }
}

/** A reset came while a single function or the last stage ran. */
static void note_unexpected_reset(const unity_test_case_t *test)
{
    printf("%s:%d:%s:FAIL: the device was reset\n", test->file, test->line, test->name);
    Unity.tests++;
    Unity.failures++;
}

void unity_run_request(const char *request, const char *state_path)
{
    struct run_state state = load(state_path);
    UNITY_BEGIN();
    Unity.tests = state.tests;
    Unity.failures = state.failures;
    Unity.ignored = state.ignored;
    int number = 0;
    for (const unity_test_case_t *test = unity_first_case(); test; test = test->next) {
        number++;
        if (!unity_is_selected(request, test, number) || number < state.number) {
            continue;
        }
        if (number > state.number) {
            run_from(test, number, 0, state_path);
        } else if (state.stage + 1 < test->stage_count) {
            run_from(test, number, state.stage + 1, state_path);
        } else {
            note_unexpected_reset(test);
        }
    }
    if (state_path) {
        remove(state_path);
    }
    (void)UNITY_END(); // printed
}
