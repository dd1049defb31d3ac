// One life: the bootloader decides, the application acts on what it finds, as a real one does. So a scenario goes on from
// wherever a cut has left it.

#include "powercut_private.h"

#include <stdio.h>
#include <string.h>

#include "esp_https_ota.h"
#include "esp_ota_ext.h"
#include "esp_ota_ops.h"

#define PIECE 1500u  // chosen: not a divisor of a sector
#define AHEAD 24576u // chosen: several sectors, and no unit of the chip

const char *const POWERCUT_WAY_NAMES[POWERCUT_WAY_COUNT] = {
    "sequential", "bulk", "whole", "https", "https_bulk", "ahead", "https_ahead", "erased"};

#define FAIL POWERCUT_FAIL

// ----------------------------------------------------------------------- boot

// Reads for the judge, who is not part of the device: it does not count and does not fail.
static bool inspect(uint32_t address, uint8_t *buffer, uint32_t len, bool is_plain)
{
    struct nor_shared *shared = ((struct nor_physics *)esp_flash_default_chip)->shared;
    uint32_t fail_read = shared->fail_read;
    uint32_t reads = shared->reads;
    shared->fail_read = 0;
    esp_err_t err = is_plain ? esp_flash_read(NULL, buffer, address, len)
                             : flash_plain_read(NULL, buffer, address, len);
    shared->fail_read = fail_read;
    shared->reads = reads;
    return err == ESP_OK;
}

bool powercut_holds(uint32_t address, const uint8_t *wanted, uint32_t len, bool is_plain)
{
    uint8_t chunk[4096];
    for (uint32_t at = 0; at < len; at += sizeof(chunk)) {
        uint32_t part = len - at < sizeof(chunk) ? len - at : (uint32_t)sizeof(chunk);
        if (!inspect(address + at, chunk, part, is_plain) ||
            memcmp(chunk, wanted + at, part) != 0) {
            return false;
        }
    }
    return true;
}

static uint8_t image_at(const struct powercut_world *world, uint32_t address)
{
    for (uint8_t i = 1; i < world->image_count; i++) {
        if (powercut_holds(address, world->images[i].bytes, world->images[i].len, false)) {
            return i;
        }
    }
    return 0;
}

static const char *name_of(const struct powercut_world *world, uint8_t image)
{
    return image ? world->images[image].name : "a mixture";
}

// Two records that may be followed name two slots; else a cut that takes one away leaves nothing to fall back to.
static bool name_one_slot(const struct powercut_scenario *scenario,
                          const struct boot_decision *decision)
{
    uint32_t slots = 0;
    while (powercut_find(scenario->world, PART_TYPE_APP, (uint8_t)(0x10 + slots))) {
        slots++;
    }
    const esp_ota_select_entry_t *records = decision->after;
    return slots > 1 && otadata_is_good(&records[0]) && otadata_is_good(&records[1]) &&
           otadata_slot(records[0].ota_seq, slots) == otadata_slot(records[1].ota_seq, slots);
}

static void judge_boot(const struct powercut_scenario *scenario, const struct nor_shared *shared,
                       const struct boot_decision *decision, struct powercut_life *life)
{
    const struct powercut_world *world = scenario->world;
    char name[8];
    life->booted = image_at(world, decision->partition.offset);
    life->index = decision->booted;
    life->reason = decision->reason;
    (void)boot_index_name(decision->booted, name);
    if (!(scenario->allowed & 1u << life->booted)) {
        FAIL(life, "%s boots from %s", name_of(world, life->booted), name);
    } else if (scenario->extra && scenario->extra->has_wrong_otadata) {
        return;
    } else if (decision->selected >= 0 && decision->selected != decision->booted &&
               !shared->has_decay_in[1]) {
        FAIL(life, "otadata names ota_%d, whose image is not whole; %s boots", decision->selected,
             name);
    } else if (name_one_slot(scenario, decision)) {
        FAIL(life, "both records of otadata name one slot");
    }
}

static void boot(const struct powercut_scenario *scenario, struct nor_physics *chip,
                 struct powercut_life *life)
{
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.rollback = scenario->rollback;
    handover.chip = scenario->world->chip;
    if (scenario->world->table_offset) {
        handover.table_offset = scenario->world->table_offset;
    }
    boot_handover_set(&handover);
    struct boot_slots slots;
    struct boot_decision decision;
    struct boot_request request = {.chip = &chip->chip,
                                   .identity = handover.chip,
                                   .slots = &slots,
                                   .rollback = scenario->rollback};
    if (scenario->extra && scenario->extra->power_on) {
        scenario->extra->power_on(scenario, &handover, &request, life);
        boot_handover_set(&handover);
    }
    if (life->failure[0]) {
        return;
    }
    esp_err_t err = boot_slots_load(&chip->chip, handover.table_offset, &slots);
    if (err == ESP_OK) {
        err = boot_select(&request, &decision);
    }
    if (err != ESP_OK || decision.booted == BOOT_INDEX_NONE) {
        FAIL(life, "BRICK: nothing boots (%s)",
             err == ESP_OK ? "no image verifies" : esp_err_to_name(err));
        return;
    }
    judge_boot(scenario, chip->shared, &decision, life);
    powercut_open_for_application(scenario, decision.booted, chip->shared);
    handover.app_address = decision.partition.offset;
    boot_handover_set(&handover);
}

