// The host's network is the device's, and there from the start.
#include "esp_log.h"
#include "esp_netif.h"
#include "protocol_examples_common.h"

#include <stdio.h>
#include <stdlib.h>

static const char TAG[] = "host_net";

ESP_EVENT_DEFINE_BASE(IP_EVENT);

struct esp_netif_obj {
    const char *desc;
};

static struct esp_netif_obj s_host = {.desc = "example_netif_host"}; // one process has one network

esp_err_t esp_netif_init(void)
{
    return ESP_OK;
}

esp_err_t esp_netif_deinit(void)
{
    return ESP_ERR_NOT_SUPPORTED;
}

esp_netif_t *esp_netif_get_default_netif(void)
{
    return &s_host;
}

esp_netif_t *esp_netif_get_handle_from_ifkey(const char *if_key)
{
    (void)if_key;
    return &s_host;
}

esp_netif_t *esp_netif_create_default_wifi_sta(void)
{
    return &s_host;
}

esp_netif_t *esp_netif_create_default_wifi_ap(void)
{
    return &s_host;
}

void esp_netif_destroy(esp_netif_t *esp_netif)
{
    (void)esp_netif;
}

const char *esp_netif_get_desc(esp_netif_t *esp_netif)
{
    return esp_netif ? esp_netif->desc : NULL;
}

esp_err_t esp_netif_get_netif_impl_name(esp_netif_t *esp_netif, char *name)
{
    if (!esp_netif || !name) {
        return ESP_ERR_INVALID_ARG;
    }
    const char *wanted = getenv("ESP_OTA_NETIF");
    snprintf(name, 16, "%s", wanted ? wanted : ""); // fact: Linux net/if.h, IFNAMSIZ is 16
    return ESP_OK;
}

esp_err_t esp_netif_get_ip_info(esp_netif_t *esp_netif, esp_netif_ip_info_t *ip_info)
{
    if (!esp_netif || !ip_info) {
        return ESP_ERR_INVALID_ARG;
    }
    static const union {
        uint8_t bytes[4];
        esp_ip4_addr_t address;
    } LOOPBACK = {{127, 0, 0, 1}}, MASK = {{255, 0, 0, 0}};
    *ip_info = (esp_netif_ip_info_t){
        .ip = LOOPBACK.address, .netmask = MASK.address, .gw = LOOPBACK.address};
    return ESP_OK;
}

bool esp_netif_is_netif_up(esp_netif_t *esp_netif)
{
    return esp_netif != NULL;
}

//------------------------------------------------------------------------------- protocol_examples_common.h

esp_err_t example_connect(void)
{
    ESP_LOGI(TAG, "using the network of the host");
    return ESP_OK;
}

esp_err_t example_disconnect(void)
{
    return ESP_OK;
}

esp_err_t example_configure_stdin_stdout(void)
{
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IONBF, 0);
    return ESP_OK;
}

esp_netif_t *get_example_netif_from_desc(const char *desc)
{
    (void)desc;
    return &s_host;
}

esp_netif_t *get_example_netif(void)
{
    return &s_host;
}
