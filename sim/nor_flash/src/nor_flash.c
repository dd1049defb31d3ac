// The mapping is the chip: a program ANDs into it, an erase fills it. Both first look at what stands there, because
// bytes that already hold the wanted value need not be dirtied: on a mapped file that saves the write-back.
#define _GNU_SOURCE // posix_fallocate, O_CLOEXEC, sync_file_range

#include "nor_flash.h"
#include "esp_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *TAG = "nor_flash";

#define SIZE_MAX_BYTES                                                                             \
    (2048u * 1024 * 1024)               // chosen: NOR parts end at 256 MiB; room for benchmarks
#define RESIDENT_MAX (1u * 1024 * 1024) // chosen: keeps memory flat whatever the size of the flash
#define WRITE_BACK   (4u * 1024 * 1024) // chosen: leaves a sync little to wait for, and calls are few
#define PREPARE_MIN  (16u * 1024)       // chosen: below, a fault costs no more than the call
#define FILL_CHUNK   (64u * 1024)       // chosen: one write a block while a file is created

struct nor_flash {
    esp_flash_t chip; // must be first: the driver is found by casting
    uint8_t *bytes;
    int fd; // -1: memory only
    bool read_only;
    atomic_bool is_dirty;           // operations on different places may run in different threads
    atomic_uint_fast32_t resident;  // bytes used since mapped pages were last given back
    atomic_uint_fast32_t unwritten; // bytes programmed since write-back was last begun
    nor_flash_observer observer;
    void *observer_context;
    struct {
        atomic_uint_fast64_t programmed_bytes;
        atomic_uint_fast64_t erased_bytes;
        atomic_uint_fast32_t program_count;
        atomic_uint_fast32_t erase_count;
        atomic_uint_fast32_t sync_count;
    } stats;
};

static struct nor_flash *nor_flash_of(esp_flash_t *chip)
{
    return (struct nor_flash *)chip;
}

static void tell_observer(struct nor_flash *flash, enum nor_flash_op op, uint32_t address,
                          uint32_t len)
{
    if (flash->observer) {
        flash->observer(flash->observer_context, op, address, len);
    }
}

// Pages of the file that were used stay mapped, and would count as this process's memory until the whole flash is in it.
// Giving them back loses nothing: they live on in the page cache, and are mapped again when they are next used.
static void note_used(struct nor_flash *flash, uint32_t len)
{
    flash->resident += len;
    if (flash->fd >= 0 && flash->resident > RESIDENT_MAX) {
        (void)madvise(flash->bytes, flash->chip.geometry.size, MADV_DONTNEED); // only a hint
        flash->resident = 0;
    }
}

// The disk works while the next bytes are on their way, so that a sync finds little to wait for.
static void begin_write_back(struct nor_flash *flash, uint32_t len)
{
    flash->unwritten += len;
    if (flash->fd >= 0 && flash->unwritten > WRITE_BACK) {
        (void)sync_file_range(flash->fd, 0, 0, SYNC_FILE_RANGE_WRITE); // only a hint
        flash->unwritten = 0;
    }
}

// Maps the pages of a range for writing in one call instead of one fault a page.
static void prepare_write(struct nor_flash *flash, uint32_t address, uint32_t len)
{
    if (flash->fd >= 0 && len >= PREPARE_MIN) {
        uint32_t start = address & ~(FLASH_SECTOR_SIZE - 1);
        (void)madvise(flash->bytes + start, address + len - start,
                      MADV_POPULATE_WRITE); // only a hint
    }
}

static esp_err_t read_bytes(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    note_used(nor_flash_of(chip), len);
    memcpy(buffer, nor_flash_of(chip)->bytes + address, len);
    return ESP_OK;
}

static bool is_erased(const uint8_t *cells, uint32_t len)
{
    return cells[0] == 0xFF && memcmp(cells, cells + 1, len - 1) == 0;
}

// Whether writing data over cells would have to raise a bit.
static bool needs_rising_bit(const uint8_t *cells, const uint8_t *data, uint32_t len)
{
    uint8_t rising = 0;
    for (uint32_t i = 0; i < len; i++) {
        rising |= (uint8_t)(data[i] & ~cells[i]);
    }
    return rising != 0;
}

static void keep_the_and(uint8_t *cells, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        cells[i] &= data[i];
    }
}

