/**
 * Network interfaces, as the harmless host version: the host's network is the device's, and it is there from the start.
 *
 * fact: names as in ESP-IDF, esp_netif: esp_netif.h. All calls may be made by any thread.
 */
#pragma once

#include "esp_event.h"
#include "esp_netif_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Nothing to do; ESP_OK, however often. */
esp_err_t esp_netif_init(void) ESP_MUST_CHECK;

/** ESP_ERR_NOT_SUPPORTED, as in ESP-IDF. */
esp_err_t esp_netif_deinit(void) ESP_MUST_CHECK;

/** The one interface, under whatever name it is asked for. Never NULL; owned by the library. */
esp_netif_t *esp_netif_get_default_netif(void);
esp_netif_t *esp_netif_get_handle_from_ifkey(const char *if_key);
esp_netif_t *esp_netif_create_default_wifi_sta(void);
esp_netif_t *esp_netif_create_default_wifi_ap(void);

/** Nothing to do; the interface is the library's. */
void esp_netif_destroy(esp_netif_t *esp_netif);
#define esp_netif_destroy_default_wifi(netif) esp_netif_destroy(netif)

/** The name an interface was asked for in protocol_examples_common.h, here always "example_netif_host". */
const char *esp_netif_get_desc(esp_netif_t *esp_netif);

/**
 * Name for a bind to the interface (`if_name` of the HTTP client): what the environment's ESP_OTA_NETIF says, else "",
 * which binds to nothing.
 * @param[out] name  at least 16 bytes, as ifr_name of struct ifreq has
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL
 */
esp_err_t esp_netif_get_netif_impl_name(esp_netif_t *esp_netif, char *name) ESP_MUST_CHECK;

/** The loopback's address and mask. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t esp_netif_get_ip_info(esp_netif_t *esp_netif,
                                esp_netif_ip_info_t *ip_info) ESP_MUST_CHECK;

/** Whether the interface is up: it is, unless NULL. */
bool esp_netif_is_netif_up(esp_netif_t *esp_netif);

#ifdef __cplusplus
}
#endif
