/** The registered tests, and the two ways to run them: asked on standard input, or by the environment. */
#pragma once

#include "unity.h"

/** First registered test; the others hang on its next. */
unity_test_case_t *unity_first_case(void);

/** Whether a request selects a test: "*", [tag], ![tag], "name" in quotes, a name, or its number counted from 1. */
bool unity_is_selected(const char *request, const unity_test_case_t *test, int number);

/** Runs one function of a test. */
void unity_run_stage(const unity_test_case_t *test, int stage);

/** Runs what request selects, its stages through restarts, and says how it ended. */
void unity_run_request(const char *request, const char *state_path);