static esp_err_t program_bytes(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    struct nor_flash *flash = nor_flash_of(chip);
    if (flash->read_only) {
        return ESP_ERR_NOT_ALLOWED;
    }
    uint8_t *cells = flash->bytes + address;
    bool is_blank = is_erased(cells, len); // nearly always, and compared fast
    bool is_there = !is_blank && memcmp(cells, data, len) == 0;
    if (!is_blank && !is_there && needs_rising_bit(cells, data, len)) {
        ESP_LOGE(TAG, "program at 0x%" PRIx32 ", %" PRIu32 " bytes: not erased; nothing changed",
                 address, len);
        return ESP_ERR_INVALID_STATE;
    }
    tell_observer(flash, NOR_FLASH_PROGRAM, address, len);
    note_used(flash, len);
    if (is_blank) {
        memcpy(cells, data, len);
    } else if (!is_there) {
        keep_the_and(cells, data, len);
    }
    begin_write_back(flash, len);
    flash->stats.programmed_bytes += len;
    flash->stats.program_count++;
    flash->is_dirty = true;
    return ESP_OK;
}

static esp_err_t erase_unit(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    struct nor_flash *flash = nor_flash_of(chip);
    if (flash->read_only) {
        return ESP_ERR_NOT_ALLOWED;
    }
    tell_observer(flash, NOR_FLASH_ERASE, address, unit);
    note_used(flash, unit);
    if (!is_erased(flash->bytes + address, unit)) {
        prepare_write(flash, address, unit);
        memset(flash->bytes + address, 0xFF, unit);
        flash->is_dirty = true;
    }
    flash->stats.erased_bytes += unit;
    flash->stats.erase_count++;
    return ESP_OK;
}

static esp_err_t sync_file(esp_flash_t *chip)
{
    struct nor_flash *flash = nor_flash_of(chip);
    if (!flash->is_dirty) {
        return ESP_OK;
    }
    tell_observer(flash, NOR_FLASH_SYNC, 0, 0);
    flash->stats.sync_count++;
    flash->is_dirty =
        false; // before msync: what another thread writes meanwhile needs the next one
    if (flash->fd >= 0 && msync(flash->bytes, chip->geometry.size, MS_SYNC) != 0) {
        flash->is_dirty = true;
        ESP_LOGE(TAG, "the flash file could not be synced: %s", strerror(errno));
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return ESP_OK;
}

static const void *map_bytes(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    note_used(nor_flash_of(chip), len);
    return nor_flash_of(chip)->bytes + address;
}

static const struct flash_ops nor_sim_flash_ops = {
    .read = read_bytes,
    .program = program_bytes,
    .erase = erase_unit,
    .sync = sync_file,
    .map = map_bytes,
};

static bool is_valid_size(uint64_t size)
{
    return size >= FLASH_SECTOR_SIZE && size <= SIZE_MAX_BYTES && size % FLASH_SECTOR_SIZE == 0;
}

// ----------------------------------------------------------------------- files

static esp_err_t fill_erased(int fd, uint32_t size)
{
    uint8_t *block = malloc(FILL_CHUNK);
    if (!block) {
        return ESP_ERR_NO_MEM;
    }
    memset(block, 0xFF, FILL_CHUNK);
    esp_err_t err = ESP_OK;
    for (uint32_t left = size; left > 0 && err == ESP_OK;) {
        ssize_t done = write(fd, block, left < FILL_CHUNK ? left : FILL_CHUNK);
        if (done <= 0) {
            err = ESP_ERR_FLASH_OP_FAIL;
        } else {
            left -= (uint32_t)done;
        }
    }
    if (err == ESP_OK && fsync(fd) != 0) {
        err = ESP_ERR_FLASH_OP_FAIL;
    }
    free(block);
    return err;
}

esp_err_t nor_flash_create(const char *path, uint32_t size)
{
    if (!is_valid_size(size)) {
        ESP_LOGE(TAG, "flash size %" PRIu32 ": give a multiple of 4096 bytes, at most 2 GiB", size);
        return ESP_ERR_INVALID_SIZE;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        ESP_LOGE(TAG, "%s: %s", path, strerror(errno));
        return errno == EEXIST ? ESP_ERR_INVALID_STATE : ESP_ERR_FLASH_OP_FAIL;
    }
    esp_err_t err = fill_erased(fd, size);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "%s: %" PRIu32 " bytes could not be written: %s", path, size,
                 strerror(errno));
        (void)unlink(path); // nothing half made stays behind
    }
    (void)close(fd); // synced above
    return err;
}

static esp_err_t make_chip(uint32_t size, uint8_t *bytes, int fd, bool read_only,
                           esp_flash_t **out_chip)
{
    struct nor_flash *flash = calloc(1, sizeof(*flash));
    if (!flash) {
        return ESP_ERR_NO_MEM;
    }
    flash->chip.ops = &nor_sim_flash_ops;
    // fact: erase units and page size of the W25Q, GD25Q and MX25L families' data sheets
    flash->chip.geometry = (struct flash_geometry){
        .size = size, .erase_units = {64 * 1024, 32 * 1024, FLASH_SECTOR_SIZE}, .page_size = 256};
    flash->bytes = bytes;
    flash->fd = fd;
    flash->read_only = read_only;
    *out_chip = &flash->chip;
    return ESP_OK;
}