// ----------------------------------------------------------------------- updates

static uint32_t s_restarts; // of this life's update

static void note_restarts(esp_https_ota_handle_t handle)
{
    esp_https_ota_stats_t stats;
    if (esp_https_ota_get_stats(handle, &stats) == ESP_OK) {
        s_restarts = stats.restarts;
    }
}

// With a server that is what it was, and nothing lost that was written, what the journal says holds. An update that begins again
// ends well, and so would hide a journal that is wrong.
static bool must_not_restart(const struct powercut_scenario *scenario,
                             const struct nor_shared *shared)
{
    bool may_change_file = scenario->world->on_act;
    bool is_certain =
        !scenario->extra && !scenario->is_stepwise && !scenario->has_cache && !may_change_file;
    for (uint32_t i = 0; i < shared->cuts_done; i++) {
        uint32_t tear = shared->cuts[i].tear;
        is_certain = is_certain && tear != NOR_TEAR_UNSTABLE && tear != NOR_TEAR_WEAK;
    }
    return is_certain;
}

static esp_err_t update_over_https(const struct powercut_image *image, enum powercut_way way,
                                   bool gives_up)
{
    const struct powercut_image *sent = image->sent ? image->sent : image;
    bool is_ahead = way == POWERCUT_HTTPS_AHEAD;
    g_memory_server.bytes = sent->bytes;
    g_memory_server.len = sent->len;
    g_memory_server.is_slow = is_ahead;
    const esp_https_ota_ext_t ext = {.max_retries = -1,
                                     .erase_before_header = is_ahead ? AHEAD : 0};
    esp_http_client_config_t http = {.url = "https://host.example/app.bin",
                                     .cert_pem = "certificate",
                                     .transport = memory_server_transport()};
    esp_https_ota_config_t config = {.http_config = &http,
                                     .bulk_flash_erase = way == POWERCUT_HTTPS_BULK,
                                     .ota_resumption = true,
                                     .ext = &ext};
    esp_https_ota_handle_t handle = NULL;
    esp_err_t err = esp_https_ota_begin(&config, &handle);
    if (err != ESP_OK) {
        return err;
    }
    do {
        err = esp_https_ota_perform(handle);
        if (gives_up && esp_https_ota_get_image_len_read(handle) > (int)image->len / 2) {
            return esp_https_ota_abort(handle);
        }
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    note_restarts(handle);
    if (err == ESP_OK) {
        return esp_https_ota_finish(handle);
    }
    esp_err_t aborted = esp_https_ota_abort(handle);
    return aborted == ESP_OK ? err : aborted;
}

static size_t begin_size(enum powercut_way way, uint32_t len)
{
    return way == POWERCUT_BULK    ? len
           : way == POWERCUT_WHOLE ? OTA_SIZE_UNKNOWN
                                   : OTA_WITH_SEQUENTIAL_WRITES;
}

// As an application does that has to wait for every piece.
static esp_err_t erase_ahead(esp_ota_handle_t handle)
{
    esp_err_t err = ESP_OK;
    while (err == ESP_OK) {
        err = esp_ota_erase_ahead(handle);
    }
    return err == ESP_ERR_NOT_FOUND ? ESP_OK : err;
}

static esp_err_t write_image(esp_ota_handle_t handle, const struct powercut_image *image,
                             enum powercut_way way, uint32_t len)
{
    const esp_ota_tuning_t tuning = {.image_size = image->len, .erase_ahead = AHEAD};
    esp_err_t err = way == POWERCUT_AHEAD ? esp_ota_tune(handle, &tuning) : ESP_OK;
    for (uint32_t at = 0; at < len && err == ESP_OK; at += PIECE) {
        if (way == POWERCUT_AHEAD) {
            err = erase_ahead(handle);
        }
        if (err == ESP_OK) {
            err = esp_ota_write(handle, image->bytes + at, len - at < PIECE ? len - at : PIECE);
        }
    }
    return err;
}

static esp_err_t update_by_hand(const struct powercut_image *image, enum powercut_way way,
                                const esp_partition_t *final, bool gives_up)
{
    const esp_partition_t *target = esp_ota_get_next_update_partition(NULL);
    esp_ota_handle_t handle;
    esp_err_t err = esp_ota_begin(target, begin_size(way, image->len), &handle);
    if (err == ESP_OK && final) {
        err = esp_ota_set_final_partition(handle, final, true);
    }
    if (err == ESP_OK) {
        err = write_image(handle, image, way, gives_up ? image->len / 2 : image->len);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (gives_up) {
        return esp_ota_abort(handle);
    }
    err = esp_ota_end(handle);
    return err == ESP_OK && !final ? esp_ota_set_boot_partition(target) : err;
}

esp_err_t powercut_update(const struct powercut_image *image, enum powercut_way way,
                          const esp_partition_t *final)
{
    bool over_https = !final && (way == POWERCUT_HTTPS || way == POWERCUT_HTTPS_BULK);
    return over_https ? update_over_https(image, way == POWERCUT_HTTPS_BULK, false)
                      : update_by_hand(image, way, final, false);
}

static esp_err_t update(const struct powercut_scenario *scenario, uint8_t image, bool gives_up)
{
    const struct powercut_image *what = &scenario->world->images[image];
    bool over_https = scenario->way == POWERCUT_HTTPS || scenario->way == POWERCUT_HTTPS_BULK ||
                      scenario->way == POWERCUT_HTTPS_AHEAD || scenario->way == POWERCUT_ERASED;
    what = over_https && scenario->file ? scenario->file : what;
    const struct nor_shared *shared = ((struct nor_physics *)esp_flash_default_chip)->shared;
    if (scenario->way == POWERCUT_ERASED && shared->power_ons % 2 == 1) {
        const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
        esp_err_t err = esp_partition_erase_range(slot, 0, slot->size);
        if (err != ESP_OK) {
            return err;
        }
    }
    return over_https ? update_over_https(what, scenario->way, gives_up)
                      : update_by_hand(what, scenario->way, NULL, gives_up);
}

// ----------------------------------------------------------------------- applications

// The record may have been lost: an application whose slot has none has nothing to confirm and is chosen again.
static esp_err_t confirm(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    esp_err_t err = esp_ota_get_state_partition(running, &state);
    if (err == ESP_OK && state != ESP_OTA_IMG_VALID) {
        err = esp_ota_mark_app_valid_cancel_rollback();
        // fact: ESP-IDF's answer when no record may be followed, as after a decayed record beside a refused one; and when
        // an eFuse cannot be burnt, but then the record is written
        bool is_lost = err == ESP_FAIL && (esp_ota_get_state_partition(running, &state) != ESP_OK ||
                                           state != ESP_OTA_IMG_VALID);
        return is_lost ? esp_ota_set_boot_partition(running) : err;
    }
    return err == ESP_ERR_NOT_FOUND || err == ESP_ERR_NOT_SUPPORTED ? ESP_OK : err;
}

static esp_err_t choose_factory(void)
{
    return esp_ota_set_boot_partition(
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL));
}

// ESP_FAIL: there is no last application any more, as nothing is left of its record.
static esp_err_t erase_last(void)
{
    esp_err_t err = esp_ota_erase_last_boot_app_partition();
    return err == ESP_FAIL ? ESP_OK : err;
}

static bool holds_only(const esp_partition_t *partition, uint8_t byte, uint32_t len)
{
    uint8_t chunk[1024];
    for (uint32_t at = 0; at < len; at += sizeof(chunk)) {
        if (!inspect(partition->address + at, chunk, sizeof(chunk), !partition->encrypted) ||
            chunk[0] != byte || memcmp(chunk, chunk + 1, sizeof(chunk) - 1) != 0) {
            return false;
        }
    }
    return true;
}

// What was begun is completed at start-up; from then on the partition holds the old bytes or the new ones, whole.
static esp_err_t stage(const struct powercut_scenario *scenario, struct powercut_life *life)
{
    const struct powercut_image *image = &scenario->world->images[scenario->served];
    const esp_partition_t *storage =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "storage");
    esp_err_t err = esp_ota_finish_pending_copy();
    if (err != ESP_OK && err != ESP_ERR_NOT_FOUND) {
        return err;
    }
    if (!storage) {
        return ESP_ERR_NO_MEM; // the list of partitions could not be loaded
    }
    if (powercut_holds(storage->address, image->bytes, image->len, !storage->encrypted)) {
        life->has_goal = true;
        return ESP_OK;
    }
    if (!holds_only(storage, 0x5A, image->len)) {
        FAIL(life, "storage holds a mixture, and no copy is pending");
        return ESP_OK;
    }
    err = update_by_hand(image, scenario->way, storage, false);
    if (err == ESP_OK && esp_ota_finish_pending_copy() == ESP_OK) {
        FAIL(life, "a copy that is done is still pending");
    }
    return err;
}

