// Signed images: a trust store that rotates keys, Secure Boot with keys in the eFuses that are added and revoked, and
// anti-rollback.

#include "sweep.h"
#include "sweep_efuse.h"

#include <stdlib.h>
#include <string.h>

#include "efuse_keys.h"
#include "esp_efuse.h"
#include "esp_ota_ops.h"
#include "signature_policy.h"
#include "signer.h"
#include "sweep_chance.h"

#define SLOT_SIZE 0x10000u
#define TRUST_AT  0x9000u
#define EFUSE_AT  0x40000u // behind two slots and storage

static struct powercut_world s_store;     // P-256, trust store
static struct powercut_world s_store_xts; // the same, encrypted
static struct powercut_world s_rsa;       // RSA, Secure Boot
static struct powercut_world s_p256;      // P-256, Secure Boot
static struct powercut_world s_versions;  // anti-rollback

enum key { KEY_A, KEY_B, KEY_C, KEY_RSA, KEY_COUNT };

static struct signer *s_keys[KEY_COUNT];
static uint8_t s_digests[KEY_COUNT][SIGNATURE_KEY_DIGEST_LEN];

// ----------------------------------------------------------------------- worlds

static void make_keys(void)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        s_keys[i] = signer_create(i == KEY_RSA ? SIGNATURE_RSA : SIGNATURE_P256);
        signer_key_digest(s_keys[i], s_digests[i]);
    }
}

static void sign(struct powercut_world *world, enum sweep_image number, enum key first,
                 uint32_t count)
{
    struct powercut_image *image = &world->images[number];
    uint8_t *bytes =
        sweep_make_image(number, SWEEP_SMALL_LEN, world->chip.chip_id, 0, 8192, &image->len);
    image->name = number == OLD ? "old" : "new";
    image->len = signer_append(s_keys + first, count, bytes, image->len);
    image->bytes = bytes;
}

// Two slots; the chip has a sector more, for its eFuses.
static void make_world(struct powercut_world *world, esp_chip_id_t chip)
{
    static const esp_partition_info_t TRUST = {
        .type = 1, .subtype = 6, .pos = {TRUST_AT, TRUST_STORE_LEN}, .label = TRUST_STORE_LABEL};
    sweep_make_table(world, 2, false, SLOT_SIZE, world == &s_store ? &TRUST : NULL);
    world->image_count = NEW + 1;
    world->flash_size = EFUSE_AT + 0x10000;
    world->chip.chip_id = chip;
    for (unsigned i = FACTORY; i < world->image_count; i++) {
        struct powercut_image *image = &world->images[i];
        image->name = i == OLD ? "old" : i == NEW ? "new" : "other";
        image->bytes = sweep_make_image(i, SWEEP_SMALL_LEN, chip, i == NEW ? 4 : 1, 0, &image->len);
    }
}

void sweep_make_signed(void)
{
    sweep_begin_fixed_chance();
    make_keys();
    make_world(&s_store, ESP_CHIP_ID_ESP32);
    make_world(&s_rsa, ESP_CHIP_ID_ESP32S3);
    make_world(&s_p256, ESP_CHIP_ID_ESP32S3);
    make_world(&s_versions, ESP_CHIP_ID_ESP32S3);
    sign(&s_store, OLD, KEY_A, 2);
    sign(&s_store, NEW, KEY_B, 1);
    sign(&s_rsa, OLD, KEY_RSA, 1);
    sign(&s_rsa, NEW, KEY_RSA, 1);
    sign(&s_p256, OLD, KEY_A, 1);
    sign(&s_p256, NEW, KEY_A, 2);
    sweep_end_fixed_chance();
    sweep_make_encrypted(&s_store_xts, &s_store, FLASH_SCHEME_XTS);
}

static void ask_for_signatures(enum signature_scheme scheme, struct boot_handover *handover,
                               struct boot_request *request, struct powercut_life *life)
{
    static struct signature_policy policy; // as long as the life
    handover->signatures =
        (struct signature_settings){.scheme = scheme, .on_update = true, .on_boot = true};
    boot_handover_set(handover);
    if (signature_policy_load(SIGNATURE_AT_BOOT, &policy) != ESP_OK) {
        POWERCUT_FAIL(life, "the trusted keys cannot be read");
    }
    request->signature = &policy;
}

// An application whose record was lost, beside another one that is refused, has itself chosen once more.
static esp_err_t confirm_again(void)
{
    esp_err_t err = esp_ota_mark_app_valid_cancel_rollback();
    return err == ESP_FAIL ? esp_ota_set_boot_partition(esp_ota_get_running_partition()) : err;
}

