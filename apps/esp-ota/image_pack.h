/** Host programs as firmware images. */
#pragma once

#include "cli.h"
#include "host_image.h"
#include "image_encode.h"

/** What is asked for; zero is "as the program's own descriptor says" of every member. */
struct image_pack {
    const char *elf;                      // file that holds the program
    const struct image_encode_spec *spec; // project, version, date, time; NULL strings say nothing
    bool has_secure_version;              // spec's counts
    enum host_image_rollback rollback;
    const char *out;
};

/** Packs a program and writes the image. @return an enum cli_exit; what went wrong has been said */
int image_pack(const struct image_pack *pack);
