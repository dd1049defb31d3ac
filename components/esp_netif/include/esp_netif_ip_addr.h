/**
 * Addresses. fact: names and layout as in ESP-IDF, esp_netif: esp_netif_ip_addr.h.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An IPv4 address in network byte order. */
typedef struct {
    uint32_t addr;
} esp_ip4_addr_t;

typedef struct {
    uint32_t addr[4];
    uint8_t zone;
} esp_ip6_addr_t;

#define esp_ip4_addr_get_byte_(ip, at) (((const uint8_t *)(&(ip)->addr))[at])

/** For printf: "%d.%d.%d.%d". */
#define IPSTR "%d.%d.%d.%d"
#define IP2STR(ip)                                                                                 \
    esp_ip4_addr_get_byte_(ip, 0), esp_ip4_addr_get_byte_(ip, 1), esp_ip4_addr_get_byte_(ip, 2),   \
        esp_ip4_addr_get_byte_(ip, 3)

#ifdef __cplusplus
}
#endif