// ----------------------------------------------------------------------- trust store

// The store trusts A and B, and rotates. The old image is signed by both, the new one by B.
static bool put_store(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    const struct powercut_world *world = scenario->world;
    struct trust_record record = {.sequence = 1, .flags = TRUST_STORE_FLAG_ROTATE};
    for (int i = 0; i < 2; i++) {
        memcpy(record.trusted[record.trusted_count++], s_digests[i], SIGNATURE_KEY_DIGEST_LEN);
    }
    memset(bytes + TRUST_AT, 0xFF, TRUST_STORE_LEN);
    trust_record_encode(&record, bytes + TRUST_AT);
    if (world->encode) {
        world->encode(world->context, TRUST_AT, bytes + TRUST_AT, TRUST_STORE_SECTOR_LEN);
    }
    return true;
}

static bool trusts(enum key key)
{
    struct trust_record record;
    return trust_store_read(NULL, TRUST_AT, &record) == ESP_OK &&
           trust_record_trusts(&record, s_digests[key]);
}

static void power_on_store(const struct powercut_scenario *scenario, struct boot_handover *handover,
                           struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    handover->trust_address = TRUST_AT;
    ask_for_signatures(SIGNATURE_P256, handover, request, life);
    if (!trusts(KEY_B)) {
        POWERCUT_FAIL(life, "the trust store is lost");
    }
}

// Then the new image may have been confirmed, and the old one runs again.
static bool has_decayed_record(void)
{
    return ((const struct nor_physics *)esp_flash_default_chip)->shared->has_decay_in[1];
}

// The new image confirms itself at every start: a cut may have come between its record and the rotation.
static esp_err_t rotate(const struct powercut_scenario *scenario, uint32_t number,
                        struct powercut_life *life)
{
    esp_err_t err = powercut_act(scenario, number, life);
    if (err != ESP_OK || !life->has_goal) {
        if (!trusts(KEY_A) && !has_decayed_record()) {
            POWERCUT_FAIL(life, "the keys were rotated before the new image was confirmed");
        }
        return err;
    }
    err = confirm_again();
    life->has_goal = !trusts(KEY_A);
    return err;
}

static const struct powercut_extra STORE = {
    .put = put_store,
    .power_on = power_on_store,
    .act = rotate,
    .changes = {{TRUST_AT, TRUST_AT + TRUST_STORE_LEN, true}}};

// ----------------------------------------------------------------------- Secure Boot

static void put_flags(uint8_t *bytes, enum efuse_field field, uint8_t flags)
{
    sweep_efuse_put(bytes + EFUSE_AT, field, &flags, 1);
}

static bool put_rsa_key(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    sweep_efuse_put(bytes + EFUSE_AT, EFUSE_KEY_DIGEST_0, s_digests[KEY_RSA], 32);
    put_flags(bytes, EFUSE_KEY_PRESENT, 1);
    put_flags(bytes, EFUSE_SECURE_BOOT, 1);
    return true;
}

static void power_on_rsa(const struct powercut_scenario *scenario, struct boot_handover *handover,
                         struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    efuse_default = sweep_efuse_open(request->chip, EFUSE_AT);
    ask_for_signatures(SIGNATURE_RSA, handover, request, life);
}

// The old image is signed by A, the new one by A and B; B is in the eFuses already.
static bool put_two_keys(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    sweep_efuse_put(bytes + EFUSE_AT, EFUSE_KEY_DIGEST_0, s_digests[KEY_A], 32);
    sweep_efuse_put(bytes + EFUSE_AT, EFUSE_KEY_DIGEST_1, s_digests[KEY_B], 32);
    put_flags(bytes, EFUSE_KEY_PRESENT, 3);
    put_flags(bytes, EFUSE_SECURE_BOOT, 1);
    return true;
}

static void power_on_p256(const struct powercut_scenario *scenario, struct boot_handover *handover,
                          struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    efuse_default = sweep_efuse_open(request->chip, EFUSE_AT);
    ask_for_signatures(SIGNATURE_P256, handover, request, life);
}

static bool has_key(uint32_t slot, enum key key)
{
    struct efuse_key_slot found;
    return efuse_key_read(slot, &found) == ESP_OK && found.is_present && !found.is_revoked &&
           memcmp(found.digest, s_digests[key], sizeof(found.digest)) == 0;
}

