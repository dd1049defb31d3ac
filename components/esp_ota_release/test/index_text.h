/** Indexes for tests: a good one in pieces. */
#pragma once

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD                                                                                       \
    "\"esp_ota_release\": 1, \"serial\": 7, \"chip\": \"esp32\", \"project\": \"p\", "             \
    "\"version\": \"2\", \"app_version\": \"2.0\", \"secure_version\": 1, \"image_size\": 1000, "  \
    "\"image_sha256\": \"" ZEROS "\""
#define FILE_OF(kind, name, size, more)                                                            \
    "{\"kind\": \"" kind "\", \"name\": \"" name "\", \"size\": " size ", \"sha256\": \"" ZEROS    \
    "\"" more "}"
#define FILES "\"files\": [" FILE_OF("image", "a.bin", "1000", "") "]"
