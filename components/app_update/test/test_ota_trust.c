// What a device accepts by its settings, its eFuses and its trust store: on update, on choosing, at boot; and how keys rotate,
// also when the power goes.

#include "cut_chip.h"
#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "efuse_ops.h"
#include "esp_log.h"
#include "esp_ota_ext.h"
#include "flash_ops.h"
#include "image_encode.h"
#include "partition_table.h"
#include "signature_policy.h"
#include "signer.h"

#define TRUST_AT 0x60000u

static const esp_partition_info_t TABLE[] = {
    {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
    {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    {.type = 0, .subtype = 0x11, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_1"},
    {.type = 1, .subtype = 6, .pos = {0x50000, 0x10000}, .label = "storage"},
    {.type = 1, .subtype = 6, .pos = {TRUST_AT, 0x2000}, .label = TRUST_STORE_LABEL},
};

enum { KEY_A, KEY_B, KEY_C, KEY_V1, KEY_COUNT };
static struct signer *s_keys[KEY_COUNT];

static int make_keys(void **state)
{
    (void)state;
    esp_log_level_set("*", ESP_LOG_NONE);
    for (int i = 0; i < KEY_COUNT; i++) {
        s_keys[i] = signer_create(i == KEY_V1 ? SIGNATURE_V1 : SIGNATURE_P256);
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < KEY_COUNT; i++) {
        signer_free(s_keys[i]);
    }
    return 0;
}

// ----------------------------------------------------------------------- the device

static void set(struct signature_settings settings, bool has_store)
{
    struct boot_handover handover = *boot_handover_get();
    handover.signatures = settings;
    handover.trust_address = has_store ? TRUST_AT : BOOT_TRUST_ADDRESS_NONE;
    boot_handover_set(&handover);
}
#define ON_UPDATE ((struct signature_settings){.scheme = SIGNATURE_P256, .on_update = true})
#define ON_UPDATE_AND_BOOT                                                                         \
    ((struct signature_settings){.scheme = SIGNATURE_P256, .on_update = true, .on_boot = true})

/** An image signed with the keys of a list such as "AB"; "": not signed, "1": v1. */
static struct device_image make(const char *version, const char *keys)
{
    struct device_image image = DEVICE_IMAGE(.len = 2000, .version = version);
    struct signer *signers[SIGNATURE_BLOCK_MAX];
    uint32_t count = 0;
    image.bytes = realloc(image.bytes, image.len + 2 * SIGNATURE_SECTOR_LEN);
    assert_non_null(image.bytes);
    for (; *keys; keys++) {
        signers[count++] = s_keys[*keys == '1' ? KEY_V1 : *keys - 'A'];
    }
    if (count > 0) {
        image.len = signer_append(signers, count, image.bytes, image.len);
    }
    return image;
}

static void put(const char *label, const char *version, const char *keys)
{
    struct device_image image = make(version, keys);
    const esp_partition_t *partition = device_partition(label);
    assert_int_equal(esp_partition_erase_range(partition, 0, partition->size), ESP_OK);
    device_put(label, image.bytes, image.len);
    free(image.bytes);
}

/** Runs an image in ota_0, with or without a confirmed record. */
static void start(const char *keys)
{
    DEVICE_START(.running = "ota_0", .rollback = true, .table = TABLE,
                 .table_count = sizeof(TABLE) / sizeof(TABLE[0]));
    put("ota_0", "1.0.0", keys);
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
}

static esp_err_t install(const char *label, const char *version, const char *keys)
{
    struct device_image image = make(version, keys);
    esp_err_t err = device_install(label, image);
    free(image.bytes);
    return err;
}

static struct trust_record store_of(const char *keys)
{
    struct trust_record record = {.threshold = 1};
    for (; *keys; keys++) {
        uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
        signer_key_digest(s_keys[*keys - 'A'], digest);
        assert_int_equal(trust_record_add(&record, digest), ESP_OK);
    }
    return record;
}

static void put_store(struct trust_record record)
{
    assert_int_equal(trust_store_write(NULL, TRUST_AT, &record), ESP_OK);
}

static bool trusts_exactly(const char *keys)
{
    struct trust_record record;
    struct trust_record expected = store_of(keys);
    assert_int_equal(trust_store_read(NULL, TRUST_AT, &record), ESP_OK);
    bool is_same = record.trusted_count == expected.trusted_count;
    for (uint32_t i = 0; i < expected.trusted_count; i++) {
        is_same = is_same && trust_record_trusts(&record, expected.trusted[i]);
    }
    return is_same;
}

// ----------------------------------------------------------------------- modes

static void nothing_is_asked_for_without_the_options(void **state)
{
    (void)state;
    start("");
    assert_int_equal(install("ota_1", "2", ""), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    assert_string_equal(device_boot(), "ota_1");
}

static void an_update_is_signed_with_the_key_of_what_runs(void **state)
{
    (void)state;
    start("AB");
    set(ON_UPDATE, false);
    assert_int_equal(install("ota_1", "2", ""), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "B"),
                     ESP_ERR_OTA_VALIDATE_FAILED); // block 1 of what runs
    assert_int_equal(install("ota_1", "2", "BA"),
                     ESP_ERR_OTA_VALIDATE_FAILED); // block 1 of the new
    assert_int_equal(install("ota_1", "2", "1"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "A"), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    put("ota_1", "2", "B");
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")),
                     ESP_ERR_OTA_VALIDATE_FAILED);
    assert_string_equal(device_boot(), "ota_1"); // fact: the bootloader has no v2 key in this mode
}

static void an_unsigned_application_accepts_nothing(void **state)
{
    (void)state;
    start("");
    set(ON_UPDATE, false);
    assert_int_equal(install("ota_1", "2", "A"), ESP_ERR_OTA_VALIDATE_FAILED);
}

static void v1_is_checked_on_update_and_at_boot(void **state)
{
    (void)state;
    struct signature_settings settings = {
        .scheme = SIGNATURE_V1, .on_update = true, .on_boot = true};
    signer_public_key(s_keys[KEY_V1], settings.v1_key);
    start("1");
    set(settings, false);
    assert_int_equal(install("ota_1", "2", "A"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "1"), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    put("ota_1", "2", "");
    assert_string_equal(device_boot(), "ota_0");
}

static void a_file_may_end_inside_its_signature_sector(void **state)
{
    (void)state;
    struct device_image image = make("2", "A");
    start("A");
    set(ON_UPDATE, false);
    image.len -= SIGNATURE_SECTOR_LEN - SIGNATURE_BLOCK_LEN;
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    image.len -= 17;
    assert_int_equal(device_install("ota_1", image), ESP_ERR_OTA_VALIDATE_FAILED);
    free(image.bytes);
}

static void an_update_reads_the_image_once(void **state)
{
    (void)state;
    struct device_image image = make("2", "A");
    start("A");
    set(ON_UPDATE, false);
    device_forget();
    atomic_store(&g_flash.is_unmapped, true);
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    // the running image's headers and blocks are read twice: by begin, and by nobody else
    uint32_t keys = SIGNATURE_BLOCK_MAX * SIGNATURE_BLOCK_LEN + 1024;
    assert_in_range(atomic_load(&g_flash.read_bytes), image.len, image.len + 2 * keys);
    free(image.bytes);
}

static void signed_data_is_judged_at_the_end(void **state)
{
    (void)state;
    struct signature_settings settings = ON_UPDATE;
    struct device_image data = {.bytes = calloc(1, 16384), .len = 5000};
    settings.on_data = true;
    start("A");
    set(settings, false);
    data.len = signer_append(&s_keys[KEY_A], 1, data.bytes, data.len);
    assert_int_equal(device_install("storage", data), ESP_OK);
    data.bytes[7] ^= 1;
    assert_int_equal(device_install("storage", data), ESP_ERR_OTA_VALIDATE_FAILED);
    data.len = 8191;
    assert_int_equal(device_install("storage", data), ESP_ERR_INVALID_SIZE);
    free(data.bytes);
}

// ----------------------------------------------------------------------- Secure Boot

static struct {
    struct efuse base;
    uint8_t fields[EFUSE_FIELD_COUNT][EFUSE_FIELD_BYTES_MAX];
    bool fails;
} s_efuse;

static uint32_t count_bits(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    return field >= EFUSE_KEY_DIGEST_0 ? 256 : field == EFUSE_SECURE_BOOT ? 1 : 3;
}

static esp_err_t read_field(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    (void)efuse;
    memcpy(bits, s_efuse.fields[field], (count_bits(efuse, field) + 7) / 8);
    return s_efuse.fails ? ESP_FAIL : ESP_OK;
}

static esp_err_t burn_field(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    (void)efuse;
    for (uint32_t i = 0; i < (count_bits(efuse, field) + 7) / 8; i++) {
        s_efuse.fields[field][i] |= bits[i];
    }
    return ESP_OK;
}

static void plug_efuses(void)
{
    static const struct efuse_ops OPS = {
        .bit_count = count_bits, .read = read_field, .burn = burn_field};
    memset(&s_efuse, 0, sizeof(s_efuse));
    s_efuse.base.ops = &OPS;
    efuse_default = &s_efuse.base;
}

static void burn_key(int slot, int name)
{
    s_efuse.fields[EFUSE_KEY_PRESENT][0] |= (uint8_t)(1u << slot);
    signer_key_digest(s_keys[name], s_efuse.fields[EFUSE_KEY_DIGEST_0 + slot]);
}

static int remove_efuses(void **state)
{
    efuse_default = NULL;
    return device_stop(state);
}

static void secure_boot_believes_the_efuses(void **state)
{
    (void)state;
    start("A");
    plug_efuses();
    burn_key(0, KEY_A);
    burn_key(2, KEY_B);
    set((struct signature_settings){.scheme = SIGNATURE_P256}, false);
    assert_int_equal(install("ota_1", "2", ""), ESP_OK); // not switched on yet
    s_efuse.fields[EFUSE_SECURE_BOOT][0] = 1;
    assert_int_equal(install("ota_1", "2", ""), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "C"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "CB"), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    s_efuse.fields[EFUSE_KEY_REVOKED][0] = 4;
    assert_string_equal(device_boot(), "ota_0"); // its only key is revoked
    s_efuse.fields[EFUSE_KEY_REVOKED][0] = 5;
    assert_string_equal(device_boot(), "none");
    s_efuse.fields[EFUSE_KEY_REVOKED][0] = 0;
    s_efuse.fails = true;
    struct signature_policy policy;
    assert_int_equal(signature_policy_load(SIGNATURE_AT_BOOT, &policy), ESP_FAIL);
    assert_int_equal(policy.trusted_count, 0);
    assert_int_not_equal(policy.scheme, SIGNATURE_NONE);
}

/** Secure Boot with keys A and B in slots 0 and 2; what runs in ota_0 is signed with keys. */
static void start_secure(const char *keys)
{
    start(keys);
    plug_efuses();
    burn_key(0, KEY_A);
    burn_key(2, KEY_B);
    s_efuse.fields[EFUSE_SECURE_BOOT][0] = 1;
    set((struct signature_settings){.scheme = SIGNATURE_P256}, false);
}

static void a_key_is_revoked_when_another_one_carries_the_device(void **state)
{
    (void)state;
    start_secure("AB");
    assert_int_equal(esp_ota_check_revocation(SECURE_BOOT_PUBLIC_KEY_INDEX_0), ESP_OK);
    assert_int_equal(s_efuse.fields[EFUSE_KEY_REVOKED][0], 0);
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0), ESP_OK);
    assert_int_equal(s_efuse.fields[EFUSE_KEY_REVOKED][0], 1);
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_2),
                     ESP_FAIL); // the last one
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_1), ESP_OK);
    assert_int_equal(s_efuse.fields[EFUSE_KEY_REVOKED][0], 3); // nobody's slot
    assert_string_equal(device_boot(), "ota_0");
}

