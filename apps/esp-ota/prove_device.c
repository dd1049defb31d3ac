// esp-ota prove: the device that is made of the user's images and table, and everything that can be wrong with them.

#include "prove.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "crypto_ops.h"
#include "image_policy.h"
#include "partition_csv.h"
#include "partition_table.h"

#define IMAGE_FILE_MAX (16u * 1024 * 1024) // fact: the largest flash ESP chips map
#define TABLE_FILE_MAX (1024u * 1024)
#define SLOT_UNIT      0x10000u
#define STORE_AT       0x9000u
#define OTADATA_AT     0xD000u
#define FIRST_SLOT     0x10

// ----------------------------------------------------------------------- images

static void describe(const struct cli_bytes *file, const struct image_info *info, char name[80],
                     char digest[65])
{
    struct crypto_hash hash;
    uint8_t sum[CRYPTO_SHA256_LEN];
    (void)image_report_name(info, name);
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file->bytes, file->len);
    esp_crypto.sha256_end(&hash, sum);
    (void)trust_hex(sum, sizeof(sum), digest);
}

static bool load_image(struct prove *prove, enum prove_image which, const char *path)
{
    struct cli_bytes *file = &prove->files[which];
    struct image_info *info = &prove->infos[which];
    if (!cli_read_file(path, IMAGE_FILE_MAX, file)) {
        return false;
    }
    struct image_wish wish = {.chip = prove->chip, .flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_rules rules = image_file_rules(&wish, file);
    enum image_fault fault = image_file_verify(file, &rules, info);
    if (fault != IMAGE_OK) {
        char text[256];
        cli_report_failure("%s is no image that a device would start: %s", path,
                           image_fault_sentence(fault, info, &rules, text, sizeof(text)));
        return false;
    }
    describe(file, info, prove->names[which], prove->digests[which]);
    return true;
}

// Not wrong, but hardly meant.
static void warn_of_versions(const struct prove *prove)
{
    char versions[2][33];
    char projects[2][33];
    for (int i = 0; i < 2; i++) {
        const esp_app_desc_t *desc = &prove->infos[PROVE_OLD + i].desc.app;
        (void)cli_clean_text(desc->version, sizeof(desc->version), versions[i]);
        (void)cli_clean_text(desc->project_name, sizeof(desc->project_name), projects[i]);
    }
    if (strcmp(projects[0], projects[1]) != 0) {
        cli_warn("%s is project \"%s\", %s is \"%s\"", prove->old_path, projects[0],
                 prove->new_path, projects[1]);
    } else if (image_policy_compare_versions(prove->infos[PROVE_NEW].desc.app.version,
                                             prove->infos[PROVE_OLD].desc.app.version) < 0) {
        cli_warn("a step back: %s calls itself %s, %s %s", prove->new_path, versions[1],
                 prove->old_path, versions[0]);
    }
}

static bool check_pair(const struct prove *prove)
{
    const struct image_info *old = &prove->infos[PROVE_OLD];
    const struct image_info *new = &prove->infos[PROVE_NEW];
    if (strcmp(prove->digests[PROVE_OLD], prove->digests[PROVE_NEW]) == 0) {
        cli_report_failure("%s and %s are the same file: give two versions of the firmware",
                           prove->old_path, prove->new_path);
        return false;
    }
    if (old->header.chip_id != new->header.chip_id) {
        cli_report_failure("%s is made for %s and %s for %s: no device takes both", prove->old_path,
                           chip_name(old->header.chip_id), prove->new_path,
                           chip_name(new->header.chip_id));
        return false;
    }
    if (new->desc.app.secure_version < old->desc.app.secure_version) {
        cli_report_failure("%s has secure version %u, below the %u of %s: a device with "
                           "anti-rollback refuses it; build it with at least %u",
                           prove->new_path, (unsigned)new->desc.app.secure_version,
                           (unsigned)old->desc.app.secure_version, prove->old_path,
                           (unsigned)old->desc.app.secure_version);
        return false;
    }
    warn_of_versions(prove);
    return true;
}

static bool load_images(struct prove *prove)
{
    if (!load_image(prove, PROVE_OLD, prove->old_path) ||
        !load_image(prove, PROVE_NEW, prove->new_path) || !check_pair(prove)) {
        return false;
    }
    return !prove->patch_path || cli_read_file(prove->patch_path, IMAGE_FILE_MAX, &prove->patch);
}

// ----------------------------------------------------------------------- the table

static size_t larger_image(const struct prove *prove)
{
    size_t old = prove->files[PROVE_OLD].len;
    return old > prove->files[PROVE_NEW].len ? old : prove->files[PROVE_NEW].len;
}

static esp_partition_info_t entry(uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size,
                                  const char *label)
{
    esp_partition_info_t made = {
        .magic = ESP_PARTITION_MAGIC, .type = type, .subtype = subtype, .pos = {offset, size}};
    memcpy(made.label, label, strlen(label));
    return made;
}

// otadata, something that must stay, and two slots as large as the images ask for; with keys a trust store.
static void make_table(struct prove *prove)
{
    const uint32_t spare = 4 * FLASH_SECTOR_SIZE; // for the journal and a signature
    uint32_t size =
        (uint32_t)((larger_image(prove) + spare + SLOT_UNIT - 1) / SLOT_UNIT) * SLOT_UNIT;
    bool has_store = prove->trust.count > 0 && !prove->wants_efuses;
    prove->table[0] = has_store ? entry(PART_TYPE_DATA, 0x40, STORE_AT, 0x2000, TRUST_STORE_LABEL)
                                : entry(PART_TYPE_DATA, 0x02, STORE_AT, 0x4000, "nvs");
    prove->table[1] = entry(PART_TYPE_DATA, 0, OTADATA_AT, 0x2000, "otadata");
    prove->table[2] = entry(PART_TYPE_DATA, 0x01, 0xF000, 0x1000, "phy_init");
    prove->table[3] = entry(PART_TYPE_APP, FIRST_SLOT, 0x10000, size, "ota_0");
    prove->table[4] = entry(PART_TYPE_APP, FIRST_SLOT + 1, 0x10000 + size, size, "ota_1");
    prove->world.table_count = 5;
}

static bool parse_table(const char *name, const struct cli_bytes *file,
                        uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN])
{
    struct partition_csv_options options = PARTITION_CSV_OPTIONS_DEFAULT();
    struct partition_csv_problem problem = {.text = "not enough memory"};
    struct partition_csv_table table;
    memset(bytes, 0xFF, ESP_PARTITION_TABLE_MAX_LEN);
    if (partition_csv_is_binary(file->bytes, file->len)) {
        memcpy(bytes, file->bytes,
               file->len < ESP_PARTITION_TABLE_MAX_LEN ? file->len : ESP_PARTITION_TABLE_MAX_LEN);
        return true;
    }
    esp_err_t err = partition_csv_parse(file->bytes, file->len, &options, &table, &problem);
    if (err == ESP_OK) {
        err = partition_csv_encode(&table, &options, bytes, &problem);
        partition_csv_free(&table);
    }
    if (err != ESP_OK) {
        cli_report_failure("%s: %s", name, problem.text);
    }
    return err == ESP_OK;
}

