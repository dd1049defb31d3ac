#include "cut_flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nor_flash.h"

const char *const CUT_VARIANT_NAMES[CUT_VARIANT_COUNT] = {"before", "prefix", "suffix", "bytes",
                                                          "bits"};

static esp_flash_t *s_inner; // the strict chip that does the work
static esp_flash_t s_chip;   // the chip that counts and cuts
static struct cut_plan *s_plan;
static struct flash_encryption s_cipher; // of the chip's whole life

uint8_t *cut_flash_bytes(void)
{
    return (uint8_t *)s_inner->ops->map(s_inner, 0, CUT_FLASH_SIZE);
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13; // xorshift32
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// Which bits of byte i of len have already changed when the power goes.
static uint8_t changed_bits(uint32_t i, uint32_t split, uint32_t *random)
{
    switch (s_plan->variant) {
    case CUT_PREFIX:
        return i < split ? 0xFF : 0;
    case CUT_SUFFIX:
        return i >= split ? 0xFF : 0;
    case CUT_BYTES:
        return next_random(random) & 0x80 ? 0xFF : 0;
    case CUT_BITS:
        return (uint8_t)(next_random(random) >> 11);
    default:
        return 0;
    }
}

// data NULL: an erase.
static void cut_inside(uint32_t address, const uint8_t *data, uint32_t len)
{
    uint32_t random = s_plan->seed * 2654435761u + s_plan->cut_at * 40503u + 1;
    uint32_t split = len > 0 ? next_random(&random) % len : 0;
    uint8_t *cells = cut_flash_bytes() + address;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t done = changed_bits(i, split, &random);
        if (data) {
            cells[i] &= (uint8_t)(data[i] | ~done);
        } else {
            cells[i] |= done;
        }
    }
    if (!s_plan->is_survived) {
        _exit(CUT_EXIT);
    }
    s_plan->is_off = true;
}

// Whether there is power for the operation.
static bool count(const char *what, uint32_t address, const void *data, uint32_t len)
{
    if (s_plan->is_off) {
        return false;
    }
    s_plan->operations++;
    (void)snprintf(s_plan->last, sizeof(s_plan->last), "%s 0x%x, %u bytes", what, address, len);
    if (s_plan->operations == s_plan->cut_at) {
        cut_inside(address, data, len);
    }
    return !s_plan->is_off;
}

static esp_err_t read_flash(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    (void)chip;
    return s_inner->ops->read(s_inner, buffer, address, len);
}

static esp_err_t program(esp_flash_t *chip, const void *data, uint32_t address, uint32_t len)
{
    (void)chip;
    return count("program", address, data, len) ? s_inner->ops->program(s_inner, data, address, len)
                                                : ESP_ERR_FLASH_OP_FAIL;
}

static esp_err_t erase(esp_flash_t *chip, uint32_t address, uint32_t unit)
{
    (void)chip;
    return count("erase", address, NULL, unit) ? s_inner->ops->erase(s_inner, address, unit)
                                               : ESP_ERR_FLASH_OP_FAIL;
}

static const void *map(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    (void)chip;
    return s_inner->ops->map(s_inner, address, len);
}

static const struct flash_ops CUTTING_OPS = {
    .read = read_flash, .program = program, .erase = erase, .map = map};

esp_err_t cut_flash_encrypt(enum flash_scheme scheme, uint32_t key_len)
{
    uint8_t key[FLASH_KEY_LEN_MAX];
    for (uint32_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(i * 89 + 7);
    }
    esp_err_t err =
        flash_encryption_init(&s_cipher, scheme, key, key_len, FLASH_CRYPT_CONFIG_DEFAULT);
    s_chip.cipher = err == ESP_OK ? &s_cipher.base : NULL;
    return err;
}

esp_err_t cut_flash_open(struct cut_plan *plan)
{
    char path[32];
    int fd = memfd_create("flash", 0);
    if (fd < 0 || ftruncate(fd, CUT_FLASH_SIZE) != 0) {
        return ESP_FAIL;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    esp_err_t err = nor_flash_open(path, false, &s_inner);
    (void)close(fd); // the chip has its own
    if (err != ESP_OK) {
        return err;
    }
    s_plan = plan;
    s_chip.ops = &CUTTING_OPS;
    s_chip.geometry = s_inner->geometry;
    esp_flash_default_chip = &s_chip;
    memset(cut_flash_bytes(), 0xFF, CUT_FLASH_SIZE);
    return ESP_OK;
}
