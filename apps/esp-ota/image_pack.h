/** Host programs as firmware images. */
#pragma once

#include "cli.h"
#include "image_encode.h"

/**
 * Packs the program in file elf and writes the image to out. The program's own descriptor holds where spec says nothing.
 * @return an enum cli_exit; what went wrong has been said
 */
int image_pack(const char *elf, const struct image_encode_spec *spec, bool has_secure_version,
               const char *out);
