/**
 * Encodes an application image: header, one mapped segment with descriptor and payload, checksum, SHA-256.
 *
 * For firmware that only has to be carried, verified and selected: test images, demonstrations, benchmarks.
 * The payload is data; nothing in it is executed.
 */
#pragma once

#include "image_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

struct image_encode_spec {
    esp_chip_id_t chip_id;
    const char *project; // cut at 32 characters, like the other strings; NULL: empty
    const char *version;
    const char *date; // "Mmm dd yyyy"
    const char *time; // "HH:MM:SS"
    uint32_t secure_version;
    uint16_t min_chip_rev;
    uint16_t max_chip_rev; // 0: no limit
    uint32_t
        payload_len; // data bytes behind the descriptor; rounded up to a multiple of 4 with zeros
};

/** Length of the image that spec describes, in bytes; 0 when it does not fit 32 bits. */
uint32_t image_encode_len(const struct image_encode_spec *spec);

/** Where the payload stands in the image. */
#define IMAGE_ENCODE_PAYLOAD_OFFSET (24u + 8u + 256u)

/**
 * Completes an image whose payload the caller has put at out + IMAGE_ENCODE_PAYLOAD_OFFSET already.
 * @param out  image_encode_len(spec) bytes
 * @return ESP_OK; ESP_ERR_NOT_SUPPORTED: unknown chip; ESP_ERR_INVALID_SIZE: longer than the chip allows
 */
esp_err_t image_encode(const struct image_encode_spec *spec, uint8_t *out) ESP_MUST_CHECK;

/** Length of an image with checksum and SHA-256 whose last segment ends at data_end; 0 when it does not fit 32 bits. */
uint32_t image_encode_sealed_len(uint64_t data_end);

/**
 * Completes an image whose header and segments stand at out already: padding, checksum, SHA-256.
 * @param out       image_encode_sealed_len(data_end) bytes
 * @param data_end  end of the last segment that the header counts
 */
void image_encode_seal(uint8_t *out, uint32_t data_end);

#ifdef __cplusplus
}
#endif