static void a_key_that_the_device_boots_with_is_not_revoked(void **state)
{
    (void)state;
    start_secure("BC");
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_2),
                     ESP_FAIL);
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(3), ESP_ERR_INVALID_ARG);
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0),
                     ESP_FAIL); // not confirmed
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    s_efuse.fields[EFUSE_SECURE_BOOT][0] = 0;
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0),
                     ESP_FAIL);
    s_efuse.fields[EFUSE_SECURE_BOOT][0] = 1;
    s_efuse.fails = true;
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0),
                     ESP_FAIL);
    s_efuse.fails = false;
    assert_int_equal(s_efuse.fields[EFUSE_KEY_REVOKED][0], 0);
    assert_int_equal(esp_ota_revoke_secure_boot_public_key(SECURE_BOOT_PUBLIC_KEY_INDEX_0), ESP_OK);
}

// The bootloader of ESP32 stands at 0x1000.
static void a_bootloader_has_to_carry_the_other_key_as_well(void **state)
{
    (void)state;
    start_secure("AB");
    for (int has_both = 0; has_both < 2; has_both++) {
        struct device_image image = DEVICE_IMAGE(.len = 2000, .version = "boot");
        struct signer *signers[] = {s_keys[KEY_A], s_keys[KEY_B]};
        memcpy(image.bytes + 24, "\x00\x00\x08\x40", 4); // loaded to RAM
        image.bytes = realloc(image.bytes, image.len + 2 * SIGNATURE_SECTOR_LEN);
        assert_non_null(image.bytes);
        image.len = signer_append(signers, 1 + (uint32_t)has_both, image.bytes, image.len);
        assert_int_equal(esp_flash_erase_region(NULL, 0x1000, 0x7000), ESP_OK);
        device_put_plain(0x1000, image.bytes, image.len);
        assert_int_equal(esp_ota_check_revocation(SECURE_BOOT_PUBLIC_KEY_INDEX_0),
                         has_both ? ESP_OK : ESP_FAIL);
        free(image.bytes);
    }
}