static bool load_table(struct prove *prove)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    struct cli_bytes file;
    if (!cli_read_file(prove->partitions, TABLE_FILE_MAX, &file)) {
        return false;
    }
    bool is_good = parse_table(prove->partitions, &file, bytes);
    free(file.bytes);
    struct partition_table_check check = partition_table_verify(bytes, 256u * 1024 * 1024);
    if (is_good && check.fault != PARTITION_TABLE_OK) {
        cli_report_failure("%s: record %u: %s", prove->partitions, (unsigned)check.index,
                           partition_table_fault_text(check.fault));
        is_good = false;
    }
    for (uint32_t i = 0; is_good && i < check.count; i++) {
        prove->table[i] = partition_table_entry(bytes, i);
    }
    prove->world.table_count = is_good ? check.count : 0;
    return is_good;
}

const esp_partition_info_t *prove_find(const struct prove *prove, uint8_t type, uint8_t subtype)
{
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        if (prove->table[i].type == type && prove->table[i].subtype == subtype) {
            return &prove->table[i];
        }
    }
    return NULL;
}

const esp_partition_info_t *prove_find_store(const struct prove *prove)
{
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        const esp_partition_info_t *entry = &prove->table[i];
        if (entry->type == PART_TYPE_DATA && entry->pos.size >= TRUST_STORE_LEN &&
            strncmp((const char *)entry->label, TRUST_STORE_LABEL, sizeof(entry->label)) == 0) {
            return entry;
        }
    }
    return NULL;
}

