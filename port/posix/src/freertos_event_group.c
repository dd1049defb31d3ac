#include "freertos/event_groups.h"
#include "kernel.h"

#include <stdlib.h>

#define VALID_BITS ((EventBits_t)0x00FFFFFFu) // fact: FreeRTOS keeps the upper byte for itself

struct waiter {
    EventBits_t bits;
    bool all;
    bool clear;
    bool is_done;
    EventBits_t result;
    struct waiter *next;
};

struct EventGroupDef_t {
    EventBits_t bits;
    struct waiter *waiters; // records on the stacks of the waiting tasks
    pthread_cond_t changed;
    unsigned waiting; // tasks inside xEventGroupWaitBits()
    bool is_deleted;  // the last of them frees the group
};

EventGroupHandle_t xEventGroupCreate(void)
{
    struct EventGroupDef_t *group = calloc(1, sizeof(*group));
    if (!group || !kernel_cond_init(&group->changed)) {
        free(group);
        return NULL;
    }
    return group;
}

static void free_group(EventGroupHandle_t group)
{
    pthread_cond_destroy(&group->changed);
    free(group);
}

void vEventGroupDelete(EventGroupHandle_t group)
{
    if (!group) {
        return;
    }
    kernel_lock();
    group->is_deleted = true;
    for (struct waiter *waiter = group->waiters; waiter; waiter = waiter->next) {
        waiter->is_done = true;
        waiter->result = 0;
    }
    group->waiters = NULL;
    if (group->waiting == 0) {
        free_group(group);
    } else {
        pthread_cond_broadcast(&group->changed);
    }
    kernel_unlock();
}

static bool is_fulfilled(EventBits_t now, EventBits_t wanted, bool all)
{
    return all ? (now & wanted) == wanted : (now & wanted) != 0;
}

EventBits_t xEventGroupSetBits(EventGroupHandle_t group, EventBits_t bits)
{
    kernel_lock();
    group->bits |= bits & VALID_BITS;
    EventBits_t to_clear = 0;
    struct waiter **link = &group->waiters;
    while (*link) {
        struct waiter *waiter = *link;
        if (!is_fulfilled(group->bits, waiter->bits, waiter->all)) {
            link = &waiter->next;
            continue;
        }
        waiter->is_done = true;
        waiter->result = group->bits;
        if (waiter->clear) {
            to_clear |= waiter->bits;
        }
        *link = waiter->next;
    }
    group->bits &= ~to_clear;
    pthread_cond_broadcast(&group->changed);
    EventBits_t after = group->bits;
    kernel_unlock();
    return after;
}

EventBits_t xEventGroupClearBits(EventGroupHandle_t group, EventBits_t bits)
{
    kernel_lock();
    EventBits_t before = group->bits;
    group->bits &= ~bits;
    kernel_unlock();
    return before;
}

EventBits_t xEventGroupGetBits(EventGroupHandle_t group)
{
    kernel_lock();
    EventBits_t bits = group->bits;
    kernel_unlock();
    return bits;
}

static void remove_waiter(EventGroupHandle_t group, const struct waiter *waiter)
{
    for (struct waiter **link = &group->waiters; *link; link = &(*link)->next) {
        if (*link == waiter) {
            *link = waiter->next;
            return;
        }
    }
}

/** Waits, with the kernel locked, until somebody fulfils the wait. @return the bits at its end */
static EventBits_t wait_for_bits(EventGroupHandle_t group, struct waiter *waiter, TickType_t ticks)
{
    int64_t deadline = kernel_deadline(ticks);
    waiter->next = group->waiters;
    group->waiters = waiter;
    group->waiting++;
    while (!waiter->is_done && kernel_wait(&group->changed, deadline)) {
    }
    EventBits_t bits = waiter->result;
    if (!waiter->is_done) {
        remove_waiter(group, waiter);
        bits = group->bits;
    }
    if (--group->waiting == 0 && group->is_deleted) {
        free_group(group);
    }
    return bits;
}

EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, EventBits_t bits,
                                BaseType_t clear_on_exit, BaseType_t wait_for_all, TickType_t ticks)
{
    struct waiter waiter = {.bits = bits & VALID_BITS, .all = wait_for_all, .clear = clear_on_exit};
    kernel_lock();
    EventBits_t result = group->bits;
    if (is_fulfilled(group->bits, waiter.bits, waiter.all)) {
        if (waiter.clear) {
            group->bits &= ~waiter.bits;
        }
    } else if (ticks > 0) {
        result = wait_for_bits(group, &waiter, ticks);
    }
    kernel_unlock();
    return result;
}
