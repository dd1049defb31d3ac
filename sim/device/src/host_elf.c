// The descriptor inside an ELF file, 32 or 64 bits. Every place is checked against the length of the file before it is
// read: the file is whatever somebody gave.

#include "host_image.h"

#include <elf.h>
#include <string.h>

struct elf_file {
    const uint8_t *bytes;
    size_t len;
    bool is_64;
    uint64_t sections_at;
    uint16_t section_count;
    uint16_t section_size;
    uint16_t names_index;
};

struct elf_section {
    uint32_t name;
    uint32_t type;
    uint32_t link;
    uint64_t address;
    uint64_t offset;
    uint64_t size;
};

struct elf_symbol {
    uint32_t name;
    uint16_t section;
    uint64_t address;
};

static bool read_at(const struct elf_file *file, uint64_t offset, void *out, size_t len)
{
    if (offset > file->len || len > file->len - offset) {
        return false;
    }
    memcpy(out, file->bytes + offset, len);
    return true;
}

static bool read_header(struct elf_file *file)
{
    uint8_t ident[EI_NIDENT];
    if (!read_at(file, 0, ident, sizeof(ident)) || memcmp(ident, ELFMAG, SELFMAG) != 0 ||
        ident[EI_DATA] != ELFDATA2LSB) {
        return false;
    }
    uint16_t type;
    file->is_64 = ident[EI_CLASS] == ELFCLASS64;
    if (file->is_64) {
        Elf64_Ehdr header;
        if (!read_at(file, 0, &header, sizeof(header))) {
            return false;
        }
        type = header.e_type;
        file->sections_at = header.e_shoff;
        file->section_count = header.e_shnum;
        file->section_size = header.e_shentsize;
        file->names_index = header.e_shstrndx;
    } else {
        Elf32_Ehdr header;
        if (ident[EI_CLASS] != ELFCLASS32 || !read_at(file, 0, &header, sizeof(header))) {
            return false;
        }
        type = header.e_type;
        file->sections_at = header.e_shoff;
        file->section_count = header.e_shnum;
        file->section_size = header.e_shentsize;
        file->names_index = header.e_shstrndx;
    }
    return type == ET_EXEC || type == ET_DYN;
}

static bool read_section(const struct elf_file *file, uint32_t index, struct elf_section *out)
{
    uint64_t at = file->sections_at + (uint64_t)index * file->section_size;
    if (index >= file->section_count || file->sections_at > file->len) {
        return false;
    }
    if (file->is_64) {
        Elf64_Shdr s;
        if (!read_at(file, at, &s, sizeof(s))) {
            return false;
        }
        *out = (struct elf_section){s.sh_name, s.sh_type,   s.sh_link,
                                    s.sh_addr, s.sh_offset, s.sh_size};
        return true;
    }
    Elf32_Shdr s;
    if (!read_at(file, at, &s, sizeof(s))) {
        return false;
    }
    *out = (struct elf_section){s.sh_name, s.sh_type, s.sh_link, s.sh_addr, s.sh_offset, s.sh_size};
    return true;
}

static bool read_symbol(const struct elf_file *file, uint64_t at, struct elf_symbol *out)
{
    if (file->is_64) {
        Elf64_Sym s;
        if (!read_at(file, at, &s, sizeof(s))) {
            return false;
        }
        *out = (struct elf_symbol){s.st_name, s.st_shndx, s.st_value};
        return true;
    }
    Elf32_Sym s;
    if (!read_at(file, at, &s, sizeof(s))) {
        return false;
    }
    *out = (struct elf_symbol){s.st_name, s.st_shndx, s.st_value};
    return true;
}

// Whether the string at offset of a string table is name.
static bool is_name(const struct elf_file *file, const struct elf_section *table, uint32_t offset,
                    const char *name)
{
    char text[32];
    size_t size = strlen(name) + 1;
    return offset < table->size && table->offset <= file->len &&
           read_at(file, table->offset + offset, text, size) && memcmp(text, name, size) == 0;
}

static bool take_descriptor(const struct elf_file *file, uint64_t offset, esp_app_desc_t *out)
{
    esp_app_desc_t desc;
    if (!read_at(file, offset, &desc, sizeof(desc)) || desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        return false;
    }
    *out = desc;
    return true;
}

static bool find_section(const struct elf_file *file, esp_app_desc_t *out)
{
    struct elf_section names;
    struct elf_section section;
    if (!read_section(file, file->names_index, &names)) {
        return false;
    }
    for (uint32_t i = 0; i < file->section_count && read_section(file, i, &section); i++) {
        bool is_ours = is_name(file, &names, section.name, ".rodata_desc") ||
                       is_name(file, &names, section.name, ".flash.appdesc");
        if (is_ours && section.type == SHT_PROGBITS && take_descriptor(file, section.offset, out)) {
            return true;
        }
    }
    return false;
}

static bool find_in_table(const struct elf_file *file, const struct elf_section *table,
                          esp_app_desc_t *out)
{
    struct elf_section names;
    struct elf_section home;
    struct elf_symbol symbol;
    size_t step = file->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    if (!read_section(file, table->link, &names) || table->offset > file->len) {
        return false;
    }
    for (uint64_t at = 0; at + step <= table->size; at += step) {
        if (!read_symbol(file, table->offset + at, &symbol)) {
            return false;
        }
        if (is_name(file, &names, symbol.name, "esp_app_desc") &&
            read_section(file, symbol.section, &home) && home.type == SHT_PROGBITS &&
            symbol.address >= home.address && symbol.address - home.address < home.size &&
            home.offset <= file->len &&
            take_descriptor(file, home.offset + (symbol.address - home.address), out)) {
            return true;
        }
    }
    return false;
}

static bool find_symbol(const struct elf_file *file, esp_app_desc_t *out)
{
    struct elf_section table;
    for (uint32_t i = 0; i < file->section_count && read_section(file, i, &table); i++) {
        if ((table.type == SHT_SYMTAB || table.type == SHT_DYNSYM) &&
            find_in_table(file, &table, out)) {
            return true;
        }
    }
    return false;
}

esp_err_t host_image_find_descriptor(const uint8_t *elf, size_t len, esp_app_desc_t *out)
{
    struct elf_file file = {.bytes = elf, .len = len};
    if (!read_header(&file)) {
        return ESP_ERR_INVALID_ARG;
    }
    return find_section(&file, out) || find_symbol(&file, out) ? ESP_OK : ESP_ERR_NOT_FOUND;
}
