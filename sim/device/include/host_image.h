/**
 * Host programs as firmware: an ELF file in the segments of an image for the chip "linux". SPEC.md "Host images".
 *
 * The image is like any other: verified, signed, encrypted, patched and selected by the same code. Only who starts it
 * looks inside.
 */
#pragma once

#include "esp_app_desc.h"
#include "image_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Most bytes of the program in one segment. fact: esptool refuses segments of 16 MiB; chosen: whole sectors below. */
#define HOST_IMAGE_SEGMENT_MAX 0xFFF000u

/**
 * Finds the descriptor that an ELF file carries: section .rodata_desc or .flash.appdesc, else the symbol esp_app_desc.
 * Any bytes may be given. Nothing of the descriptor but its magic word is looked at.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: not a little-endian ELF program; ESP_ERR_NOT_FOUND: it carries none
 */
esp_err_t host_image_find_descriptor(const uint8_t *elf, size_t len,
                                     esp_app_desc_t *out) ESP_MUST_CHECK;

/** What a program knows of rollback, in its descriptor: byte 182, reserv3[0], which is 0 in Espressif's images. */
enum host_image_rollback {
    HOST_IMAGE_ROLLBACK_UNKNOWN = 0,
    HOST_IMAGE_ROLLBACK_ON =
        1, // built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE: it confirms itself
    HOST_IMAGE_ROLLBACK_OFF = 2, // built without
};

/** Length of the image of a program of elf_len bytes; 0: more than 15 segments hold, or nothing. */
uint32_t host_image_len(size_t elf_len);

/**
 * Packs a program. desc is taken as it is, but for its magic word and app_elf_sha256, which becomes the program's.
 * @param out  host_image_len(elf_len) bytes; must not overlap elf
 */
void host_image_encode(const uint8_t *elf, size_t elf_len, const esp_app_desc_t *desc,
                       uint8_t *out);

/** Whether a verified image carries a program: chip "linux", and segments of the length that its header says. */
bool host_image_has_program(const struct image_info *info);

/**
 * Copies the program of a verified image from flash into a sealed memory file, which nobody can change any more.
 * The copy is made first and then compared with the digest that the verification computed, so that what runs is, byte
 * for byte, what was verified, whatever happened to the flash in between.
 * @param address  of the image on flash
 * @param[out] out_fd  the caller closes it; close-on-exec
 * @return ESP_OK; ESP_ERR_NOT_SUPPORTED: the image carries no program; ESP_ERR_INVALID_CRC: the flash changed since the
 *         verification; ESP_ERR_NO_MEM; ESP_FAIL: no memory file can be made here; or the flash error
 */
esp_err_t host_image_open_program(esp_flash_t *chip, uint32_t address,
                                  const struct image_info *info, int *out_fd) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
