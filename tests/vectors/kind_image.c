// Rows about application and bootloader images: verdicts, and the fields a parser must find.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "image_verify.h"
#include "vector.h"

#define FLASH_OFFSET_DEFAULT 0x10000
#define BEHIND_THE_FILE                                                                            \
    (64u * 1024 * 1024) // erased flash that the reference verifier could go on reading

/** A file as it stands in flash: bytes behind its end read as erased. */
static esp_err_t read_file_in_flash(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct vector_bytes *file = context;
    memset(buffer, 0xFF, len);
    if (offset < file->len) {
        size_t there = file->len - offset;
        memcpy(buffer, file->data + offset, there < len ? there : len);
    }
    return ESP_OK;
}

static enum image_fault verify_row(const struct vector_row *row, const struct chip_traits *traits,
                                   const struct vector_bytes *file, struct image_info *info)
{
    uint32_t offset = (uint32_t)vector_param_number(row, "flash_offset", FLASH_OFFSET_DEFAULT);
    struct image_rules rules = {
        .chip = {.chip_id = traits->id,
                 .chip_rev = (uint16_t)vector_param_number(row, "chip_rev", 0),
                 .blk_rev = (uint16_t)vector_param_number(row, "blk_rev", 0)},
        .flash_offset = offset,
        .partition_size = (uint32_t)vector_param_number(row, "part_size", 0x100000),
        .is_bootloader = offset == traits->bootloader_offset,
    };
    struct image_source source = {
        .read = read_file_in_flash, .context = (void *)file, .size = BEHIND_THE_FILE};
    return image_verify(&source, &rules, info);
}

bool check_image(const struct vector_row *row, char *why)
{
    char chip[32];
    struct vector_bytes file;
    const struct chip_traits *traits =
        vector_param(row, "chip", chip, sizeof(chip)) ? chip_traits_by_name(chip) : NULL;
    if (!traits) {
        (void)snprintf(why, VECTOR_WHY_LEN, "unknown chip %s", chip);
        return false;
    }
    if (!vector_load(row, row->path, &file, why)) {
        return false;
    }
    struct image_info info;
    enum image_fault fault = verify_row(row, traits, &file, &info);
    free(file.data);
    if (fault == IMAGE_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok image_len=%u", (unsigned)info.image_len);
    } else {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject:%s", image_fault_name(fault));
    }
    return strcmp(why, row->expect) == 0;
}

// ---- Parsed fields ---------------------------------------------------------------------------------

static void put_hex(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)sprintf(out + 2 * i, "%02x", bytes[i]);
    }
}

static size_t put_segments(char *out, size_t capacity, const struct image_info *info)
{
    size_t at = 0;
    for (uint32_t i = 0; i < info->segment_count; i++) {
        const struct image_segment *segment = &info->segments[i];
        at += (size_t)snprintf(out + at, capacity - at, "%s%x:%x:%x", i ? " " : "",
                               (unsigned)segment->load_addr, (unsigned)segment->data_len,
                               (unsigned)segment->data_offset);
    }
    return at;
}