// Rolled back when the image that was tried is known as refused and the old one runs.
static esp_err_t loop(const struct powercut_scenario *scenario, struct powercut_life *life)
{
    if (life->booted != scenario->goal) {
        return ESP_OK; // crashes
    }
    const esp_partition_t *refused = esp_ota_get_last_invalid_partition();
    life->has_goal = refused && image_at(scenario->world, refused->address) == scenario->served;
    return life->has_goal ? ESP_OK : update(scenario, scenario->served, false);
}

static uint8_t next_image(const struct powercut_scenario *scenario, uint8_t booted)
{
    return scenario->is_stepwise ? (uint8_t)(booted + 1) : scenario->goal;
}

static esp_err_t update_on(const struct powercut_scenario *scenario, struct powercut_life *life,
                           bool gives_up)
{
    life->has_goal = life->booted == scenario->goal;
    if (scenario->rollback) {
        esp_err_t err = confirm(); // also an image that is not the last of several
        if (err != ESP_OK || life->has_goal) {
            return err;
        }
    }
    return life->has_goal ? ESP_OK : update(scenario, next_image(scenario, life->booted), gives_up);
}

static esp_err_t act_by_wish(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    switch (scenario->wish) {
    case POWERCUT_UPDATE:
        return update_on(scenario, life, false);
    case POWERCUT_ABORT:
        return update_on(scenario, life, number == 0);
    case POWERCUT_MARK_INVALID:
        life->has_goal = life->booted == scenario->goal;
        return life->has_goal ? ESP_OK : esp_ota_mark_app_invalid_rollback();
    case POWERCUT_CRASH_LOOP:
        return loop(scenario, life);
    case POWERCUT_FACTORY:
        life->has_goal = life->booted == scenario->goal;
        return life->has_goal ? ESP_OK : choose_factory();
    case POWERCUT_ERASE_LAST:
        life->has_goal = true;
        return erase_last();
    case POWERCUT_RESELECT:
        life->has_goal = number > 0;
        return life->has_goal ? ESP_OK
                              : esp_ota_set_boot_partition(esp_ota_get_running_partition());
    case POWERCUT_STAGE:
        return stage(scenario, life);
    }
    return ESP_FAIL;
}

