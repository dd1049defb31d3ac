#include "esp_timer.h"
#include "timer_service.h"

#include <stdlib.h>

#define PERIOD_MIN_US 50 // fact: ESP-IDF, esp_timer: smallest period of a periodic timer

struct esp_timer {
    struct service_timer service; // first
    esp_timer_cb_t callback;
    void *arg;
};

int64_t esp_timer_get_time(void)
{
    return (kernel_now_ns() - kernel_start_ns()) / 1000;
}

static void call_back(struct service_timer *service)
{
    esp_timer_handle_t timer = (esp_timer_handle_t)service;
    timer->callback(timer->arg);
}

esp_err_t esp_timer_create(const esp_timer_create_args_t *create_args,
                           esp_timer_handle_t *out_handle)
{
    if (!create_args || !create_args->callback || !out_handle) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_timer_handle_t timer = timer_service_start() ? calloc(1, sizeof(*timer)) : NULL;
    if (!timer) {
        return ESP_ERR_NO_MEM;
    }
    timer->service.expired = call_back;
    timer->callback = create_args->callback;
    timer->arg = create_args->arg;
    *out_handle = timer;
    return ESP_OK;
}

/** With the kernel locked. */
static void arm(esp_timer_handle_t timer, uint64_t us, bool is_periodic)
{
    int64_t ns = us > INT64_MAX / 2000 ? INT64_MAX / 2 : (int64_t)us * 1000;
    timer_service_arm(&timer->service, kernel_now_ns() + ns, is_periodic ? ns : 0);
}

static esp_err_t start(esp_timer_handle_t timer, uint64_t us, bool is_periodic)
{
    if (!timer) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    bool is_running = timer->service.is_armed;
    if (!is_running) {
        arm(timer, us, is_periodic);
    }
    kernel_unlock();
    return is_running ? ESP_ERR_INVALID_STATE : ESP_OK;
}

esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us)
{
    return start(timer, timeout_us, false);
}

esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us)
{
    return start(timer, period_us < PERIOD_MIN_US ? PERIOD_MIN_US : period_us, true);
}

esp_err_t esp_timer_stop(esp_timer_handle_t timer)
{
    if (!timer) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    bool is_running = timer->service.is_armed;
    timer_service_disarm(&timer->service);
    kernel_unlock();
    return is_running ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_timer_restart(esp_timer_handle_t timer, uint64_t timeout_us)
{
    if (!timer) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    bool is_running = timer->service.is_armed;
    if (is_running) {
        arm(timer, timeout_us, timer->service.period_ns > 0);
    }
    kernel_unlock();
    return is_running ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_timer_delete(esp_timer_handle_t timer)
{
    if (!timer) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    bool is_running = timer->service.is_armed;
    if (!is_running) {
        timer_service_forget(&timer->service);
    }
    kernel_unlock();
    return is_running ? ESP_ERR_INVALID_STATE : ESP_OK;
}

bool esp_timer_is_active(esp_timer_handle_t timer)
{
    kernel_lock();
    bool is_running = timer && timer->service.is_armed;
    kernel_unlock();
    return is_running;
}
