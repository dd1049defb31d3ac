/** Images that stand in files, and what is said about an image. */
#pragma once

#include "cli.h"
#include "image_verify.h"

/** What is wanted of an image; what is not given is taken from the image itself. */
struct image_wish {
    const struct chip_traits *chip; // NULL: the one in the header
    bool has_chip_rev;
    bool has_block_rev;
    uint16_t chip_rev;
    uint16_t block_rev;
    uint32_t part_size; // 0: as large as the chip allows
    uint32_t
        flash_offset;   // where the image will stand; at the chip's bootloader offset: a bootloader
    bool is_bootloader; // wherever it stands
};

#define IMAGE_FILE_OFFSET_DEFAULT                                                                  \
    0x10000u // chosen: where the first app partition of stock tables stands

/** Rules for bytes that may be an image; see struct image_wish. */
struct image_rules image_file_rules(const struct image_wish *wish, const struct cli_bytes *file);

/** Verifies an image that stands in a file. */
enum image_fault image_file_verify(const struct cli_bytes *file, const struct image_rules *rules,
                                   struct image_info *info);

/** The same as if the file stood in an erased partition: behind its end the bootloader goes on reading 0xFF. */
enum image_fault image_file_verify_in_flash(const struct cli_bytes *file,
                                            const struct image_rules *rules,
                                            struct image_info *info);

/** "made for esp32c3, wanted is esp32" and the like: the verdict with the numbers that led to it. @return out */
const char *image_fault_sentence(enum image_fault fault, const struct image_info *info,
                                 const struct image_rules *rules, char *out, size_t size);

/** Adds chip, project, version, valid, verdict and so on to object. */
void image_report_json(json_t *object, const struct image_info *info, enum image_fault fault);

/** "hello 1.0.0" of an image with a descriptor, else "". out holds 80 bytes. @return out */
const char *image_report_name(const struct image_info *info, char out[80]);