static bool check_slots(const struct prove *prove)
{
    const char *name = prove->partitions;
    const esp_partition_info_t *otadata = prove_find(prove, PART_TYPE_DATA, 0);
    bool has_factory = prove_find(prove, PART_TYPE_APP, 0);
    if (!prove_find(prove, PART_TYPE_APP, FIRST_SLOT)) {
        cli_report_failure("%s has %s: there is no slot an update could be written to. Add otadata "
                           "and the slots ota_0 and ota_1",
                           name, has_factory ? "only a factory application" : "no ota_0");
    } else if (!has_factory && !prove_find(prove, PART_TYPE_APP, FIRST_SLOT + 1)) {
        cli_report_failure("%s has one slot and no factory application: an update would overwrite "
                           "what runs. Add ota_1",
                           name);
    } else if (!otadata) {
        cli_report_failure("%s has no otadata (data, ota): a device could not note which slot to "
                           "start. Add otadata of 0x2000 bytes",
                           name);
    } else if (otadata->pos.size < 2 * OTADATA_SECTOR_SIZE) {
        cli_report_failure("%s: otadata has 0x%x bytes; its two records need 0x2000", name,
                           (unsigned)otadata->pos.size);
    } else {
        return true;
    }
    return false;
}

static bool check_sizes(const struct prove *prove)
{
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        const esp_partition_info_t *entry = &prove->table[i];
        bool is_slot = entry->type == PART_TYPE_APP && entry->subtype >= FIRST_SLOT &&
                       entry->subtype < FIRST_SLOT + 16;
        bool is_factory = entry->type == PART_TYPE_APP && entry->subtype == 0;
        for (int image = PROVE_OLD; image <= PROVE_NEW; image++) {
            bool is_put = is_slot || (is_factory && image == PROVE_OLD);
            if (is_put && prove->files[image].len > entry->pos.size) {
                cli_report_failure(
                    "%s has %zu bytes, %.16s only %u: they do not fit; enlarge the partition in %s "
                    "or shrink the firmware by %zu bytes",
                    image == PROVE_OLD ? prove->old_path : prove->new_path, prove->files[image].len,
                    (const char *)entry->label, (unsigned)entry->pos.size, prove->partitions,
                    prove->files[image].len - entry->pos.size);
                return false;
            }
        }
    }
    return true;
}

// ----------------------------------------------------------------------- flash encryption

static void switch_encryption_on(void *context, esp_flash_t *chip)
{
    chip->cipher = &((struct flash_encryption *)context)->base;
}

// As flashing an encrypted device does; what is erased stays erased.
static void encrypt(void *context, uint32_t address, uint8_t *bytes, uint32_t len)
{
    struct flash_cipher *cipher = context;
    for (uint32_t at = 0; at < len; at += FLASH_SECTOR_SIZE) {
        uint32_t part = len - at < FLASH_SECTOR_SIZE ? len - at : FLASH_SECTOR_SIZE;
        bool is_erased = true;
        for (uint32_t i = 0; i < part && is_erased; i++) {
            is_erased = bytes[at + i] == 0xFF;
        }
        if (!is_erased &&
            cipher->ops->encrypt(cipher, address + at, bytes + at, bytes + at, part) != ESP_OK) {
            abort(); // AES does not fail
        }
    }
}

