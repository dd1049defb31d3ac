// Resuming without trust: the prefix on flash is compared with a digest, and is verified on the way. Tests ota_begin.c and ota_follow.c.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "esp_ota_ext.h"

#define SECTOR 4096u

static void digest_of(const void *bytes, uint32_t len, uint8_t digest[16])
{
    uint8_t whole[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, bytes, len);
    esp_crypto.sha256_end(&hash, whole);
    memcpy(digest, whole, 16);
}

static esp_err_t resume(struct device_image image, uint32_t offset, esp_ota_handle_t *handle)
{
    uint8_t digest[16];
    digest_of(image.bytes, offset, digest);
    return esp_ota_resume_verified(device_partition("ota_1"), offset, digest, handle);
}

static void an_image_goes_on_from_every_sector(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    for (uint32_t offset = 0; offset <= image.len; offset += SECTOR) {
        DEVICE_START(.running = "ota_0");
        memset(device_bytes(0x30000), 0, DEVICE_SLOT_SIZE);
        device_put("ota_1", image.bytes, offset);
        esp_ota_handle_t handle;
        assert_int_equal(resume(image, offset, &handle), ESP_OK);
        assert_int_equal(esp_ota_tune(handle, &(esp_ota_tuning_t){.image_size = image.len}),
                         ESP_OK);
        assert_int_equal(esp_ota_write(handle, image.bytes + offset, image.len - offset), ESP_OK);
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        assert_true(device_holds(0x30000, image.bytes, image.len));
        assert_int_equal(*device_bytes(0x30000 + 5 * SECTOR), 0); // nothing behind it was erased
    }
    free(image.bytes);
}

static void everything_is_read_once(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 40000, .seed = 1);
    device_put("ota_1", image.bytes, 8 * SECTOR);
    atomic_store(&g_flash.is_unmapped, true);
    esp_ota_handle_t handle;
    assert_int_equal(resume(image, 8 * SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes + 8 * SECTOR, image.len - 8 * SECTOR),
                     ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_in_range(atomic_load(&g_flash.read_bytes), image.len, image.len + 16 * 600);
    free(image.bytes);
}

static void an_image_that_is_there_already_only_has_to_be_ended(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 2 * SECTOR, .seed = 1);
    assert_int_equal(image.len, 2 * SECTOR);
    device_put("ota_1", image.bytes, image.len);
    esp_ota_handle_t handle;
    assert_int_equal(resume(image, image.len, &handle), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_int_equal(g_flash.programs + g_flash.erases, 0);
    free(image.bytes);
}

static void a_damaged_prefix_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    device_put("ota_1", image.bytes, 2 * SECTOR);
    esp_ota_handle_t handle = 77;
    for (uint32_t at = 0; at < 2 * SECTOR; at += 100) {
        *device_bytes(0x30000 + at) ^= 4;
        assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_ERR_INVALID_CRC);
        *device_bytes(0x30000 + at) ^= 4;
    }
    assert_int_equal(handle, 77);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_OK); // no session was left open
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(image.bytes);
}

static void a_failing_read_ends_the_session(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    device_put("ota_1", image.bytes, 2 * SECTOR);
    esp_ota_handle_t handle;
    atomic_store(&g_flash.reads, 0);
    assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_OK);
    unsigned reads = g_flash.reads;
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    for (unsigned at = 1; at <= reads; at++) {
        atomic_store(&g_flash.reads, 0);
        atomic_store(&g_flash.fail_read, at);
        assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_ERR_FLASH_OP_FAIL);
    }
    assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(image.bytes);
}

