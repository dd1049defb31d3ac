// Runs every row of a folder of reference vectors against this stack and says which verdicts are wrong.
//
// The folder is the one in the environment variable OTA_VECTORS, else the copy beside this file. A run that checked
// nothing is a failure: a missing folder must not look like success.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vector.h"

#define COLUMN_COUNT                                                                               \
    7 // path, kind, params, expect, made_by, command, note; what follows is not needed
#define COLUMNS_NEEDED 4 // up to expect

static const char NOT_BUILT[] = "not built yet";
static const char NO_VERDICT[] = "used by other rows, no verdict of its own";

static const struct vector_kind KINDS[] = {
    {"image", check_image, NULL},
    {"fields", check_fields, NULL},
    {"otadata_step", check_otadata_step, NULL},
    {"partition_table", check_partition_table, NULL},
    {"partition_csv", check_partition_csv, NULL},
    {"partition_csv_out", check_partition_csv_out, NULL},
    {"pre_encrypted", check_pre_encrypted, NULL},
    {"delta", check_delta, NULL},
    {"signature", check_signature, NULL},
    {"nvs", check_nvs, NULL},
    {"flash_encryption", check_flash_encryption, NULL},
    {"input", NULL, NO_VERDICT},
    {"key", NULL, NO_VERDICT},
    {"otadata", NULL, NO_VERDICT},
    {"otadata_result", NULL, NO_VERDICT},
};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

// Folders of cases outside the manifest; the entry without name ends the list.
static const struct vector_folder FOLDERS[] = {
    {"boot_decisions", run_boot_decisions},
    {NULL, NULL},
};

#define SKIPPED_MAX 64 // chosen: more kinds than any manifest has

struct skipped_kind {
    const char *name;
    const char *reason;
    unsigned count;
};

struct run {
    const char *folder;
    struct vector_tally tally;
    struct skipped_kind skipped[SKIPPED_MAX];
    size_t skipped_kinds;
    unsigned skipped_rows;
};

// ---- One row ---------------------------------------------------------------------------------------

static const struct vector_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(KINDS[i].name, name) == 0) {
            return &KINDS[i];
        }
    }
    return NULL;
}

static void note_skipped(struct run *run, const char *name, const char *reason)
{
    run->skipped_rows++;
    for (size_t i = 0; i < run->skipped_kinds; i++) {
        if (strcmp(run->skipped[i].name, name) == 0) {
            run->skipped[i].count++;
            return;
        }
    }
    if (run->skipped_kinds < SKIPPED_MAX) {
        run->skipped[run->skipped_kinds++] = (struct skipped_kind){name, reason, 1};
    }
}

static void run_row(struct run *run, const struct vector_row *row)
{
    const struct vector_kind *kind = find_kind(row->kind);
    if (!kind || !kind->handler) {
        note_skipped(run, row->kind, kind ? kind->reason : NOT_BUILT);
        return;
    }
    char why[VECTOR_WHY_LEN] = "";
    bool is_right = kind->handler(row, why);
    const char *misread = vector_take_misread();
    if (is_right && !misread) {
        run->tally.passed++;
        return;
    }
    if (misread) {
        (void)snprintf(why, sizeof(why), "parameter %s is no number", misread);
    }
    run->tally.failed++;
    printf("WRONG %s, kind %s, params \"%s\": expected \"%s\", got \"%s\"\n", row->path, row->kind,
           row->params, row->expect, why);
}

// ---- The manifest ----------------------------------------------------------------------------------

/** Cuts line at tabs; missing columns are empty. @return how many are there */
static size_t split_columns(char *line, const char *columns[COLUMN_COUNT])
{
    size_t count = 1;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        columns[i] = line;
        line += strcspn(line, "\t");
        if (*line) {
            *line++ = '\0';
            count++;
        }
    }
    return count;
}

static void run_line(struct run *run, unsigned number, char *line)
{
    const char *columns[COLUMN_COUNT];
    line[strcspn(line, "\r")] = '\0';
    if (line[0] == '\0') {
        return;
    }
    size_t count = split_columns(line, columns);
    bool is_heading = number == 1 && !find_kind(columns[1]);
    if (is_heading) {
        return;
    }
    if (count < COLUMNS_NEEDED || columns[1][0] == '\0') {
        run->tally.failed++;
        printf(
            "WRONG manifest.tsv line %u: %zu columns, kind \"%s\"; a row is path, kind, params and "
            "expect, between tabs\n",
            number, count, columns[1]);
        return;
    }
    const struct vector_row row = {
        .folder = run->folder,
        .path = columns[0],
        .kind = columns[1],
        .params = columns[2],
        .expect = columns[3],
        .note = columns[6],
    };
    run_row(run, &row);
}

/** Runs all rows; the first line may be a heading. text keeps the strings of the rows and is changed. */
static void run_manifest(struct run *run, char *text)
{
    for (unsigned number = 1; *text; number++) {
        char *line = text;
        text += strcspn(text, "\n");
        if (*text) {
            *text++ = '\0';
        }
        run_line(run, number, line);
    }
}

static void run_folders(struct run *run)
{
    for (const struct vector_folder *folder = FOLDERS; folder->name; folder++) {
        char path[4096];
        struct stat info;
        (void)snprintf(path, sizeof(path), "%s/%s", run->folder, folder->name);
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            folder->run(path, &run->tally);
        }
    }
}

static int report(const struct run *run)
{
    for (size_t i = 0; i < run->skipped_kinds; i++) {
        printf("skipped: %u rows of kind %s (%s)\n", run->skipped[i].count, run->skipped[i].name,
               run->skipped[i].reason);
    }
    printf("vectors: %u passed, %u failed, %u skipped (%s)\n", run->tally.passed, run->tally.failed,
           run->skipped_rows, run->folder);
    if (run->tally.passed + run->tally.failed == 0) {
        printf("FAILED: not one row of %s/manifest.tsv was checked\n", run->folder);
        return 1;
    }
    return run->tally.failed ? 1 : 0;
}

int main(void)
{
    const char *folder = getenv("OTA_VECTORS");
    struct run run = {.folder = folder && *folder ? folder : OTA_VECTORS_DEFAULT};
    const struct vector_row manifest_row = {.folder = run.folder};
    struct vector_bytes manifest;
    char why[VECTOR_WHY_LEN];
    if (!vector_load(&manifest_row, "manifest.tsv", &manifest, why)) {
        printf("FAILED: %s/manifest.tsv cannot be read: %s\n", run.folder, strerror(errno));
        return 1;
    }
    size_t text_len = strlen((char *)manifest.data);
    if (text_len != manifest.len) {
        printf("FAILED: %s/manifest.tsv has a zero byte at %zu\n", run.folder, text_len);
        free(manifest.data);
        return 1;
    }
    run_manifest(&run, (char *)manifest.data);
    run_folders(&run);
    int status = report(&run);
    free(manifest.data);
    return status;
}
