// What is left of a chip when there is none.
#include "esp_chip_info.h"
#include "esp_mac.h"
#include "esp_pm.h"
#include "esp_rom_sys.h"
#include "sdkconfig.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

//------------------------------------------------------------------------------------------ identity

/** "02:00:00:00:00:7f" as six bytes. @return false: text is NULL or something else; mac may then be written in part */
static bool parse_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; text && i < 6; i++) {
        char *end;
        unsigned long part = strtoul(text, &end, 16);
        if (end == text || part > UINT8_MAX || *end != (i < 5 ? ':' : '\0')) {
            return false;
        }
        mac[i] = (uint8_t)part;
        text = end + 1;
    }
    return text != NULL;
}

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    if (!mac || (unsigned)type > ESP_MAC_ETH) {
        return ESP_ERR_INVALID_ARG;
    }
    static const uint8_t LOCAL[6] = {
        2}; // fact: IEEE 802, the bit of locally administered addresses
    if (!parse_mac(getenv("ESP_OTA_MAC"), mac)) {
        memcpy(mac, LOCAL, sizeof(LOCAL));
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