static void a_bad_continuation_is_noticed(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    device_put("ota_1", image.bytes, 2 * SECTOR);
    esp_ota_handle_t handle;
    assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_OK);
    image.bytes[3 * SECTOR] ^= 1;
    assert_int_equal(esp_ota_write(handle, image.bytes + 2 * SECTOR, image.len - 2 * SECTOR),
                     ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_OTA_VALIDATE_FAILED);
    free(image.bytes);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    static const uint8_t digest[16];
    esp_ota_handle_t handle;
    const esp_partition_t *slot = device_partition("ota_1");
    assert_int_equal(esp_ota_resume_verified(NULL, 0, digest, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume_verified(slot, 0, NULL, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume_verified(slot, 0, digest, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume_verified(slot, 1, digest, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume_verified(slot, DEVICE_SLOT_SIZE + SECTOR, digest, &handle),
                     ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_resume_verified(device_partition("ota_0"), 0, digest, &handle),
                     ESP_ERR_OTA_PARTITION_CONFLICT);
    uint32_t offset;
    uint8_t out[16];
    assert_int_equal(esp_ota_get_prefix_digest(9999, &offset, out), ESP_ERR_INVALID_ARG);
}

static void a_final_partition_may_be_named_after_resuming(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    device_put("ota_1", image.bytes, 2 * SECTOR);
    esp_ota_handle_t handle;
    assert_int_equal(resume(image, 2 * SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("factory"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, image.bytes + 2 * SECTOR, image.len - 2 * SECTOR),
                     ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

// ----------------------------------------------------------------------- the digest while writing

static void assert_digest(esp_ota_handle_t handle, const uint8_t *bytes, uint32_t len)
{
    uint8_t expected[16];
    uint8_t digest[16];
    uint32_t offset = 0;
    digest_of(bytes, len, expected);
    assert_int_equal(esp_ota_get_prefix_digest(handle, &offset, digest), ESP_OK);
    assert_int_equal(offset, len);
    assert_memory_equal(digest, expected, sizeof(digest));
}

static void the_digest_follows_what_is_written(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    const char *const labels[] = {"ota_1", "storage"};
    struct device_image image = DEVICE_IMAGE(.len = 20000, .seed = 1);
    for (int i = 0; i < 2; i++) {
        DEVICE_START(.running = "ota_0");
        esp_ota_handle_t handle;
        assert_int_equal(
            esp_ota_begin(device_partition(labels[i]), OTA_WITH_SEQUENTIAL_WRITES, &handle),
            ESP_OK);
        uint32_t body = image.len - CRYPTO_SHA256_LEN;
        for (uint32_t at = 0; at < body - 1; at += 999) {
            assert_digest(handle, image.bytes, at);
            uint32_t left = body - 1 - at;
            assert_int_equal(esp_ota_write(handle, image.bytes + at, left < 999 ? left : 999),
                             ESP_OK);
        }
        assert_digest(handle, image.bytes, body - 1);
        uint32_t offset = 5;
        uint8_t digest[16];
        assert_int_equal(esp_ota_write(handle, image.bytes + body - 1, 20), ESP_OK);
        assert_int_equal(esp_ota_get_prefix_digest(handle, &offset, digest),
                         i == 0 ? ESP_ERR_NOT_SUPPORTED : ESP_OK);
        assert_int_equal(offset, i == 0 ? 5 : body + 19);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
    }
    free(image.bytes);
}

static void without_having_seen_everything_there_is_no_digest(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    DEVICE_START(.running = "ota_0");
    uint32_t offset;
    uint8_t digest[16];
    esp_ota_handle_t handle;
    const esp_partition_t *slot = device_partition("ota_1");
    assert_int_equal(esp_ota_resume(slot, 0, SECTOR, &handle), ESP_OK);
    assert_int_equal(esp_ota_get_prefix_digest(handle, &offset, digest), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(esp_ota_begin(slot, 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, "abc", 3, 100), ESP_OK);
    assert_int_equal(esp_ota_get_prefix_digest(handle, &offset, digest), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(esp_ota_begin(slot, 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_write(handle, "\xE9zzzzzzzzzzzzzzzzzzzzzzzzz", 25), ESP_OK);
    assert_int_equal(esp_ota_get_prefix_digest(handle, &offset, digest), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

#define TEST(name) cmocka_unit_test_teardown(name, device_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_goes_on_from_every_sector),
        TEST(everything_is_read_once),
        TEST(an_image_that_is_there_already_only_has_to_be_ended),
        TEST(a_damaged_prefix_is_refused_and_nothing_changes),
        TEST(a_failing_read_ends_the_session),
        TEST(a_bad_continuation_is_noticed),
        TEST(arguments_are_checked),
        TEST(a_final_partition_may_be_named_after_resuming),
        TEST(the_digest_follows_what_is_written),
        TEST(without_having_seen_everything_there_is_no_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
