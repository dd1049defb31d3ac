// A configuration as C++ applications write it: designators in the order of the members.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#include "esp_crt_bundle.h"
#include "esp_http_client.h"
#include "esp_tls.h"

static esp_err_t handle(esp_http_client_event_t *event)
{
    return event->event_id == HTTP_EVENT_ERROR ? ESP_FAIL : ESP_OK;
}

static void a_configuration_can_be_written_in_cxx(void **)
{
    const esp_http_client_config_t config = {
        .url = "https://host.example/x",
        .cert_pem = "pem",
        .user_agent = "cxx",
        .method = HTTP_METHOD_HEAD,
        .timeout_ms = 100,
        .event_handler = handle,
        .buffer_size = 1024,
        .crt_bundle_attach = esp_crt_bundle_attach,
        .keep_alive_enable = true,
        .addr_type = HTTP_ADDR_TYPE_INET,
    };
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    char *value;
    assert_int_equal(esp_http_client_get_header(client, "User-Agent", &value), ESP_OK);
    assert_string_equal(value, "cxx");
    assert_int_equal(esp_http_client_cleanup(client), ESP_OK);
}

int main()
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_configuration_can_be_written_in_cxx)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
