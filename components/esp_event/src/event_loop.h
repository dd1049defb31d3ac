/** Between the loops (esp_event.c) and the one default loop (default_loop.c). */
#pragma once

#include <stdatomic.h>

#include "esp_event.h"

struct event_loop;

/**
 * The lock over who uses which loop. Held for a few instructions only, and usable before any FreeRTOS object exists.
 */
void event_users_lock(void);
void event_users_unlock(void);

/** One more caller inside this loop; with the users lock held. */
void event_loop_enter_locked(struct event_loop *loop);

/** The caller is done with the loop; it may be gone afterwards. */
void event_loop_leave(struct event_loop *loop);