static bool start_encryption(struct prove *prove)
{
    static struct flash_encryption cipher;
    uint8_t key[32];
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(i * 89 + 7); // chosen: any key shows the same
    }
    enum flash_scheme scheme = flash_encryption_scheme_of(prove->infos[PROVE_NEW].header.chip_id);
    esp_err_t err =
        flash_encryption_init(&cipher, scheme, key, sizeof(key), FLASH_CRYPT_CONFIG_DEFAULT);
    if (err != ESP_OK) {
        cli_report_error(err, "the flash encryption cannot be set up");
        return false;
    }
    prove->cipher = &cipher;
    prove->world.context = &cipher;
    prove->world.on_chip = switch_encryption_on;
    prove->world.encode = encrypt;
    return true;
}

// ----------------------------------------------------------------------- all of it

static void make_world(struct prove *prove)
{
    struct powercut_world *world = &prove->world;
    const esp_image_header_t *old = &prove->infos[PROVE_OLD].header;
    const esp_image_header_t *new = &prove->infos[PROVE_NEW].header;
    world->chip = (struct chip_identity){.chip_id = new->chip_id,
                                         .chip_rev = old->min_chip_rev_full > new->min_chip_rev_full
                                                         ? old->min_chip_rev_full
                                                         : new->min_chip_rev_full,
                                         .ignore_max_chip_rev = true};
    for (int i = PROVE_OLD; i <= PROVE_NEW; i++) {
        world->images[i] =
            (struct powercut_image){i == PROVE_OLD ? "old" : "new", prove->files[i].bytes,
                                    (uint32_t)prove->files[i].len, NULL};
    }
    world->image_count = PROVE_NEW + 1;
    uint32_t end = 0x10000;
    for (uint32_t i = 0; i < world->table_count; i++) {
        uint32_t last = prove->table[i].pos.offset + prove->table[i].pos.size;
        end = last > end ? last : end;
    }
    world->table = prove->table;
    world->flash_size = (end + SLOT_UNIT - 1) / SLOT_UNIT * SLOT_UNIT;
}

bool prove_load(struct prove *prove)
{
    if (!load_images(prove)) {
        return false;
    }
    if (!prove->partitions) {
        make_table(prove);
    } else if (!load_table(prove) || !check_slots(prove) || !check_sizes(prove)) {
        return false;
    }
    make_world(prove);
    return !prove->is_encrypted || start_encryption(prove);
}

void prove_unload(struct prove *prove)
{
    for (int i = 0; i < PROVE_IMAGE_COUNT; i++) {
        free(prove->files[i].bytes);
    }
    for (int i = 0; i <= PROVE_AGAIN; i++) {
        free(prove->chain[i].bytes);
    }
    free(prove->patch.bytes);
    if (prove->cipher) {
        flash_encryption_deinit(prove->cipher);
    }
}

static bool is_other(const struct prove *prove, const esp_partition_info_t *entry)
{
    bool is_slot = entry->type == PART_TYPE_APP && entry->subtype >= FIRST_SLOT &&
                   entry->subtype < FIRST_SLOT + 16;
    bool is_otadata = entry->type == PART_TYPE_DATA && entry->subtype == 0;
    bool is_store = prove->trusts == PROVE_TRUST_STORE && entry == prove_find_store(prove);
    return !is_slot && !is_otadata && !is_store;
}

void prove_count_others(const struct prove *prove, uint32_t *partitions, uint64_t *bytes)
{
    *partitions = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        if (is_other(prove, &prove->table[i])) {
            ++*partitions;
            *bytes += prove->table[i].pos.size;
        }
    }
}

const char *prove_others_text(const struct prove *prove, char buf[PROVE_NAMES_LEN])
{
    buf[0] = '\0';
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        char label[17];
        size_t len = strlen(buf);
        if (is_other(prove, &prove->table[i])) {
            (void)snprintf(buf + len, PROVE_NAMES_LEN - len, "%s%s", len ? ", " : "",
                           cli_clean_text(prove->table[i].label, 16, label));
        }
    }
    return buf;
}
