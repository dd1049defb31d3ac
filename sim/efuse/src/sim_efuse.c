#include "sim_efuse.h"
#include "sim_efuse_format.h"
#include "esp_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char TAG[] = "sim_efuse";

struct sim_efuse {
    struct efuse base; // first, so that the two pointers convert
    int fd;
    esp_chip_id_t chip_id;
    sim_efuse_observer observer;
    void *observer_context;
};

static struct sim_efuse *from_base(struct efuse *efuse)
{
    return (struct sim_efuse *)efuse;
}

static uint32_t bit_count(const struct efuse *efuse, enum efuse_field field)
{
    return sim_efuse_place(field, ((const struct sim_efuse *)efuse)->chip_id).bit_count;
}

/** The bits of the last byte that belong to a field of this width. */
static uint8_t last_byte_mask(uint32_t bits)
{
    return bits % 8 ? (uint8_t)((1u << bits % 8) - 1) : 0xFF;
}

static esp_err_t read_field(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    const struct sim_efuse *file = from_base(efuse);
    struct efuse_place place = sim_efuse_place(field, file->chip_id);
    uint32_t len = EFUSE_FIELD_BYTES(place.bit_count);
    uint8_t bytes[EFUSE_FIELD_BYTES_MAX];
    if (len == 0) {
        return ESP_OK;
    }
    if (pread(file->fd, bytes, len, place.offset) != (ssize_t)len) {
        ESP_LOGE(TAG, "eFuse file cannot be read: %s", strerror(errno));
        return ESP_FAIL;
    }
    bytes[0] = (uint8_t)(bytes[0] >> place.bit_shift);
    bytes[len - 1] &= last_byte_mask(place.bit_count);
    memcpy(bits, bytes, len);
    return ESP_OK;
}

/** Sets bits of one byte and makes it durable. */
static esp_err_t burn_byte(struct sim_efuse *file, uint32_t offset, uint8_t bits)
{
    uint8_t byte;
    if (pread(file->fd, &byte, 1, offset) != 1) {
        ESP_LOGE(TAG, "eFuse file cannot be read: %s", strerror(errno));
        return ESP_FAIL;
    }
    if ((byte | bits) == byte) {
        return ESP_OK;
    }
    byte |= bits;
    if (file->observer) {
        file->observer(file->observer_context, offset, byte);
    }
    if (pwrite(file->fd, &byte, 1, offset) != 1 || fsync(file->fd) != 0) {
        ESP_LOGE(TAG, "eFuse file cannot be written: %s", strerror(errno));
        return ESP_FAIL;
    }
    return ESP_OK;
}

static esp_err_t burn_field(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    struct sim_efuse *file = from_base(efuse);
    struct efuse_place place = sim_efuse_place(field, file->chip_id);
    uint32_t len = EFUSE_FIELD_BYTES(place.bit_count);
    esp_err_t err = ESP_OK;
    (void)flock(
        file->fd,
        LOCK_EX); // keeps two processes from losing each other's bits; without it all else holds
    for (uint32_t i = 0; i < len && err == ESP_OK; i++) {
        uint8_t wanted = i == len - 1 ? bits[i] & last_byte_mask(place.bit_count) : bits[i];
        err = burn_byte(file, place.offset + i, (uint8_t)(wanted << place.bit_shift));
    }
    (void)flock(file->fd, LOCK_UN);
    return err;
}

static const struct efuse_ops FILE_EFUSE_OPS = {
    .bit_count = bit_count, .read = read_field, .burn = burn_field};

//---------------------------------------------------------------------------------------------- create

/** Writes a whole new file and makes it durable. */
static bool write_file(const char *path, const uint8_t bytes[SIM_EFUSE_SIZE])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, bytes, SIM_EFUSE_SIZE) == (ssize_t)SIM_EFUSE_SIZE && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

