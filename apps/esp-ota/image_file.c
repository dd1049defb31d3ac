#include "image_file.h"

#include <stdio.h>
#include <string.h>

#include "chip_traits.h"

#define PART_SIZE_DEFAULT 0x1000000u // fact: 16 MiB, the largest partition every chip takes

#define FLASH_LEN                                                                                  \
    0x4000000u // chosen: 64 MiB, more than an image's lengths can reach on any chip's flash

// ----------------------------------------------------------------------- verification

static void read_own_identity(const struct cli_bytes *file, struct chip_identity *chip)
{
    esp_image_header_t header;
    esp_app_desc_t desc;
    *chip = (struct chip_identity){.chip_id = ESP_CHIP_ID_INVALID};
    if (file->len >= sizeof(header)) {
        memcpy(&header, file->bytes, sizeof(header));
        const struct chip_traits *traits = chip_traits_by_id(header.chip_id);
        chip->chip_id = traits ? traits->id : ESP_CHIP_ID_INVALID;
        chip->chip_rev = header.min_chip_rev_full;
    }
    if (file->len >= 32 + sizeof(desc)) {
        memcpy(&desc, file->bytes + 32, sizeof(desc));
        if (desc.magic_word == ESP_APP_DESC_MAGIC_WORD &&
            desc.min_efuse_blk_rev_full != UINT16_MAX) {
            chip->blk_rev = desc.min_efuse_blk_rev_full;
        }
    }
}

struct image_rules image_file_rules(const struct image_wish *wish, const struct cli_bytes *file)
{
    struct image_rules rules = {.flash_offset = wish->flash_offset,
                                .partition_size = wish->part_size,
                                .is_bootloader = wish->is_bootloader};
    read_own_identity(file, &rules.chip);
    if (wish->chip) {
        rules.chip.chip_id = wish->chip->id;
    }
    if (wish->has_chip_rev) {
        rules.chip.chip_rev = wish->chip_rev;
    }
    if (wish->has_block_rev) {
        rules.chip.blk_rev = wish->block_rev;
    }
    const struct chip_traits *chip = chip_traits_by_id(rules.chip.chip_id);
    rules.is_bootloader |= chip && wish->flash_offset == chip->bootloader_offset;
    if (rules.partition_size == 0) {
        const struct chip_traits *traits = chip_traits_by_id(rules.chip.chip_id);
        bool is_large = traits && traits->has_32bit_flash && file->len > PART_SIZE_DEFAULT;
        rules.partition_size = is_large ? (uint32_t)file->len : PART_SIZE_DEFAULT;
    }
    return rules;
}

static esp_err_t read_bytes(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct cli_bytes *file = context;
    if (offset > file->len || len > file->len - offset) {
        return ESP_ERR_INVALID_SIZE;
    }
    memcpy(buffer, file->bytes + offset, len);
    return ESP_OK;
}

enum image_fault image_file_verify(const struct cli_bytes *file, const struct image_rules *rules,
                                   struct image_info *info)
{
    struct cli_bytes copy = *file;
    struct image_source source = {
        .read = read_bytes, .context = &copy, .size = (uint32_t)file->len};
    memset(info, 0, sizeof(*info)); // a file shorter than a header leaves the rest unread
    return image_verify(&source, rules, info);
}

static esp_err_t read_bytes_in_flash(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct cli_bytes *file = context;
    memset(buffer, 0xFF, len);
    if (offset < file->len) {
        size_t there = file->len - offset;
        memcpy(buffer, file->bytes + offset, there < len ? there : len);
    }
    return ESP_OK;
}

enum image_fault image_file_verify_in_flash(const struct cli_bytes *file,
                                            const struct image_rules *rules,
                                            struct image_info *info)
{
    struct cli_bytes copy = *file;
    struct image_source source = {.read = read_bytes_in_flash,
                                  .context = &copy,
                                  .size = file->len > FLASH_LEN ? (uint32_t)file->len : FLASH_LEN};
    memset(info, 0, sizeof(*info));
    return image_verify(&source, rules, info);
}

// ----------------------------------------------------------------------- words

