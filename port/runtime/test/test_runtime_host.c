#include "driver/gpio.h"
#include "esp_chip_info.h"
#include "esp_event.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_rom_sys.h"
#include "esp_wifi.h"
#include "mbedtls/sha256.h"
#include "protocol_examples_common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"

static void an_input_follows_its_pull_up_and_the_environment(void **state)
{
    (void)state;
    gpio_config_t config = {
        .pin_bit_mask = 1ULL << 4, .mode = GPIO_MODE_INPUT, .pull_up_en = GPIO_PULLUP_ENABLE};
    assert_int_equal(gpio_config(&config), ESP_OK);
    assert_int_equal(gpio_get_level(4), 1);
    setenv("ESP_OTA_GPIO", "21=1,4=0", 1);
    assert_int_equal(gpio_get_level(4), 0);
    assert_int_equal(gpio_get_level(21), 1);
    setenv("ESP_OTA_GPIO", "nonsense", 1);
    assert_int_equal(gpio_get_level(4), 1);
    unsetenv("ESP_OTA_GPIO");
    config.pull_up_en = GPIO_PULLUP_DISABLE;
    assert_int_equal(gpio_config(&config), ESP_OK);
    assert_int_equal(gpio_get_level(4), 0);
    assert_int_equal(gpio_reset_pin(4), ESP_OK);
    assert_int_equal(gpio_get_level(4), 1);
}

static void an_output_reads_back_what_was_written(void **state)
{
    (void)state;
    assert_int_equal(gpio_set_direction(5, GPIO_MODE_OUTPUT), ESP_OK);
    assert_int_equal(gpio_set_level(5, 1), ESP_OK);
    assert_int_equal(gpio_get_level(5), 1);
    assert_int_equal(gpio_set_level(5, 0), ESP_OK);
    assert_int_equal(gpio_get_level(5), 0);
}

static void pins_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    assert_int_equal(gpio_config(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(gpio_set_level(64, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(gpio_reset_pin(-1), ESP_ERR_INVALID_ARG);
    assert_int_equal(gpio_get_level(-1), 0);
}

static void note_address(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    const ip_event_got_ip_t *got = data;
    if (id == IP_EVENT_STA_GOT_IP && got->ip_info.ip.addr != 0) {
        xEventGroupSetBits(arg, 1);
    }
}

static void connecting_reports_an_address(void **state)
{
    (void)state;
    EventGroupHandle_t bits = xEventGroupCreate();
    wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
    wifi_config_t config = {.sta = {.ssid = "net", .password = "secret"}};
    assert_int_equal(esp_wifi_connect(), ESP_OK); // nobody listens: no error
    assert_int_equal(esp_event_loop_create_default(), ESP_OK);
    assert_int_equal(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_GOT_IP, note_address, bits),
                     ESP_OK);
    assert_int_equal(esp_wifi_init(&init), ESP_OK);
    assert_int_equal(esp_wifi_set_mode(WIFI_MODE_STA), ESP_OK);
    assert_int_equal(esp_wifi_set_config(WIFI_IF_STA, &config), ESP_OK);
    assert_int_equal(esp_wifi_start(), ESP_OK);
    assert_int_equal(esp_wifi_connect(), ESP_OK);
    assert_int_equal(xEventGroupWaitBits(bits, 1, pdTRUE, pdTRUE, portMAX_DELAY), 1);
    assert_int_equal(esp_event_loop_delete_default(), ESP_OK);
    vEventGroupDelete(bits);
}

static void the_interface_is_bound_only_when_named(void **state)
{
    (void)state;
    char name[16] = "before";
    esp_netif_t *netif = get_example_netif_from_desc(EXAMPLE_NETIF_DESC_STA);
    unsetenv("ESP_OTA_NETIF");
    assert_int_equal(esp_netif_get_netif_impl_name(netif, name), ESP_OK);
    assert_string_equal(name, "");
    setenv("ESP_OTA_NETIF", "a-name-that-is-too-long", 1);
    assert_int_equal(esp_netif_get_netif_impl_name(netif, name), ESP_OK);
    assert_string_equal(name, "a-name-that-is-");
    assert_int_equal(esp_netif_get_netif_impl_name(NULL, name), ESP_ERR_INVALID_ARG);
    assert_int_equal(example_connect(), ESP_OK);
}

static void addresses_are_local_and_can_be_given(void **state)
{
    (void)state;
    uint8_t mac[6];
    assert_int_equal(esp_read_mac(mac, ESP_MAC_ETH), ESP_OK);
    assert_memory_equal(mac, ((uint8_t[]){2, 0, 0, 0, 0, 3}), 6);
    setenv("ESP_OTA_MAC", "0a:0b:0c:0d:0e:0f", 1);
    assert_int_equal(esp_efuse_mac_get_default(mac), ESP_OK);
    assert_memory_equal(mac, ((uint8_t[]){10, 11, 12, 13, 14, 15}), 6);
    assert_int_equal(esp_read_mac(NULL, ESP_MAC_BT), ESP_ERR_INVALID_ARG);
    esp_chip_info_t info;
    esp_chip_info(&info);
    assert_int_equal(info.model, CHIP_POSIX_LINUX);
    assert_int_equal(esp_rom_get_bootloader_offset(), 0);
}

static void sha256_under_the_names_of_mbedtls(void **state)
{
    (void)state;
    // fact: FIPS 180-4, "abc"
    static const uint8_t ABC[4] = {0xba, 0x78, 0x16, 0xbf};
    mbedtls_sha256_context ctx;
    mbedtls_sha256_context copy;
    uint8_t digest[32];
    mbedtls_sha256_init(&ctx);
    assert_int_equal(mbedtls_sha256_starts(&ctx, 0), 0);
    assert_int_equal(mbedtls_sha256_update(&ctx, (const uint8_t *)"ab", 2), 0);
    mbedtls_sha256_clone(&copy, &ctx);
    assert_int_equal(mbedtls_sha256_update_ret(&copy, (const uint8_t *)"c", 1), 0);
    assert_int_equal(mbedtls_sha256_finish(&copy, digest), 0);
    assert_memory_equal(digest, ABC, sizeof(ABC));
    assert_int_equal(mbedtls_sha256((const uint8_t *)"abc", 3, digest, 1),
                     MBEDTLS_ERR_SHA256_BAD_INPUT_DATA);
    assert_int_equal(mbedtls_sha256((const uint8_t *)"abc", 3, digest, 0), 0);
    assert_memory_equal(digest, ABC, sizeof(ABC));
    mbedtls_sha256_free(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_follows_its_pull_up_and_the_environment),
        cmocka_unit_test(an_output_reads_back_what_was_written),
        cmocka_unit_test(pins_that_do_not_exist_are_refused),
        cmocka_unit_test(connecting_reports_an_address),
        cmocka_unit_test(the_interface_is_bound_only_when_named),
        cmocka_unit_test(addresses_are_local_and_can_be_given),
        cmocka_unit_test(sha256_under_the_names_of_mbedtls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
