#include "delta_layout.h"

#include <string.h>

#define CHECKSUM_SEED 0xEF // fact: ESP_ROM_CHECKSUM_INITIAL

static bool is_between(uint32_t address, uint32_t start, uint32_t end)
{
    return address >= start && address < end;
}

// Code, or RAM that code is loaded to together with data. The first segment of RISC-V images is data that flash maps where
// code is mapped as well. fact: memory maps of the chips' manuals
static bool is_code(enum delta_arch arch, uint32_t index, uint32_t address)
{
    if (delta_arch_is_xtensa(arch)) {
        return is_between(address, 0x40000000, 0x50000000);
    }
    if (arch == ARCH_RISCV_P4 && index > 0 && is_between(address, 0x40000000, 0x44000000)) {
        return true;
    }
    return index > 0 && (is_between(address, 0x42000000, 0x43000000) ||
                         is_between(address, 0x40370000, 0x403F0000) ||
                         is_between(address, 0x40800000, 0x40900000) ||
                         is_between(address, 0x4FF00000, 0x50000000));
}

// fact: chip ids of esp_image_header_t: ESP32, ESP32-S2 and ESP32-S3 are Xtensa, the others RISC-V
static enum delta_arch arch_of_chip(uint32_t chip_id)
{
    return chip_id == 0 || chip_id == 2 ? ARCH_XTENSA
           : chip_id == 9               ? ARCH_XTENSA_S3
           : chip_id == 18              ? ARCH_RISCV_P4
                                        : ARCH_RISCV;
}

static struct delta_segment parse_segment(const uint8_t *header, uint32_t offset, uint32_t index,
                                          enum delta_arch arch)
{
    struct delta_segment segment = {.offset = offset + SEGMENT_HEADER_LEN,
                                    .len = delta_load(header + 4, 4),
                                    .address = delta_load(header, 4)};
    segment.is_code = is_code(arch, index, segment.address);
    return segment;
}

esp_err_t delta_layout_load(struct delta_layout *layout, delta_read read, void *context,
                            uint32_t file_len)
{
    uint8_t header[IMAGE_HEADER_LEN];
    memset(layout, 0, sizeof(*layout));
    if (file_len < IMAGE_HEADER_LEN) {
        return ESP_OK;
    }
    esp_err_t err = read(context, 0, header, IMAGE_HEADER_LEN);
    if (err != ESP_OK || header[0] != IMAGE_MAGIC || header[1] > LAYOUT_SEGMENTS_MAX) {
        return err;
    }
    enum delta_arch arch = arch_of_chip(delta_load(header + 12, 2));
    uint32_t count = header[1];
    uint32_t offset = IMAGE_HEADER_LEN;
    for (uint32_t i = 0; i < count; i++) {
        if (file_len - offset < SEGMENT_HEADER_LEN) {
            return ESP_OK;
        }
        err = read(context, offset, header, SEGMENT_HEADER_LEN);
        if (err != ESP_OK) {
            return err;
        }
        struct delta_segment *segment = &layout->segments[i];
        *segment = parse_segment(header, offset, i, arch);
        offset += SEGMENT_HEADER_LEN;
        if (segment->len > file_len - offset) {
            return ESP_OK;
        }
        offset += segment->len;
    }
    layout->count = count;
    layout->arch = arch;
    return ESP_OK;
}

const struct delta_segment *delta_layout_find(const struct delta_layout *layout, uint32_t offset,
                                              uint32_t *next)
{
    *next = UINT32_MAX;
    for (uint32_t i = 0; i < layout->count; i++) { // in order of offset
        const struct delta_segment *segment = &layout->segments[i];
        if (offset < segment->offset) {
            *next = segment->offset;
            return NULL;
        }
        if (offset - segment->offset < segment->len) {
            return segment;
        }
    }
    return NULL;
}

bool delta_layout_has_address(const struct delta_layout *layout, uint32_t address, bool in_code)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct delta_segment *segment = &layout->segments[i];
        if (address - segment->address < segment->len && (segment->is_code || !in_code)) {
            return true;
        }
    }
    return false;
}

void delta_follower_init(struct delta_follower *follower, enum delta_arch arch)
{
    memset(follower, 0, sizeof(*follower));
    follower->arch = arch;
    follower->header_at = IMAGE_HEADER_LEN;
    follower->checksum = CHECKSUM_SEED;
}

void delta_follower_see(struct delta_follower *follower, uint32_t offset, uint8_t byte)
{
    if (delta_follower_at(follower, offset)) {
        follower->checksum ^= byte;
        return;
    }
    if (offset == 0) {
        follower->is_image = byte == IMAGE_MAGIC;
    }
    if (offset == 1 && follower->is_image) {
        follower->segments_left = byte;
    }
    uint32_t in_header = offset - follower->header_at;
    if (in_header >= SEGMENT_HEADER_LEN || follower->segments_left == 0) {
        return;
    }
    follower->header[in_header] = byte;
    if (in_header == SEGMENT_HEADER_LEN - 1) {
        follower->segment =
            parse_segment(follower->header, follower->header_at, follower->index++, follower->arch);
        follower->header_at = follower->segment.offset + follower->segment.len;
        follower->segments_left--;
    }
}
