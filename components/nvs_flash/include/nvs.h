/**
 * Key-value storage: values of a partition that nvs_flash.h took into use.
 *
 * fact: names, values and contracts as in ESP-IDF up to v6.2, nvs_flash: nvs.h. A value belongs to a namespace; both
 * names have 1 to 15 characters. All functions block and may be called from any thread; one lock serves all partitions.
 *
 * Every setter: the new value stands on flash, whole and read back, before the old one goes.
 * Cut: the old value or the new one, never anything else; all other values as they were.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_partition.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef uint32_t nvs_handle_t;   // never 0
typedef nvs_handle_t nvs_handle; // name until v4

#define NVS_DEFAULT_PART_NAME  "nvs"
#define NVS_PART_NAME_MAX_SIZE 16 // characters, without terminator
#define NVS_KEY_NAME_MAX_SIZE  16 // with terminator
#define NVS_NS_NAME_MAX_SIZE   NVS_KEY_NAME_MAX_SIZE

typedef enum {
    NVS_READONLY,
    NVS_READWRITE,
    NVS_READWRITE_PURGE, // as NVS_READWRITE; what is replaced or erased is overwritten with zeros too
} nvs_open_mode_t;

typedef nvs_open_mode_t nvs_open_mode; // name until v4

typedef enum {
    NVS_TYPE_U8 = 0x01,
    NVS_TYPE_I8 = 0x11,
    NVS_TYPE_U16 = 0x02,
    NVS_TYPE_I16 = 0x12,
    NVS_TYPE_U32 = 0x04,
    NVS_TYPE_I32 = 0x14,
    NVS_TYPE_U64 = 0x08,
    NVS_TYPE_I64 = 0x18,
    NVS_TYPE_STR = 0x21,
    NVS_TYPE_BLOB = 0x42,
    NVS_TYPE_FLOAT = 0x24,  // kept, but not readable with this interface
    NVS_TYPE_DOUBLE = 0x28, // likewise
    NVS_TYPE_ANY = 0xFF,    // in searches
} nvs_type_t;

/** What an iterator stands at. */
typedef struct {
    char namespace_name[NVS_NS_NAME_MAX_SIZE]; // terminated
    char key[NVS_KEY_NAME_MAX_SIZE];           // terminated
    nvs_type_t type;
} nvs_entry_info_t;

/** Entries of a partition; an entry is 32 bytes, a page has 126. */
typedef struct {
    size_t used_entries;
    size_t free_entries;      // all that are not used, erased ones and the reserved page included
    size_t available_entries; // without the reserved page
    size_t total_entries;
    size_t namespace_count;
} nvs_stats_t;

typedef struct nvs_opaque_iterator_t *nvs_iterator_t;

// ---- Handles ---------------------------------------------------------------------------------------

/** Opens a namespace of the partition "nvs", as nvs_open_from_partition(). */
esp_err_t nvs_open(const char *namespace_name, nvs_open_mode_t open_mode,
                   nvs_handle_t *out_handle) ESP_MUST_CHECK;

/**
 * Opens a namespace. For writing it is made if it is missing.
 * @param[out] out_handle  0 on every failure; to be closed
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NVS_NOT_INITIALIZED: no partition is in use;
 *         ESP_ERR_NVS_PART_NOT_FOUND: this one is not; ESP_ERR_NVS_INVALID_NAME: no name, or longer than 15 characters;
 *         ESP_ERR_NVS_NOT_FOUND: not there and open_mode is NVS_READONLY; ESP_ERR_NOT_ALLOWED: writing wanted on a
 *         read-only partition; ESP_ERR_NVS_NOT_ENOUGH_SPACE: no room, or 254 namespaces; ESP_ERR_NO_MEM; or the flash error
 */
esp_err_t nvs_open_from_partition(const char *part_name, const char *namespace_name,
                                  nvs_open_mode_t open_mode,
                                  nvs_handle_t *out_handle) ESP_MUST_CHECK;

