// What a server can do to an update, and images that fill their slot, so that the journal's sectors are theirs: the two meet where
// the length is not announced.

#include "sweep.h"

#include <string.h>

#define SLOT_SIZE 0x20000u
#define LARGE_LEN (84u * 1024)       // more than the journal's distance, so that it is used
#define TAIL_LEN  (SLOT_SIZE - 6000) // ends in the first of the journal's sectors

static struct powercut_world s_large;
static struct powercut_world s_tail;
static struct powercut_world s_full;

// ----------------------------------------------------------------------- servers

// A refused update is no failure: the device stays as it is and asks again.
static esp_err_t ask_again(struct powercut_life *life, esp_err_t err)
{
    bool is_refused =
        err == ESP_ERR_OTA_VALIDATE_FAILED || err == ESP_FAIL || err == ESP_ERR_INVALID_SIZE;
    life->promised = err == ESP_OK ? life->promised : life->booted;
    return is_refused ? ESP_OK : err;
}

// A byte is wrong in the first life, before the journal's first place.
static esp_err_t meet_a_liar(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    g_memory_server.lie_at = number == 0 ? 1 + 40000 : 0;
    return ask_again(life, powercut_act(scenario, number, life));
}

// The same in the last bytes, where the image's digest stands.
static esp_err_t meet_a_late_liar(const struct powercut_scenario *scenario, uint32_t number,
                                  struct powercut_life *life)
{
    g_memory_server.lie_at = number == 0 ? scenario->world->images[scenario->goal].len : 0;
    return ask_again(life, powercut_act(scenario, number, life));
}

// In the first life the file ends behind the journal's first place.
static esp_err_t get_a_part(const struct powercut_scenario *scenario, uint32_t number,
                            struct powercut_life *life)
{
    g_memory_server.ends_at = number == 0 ? 70000 : 0;
    return ask_again(life, powercut_act(scenario, number, life));
}

// The server has another file in the first life than later.
static esp_err_t get_another(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    struct powercut_scenario now = *scenario;
    now.goal = number == 0 ? NEWER : NEW;
    esp_err_t err = powercut_act(&now, number, life);
    life->has_goal = life->has_goal && life->booted == scenario->goal;
    return err;
}

static esp_err_t get_no_length(const struct powercut_scenario *scenario, uint32_t number,
                               struct powercut_life *life)
{
    g_memory_server.hides_len = true;
    return powercut_act(scenario, number, life);
}

// ----------------------------------------------------------------------- scenarios

#define VALID ESP_OTA_IMG_VALID

// Over an old update: ota_1 runs, ota_0 holds the one before it.
#define OVER_OLDER                                                                                 \
    .slots = {OLDER, OLD}, .seq = {1, 2}, .states = {VALID, VALID}, .goal = NEW,                   \
    .allowed = NOW(OLD) | NOW(NEW)

#define SERVER(function)                                                                           \
    .world = &s_large, .way = POWERCUT_HTTPS, .extra = &(const struct powercut_extra)              \
    {                                                                                              \
        .act = (function)                                                                          \
    }

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "liar_https", SERVER(meet_a_liar), .rollback = true, OVER_OLDER},
    {.name = "late_liar_https", SERVER(meet_a_late_liar), OVER_OLDER},
    {.name = "part_https", SERVER(get_a_part), OVER_OLDER},
    {.name = "other_file_https",
     SERVER(get_another),
     .rollback = true,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW) | NOW(NEWER)},
    {.name = "no_length_https", SERVER(get_no_length), OVER_OLDER},
    {.name = "tail_https", .world = &s_tail, .way = POWERCUT_HTTPS, OVER_OLDER},
    {.name = "full_https", .world = &s_full, .way = POWERCUT_HTTPS, .rollback = true, OVER_OLDER},
    {.name = "full_no_length_https",
     .world = &s_full,
     .way = POWERCUT_HTTPS,
     .extra = &(const struct powercut_extra){.act = get_no_length},
     OVER_OLDER},
    {.name = "full_bulk", .world = &s_full, .way = POWERCUT_BULK, OVER_OLDER},
};
const struct sweep_group SWEEP_SERVER = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};

// ----------------------------------------------------------------------- worlds

// Images that are exactly as long as their slot.
static void make_full_images(struct powercut_world *world)
{
    sweep_make_images(world, SLOT_SIZE);
    for (unsigned i = FACTORY; i < SWEEP_IMAGE_COUNT; i++) {
        struct powercut_image *image = &world->images[i];
        image->bytes =
            sweep_make_image(i, 2 * SLOT_SIZE - image->len, ESP_CHIP_ID_ESP32, 0, 0, &image->len);
    }
}

void sweep_make_server(void)
{
    sweep_make_images(&s_large, LARGE_LEN);
    sweep_make_images(&s_tail, TAIL_LEN);
    make_full_images(&s_full);
    sweep_make_table(&s_large, 2, false, SLOT_SIZE, NULL);
    sweep_make_table(&s_tail, 2, false, SLOT_SIZE, NULL);
    sweep_make_table(&s_full, 2, false, SLOT_SIZE, NULL);
}
