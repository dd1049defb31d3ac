#include "esp_app_desc.h"

#include <string.h>

// One process runs one image, so there is one descriptor.
static esp_app_desc_t s_description = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .version = "unknown",
    .project_name = "unknown",
};

const esp_app_desc_t *esp_app_get_description(void)
{
    return &s_description;
}

void esp_app_set_description(const esp_app_desc_t *desc)
{
    s_description = *desc;
}

int esp_app_get_elf_sha256(char *dst, size_t size)
{
    static const char HEX[] = "0123456789abcdef";
    if (!dst || size == 0) {
        return 0;
    }
    size_t digits = sizeof(s_description.app_elf_sha256) * 2;
    if (digits > size - 1) {
        digits = size - 1;
    }
    for (size_t i = 0; i < digits; i++) {
        uint8_t byte = s_description.app_elf_sha256[i / 2];
        dst[i] = HEX[i % 2 ? byte & 0x0F : byte >> 4];
    }
    dst[digits] = '\0';
    return (int)digits + 1;
}

char *esp_app_get_elf_sha256_str(void)
{
    static char s_text[17]; // chosen: 16 digits, enough to tell builds apart in a log
    (void)esp_app_get_elf_sha256(s_text, sizeof(s_text));
    return s_text;
}
