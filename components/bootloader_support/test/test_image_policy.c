// Versions are ordered as Semantic Versioning orders them, and each part of a policy refuses for its own reason.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "image_policy.h"

static void orders_versions(void **state)
{
    // each is older than the next
    static const char ORDER[][32] = {
        "",
        "0.0.1",
        "0.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "v1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.2",
        "1.10.0",
        "v2.0.0-3-gdeadbee",
        "v2.0.0",
        "2.0.0.1",
        "10.0.0",
        "99999999999999999999.0",
    };
    enum { COUNT = sizeof(ORDER) / sizeof(ORDER[0]) };
    (void)state;
    for (int a = 0; a < COUNT; a++) {
        for (int b = 0; b < COUNT; b++) {
            int order = image_policy_compare_versions(ORDER[a], ORDER[b]);
            if ((order > 0) - (order < 0) != (a > b) - (a < b)) {
                fail_msg("\"%s\" against \"%s\": %d", ORDER[a], ORDER[b], order);
            }
        }
    }
}

static void takes_different_spellings_for_the_same_version(void **state)
{
    static const char SAME[][2][32] = {
        {"1.2.3", "v1.2.3"},
        {"1.2", "1.2.0"},
        {"01.2.3", "1.2.3"},
        {"1.2.3+build.7", "1.2.3"},
        {"", "0"},
        {"12345678901234567890123456789012", "12345678901234567890123456789012"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(SAME) / sizeof(SAME[0]); i++) {
        assert_int_equal(image_policy_compare_versions(SAME[i][0], SAME[i][1]), 0);
    }
}

static esp_app_desc_t describe(const char *project, const char *version, uint32_t secure_version)
{
    esp_app_desc_t desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD, .secure_version = secure_version};
    (void)snprintf(desc.project_name, sizeof(desc.project_name), "%s", project);
    (void)snprintf(desc.version, sizeof(desc.version), "%s", version);
    return desc;
}

static void refuses_each_thing_for_its_own_reason(void **state)
{
    (void)state;
    esp_app_desc_t running = describe("pump", "1.4.0", 3);
    struct image_policy policy = {.same_project = true, .no_version_down = true};
    image_policy_set_running(&policy, &running);
    esp_app_desc_t desc = describe("pump", "1.4.0", 3);
    assert_int_equal(image_policy_check_app(&policy, &desc), IMAGE_OK);
    assert_int_equal(image_policy_check_app(&policy, NULL), IMAGE_POLICY_NO_DESCRIPTOR);
    desc = describe("pumpe", "1.5.0", 3);
    assert_int_equal(image_policy_check_app(&policy, &desc), IMAGE_POLICY_PROJECT);
    desc = describe("pump", "1.4.0-rc.1", 3);
    assert_int_equal(image_policy_check_app(&policy, &desc), IMAGE_POLICY_VERSION);
    desc = describe("pump", "1.5.0", 2);
    assert_int_equal(image_policy_check_app(&policy, &desc), IMAGE_POLICY_SECURE_VERSION);
    policy.no_version_down = false;
    assert_int_equal(image_policy_check_app(&policy, &desc), IMAGE_OK);
    image_policy_set_running(&policy, NULL); // a first installation has nothing to be compared with
    assert_int_equal(image_policy_check_app(&policy, NULL), IMAGE_OK);
    assert_int_equal(image_policy_check_app(NULL, NULL), IMAGE_OK);
}

static void bounds_the_size(void **state)
{
    (void)state;
    struct image_policy policy = {.min_len = 1000, .max_len = 2000};
    assert_int_equal(image_policy_check_len(&policy, 999), IMAGE_POLICY_TOO_SMALL);
    assert_int_equal(image_policy_check_len(&policy, 1000), IMAGE_OK);
    assert_int_equal(image_policy_check_len(&policy, 2000), IMAGE_OK);
    assert_int_equal(image_policy_check_len(&policy, 2001), IMAGE_POLICY_TOO_LARGE);
    assert_int_equal(image_policy_check_len(NULL, 1), IMAGE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_versions),
        cmocka_unit_test(takes_different_spellings_for_the_same_version),
        cmocka_unit_test(refuses_each_thing_for_its_own_reason),
        cmocka_unit_test(bounds_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
