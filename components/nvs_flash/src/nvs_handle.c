// The interface of nvs.h: a handle means a namespace of a partition and what may be done there.
#include "nvs.h"

#include <stdlib.h>
#include <string.h>

#include "esp_flash.h"
#include "nvs_partitions.h"

struct handle {
    nvs_handle_t number;
    uint32_t partition_serial;
    uint8_t ns;
    nvs_open_mode_t mode;
    struct handle *next;
};

static struct handle *s_handles; // under the lock of nvs_partitions.h, like all below
static nvs_handle_t s_last_number;

// ---- Entering and leaving --------------------------------------------------------------------------

// What a call works on. It holds the lock from enter() to leave().
struct call {
    struct nvs_partition *partition;
    struct nvs_scope scope;
};

static struct handle *find_handle(nvs_handle_t number)
{
    struct handle *handle = s_handles;
    while (handle && handle->number != number) {
        handle = handle->next;
    }
    return handle;
}

static esp_err_t enter_locked(nvs_handle_t number, bool writes, struct call *call)
{
    const struct handle *handle = find_handle(number);
    struct nvs_partition *partition =
        handle ? nvs_partitions_find_serial(handle->partition_serial) : NULL;
    if (!partition) {
        return ESP_ERR_NVS_INVALID_HANDLE;
    }
    if (writes && handle->mode == NVS_READONLY) {
        return ESP_ERR_NVS_READ_ONLY;
    }
    *call = (struct call){partition,
                          {&partition->storage, handle->ns, handle->mode == NVS_READWRITE_PURGE}};
    return nvs_partitions_refresh(partition);
}

// On success the lock is held until leave().
static esp_err_t enter(nvs_handle_t number, bool writes, struct call *call)
{
    esp_err_t err = nvs_partitions_lock();
    if (err != ESP_OK) {
        return err;
    }
    err = enter_locked(number, writes, call);
    if (err != ESP_OK) {
        nvs_partitions_unlock();
    }
    return err;
}

static esp_err_t leave(const struct call *call, esp_err_t err)
{
    err = nvs_partitions_note(call->partition, err);
    nvs_partitions_unlock();
    return err;
}

static esp_err_t check_key(const char *key)
{
    if (!key || key[0] == '\0') {
        return ESP_ERR_NVS_INVALID_NAME;
    }
    return strlen(key) < NVS_KEY_NAME_MAX_SIZE ? ESP_OK : ESP_ERR_NVS_KEY_TOO_LONG;
}

// ---- Opening ---------------------------------------------------------------------------------------

static bool is_namespace(const struct nvs_entry *entry)
{
    return entry->ns == NVS_NAMESPACE_LIST && entry->type == NVS_TYPE_U8;
}

// A number no namespace has; 0: all are taken.
static esp_err_t find_free_number(const struct nvs_storage *storage, uint8_t *out)
{
    bool is_taken[NVS_NAMESPACE_MAX + 2] = {false};
    struct nvs_item item = {0};
    esp_err_t err;
    while ((err = nvs_storage_next(storage, &item)) == ESP_OK) {
        if (is_namespace(&item.entry)) {
            is_taken[item.entry.u.value[0]] = true;
        }
    }
    if (err != ESP_ERR_NVS_NOT_FOUND) {
        return err;
    }
    uint32_t number = 1;
    while (number <= NVS_NAMESPACE_MAX && is_taken[number]) {
        number++;
    }
    *out = number <= NVS_NAMESPACE_MAX ? (uint8_t)number : 0;
    return ESP_OK;
}

static esp_err_t make_namespace(struct nvs_storage *storage, const char *name, uint8_t *out)
{
    esp_err_t err = find_free_number(storage, out);
    if (err == ESP_OK && *out == 0) {
        err = ESP_ERR_NVS_NOT_ENOUGH_SPACE;
    }
    if (err == ESP_OK) { // what an erase that was cut has left of an older namespace
        err = nvs_value_erase_all(&(struct nvs_scope){.storage = storage, .ns = *out});
    }
    const struct nvs_scope list = {.storage = storage, .ns = NVS_NAMESPACE_LIST};
    return err == ESP_OK ? nvs_value_set(&list, name, NVS_TYPE_U8, out, 1) : err;
}

