// esp-ota prove: signatures. Whom the device believes and where it keeps that, images that it must refuse, and keys that
// follow each other.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "crypto_ops.h"
#include "efuse_keys.h"
#include "efuse_ops.h"
#include "prove.h"
#include "sign_file.h"
#include "sign_key.h"
#include "signature_policy.h"

#define KEY_FILE_MAX 65536u // chosen: far above any key
#define FORGED_BIT   0x01u

const char *const PROVE_TRUST_NAMES[] = {"none", "firmware", "trust_store", "efuses"};
const char *const PROVE_TRUST_TEXTS[] = {"nowhere", "the firmware", "the trust store",
                                         "the eFuses"};

// ----------------------------------------------------------------------- eFuses in memory

// They are the same in every life of a part: no update burns any.
struct memory_efuse {
    struct efuse base; // first
    const struct trust *trust;
    uint8_t revoked;
};

static uint32_t efuse_bits(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    switch (field) {
    case EFUSE_SECURE_BOOT:
        return 1;
    case EFUSE_KEY_PRESENT:
    case EFUSE_KEY_REVOKED:
        return EFUSE_KEY_SLOT_MAX;
    case EFUSE_KEY_DIGEST_0:
    case EFUSE_KEY_DIGEST_1:
    case EFUSE_KEY_DIGEST_2:
        return 8 * EFUSE_KEY_DIGEST_LEN;
    default:
        return 0;
    }
}

static esp_err_t efuse_read(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    const struct memory_efuse *memory = (struct memory_efuse *)efuse;
    switch (field) {
    case EFUSE_SECURE_BOOT:
        bits[0] = 1;
        break;
    case EFUSE_KEY_PRESENT:
        bits[0] = (uint8_t)((1u << memory->trust->count) - 1);
        break;
    case EFUSE_KEY_REVOKED:
        bits[0] = memory->revoked;
        break;
    default:
        memcpy(bits, memory->trust->keys[field - EFUSE_KEY_DIGEST_0].digest, EFUSE_KEY_DIGEST_LEN);
    }
    return ESP_OK;
}

static esp_err_t efuse_burn(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    (void)efuse;
    (void)field;
    (void)bits;
    return ESP_FAIL; // nobody asked for it
}

static const struct efuse_ops MEMORY_EFUSE = {efuse_bits, efuse_read, efuse_burn};
static struct memory_efuse s_efuse = {.base = {&MEMORY_EFUSE}};

// ----------------------------------------------------------------------- in every life

// Without its record a device with a trust store would believe everybody.
static void check_store(const struct prove *prove, const esp_partition_info_t *store,
                        struct powercut_life *life)
{
    struct trust_record record;
    esp_err_t err = trust_store_read(NULL, store->pos.offset, &record);
    bool is_good = err == ESP_OK && record.sequence > 0 && record.trusted_count > 0;
    for (uint32_t i = 0; is_good && i < record.trusted_count; i++) {
        is_good = false;
        for (uint32_t k = 0; k < prove->trust.count; k++) {
            is_good = is_good || memcmp(record.trusted[i], prove->trust.keys[k].digest,
                                        SIGNATURE_KEY_DIGEST_LEN) == 0;
        }
    }
    if (!is_good) {
        POWERCUT_FAIL(life, "the trust store is lost, or trusts a stranger");
    }
}

void prove_power_on(const struct powercut_scenario *scenario, struct boot_handover *handover,
                    struct boot_request *request, struct powercut_life *life)
{
    static struct signature_policy policy;
    const struct prove_part *part = (const struct prove_part *)scenario;
    const struct prove *prove = part->prove;
    if (prove->trusts == PROVE_TRUST_NOBODY) {
        return;
    }
    handover->signatures =
        (struct signature_settings){.scheme = prove->scheme,
                                    .on_update = true,
                                    .on_boot = true,
                                    .secure_boot = prove->trusts == PROVE_TRUST_EFUSES};
    if (prove->trusts == PROVE_TRUST_BUILD) {
        memcpy(handover->signatures.v1_key, prove->trust.keys[0].v1_key, SIGNATURE_V1_KEY_LEN);
    } else if (prove->trusts == PROVE_TRUST_EFUSES) {
        s_efuse.trust = &prove->trust;
        s_efuse.revoked = part->revoked_slots;
        efuse_default = &s_efuse.base;
    } else {
        const esp_partition_info_t *store = prove_find_store(prove);
        handover->trust_address = store->pos.offset;
        check_store(prove, store, life);
    }
    boot_handover_set(handover);
    esp_err_t err = signature_policy_load(SIGNATURE_AT_BOOT, &policy);
    if (err != ESP_OK) {
        POWERCUT_FAIL(life, "whom to believe cannot be read (%s)", esp_err_to_name(err));
    }
    request->signature = &policy;
}