const char *image_fault_sentence(enum image_fault fault, const struct image_info *info,
                                 const struct image_rules *rules, char *out, size_t size)
{
    char wanted[16];
    char is[16];
    const char *text = image_fault_text(fault);
    (void)cli_revision_text(rules->chip.chip_rev, is);
    if (fault == IMAGE_BAD_CHIP_ID) {
        (void)snprintf(out, size, "made for %s (chip id %u), not for %s",
                       chip_name(info->header.chip_id), info->header.chip_id,
                       chip_name(rules->chip.chip_id));
    } else if (fault == IMAGE_BAD_MIN_CHIP_REV) {
        (void)snprintf(out, size, "%s: at least %s, the chip is %s", text,
                       cli_revision_text(info->header.min_chip_rev_full, wanted), is);
    } else if (fault == IMAGE_BAD_MAX_CHIP_REV) {
        (void)snprintf(out, size, "%s: at most %s, the chip is %s", text,
                       cli_revision_text(info->header.max_chip_rev_full, wanted), is);
    } else {
        (void)snprintf(out, size, "%s", text); // shorter than any buffer here
    }
    return out;
}

const char *image_report_name(const struct image_info *info, char out[80])
{
    const esp_app_desc_t *app = image_app_desc(info);
    char project[33];
    char version[33];
    out[0] = 0;
    if (app) {
        cli_clean_text(app->project_name, sizeof(app->project_name), project);
        cli_clean_text(app->version, sizeof(app->version), version);
        (void)snprintf(out, 80, "%s%s%s", project, project[0] && version[0] ? " " : "", version);
    }
    return out;
}

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char text[2 * 64 + 1] = "";
    for (size_t i = 0; i < len && i < 64; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    return json_string(text);
}

static json_t *segments(const struct image_info *info)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < info->segment_count && i < ESP_IMAGE_MAX_SEGMENTS; i++) {
        const struct image_segment *segment = &info->segments[i];
        char address[16];
        (void)snprintf(address, sizeof(address), "0x%08x", (unsigned)segment->load_addr);
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "load_addr", address, "offset",
                                              (json_int_t)segment->data_offset, "length",
                                              (json_int_t)segment->data_len));
    }
    return list;
}

static void report_descriptor(json_t *object, const esp_app_desc_t *app)
{
    json_object_set_new(object, "project",
                        app ? cli_json_text(app->project_name, sizeof(app->project_name))
                            : json_null());
    json_object_set_new(object, "version",
                        app ? cli_json_text(app->version, sizeof(app->version)) : json_null());
    if (!app) {
        return;
    }
    json_object_set_new(object, "secure_version", json_integer(app->secure_version));
    json_object_set_new(object, "date", cli_json_text(app->date, sizeof(app->date)));
    json_object_set_new(object, "time", cli_json_text(app->time, sizeof(app->time)));
    json_object_set_new(object, "idf", cli_json_text(app->idf_ver, sizeof(app->idf_ver)));
    json_object_set_new(object, "elf_sha256",
                        hex(app->app_elf_sha256, sizeof(app->app_elf_sha256)));
    json_object_set_new(object, "min_block_rev", json_integer(app->min_efuse_blk_rev_full));
    json_object_set_new(object, "max_block_rev", json_integer(app->max_efuse_blk_rev_full));
}

void image_report_json(json_t *object, const struct image_info *info, enum image_fault fault)
{
    bool is_image = info->header.magic == ESP_IMAGE_HEADER_MAGIC;
    json_object_set_new(object, "valid", json_boolean(fault == IMAGE_OK));
    json_object_set_new(object, "verdict", json_string(image_fault_name(fault)));
    json_object_set_new(object, "chip",
                        is_image ? json_string(chip_name(info->header.chip_id)) : json_null());
    report_descriptor(object, is_image ? image_app_desc(info) : NULL);
    if (!is_image) {
        return;
    }
    json_object_set_new(object, "chip_id", json_integer(info->header.chip_id));
    json_object_set_new(object, "min_chip_rev", json_integer(info->header.min_chip_rev_full));
    json_object_set_new(object, "max_chip_rev", json_integer(info->header.max_chip_rev_full));
    json_object_set_new(object, "segments", segments(info));
    if (fault == IMAGE_OK) {
        json_object_set_new(object, "length", json_integer(info->image_len));
        json_object_set_new(object, "has_digest", json_boolean(info->has_digest));
        json_object_set_new(object, "sha256", hex(info->digest, sizeof(info->digest)));
    }
}