static esp_err_t find_namespace(struct nvs_storage *storage, const char *name, bool writes,
                                uint8_t *out)
{
    struct nvs_item item;
    esp_err_t err =
        nvs_storage_find(storage, NVS_NAMESPACE_LIST, name, NVS_CHUNK_NONE, NULL, &item);
    if (err == ESP_ERR_NVS_NOT_FOUND) {
        return writes ? make_namespace(storage, name, out) : err;
    }
    if (err == ESP_OK) {
        bool is_usable = is_namespace(&item.entry) && item.entry.u.value[0] != NVS_NAMESPACE_LIST &&
                         item.entry.u.value[0] <= NVS_NAMESPACE_MAX;
        *out = item.entry.u.value[0];
        err = is_usable ? ESP_OK : ESP_ERR_NVS_INVALID_STATE;
    }
    return err;
}

static esp_err_t open_locked(const char *part_name, const char *name, nvs_open_mode_t mode,
                             nvs_handle_t *out)
{
    struct nvs_partition *partition = nvs_partitions_find(part_name);
    if (!partition) {
        return nvs_partitions_is_any() ? ESP_ERR_NVS_PART_NOT_FOUND : ESP_ERR_NVS_NOT_INITIALIZED;
    }
    if (mode != NVS_READONLY && partition->storage.is_read_only) {
        return ESP_ERR_NOT_ALLOWED;
    }
    uint8_t ns = 0;
    esp_err_t err = nvs_partitions_refresh(partition);
    if (err == ESP_OK) {
        err = find_namespace(&partition->storage, name, mode != NVS_READONLY, &ns);
    }
    if (err != ESP_OK) {
        return nvs_partitions_note(partition, err);
    }
    struct handle *handle = malloc(sizeof(*handle));
    if (!handle) {
        return ESP_ERR_NO_MEM;
    }
    *handle = (struct handle){++s_last_number, partition->serial, ns, mode, s_handles};
    s_handles = handle;
    *out = handle->number;
    return ESP_OK;
}

esp_err_t nvs_open_from_partition(const char *part_name, const char *namespace_name,
                                  nvs_open_mode_t open_mode, nvs_handle_t *out_handle)
{
    if (!out_handle || !part_name) {
        return ESP_ERR_INVALID_ARG;
    }
    *out_handle = 0;
    if (check_key(namespace_name) != ESP_OK) {
        return ESP_ERR_NVS_INVALID_NAME;
    }
    esp_err_t err = nvs_partitions_lock();
    if (err == ESP_OK) {
        err = open_locked(part_name, namespace_name, open_mode, out_handle);
        nvs_partitions_unlock();
    }
    return err;
}

esp_err_t nvs_open(const char *namespace_name, nvs_open_mode_t open_mode, nvs_handle_t *out_handle)
{
    return nvs_open_from_partition(NVS_DEFAULT_PART_NAME, namespace_name, open_mode, out_handle);
}

void nvs_close(nvs_handle_t handle)
{
    if (nvs_partitions_lock() != ESP_OK) {
        return; // without a lock there is no handle
    }
    struct handle **link = &s_handles;
    while (*link && (*link)->number != handle) {
        link = &(*link)->next;
    }
    struct handle *found = *link;
    if (found) {
        *link = found->next;
        free(found);
    }
    nvs_partitions_unlock();
}

void nvs_handle_forget(uint32_t partition_serial)
{
    struct handle **link = &s_handles;
    while (*link) {
        struct handle *handle = *link;
        if (handle->partition_serial == partition_serial) {
            *link = handle->next;
            free(handle);
        } else {
            link = &handle->next;
        }
    }
}

esp_err_t nvs_commit(nvs_handle_t handle)
{
    struct call call;
    esp_err_t err = enter(handle, false, &call);
    return err == ESP_OK ? leave(&call, esp_flash_sync(call.scope.storage->partition.flash_chip))
                         : err;
}

