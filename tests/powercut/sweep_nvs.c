// NVS under power cuts. The application takes the steps of a fixed plan; a partition of three pages is small enough that pages
// fill and are moved all the time. At every power-on every value must be the one of the last step that was completed, that of
// the step that was cut may also be the new one; nothing else may be there. Then the application goes on with the step that was
// cut, to the end of the plan.

#include "sweep.h"

#include <string.h>

#include "nvs_flash.h"

#define NVS_AT    0x9000u
#define NVS_LEN   0x3000u
#define VALUE_MAX 5000u

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

// What the judge knows: steps completed, over all lives of a case. Each process that runs cases has its own, its lives share it.
static int *s_done;

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

static bool check_space(int space, struct powercut_life *life)
{
    nvs_handle_t handle;
    esp_err_t err = nvs_open(SPACE_NAMES[space], NVS_READONLY, &handle);
    bool has_values = false;
    for (int key = 0; key < KEYS; key++) {
        int next = *s_done < STEPS ? *s_done + 1 : *s_done;
        bool is_wanted = step_in_force(space, key, *s_done) != 0;
        has_values = has_values || is_wanted;
        if (err == ESP_OK && !is_as_after(handle, space, key, *s_done) &&
            !is_as_after(handle, space, key, next)) {
            POWERCUT_FAIL(life, "%s.key%d is neither as before nor as after step %d",
                          SPACE_NAMES[space], key, next);
            return false;
        }
    }
    if (err != ESP_OK && (err != ESP_ERR_NVS_NOT_FOUND || has_values)) {
        POWERCUT_FAIL(life, "namespace %s: %s", SPACE_NAMES[space], esp_err_to_name(err));
        return false;
    }
    if (err == ESP_OK) {
        nvs_close(handle);
    }
    return true;
}

static bool check_values(struct powercut_life *life)
{
    bool is_right = true;
    for (int space = 0; space < SPACES && is_right; space++) {
        is_right = check_space(space, life);
    }
    return is_right;
}

// ----------------------------------------------------------------------- the device

static esp_err_t act(const struct powercut_scenario *scenario, uint32_t number,
                     struct powercut_life *life)
{
    (void)scenario;
    *s_done = number == 0 ? 0 : *s_done;
    esp_err_t err = nvs_flash_init();
    if (err != ESP_OK || !check_values(life)) {
        return err;
    }
    while (err == ESP_OK && *s_done < STEPS) {
        err = take_step(*s_done + 1);
        *s_done += err == ESP_OK;
    }
    life->has_goal = *s_done == STEPS;
    return err == ESP_OK ? nvs_flash_deinit() : err;
}

static bool put(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    memset(bytes + NVS_AT, 0xFF, NVS_LEN);
    s_done = powercut_share(sizeof(*s_done));
    return s_done != NULL;
}

static struct powercut_world s_world;

void sweep_make_nvs(void)
{
    static const esp_partition_info_t NVS = {
        .type = 1, .subtype = 2, .pos = {NVS_AT, NVS_LEN}, .label = "nvs"};
    sweep_make_images(&s_world, SWEEP_SMALL_LEN);
    sweep_make_table(&s_world, 2, false, 0x10000, &NVS);
    make_plan();
}

static const struct powercut_extra NVS_EXTRA = {.put = put,
                                                .act = act,
                                                .changes = {{NVS_AT, NVS_AT + NVS_LEN, true}},
                                                .keeps_otadata = true,
                                                .is_records_only = true};

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "nvs",
     .world = &s_world,
     .slots = {OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .goal = OLD,
     .allowed = NOW(OLD),
     .extra = &NVS_EXTRA},
};
const struct sweep_group SWEEP_NVS = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};
