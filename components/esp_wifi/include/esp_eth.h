/**
 * Ethernet: included by applications that only name its events; there is no driver.
 */
#pragma once

#include "esp_event_base.h"
#include "esp_netif.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void *esp_eth_handle_t;

/** Never posted. */
ESP_EVENT_DECLARE_BASE(ETH_EVENT);

typedef enum {
    ETHERNET_EVENT_START = 0,
    ETHERNET_EVENT_STOP = 1,
    ETHERNET_EVENT_CONNECTED = 2,
    ETHERNET_EVENT_DISCONNECTED = 3,
} eth_event_t;

#ifdef __cplusplus
}
#endif
