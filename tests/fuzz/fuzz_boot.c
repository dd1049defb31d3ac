// Any otadata, any table, any slots: the bootloader decides, writes nothing but otadata, and starts only what verifies.
//
// Input: flags, otadata size, secure version, count of entries, both records, then 4 bytes an entry (subtype, sector,
// sectors, contents), then raw bytes for slots that hold garbage. See build().

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "boot_select.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "fuzz_check.h"
#include "image_encode.h"

#define FLASH_SIZE   0x20000u
#define TABLE_AT     0x1000u
#define OTADATA_AT   0x2000u
#define SLOTS_AT     0x4000u
#define SECTOR_COUNT ((FLASH_SIZE - SLOTS_AT) / FLASH_SECTOR_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// ----------------------------------------------------------------------- flash that minds where it is written

static uint8_t s_bytes[FLASH_SIZE];
static unsigned s_changes;

static void note_change(uint32_t address, uint32_t len)
{
    FUZZ_CHECK(address >= OTADATA_AT && address + len <= OTADATA_AT + 2 * OTADATA_SECTOR_SIZE);
    s_changes++;
}

static esp_err_t read_bytes(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    (void)chip;
    memcpy(buffer, s_bytes + address, len);
    return ESP_OK;
}

static esp_err_t program(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    (void)chip;
    note_change(address, len);
    for (uint32_t i = 0; i < len; i++) {
        s_bytes[address + i] &= ((const uint8_t *)data)[i];
    }
    return ESP_OK;
}

static esp_err_t erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    note_change(address, unit);
    memset(s_bytes + address, 0xFF, unit);
    return ESP_OK;
}

static const struct flash_ops OPS = {.read = read_bytes, .program = program, .erase = erase};

static esp_flash_t s_chip = {
    .ops = &OPS,
    .geometry = {.size = FLASH_SIZE, .erase_units = {FLASH_SECTOR_SIZE}, .page_size = 256}};

// ----------------------------------------------------------------------- a device from the input

struct head {
    uint8_t
        flags; // 1 rollback, 2 anti-rollback, 4 and 8: right CRC of record 0 and 1, 16: without burning
    uint8_t otadata_sectors;
    uint8_t secure_version;
    uint8_t entry_count;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
};

struct entry {
    uint8_t subtype;
    uint8_t sector;
    uint8_t sectors;
    uint8_t contents; // 0 nothing, 1 an image, 2 a damaged one, 3 bytes of the input
};

static void put_image(uint8_t *at, uint32_t size, const struct entry *entry)
{
    uint8_t image[400];
    struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32,
                                     .secure_version = entry->contents >> 2};
    uint32_t len = image_encode_len(&spec);
    FUZZ_CHECK(len <= sizeof(image) && image_encode(&spec, image) == ESP_OK);
    memcpy(at, image, len < size ? len : size);
    if ((entry->contents & 3) == 2) {
        at[len / 2] ^= 1;
    }
}

static esp_partition_info_t place(const struct entry *entry, const uint8_t *rest, size_t rest_len)
{
    uint32_t first = entry->sector % SECTOR_COUNT;
    uint32_t count = 1 + entry->sectors % (SECTOR_COUNT - first);
    esp_partition_info_t info = {
        .magic = ESP_PARTITION_MAGIC,
        .type = entry->subtype >= 0xF0, // mostly applications
        .subtype = entry->subtype,
        .pos = {SLOTS_AT + first * FLASH_SECTOR_SIZE, count * FLASH_SECTOR_SIZE}};
    uint8_t *at = s_bytes + info.pos.offset;
    if ((entry->contents & 3) == 3) {
        memcpy(at, rest, rest_len < FLASH_SECTOR_SIZE ? rest_len : FLASH_SECTOR_SIZE);
    } else if (entry->contents & 3) {
        put_image(at, info.pos.size, entry);
    }
    return info;
}

