/**
 * What ESP-IDF's examples use to get onto a network; the host is on one already.
 *
 * fact: names as in ESP-IDF, examples/common_components/protocol_examples_common.
 */
#pragma once

#include "esp_netif.h"
#include "tcpip_adapter.h" // applications of ESP-IDF v4.0 find it here
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EXAMPLE_NETIF_DESC_STA    "example_netif_sta"
#define EXAMPLE_NETIF_DESC_ETH    "example_netif_eth"
#define EXAMPLE_NETIF_DESC_THREAD "example_netif_thread"
#define EXAMPLE_NETIF_DESC_PPP    "example_netif_ppp"

/** Says that the host's network is used. @return ESP_OK */
esp_err_t example_connect(void) ESP_MUST_CHECK;

/** @return ESP_OK */
esp_err_t example_disconnect(void) ESP_MUST_CHECK;

/** Standard input and output work from the start; makes both unbuffered. @return ESP_OK */
esp_err_t example_configure_stdin_stdout(void) ESP_MUST_CHECK;

/** The one interface, whatever desc is. Never NULL. */
esp_netif_t *get_example_netif_from_desc(const char *desc);
esp_netif_t *get_example_netif(void);

#ifdef __cplusplus
}
#endif
