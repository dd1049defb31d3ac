#pragma once

#include <stdbool.h>

/** Whether this firmware can do its work on this board: storage, memory, the pin of CONFIG_ADVANCED_HEALTH_PIN. Logs what is wrong. */
bool health_is_good(void);
