// Any bytes as the index of a release folder: parsed, walked, planned with, its signatures judged. An index that is taken must be
// taken again without what follows its signed part, closed by a bracket.

#include <string.h>

#include "esp_ota_release.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static esp_err_t read_base(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    (void)context;
    FUZZ_CHECK(offset <= 5000 && len <= 5000 - offset);
    memset(out, 0, len);
    return ESP_OK;
}

static void check_signed_part(const struct esp_ota_release *release)
{
    static char text[ESP_OTA_RELEASE_INDEX_MAX];
    struct esp_ota_release unsigned_one;
    FUZZ_CHECK(release->signed_len < release->len);
    memcpy(text, release->text, release->signed_len);
    text[release->signed_len] = '}';
    FUZZ_CHECK(esp_ota_release_parse(text, release->signed_len + 1, &unsigned_one) == ESP_OK);
    FUZZ_CHECK(unsigned_one.serial == release->serial);
    FUZZ_CHECK(unsigned_one.file_count == release->file_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct signature_policy policy = {.trusted_count = 1};
    static const struct esp_ota_release_base base = {.size = 5000, .read = read_base};
    static const struct esp_ota_release_limits limits = {
        .memory = 65536, .slot_size = UINT32_MAX, .takes_gzip = true, .takes_zstd = true};
    struct esp_ota_release release;
    struct esp_ota_release_file file;
    struct esp_ota_release_plan plan;
    uint32_t count = 0;
    if (esp_ota_release_parse((const char *)data, size, &release) != ESP_OK) {
        return 0;
    }
    for (size_t cursor = 0; esp_ota_release_next(&release, &cursor, &file);) {
        FUZZ_CHECK(cursor <= size && file.name[0] && !strchr(file.name, '/'));
        count++;
    }
    FUZZ_CHECK(count == release.file_count && count <= ESP_OTA_RELEASE_FILE_MAX);
    FUZZ_CHECK(esp_ota_release_verify(&release, &policy) != IMAGE_OK); // nobody has that key
    FUZZ_CHECK(esp_ota_release_plan(&release, &base, &limits, &plan) == ESP_OK);
    for (uint32_t i = 1; i < plan.count; i++) {
        FUZZ_CHECK(plan.files[i - 1].size <= plan.files[i].size);
    }
    if (release.signed_len > 0) {
        check_signed_part(&release);
    }
    return 0;
}
