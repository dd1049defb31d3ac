// What is left of a chip when there is none.
#include "esp_chip_info.h"
#include "esp_mac.h"
#include "esp_pm.h"
#include "esp_rom_sys.h"
#include "sdkconfig.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

//------------------------------------------------------------------------------------------ identity

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    if (!mac || (unsigned)type > ESP_MAC_ETH) {
        return ESP_ERR_INVALID_ARG;
    }
    unsigned parts[6] = {2, 0, 0, 0, 0, 0};
    const char *given = getenv("ESP_OTA_MAC");
    unsigned wanted[6];
    if (given && sscanf(given, "%2x:%2x:%2x:%2x:%2x:%2x", &wanted[0], &wanted[1],
                        &wanted[2], // NOLINT(cert-err34-c): two digits cannot overflow
                        &wanted[3], &wanted[4], &wanted[5]) == 6) {
        memcpy(parts, wanted, sizeof(parts));
    }
    for (int i = 0; i < 6; i++) {
        mac[i] = (uint8_t)parts[i];
    }
    mac[5] = (uint8_t)(mac[5] + (unsigned)type);
    return ESP_OK;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
    return esp_read_mac(mac, ESP_MAC_WIFI_STA);
}

void esp_chip_info(esp_chip_info_t *out_info)
{
    *out_info = (esp_chip_info_t){.model = CHIP_POSIX_LINUX, .cores = 1};
}

//------------------------------------------------------------------------------------------ power, ROM

esp_err_t esp_pm_configure(const void *config)
{
    return config ? ESP_OK : ESP_ERR_INVALID_ARG;
}

void esp_rom_delay_us(uint32_t us)
{
    usleep(us);
}

static _Atomic uint32_t s_bootloader_offset = CONFIG_BOOTLOADER_OFFSET_IN_FLASH;

uint32_t esp_rom_get_bootloader_offset(void)
{
    return atomic_load(&s_bootloader_offset);
}

void esp_rom_set_bootloader_offset(const uint32_t offset)
{
    atomic_store(&s_bootloader_offset, offset);
}
