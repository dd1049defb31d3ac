/** Name of esp_event.h in older applications. */
#pragma once

#include "esp_event.h"
