// A program comes out of an image as it went in, only for the chip it is made for, and only if the flash still holds what
// was verified.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "esp_log.h"
#include "host_image.h"
#include "crypto_ops.h"
#include "nor_flash.h"

#define ADDRESS    0x10000u
#define FLASH_SIZE 0x100000u

// A descriptor of our own, as a program's build system would place it: the test program is one of its own test cases.
__attribute__((section(".rodata_desc"), used)) static const esp_app_desc_t OWN = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .secure_version = 7,
    .version = "from-the-section",
    .project_name = "own",
};

static uint8_t *program_bytes(size_t len)
{
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    return bytes;
}

static uint8_t *pack(const uint8_t *program, size_t len, uint32_t *image_len)
{
    esp_app_desc_t desc = {.version = "1.2.3", .project_name = "packed"};
    *image_len = host_image_len(len);
    assert_true(*image_len > len);
    uint8_t *image = malloc(*image_len);
    assert_non_null(image);
    host_image_encode(program, len, &desc, image);
    return image;
}

static enum image_fault verify(const uint8_t *image, uint32_t len, esp_chip_id_t chip,
                               struct image_info *info)
{
    struct image_rules rules = {
        .chip = {.chip_id = chip}, .flash_offset = ADDRESS, .partition_size = len};
    struct image_verifier v;
    image_verifier_begin(&v, &rules);
    (void)image_verifier_write(&v, image, len);
    enum image_fault fault = image_verifier_end(&v);
    *info = v.info;
    return fault;
}

static esp_flash_t *flash_with(const uint8_t *image, uint32_t len)
{
    esp_flash_t *flash;
    assert_int_equal(nor_flash_open_in_memory(FLASH_SIZE, &flash), ESP_OK);
    assert_int_equal(esp_flash_write(flash, image, ADDRESS, len), ESP_OK);
    return flash;
}

// ----------------------------------------------------------------------- packing

