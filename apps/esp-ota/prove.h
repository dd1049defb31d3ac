/** What esp-ota prove found, for its report. */
#pragma once

#include "cli.h"
#include "powercut.h"

#define PROVE_SCENARIO_MAX  8
#define PROVE_RECORD_MAX    65536u // chosen: cases that the pictures show
#define PROVE_OPERATION_MAX 8192u

/** One operation of an update that nobody cut. */
struct prove_operation {
    uint32_t address;
    uint32_t len;
    uint8_t is_erase;
};

struct prove_part {
    struct powercut_scenario scenario;
    const char *title; // for people
    struct powercut_totals totals;
    struct powercut_record *records;
    uint32_t record_count;
    struct prove_operation *operations; // shared with the lives that are traced
    uint32_t operation_count;
};

struct prove {
    const char *old_path;
    const char *new_path;
    char old_name[80];
    char new_name[80];
    char old_digest[65]; // SHA-256 of the files
    char new_digest[65];
    struct powercut_world world;
    struct prove_part parts[PROVE_SCENARIO_MAX];
    uint32_t part_count;
    bool is_long;
    double seconds;
    const char *command; // how to replay, up to the case
};

/** Sums of all parts. */
struct powercut_totals prove_sum(const struct prove *prove);

/** Writes the report; on failure says so and returns false. */
bool prove_write_report(const struct prove *prove, const char *path);