bool prove_put_store(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    const struct prove_part *part = (const struct prove_part *)scenario;
    const struct powercut_world *world = scenario->world;
    const esp_partition_info_t *store = prove_find_store(part->prove);
    if (part->before.sequence == 0) {
        return true;
    }
    uint8_t *at = bytes + store->pos.offset;
    memset(at, 0xFF, store->pos.size);
    trust_record_encode(&part->before, at);
    if (world->encode) {
        world->encode(world->context, store->pos.offset, at, TRUST_STORE_SECTOR_LEN);
    }
    return true;
}

bool prove_has_rotated(const struct prove_part *part)
{
    struct trust_record record;
    const esp_partition_info_t *store = prove_find_store(part->prove);
    if (trust_store_read(NULL, store->pos.offset, &record) != ESP_OK ||
        record.trusted_count != part->after.trusted_count) {
        return false;
    }
    for (uint32_t i = 0; i < part->after.trusted_count; i++) {
        if (!trust_record_trusts(&record, part->after.trusted[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < part->after.revoked_count; i++) {
        if (!trust_record_revokes(&record, part->after.revoked[i])) {
            return false;
        }
    }
    return true;
}

// ----------------------------------------------------------------------- the images and the keys

static bool judge_image(struct prove *prove, enum prove_image which, const char *path)
{
    const struct cli_bytes *file = &prove->files[which];
    struct sign_file found;
    struct signature_policy policy;
    char problem[160];
    if (!sign_file_examine(path, file, false, &found) ||
        !trust_policy(&prove->trust, &found, &policy)) {
        return false;
    }
    struct image_wish wish = {.chip = prove->chip, .flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_rules rules = image_file_rules(&wish, file);
    rules.signature = &policy;
    struct image_info info;
    enum image_fault fault = image_file_verify(file, &rules, &info);
    const char *reason = sign_file_scheme_problem(found.chip, policy.scheme, problem);
    if (found.scheme == SIGNATURE_NONE) {
        cli_report_failure("%s is not signed; sign it with \"image sign\", or leave --key out",
                           path);
    } else if (fault != IMAGE_OK) {
        cli_report_failure("%s is signed, but no --key is its signer's: %s", path,
                           image_fault_text(fault));
    } else if (reason) {
        cli_report_failure("%s: %s", path, reason);
    } else if (prove->scheme != SIGNATURE_NONE && prove->scheme != policy.scheme) {
        cli_report_failure("%s and %s are signed by different schemes (%s, %s); a device takes one",
                           prove->old_path, prove->new_path, signature_scheme_name(prove->scheme),
                           signature_scheme_name(policy.scheme));
    } else {
        prove->scheme = policy.scheme;
        return true;
    }
    return false;
}

// Where such a device keeps its keys.
static bool choose_place(struct prove *prove)
{
    uint16_t chip = prove->infos[PROVE_NEW].header.chip_id;
    bool is_single = chip == ESP_CHIP_ID_ESP32 || chip == ESP_CHIP_ID_ESP32C2;
    uint32_t slots = is_single ? 1 : EFUSE_KEY_SLOT_MAX;
    bool has_store = prove_find_store(prove) && !prove->wants_efuses;
    if (prove->scheme == SIGNATURE_V1) {
        prove->trusts = PROVE_TRUST_BUILD;
        return true;
    }
    prove->trusts = has_store ? PROVE_TRUST_STORE : PROVE_TRUST_EFUSES;
    uint32_t room = has_store ? TRUST_KEY_MAX : slots;
    if (prove->trust.count > room) {
        cli_report_failure("%u keys, but the %s of %s %s %u", (unsigned)prove->trust.count,
                           has_store ? "trust store" : "eFuses", chip_name(chip),
                           has_store ? "holds" : "hold", (unsigned)room);
        return false;
    }
    return true;
}

static bool copy_file(const struct cli_bytes *file, size_t len, struct cli_bytes *out)
{
    out->bytes = malloc(len);
    if (!out->bytes) {
        cli_report_failure("there is not enough memory for copies of the images");
        return false;
    }
    out->len = len;
    memset(out->bytes, 0xFF, len);
    memcpy(out->bytes, file->bytes, file->len < len ? file->len : len);
    return true;
}

// Two bytes that stand side by side change in the same bit, so that the checksum stays; the digest is made anew.
static void forge(const struct image_info *info, struct cli_bytes *image)
{
    const struct image_segment *last = &info->segments[info->segment_count - 1];
    uint8_t *at = image->bytes + last->data_offset + (last->data_len / 2 & ~3u);
    at[0] ^= FORGED_BIT;
    at[4] ^= FORGED_BIT;
    if (info->has_digest) {
        struct crypto_hash hash;
        uint32_t len = info->content_len - CRYPTO_SHA256_LEN;
        esp_crypto.sha256_begin(&hash);
        esp_crypto.sha256_write(&hash, image->bytes, len);
        esp_crypto.sha256_end(&hash, image->bytes + len);
    }
}

static bool make_strangers(struct prove *prove)
{
    const struct cli_bytes *new = &prove->files[PROVE_NEW];
    const struct image_info *info = &prove->infos[PROVE_NEW];
    if (!copy_file(new, info->content_len, &prove->files[PROVE_UNSIGNED]) ||
        !copy_file(new, new->len, &prove->files[PROVE_FORGED])) {
        return false;
    }
    forge(info, &prove->files[PROVE_FORGED]);
    static const char *const NAMES[] = {"an unsigned image", "a forged image"};
    for (int i = PROVE_UNSIGNED; i <= PROVE_FORGED; i++) {
        prove->world.images[i] = (struct powercut_image){
            NAMES[i - PROVE_UNSIGNED], prove->files[i].bytes, (uint32_t)prove->files[i].len, NULL};
    }
    prove->world.image_count = PROVE_IMAGE_COUNT;
    return true;
}

bool prove_load_keys(struct prove *prove)
{
    for (uint32_t i = 0; prove->keys[i]; i++) {
        if (!trust_add(&prove->trust, prove->keys[i])) {
            return false;
        }
    }
    return true;
}

bool prove_load_trust(struct prove *prove)
{
    return prove->trust.count == 0 || (judge_image(prove, PROVE_OLD, prove->old_path) &&
                                       judge_image(prove, PROVE_NEW, prove->new_path) &&
                                       choose_place(prove) && make_strangers(prove));
}

// ----------------------------------------------------------------------- signing

static bool sign_block(const struct sign_key *key, const char *name, enum signature_scheme scheme,
                       const uint8_t *digest, uint8_t *bytes)
{
    struct signature_block block = {.key = *sign_key_public(key)};
    memcpy(block.image_digest, digest, signature_digest_len(scheme));
    if (!sign_key_sign(key, scheme, digest, &block.value)) {
        return false;
    }
    esp_err_t err = signature_block_encode(&block, bytes);
    if (err != ESP_OK) {
        cli_report_error(err, "%s: a key of this form has no block", name);
    }
    return err == ESP_OK;
}

// A copy of an image, signed by these keys alone.
static bool sign(const struct cli_bytes *image, const char *name, const char *const *keys,
                 uint32_t key_count, struct cli_bytes *out)
{
    static const struct sign_secret ASK;
    struct sign_file found;
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    if (!sign_file_examine(name, image, false, &found)) {
        return false;
    }
    struct cli_bytes content = {image->bytes, found.content_len};
    bool is_done = copy_file(&content, found.sector_offset + SIGNATURE_SECTOR_LEN, out);
    for (uint32_t i = 0; i < key_count && is_done; i++) {
        struct sign_key *key = sign_key_load(keys[i], &ASK);
        enum signature_scheme scheme = key ? sign_key_public(key)->scheme : SIGNATURE_NONE;
        uint8_t *block = out->bytes + found.sector_offset + (size_t)i * SIGNATURE_BLOCK_LEN;
        sign_file_digest(&content, &found, scheme, digest);
        is_done = key && sign_block(key, keys[i], scheme, digest, block);
        sign_key_free(key);
    }
    return is_done;
}

// ----------------------------------------------------------------------- parts

static bool is_private(const char *word)
{
    struct cli_bytes file;
    FILE *probe = fopen(word, "rbe"); // a digest in hex is no file
    if (!probe) {
        return false;
    }
    (void)fclose(probe);
    if (!cli_read_file(word, KEY_FILE_MAX, &file)) {
        return false;
    }
    bool is_found = strstr((const char *)file.bytes, "PRIVATE KEY") != NULL;
    memset(file.bytes, 0, file.len);
    free(file.bytes);
    return is_found;
}

// OLD by A, NEW by A and B, NEW by B; false: said why.
static bool make_chain(struct prove *prove)
{
    static const char *const NAMES[] = {"", "old", "new", "new, by the new key"};
    const char *const *keys = prove->keys;
    const char *old = prove->old_path;
    const char *new = prove->new_path;
    const struct cli_bytes *files = prove->files;
    if (!sign(&files[PROVE_OLD], old, keys, 1, &prove->chain[PROVE_OLD]) ||
        !sign(&files[PROVE_NEW], new, keys, 2, &prove->chain[PROVE_NEW]) ||
        !sign(&files[PROVE_NEW], new, keys + 1, 1, &prove->chain[PROVE_AGAIN])) {
        return false;
    }
    prove->chain_world = prove->world;
    for (int i = PROVE_OLD; i <= PROVE_AGAIN; i++) {
        prove->chain_world.images[i] = (struct powercut_image){NAMES[i], prove->chain[i].bytes,
                                                               (uint32_t)prove->chain[i].len, NULL};
    }
    prove->chain_world.image_count = PROVE_AGAIN + 1;
    return true;
}

static struct prove_part *add_refusal(struct prove *prove, const char *name, const char *title,
                                      uint8_t served)
{
    struct prove_part *part =
        prove_add_part(prove, name, title, "It is refused, whatever is cut, and never boots.");
    part->action = PROVE_ACT_REFUSE;
    part->scenario.rollback = false;
    part->scenario.goal = PROVE_OLD;
    part->scenario.served = served;
    part->scenario.allowed = 1u << PROVE_OLD;
    return part;
}

static void add_rotation(struct prove *prove)
{
    struct prove_part *part = prove_add_part(
        prove, "rotation", "Key rotation: old by key A, new by A and B, new by B alone",
        "The device follows its firmware from the old key to the new one; it never trusts nobody, "
        "and never a stranger.");
    const uint8_t *a = prove->trust.keys[0].digest;
    const uint8_t *b = prove->trust.keys[1].digest;
    part->action = PROVE_ACT_ROTATE;
    part->scenario.world = &prove->chain_world;
    part->scenario.rollback = true; // keys follow when an image confirms itself
    part->scenario.is_stepwise = true;
    // A record of the store that looked right may decay, too; then the bootloader believes the keys before once more.
    part->extra.has_wrong_otadata = true;
    part->scenario.goal = PROVE_AGAIN;
    part->scenario.allowed = 1u << PROVE_OLD | 1u << PROVE_NEW | 1u << PROVE_AGAIN;
    part->before =
        (struct trust_record){.sequence = 1, .flags = TRUST_STORE_FLAG_ROTATE, .trusted_count = 1};
    memcpy(part->before.trusted[0], a, SIGNATURE_KEY_DIGEST_LEN);
    part->after = (struct trust_record){.trusted_count = 1, .revoked_count = 1};
    memcpy(part->after.trusted[0], b, SIGNATURE_KEY_DIGEST_LEN);
    memcpy(part->after.revoked[0], a, SIGNATURE_KEY_DIGEST_LEN);
    const esp_partition_pos_t *pos = &prove_find_store(prove)->pos;
    part->extra.changes[0] =
        (struct powercut_range){pos->offset, pos->offset + TRUST_STORE_LEN, true};
}

// A device that runs what B signed, and no longer believes A.
static void add_revoked(struct prove *prove)
{
    struct prove_part *part =
        add_refusal(prove, "revoked-key", "An image signed by a revoked key alone", PROVE_OLD);
    part->scenario.world = &prove->chain_world;
    part->scenario.goal = PROVE_AGAIN;
    part->scenario.allowed = 1u << PROVE_AGAIN;
    part->scenario.slots[0] = part->scenario.slots[1] = PROVE_AGAIN;
    part->revoked_slots = 1;
    part->before.trusted_count = 0;
    part->before.revoked_count = 0;
    if (part->before.sequence > 0) {
        memcpy(part->before.trusted[part->before.trusted_count++], prove->trust.keys[1].digest,
               SIGNATURE_KEY_DIGEST_LEN);
        memcpy(part->before.revoked[part->before.revoked_count++], prove->trust.keys[0].digest,
               SIGNATURE_KEY_DIGEST_LEN);
    }
}

// NULL: it can be tried.
static const char *why_no_rotation(const struct prove *prove)
{
    const struct chip_traits *chip = chip_traits_by_id(prove->infos[PROVE_NEW].header.chip_id);
    if (sign_file_block_max(chip, prove->scheme) < 2) {
        return "an image of this chip has one signature, so no image can be signed by both keys";
    }
    if (prove->trust.count != 2 || !is_private(prove->keys[0]) || !is_private(prove->keys[1])) {
        return "it needs both private keys, the one in use first";
    }
    return NULL;
}

bool prove_add_trust_parts(struct prove *prove)
{
    if (prove->trusts == PROVE_TRUST_NOBODY || !prove_find(prove, PART_TYPE_APP, 0x11)) {
        return true;
    }
    (void)add_refusal(prove, "unsigned", "The new image without its signature", PROVE_UNSIGNED);
    (void)add_refusal(prove, "forged",
                      "The new image with two bytes changed, right in all but the signature",
                      PROVE_FORGED);
    prove->no_rotation = why_no_rotation(prove);
    if (prove->no_rotation) {
        return true;
    }
    if (!make_chain(prove)) {
        return false;
    }
    if (prove->trusts == PROVE_TRUST_STORE) {
        add_rotation(prove);
    }
    add_revoked(prove);
    return true;
}
