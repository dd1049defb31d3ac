// The loop everybody shares. A call counts as a user of the loop from looking it up to its return, so deleting the default
// loop while others post to it is safe: see stop_and_free() in esp_event.c.
#include "event_loop.h"

#define TASK_NAME       "sys_evt" // fact: ESP-IDF, esp_event: default_event_loop.c
#define TASK_STACK_SIZE CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE
#define TASK_PRIORITY   20 // fact: ESP_TASKD_EVENT_PRIO

static struct event_loop *s_default_loop; // under the users lock; single, as in ESP-IDF's interface

/** The default loop, entered; NULL when there is none. */
static struct event_loop *enter_default(void)
{
    event_users_lock();
    struct event_loop *loop = s_default_loop;
    if (loop) {
        event_loop_enter_locked(loop);
    }
    event_users_unlock();
    return loop;
}

bool esp_event_default_loop_exists(void)
{
    event_users_lock();
    bool exists = s_default_loop != NULL;
    event_users_unlock();
    return exists;
}

/** Makes loop the default one if there is none yet. */
static bool adopt(struct event_loop *loop)
{
    event_users_lock();
    bool is_free = s_default_loop == NULL;
    if (is_free) {
        s_default_loop = loop;
    }
    event_users_unlock();
    return is_free;
}

esp_err_t esp_event_loop_create_default(void)
{
    if (esp_event_default_loop_exists()) {
        return ESP_ERR_INVALID_STATE;
    }
    const esp_event_loop_args_t args = {
        .queue_size = CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE,
        .task_name = TASK_NAME,
        .task_priority = TASK_PRIORITY,
        .task_stack_size = TASK_STACK_SIZE,
    };
    esp_event_loop_handle_t loop;
    esp_err_t err = esp_event_loop_create(&args, &loop);
    if (err != ESP_OK) {
        return err;
    }
    if (!adopt(loop)) {
        err = esp_event_loop_delete(loop); // another thread was faster; ours is unused
        return err == ESP_OK ? ESP_ERR_INVALID_STATE : err;
    }
    return ESP_OK;
}

esp_err_t esp_event_loop_delete_default(void)
{
    event_users_lock();
    struct event_loop *loop = s_default_loop;
    s_default_loop = NULL;
    event_users_unlock();
    return loop ? esp_event_loop_delete(loop) : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_event_handler_register(esp_event_base_t event_base, int32_t event_id,
                                     esp_event_handler_t event_handler, void *event_handler_arg)
{
    struct event_loop *loop = enter_default();
    if (!loop) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t err = esp_event_handler_register_with(loop, event_base, event_id, event_handler,
                                                    event_handler_arg);
    event_loop_leave(loop);
    return err;
}

esp_err_t esp_event_handler_unregister(esp_event_base_t event_base, int32_t event_id,
                                       esp_event_handler_t event_handler)
{
    struct event_loop *loop = enter_default();
    if (!loop) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t err = esp_event_handler_unregister_with(loop, event_base, event_id, event_handler);
    event_loop_leave(loop);
    return err;
}

esp_err_t esp_event_handler_instance_register(esp_event_base_t event_base, int32_t event_id,
                                              esp_event_handler_t event_handler,
                                              void *event_handler_arg,
                                              esp_event_handler_instance_t *instance)
{
    struct event_loop *loop = enter_default();
    if (!loop) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t err = esp_event_handler_instance_register_with(
        loop, event_base, event_id, event_handler, event_handler_arg, instance);
    event_loop_leave(loop);
    return err;
}

esp_err_t esp_event_handler_instance_unregister(esp_event_base_t event_base, int32_t event_id,
                                                esp_event_handler_instance_t instance)
{
    struct event_loop *loop = enter_default();
    if (!loop) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t err =
        esp_event_handler_instance_unregister_with(loop, event_base, event_id, instance);
    event_loop_leave(loop);
    return err;
}

esp_err_t esp_event_post(esp_event_base_t event_base, int32_t event_id, const void *event_data,
                         size_t event_data_size, TickType_t ticks)
{
    struct event_loop *loop = enter_default();
    if (!loop) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t err =
        esp_event_post_to(loop, event_base, event_id, event_data, event_data_size, ticks);
    event_loop_leave(loop);
    return err;
}
