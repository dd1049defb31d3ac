#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "image_encode.h"

#define SLOT_SIZE 0x20000u
#define LARGE_LEN (84u * 1024) // more than the journal's distance, so that it is used

static const char *const NAMES[] = {"", "factory", "older", "old", "new", "newer", "newest"};

// ----------------------------------------------------------------------- worlds

static struct powercut_world s_two;         // ota_0, ota_1
static struct powercut_world s_two_factory; // and factory
static struct powercut_world s_three;
static struct powercut_world s_sixteen;
static struct powercut_world s_small; // ota_0, ota_1, small images, for histories

static struct powercut_world s_xts;   // as the first, encrypted
static struct powercut_world s_esp32; // small images, with the ESP32's scheme

static struct flash_encryption s_xts_cipher;
static struct flash_encryption s_esp32_cipher;

uint8_t *sweep_make_image(unsigned number, uint32_t len, esp_chip_id_t chip,
                          uint32_t secure_version, uint32_t room, uint32_t *out_len)
{
    struct image_encode_spec spec = {.chip_id = chip,
                                     .secure_version = secure_version,
                                     .project = "powercut",
                                     .version = NAMES[number],
                                     .payload_len = len - 1024 + 16u * number};
    *out_len = image_encode_len(&spec);
    uint8_t *bytes = calloc(1, *out_len + 16 + room);
    if (!bytes) {
        abort();
    }
    // Parts of it are the same in every image, as in firmware: whole sectors, and blank ones.
    for (uint32_t at = 0; at < spec.payload_len; at++) {
        uint32_t sector = at / 4096;
        uint32_t salt = sector % 5 == 2 ? 0 : number * 97;
        bytes[IMAGE_ENCODE_PAYLOAD_OFFSET + at] =
            sector % 7 == 4 ? 0xFF : (uint8_t)((at * 2654435761u + salt) >> 13);
    }
    if (image_encode(&spec, bytes) != ESP_OK) {
        abort();
    }
    return bytes;
}

void sweep_make_images(struct powercut_world *world, uint32_t len)
{
    world->image_count = SWEEP_IMAGE_COUNT;
    for (unsigned i = FACTORY; i < SWEEP_IMAGE_COUNT; i++) {
        struct powercut_image *image = &world->images[i];
        image->name = NAMES[i];
        image->bytes = sweep_make_image(i, len, ESP_CHIP_ID_ESP32, 0, 0, &image->len);
    }
}

void sweep_make_table(struct powercut_world *world, unsigned slots, bool has_factory, uint32_t size,
                      const esp_partition_info_t *more)
{
    esp_partition_info_t *table = calloc(slots + 4u, sizeof(*table));
    if (!table) {
        abort();
    }
    uint32_t at = 0x10000;
    unsigned n = 0;
    table[n++] = (esp_partition_info_t){
        .type = 1, .subtype = 0, .pos = {SWEEP_OTADATA_AT, 0x2000}, .label = "otadata"};
    if (more) {
        table[n++] = *more;
    }
    if (has_factory) {
        table[n++] =
            (esp_partition_info_t){.type = 0, .subtype = 0, .pos = {at, size}, .label = "factory"};
        at += size;
    }
    for (unsigned i = 0; i < slots; i++, at += size) {
        table[n] =
            (esp_partition_info_t){.type = 0, .subtype = (uint8_t)(0x10 + i), .pos = {at, size}};
        table[n].label[0] = (uint8_t)('a' + i);
        n++;
    }
    table[n++] =
        (esp_partition_info_t){.type = 1, .subtype = 6, .pos = {at, size}, .label = "storage"};
    at += size;
    for (unsigned i = 0; i < n; i++) {
        table[i].magic = ESP_PARTITION_MAGIC;
    }
    world->table = table;
    world->table_count = n;
    world->flash_size = at;
    world->chip.chip_id = ESP_CHIP_ID_ESP32;
}

static void switch_encryption_on(void *context, esp_flash_t *chip)
{
    chip->cipher = context ? &((struct flash_encryption *)context)->base : NULL;
}

// As flashing an encrypted device does; what is erased stays erased.
static void encrypt(void *context, uint32_t address, uint8_t *bytes, uint32_t len)
{
    struct flash_cipher *cipher = &((struct flash_encryption *)context)->base;
    if (cipher->ops->encrypt(cipher, address, bytes, bytes, len) != ESP_OK) {
        abort();
    }
}

static void make_encrypted(struct powercut_world *world, const struct powercut_world *plain,
                           struct flash_encryption *cipher, enum flash_scheme scheme)
{
    uint8_t key[FLASH_KEY_LEN_MAX];
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(i * 89 + 7);
    }
    if (flash_encryption_init(cipher, scheme, key, 32, FLASH_CRYPT_CONFIG_DEFAULT) != ESP_OK) {
        abort();
    }
    *world = *plain;
    world->context = cipher;
    world->on_chip = switch_encryption_on;
    world->encode = encrypt;
}

