// The list of open sessions, and what others do to a partition while one is open.

#include "ota_session.h"

#include <stdatomic.h>

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

struct ota_session *ota_session_find(esp_ota_handle_t handle)
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

esp_err_t ota_session_add(struct ota_session *session)
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

void ota_session_free(struct ota_session *session)
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

void ota_session_look_for_other_changes(struct ota_session *session)
{
    session->was_touched_by_other =
        session->was_touched_by_other || flash_watch_is_touched(&session->watch);
}

// What is watched is what stands there by now; the journal in the tail is none of it.
void ota_session_watch(struct ota_session *session)
{
    flash_watch_stop(session->staging->flash_chip, &session->watch);
    session->watch.len = session->end;
    flash_watch_start(session->staging->flash_chip, &session->watch);
}

bool ota_session_has_image(const struct ota_session *session)
{
    return session->final->type == ESP_PARTITION_TYPE_APP ||
           session->final->type == ESP_PARTITION_TYPE_BOOTLOADER;
}

esp_err_t esp_ota_tune(esp_ota_handle_t handle, const esp_ota_tuning_t *tuning)
{
    struct ota_session *session = ota_session_find(handle);
    if (!session || !tuning) {
        return ESP_ERR_INVALID_ARG;
    }
    session->tuning = *tuning;
    session->room.image_end = tuning->image_size;
    session->room.unit_max = tuning->erase_size_max;
    session->room.is_settled = tuning->is_settled;
    session->room.ahead = tuning->erase_ahead < ESP_OTA_ERASE_AHEAD_MAX ? tuning->erase_ahead
                                                                        : ESP_OTA_ERASE_AHEAD_MAX;
    return ESP_OK;
}
