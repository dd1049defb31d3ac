/**
 * Names of ESP-IDF v4.1.
 */
#pragma once

#include "esp_netif.h"
#include "esp_wifi.h"