void sweep_make_encrypted(struct powercut_world *world, const struct powercut_world *plain,
                          enum flash_scheme scheme)
{
    struct flash_encryption *cipher = calloc(1, sizeof(*cipher));
    if (!cipher) {
        abort();
    }
    make_encrypted(world, plain, cipher, scheme);
}

void sweep_make_worlds(void)
{
    sweep_make_images(&s_two, LARGE_LEN);
    memcpy(s_two_factory.images, s_two.images, sizeof(s_two.images));
    memcpy(s_three.images, s_two.images, sizeof(s_two.images));
    s_two_factory.image_count = s_three.image_count = SWEEP_IMAGE_COUNT;
    sweep_make_images(&s_small, SWEEP_SMALL_LEN);
    memcpy(s_sixteen.images, s_small.images, sizeof(s_small.images));
    s_sixteen.image_count = SWEEP_IMAGE_COUNT;
    sweep_make_table(&s_two, 2, false, SLOT_SIZE, NULL);
    sweep_make_table(&s_two_factory, 2, true, SLOT_SIZE, NULL);
    sweep_make_table(&s_three, 3, false, SLOT_SIZE, NULL);
    sweep_make_table(&s_sixteen, 16, true, 0x10000, NULL);
    sweep_make_table(&s_small, 2, false, 0x10000, NULL);
    make_encrypted(&s_xts, &s_two, &s_xts_cipher, FLASH_SCHEME_XTS);
    make_encrypted(&s_esp32, &s_small, &s_esp32_cipher, FLASH_SCHEME_ESP32);
    sweep_make_delta();
    sweep_make_nvs();
    sweep_make_copy();
    sweep_make_records();
    sweep_make_repair();
    sweep_make_server();
    sweep_make_signed();
    sweep_make_stage();
}

// ----------------------------------------------------------------------- scenarios

#define UNDEFINED ESP_OTA_IMG_UNDEFINED
#define VALID     ESP_OTA_IMG_VALID

// Over an old update: ota_1 runs, ota_0 holds the one before it.
#define OVER_OLDER                                                                                 \
    .slots = {OLDER, OLD}, .seq = {1, 2}, .states = {VALID, VALID}, .goal = NEW,                   \
    .allowed = NOW(OLD) | NOW(NEW)