static esp_err_t revoke_first_key(void)
{
    esp_ota_img_states_t state;
    const esp_partition_t *running = esp_ota_get_running_partition();
    bool is_confirmed =
        esp_ota_get_state_partition(running, &state) == ESP_OK && state == ESP_OTA_IMG_VALID;
    return is_confirmed
               ? esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0)
               : esp_ota_set_boot_partition(running); // its record is lost: chosen, then confirmed
}

// The new image, once confirmed, brings a third key and revokes the first.
static esp_err_t change_keys(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    esp_err_t err = powercut_act(scenario, number, life);
    if (err != ESP_OK || !life->has_goal) {
        if (esp_efuse_get_digest_revoke(0)) {
            POWERCUT_FAIL(life, "the key of the old image is revoked before the new one runs");
        }
        return err;
    }
    err = efuse_key_write(2, s_digests[KEY_C]);
    if (err == ESP_OK && !esp_efuse_get_digest_revoke(0)) {
        err = revoke_first_key();
    }
    life->has_goal = has_key(1, KEY_B) && has_key(2, KEY_C) && esp_efuse_get_digest_revoke(0);
    return err;
}

static const struct powercut_extra RSA = {.put = put_rsa_key, .power_on = power_on_rsa};
static const struct powercut_extra REVOKE = {.put = put_two_keys,
                                             .power_on = power_on_p256,
                                             .act = change_keys,
                                             .changes = {{EFUSE_AT, EFUSE_AT + 4096, true}}};

// ----------------------------------------------------------------------- anti-rollback

static bool put_version(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    put_flags(bytes, EFUSE_SECURE_VERSION, 1);
    return true;
}

static esp_err_t burn_version(void *context, uint32_t version)
{
    (void)context;
    return esp_efuse_update_secure_version(version);
}

static void power_on_versions(const struct powercut_scenario *scenario,
                              struct boot_handover *handover, struct boot_request *request,
                              struct powercut_life *life)
{
    (void)scenario;
    (void)life;
    efuse_default = sweep_efuse_open(request->chip, EFUSE_AT);
    handover->anti_rollback = true;
    request->anti_rollback = true;
    request->secure_version = esp_efuse_read_secure_version();
    request->burn_secure_version = burn_version;
}

// Confirming raises the device's version; where a cut came in between, the bootloader does it at the next start, and where that
// fails, too, confirming once more tells why.
static esp_err_t raise_version(const struct powercut_scenario *scenario, uint32_t number,
                               struct powercut_life *life)
{
    esp_err_t err = powercut_act(scenario, number, life);
    uint32_t version = esp_efuse_read_secure_version();
    if (life->booted == OLD && version > 1) {
        POWERCUT_FAIL(life, "the version of an image that is not confirmed is burnt");
    }
    if (err == ESP_OK && life->has_goal && version != 4) {
        err = esp_ota_mark_app_valid_cancel_rollback();
        version = esp_efuse_read_secure_version();
    }
    life->has_goal = life->has_goal && version == 4;
    return err;
}

static const struct powercut_extra VERSIONS = {.put = put_version,
                                               .power_on = power_on_versions,
                                               .act = raise_version,
                                               .changes = {{EFUSE_AT, EFUSE_AT + 4096, true}}};

// ----------------------------------------------------------------------- scenarios

#define SIGNED_UPDATE                                                                              \
    .rollback = true, .slots = {OLD}, .seq = {1}, .states = {ESP_OTA_IMG_VALID}, .goal = NEW,      \
    .allowed = NOW(OLD) | NOW(NEW)

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "signed_rotate", .world = &s_store, SIGNED_UPDATE, .extra = &STORE},
    {.name = "signed_rotate_https",
     .world = &s_store,
     .way = POWERCUT_HTTPS,
     SIGNED_UPDATE,
     .extra = &STORE},
    {.name = "encrypted_xts_signed_rotate", .world = &s_store_xts, SIGNED_UPDATE, .extra = &STORE},
    {.name = "secure_boot_rsa",
     .world = &s_rsa,
     .way = POWERCUT_HTTPS,
     SIGNED_UPDATE,
     .extra = &RSA},
    {.name = "secure_boot_revoke", .world = &s_p256, SIGNED_UPDATE, .extra = &REVOKE},
    {.name = "anti_rollback", .world = &s_versions, SIGNED_UPDATE, .extra = &VERSIONS},
};
const struct sweep_group SWEEP_SIGNED = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};
