// Updates by delta patches: ours and Espressif's, on plain, encrypted and signed devices. The new image is made from the old
// one, as a release is: code that moved, words that changed, a part that is new.

#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "delta_encoder.h"
#include "esp_delta_stage.h"
#include "esp_ota_ops.h"
#include "image_encode.h"
#include "ota_stage_registry.h"
#include "signer.h"

#define IMAGE_LEN (88u * 1024)
#define SLOT_SIZE 0x20000u
#define INSERTED  68u // bytes, in front of everything that moves
#define NEW_AT    (40u * 1024)
#define NEW_LEN   (6u * 1024) // that no copy brings

// A patch that is large enough to be kept.
#define LARGE_LEN       (140u * 1024)
#define LARGE_SLOT_SIZE 0x50000u
#define LARGE_NEW_LEN   (72u * 1024)

enum image { NONE, OLDER, OLD, NEW, IMAGE_COUNT };

static const char *const NAMES[] = {"", "older", "old", "new"};

static struct powercut_world s_plain;
static struct powercut_world s_signed;
static struct powercut_world s_xts;
static struct powercut_world s_esp32;
static struct powercut_world s_large;
static struct powercut_world s_large_xts;
static struct powercut_world s_replaced; // whose server has another file after the first power cut
static struct powercut_image s_replacement;
static struct flash_encryption s_xts_cipher;
static struct flash_encryption s_esp32_cipher;

// ----------------------------------------------------------------------- the device's side

static esp_err_t read_running(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    return esp_partition_read(context, offset, out, len);
}

static esp_err_t digest_running(void *context, uint8_t digest[32])
{
    return esp_partition_get_sha256(context, digest);
}

static struct ota_stage *make_stage(void *context, uint32_t max_output)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    struct ota_stage *stage = NULL;
    (void)context;
    if (!running) {
        return NULL;
    }
    struct esp_delta_base base = {.context = (void *)(uintptr_t)running,
                                  .size = running->size,
                                  .read = read_running,
                                  .get_digest = digest_running};
    return esp_delta_stage_create(&base, esp_delta_class_memory(ESP_DELTA_4K), max_output,
                                  &stage) == ESP_OK
               ? stage
               : NULL;
}

// ----------------------------------------------------------------------- images

static uint8_t random_byte(uint32_t at, uint32_t salt)
{
    uint32_t x = (at + salt * 0x10001u) * 2654435761u;
    x = (x ^ x >> 15) * 2246822519u;
    return (uint8_t)(x >> 13);
}

// Image number from what the others have in common: its own version in the descriptor, and from the new one on an insertion and
// a part of its own.
static void fill(uint8_t *payload, uint32_t len, enum image number)
{
    uint32_t new_len = len < IMAGE_LEN ? NEW_LEN : LARGE_NEW_LEN;
    uint32_t inserted = number == NEW ? INSERTED : 0;
    for (uint32_t at = 0; at < len; at++) {
        bool is_own = number == OLDER || at < inserted ||
                      (number == NEW && at >= NEW_AT && at - NEW_AT < new_len);
        payload[at] = random_byte(at - (is_own ? 0 : inserted), is_own ? number : 0);
    }
}

static void make_image(struct powercut_image *image, enum image number, uint32_t about,
                       struct signer *key)
{
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32,
                                     .project = "powercut",
                                     .version = NAMES[number],
                                     .payload_len = about - 1024 + 16u * (uint32_t)number};
    uint32_t len = image_encode_len(&spec);
    uint8_t *bytes = calloc(1, len + 8192);
    if (!bytes) {
        abort();
    }
    fill(bytes + IMAGE_ENCODE_PAYLOAD_OFFSET, spec.payload_len, number);
    if (image_encode(&spec, bytes) != ESP_OK) {
        abort();
    }
    image->name = NAMES[number];
    image->bytes = bytes;
    image->len = key ? signer_append(&key, 1, bytes, len) : len;
}

static void make_images(struct powercut_world *world, uint32_t about, struct signer *key)
{
    world->image_count = IMAGE_COUNT;
    for (unsigned i = OLDER; i < IMAGE_COUNT; i++) {
        make_image(&world->images[i], (enum image)i, about, key);
    }
}

// ----------------------------------------------------------------------- patches

static struct powercut_image make_patch(const struct powercut_world *world, enum image old_image,
                                        bool is_legacy)
{
    const struct powercut_image *from = &world->images[old_image];
    const struct powercut_image *to = &world->images[NEW];
    struct delta_file old_file = {from->bytes, from->len};
    struct delta_file new_file = {to->bytes, to->len};
    uint8_t *patch = NULL;
    size_t len = 0;
    // Images here end with their SHA-256, which is what a device says of itself.
    esp_err_t err =
        is_legacy
            ? delta_encode_legacy(&old_file, &new_file, from->bytes + from->len - 32, &patch, &len)
            : delta_encode(&old_file, &new_file, ESP_DELTA_4K, &patch, &len, NULL);
    if (err != ESP_OK) {
        abort();
    }
    return (struct powercut_image){"patch", patch, (uint32_t)len};
}

