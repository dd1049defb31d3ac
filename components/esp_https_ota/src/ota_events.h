// Events of an update, on the default loop if there is one.
#pragma once

#include "esp_https_ota.h"

void ota_events_post(esp_https_ota_event_t event, const void *data, size_t size);
