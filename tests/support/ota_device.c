#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "image_encode.h"
#include "nor_flash.h"
#include "partition_table.h"
#include "signature_policy.h"

struct device_flash g_flash;

static esp_flash_t *s_inner; // the chip that does the work
static esp_flash_t s_chip;   // the chip that counts and fails

static const esp_partition_info_t TABLE[] = {
    {.type = 1, .subtype = 2, .pos = {0x9000, 0x4000}, .label = "nvs"},
    {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
    {.type = 0, .subtype = 0, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "factory"},
    {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    {.type = 0, .subtype = 0x11, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_1"},
    {.type = 0, .subtype = 0x20, .pos = {0x40000, DEVICE_SLOT_SIZE}, .label = "test"},
    {.type = 1, .subtype = 6, .pos = {0x50000, 0x10000}, .label = "storage"},
    {.type = 1, .subtype = 6, .pos = {0x60000, 0x10000}, .label = "stage"},
    {.type = 1, .subtype = 6, .pos = {0x70000, 0x1000}, .label = "locked", .flags = 2},
};

// ----------------------------------------------------------------------- the chip

static bool is_time_to_fail(atomic_uint *count, atomic_uint *fail_at)
{
    unsigned number = atomic_fetch_add(count, 1) + 1;
    if (atomic_load(fail_at) != number) {
        return false;
    }
    atomic_store(fail_at, 0);
    return true;
}

static esp_err_t counting_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    (void)chip;
    atomic_fetch_add(&g_flash.read_bytes, len);
    if (is_time_to_fail(&g_flash.reads, &g_flash.fail_read)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return s_inner->ops->read(s_inner, buffer, address, len);
}

static esp_err_t counting_program(esp_flash_t *chip, const void *data, uint32_t address,
                                  uint32_t len)
{
    (void)chip;
    atomic_fetch_add(&g_flash.programs, 1);
    if (is_time_to_fail(&g_flash.operations, &g_flash.fail_at)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return s_inner->ops->program(s_inner, data, address,
                                 atomic_load(&g_flash.loses_bits) ? len - 1 : len);
}

static esp_err_t counting_erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    atomic_fetch_add(&g_flash.erases, 1);
    atomic_fetch_add(&g_flash.erased_bytes, unit);
    if (is_time_to_fail(&g_flash.operations, &g_flash.fail_at)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return s_inner->ops->erase(s_inner, address, unit);
}

static esp_err_t counting_sync(esp_flash_t *chip)
{
    (void)chip;
    atomic_fetch_add(&g_flash.syncs, 1);
    if (is_time_to_fail(&g_flash.operations, &g_flash.fail_at)) {
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return s_inner->ops->sync(s_inner);
}

static const void *counting_map(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    (void)chip;
    return atomic_load(&g_flash.is_unmapped) ? NULL : s_inner->ops->map(s_inner, address, len);
}

static const struct flash_ops COUNTING_OPS = {
    .read = counting_read,
    .program = counting_program,
    .erase = counting_erase,
    .sync = counting_sync,
    .map = counting_map,
};

// DEVICE_ENCRYPTION=esp32 or xts in the environment: every device of the program has flash encryption.
static void start_encryption(void)
{
    static struct flash_encryption cipher; // as the chip, for the whole program
    static const uint8_t key[32] = "a key that is no secret in here";
    const char *wish = getenv("DEVICE_ENCRYPTION");
    if (!wish || s_chip.cipher) {
        return;
    }
    enum flash_scheme scheme = strcmp(wish, "esp32") == 0 ? FLASH_SCHEME_ESP32 : FLASH_SCHEME_XTS;
    assert_int_equal(
        flash_encryption_init(&cipher, scheme, key, sizeof(key), FLASH_CRYPT_CONFIG_DEFAULT),
        ESP_OK);
    s_chip.cipher = &cipher.base;
}

static void open_chip(void)
{
    if (!s_inner) {
        assert_int_equal(nor_flash_open_in_memory(DEVICE_FLASH_SIZE, &s_inner), ESP_OK);
        s_chip.ops = &COUNTING_OPS;
        s_chip.geometry = s_inner->geometry;
    }
    start_encryption();
    esp_flash_default_chip = &s_chip;
    assert_int_equal(esp_flash_erase_chip(NULL), ESP_OK);
    s_chip.erased_to = s_chip.erased_from; // before the power came on
}

// ----------------------------------------------------------------------- its life

void device_put_plain(uint32_t address, const void *bytes, uint32_t len)
{
    uint8_t *cells = device_bytes(address);
    uint32_t rest = (FLASH_CIPHER_BLOCK - len % FLASH_CIPHER_BLOCK) % FLASH_CIPHER_BLOCK;
    memcpy(cells, bytes, len);
    if (s_chip.cipher) {
        memset(cells + len, 0xFF, rest);
        assert_int_equal(
            s_chip.cipher->ops->encrypt(s_chip.cipher, address, cells, cells, len + rest), ESP_OK);
    }
}

static void put_table(const struct device_config *config)
{
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    const esp_partition_info_t *table = config->table ? config->table : TABLE;
    uint32_t count = config->table ? config->table_count : sizeof(TABLE) / sizeof(TABLE[0]);
    assert_int_equal(partition_table_encode(table, count, true, bytes), ESP_OK);
    device_put_plain(boot_handover_get()->table_offset, bytes, sizeof(bytes));
}

void device_forget(void)
{
    memset(&g_flash, 0, sizeof(g_flash)); // nobody else uses the chip now
}

void device_start(const struct device_config *config)
{
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.rollback = config->rollback || config->anti_rollback;
    handover.anti_rollback = config->anti_rollback;
    boot_handover_set(&handover);
    device_forget();
    open_chip();
    put_table(config);
    esp_partition_unload_all();
    if (config->running) {
        handover.app_address = device_partition(config->running)->address;
        boot_handover_set(&handover);
    }
    device_forget();
}

int device_stop(void **state)
{
    (void)state;
    esp_partition_unload_all();
    return 0;
}

const esp_partition_t *device_partition(const char *label)
{
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, label);
    assert_non_null(partition);
    return partition;
}

uint8_t *device_bytes(uint32_t address)
{
    s_chip.erased_to = s_chip.erased_from; // what is changed here comes from another life
    return (uint8_t *)s_inner->ops->map(s_inner, address, 1);
}

void device_read(uint32_t address, void *out, uint32_t len)
{
    memcpy(out, device_bytes(address), len);
    if (s_chip.cipher) {
        assert_int_equal(s_chip.cipher->ops->decrypt(s_chip.cipher, address, out, out, len),
                         ESP_OK);
    }
}

bool device_is_encrypted(void)
{
    return s_chip.cipher != NULL;
}

// Outside of partitions there are the table and the primary bootloader.
static bool is_encrypted_at(uint32_t address)
{
    bool is_encrypted = s_chip.cipher != NULL;
    esp_partition_iterator_t it =
        esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
    for (; it; it = esp_partition_next(it)) {
        const esp_partition_t *partition = esp_partition_get(it);
        if (address >= partition->address && address - partition->address < partition->size) {
            is_encrypted = partition->encrypted;
        }
    }
    return is_encrypted;
}

bool device_holds(uint32_t address, const void *bytes, uint32_t len)
{
    static uint8_t plain[DEVICE_FLASH_SIZE];
    if (!is_encrypted_at(address)) {
        return memcmp(device_bytes(address), bytes, len) == 0;
    }
    uint32_t whole = (len + FLASH_CIPHER_BLOCK - 1) / FLASH_CIPHER_BLOCK * FLASH_CIPHER_BLOCK;
    device_read(address, plain, whole);
    return memcmp(plain, bytes, len) == 0;
}

uint64_t device_sum(uint32_t address, uint32_t end)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325); // fact: FNV-1a, 64 bits
    for (; address < end; address++) {
        sum = (sum ^ *device_bytes(address)) * UINT64_C(0x100000001b3);
    }
    return sum;
}

uint64_t device_choice(void)
{
    return device_sum(0xD000, 0xF000);
}

// ----------------------------------------------------------------------- images and records

struct device_image device_make_image(const struct device_image_spec *spec)
{
    const uint32_t least = 336; // headers, descriptor, checksum and digest
    struct image_encode_spec encode = {.chip_id = spec->chip_id,
                                       .project = "device",
                                       .version = spec->version ? spec->version : "1",
                                       .secure_version = spec->secure_version,
                                       .min_chip_rev = spec->min_chip_rev,
                                       .payload_len = spec->len > least ? spec->len - least : 0};
    struct device_image image = {.len = image_encode_len(&encode)};
    image.bytes = malloc(image.len);
    assert_non_null(image.bytes);
    uint32_t random = spec->seed * 2654435761u + 1;
    for (uint32_t i = 0; i < encode.payload_len; i++) {
        random = random * 1664525u + 1013904223u;
        image.bytes[IMAGE_ENCODE_PAYLOAD_OFFSET + i] = (uint8_t)(random >> 24);
    }
    assert_int_equal(image_encode(&encode, image.bytes), ESP_OK);
    return image;
}

void device_put(const char *label, const void *bytes, uint32_t len)
{
    const esp_partition_t *partition = device_partition(label);
    if (partition->encrypted) {
        device_put_plain(partition->address, bytes, len);
    } else {
        memcpy(device_bytes(partition->address), bytes, len);
    }
}

void device_put_image(const char *label, const char *version)
{
    struct device_image image = DEVICE_IMAGE(.len = 2000, .version = version);
    device_put(label, image.bytes, image.len);
    free(image.bytes);
}

void device_put_record(int index, uint32_t seq, uint32_t state)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq);
    device_put_plain(0xD000 + (uint32_t)index * OTADATA_SECTOR_SIZE, &record, sizeof(record));
}

