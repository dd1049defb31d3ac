// One session writes one image into one partition. What was programmed is read back at once and goes through the image
// verifier, so that the verdict at the end is about what stands on flash and costs no second pass.

#include "ota_private.h"

#include <stdatomic.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "flash_ops.h"
#include "ota_room.h"
#include "ota_tail.h"

static const char *TAG = "esp_ota_ops";

#define FIRST_BYTES     288u  // fact: image header, segment header and descriptor
#define READ_BACK_CHUNK 4096u // chosen: one sector on the stack, where flash is not mapped
#define BLOCK           FLASH_CIPHER_BLOCK

struct ota_session {
    esp_ota_handle_t handle;
    const esp_partition_t *staging; // written to
    const esp_partition_t *final;   // meant for; decides the checks
    bool copies_to_final;
    bool erases_on_the_fly;
    bool is_resumed;
    uint32_t position;    // next write of esp_ota_write
    struct ota_room room; // on the fly: what may be written to
    esp_ota_tuning_t tuning;
    uint32_t end;     // of the last byte that stands on flash
    uint32_t written; // bytes written in this session
    uint8_t
        pending[BLOCK]; // encrypted: the bytes below position that do not make a whole block yet
    uint32_t pending_len;
    bool is_followed;               // verifier or hash has seen everything below position
    struct ota_trust trust;         // what the verifier asks for beyond the chip
    struct image_verifier verifier; // of an image
    struct crypto_hash hash;        // of anything else
    struct flash_watch watch;       // on what was written
    bool was_touched_by_other;      // not only this session wrote there: what was seen may be gone
    struct ota_session *next;
};

// Handles are numbers by ESP-IDF's interface, so open sessions are found in a list.
static struct ota_session *s_sessions;
static esp_ota_handle_t s_last_handle;
static atomic_flag s_lock = ATOMIC_FLAG_INIT;

static void lock_sessions(void)
{
    while (atomic_flag_test_and_set_explicit(&s_lock, memory_order_acquire)) {
    }
}

static void unlock_sessions(void)
{
    atomic_flag_clear_explicit(&s_lock, memory_order_release);
}

static struct ota_session *find_session(esp_ota_handle_t handle)
{
    lock_sessions();
    struct ota_session *session = s_sessions;
    while (session && session->handle != handle) {
        session = session->next;
    }
    unlock_sessions();
    return session;
}

static bool is_in_use(const esp_partition_t *partition)
{
    const struct ota_session *session = s_sessions;
    while (session && session->staging != partition && session->final != partition) {
        session = session->next;
    }
    return session != NULL;
}

bool ota_session_is_in_use(const esp_partition_t *partition)
{
    lock_sessions();
    bool is_taken = is_in_use(partition);
    unlock_sessions();
    return is_taken;
}

static esp_err_t add_session(struct ota_session *session)
{
    lock_sessions();
    bool is_taken = is_in_use(session->staging);
    if (!is_taken) {
        s_last_handle = s_last_handle == UINT32_MAX ? 1 : s_last_handle + 1;
        session->handle = s_last_handle;
        session->next = s_sessions;
        s_sessions = session;
    }
    unlock_sessions();
    return is_taken ? ESP_ERR_OTA_ALREADY_IN_PROGRESS : ESP_OK;
}

static void free_session(struct ota_session *session)
{
    lock_sessions();
    for (struct ota_session **at = &s_sessions; *at; at = &(*at)->next) {
        if (*at == session) {
            *at = session->next;
            break;
        }
    }
    unlock_sessions();
    flash_watch_stop(session->staging->flash_chip, &session->watch);
    free(session);
}

// Around every change of its own a session looks whether somebody else made one, and then starts to watch again.
static void look_for_other_changes(struct ota_session *session)
{
    session->was_touched_by_other =
        session->was_touched_by_other || flash_watch_is_touched(&session->watch);
}

// What is watched is what stands there by now; the journal in the tail is none of it.
static void watch_again(struct ota_session *session)
{
    flash_watch_stop(session->staging->flash_chip, &session->watch);
    session->watch.len = session->end;
    flash_watch_start(session->staging->flash_chip, &session->watch);
}

// ----------------------------------------------------------------------- begin

