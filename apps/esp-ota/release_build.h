/** The files of a release: the image, compressed forms, and patches from the releases before it. */
#pragma once

#include "esp_delta_patch.h"
#include "release_folder.h"

#define RELEASE_CLASS_MAX 3

/** What is wanted. */
struct release_wish {
    enum esp_delta_class classes[RELEASE_CLASS_MAX];
    uint32_t class_count;
    bool excludes_streams;
    bool makes_gzip;
    bool makes_zstd;
};

/** What an image file says about itself. */
struct release_image {
    struct cli_bytes file;
    char sha256[65];
    char chip[ESP_OTA_RELEASE_TEXT_MAX];
    char project[ESP_OTA_RELEASE_TEXT_MAX];
    char version[ESP_OTA_RELEASE_TEXT_MAX];     // what people call it; the descriptor's unless set
    char app_version[ESP_OTA_RELEASE_TEXT_MAX]; // the descriptor's
    uint32_t secure_version;
};

/** Reads an image that may be released: valid, an application with descriptor. @return false: said why */
bool release_image_read(const char *path, struct release_image *image);

/** Adds an image to the end of "releases", its file to the folder. @return false: said why */
bool release_build_append(struct release_folder *folder, const struct release_image *image);

/**
 * Makes the last of "releases" the one that is offered: writes its files and sets the head and "files" of the index.
 * @return false: said why
 */
bool release_build_offer(struct release_folder *folder, const struct release_wish *wish);

/** "4K", "16K" or "64K". */
bool release_class_of(const char *text, enum esp_delta_class *ram_class);
