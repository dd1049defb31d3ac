// How a program lies in an image: segment 0 is the descriptor alone, where every image has it; the ELF file follows, cut
// into segments as late as possible, each with its place in the file as load address. entry_addr is the length of the
// file, because the last segment is padded to a multiple of 4.
#define _GNU_SOURCE // memfd_create

#include "host_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "esp_log.h"
#include "flash_ops.h"
#include "image_encode.h"

static const char *TAG = "host_image";

#define HEADER_LEN  24u
#define SEGMENT_LEN 8u
#define FIRST_DATA  (HEADER_LEN + SEGMENT_LEN + (uint32_t)sizeof(esp_app_desc_t))
#define PROGRAM_SEGMENT_MAX                                                                        \
    (ESP_IMAGE_MAX_SEGMENTS - 1u) // the first segment holds the descriptor alone

// ----------------------------------------------------------------------- packing

static uint64_t segments_of(size_t elf_len)
{
    return ((uint64_t)elf_len + HOST_IMAGE_SEGMENT_MAX - 1) / HOST_IMAGE_SEGMENT_MAX;
}

static uint64_t data_end_of(size_t elf_len)
{
    return FIRST_DATA + segments_of(elf_len) * SEGMENT_LEN + (((uint64_t)elf_len + 3) & ~3ull);
}

uint32_t host_image_len(size_t elf_len)
{
    bool fits = elf_len > 0 && segments_of(elf_len) <= PROGRAM_SEGMENT_MAX;
    return fits ? image_encode_sealed_len(data_end_of(elf_len)) : 0;
}

static uint8_t *put_segment(uint8_t *at, uint32_t load_addr, const void *data, uint32_t len)
{
    esp_image_segment_header_t segment = {.load_addr = load_addr, .data_len = (len + 3) & ~3u};
    memcpy(at, &segment, sizeof(segment));
    at += sizeof(segment);
    memcpy(at, data, len);
    memset(at + len, 0, segment.data_len - len);
    return at + segment.data_len;
}

static void hash_program(const uint8_t *elf, size_t len, uint8_t out[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, elf, len);
    esp_crypto.sha256_end(&hash, out);
}

void host_image_encode(const uint8_t *elf, size_t elf_len, const esp_app_desc_t *desc, uint8_t *out)
{
    esp_image_header_t header = {
        .magic = ESP_IMAGE_HEADER_MAGIC,
        .segment_count = (uint8_t)(1 + segments_of(elf_len)),
        .spi_mode = ESP_IMAGE_SPI_MODE_DIO,
        .spi_size = ESP_IMAGE_FLASH_SIZE_4MB,
        .entry_addr = (uint32_t)elf_len,
        .wp_pin = 0xEE, // fact: disabled, what esptool always writes
        .chip_id = ESP_CHIP_ID_LINUX,
        .max_chip_rev_full = UINT16_MAX,
        .hash_appended = 1,
    };
    esp_app_desc_t own = *desc;
    own.magic_word = ESP_APP_DESC_MAGIC_WORD;
    hash_program(elf, elf_len, own.app_elf_sha256);
    memcpy(out, &header, sizeof(header));
    uint8_t *at = put_segment(out + sizeof(header), 0, &own, sizeof(own));
    for (size_t done = 0; done < elf_len; done += HOST_IMAGE_SEGMENT_MAX) {
        size_t left = elf_len - done;
        uint32_t len =
            left < HOST_IMAGE_SEGMENT_MAX ? (uint32_t)left : (uint32_t)HOST_IMAGE_SEGMENT_MAX;
        at = put_segment(at, (uint32_t)done, elf + done, len);
    }
    image_encode_seal(out, (uint32_t)data_end_of(elf_len));
}

// ----------------------------------------------------------------------- unpacking

bool host_image_has_program(const struct image_info *info)
{
    uint64_t total = 0;
    if (info->header.chip_id != ESP_CHIP_ID_LINUX || info->segment_count < 2 ||
        info->segment_count > ESP_IMAGE_MAX_SEGMENTS) {
        return false;
    }
    for (uint32_t i = 1; i < info->segment_count; i++) {
        if (info->segments[i].load_addr != total) {
            return false;
        }
        total += info->segments[i].data_len;
    }
    uint32_t len = info->header.entry_addr;
    return len > 0 && len <= total && total - len < 4;
}

// Everything that the digest covers, copied from flash; NULL with the reason in *err.
static uint8_t *copy_image(esp_flash_t *chip, uint32_t address, const struct image_info *info,
                           esp_err_t *err)
{
    const struct image_segment *last = &info->segments[info->segment_count - 1];
    uint32_t len = (last->data_offset + last->data_len + 16) & ~15u;
    uint8_t *copy = malloc(len);
    *err = copy ? flash_plain_read(chip, copy, address, len) : ESP_ERR_NO_MEM;
    if (*err == ESP_OK) {
        uint8_t digest[CRYPTO_SHA256_LEN];
        hash_program(copy, len, digest);
        if (memcmp(digest, info->digest, sizeof(digest)) != 0) {
            ESP_LOGE(TAG, "the image at 0x%" PRIx32 " changed after it was verified", address);
            *err = ESP_ERR_INVALID_CRC;
        }
    }
    if (*err != ESP_OK) {
        free(copy);
        return NULL;
    }
    return copy;
}

static int make_memory_file(void)
{
#ifdef MFD_EXEC // Linux 6.3: without it a system may forbid to execute memory files
    int fd = memfd_create("firmware", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd >= 0 || errno != EINVAL) {
        return fd;
    }
#endif
    return memfd_create("firmware", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool write_whole(int fd, const uint8_t *data, uint32_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, data, len);
        if (done <= 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            data += done;
            len -= (uint32_t)done;
        }
    }
    return true;
}

static bool write_program(int fd, const uint8_t *image, const struct image_info *info)
{
    uint32_t left = info->header.entry_addr;
    for (uint32_t i = 1; i < info->segment_count; i++) {
        const struct image_segment *segment = &info->segments[i];
        uint32_t len = segment->data_len < left ? segment->data_len : left;
        if (!write_whole(fd, image + segment->data_offset, len)) {
            return false;
        }
        left -= len;
    }
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
}

esp_err_t host_image_open_program(esp_flash_t *chip, uint32_t address,
                                  const struct image_info *info, int *out_fd)
{
    if (!host_image_has_program(info)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    esp_err_t err;
    uint8_t *image = copy_image(chip, address, info, &err);
    if (!image) {
        return err;
    }
    int fd = make_memory_file();
    if (fd < 0 || !write_program(fd, image, info)) {
        ESP_LOGE(TAG, "no memory file for the program: %s", strerror(errno));
        if (fd >= 0) {
            (void)close(fd); // not used by anyone
        }
        free(image);
        return ESP_FAIL;
    }
    free(image);
    *out_fd = fd;
    return ESP_OK;
}