static bool has_image(const esp_partition_t *partition)
{
    return partition->type == ESP_PARTITION_TYPE_APP ||
           partition->type == ESP_PARTITION_TYPE_BOOTLOADER;
}

static bool is_running_unconfirmed(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    return boot_handover_get()->rollback && running &&
           esp_ota_get_state_partition(running, &state) == ESP_OK &&
           state == ESP_OTA_IMG_PENDING_VERIFY;
}

static esp_err_t check_target(const esp_partition_t *partition)
{
    if (partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_OK;
    }
    if (!ota_select_is_ota_slot(partition)) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition == esp_ota_get_running_partition()) {
        ESP_LOGE(TAG, "%s is the running partition; update another one", partition->label);
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    if (is_running_unconfirmed()) {
        ESP_LOGE(TAG,
                 "the running image is not confirmed yet; mark it valid before the next update");
        return ESP_ERR_OTA_ROLLBACK_INVALID_STATE;
    }
    return ESP_OK;
}

// The policy is about applications.
static const struct image_policy *policy_of(const struct ota_session *session)
{
    return session->final->type == ESP_PARTITION_TYPE_APP ? &session->trust.policy : NULL;
}

static void start_verifier(struct ota_session *session)
{
    struct image_rules rules = {
        .chip = boot_handover_get()->chip,
        .flash_offset =
            session->copies_to_final ? session->final->address : session->staging->address,
        .partition_size = session->staging->size < session->final->size ? session->staging->size
                                                                        : session->final->size,
        .is_bootloader = session->final->type == ESP_PARTITION_TYPE_BOOTLOADER,
        .signature = &session->trust.signature,
        .policy = policy_of(session),
    };
    image_verifier_begin(&session->verifier, &rules);
    esp_crypto.sha256_begin(&session->hash);
}

// Sectors that an interrupted update may have left half written or half erased are not used as they are.
static void start_room(struct ota_session *session, uint32_t offset)
{
    const esp_partition_t *staging = session->staging;
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress = {.image_offset = offset};
    bool has_tail = ota_select_is_ota_slot(staging) && ota_tail_has_room(staging, 0);
    ota_room_begin(&session->room, staging, offset, has_tail);
    esp_err_t err = has_tail && offset == 0 ? esp_ota_journal_load(staging, &journal, &progress)
                                            : ESP_ERR_NOT_FOUND;
    if (offset > 0 || err != ESP_ERR_NOT_FOUND) {
        ota_room_suspect(&session->room, progress.image_offset);
    }
}

static esp_err_t open_session(const esp_partition_t *partition, uint32_t offset,
                              struct ota_session **out)
{
    const esp_partition_t *known = esp_partition_verify(partition);
    if (!known) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = check_target(known);
    if (err == ESP_OK) {
        err = ota_finalize_make_way(known);
    }
    if (err == ESP_OK) {
        err = ota_trust_complete_rotation();
    }
    if (err != ESP_OK) {
        return err;
    }
    struct ota_session *session = calloc(1, sizeof(*session));
    if (!session) {
        return ESP_ERR_NO_MEM;
    }
    session->staging = known;
    session->final = known;
    session->is_followed = true;
    err = ota_trust_load(&session->trust);
    if (err == ESP_OK) {
        err = add_session(session);
    }
    if (err != ESP_OK) {
        free(session);
        return err;
    }
    start_verifier(session);
    start_room(session, offset);
    session->watch.address = known->address;
    session->watch.len = offset;
    flash_watch_start(known->flash_chip, &session->watch);
    *out = session;
    return ESP_OK;
}

