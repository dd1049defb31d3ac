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
#include "signature_policy.h"
#include "signer.h"
#include "sweep_chance.h"

#define IMAGE_LEN (88u * 1024)
#define SLOT_SIZE 0x20000u
#define INSERTED  68u // bytes, in front of everything that moves
#define NEW_AT    (40u * 1024)
#define NEW_LEN   (6u * 1024) // that no copy brings

// A patch that is large enough to be kept.
#define LARGE_LEN       (140u * 1024)
#define LARGE_SLOT_SIZE 0x50000u
#define LARGE_NEW_LEN   (72u * 1024)

static const char *const NAMES[] = {[OLDER] = "older", [OLD] = "old", [NEW] = "new"};

static struct powercut_world s_plain;
static struct powercut_world s_signed;
static struct powercut_world s_xts;
static struct powercut_world s_esp32;
static struct powercut_world s_large;
static struct powercut_world s_large_xts;
static struct powercut_world s_replaced; // whose server has another file after the first power cut
static uint32_t s_sealed_len;            // of the old signed image, without its signature

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
static void fill(uint8_t *payload, uint32_t len, enum sweep_image number)
{
    uint32_t new_len = len < IMAGE_LEN ? NEW_LEN : LARGE_NEW_LEN;
    uint32_t inserted = number == NEW ? INSERTED : 0;
    for (uint32_t at = 0; at < len; at++) {
        bool is_own = number == OLDER || at < inserted ||
                      (number == NEW && at >= NEW_AT && at - NEW_AT < new_len);
        payload[at] = random_byte(at - (is_own ? 0 : inserted), is_own ? number : 0);
    }
}

static void make_image(struct powercut_image *image, enum sweep_image number, uint32_t about,
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
    if (key && number == OLD) {
        s_sealed_len = len;
    }
}

static void make_images(struct powercut_world *world, uint32_t about, struct signer *key)
{
    world->image_count = NEW + 1;
    for (unsigned i = FACTORY; i <= NEW; i++) { // there is no factory, but its number
        make_image(&world->images[i], (enum sweep_image)i, about, key);
    }
}

// ----------------------------------------------------------------------- patches

static struct powercut_image s_patch;
static struct powercut_image s_legacy;
static struct powercut_image s_signed_patch;
static struct powercut_image s_signed_legacy;
static struct powercut_image s_large_patch;
static struct powercut_image s_large_legacy;
static struct powercut_image s_replaced_patch; // another one in later lives
static struct powercut_image s_wrong_patch;    // to an image that does not run
static struct powercut_image s_wrong_legacy;

static void make_patches(const struct powercut_world *world, enum sweep_image old_image,
                         struct powercut_image *patch, struct powercut_image *legacy)
{
    const struct powercut_image *from = &world->images[old_image];
    const struct powercut_image *to = &world->images[NEW];
    struct delta_file old_file = {from->bytes, from->len};
    struct delta_file new_file = {to->bytes, to->len};
    // What a device says of itself: the SHA-256 that the image, without its signature, ends with.
    const uint8_t *digest = from->bytes + (world == &s_signed ? s_sealed_len : from->len) - 32;
    uint8_t *bytes[2];
    size_t len[2];
    if (delta_encode(&old_file, &new_file, ESP_DELTA_4K, &bytes[0], &len[0], NULL) != ESP_OK ||
        delta_encode_legacy(&old_file, &new_file, digest, &bytes[1], &len[1]) != ESP_OK) {
        abort();
    }
    *patch = (struct powercut_image){.name = "patch", .bytes = bytes[0], .len = (uint32_t)len[0]};
    *legacy =
        (struct powercut_image){.name = "legacy patch", .bytes = bytes[1], .len = (uint32_t)len[1]};
}

static void replace_file(void *context, uint32_t life)
{
    (void)context;
    s_replaced_patch = life > 0 ? s_large_legacy : s_large_patch;
}

static void make_plain_and_signed(void)
{
    sweep_begin_fixed_chance();
    struct signer *key = signer_create(SIGNATURE_P256);
    make_images(&s_signed, IMAGE_LEN, key);
    signer_free(key);
    sweep_end_fixed_chance();
    make_images(&s_plain, IMAGE_LEN, NULL);
    sweep_make_table(&s_plain, 2, false, SLOT_SIZE, NULL);
    sweep_make_table(&s_signed, 2, false, SLOT_SIZE, NULL);
    sweep_make_encrypted(&s_xts, &s_plain, FLASH_SCHEME_XTS);
    sweep_make_encrypted(&s_esp32, &s_plain, FLASH_SCHEME_ESP32);
    make_patches(&s_plain, OLD, &s_patch, &s_legacy);
    make_patches(&s_plain, OLDER, &s_wrong_patch, &s_wrong_legacy);
    make_patches(&s_signed, OLD, &s_signed_patch, &s_signed_legacy);
}