/** Closes a handle; unknown ones are harmless. What was set stays set, committed or not. */
void nvs_close(nvs_handle_t handle);

/**
 * What was set survives a power cut of the host too; on a chip it does already when the setter returns.
 * @return ESP_OK; ESP_ERR_NVS_INVALID_HANDLE; or the flash error
 */
esp_err_t nvs_commit(nvs_handle_t handle) ESP_MUST_CHECK;

// ---- Setters ---------------------------------------------------------------------------------------

/**
 * Set an integer. An equal value of the same type is left alone, without wear; one of another type is replaced.
 * @return ESP_OK; ESP_ERR_NVS_INVALID_HANDLE; ESP_ERR_NVS_READ_ONLY: opened with NVS_READONLY;
 *         ESP_ERR_NVS_INVALID_NAME: no key; ESP_ERR_NVS_KEY_TOO_LONG; ESP_ERR_NVS_NOT_ENOUGH_SPACE: the old value
 *         stays; ESP_ERR_FLASH_OP_FAIL: it does not read back as written, the old value stays; or the flash error
 */
esp_err_t nvs_set_i8(nvs_handle_t handle, const char *key, int8_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_u8(nvs_handle_t handle, const char *key, uint8_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_i16(nvs_handle_t handle, const char *key, int16_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_u16(nvs_handle_t handle, const char *key, uint16_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_i32(nvs_handle_t handle, const char *key, int32_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_u32(nvs_handle_t handle, const char *key, uint32_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_i64(nvs_handle_t handle, const char *key, int64_t value) ESP_MUST_CHECK;
esp_err_t nvs_set_u64(nvs_handle_t handle, const char *key, uint64_t value) ESP_MUST_CHECK;

/**
 * Sets a string of at most 4000 bytes, terminator included.
 * @return as nvs_set_u8(); ESP_ERR_INVALID_ARG: value is NULL; ESP_ERR_NVS_VALUE_TOO_LONG
 */
esp_err_t nvs_set_str(nvs_handle_t handle, const char *key, const char *value) ESP_MUST_CHECK;

/**
 * Sets length bytes, which may be 0; at most 4000 for each page but one, and 508000.
 * @return as nvs_set_u8(); ESP_ERR_INVALID_ARG: value is NULL and length is not 0; ESP_ERR_NVS_VALUE_TOO_LONG
 */
esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *value,
                       size_t length) ESP_MUST_CHECK;

// ---- Getters ---------------------------------------------------------------------------------------

/**
 * Get an integer.
 * @param[out] out_value  left alone on failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NVS_INVALID_HANDLE; ESP_ERR_NVS_NOT_FOUND;
 *         ESP_ERR_NVS_TYPE_MISMATCH: the key has a value of another type; ESP_ERR_NVS_INVALID_NAME: no key;
 *         ESP_ERR_NVS_KEY_TOO_LONG; or the flash error
 */
esp_err_t nvs_get_i8(nvs_handle_t handle, const char *key, int8_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_u8(nvs_handle_t handle, const char *key, uint8_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_i16(nvs_handle_t handle, const char *key, int16_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_u16(nvs_handle_t handle, const char *key, uint16_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_i32(nvs_handle_t handle, const char *key, int32_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_u32(nvs_handle_t handle, const char *key, uint32_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_i64(nvs_handle_t handle, const char *key, int64_t *out_value) ESP_MUST_CHECK;
esp_err_t nvs_get_u64(nvs_handle_t handle, const char *key, uint64_t *out_value) ESP_MUST_CHECK;

/**
 * Get a string (with its terminator) or a blob.
 * @param[out]    out_value  NULL: only the length is wanted
 * @param[in,out] length     capacity of out_value; set to the length of the value, also with
 *                           ESP_ERR_NVS_INVALID_LENGTH, else left alone on failure
 * @return as nvs_get_u8(); ESP_ERR_NVS_INVALID_LENGTH: the capacity is too small;
 *         ESP_ERR_NVS_INVALID_STATE: a string without terminator, which nobody writes
 */
esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *out_value,
                      size_t *length) ESP_MUST_CHECK;
esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *out_value,
                       size_t *length) ESP_MUST_CHECK;

/**
 * Whether a key has a value, and of which type.
 * @param[out] out_type  may be NULL
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND; ESP_ERR_NVS_INVALID_HANDLE; ESP_ERR_NVS_INVALID_NAME; ESP_ERR_NVS_KEY_TOO_LONG
 */
esp_err_t nvs_find_key(nvs_handle_t handle, const char *key, nvs_type_t *out_type) ESP_MUST_CHECK;

// ---- Erasing ---------------------------------------------------------------------------------------

/**
 * Erases one value. Cut: it is there or not.
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND; ESP_ERR_NVS_INVALID_HANDLE; ESP_ERR_NVS_READ_ONLY; ESP_ERR_NVS_INVALID_NAME;
 *         ESP_ERR_NVS_KEY_TOO_LONG; or the flash error
 */
esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key) ESP_MUST_CHECK;

/**
 * Erases all values of the namespace. Cut: some of them are gone.
 * @return ESP_OK, also when there are none; ESP_ERR_NVS_INVALID_HANDLE; ESP_ERR_NVS_READ_ONLY; or the flash error
 */
esp_err_t nvs_erase_all(nvs_handle_t handle) ESP_MUST_CHECK;

// ---- Looking around --------------------------------------------------------------------------------

/**
 * Counts the entries of a partition.
 * @param part_name  NULL: "nvs"
 * @return ESP_OK; ESP_ERR_INVALID_ARG: nvs_stats is NULL; ESP_ERR_NVS_NOT_INITIALIZED: the partition is not in use;
 *         or the flash error; on failure all counts are 0
 */
esp_err_t nvs_get_stats(const char *part_name, nvs_stats_t *nvs_stats) ESP_MUST_CHECK;

/**
 * Counts the entries that the values of the namespace use; the namespace's own is not among them.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_ERR_NVS_INVALID_HANDLE; or the flash error; on failure *used_entries is 0
 */
esp_err_t nvs_get_used_entry_count(nvs_handle_t handle, size_t *used_entries) ESP_MUST_CHECK;

/**
 * Finds the first value of a partition.
 * @param namespace_name   NULL: of all namespaces
 * @param type             NVS_TYPE_ANY: of all types
 * @param[out] output_iterator  NULL on every failure; else to be released unless nvs_entry_next() came to the end
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: no such value, namespace or partition; ESP_ERR_INVALID_ARG: NULL;
 *         ESP_ERR_NO_MEM; or the flash error
 */
esp_err_t nvs_entry_find(const char *part_name, const char *namespace_name, nvs_type_t type,
                         nvs_iterator_t *output_iterator) ESP_MUST_CHECK;

/** As nvs_entry_find(), in the namespace of a handle. @return also ESP_ERR_NVS_INVALID_HANDLE */
esp_err_t nvs_entry_find_in_handle(nvs_handle_t handle, nvs_type_t type,
                                   nvs_iterator_t *output_iterator) ESP_MUST_CHECK;

/**
 * Goes to the next value. Values set or erased meanwhile may be met or not, and met twice; nothing worse happens.
 * @param[in,out] iterator  released and NULL when there is no further one or something fails
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND: no further value; ESP_ERR_INVALID_ARG: NULL; or the flash error
 */
esp_err_t nvs_entry_next(nvs_iterator_t *iterator) ESP_MUST_CHECK;

/** What the iterator stands at. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t nvs_entry_info(nvs_iterator_t iterator, nvs_entry_info_t *out_info) ESP_MUST_CHECK;

/** Ends a search that was left early; NULL is harmless. */
void nvs_release_iterator(nvs_iterator_t iterator);

#ifdef __cplusplus
}
#endif