static void every_length_of_a_program_comes_back_whole(void **state)
{
    (void)state;
    for (size_t len = 1; len < 70; len++) {
        uint32_t image_len;
        struct image_info info;
        int fd;
        char back[80];
        uint8_t *program = program_bytes(len);
        uint8_t *image = pack(program, len, &image_len);
        assert_int_equal(verify(image, image_len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
        assert_int_equal(info.image_len, image_len);
        assert_true(host_image_has_program(&info));
        esp_flash_t *flash = flash_with(image, image_len);
        assert_int_equal(host_image_open_program(flash, ADDRESS, &info, &fd), ESP_OK);
        assert_int_equal(pread(fd, back, sizeof(back), 0), len);
        assert_memory_equal(back, program, len);
        assert_int_equal(close(fd), 0);
        nor_flash_close(flash);
        free(image);
        free(program);
    }
}

static void the_descriptor_stands_where_images_have_it(void **state)
{
    (void)state;
    uint32_t len;
    struct image_info info;
    struct crypto_hash hash;
    uint8_t digest[CRYPTO_SHA256_LEN];
    uint8_t *program = program_bytes(1000);
    uint8_t *image = pack(program, 1000, &len);
    assert_int_equal(verify(image, len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
    const esp_app_desc_t *desc = image_app_desc(&info);
    assert_non_null(desc);
    assert_string_equal(desc->version, "1.2.3");
    assert_string_equal(desc->project_name, "packed");
    assert_memory_equal(image + 0x20, desc, sizeof(*desc));
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, program, 1000);
    esp_crypto.sha256_end(&hash, digest);
    assert_memory_equal(desc->app_elf_sha256, digest, sizeof(digest));
    free(image);
    free(program);
}

static void no_other_chip_takes_the_image(void **state)
{
    (void)state;
    static const esp_chip_id_t OTHERS[] = {ESP_CHIP_ID_ESP32, ESP_CHIP_ID_ESP32C3,
                                           ESP_CHIP_ID_ESP32S3, ESP_CHIP_ID_ESP32P4};
    uint32_t len;
    struct image_info info;
    uint8_t *program = program_bytes(100);
    uint8_t *image = pack(program, 100, &len);
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        assert_int_equal(verify(image, len, OTHERS[i], &info), IMAGE_BAD_CHIP_ID);
    }
    free(image);
    free(program);
}

static void a_program_above_a_segment_takes_several(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = {HOST_IMAGE_SEGMENT_MAX, HOST_IMAGE_SEGMENT_MAX + 1,
                                     2 * HOST_IMAGE_SEGMENT_MAX + 5};
    for (size_t i = 0; i < 3; i++) {
        uint32_t len;
        struct image_info info;
        uint8_t *program = program_bytes(LENGTHS[i]);
        uint8_t *image = pack(program, LENGTHS[i], &len);
        assert_int_equal(verify(image, len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
        assert_int_equal(info.segment_count, 2 + i);
        assert_true(host_image_has_program(&info));
        size_t at = 0;
        for (uint32_t s = 1; s < info.segment_count; s++) {
            size_t left = LENGTHS[i] - at;
            size_t part = info.segments[s].data_len < left ? info.segments[s].data_len : left;
            assert_true(info.segments[s].data_len < 0x1000000);
            assert_memory_equal(image + info.segments[s].data_offset, program + at, part);
            at += part;
        }
        assert_int_equal(at, LENGTHS[i]);
        free(image);
        free(program);
    }
}

static void what_fifteen_segments_do_not_hold_has_no_image(void **state)
{
    (void)state;
    size_t most = (size_t)15 * HOST_IMAGE_SEGMENT_MAX;
    assert_int_equal(host_image_len(0), 0);
    assert_true(host_image_len(most) > most);
    assert_int_equal(host_image_len(most + 1), 0);
}

// ----------------------------------------------------------------------- unpacking

static void what_runs_can_not_be_changed_any_more(void **state)
{
    (void)state;
    uint32_t len;
    struct image_info info;
    int fd;
    uint8_t *program = program_bytes(100);
    uint8_t *image = pack(program, 100, &len);
    assert_int_equal(verify(image, len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
    esp_flash_t *flash = flash_with(image, len);
    assert_int_equal(host_image_open_program(flash, ADDRESS, &info, &fd), ESP_OK);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 5), -1);
    assert_int_equal(ftruncate(fd, 500), -1);
    assert_ptr_equal(mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1);
    assert_int_equal(close(fd), 0);
    nor_flash_close(flash);
    free(image);
    free(program);
}

static void a_flash_that_changed_after_the_verification_does_not_run(void **state)
{
    (void)state;
    uint32_t len;
    struct image_info info;
    uint8_t *program = program_bytes(100);
    uint8_t *image = pack(program, 100, &len);
    assert_int_equal(verify(image, len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
    for (uint32_t at = 0; at < len - CRYPTO_SHA256_LEN; at++) {
        int fd = -1;
        image[at] ^= 1;
        esp_flash_t *flash = flash_with(image, len);
        assert_int_equal(host_image_open_program(flash, ADDRESS, &info, &fd), ESP_ERR_INVALID_CRC);
        assert_int_equal(fd, -1);
        nor_flash_close(flash);
        image[at] ^= 1;
    }
    free(image);
    free(program);
}

static void images_without_a_program_are_told_apart(void **state)
{
    (void)state;
    uint32_t len;
    struct image_info info;
    uint8_t *program = program_bytes(100);
    uint8_t *image = pack(program, 100, &len);
    assert_int_equal(verify(image, len, ESP_CHIP_ID_LINUX, &info), IMAGE_OK);
    struct image_info other = info;
    other.header.chip_id = ESP_CHIP_ID_ESP32;
    assert_false(host_image_has_program(&other));
    other = info;
    other.segment_count = 1;
    assert_false(host_image_has_program(&other));
    other = info;
    other.header.entry_addr = 0;
    assert_false(host_image_has_program(&other));
    other.header.entry_addr = 101;
    assert_false(host_image_has_program(&other));
    other.header.entry_addr = 96;
    assert_false(host_image_has_program(&other));
    other = info;
    other.segments[1].load_addr = 4;
    assert_false(host_image_has_program(&other));
    int fd = -1;
    assert_int_equal(host_image_open_program(NULL, ADDRESS, &other, &fd), ESP_ERR_NOT_SUPPORTED);
    free(image);
    free(program);
}

// ----------------------------------------------------------------------- descriptors in programs

static uint8_t *read_self(size_t *len)
{
    struct stat info;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_not_equal(fd, -1);
    assert_int_equal(fstat(fd, &info), 0);
    uint8_t *bytes = malloc((size_t)info.st_size);
    assert_non_null(bytes);
    *len = (size_t)info.st_size;
    for (size_t at = 0; at < *len;) {
        ssize_t got = read(fd, bytes + at, *len - at);
        assert_true(got > 0);
        at += (size_t)got;
    }
    assert_int_equal(close(fd), 0);
    return bytes;
}

static void the_descriptor_of_a_linked_program_is_found(void **state)
{
    (void)state;
    size_t len;
    esp_app_desc_t desc;
    uint8_t *elf = read_self(&len);
    assert_int_equal(host_image_find_descriptor(elf, len, &desc), ESP_OK);
    assert_memory_equal(&desc, &OWN, sizeof(desc));
    free(elf);
}

// An ELF file of 32 bits with one symbol, as an older tool chain would leave it.
struct small_elf {
    Elf32_Ehdr header;
    Elf32_Shdr sections[4]; // none, data, symbols, strings
    Elf32_Sym symbol;
    char strings[32];
    esp_app_desc_t desc;
};

static struct small_elf small_elf(void)
{
    struct small_elf f = {
        .header = {.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB},
                   .e_type = ET_EXEC,
                   .e_shoff = offsetof(struct small_elf, sections),
                   .e_shentsize = sizeof(Elf32_Shdr),
                   .e_shnum = 4,
                   .e_shstrndx = 3},
        .symbol = {.st_name = 1, .st_value = 0x1000, .st_shndx = 1},
        .strings = "\0esp_app_desc",
        .desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD, .version = "small"},
    };
    f.sections[1] = (Elf32_Shdr){.sh_type = SHT_PROGBITS,
                                 .sh_addr = 0x1000,
                                 .sh_offset = offsetof(struct small_elf, desc),
                                 .sh_size = sizeof(f.desc)};
    f.sections[2] = (Elf32_Shdr){.sh_type = SHT_SYMTAB,
                                 .sh_link = 3,
                                 .sh_offset = offsetof(struct small_elf, symbol),
                                 .sh_size = sizeof(f.symbol)};
    f.sections[3] = (Elf32_Shdr){.sh_type = SHT_STRTAB,
                                 .sh_offset = offsetof(struct small_elf, strings),
                                 .sh_size = sizeof(f.strings)};
    return f;
}

static esp_err_t find_in(const struct small_elf *f, esp_app_desc_t *desc)
{
    return host_image_find_descriptor((const uint8_t *)f, sizeof(*f), desc);
}

static void a_symbol_of_a_32_bit_program_is_found(void **state)
{
    (void)state;
    esp_app_desc_t desc;
    struct small_elf f = small_elf();
    assert_int_equal(find_in(&f, &desc), ESP_OK);
    assert_string_equal(desc.version, "small");
}

static void programs_without_a_descriptor_are_told_apart_from_no_programs(void **state)
{
    (void)state;
    esp_app_desc_t desc;
    struct small_elf f = small_elf();
    f.desc.magic_word = 0;
    assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
    f = small_elf();
    f.strings[1] = 'E';
    assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
    f = small_elf();
    f.header.e_type = ET_REL;
    assert_int_equal(find_in(&f, &desc), ESP_ERR_INVALID_ARG);
    f = small_elf();
    f.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(find_in(&f, &desc), ESP_ERR_INVALID_ARG);
    assert_int_equal(host_image_find_descriptor((const uint8_t *)"#!/bin/sh\n", 10, &desc),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(host_image_find_descriptor((const uint8_t *)"", 0, &desc),
                     ESP_ERR_INVALID_ARG);
}

static void places_outside_the_file_are_not_followed(void **state)
{
    (void)state;
    static const uint32_t FAR[] = {sizeof(struct small_elf) - 1, 0x7FFFFFFF, 0xFFFFFFFF};
    esp_app_desc_t desc;
    for (size_t i = 0; i < sizeof(FAR) / sizeof(FAR[0]); i++) {
        struct small_elf f = small_elf();
        f.header.e_shoff = FAR[i];
        assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
        for (int s = 1; s < 4; s++) {
            f = small_elf();
            f.sections[s].sh_offset = FAR[i];
            assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
        }
        f = small_elf();
        f.symbol.st_value = FAR[i];
        assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
        f = small_elf();
        f.symbol.st_name = FAR[i];
        assert_int_equal(find_in(&f, &desc), ESP_ERR_NOT_FOUND);
    }
}

static void every_truncation_of_a_program_is_harmless(void **state)
{
    (void)state;
    esp_app_desc_t desc;
    struct small_elf f = small_elf();
    for (size_t len = 0; len < sizeof(f); len++) {
        uint8_t *part = malloc(len + 1); // a buffer of its own, so that a byte too far is seen
        assert_non_null(part);
        memcpy(part, &f, len);
        assert_int_not_equal(host_image_find_descriptor(part, len, &desc), ESP_OK);
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_of_a_program_comes_back_whole),
        cmocka_unit_test(the_descriptor_stands_where_images_have_it),
        cmocka_unit_test(no_other_chip_takes_the_image),
        cmocka_unit_test(a_program_above_a_segment_takes_several),
        cmocka_unit_test(what_fifteen_segments_do_not_hold_has_no_image),
        cmocka_unit_test(what_runs_can_not_be_changed_any_more),
        cmocka_unit_test(a_flash_that_changed_after_the_verification_does_not_run),
        cmocka_unit_test(images_without_a_program_are_told_apart),
        cmocka_unit_test(the_descriptor_of_a_linked_program_is_found),
        cmocka_unit_test(a_symbol_of_a_32_bit_program_is_found),
        cmocka_unit_test(programs_without_a_descriptor_are_told_apart_from_no_programs),
        cmocka_unit_test(places_outside_the_file_are_not_followed),
        cmocka_unit_test(every_truncation_of_a_program_is_harmless),
    };
    esp_log_level_set("*", ESP_LOG_NONE); // the refusals are the point
    return cmocka_run_group_tests(tests, NULL, NULL);
}