esp_ota_select_entry_t device_record(int index)
{
    esp_ota_select_entry_t record;
    device_read(0xD000 + (uint32_t)index * OTADATA_SECTOR_SIZE, &record, sizeof(record));
    return record;
}

const char *device_boot(void)
{
    static char name[8];
    struct boot_handover handover = *boot_handover_get();
    struct boot_slots slots;
    assert_int_equal(boot_slots_load(&s_chip, handover.table_offset, &slots), ESP_OK);
    struct signature_policy signature;
    assert_int_equal(signature_policy_load(SIGNATURE_AT_BOOT, &signature), ESP_OK);
    struct boot_request request = {.chip = &s_chip,
                                   .signature = &signature,
                                   .identity = handover.chip,
                                   .slots = &slots,
                                   .rollback = handover.rollback,
                                   .anti_rollback = handover.anti_rollback};
    struct boot_decision decision;
    assert_int_equal(boot_select(&request, &decision), ESP_OK);
    handover.app_address =
        decision.booted == BOOT_INDEX_NONE ? BOOT_APP_ADDRESS_NONE : decision.partition.offset;
    boot_handover_set(&handover);
    return boot_index_name(decision.booted, name);
}

esp_err_t device_install(const char *label, struct device_image image)
{
    esp_ota_handle_t handle;
    esp_err_t err = esp_ota_begin(device_partition(label), image.len, &handle);
    if (err != ESP_OK) {
        return err;
    }
    err = esp_ota_write(handle, image.bytes, image.len);
    if (err != ESP_OK) {
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        return err;
    }
    return esp_ota_end(handle);
}
