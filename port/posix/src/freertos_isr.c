// There are no interrupts on a host: critical sections are one recursive lock, and the FromISR forms are the plain ones.
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "kernel.h"

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t s_critical; // one device, one core: hence one

static void init_critical(void)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s_critical, &attr);
    pthread_mutexattr_destroy(&attr);
}

void vPortEnterCritical(portMUX_TYPE *mux)
{
    (void)mux;
    pthread_once(&s_once, init_critical);
    pthread_mutex_lock(&s_critical);
}

void vPortExitCritical(portMUX_TYPE *mux)
{
    (void)mux;
    pthread_mutex_unlock(&s_critical);
}

static void no_switch(BaseType_t *woken)
{
    if (woken) {
        *woken = pdFALSE;
    }
}

BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *woken)
{
    no_switch(woken);
    return xQueueSendToBack(queue, item, 0);
}

BaseType_t xQueueReceiveFromISR(QueueHandle_t queue, void *item, BaseType_t *woken)
{
    no_switch(woken);
    return xQueueReceive(queue, item, 0);
}

BaseType_t xSemaphoreGiveFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken)
{
    no_switch(woken);
    return xSemaphoreGive(semaphore);
}

BaseType_t xSemaphoreTakeFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken)
{
    no_switch(woken);
    return xSemaphoreTake(semaphore, 0);
}

BaseType_t xEventGroupSetBitsFromISR(EventGroupHandle_t group, EventBits_t bits, BaseType_t *woken)
{
    no_switch(woken);
    xEventGroupSetBits(group, bits);
    return pdPASS;
}

BaseType_t xTaskNotifyFromISR(TaskHandle_t task, uint32_t value, eNotifyAction action,
                              BaseType_t *woken)
{
    no_switch(woken);
    return xTaskNotify(task, value, action);
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken)
{
    no_switch(woken);
    xTaskNotifyGive(task);
}