static esp_err_t err_of_errno(int number)
{
    if (number == ENOENT) {
        return ESP_ERR_NOT_FOUND;
    }
    return number == EACCES || number == EPERM || number == EROFS ? ESP_ERR_NOT_ALLOWED
                                                                  : ESP_ERR_FLASH_OP_FAIL;
}

// A mapped file whose blocks are not allocated yet would answer a full disk with SIGBUS instead of an error.
static esp_err_t reserve_blocks(int fd, const char *path, off_t size)
{
    int number = posix_fallocate(fd, 0, size);
    if (number == 0 || number == EOPNOTSUPP || number == EINVAL) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "%s: no room for all of its %lld bytes: %s", path, (long long)size,
             strerror(number));
    return ESP_ERR_FLASH_OP_FAIL;
}

static esp_err_t check_and_lock(int fd, const char *path, bool read_only, off_t *size)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        ESP_LOGE(TAG, "%s is not a plain file", path);
        return ESP_ERR_FLASH_OP_FAIL;
    }
    if (!is_valid_size((uint64_t)info.st_size)) {
        ESP_LOGE(TAG, "%s has %lld bytes: a flash file is a multiple of 4096 bytes, at most 2 GiB",
                 path, (long long)info.st_size);
        return ESP_ERR_INVALID_SIZE;
    }
    if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        ESP_LOGE(TAG, "%s is in use by another device", path);
        return ESP_ERR_INVALID_STATE;
    }
    *size = info.st_size;
    return read_only ? ESP_OK : reserve_blocks(fd, path, info.st_size);
}

// Takes fd: the chip closes it, or this does on failure.
static esp_err_t open_locked(int fd, const char *path, bool read_only, esp_flash_t **out_chip)
{
    off_t size = 0;
    esp_err_t err = check_and_lock(fd, path, read_only, &size);
    if (err == ESP_OK) {
        int access = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
        void *bytes = mmap(NULL, (size_t)size, access, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED) {
            ESP_LOGE(TAG, "%s could not be mapped: %s", path, strerror(errno));
            err = ESP_ERR_FLASH_OP_FAIL;
        } else {
            err = make_chip((uint32_t)size, bytes, fd, read_only, out_chip);
        }
    }
    if (err != ESP_OK) {
        (void)close(fd); // nothing was written
    }
    return err;
}

esp_err_t nor_flash_open(const char *path, bool read_only, esp_flash_t **out_chip)
{
    *out_chip = NULL;
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0) {
        ESP_LOGE(TAG, "%s: %s", path, strerror(errno));
        return err_of_errno(errno);
    }
    return open_locked(fd, path, read_only, out_chip);
}

esp_err_t nor_flash_open_descriptor(int fd, const char *name, bool read_only,
                                    esp_flash_t **out_chip)
{
    *out_chip = NULL;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        ESP_LOGE(TAG, "%s: descriptor %d is not open: %s", name, fd, strerror(errno));
        return ESP_ERR_FLASH_OP_FAIL;
    }
    return open_locked(own, name, read_only, out_chip);
}

int nor_flash_descriptor(const esp_flash_t *chip)
{
    return ((const struct nor_flash *)chip)->fd;
}

esp_err_t nor_flash_open_in_memory(uint32_t size, esp_flash_t **out_chip)
{
    *out_chip = NULL;
    if (!is_valid_size(size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) {
        return ESP_ERR_NO_MEM;
    }
    memset(bytes, 0xFF, size);
    esp_err_t err = make_chip(size, bytes, -1, false, out_chip);
    if (err != ESP_OK) {
        (void)munmap(bytes, size); // ours, unused
    }
    return err;
}

void nor_flash_close(esp_flash_t *chip)
{
    if (!chip) {
        return;
    }
    struct nor_flash *flash = nor_flash_of(chip);
    (void)munmap(flash->bytes, chip->geometry.size); // a mapping we made
    if (flash->fd >= 0) {
        (void)close(flash->fd); // also gives up the lock
    }
    if (esp_flash_default_chip == chip) {
        esp_flash_default_chip = NULL;
    }
    free(flash);
}

void nor_flash_observe(esp_flash_t *chip, nor_flash_observer observer, void *context)
{
    nor_flash_of(chip)->observer = observer;
    nor_flash_of(chip)->observer_context = context;
}

struct nor_flash_stats nor_flash_get_stats(const esp_flash_t *chip)
{
    const struct nor_flash *flash = (const struct nor_flash *)chip;
    return (struct nor_flash_stats){
        .programmed_bytes = flash->stats.programmed_bytes,
        .erased_bytes = flash->stats.erased_bytes,
        .program_count = (uint32_t)flash->stats.program_count,
        .erase_count = (uint32_t)flash->stats.erase_count,
        .sync_count = (uint32_t)flash->stats.sync_count,
    };
}