/** The line that fields.tsv should hold for a file, as far as its columns are known to us. */
static void describe(char *line, size_t capacity, const char *name, size_t file_len,
                     const struct image_info *info)
{
    const esp_image_header_t *header = &info->header;
    uint32_t body = info->image_len - (info->has_digest ? CRYPTO_SHA256_LEN : 0);
    size_t at = (size_t)snprintf(
        line, capacity, "%s\t%zu\t%u\t%u\t%u\t%u\t0x%x\t0x%x\t%u\t%u\t%u\t%u\t%u\t", name, file_len,
        header->segment_count, header->spi_mode, header->spi_size, header->spi_speed,
        (unsigned)header->entry_addr, header->wp_pin, header->chip_id, header->min_chip_rev,
        header->min_chip_rev_full, header->max_chip_rev_full, header->hash_appended);
    at += put_segments(line + at, capacity - at, info);
    at += (size_t)snprintf(line + at, capacity - at, "\t%u\t0x%02x\t", (unsigned)body - 1,
                           info->checksum);
    if (info->has_digest) {
        put_hex(line + at, info->digest, CRYPTO_SHA256_LEN);
        at += 2 * CRYPTO_SHA256_LEN;
    } else {
        line[at++] = '-';
        line[at] = '\0';
    }
    const esp_app_desc_t *desc = image_app_desc(info);
    if (desc) {
        at +=
            (size_t)snprintf(line + at, capacity - at, "\t%u\t%.32s\t%.32s\t%.16s\t%.16s\t%.32s\t",
                             (unsigned)desc->secure_version, desc->version, desc->project_name,
                             desc->time, desc->date, desc->idf_ver);
        put_hex(line + at, desc->app_elf_sha256, 32);
        at += 64;
        (void)snprintf(line + at, capacity - at, "\t%u\t%u\t%u\t%u", desc->min_efuse_blk_rev_full,
                       desc->max_efuse_blk_rev_full, desc->mmu_page_size, desc->spi_flash_mode);
    } else {
        (void)snprintf(line + at, capacity - at, "\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-");
    }
}

/** Verifies a file on a chip that it asks for, so that only its fields matter. */
static enum image_fault verify_for_fields(const struct vector_row *row,
                                          const struct vector_bytes *file, struct image_info *info)
{
    uint8_t start[256] = {0};
    memcpy(start, file->data, file->len < sizeof(start) ? file->len : sizeof(start));
    const struct chip_traits *traits = chip_traits_by_id((uint16_t)(start[12] | start[13] << 8));
    if (!traits) {
        return IMAGE_BAD_CHIP_ID;
    }
    bool is_bootloader = start[32] == ESP_BOOTLOADER_DESC_MAGIC_BYTE;
    char params[128];
    (void)snprintf(params, sizeof(params),
                   "part_size=0x1000000 chip_rev=%u blk_rev=%u flash_offset=%u",
                   start[15] | start[16] << 8, start[0xD0] | start[0xD1] << 8,
                   is_bootloader ? (unsigned)traits->bootloader_offset : FLASH_OFFSET_DEFAULT);
    struct vector_row as_image = *row;
    as_image.params = params;
    return verify_row(&as_image, traits, file, info);
}

static bool check_fields_line(const struct vector_row *row, const char *line, char *why)
{
    char path[256];
    char name[128];
    struct vector_bytes file;
    const char *folder_end = strrchr(row->path, '/');
    if (sscanf(line, "%127[^\t]", name) != 1) {
        return true; // an empty line
    }
    (void)snprintf(path, sizeof(path), "%.*s%s", folder_end ? (int)(folder_end - row->path) + 1 : 0,
                   row->path, name);
    if (!vector_load(row, path, &file, why)) {
        return false;
    }
    struct image_info info = {0};
    char got[2048] = "";
    enum image_fault fault = verify_for_fields(row, &file, &info);
    describe(got, sizeof(got), name, file.len, &info);
    free(file.data);
    if (fault != IMAGE_OK || strcmp(got, line) != 0) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s: %.900s", image_fault_name(fault), got);
        return false;
    }
    return true;
}

bool check_fields(const struct vector_row *row, char *why)
{
    struct vector_bytes table;
    if (!vector_load(row, row->path, &table, why)) {
        return false;
    }
    char *text = calloc(1, table.len + 1);
    bool is_right = text != NULL;
    if (text) {
        memcpy(text, table.data, table.len);
        char *line = strchr(text, '\n'); // behind the headings
        for (line = line ? line + 1 : NULL; line && *line && is_right;) {
            char *end = strchr(line, '\n');
            if (end) {
                *end = '\0';
            }
            is_right = check_fields_line(row, line, why);
            line = end ? end + 1 : NULL;
        }
    }
    free(text);
    free(table.data);
    return is_right;
}