// The first one: ota_0 runs, ota_1 is blank.
#define FIRST                                                                                      \
    .slots = {OLD}, .seq = {1}, .states = {VALID}, .goal = NEW, .allowed = NOW(OLD) | NOW(NEW)

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "first", .world = &s_two, FIRST},
    {.name = "first_rollback", .world = &s_two, .rollback = true, FIRST},
    {.name = "first_https", .world = &s_two, .way = POWERCUT_HTTPS, FIRST},
    {.name = "first_https_rollback",
     .world = &s_two,
     .way = POWERCUT_HTTPS,
     .rollback = true,
     FIRST},
    {.name = "first_bulk", .world = &s_two, .way = POWERCUT_BULK, FIRST},
    {.name = "first_without_record",
     .world = &s_two,
     .rollback = true,
     .slots = {OLD},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "over_older", .world = &s_two, OVER_OLDER},
    {.name = "over_older_ahead",
     .world = &s_two,
     .way = POWERCUT_AHEAD,
     .rollback = true,
     OVER_OLDER},
    {.name = "over_older_rollback", .world = &s_two, .rollback = true, OVER_OLDER},
    {.name = "over_older_https", .world = &s_two, .way = POWERCUT_HTTPS, OVER_OLDER},
    {.name = "over_older_https_rollback",
     .world = &s_two,
     .way = POWERCUT_HTTPS,
     .rollback = true,
     OVER_OLDER},
    {.name = "over_older_https_bulk", .world = &s_two, .way = POWERCUT_HTTPS_BULK, OVER_OLDER},
    {.name = "over_older_bulk",
     .world = &s_two,
     .way = POWERCUT_BULK,
     .rollback = true,
     OVER_OLDER},
    {.name = "over_older_whole", .world = &s_two, .way = POWERCUT_WHOLE, OVER_OLDER},
    {.name = "unmapped", .world = &s_two, .is_unmapped = true, .way = POWERCUT_HTTPS, OVER_OLDER},
    {.name = "cache", .world = &s_two, .has_cache = true, .rollback = true, OVER_OLDER},
    {.name = "cache_https", .world = &s_two, .has_cache = true, .way = POWERCUT_HTTPS, OVER_OLDER},
    {.name = "abort", .world = &s_two, .wish = POWERCUT_ABORT, OVER_OLDER},
    {.name = "abort_https",
     .world = &s_two,
     .wish = POWERCUT_ABORT,
     .way = POWERCUT_HTTPS,
     OVER_OLDER},
    {.name = "factory_to_ota_0",
     .world = &s_two_factory,
     .factory = FACTORY,
     .goal = NEW,
     .allowed = NOW(FACTORY) | NOW(NEW)},
    {.name = "factory_to_ota_0_https_rollback",
     .world = &s_two_factory,
     .way = POWERCUT_HTTPS,
     .rollback = true,
     .factory = FACTORY,
     .goal = NEW,
     .allowed = NOW(FACTORY) | NOW(NEW)},
    {.name = "with_factory_rollback",
     .world = &s_two_factory,
     .rollback = true,
     .factory = FACTORY,
     OVER_OLDER},
    {.name = "no_record_yet",
     .world = &s_two,
     .rollback = true,
     .slots = {OLD},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "three_slots",
     .world = &s_three,
     .rollback = true,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "sixteen_slots",
     .world = &s_sixteen,
     .factory = FACTORY,
     .slots = {[14] = OLDER, [15] = OLD},
     .seq = {15, 16},
     .states = {UNDEFINED, UNDEFINED},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "encrypted_xts_https_rollback",
     .world = &s_xts,
     .way = POWERCUT_HTTPS,
     .rollback = true,
     OVER_OLDER},
    {.name = "encrypted_esp32", .world = &s_esp32, .rollback = true, OVER_OLDER},
    {.name = "encrypted_xts_stage",
     .world = &s_xts,
     .wish = POWERCUT_STAGE,
     .slots = {OLD, OLDER},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD)},
    {.name = "mark_invalid",
     .world = &s_two,
     .wish = POWERCUT_MARK_INVALID,
     .rollback = true,
     .slots = {OLD, NEW},
     .seq = {1, 2},
     .states = {VALID, ESP_OTA_IMG_NEW},
     .goal = OLD,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "crash_loop",
     .world = &s_two,
     .wish = POWERCUT_CRASH_LOOP,
     .rollback = true,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "choose_factory",
     .world = &s_two_factory,
     .wish = POWERCUT_FACTORY,
     .factory = FACTORY,
     .slots = {OLD, OLDER},
     .seq = {3, 2},
     .states = {UNDEFINED, UNDEFINED},
     .goal = FACTORY,
     .allowed = NOW(OLD) | NOW(FACTORY)},
    {.name = "choose_factory_from_record_1",
     .world = &s_two_factory,
     .wish = POWERCUT_FACTORY,
     .factory = FACTORY,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {UNDEFINED, UNDEFINED},
     .goal = FACTORY,
     .allowed = NOW(OLD) | NOW(FACTORY)},
    {.name = "erase_last",
     .world = &s_two,
     .wish = POWERCUT_ERASE_LAST,
     .rollback = true,
     .slots = {OLDER, NEW},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = NEW,
     .allowed = NOW(NEW)},
    {.name = "reselect",
     .world = &s_two,
     .wish = POWERCUT_RESELECT,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {UNDEFINED, UNDEFINED},
     .goal = OLD,
     .allowed = NOW(OLD)},
    {.name = "stage_data",
     .world = &s_two,
     .wish = POWERCUT_STAGE,
     .slots = {OLD, OLDER},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD)},
    {.name = "stage_data_bulk",
     .world = &s_two,
     .wish = POWERCUT_STAGE,
     .way = POWERCUT_BULK,
     .slots = {OLD},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD)},
    {.name = "history",
     .world = &s_small,
     .is_stepwise = true,
     .slots = {OLD},
     .seq = {1},
     .states = {UNDEFINED},
     .goal = NEWEST,
     .allowed = NOW(OLD) | NOW(NEW) | NOW(NEWER) | NOW(NEWEST)},
    {.name = "history_rollback",
     .world = &s_small,
     .rollback = true,
     .is_stepwise = true,
     .slots = {OLD},
     .seq = {1},
     .states = {VALID},
     .goal = NEWEST,
     .allowed = NOW(OLD) | NOW(NEW) | NOW(NEWER) | NOW(NEWEST)},
    {.name = "history_https",
     .world = &s_two,
     .rollback = true,
     .is_stepwise = true,
     .way = POWERCUT_HTTPS,
     .slots = {OLD},
     .seq = {1},
     .states = {VALID},
     .goal = NEWEST,
     .allowed = NOW(OLD) | NOW(NEW) | NOW(NEWER) | NOW(NEWEST)},
};
const struct sweep_group SWEEP_COMMON = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};

// ----------------------------------------------------------------------- all of them

const struct powercut_scenario *sweep_at(unsigned i)
{
    static const struct sweep_group *const GROUPS[] = {&SWEEP_COMMON, &SWEEP_SIGNED, &SWEEP_STAGE,
                                                       &SWEEP_DELTA,  &SWEEP_COPY,   &SWEEP_RECORDS,
                                                       &SWEEP_REPAIR, &SWEEP_SERVER, &SWEEP_NVS};
    for (size_t g = 0; g < sizeof(GROUPS) / sizeof(GROUPS[0]); g++) {
        if (i < GROUPS[g]->count) {
            return &GROUPS[g]->scenarios[i];
        }
        i -= GROUPS[g]->count;
    }
    return NULL;
}

const struct powercut_scenario *sweep_find(const char *name)
{
    const struct powercut_scenario *found = NULL;
    for (unsigned i = 0; (found = sweep_at(i)) && strcmp(found->name, name) != 0; i++) {
    }
    return found;
}
