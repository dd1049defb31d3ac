// Any bytes as the program to pack. What is found in it is a descriptor, and what is packed verifies and comes back whole.

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "fuzz_check.h"
#include "host_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packed(const uint8_t *program, size_t len, const esp_app_desc_t *desc)
{
    uint32_t image_len = host_image_len(len);
    uint8_t *image = image_len > 0 ? malloc(image_len) : NULL;
    FUZZ_CHECK(image);
    host_image_encode(program, len, desc, image);
    struct image_rules rules = {.chip = {.chip_id = ESP_CHIP_ID_LINUX},
                                .partition_size = image_len};
    struct image_verifier v;
    image_verifier_begin(&v, &rules);
    (void)image_verifier_write(&v, image, image_len);
    enum image_fault fault = image_verifier_end(&v);
    // A descriptor taken from the program may ask for an eFuse block revision that this device has not.
    FUZZ_CHECK(fault == IMAGE_OK || fault == IMAGE_BAD_MIN_BLK_REV);
    if (fault == IMAGE_OK) {
        FUZZ_CHECK(v.info.image_len == image_len && host_image_has_program(&v.info));
        FUZZ_CHECK(memcmp(image + v.info.segments[1].data_offset, program, len) == 0);
    }
    free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    esp_app_desc_t desc = {0};
    esp_log_level_set("*", ESP_LOG_NONE); // refusals are the point
    esp_err_t err = host_image_find_descriptor(data, size, &desc);
    FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_INVALID_ARG || err == ESP_ERR_NOT_FOUND);
    FUZZ_CHECK(desc.magic_word == (err == ESP_OK ? ESP_APP_DESC_MAGIC_WORD : 0));
    if (size > 0 && size < 0x10000) {
        check_packed(data, size, &desc);
    }
    return 0;
}
