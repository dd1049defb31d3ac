/**
 * The name of esp_netif in ESP-IDF v4.0.
 */
#pragma once

#include "esp_netif.h"

#ifdef __cplusplus
extern "C" {
#endif

/** As esp_netif_init(). */
static inline void tcpip_adapter_init(void)
{
    ESP_IGNORE_ERROR(esp_netif_init()); // it cannot fail here
}

#ifdef __cplusplus
}
#endif