// Another patch to the same image.
static void replace_file(void *context, uint32_t life)
{
    for (unsigned i = 0; life > 0 && i < g_sweep_delta_count; i++) {
        if (g_sweep_deltas[i].world->context == context) {
            g_sweep_deltas[i].file = s_replacement;
        }
    }
}

void sweep_make_patches(void)
{
    struct signer *key = signer_create(SIGNATURE_P256);
    make_images(&s_plain, IMAGE_LEN, NULL);
    sweep_make_table(&s_plain, 2, false, SLOT_SIZE);
    s_signed = s_plain;
    s_signed.signatures =
        (struct signature_settings){.scheme = SIGNATURE_P256, .on_update = true, .on_boot = true};
    make_images(&s_signed, IMAGE_LEN, key);
    make_images(&s_large, LARGE_LEN, NULL);
    sweep_make_table(&s_large, 2, false, LARGE_SLOT_SIZE);
    s_replaced = s_large;
    s_replaced.context = &s_replaced;
    s_replaced.on_act = replace_file;
    sweep_make_encrypted(&s_large_xts, &s_large, &s_xts_cipher, FLASH_SCHEME_XTS);
    sweep_make_encrypted(&s_xts, &s_plain, &s_xts_cipher, FLASH_SCHEME_XTS);
    sweep_make_encrypted(&s_esp32, &s_plain, &s_esp32_cipher, FLASH_SCHEME_ESP32);
    for (unsigned i = 0; i < g_sweep_delta_count; i++) {
        struct powercut_scenario *scenario = &g_sweep_deltas[i];
        bool is_legacy = strstr(scenario->name, "legacy") != NULL;
        scenario->file = make_patch(scenario->world,
                                    scenario->wish == POWERCUT_REFUSED ? OLDER : OLD, is_legacy);
    }
    s_replacement = make_patch(&s_large, OLD, true);
    signer_free(key);
    ota_stage_register(OTA_STAGE_DELTA, make_stage, NULL);
}

// ----------------------------------------------------------------------- scenarios

// ota_1 runs, ota_0 holds the image before it; a patch makes the next one there.
#define OVER_OLDER                                                                                 \
    .way = POWERCUT_HTTPS, .slots = {OLDER, OLD}, .seq = {1, 2},                                   \
    .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID}, .goal = NEW,                                 \
    .allowed = 1u << OLD | 1u << NEW

// The patch is for the image in the passive slot, and must not touch it.
#define FOR_OLDER                                                                                  \
    .way = POWERCUT_HTTPS, .slots = {OLDER, OLD}, .seq = {1, 2},                                   \
    .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID}, .goal = OLD, .served = NEW,                  \
    .allowed = 1u << OLD

struct powercut_scenario g_sweep_deltas[] = {
    {.name = "delta", .world = &s_plain, OVER_OLDER},
    {.name = "delta_rollback", .world = &s_plain, .rollback = true, OVER_OLDER},
    {.name = "delta_first",
     .world = &s_plain,
     .way = POWERCUT_HTTPS,
     .slots = {OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .goal = NEW,
     .allowed = 1u << OLD | 1u << NEW},
    {.name = "delta_cache", .world = &s_plain, .has_cache = true, OVER_OLDER},
    {.name = "delta_abort", .world = &s_plain, .wish = POWERCUT_ABORT, OVER_OLDER},
    {.name = "delta_legacy", .world = &s_plain, .rollback = true, OVER_OLDER},
    {.name = "delta_signed", .world = &s_signed, .rollback = true, OVER_OLDER},
    {.name = "delta_signed_legacy", .world = &s_signed, OVER_OLDER},
    {.name = "delta_encrypted_xts", .world = &s_xts, .rollback = true, OVER_OLDER},
    {.name = "delta_encrypted_esp32", .world = &s_esp32, OVER_OLDER},
    {.name = "delta_encrypted_xts_legacy", .world = &s_xts, OVER_OLDER},
    {.name = "delta_kept", .world = &s_large, .rollback = true, OVER_OLDER},
    {.name = "delta_kept_legacy", .world = &s_large, OVER_OLDER},
    {.name = "delta_kept_cache", .world = &s_large, .has_cache = true, OVER_OLDER},
    {.name = "delta_kept_replaced", .world = &s_replaced, OVER_OLDER},
    {.name = "delta_wrong_base", .world = &s_plain, .wish = POWERCUT_REFUSED, FOR_OLDER},
    {.name = "delta_legacy_wrong_base", .world = &s_plain, .wish = POWERCUT_REFUSED, FOR_OLDER},
    {.name = "delta_kept_encrypted_xts", .world = &s_large_xts, OVER_OLDER},
};
const unsigned g_sweep_delta_count = sizeof(g_sweep_deltas) / sizeof(g_sweep_deltas[0]);
