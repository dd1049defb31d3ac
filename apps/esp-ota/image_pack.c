// esp-ota image build --elf: a host program becomes firmware.

#define _POSIX_C_SOURCE 200809L // strnlen

#include "image_pack.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX                                                                                \
    (15u * HOST_IMAGE_SEGMENT_MAX) // fact: 16 segments, one of them for the descriptor

static void put_text(char *field, size_t size, const char *text)
{
    if (text) {
        memset(field, 0, size);
        memcpy(field, text, strnlen(text, size)); // a text may fill its field
    }
}

static int make_descriptor(const struct image_pack *pack, const struct cli_bytes *elf,
                           esp_app_desc_t *desc)
{
    const struct image_encode_spec *spec = pack->spec;
    esp_err_t err = host_image_find_descriptor(elf->bytes, elf->len, desc);
    if (err == ESP_ERR_INVALID_ARG) {
        return cli_fail("%s is no ELF program; give the linked program for this host", pack->elf);
    }
    if (err != ESP_OK && (!spec->project || !spec->version)) {
        return cli_fail("%s carries no descriptor (esp_app_desc), so --project and --version are "
                        "needed",
                        pack->elf);
    }
    put_text(desc->project_name, sizeof(desc->project_name), spec->project);
    put_text(desc->version, sizeof(desc->version), spec->version);
    put_text(desc->date, sizeof(desc->date), spec->date);
    put_text(desc->time, sizeof(desc->time), spec->time);
    if (pack->has_secure_version) {
        desc->secure_version = spec->secure_version;
    }
    if (pack->rollback != HOST_IMAGE_ROLLBACK_UNKNOWN) {
        desc->reserv3[0] = (uint8_t)pack->rollback;
    }
    return CLI_DONE;
}

static int write_image(const char *path, const struct cli_bytes *elf, const esp_app_desc_t *desc,
                       const char *out)
{
    uint32_t len = host_image_len(elf->len);
    uint8_t *bytes = len > 0 ? malloc(len) : NULL;
    if (!bytes) {
        return len > 0 ? cli_fail("not enough memory for an image of %u bytes", (unsigned)len)
                       : cli_fail("%s does not fit 15 segments of an image", path);
    }
    host_image_encode(elf->bytes, elf->len, desc, bytes);
    bool is_written = cli_write_file(out, bytes, len);
    free(bytes);
    if (!is_written) {
        return CLI_FAILED;
    }
    char size[32];
    char project[33];
    char version[33];
    cli_say("%s: %s %s for linux, %s", out,
            cli_clean_text(desc->project_name, sizeof(desc->project_name), project),
            cli_clean_text(desc->version, sizeof(desc->version), version),
            cli_size_text(len, size));
    return CLI_DONE;
}

int image_pack(const struct image_pack *pack)
{
    struct cli_bytes program;
    esp_app_desc_t desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD};
    if (!cli_read_file(pack->elf, PROGRAM_MAX, &program)) {
        return CLI_FAILED;
    }
    int code = make_descriptor(pack, &program, &desc);
    if (code == CLI_DONE) {
        code = write_image(pack->elf, &program, &desc, pack->out);
    }
    free(program.bytes);
    return code;
}