static esp_err_t enter_for_key(nvs_handle_t handle, const char *key, bool writes, struct call *call)
{
    esp_err_t err = check_key(key);
    return err == ESP_OK ? enter(handle, writes, call) : err;
}

// ---- Setters ---------------------------------------------------------------------------------------

static esp_err_t set(nvs_handle_t handle, const char *key, uint8_t type, const void *data,
                     size_t len)
{
    struct call call;
    esp_err_t err = enter_for_key(handle, key, true, &call);
    return err == ESP_OK ? leave(&call, nvs_value_set(&call.scope, key, type, data, (uint32_t)len))
                         : err;
}

// ---- Getters ---------------------------------------------------------------------------------------

// The value of a key; TYPE_MISMATCH unless it has this type. With NVS_TYPE_ANY any type will do.
static esp_err_t find(const struct call *call, const char *key, nvs_type_t type,
                      struct nvs_item *item)
{
    esp_err_t err =
        nvs_storage_find(call->scope.storage, call->scope.ns, key, NVS_CHUNK_NONE, NULL, item);
    if (err != ESP_OK || type == NVS_TYPE_ANY) {
        return err;
    }
    return (nvs_type_t)nvs_format_public_type(item->entry.type) == type ? ESP_OK
                                                                        : ESP_ERR_NVS_TYPE_MISMATCH;
}

// Enters and finds the value of a key; entered only when it is there.
static esp_err_t enter_at(nvs_handle_t handle, const char *key, nvs_type_t type, bool writes,
                          struct call *call, struct nvs_item *item)
{
    esp_err_t err = enter_for_key(handle, key, writes, call);
    if (err != ESP_OK) {
        return err;
    }
    err = find(call, key, type, item);
    return err == ESP_OK ? ESP_OK : leave(call, err);
}

static esp_err_t get(nvs_handle_t handle, const char *key, uint8_t type, void *data, size_t len)
{
    struct call call;
    struct nvs_item item;
    if (!data) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = enter_at(handle, key, (nvs_type_t)type, false, &call, &item);
    if (err != ESP_OK) {
        return err;
    }
    memcpy(data, item.entry.u.value, len);
    return leave(&call, ESP_OK);
}

// One setter and one getter for each integer type.
#define DEFINE_INTEGER(suffix, c_type, type)                                                       \
    esp_err_t nvs_set_##suffix(nvs_handle_t handle, const char *key, c_type value)                 \
    {                                                                                              \
        return set(handle, key, type, &value, sizeof(value));                                      \
    }                                                                                              \
    esp_err_t nvs_get_##suffix(nvs_handle_t handle, const char *key, c_type *out_value)            \
    {                                                                                              \
        return get(handle, key, type, out_value, sizeof(*out_value));                              \
    }

DEFINE_INTEGER(i8, int8_t, NVS_TYPE_I8)
DEFINE_INTEGER(u8, uint8_t, NVS_TYPE_U8)
DEFINE_INTEGER(i16, int16_t, NVS_TYPE_I16)
DEFINE_INTEGER(u16, uint16_t, NVS_TYPE_U16)
DEFINE_INTEGER(i32, int32_t, NVS_TYPE_I32)
DEFINE_INTEGER(u32, uint32_t, NVS_TYPE_U32)
DEFINE_INTEGER(i64, int64_t, NVS_TYPE_I64)
DEFINE_INTEGER(u64, uint64_t, NVS_TYPE_U64)

// ---- Strings and blobs -----------------------------------------------------------------------------

esp_err_t nvs_set_str(nvs_handle_t handle, const char *key, const char *value)
{
    size_t size = value ? strlen(value) + 1 : 0;
    if (!value) {
        return ESP_ERR_INVALID_ARG;
    }
    return size > NVS_DATA_MAX ? ESP_ERR_NVS_VALUE_TOO_LONG
                               : set(handle, key, NVS_TYPE_STR, value, size);
}

esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *value, size_t length)
{
    struct call call;
    if (!value && length > 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = enter_for_key(handle, key, true, &call);
    return err == ESP_OK
               ? leave(&call, nvs_value_set_blob(&call.scope, key, value ? value : "", length))
               : err;
}

// Reads into memory of our own first: the caller's is left alone when the value turns out to be damaged.
static esp_err_t read_whole(const struct call *call, const struct nvs_item *item, nvs_type_t type,
                            void *out, size_t len)
{
    char *bytes = malloc(len + 1);
    if (!bytes) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = nvs_value_read(call->scope.storage, item, bytes);
    if (err == ESP_OK && type == NVS_TYPE_STR && (len == 0 || bytes[len - 1] != '\0')) {
        err = ESP_ERR_NVS_INVALID_STATE;
    }
    if (err == ESP_OK && len > 0) {
        memcpy(out, bytes, len);
    }
    free(bytes);
    return err;
}

static esp_err_t get_bytes(nvs_handle_t handle, const char *key, nvs_type_t type, void *out,
                           size_t *length)
{
    struct call call;
    struct nvs_item item;
    if (!length) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = enter_at(handle, key, type, false, &call, &item);
    if (err != ESP_OK) {
        return err;
    }
    size_t len = nvs_value_len(&item);
    if (out && *length < len) {
        err = ESP_ERR_NVS_INVALID_LENGTH;
    } else if (out) {
        err = read_whole(&call, &item, type, out, len);
    }
    if (err == ESP_OK || err == ESP_ERR_NVS_INVALID_LENGTH) {
        *length = len;
    }
    return leave(&call, err);
}

esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *out_value, size_t *length)
{
    return get_bytes(handle, key, NVS_TYPE_STR, out_value, length);
}

esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *out_value, size_t *length)
{
    return get_bytes(handle, key, NVS_TYPE_BLOB, out_value, length);
}

esp_err_t nvs_find_key(nvs_handle_t handle, const char *key, nvs_type_t *out_type)
{
    struct call call;
    struct nvs_item item;
    esp_err_t err = enter_at(handle, key, NVS_TYPE_ANY, false, &call, &item);
    if (err == ESP_OK && out_type) {
        *out_type = (nvs_type_t)nvs_format_public_type(item.entry.type);
    }
    return err == ESP_OK ? leave(&call, ESP_OK) : err;
}

// ---- Erasing ---------------------------------------------------------------------------------------

esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key)
{
    struct call call;
    struct nvs_item item;
    esp_err_t err = enter_at(handle, key, NVS_TYPE_ANY, true, &call, &item);
    return err == ESP_OK ? leave(&call, nvs_value_erase(&call.scope, &item)) : err;
}

esp_err_t nvs_erase_all(nvs_handle_t handle)
{
    struct call call;
    esp_err_t err = enter(handle, true, &call);
    return err == ESP_OK ? leave(&call, nvs_value_erase_all(&call.scope)) : err;
}

esp_err_t nvs_get_used_entry_count(nvs_handle_t handle, size_t *used_entries)
{
    struct call call;
    struct nvs_item item = {0};
    size_t count = 0;
    if (!used_entries) {
        return ESP_ERR_INVALID_ARG;
    }
    *used_entries = 0;
    esp_err_t err = enter(handle, false, &call);
    if (err != ESP_OK) {
        return err;
    }
    while ((err = nvs_storage_next(call.scope.storage, &item)) == ESP_OK) {
        count += item.entry.ns == call.scope.ns ? item.entry.span : 0;
    }
    if (err == ESP_ERR_NVS_NOT_FOUND) {
        *used_entries = count;
        err = ESP_OK;
    }
    return leave(&call, err);
}

esp_err_t nvs_handle_scope(nvs_handle_t handle, uint32_t *partition_serial, uint8_t *ns)
{
    struct call call;
    esp_err_t err = enter_locked(handle, false, &call);
    if (err == ESP_OK) {
        *partition_serial = call.partition->serial;
        *ns = call.scope.ns;
    }
    return err;
}