static struct boot_slots build(struct head *head, const uint8_t *data, size_t size)
{
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    esp_partition_info_t entries[24];
    uint32_t count = 0;
    memset(s_bytes, 0xFF, sizeof(s_bytes));
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        if (head->flags & 4 << i) {
            head->records[i].crc = otadata_crc(head->records[i].ota_seq);
        }
        memcpy(s_bytes + OTADATA_AT + (uint32_t)i * OTADATA_SECTOR_SIZE, &head->records[i],
               sizeof(head->records[i]));
    }
    if (head->otadata_sectors % 4) {
        entries[count++] = (esp_partition_info_t){
            .magic = ESP_PARTITION_MAGIC,
            .type = 1,
            .pos = {OTADATA_AT, head->otadata_sectors % 4 * FLASH_SECTOR_SIZE}};
    }
    for (; count < head->entry_count % 24u && size >= sizeof(struct entry); count++) {
        struct entry entry;
        memcpy(&entry, data, sizeof(entry));
        data += sizeof(entry);
        size -= sizeof(entry);
        entries[count] = place(&entry, data, size);
    }
    FUZZ_CHECK(partition_table_encode(entries, count, true, table) == ESP_OK);
    memcpy(s_bytes + TABLE_AT, table, sizeof(table));
    struct boot_slots slots;
    if (boot_slots_load(&s_chip, TABLE_AT, &slots) != ESP_OK) {
        memset(&slots, 0, sizeof(slots));
    }
    return slots;
}

// ----------------------------------------------------------------------- the decision

static esp_err_t burn(void *context, uint32_t version)
{
    uint32_t *burnt = context;
    FUZZ_CHECK(version > *burnt);
    *burnt = version;
    return ESP_OK;
}

static void check_decision(const struct boot_request *request, const struct boot_decision *decision)
{
    char name[8];
    FUZZ_CHECK(decision->try_count <= BOOT_TRY_MAX);
    FUZZ_CHECK(boot_index_name(decision->booted, name)[0]);
    FUZZ_CHECK(boot_reason_name(decision->reason)[0] && boot_reason_text(decision->reason)[0]);
    if (decision->booted == BOOT_INDEX_NONE) {
        FUZZ_CHECK(decision->reason == BOOT_REASON_NOT_BOOTABLE);
        return;
    }
    struct image_rules rules = {.chip = request->identity,
                                .flash_offset = decision->partition.offset,
                                .partition_size = decision->partition.size};
    struct image_info info;
    FUZZ_CHECK(image_verify_flash(request->chip, &rules, &info) == IMAGE_OK);
    FUZZ_CHECK(info.image_len == decision->image.image_len);
}

static void check_same(const struct boot_decision *dry, const struct boot_decision *real)
{
    FUZZ_CHECK(dry->selected == real->selected && dry->booted == real->booted);
    FUZZ_CHECK(dry->reason == real->reason);
    FUZZ_CHECK(memcmp(dry->after, real->after, sizeof(dry->after)) == 0);
    FUZZ_CHECK(dry->secure_version == real->secure_version);
}

static void decide_twice(struct boot_request *request)
{
    struct boot_decision dry;
    struct boot_decision real;
    request->dry_run = true;
    s_changes = 0;
    esp_err_t dry_err = boot_select(request, &dry);
    FUZZ_CHECK(s_changes == 0);
    request->dry_run = false;
    esp_err_t err = boot_select(request, &real);
    FUZZ_CHECK(err == dry_err && (err == ESP_OK || err == ESP_ERR_INVALID_SIZE));
    FUZZ_CHECK(s_changes <=
               3 * 2); // two records given up, one put on trial; each an erase and a program
    check_decision(request, &real);
    check_same(&dry, &real);
    if (err == ESP_OK && real.has_otadata) {
        esp_ota_select_entry_t now[OTADATA_RECORD_COUNT];
        FUZZ_CHECK(otadata_read(request->chip, OTADATA_AT, now) == ESP_OK);
        FUZZ_CHECK(memcmp(now, real.after, sizeof(now)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct head head;
    if (size < sizeof(head)) {
        return 0;
    }
    esp_log_level_set("*", ESP_LOG_NONE);
    memcpy(&head, data, sizeof(head));
    struct boot_slots slots = build(&head, data + sizeof(head), size - sizeof(head));
    uint32_t burnt = head.secure_version % 8;
    struct boot_request request = {.chip = &s_chip,
                                   .identity = {.chip_id = ESP_CHIP_ID_ESP32},
                                   .slots = &slots,
                                   .rollback = head.flags & 3,
                                   .anti_rollback = head.flags & 2,
                                   .secure_version = burnt,
                                   .burn_secure_version = head.flags & 16 ? NULL : burn,
                                   .burn_context = &burnt};
    for (int boots = 0; boots < 3; boots++) {
        decide_twice(&request);
        request.secure_version = burnt;
    }
    return 0;
}