static esp_err_t erase_up_front(struct ota_session *session, size_t image_size)
{
    const esp_partition_t *staging = session->staging;
    if (image_size == OTA_WITH_SEQUENTIAL_WRITES) {
        session->erases_on_the_fly = true;
        return ESP_OK;
    }
    if (image_size == 0 || image_size == OTA_SIZE_UNKNOWN) {
        return esp_partition_erase_range(staging, 0, staging->size);
    }
    if (image_size > staging->size) {
        ESP_LOGE(TAG, "%zu bytes do not fit into %s (%" PRIu32 " bytes)", image_size,
                 staging->label, staging->size);
        return ESP_ERR_INVALID_SIZE;
    }
    size_t unit = staging->erase_size;
    size_t rounded = (image_size + unit - 1) / unit * unit;
    return esp_partition_erase_range(staging, 0, rounded);
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size,
                        esp_ota_handle_t *out_handle)
{
    if (!partition || !out_handle) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = NULL;
    esp_err_t err = open_session(partition, 0, &session);
    if (err != ESP_OK) {
        return err;
    }
    err = erase_up_front(session, image_size);
    if (err != ESP_OK) {
        free_session(session);
        return err;
    }
    if (boot_handover_get()->rollback && ota_select_is_ota_slot(session->staging)) {
        // Without an old record there is nothing to do.
        ESP_IGNORE_ERROR(esp_ota_invalidate_inactive_ota_data_slot());
    }
    watch_again(session);
    *out_handle = session->handle;
    return ESP_OK;
}

esp_err_t esp_ota_resume(const esp_partition_t *partition, const size_t erase_size,
                         const size_t image_offset, esp_ota_handle_t *out_handle)
{
    bool is_misaligned = partition && partition->encrypted && image_offset % BLOCK != 0;
    if (!partition || !out_handle || image_offset > partition->size || is_misaligned) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = NULL;
    esp_err_t err = open_session(partition, (uint32_t)image_offset, &session);
    if (err != ESP_OK) {
        return err;
    }
    session->is_resumed = image_offset > 0;
    session->is_followed = image_offset == 0;
    session->position = (uint32_t)image_offset;
    session->end = (uint32_t)image_offset;
    session->erases_on_the_fly = erase_size == OTA_WITH_SEQUENTIAL_WRITES;
    *out_handle = session->handle;
    return ESP_OK;
}

static void follow(struct ota_session *session, const uint8_t *bytes, uint32_t len)
{
    if (has_image(session->final)) {
        (void)image_verifier_write(&session->verifier, bytes,
                                   len); // the verdict is asked for at the end
    } else {
        esp_crypto.sha256_write(&session->hash, bytes, len);
    }
}

// Shows verifier or hash what stands below position, and digests it by the way.
static esp_err_t follow_prefix(struct ota_session *session, uint8_t digest[CRYPTO_SHA256_LEN])
{
    struct crypto_hash hash;
    uint8_t chunk[READ_BACK_CHUNK];
    start_verifier(session);
    esp_crypto.sha256_begin(&hash);
    for (uint32_t at = 0; at < session->position;) {
        uint32_t left = session->position - at;
        uint32_t part = left < READ_BACK_CHUNK ? left : READ_BACK_CHUNK;
        esp_err_t err = esp_partition_read(session->staging, at, chunk, part);
        if (err != ESP_OK) {
            return err;
        }
        esp_crypto.sha256_write(&hash, chunk, part);
        follow(session, chunk, part);
        at += part;
    }
    esp_crypto.sha256_end(&hash, digest);
    session->is_followed = true;
    return ESP_OK;
}

