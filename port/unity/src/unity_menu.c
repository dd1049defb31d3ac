#include "unity_cases.h"

#include <ctype.h>
#include <string.h>

// Registered before main() by constructors, hence file-level.
static unity_test_case_t *s_first;
static unity_test_case_t **s_end = &s_first;

void unity_testcase_register(unity_test_case_t *test)
{
    *s_end = test;
    s_end = &test->next;
}

unity_test_case_t *unity_first_case(void)
{
    return s_first;
}

int unity_get_test_count(void)
{
    int count = 0;
    for (const unity_test_case_t *test = s_first; test; test = test->next) {
        count++;
    }
    return count;
}

bool unity_is_selected(const char *request, const unity_test_case_t *test, int number)
{
    if (strcmp(request, "*") == 0) {
        return true;
    }
    if (request[0] == '[') {
        return strstr(test->tags, request) != NULL;
    }
    if (request[0] == '!') {
        return strstr(test->tags, request + 1) == NULL;
    }
    size_t len = strlen(request);
    if (request[0] == '"') {
        size_t name_len = strlen(test->name);
        return len == name_len + 2 && strncmp(request + 1, test->name, name_len) == 0;
    }
    if (isdigit((unsigned char)request[0]) && strtol(request, NULL, 10) == number) {
        return true;
    }
    return strcmp(request, test->name) == 0;
}

void unity_run_stage(const unity_test_case_t *test, int stage)
{
    printf("Running %s...\n", test->name);
    fflush(stdout);
    unity_run(test->stages[stage], test->name, test->line, test->file);
}

/** Without resets: all functions of a test. */
static void run_whole(const unity_test_case_t *test)
{
    for (int stage = 0; stage < test->stage_count; stage++) {
        unity_run_stage(test, stage);
    }
}

static void run_selected(const char *request)
{
    UNITY_BEGIN();
    int number = 0;
    for (const unity_test_case_t *test = s_first; test; test = test->next) {
        if (unity_is_selected(request, test, ++number)) {
            run_whole(test);
        }
    }
    (void)UNITY_END(); // the number of failures was printed
}

void unity_run_all_tests(void)
{
    run_selected("*");
}

void unity_run_test_by_name(const char *name)
{
    run_selected(name);
}

void unity_run_tests_by_tag(const char *tag, bool invert)
{
    char request[128];
    snprintf(request, sizeof(request), "%s%s", invert ? "!" : "", tag);
    run_selected(request);
}

void unity_run_test_by_index(int index)
{
    char request[16];
    snprintf(request, sizeof(request), "%d", index + 1); // numbers of the menu begin with 1
    run_selected(request);
}

//------------------------------------------------------------------------------------------ menu

static void print_stages(const unity_test_case_t *test)
{
    const char *at = test->stage_names;
    for (int stage = 1; stage <= test->stage_count; stage++) {
        size_t len = strcspn(at, ",");
        printf("\t(%d)\t\"%.*s\"\n", stage, (int)len, at);
        at += len + strspn(at + len, ", ");
    }
}

static void print_menu(void)
{
    printf("\n\nHere's the test menu, pick your combo:\n");
    int number = 0;
    for (const unity_test_case_t *test = s_first; test; test = test->next) {
        printf("(%d)\t\"%s\" %s%s\n", ++number, test->name, test->tags,
               test->stage_count > 1 ? "[multi_stage]" : "");
        if (test->stage_count > 1) {
            print_stages(test);
        }
    }
    printf("\nEnter test for running.\n");
    fflush(stdout);
}

/** Reads a line without buffering: what stands behind it belongs to the next life of the device. @return false at the end */
static bool read_line(char *line, size_t size)
{
    setvbuf(stdin, NULL, _IONBF, 0);
    if (!fgets(line, (int)size, stdin)) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

/** The only test that a request selects, when it has stages; else NULL. */
static const unity_test_case_t *staged_case(const char *request)
{
    const unity_test_case_t *found = NULL;
    int number = 0;
    for (const unity_test_case_t *test = s_first; test; test = test->next) {
        if (unity_is_selected(request, test, ++number)) {
            if (found) {
                return NULL;
            }
            found = test;
        }
    }
    return found && found->stage_count > 1 ? found : NULL;
}

static void ask_for_stage(const unity_test_case_t *test)
{
    char line[32];
    printf("Running %s...\n", test->name);
    print_stages(test);
    fflush(stdout);
    if (!read_line(line, sizeof(line))) {
        return;
    }
    long stage = strtol(line, NULL, 10);
    if (stage >= 1 && stage <= test->stage_count) {
        UNITY_BEGIN();
        unity_run_stage(test, (int)stage - 1);
        (void)UNITY_END(); // printed
    }
}

void unity_run_menu(void)
{
    const char *request = getenv("ESP_OTA_TESTS");
    if (request) {
        unity_run_request(request, getenv("ESP_OTA_TESTS_STATE"));
        return;
    }
    char line[256];
    printf("\n\nPress ENTER to see the list of tests.\n");
    fflush(stdout);
    while (read_line(line, sizeof(line))) {
        const unity_test_case_t *staged = staged_case(line);
        if (line[0] == '\0') {
            print_menu();
            continue;
        }
        if (staged) {
            ask_for_stage(staged);
        } else {
            run_selected(line);
        }
        printf("Enter next test, or 'enter' to see menu\n");
        fflush(stdout);
    }
}