void sweep_make_delta(void)
{
    make_plain_and_signed();
    make_images(&s_large, LARGE_LEN, NULL);
    sweep_make_table(&s_large, 2, false, LARGE_SLOT_SIZE, NULL);
    sweep_make_encrypted(&s_large_xts, &s_large, FLASH_SCHEME_XTS);
    s_replaced = s_large;
    s_replaced.on_act = replace_file;
    make_patches(&s_large, OLD, &s_large_patch, &s_large_legacy);
    ota_stage_register(OTA_STAGE_DELTA, make_stage, NULL);
}

// ----------------------------------------------------------------------- what signed and refusing devices do

static void check_signatures(const struct powercut_scenario *scenario,
                             struct boot_handover *handover, struct boot_request *request,
                             struct powercut_life *life)
{
    static struct signature_policy policy; // of this power-on
    (void)scenario;
    handover->signatures =
        (struct signature_settings){.scheme = SIGNATURE_P256, .on_update = true, .on_boot = true};
    boot_handover_set(handover);
    if (signature_policy_load(SIGNATURE_AT_BOOT, &policy) != ESP_OK) {
        POWERCUT_FAIL(life, "it is not known which signatures are good");
    }
    request->signature = &policy;
}

// The update must fail, and leave what stands in the passive slot.
static esp_err_t be_refused(const struct powercut_scenario *scenario, uint32_t number,
                            struct powercut_life *life)
{
    const struct powercut_image *older = &scenario->world->images[OLDER];
    struct powercut_scenario update = *scenario;
    update.goal = NEW;
    if (powercut_act(&update, number, life) == ESP_OK) {
        POWERCUT_FAIL(life, "a patch to another image is taken");
    } else if (!powercut_holds(esp_ota_get_next_update_partition(NULL)->address, older->bytes,
                               older->len, false)) {
        POWERCUT_FAIL(life, "what stood in the passive slot is gone");
    }
    life->has_goal = true;
    return ESP_OK;
}

static const struct powercut_extra SIGNED = {.power_on = check_signatures};
static const struct powercut_extra REFUSED = {.act = be_refused};

// ----------------------------------------------------------------------- scenarios

// ota_1 runs, ota_0 holds the image before it; a patch makes the next one there.
#define RUNNING                                                                                    \
    .way = POWERCUT_HTTPS, .slots = {OLDER, OLD}, .seq = {1, 2},                                   \
    .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID}
#define OVER_OLDER RUNNING, .goal = NEW, .allowed = NOW(OLD) | NOW(NEW)
#define TO_OLDER   RUNNING, .goal = OLD, .allowed = NOW(OLD), .extra = &REFUSED

static const struct powercut_scenario DELTAS[] = {
    {.name = "delta", .world = &s_plain, .file = &s_patch, OVER_OLDER},
    {.name = "delta_rollback", .world = &s_plain, .file = &s_patch, .rollback = true, OVER_OLDER},
    {.name = "delta_first",
     .world = &s_plain,
     .file = &s_patch,
     .way = POWERCUT_HTTPS,
     .slots = {OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "delta_cache", .world = &s_plain, .file = &s_patch, .has_cache = true, OVER_OLDER},
    {.name = "delta_abort",
     .world = &s_plain,
     .file = &s_patch,
     .wish = POWERCUT_ABORT,
     OVER_OLDER},
    {.name = "delta_legacy", .world = &s_plain, .file = &s_legacy, .rollback = true, OVER_OLDER},
    {.name = "delta_signed",
     .world = &s_signed,
     .file = &s_signed_patch,
     .rollback = true,
     .extra = &SIGNED,
     OVER_OLDER},
    {.name = "delta_signed_legacy",
     .world = &s_signed,
     .file = &s_signed_legacy,
     .extra = &SIGNED,
     OVER_OLDER},
    {.name = "delta_encrypted_xts",
     .world = &s_xts,
     .file = &s_patch,
     .rollback = true,
     OVER_OLDER},
    {.name = "delta_encrypted_esp32", .world = &s_esp32, .file = &s_patch, OVER_OLDER},
    {.name = "delta_encrypted_xts_legacy", .world = &s_xts, .file = &s_legacy, OVER_OLDER},
    {.name = "delta_kept", .world = &s_large, .file = &s_large_patch, .rollback = true, OVER_OLDER},
    {.name = "delta_kept_legacy", .world = &s_large, .file = &s_large_legacy, OVER_OLDER},
    {.name = "delta_kept_cache",
     .world = &s_large,
     .file = &s_large_patch,
     .has_cache = true,
     OVER_OLDER},
    {.name = "delta_kept_replaced", .world = &s_replaced, .file = &s_replaced_patch, OVER_OLDER},
    {.name = "delta_kept_encrypted_xts", .world = &s_large_xts, .file = &s_large_patch, OVER_OLDER},
    {.name = "delta_wrong_base", .world = &s_plain, .file = &s_wrong_patch, TO_OLDER},
    {.name = "delta_wrong_base_legacy", .world = &s_plain, .file = &s_wrong_legacy, TO_OLDER},
};
const struct sweep_group SWEEP_DELTA = {DELTAS, sizeof(DELTAS) / sizeof(DELTAS[0])};