/** Makes the name of a new file durable. */
static void sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 2;
    (void)snprintf(folder, sizeof(folder), "%.*s", len,
                   slash ? path : "./"); // a longer one did not open
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); // some file systems cannot; the file itself is durable
        close(fd);
    }
}

esp_err_t sim_efuse_create(const char *path, const struct chip_identity *chip)
{
    uint8_t bytes[SIM_EFUSE_SIZE];
    char new_path[PATH_MAX];
    esp_err_t err = sim_efuse_encode(chip, bytes);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "unknown chip id 0x%04x", chip->chip_id);
        return err;
    }
    if (access(path, F_OK) == 0) {
        ESP_LOGE(TAG, "%s exists", path);
        return ESP_ERR_INVALID_STATE;
    }
    int len = snprintf(new_path, sizeof(new_path), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(new_path)) {
        ESP_LOGE(TAG, "%s: %s", path, strerror(ENAMETOOLONG));
        return ESP_FAIL;
    }
    if (!write_file(new_path, bytes) || rename(new_path, path) != 0) {
        ESP_LOGE(TAG, "%s cannot be created: %s", path, strerror(errno));
        (void)unlink(new_path); // it may not exist
        return ESP_FAIL;
    }
    sync_folder_of(path);
    return ESP_OK;
}

//---------------------------------------------------------------------------------------------- open

static const char *parse_problem(esp_err_t err)
{
    switch (err) {
    case ESP_ERR_INVALID_CRC:
        return "the chip's identity is damaged";
    case ESP_ERR_INVALID_ARG:
        return "the chip is not known";
    default:
        return "not an eFuse file of this version";
    }
}

/** Reads and checks an open file. */
static esp_err_t load(int fd, const char *path, struct chip_identity *chip)
{
    uint8_t bytes[SIM_EFUSE_SIZE];
    struct stat stat_of;
    if (fstat(fd, &stat_of) != 0) {
        ESP_LOGE(TAG, "%s: %s", path, strerror(errno));
        return ESP_FAIL;
    }
    if (stat_of.st_size != (off_t)SIM_EFUSE_SIZE) {
        ESP_LOGE(TAG, "%s: an eFuse file has %u bytes, this one has %lld", path, SIM_EFUSE_SIZE,
                 (long long)stat_of.st_size);
        return ESP_ERR_INVALID_SIZE;
    }
    if (pread(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        ESP_LOGE(TAG, "%s cannot be read: %s", path, strerror(errno));
        return ESP_FAIL;
    }
    esp_err_t err = sim_efuse_parse(bytes, chip);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "%s: %s", path, parse_problem(err));
    }
    return err;
}

static int open_for_use(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EROFS)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

esp_err_t sim_efuse_open(const char *path, struct chip_identity *chip, struct efuse **efuse)
{
    struct chip_identity found;
    *efuse = NULL;
    int fd = open_for_use(path);
    if (fd < 0) {
        bool is_missing = errno == ENOENT;
        ESP_LOGE(TAG, "%s: %s", path, strerror(errno));
        return is_missing ? ESP_ERR_NOT_FOUND : ESP_FAIL;
    }
    esp_err_t err = load(fd, path, &found);
    struct sim_efuse *file = err == ESP_OK ? calloc(1, sizeof(*file)) : NULL;
    if (!file) {
        close(fd);
        return err == ESP_OK ? ESP_ERR_NO_MEM : err;
    }
    file->base.ops = &FILE_EFUSE_OPS;
    file->fd = fd;
    file->chip_id = found.chip_id;
    if (chip) {
        *chip = found;
    }
    *efuse = &file->base;
    return ESP_OK;
}

void sim_efuse_close(struct efuse *efuse)
{
    if (efuse) {
        close(from_base(efuse)->fd);
        free(efuse);
    }
}

void sim_efuse_observe(struct efuse *efuse, sim_efuse_observer observer, void *context)
{
    from_base(efuse)->observer = observer;
    from_base(efuse)->observer_context = context;
}
