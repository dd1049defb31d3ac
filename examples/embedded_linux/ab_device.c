#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE   200809L // pread, pwrite, O_CLOEXEC

#include "ab_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "partition_table.h"

#define STATE_SIZE     0x10000u // fact: application partitions begin at multiples of 64 KiB
#define TABLE_OFFSET   0x8000u
#define OTADATA_OFFSET 0x9000u
#define OTADATA_SIZE   0x2000u

// ---- the driver: addresses of the chip are offsets in files ----

static struct ab_device *device_of(esp_flash_t *chip)
{
    return (struct ab_device *)chip;
}

// How many bytes at address are in one file; tells the file and the offset in it.
static uint32_t locate(const struct ab_device *device, uint32_t address, uint32_t len, int *fd,
                       off_t *offset)
{
    int file = address < device->start[1] ? 0 : address < device->start[2] ? 1 : 2;
    uint32_t left = device->start[file + 1] - address;
    *fd = device->fd[file];
    *offset = (off_t)(address - device->start[file]);
    return len < left ? len : left;
}

static esp_err_t read_files(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    for (uint8_t *at = buffer; len > 0;) {
        int fd;
        off_t offset;
        uint32_t piece = locate(device_of(chip), address, len, &fd, &offset);
        ssize_t done = pread(fd, at, piece, offset);
        if (done <= 0) {
            return ESP_ERR_FLASH_OP_FAIL;
        }
        at += done;
        address += (uint32_t)done;
        len -= (uint32_t)done;
    }
    return ESP_OK;
}

static esp_err_t write_files(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    for (const uint8_t *at = data; len > 0;) {
        int fd;
        off_t offset;
        uint32_t piece = locate(device_of(chip), address, len, &fd, &offset);
        ssize_t done = pwrite(fd, at, piece, offset);
        if (done <= 0) {
            return ESP_ERR_FLASH_OP_FAIL;
        }
        at += done;
        address += (uint32_t)done;
        len -= (uint32_t)done;
    }
    return ESP_OK;
}

// The stack writes to erased places only, so what it programs can be written as it is.
static esp_err_t program(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    return write_files(chip, data, address, len);
}

static esp_err_t erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    uint8_t blank[FLASH_SECTOR_SIZE];
    memset(blank, 0xFF, sizeof(blank));
    esp_err_t err = ESP_OK;
    for (uint32_t done = 0; done < unit && err == ESP_OK; done += sizeof(blank)) {
        err = write_files(chip, blank, address + done, sizeof(blank));
    }
    return err;
}

static esp_err_t sync_files(esp_flash_t *chip)
{
    for (int i = 0; i < 3; i++) {
        if (fdatasync(device_of(chip)->fd[i]) != 0) {
            return ESP_ERR_FLASH_OP_FAIL;
        }
    }
    return ESP_OK;
}

static const struct flash_ops FILE_OPS = {
    .read = read_files, .program = program, .erase = erase, .sync = sync_files};

// ---- the device ----

static bool open_file(struct ab_device *device, int index, const char *path, uint32_t size_max)
{
    device->fd[index] = open(path, O_RDWR | O_CLOEXEC);
    off_t size = device->fd[index] < 0
                     ? -1
                     : lseek(device->fd[index], 0, SEEK_END); // works for block devices, too
    if (size < (off_t)STATE_SIZE) {
        fprintf(stderr, "%s: %s\n", path, size < 0 ? strerror(errno) : "smaller than 64 KiB");
        return false;
    }
    uint32_t used = size > (off_t)size_max ? size_max : (uint32_t)size & ~(STATE_SIZE - 1);
    device->start[index + 1] = device->start[index] + used;
    return true;
}

bool ab_device_open(const struct ab_paths *paths, struct ab_device *out)
{
    *out = (struct ab_device){.fd = {-1, -1, -1}};
    if (!open_file(out, 0, paths->state, STATE_SIZE) ||
        !open_file(out, 1, paths->slot[0], 0x40000000) ||
        !open_file(out, 2, paths->slot[1], 0x40000000)) {
        return false;
    }
    out->chip.ops = &FILE_OPS;
    out->chip.geometry = (struct flash_geometry){.size = out->start[3],
                                                 .erase_units = {64 * 1024, FLASH_SECTOR_SIZE},
                                                 .page_size = FLASH_SECTOR_SIZE};
    esp_flash_default_chip = &out->chip;
    ab_device_hand_over(BOOT_APP_ADDRESS_NONE, false);
    return true;
}

static esp_partition_info_t entry(const char *label, uint8_t type, uint8_t subtype, uint32_t offset,
                                  uint32_t size)
{
    esp_partition_info_t made = {
        .magic = ESP_PARTITION_MAGIC, .type = type, .subtype = subtype, .pos = {offset, size}};
    memcpy(made.label, label, strlen(label));
    return made;
}

bool ab_device_format(struct ab_device *device)
{
    const uint32_t *start = device->start;
    const esp_partition_info_t entries[] = {
        entry("otadata", PART_TYPE_DATA, PART_SUBTYPE_DATA_OTA, OTADATA_OFFSET, OTADATA_SIZE),
        entry("a", PART_TYPE_APP, PART_SUBTYPE_OTA_FLAG, start[1], start[2] - start[1]),
        entry("b", PART_TYPE_APP, PART_SUBTYPE_OTA_FLAG + 1, start[2], start[3] - start[2]),
    };
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    bool is_done = partition_table_encode(entries, 3, true, table) == ESP_OK &&
                   esp_flash_erase_region(&device->chip, 0, STATE_SIZE) == ESP_OK &&
                   esp_flash_write(&device->chip, table, TABLE_OFFSET, sizeof(table)) == ESP_OK &&
                   sync_files(&device->chip) == ESP_OK;
    if (!is_done) {
        fprintf(stderr, "the state could not be written\n");
    }
    return is_done && ab_device_load(device);
}

bool ab_device_load(struct ab_device *device)
{
    return boot_slots_load(&device->chip, TABLE_OFFSET, &device->slots) ==
           ESP_OK; // the log says what is wrong
}

void ab_device_hand_over(uint32_t app_address, bool rollback)
{
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.chip.chip_id = ESP_CHIP_ID_LINUX;
    handover.table_offset = TABLE_OFFSET;
    handover.app_address = app_address;
    handover.rollback = rollback;
    boot_handover_set(&handover);
}