esp_err_t esp_ota_resume_verified(const esp_partition_t *partition, size_t image_offset,
                                  const uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN],
                                  esp_ota_handle_t *out_handle)
{
    esp_ota_handle_t handle;
    uint8_t found[CRYPTO_SHA256_LEN];
    if (!digest || !out_handle || image_offset % FLASH_SECTOR_SIZE != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = esp_ota_resume(partition, OTA_WITH_SEQUENTIAL_WRITES, image_offset, &handle);
    if (err != ESP_OK) {
        return err;
    }
    struct ota_session *session = find_session(handle);
    err = follow_prefix(session, found);
    if (err == ESP_OK && memcmp(found, digest, ESP_OTA_PREFIX_DIGEST_LEN) != 0) {
        ESP_LOGW(TAG, "%s does not hold the %zu bytes to continue from", session->staging->label,
                 image_offset);
        err = ESP_ERR_INVALID_CRC;
    }
    if (err != ESP_OK) {
        free_session(session);
        return err;
    }
    *out_handle = handle;
    return ESP_OK;
}

// The verifier's hash covers what comes before the appended digest, and only as long as nothing is wrong.
static bool is_hash_of_image_running(const struct ota_session *session)
{
    const struct image_verifier *v = &session->verifier;
    return v->fault == IMAGE_OK && v->position == session->position &&
           (v->body_end == 0 || v->position < v->body_end);
}

esp_err_t esp_ota_get_prefix_digest(esp_ota_handle_t handle, uint32_t *image_offset,
                                    uint8_t digest[ESP_OTA_PREFIX_DIGEST_LEN])
{
    const struct ota_session *session = find_session(handle);
    if (!session || !image_offset || !digest) {
        return ESP_ERR_INVALID_ARG;
    }
    bool is_image = has_image(session->final);
    if (!session->is_followed || session->pending_len > 0 ||
        (is_image && !is_hash_of_image_running(session))) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    struct crypto_hash hash = is_image ? session->verifier.hash : session->hash;
    uint8_t whole[CRYPTO_SHA256_LEN];
    esp_crypto.sha256_end(&hash, whole);
    memcpy(digest, whole, ESP_OTA_PREFIX_DIGEST_LEN);
    *image_offset = session->position;
    return ESP_OK;
}

static esp_err_t check_final(const struct ota_session *session, const esp_partition_t *final)
{
    esp_err_t err = ota_finalize_check(session->staging, final);
    if (err != ESP_OK) {
        return err;
    }
    if (final != session->final && ota_session_is_in_use(final)) {
        return ESP_ERR_OTA_ALREADY_IN_PROGRESS;
    }
    return ota_finalize_make_way(final);
}

esp_err_t esp_ota_set_final_partition(esp_ota_handle_t handle, const esp_partition_t *final,
                                      bool finalize_with_copy)
{
    if (!final) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ota_session *session = find_session(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    if ((session->written > 0 || session->pending_len > 0) && !session->is_resumed) {
        return ESP_ERR_INVALID_STATE;
    }
    if (final == session->staging) {
        return ESP_OK;
    }
    const esp_partition_t *known = esp_partition_verify(final);
    if (!known) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = finalize_with_copy ? check_final(session, known) : ESP_OK;
    if (err != ESP_OK) {
        return err;
    }
    session->final = known;
    session->copies_to_final = finalize_with_copy;
    if (!session->is_followed) {
        return ESP_OK;
    }
    uint8_t digest[CRYPTO_SHA256_LEN]; // of no interest here
    return follow_prefix(session, digest);
}

// ----------------------------------------------------------------------- write

static esp_err_t check_first_bytes(const struct ota_session *session, const uint8_t *data,
                                   size_t size)
{
    if (has_image(session->final) && data[0] != ESP_IMAGE_HEADER_MAGIC) {
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
    if (!has_image(session->final)) {
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
        follow(session, back, len);
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
    uint8_t chunk[READ_BACK_CHUNK];
    for (uint32_t done = 0; done < len;) {
        uint32_t part = len - done < READ_BACK_CHUNK ? len - done : READ_BACK_CHUNK;
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
    err = program(session, data, offset, *done);
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

// At the end, the block that never became whole.
static esp_err_t write_pending(struct ota_session *session)
{
    if (session->pending_len == 0) {
        return ESP_OK;
    }
    uint32_t offset = session->position - session->pending_len;
    look_for_other_changes(session);
    esp_err_t err = write_all(session, session->pending, offset, BLOCK);
    watch_again(session);
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
    struct ota_session *session = find_session(handle);
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
    look_for_other_changes(session);
    err = session->staging->encrypted ? write_blocks(session, data, (uint32_t)size)
                                      : write_all(session, data, session->position, (uint32_t)size);
    watch_again(session);
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
    struct ota_session *session = find_session(handle);
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

esp_err_t esp_ota_tune(esp_ota_handle_t handle, const esp_ota_tuning_t *tuning)
{
    struct ota_session *session = find_session(handle);
    if (!session || !tuning) {
        return ESP_ERR_INVALID_ARG;
    }
    session->tuning = *tuning;
    session->room.image_end = tuning->image_size;
    session->room.unit_max = tuning->erase_size_max;
    session->room.ahead = tuning->erase_ahead < ESP_OTA_ERASE_AHEAD_MAX ? tuning->erase_ahead
                                                                        : ESP_OTA_ERASE_AHEAD_MAX;
    return ESP_OK;
}

esp_err_t esp_ota_erase_ahead(esp_ota_handle_t handle)
{
    struct ota_session *session = find_session(handle);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!session->erases_on_the_fly) {
        return ESP_ERR_NOT_FOUND;
    }
    look_for_other_changes(session);
    esp_err_t err = ota_room_make_ahead(&session->room, session->position - session->pending_len);
    watch_again(session);
    yield(session);
    return err;
}

// ----------------------------------------------------------------------- end

// What stands on flash behind the last byte that was written counts too: a file may end inside its signature sector.
static void show_rest_of_signature(struct ota_session *session)
{
    struct image_verifier *v = &session->verifier;
    uint8_t chunk[READ_BACK_CHUNK];
    while (image_verifier_wants_signature(v) && v->position < session->staging->size) {
        uint32_t left = session->staging->size - v->position;
        uint32_t part = left < READ_BACK_CHUNK ? left : READ_BACK_CHUNK;
        if (esp_partition_read(session->staging, v->position, chunk, part) != ESP_OK) {
            return; // and so it remains truncated
        }
        (void)image_verifier_write(v, chunk, part); // the verdict is asked for at the end
    }
}

static enum image_fault judge_image(struct ota_session *session)
{
    struct image_info info;
    bool is_bootloader = session->final->type == ESP_PARTITION_TYPE_BOOTLOADER;
    look_for_other_changes(session);
    if (!session->is_followed || session->was_touched_by_other) {
        return ota_describe_verify(session->staging, is_bootloader, &session->trust.signature,
                                   &info);
    }
    show_rest_of_signature(session);
    return image_verifier_end(&session->verifier);
}

static bool needs_signed_data(const struct ota_session *session)
{
    const esp_partition_t *final = session->final;
    return boot_handover_get()->signatures.on_data && final->type == ESP_PARTITION_TYPE_DATA &&
           final->subtype == ESP_PARTITION_SUBTYPE_DATA_UNDEFINED;
}

static esp_err_t read_staging(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct ota_session *session = context;
    return esp_partition_read(session->staging, offset, buffer, len);
}

// fact: ESP-IDF judges the length that was written, and what stands at its end
static esp_err_t judge_data(struct ota_session *session)
{
    uint32_t signed_len;
    enum image_fault fault = signature_verify_data(read_staging, session, session->end,
                                                   &session->trust.signature, &signed_len);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "data in %s: %s", session->staging->label, image_fault_text(fault));
    return fault == IMAGE_TRUNCATED ? ESP_ERR_INVALID_SIZE : ESP_ERR_OTA_VALIDATE_FAILED;
}

static esp_err_t judge(struct ota_session *session)
{
    if (needs_signed_data(session)) {
        return judge_data(session);
    }
    if (!has_image(session->final) || (!session->is_followed && session->copies_to_final)) {
        return ota_finalize_verify(session->staging, session->final);
    }
    enum image_fault fault = judge_image(session);
    if (fault == IMAGE_OK) {
        return ESP_OK;
    }
    ESP_LOGE(TAG, "image in %s: %s", session->staging->label, image_fault_text(fault));
    return ESP_ERR_OTA_VALIDATE_FAILED;
}

// differs: copies what was written, not the length of the final partition
static esp_err_t copy_to_final(const struct ota_session *session)
{
    if (!session->copies_to_final || session->final == session->staging) {
        return ESP_OK;
    }
    return ota_finalize_copy(session->staging, session->final, session->end);
}

static esp_err_t finish_session(struct ota_session *session)
{
    bool has_prefix = session->is_resumed && session->is_followed && session->position > 0;
    if (session->written == 0 && !has_prefix) {
        ESP_LOGE(TAG, "nothing was written to %s", session->staging->label);
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = write_pending(session);
    if (err == ESP_OK) {
        err = judge(session);
    }
    if (err == ESP_OK) {
        err = copy_to_final(session);
    }
    if (err == ESP_OK) {
        err = esp_flash_sync(session->staging->flash_chip);
    }
    if (err == ESP_OK && session->final->type == ESP_PARTITION_TYPE_APP) {
        ota_select_note_verified(session->copies_to_final ? session->final : session->staging);
    }
    return err;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle)
{
    struct ota_session *session = find_session(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = finish_session(session);
    free_session(session);
    return err;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle)
{
    struct ota_session *session = find_session(handle);
    if (!session) {
        return ESP_ERR_NOT_FOUND;
    }
    free_session(session);
    return ESP_OK;
}
