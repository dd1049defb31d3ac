/*
 * Cuts the power at every flash operation of an application that writes to NVS, and looks at what is there afterwards.
 *
 * The application takes the steps of a fixed plan; a partition of three pages is small enough that pages fill and are
 * moved all the time. After each cut NVS is taken into use again: every value must be the one of the last step that
 * was completed, that of the step that was cut may also be the new one; nothing else may be there. Then the application
 * goes on with the step that was cut, to the end of the plan. A second sweep cuts a second time, mostly inside the repair.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "cut_flash.h"
#include "esp_flash.h"
#include "esp_log.h"
#include "nvs_flash.h"
#include "partition_table.h"

#define NVS_AT    0x20000u
#define NVS_LEN   0x3000u
#define SEEDS     3
#define VALUE_MAX 5000u
#define CUTS_MAX  2

enum plant { PLANT_NONE, PLANT_ERASE_FIRST, PLANT_HEADER_STAYS, PLANT_COUNT };
static const char *const PLANT_NAMES[PLANT_COUNT] = {"none", "erase_first", "header_stays"};

// ----------------------------------------------------------------------- the plan

enum step_kind { SET_INTEGER, SET_STRING, SET_BLOB, ERASE_KEY, ERASE_ALL };

struct step {
    enum step_kind kind;
    int space; // index of a namespace
    int key;
    uint32_t len; // of a string or blob
};

#define SPACES 2
#define KEYS   12
#define STEPS  44

static const char *const SPACE_NAMES[SPACES] = {"first", "second"};
static struct step s_steps[STEPS + 1]; // number 0 is never taken

static void make_plan(void)
{
    static const struct step PATTERN[] = {
        {SET_INTEGER, 0, 0, 0},  {SET_BLOB, 0, 1, 1500}, {SET_STRING, 0, 2, 500},
        {SET_INTEGER, 0, 3, 0},  {SET_BLOB, 1, 1, 20},   {SET_STRING, 1, 2, 40},
        {ERASE_KEY, 0, 3, 0},    {SET_INTEGER, 1, 2, 0}, {SET_BLOB, 0, 1, 2600},
        {SET_STRING, 0, 0, 200}, {SET_INTEGER, 0, 4, 0}, {ERASE_ALL, 1, 0, 0},
    };
    size_t count = sizeof(PATTERN) / sizeof(PATTERN[0]);
    for (int i = 1; i <= STEPS; i++) {
        s_steps[i] = PATTERN[(size_t)(i - 1) % count];
        s_steps[i].len += s_steps[i].len ? (uint32_t)i : 0; // no two values are alike
    }
}

// Bytes of the value that step i sets.
static uint32_t value_of(int i, uint8_t *out)
{
    const struct step *step = &s_steps[i];
    uint32_t len = step->kind == SET_INTEGER ? sizeof(uint32_t) : step->len;
    for (uint32_t k = 0; k < len; k++) {
        out[k] = (uint8_t)('a' + ((uint32_t)i * 7 + k) % 26);
    }
    if (step->kind == SET_STRING) {
        out[len - 1] = '\0';
    }
    return len;
}

static void key_name(int key, char out[16])
{
    (void)snprintf(out, 16, "key%d", key);
}

// The step up to `last` that decides about a key; 0: none, or one that erases.
static int step_in_force(int space, int key, int last)
{
    for (int i = last; i > 0; i--) {
        const struct step *step = &s_steps[i];
        if (step->space == space && (step->kind == ERASE_ALL || step->key == key)) {
            return step->kind == ERASE_ALL || step->kind == ERASE_KEY ? 0 : i;
        }
    }
    return 0;
}

// ----------------------------------------------------------------------- the application

static struct cut_plan s_plan;
static enum plant s_plant;
static int s_done; // steps completed, over all lives

static esp_err_t set_value(nvs_handle_t handle, const char *key, int i)
{
    static uint8_t bytes[VALUE_MAX];
    uint32_t len = value_of(i, bytes);
    uint32_t number;
    switch (s_steps[i].kind) {
    case SET_INTEGER:
        memcpy(&number, bytes, sizeof(number));
        return nvs_set_u32(handle, key, number);
    case SET_STRING:
        return nvs_set_str(handle, key, (const char *)bytes);
    default:
        return nvs_set_blob(handle, key, bytes, len);
    }
}

static esp_err_t take_step(int i)
{
    const struct step *step = &s_steps[i];
    char key[16];
    nvs_handle_t handle;
    key_name(step->key, key);
    esp_err_t err = nvs_open(SPACE_NAMES[step->space], NVS_READWRITE, &handle);
    if (err != ESP_OK) {
        return err;
    }
    if (step->kind == ERASE_ALL) {
        err = nvs_erase_all(handle);
    } else if (step->kind == ERASE_KEY) {
        err = nvs_erase_key(handle, key);
        err = err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err; // erased before the cut
    } else {
        if (s_plant == PLANT_ERASE_FIRST) {
            ESP_IGNORE_ERROR(nvs_erase_key(handle, key)); // the mistake that is planted
        }
        err = set_value(handle, key, i);
    }
    nvs_close(handle);
    return err;
}

// ----------------------------------------------------------------------- checks

static bool holds_value_of(nvs_handle_t handle, const char *key, int i)
{
    static uint8_t expected[VALUE_MAX];
    static uint8_t got[VALUE_MAX];
    size_t got_len = sizeof(got);
    uint32_t len = value_of(i, expected);
    esp_err_t err;
    switch (s_steps[i].kind) {
    case SET_INTEGER:
        got_len = sizeof(uint32_t);
        err = nvs_get_u32(handle, key, (uint32_t *)(void *)got);
        break;
    case SET_STRING:
        err = nvs_get_str(handle, key, (char *)got, &got_len);
        break;
    default:
        err = nvs_get_blob(handle, key, got, &got_len);
        break;
    }
    return err == ESP_OK && got_len == len && memcmp(got, expected, len) == 0;
}

static bool is_as_after(nvs_handle_t handle, int space, int key, int last)
{
    char name[16];
    key_name(key, name);
    int step = step_in_force(space, key, last);
    return step ? holds_value_of(handle, name, step)
                : nvs_find_key(handle, name, NULL) == ESP_ERR_NVS_NOT_FOUND;
}

static bool check_space(int space, char *why, size_t size)
{
    nvs_handle_t handle;
    esp_err_t err = nvs_open(SPACE_NAMES[space], NVS_READONLY, &handle);
    bool has_values = false;
    for (int key = 0; key < KEYS; key++) {
        int next = s_done < STEPS ? s_done + 1 : s_done;
        bool is_wanted = step_in_force(space, key, s_done) != 0;
        has_values = has_values || is_wanted;
        if (err == ESP_OK && !is_as_after(handle, space, key, s_done) &&
            !is_as_after(handle, space, key, next)) {
            (void)snprintf(why, size, "%s.key%d is neither as before nor as after step %d",
                           SPACE_NAMES[space], key, next);
            return false;
        }
    }
    if (err != ESP_OK && (err != ESP_ERR_NVS_NOT_FOUND || has_values)) {
        (void)snprintf(why, size, "namespace %s: %s", SPACE_NAMES[space], esp_err_to_name(err));
        return false;
    }
    if (err == ESP_OK) {
        nvs_close(handle);
    }
    return true;
}

static bool check_values(char *why, size_t size)
{
    for (int space = 0; space < SPACES; space++) {
        if (!check_space(space, why, size)) {
            return false;
        }
    }
    return true;
}

// ----------------------------------------------------------------------- lives

// Until the power goes, the plan is done or something is wrong.
static bool live(char *why, size_t size)
{
    esp_err_t err = nvs_flash_init();
    bool is_right = true;
    if (err == ESP_OK) {
        is_right = check_values(why, size);
    }
    while (err == ESP_OK && is_right && !s_plan.is_off && s_done < STEPS) {
        err = take_step(s_done + 1);
        if (err == ESP_OK && !s_plan.is_off) {
            s_done++;
        }
    }
    ESP_IGNORE_ERROR(nvs_flash_deinit()); // not in use if init failed
    if (err != ESP_OK && !s_plan.is_off) {
        (void)snprintf(why, size, "step %d: %s", s_done + 1, esp_err_to_name(err));
        is_right = false;
    }
    return is_right;
}

static bool run_case(const unsigned cuts[CUTS_MAX], enum cut_variant variant, uint32_t seed,
                     char *why, size_t size)
{
    memset(cut_flash_bytes() + NVS_AT, 0xFF, NVS_LEN);
    s_plan =
        (struct cut_plan){.cut_at = cuts[0], .variant = variant, .seed = seed, .is_survived = true};
    s_done = 0;
    for (int life = 0; life <= CUTS_MAX; life++) {
        if (!live(why, size)) {
            return false;
        }
        if (!s_plan.is_off) {
            break;
        }
        s_plan.is_off = false;
        s_plan.cut_at = life == 0 && cuts[1] ? s_plan.operations + cuts[1] : 0;
    }
    return s_done == STEPS && live(why, size); // once more, to look at the end
}

// ----------------------------------------------------------------------- a chip that leaves headers alone

static esp_flash_t *s_cutting;
static esp_flash_t s_planted;

static esp_err_t planted_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    (void)chip;
    return s_cutting->ops->read(s_cutting, buffer, address, len);
}

static esp_err_t planted_program(esp_flash_t *chip, const void *data, uint32_t address,
                                 uint32_t len)
{
    (void)chip;
    bool is_header = address % FLASH_SECTOR_SIZE == 0 && len == 32;
    if (is_header && *(const uint8_t *)data == 0) {
        return ESP_OK; // as if pages were erased without making their header unusable first
    }
    return s_cutting->ops->program(s_cutting, data, address, len);
}

static esp_err_t planted_erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    return s_cutting->ops->erase(s_cutting, address, unit);
}

static void plant_chip(void)
{
    static const struct flash_ops OPS = {
        .read = planted_read, .program = planted_program, .erase = planted_erase};
    s_cutting = esp_flash_default_chip;
    s_planted.ops = &OPS;
    s_planted.geometry = s_cutting->geometry;
    esp_flash_default_chip = &s_planted;
}

// ----------------------------------------------------------------------- sweep

struct options {
    unsigned cut;
    int variant; // -1: all
    int seed;    // -1: all
};

struct totals {
    unsigned operations, cuts, double_cuts, failures;
};

static void try_case(const unsigned cuts[CUTS_MAX], enum cut_variant variant, uint32_t seed,
                     struct totals *totals)
{
    char why[160] = "the plan does not come to its end";
    if (run_case(cuts, variant, seed, why, sizeof(why))) {
        return;
    }
    if (totals->failures++ < 20) { // the rest says the same
        printf("cut at operation %u and %u later, %s: %s\n"
               "  again: powercut_nvs --cut %u --variant %s --seed %u%s%s\n",
               cuts[0], cuts[1], CUT_VARIANT_NAMES[variant], why, cuts[0],
               CUT_VARIANT_NAMES[variant], (unsigned)seed, s_plant ? " --plant " : "",
               s_plant ? PLANT_NAMES[s_plant] : "");
    }
}

static void sweep(const struct options *options, struct totals *totals)
{
    try_case((unsigned[CUTS_MAX]){0, 0}, CUT_BEFORE, 0, totals);
    totals->operations = s_plan.operations;
    for (unsigned cut = 1; cut <= totals->operations && totals->failures < 200; cut++) {
        for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
            for (int seed = 0; seed < (variant == CUT_BEFORE ? 1 : SEEDS); seed++) {
                if ((options->cut && options->cut != cut) ||
                    (options->variant >= 0 && options->variant != variant) ||
                    (options->seed >= 0 && options->seed != seed)) {
                    continue;
                }
                unsigned second = 1 + (cut * 7 + (unsigned)variant * 3 + (unsigned)seed) % 24;
                try_case((unsigned[CUTS_MAX]){cut, 0}, (enum cut_variant)variant, (uint32_t)seed,
                         totals);
                try_case((unsigned[CUTS_MAX]){cut, second}, (enum cut_variant)variant,
                         (uint32_t)seed, totals);
                totals->cuts++;
                totals->double_cuts++;
            }
        }
    }
}

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    fprintf(stderr, "powercut_nvs: unknown name %s\n", name);
    exit(2);
}

static struct options parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"cut", required_argument, NULL, 'k'},
                                            {"variant", required_argument, NULL, 'v'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"plant", required_argument, NULL, 'p'},
                                            {0}};
    struct options options = {.variant = -1, .seed = -1};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (option == 'k') {
            options.cut = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'v') {
            options.variant = index_of(optarg, CUT_VARIANT_NAMES, CUT_VARIANT_COUNT);
        } else if (option == 'r') {
            options.seed = (int)strtol(optarg, NULL, 10);
        } else if (option == 'p') {
            s_plant = (enum plant)index_of(optarg, PLANT_NAMES, PLANT_COUNT);
        } else {
            exit(2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 2, .pos = {NVS_AT, NVS_LEN}, .label = "nvs"}};
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    struct options options = parse(argc, argv);
    boot_handover_set(&handover);
    esp_log_level_set("*", ESP_LOG_NONE);
    make_plan();
    if (cut_flash_open(&s_plan) != ESP_OK ||
        partition_table_encode(TABLE, 1, true, table) != ESP_OK) {
        fprintf(stderr, "powercut_nvs: no flash\n");
        return 2;
    }
    memcpy(cut_flash_bytes() + handover.table_offset, table, sizeof(table));
    if (s_plant == PLANT_HEADER_STAYS) {
        plant_chip();
    }
    struct totals totals = {0};
    sweep(&options, &totals);
    printf("powercut_nvs: %s: %u operations, %u cuts, %u double cuts, %u failures\n",
           totals.failures ? "FAILED" : "passed", totals.operations, totals.cuts,
           totals.double_cuts, totals.failures);
    return totals.failures ? 1 : 0;
}
