// Bytes on their way to flash: checked, given room, programmed and read back.

#include <string.h>

#include "esp_log.h"
#include "ota_session.h"
#include "ota_tail.h"

static const char *TAG = "esp_ota_ops";

#define FIRST_BYTES 288u // fact: image header, segment header and descriptor
#define BLOCK       FLASH_CIPHER_BLOCK

static esp_err_t check_first_bytes(const struct ota_session *session, const uint8_t *data,
                                   size_t size)
{
    if (ota_session_has_image(session) && data[0] != ESP_IMAGE_HEADER_MAGIC) {
        ESP_LOGE(TAG, "not an ESP image: it starts with 0x%02x instead of 0xE9", data[0]);
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (session->final->type == ESP_PARTITION_TYPE_PARTITION_TABLE && size >= 2 &&
        (data[0] | data[1] << 8) != ESP_PARTITION_MAGIC) {
        ESP_LOGE(TAG, "not a partition table: it starts with 0x%02x%02x instead of 0xAA50", data[0],
                 data[1]);
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    return ESP_OK;
}

static bool is_of_policy(enum image_fault fault)
{
    return (fault >= IMAGE_POLICY_NO_DESCRIPTOR && fault <= IMAGE_POLICY_TOO_LARGE) ||
           fault == IMAGE_POLICY_TOO_SMALL;
}

// What the first bytes tell of project and version is judged before this write erases anything.
static esp_err_t check_policy(const struct ota_session *session, const uint8_t *data, size_t size)
{
    if (!ota_session_has_image(session)) {
        return ESP_OK;
    }
    enum image_fault fault = image_check_header(data, size, 0, &session->verifier.rules);
    if (!is_of_policy(fault)) {
        return ESP_OK; // everything else is judged at the end
    }
    ESP_LOGE(TAG, "the image for %s is refused: %s", session->final->label,
             image_fault_text(fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

static esp_err_t take_back(struct ota_session *session, const uint8_t *back, const uint8_t *data,
                           uint32_t offset, uint32_t len)
{
    if (memcmp(back, data, len) != 0) {
        ESP_LOGE(TAG, "%s does not hold what was written at 0x%" PRIx32, session->staging->label,
                 offset);
        return ESP_ERR_FLASH_OP_FAIL;
    }
    if (session->is_followed) {
        ota_follow_bytes(session, back, len);
    }
    return ESP_OK;
}

static esp_err_t read_back(struct ota_session *session, const uint8_t *data, uint32_t offset,
                           uint32_t len)
{
    const uint8_t *mapped = ota_room_map(session->staging, offset, len);
    if (mapped) {
        return take_back(session, mapped, data, offset, len);
    }
    uint8_t chunk[OTA_SESSION_CHUNK];
    for (uint32_t done = 0; done < len;) {
        uint32_t part = len - done < OTA_SESSION_CHUNK ? len - done : OTA_SESSION_CHUNK;
        esp_err_t err = esp_partition_read(session->staging, offset + done, chunk, part);
        if (err == ESP_OK) {
            err = take_back(session, chunk, data + done, offset + done, part);
        }
        if (err != ESP_OK) {
            return err;
        }
        done += part;
    }
    return ESP_OK;
}

static bool fits(const struct ota_session *session, uint32_t offset, size_t size)
{
    const esp_partition_t *smaller = session->staging;
    if (session->copies_to_final && session->final->size < smaller->size) {
        smaller = session->final;
    }
    uint32_t capacity = smaller->size;
    if (offset <= capacity && size <= capacity - offset) {
        return true;
    }
    ESP_LOGE(TAG, "%zu bytes at 0x%" PRIx32 " do not fit into %s (%" PRIu32 " bytes)", size, offset,
             smaller->label, capacity);
    return false;
}

// Data stands at offset: now it is seen there.
static esp_err_t note_written(struct ota_session *session, const uint8_t *data, uint32_t offset,
                              uint32_t len)
{
    esp_err_t err = read_back(session, data, offset, len);
    if (err == ESP_OK) {
        session->written += len;
        session->end = offset + len > session->end ? offset + len : session->end;
    }
    return err;
}

static esp_err_t program_part(struct ota_session *session, const uint8_t *data, uint32_t offset,
                              uint32_t len)
{
    esp_err_t err = esp_partition_write(session->staging, offset, data, len);
    return err == ESP_OK ? note_written(session, data, offset, len) : err;
}

static esp_err_t program(struct ota_session *session, const uint8_t *data, uint32_t offset,
                         uint32_t len)
{
    const esp_partition_t *staging = session->staging;
    if (!ota_select_is_ota_slot(staging) || !ota_tail_has_room(staging, 0)) {
        return program_part(session, data, offset, len);
    }
    esp_err_t err = ota_tail_check_data(staging, offset, data, len);
    for (uint32_t done = 0; done < len && err == ESP_OK;) {
        uint32_t part = ota_tail_part_len(staging, offset + done, len - done);
        err = program_part(session, data + done, offset + done, part);
        done += part;
    }
    return err;
}

static void yield(const struct ota_session *session)
{
    if (session->tuning.yield) {
        session->tuning.yield(session->tuning.yield_context);
    }
}

// Writes the beginning of data at offset: as far as there is room, after making some if there is none. *done: bytes.
static esp_err_t write_part(struct ota_session *session, const uint8_t *data, uint32_t offset,
                            uint32_t len, uint32_t *done)
{
    uint32_t room = len;
    esp_err_t err = ESP_OK;
    if (session->erases_on_the_fly) {
        if (offset == session->room.ready_end) {
            err = ota_room_make(&session->room, data, len);
            yield(session);
        }
        room = session->room.ready_end - offset;
    }
    *done = room < len ? room : len;
    if (err != ESP_OK) {
        return err;
    }
    err = offset < session->room.kept_end ? note_written(session, data, offset, *done)
                                          : program(session, data, offset, *done);
    yield(session);
    return err;
}

// What was followed cannot be taken back: after an error the image is verified by a pass of its own.
static esp_err_t write_all(struct ota_session *session, const uint8_t *data, uint32_t offset,
                           uint32_t len)
{
    esp_err_t err = ESP_OK;
    uint32_t part = 0;
    for (uint32_t at = 0; at < len && err == ESP_OK; at += part) {
        err = write_part(session, data + at, offset + at, len - at, &part);
    }
    session->is_followed = session->is_followed && err == ESP_OK;
    return err;
}

// Bytes enough to complete the block that waits are taken from data first.
static esp_err_t complete_pending(struct ota_session *session, const uint8_t *data, uint32_t len)
{
    uint8_t block[BLOCK];
    memcpy(block, session->pending, session->pending_len);
    memcpy(block + session->pending_len, data, len);
    return write_all(session, block, session->position - session->pending_len, BLOCK);
}

// fact: ESP-IDF keeps what makes no whole block of the flash encryption until more comes. What is behind it in the block
// is 0 in the first that was put together and 0xFF in later ones; the end of an update writes that too.
static esp_err_t write_blocks(struct ota_session *session, const uint8_t *data, uint32_t len)
{
    uint32_t had = session->pending_len;
    if (had + len < BLOCK) {
        memcpy(session->pending + had, data, len);
        session->pending_len += len;
        return ESP_OK;
    }
    uint32_t first = had > 0 ? BLOCK - had : 0;
    uint32_t middle = (len - first) / BLOCK * BLOCK;
    uint32_t last = len - first - middle;
    esp_err_t err = first > 0 ? complete_pending(session, data, first) : ESP_OK;
    if (err == ESP_OK && middle > 0) {
        err = write_all(session, data + first, session->position + first, middle);
    }
    if (err == ESP_OK) {
        if (first > 0) {
            memset(session->pending, 0xFF, BLOCK);
        }
        memcpy(session->pending, data + first + middle, last);
        session->pending_len = last;
    }
    return err;
}

esp_err_t ota_write_pending(struct ota_session *session)
{
    if (session->pending_len == 0) {
        return ESP_OK;
    }
    uint32_t offset = session->position - session->pending_len;
    ota_session_look_for_other_changes(session);
    esp_err_t err = write_all(session, session->pending, offset, BLOCK);
    ota_session_watch(session);
    session->pending_len = 0;
    return err;
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size)
{
    if (!data) {
        return ESP_ERR_INVALID_ARG;
    }
    if (size == 0) {
        return ESP_OK;
    }
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = session->position == 0 ? check_first_bytes(session, data, size) : ESP_OK;
    if (err == ESP_OK && session->position == 0) {
        err = check_policy(session, data, size < FIRST_BYTES ? size : FIRST_BYTES);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (!fits(session, session->position, size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    ota_session_look_for_other_changes(session);
    err = session->staging->encrypted ? write_blocks(session, data, (uint32_t)size)
                                      : write_all(session, data, session->position, (uint32_t)size);
    ota_session_watch(session);
    if (err == ESP_OK) {
        session->position += (uint32_t)size;
    }
    return err;
}

esp_err_t esp_ota_write_with_offset(esp_ota_handle_t handle, const void *data, size_t size,
                                    uint32_t offset)
{
    if (!data) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    if (session->erases_on_the_fly) {
        ESP_LOGE(TAG,
                 "writing at an offset needs a session that erased its partition at the beginning");
        return ESP_ERR_INVALID_STATE;
    }
    if (session->staging->encrypted && (size % BLOCK != 0 || offset % BLOCK != 0)) {
        ESP_LOGE(TAG, "%s is encrypted: %zu bytes at 0x%" PRIx32 " are not whole blocks of 16",
                 session->staging->label, size, offset);
        return ESP_ERR_INVALID_ARG;
    }
    if (!fits(session, offset, size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    session->is_followed = false;
    return program(session, data, offset, (uint32_t)size);
}

esp_err_t esp_ota_erase_ahead(esp_ota_handle_t handle)
{
    struct ota_session *session = ota_session_find(handle);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!session->erases_on_the_fly) {
        return ESP_ERR_NOT_FOUND;
    }
    ota_session_look_for_other_changes(session);
    esp_err_t err = ota_room_make_ahead(&session->room, session->position - session->pending_len);
    ota_session_watch(session);
    yield(session);
    return err;
}
