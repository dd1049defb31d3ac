/**
 * A device for tests of updates: a chip in memory that counts, fails and lies on demand, with a partition table.
 *
 * The chip is one object for the whole program, as a device has one chip for all its life; device_start() erases it.
 *
 *     0x009000 nvs   0x00D000 otadata   0x010000 factory   0x020000 ota_0   0x030000 ota_1   0x040000 test
 *     0x050000 storage (data)   0x060000 stage (data)   0x070000 locked (data, read-only)
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot_handover.h"
#include "boot_select.h"
#include "esp_flash_partitions.h"
#include "esp_ota_ops.h"
#include "flash_encryption.h"
#include "flash_ops.h"

#define DEVICE_FLASH_SIZE 0x80000u
#define DEVICE_SLOT_SIZE  0x10000u

/** What differs from the usual device: nothing runs, no rollback, the table above. */
struct device_config {
    const char *running; // label; NULL: no application
    bool rollback;
    bool anti_rollback;
    const esp_partition_info_t *table;
    uint32_t table_count;
};

/** What the chip did since device_start() or device_forget(), and what it is to do. */
struct device_flash {
    atomic_uint reads;
    atomic_uint read_bytes;
    atomic_uint programs;
    atomic_uint erases;
    atomic_uint erased_bytes;
    atomic_uint syncs;
    atomic_uint operations;  // all of the above but reads
    atomic_uint fail_at;     // this operation answers ESP_ERR_FLASH_OP_FAIL, once; 0: none
    atomic_uint fail_read;   // the same for reads
    atomic_bool loses_bits;  // programming answers ESP_OK and leaves one byte out
    atomic_bool is_unmapped; // no mapping: everything read goes through read and is counted
};

extern struct device_flash g_flash;

/** Begins the life of a device; DEVICE_START(.running = "ota_0"). */
void device_start(const struct device_config *config);
#define DEVICE_START(...) device_start(&(const struct device_config){__VA_ARGS__})

/** Ends it. Also a cmocka teardown. */
int device_stop(void **state);

/** Sets all of g_flash to 0. */
void device_forget(void);

/** The partition with this label; the test fails if there is none. */
const esp_partition_t *device_partition(const char *label);

/** Flash contents, behind the back of the flash layer. */
uint8_t *device_bytes(uint32_t address);

/** Flash contents as the cache shows them, behind the back of the flash layer; multiples of 16 on an encrypted device. */
void device_read(uint32_t address, void *out, uint32_t len);

/** Whether the devices of this program have flash encryption: DEVICE_ENCRYPTION=esp32 or xts in the environment. */
bool device_is_encrypted(void);

/** At the start of a test about raw bytes, or about lengths that encrypted flash does not have. */
#define DEVICE_WITHOUT_ENCRYPTION()                                                                \
    if (device_is_encrypted()) {                                                                   \
        skip();                                                                                    \
    }

/** Whether these bytes stand at address: encrypted, if what is there has to be. */
bool device_holds(uint32_t address, const void *bytes, uint32_t len);

/** FNV-1a of flash from address to end. */
uint64_t device_sum(uint32_t address, uint32_t end);

/** The same of both otadata sectors: the boot choice. */
uint64_t device_choice(void);

/** An image in memory; free bytes with free(). */
struct device_image {
    uint8_t *bytes;
    uint32_t len;
};

/** What differs from the usual image: version "1", for the device's chip. */
struct device_image_spec {
    uint32_t len; // at least 336; the image gets the next length that is possible
    const char *version;
    uint32_t secure_version;
    esp_chip_id_t chip_id;
    uint16_t min_chip_rev;
    uint32_t seed; // of the payload
};

struct device_image device_make_image(const struct device_image_spec *spec);
#define DEVICE_IMAGE(...) device_make_image(&(const struct device_image_spec){__VA_ARGS__})

/** Puts bytes at the start of a partition, behind the back of the flash layer. */
void device_put(const char *label, const void *bytes, uint32_t len);

/** Puts bytes at an address as they are put on an encrypted device: filled up with 0xFF to 16, and encrypted. */
void device_put_plain(uint32_t address, const void *bytes, uint32_t len);

/** Makes an image of this version and puts it into a partition. */
void device_put_image(const char *label, const char *version);

/** Writes a record of otadata as it stands there after esp_ota_set_boot_partition(). */
void device_put_record(int index, uint32_t seq, uint32_t state);

/** Reads a record. */
esp_ota_select_entry_t device_record(int index);

/** Boots: "ota_0", "factory", ... or "none"; what boots is the running application from then on. */
const char *device_boot(void);

/** Does the whole of begin, write, end with image. */
esp_err_t device_install(const char *label, struct device_image image);