/** Stages a copy of the table, with or without its signature, over the table. */
static esp_err_t update_table(bool is_signed)
{
    static uint8_t bytes[SIGNATURE_SECTOR_LEN];
    const esp_partition_t *final = NULL;
    esp_ota_handle_t handle;
    uint32_t len = ESP_PARTITION_TABLE_MAX_LEN;
    assert_int_equal(partition_table_encode(TABLE, sizeof(TABLE) / sizeof(TABLE[0]), true, bytes),
                     ESP_OK);
    if (is_signed) {
        len = signer_append(&s_keys[KEY_V1], 1, bytes, len);
    }
    final = esp_partition_find_first(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, "table");
    if (!final) {
        assert_int_equal(esp_partition_register_external(NULL, 0x8000, 0x1000, "table",
                                                         ESP_PARTITION_TYPE_PARTITION_TABLE, 0,
                                                         &final),
                         ESP_OK);
    }
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, final, true), ESP_OK);
    assert_int_equal(esp_ota_write(handle, bytes, len), ESP_OK);
    return esp_ota_end(handle);
}

static void a_table_is_signed_where_secure_boot_v1_is_on(void **state)
{
    (void)state;
    struct signature_settings settings = {.scheme = SIGNATURE_V1, .secure_boot = true};
    signer_public_key(s_keys[KEY_V1], settings.v1_key);
    start("1");
    set(settings, false);
    uint64_t before = device_sum(0x8000, 0x9000);
    assert_int_equal(update_table(false), ESP_ERR_OTA_VALIDATE_FAILED);
    settings.v1_key[5] ^= 1;
    set(settings, false);
    assert_int_equal(update_table(true), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_true(device_sum(0x8000, 0x9000) == before);
    settings.v1_key[5] ^= 1;
    set(settings, false);
    assert_int_equal(update_table(true), ESP_OK);
    assert_string_equal(device_boot(), "ota_0");
    settings.secure_boot = false;
    settings.on_update = true;
    set(settings, false);
    assert_int_equal(update_table(false), ESP_OK); // fact: nobody would look at it
}

// ----------------------------------------------------------------------- the trust store

static void the_store_decides_instead_of_what_runs(void **state)
{
    (void)state;
    start("A");
    set(ON_UPDATE_AND_BOOT, true);
    put_store(store_of("AB"));
    assert_int_equal(install("ota_1", "2", "C"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "CB"), ESP_OK);
    struct trust_record two = store_of("AB");
    two.threshold = 2;
    put_store(two);
    assert_int_equal(install("ota_1", "2", "CB"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "2", "AB"), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    assert_string_equal(device_boot(), "ota_1");
    put("ota_1", "2", "A"); // with the store, the bootloader knows the keys too
    assert_string_equal(device_boot(), "none");
}

static void project_version_and_size_are_refused_before_an_erase(void **state)
{
    (void)state;
    struct trust_record record = store_of("");
    struct device_image older = make("0.9.9", "");
    struct device_image newer = make("1.0.1", "");
    esp_ota_handle_t handle;
    start("");
    set((struct signature_settings){0}, true);
    record.flags = TRUST_STORE_FLAG_VERSION | TRUST_STORE_FLAG_PROJECT;
    put_store(record);
    const esp_partition_t *target = device_partition("ota_1");
    assert_int_equal(esp_ota_begin(target, OTA_WITH_SEQUENTIAL_WRITES, &handle), ESP_OK);
    device_forget();
    assert_int_equal(esp_ota_write(handle, older.bytes, older.len), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    // in pieces too small to tell, it is refused at the end
    assert_int_equal(esp_ota_begin(target, OTA_SIZE_UNKNOWN, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, older.bytes, 100), ESP_OK);
    assert_int_equal(esp_ota_write(handle, older.bytes + 100, older.len - 100), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(device_install("ota_1", newer), ESP_OK);
    record.min_len = newer.len + 1;
    put_store(record);
    assert_int_equal(device_install("ota_1", newer), ESP_ERR_OTA_VALIDATE_FAILED);
    record.min_len = 0;
    record.max_len = newer.len - 1;
    put_store(record);
    assert_int_equal(device_install("ota_1", newer), ESP_ERR_OTA_VALIDATE_FAILED);
    free(older.bytes);
    free(newer.bytes);
}

static void the_store_is_as_encrypted_as_the_flash(void **state)
{
    (void)state;
    start("A");
    put_store(store_of("AB"));
    const esp_partition_t *store = device_partition(TRUST_STORE_LABEL);
    assert_true(store->encrypted == flash_is_encrypted(NULL));
    for (uint32_t sector = 0; sector < TRUST_STORE_LEN; sector += TRUST_STORE_SECTOR_LEN) {
        uint8_t bytes[TRUST_RECORD_LEN];
        struct trust_record record;
        assert_int_equal(esp_partition_read(store, sector, bytes, sizeof(bytes)), ESP_OK);
        if (trust_record_parse(bytes, &record)) {
            bool is_plain = memcmp(bytes, device_bytes(TRUST_AT + sector), sizeof(bytes)) == 0;
            assert_true(is_plain == !flash_is_encrypted(NULL));
            return;
        }
    }
    fail_msg("esp_partition does not read what the store wrote");
}

// ----------------------------------------------------------------------- rotation

static void start_rotating(const char *running, const char *trusted)
{
    struct trust_record record = store_of(trusted);
    start(running);
    set(ON_UPDATE_AND_BOOT, true);
    record.flags = TRUST_STORE_FLAG_ROTATE;
    put_store(record);
}

static void update_to(const char *label, const char *version, const char *keys)
{
    assert_int_equal(install(label, version, keys), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition(label)), ESP_OK);
    assert_string_equal(device_boot(), label);
}

static void keys_rotate_when_an_image_is_confirmed(void **state)
{
    (void)state;
    start_rotating("A", "A");
    assert_int_equal(install("ota_1", "2", "B"), ESP_ERR_OTA_VALIDATE_FAILED);
    update_to("ota_1", "2", "AB");
    assert_true(trusts_exactly("A"));
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_true(trusts_exactly("AB"));
    update_to("ota_0", "3", "B");
    assert_true(trusts_exactly("AB"));
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_true(trusts_exactly("B"));
    assert_int_equal(install("ota_1", "4", "A"), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(install("ota_1", "4", "BA"), ESP_OK);
}

static void keys_stay_when_the_image_is_given_up(void **state)
{
    (void)state;
    start_rotating("A", "A");
    update_to("ota_1", "2", "AB");
    assert_string_equal(device_boot(), "ota_0");
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_true(trusts_exactly("A"));
}

static void only_right_signatures_bring_keys_along(void **state)
{
    (void)state;
    struct device_image image = make("2", "AB");
    struct device_image other = make("3", "AB");
    uint32_t block = image.len - SIGNATURE_SECTOR_LEN + SIGNATURE_BLOCK_LEN;
    start_rotating("A", "A");
    memcpy(image.bytes + block, other.bytes + block, SIGNATURE_BLOCK_LEN); // B signed another image
    assert_int_equal(device_install("ota_1", image), ESP_OK);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
    assert_string_equal(device_boot(), "ota_1");
    assert_int_equal(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    assert_true(trusts_exactly("A"));
    free(image.bytes);
    free(other.bytes);
}

/** Confirms what runs in ota_1, cut at an operation. @return whether it was cut */
static bool confirm_with_a_cut(unsigned cut_at, enum cut_variant variant)
{
    start_rotating("AB", "AB");
    put("ota_1", "2", "B");
    device_put_record(1, 2, ESP_OTA_IMG_NEW);
    assert_string_equal(device_boot(), "ota_1");
    struct boot_handover handover = *boot_handover_get();
    cut_chip_install();
    boot_handover_set(&handover);
    g_cut.cut_at = cut_at;
    g_cut.variant = variant;
    g_cut.seed = cut_at;
    esp_err_t err = esp_ota_mark_app_valid_cancel_rollback();
    bool was_cut = g_cut.is_off;
    assert_true(was_cut || err == ESP_OK);
    cut_chip_power_on();
    return was_cut;
}

// After every cut the store is the old or the new one, something boots, and the next confirmation or update completes it:
// then the dropped key is refused.
static void a_cut_in_a_rotation_leaves_old_or_new_keys(void **state)
{
    (void)state;
    for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
        unsigned cut_at = 1;
        while (confirm_with_a_cut(cut_at, (enum cut_variant)variant)) {
            assert_true(trusts_exactly("AB") || trusts_exactly("B"));
            const char *booted = device_boot();
            assert_string_not_equal(booted, "none");
            bool is_new = strcmp(booted, "ota_1") == 0;
            esp_ota_img_states_t image_state;
            if (is_new &&
                esp_ota_get_state_partition(device_partition("ota_1"), &image_state) == ESP_OK) {
                assert_int_equal(image_state, ESP_OTA_IMG_VALID);
                assert_int_equal(install("ota_0", "3", "A"), ESP_ERR_OTA_VALIDATE_FAILED);
                assert_true(trusts_exactly("B"));
            }
            cut_at++;
        }
        assert_in_range(cut_at, 4, 100); // otadata: erase, write; store: erase, write
        assert_true(trusts_exactly("B"));
    }
}

#define TRUST_TEST(name) cmocka_unit_test_teardown(name, device_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRUST_TEST(nothing_is_asked_for_without_the_options),
        TRUST_TEST(an_update_is_signed_with_the_key_of_what_runs),
        TRUST_TEST(an_unsigned_application_accepts_nothing),
        TRUST_TEST(v1_is_checked_on_update_and_at_boot),
        TRUST_TEST(a_file_may_end_inside_its_signature_sector),
        TRUST_TEST(an_update_reads_the_image_once),
        TRUST_TEST(signed_data_is_judged_at_the_end),
        cmocka_unit_test_teardown(secure_boot_believes_the_efuses, remove_efuses),
        cmocka_unit_test_teardown(a_key_is_revoked_when_another_one_carries_the_device,
                                  remove_efuses),
        cmocka_unit_test_teardown(a_key_that_the_device_boots_with_is_not_revoked, remove_efuses),
        cmocka_unit_test_teardown(a_bootloader_has_to_carry_the_other_key_as_well, remove_efuses),
        TRUST_TEST(a_table_is_signed_where_secure_boot_v1_is_on),
        TRUST_TEST(the_store_decides_instead_of_what_runs),
        TRUST_TEST(project_version_and_size_are_refused_before_an_erase),
        TRUST_TEST(the_store_is_as_encrypted_as_the_flash),
        TRUST_TEST(keys_rotate_when_an_image_is_confirmed),
        TRUST_TEST(keys_stay_when_the_image_is_given_up),
        TRUST_TEST(only_right_signatures_bring_keys_along),
        TRUST_TEST(a_cut_in_a_rotation_leaves_old_or_new_keys),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