// Which image boots next, as the application was told that its call had succeeded.
static uint8_t promised(const struct powercut_scenario *scenario, uint32_t number,
                        const struct powercut_life *life)
{
    bool gives_up = scenario->wish == POWERCUT_ABORT && number == 0;
    switch (scenario->wish) {
    case POWERCUT_UPDATE:
    case POWERCUT_ABORT:
        return life->has_goal || gives_up ? life->booted : next_image(scenario, life->booted);
    case POWERCUT_CRASH_LOOP:
        return life->booted == scenario->goal && !life->has_goal ? scenario->served
                                                                 : scenario->goal;
    default:
        return scenario->goal;
    }
}

esp_err_t powercut_act(const struct powercut_scenario *scenario, uint32_t number,
                       struct powercut_life *life)
{
    esp_err_t err = act_by_wish(scenario, number, life);
    life->promised = err == ESP_OK ? promised(scenario, number, life) : 0;
    return err;
}

void powercut_live(const struct powercut_scenario *scenario, struct nor_physics *chip,
                   uint32_t number, struct powercut_life *life)
{
    esp_flash_default_chip = &chip->chip;
    nor_physics_power_on(chip);
    powercut_open_for_bootloader(scenario, chip->shared);
    boot(scenario, chip, life);
    if (life->failure[0]) {
        return;
    }
    if (scenario->world->on_act) {
        scenario->world->on_act(scenario->world->context, number);
    }
    esp_err_t err = scenario->extra && scenario->extra->act
                        ? scenario->extra->act(scenario, number, life)
                        : powercut_act(scenario, number, life);
    life->result = err;
    life->has_acted = true;
    bool may_fail = scenario->is_defective || (scenario->may_fail_once && number == 0);
    if (err != ESP_OK && !may_fail) {
        FAIL(life, "the application (%s) fails with %s", name_of(scenario->world, life->booted),
             esp_err_to_name(err));
    }
    if (s_restarts > 0 && !life->failure[0] && must_not_restart(scenario, chip->shared)) {
        FAIL(life, "the update began again, as the journal did not hold");
    }
    life->has_goal = life->has_goal && err == ESP_OK;
}
