/**
 * What the chip can do. fact: names as in ESP-IDF, soc: soc_caps.h; those that OTA applications test.
 */
#pragma once

#define SOC_RECOVERY_BOOTLOADER_SUPPORTED 1
#define SOC_WIFI_SUPPORTED                1
