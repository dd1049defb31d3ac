#include "esp_bit_defs.h"
#include "esp_err.h"
#include "esp_idf_version.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct row {
    esp_err_t value;
    const char *name;
    const char *text;
};

static const struct row ROWS[] = {
#define ROW(name, value, text) {value, #name, text},
    ESP_ERR_LIST(ROW)
#undef ROW
};

#define ROW_COUNT (sizeof(ROWS) / sizeof(ROWS[0]))

static void values_and_names_in_the_list_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ROWS[i].value, ROWS[j].value);
            assert_string_not_equal(ROWS[i].name, ROWS[j].name);
        }
    }
}

static void every_code_knows_its_name_and_has_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_string_equal(esp_err_to_name(ROWS[i].value), ROWS[i].name);
        assert_string_equal(esp_err_to_text(ROWS[i].value), ROWS[i].text);
        size_t len = strlen(ROWS[i].text);
        assert_true(len > 3);
        assert_true(ROWS[i].text[len - 1] != '.');
    }
}

static void the_families_start_where_esp_idf_starts_them(void **state)
{
    (void)state;
    const struct {
        int value;
        int expected;
    } bases[] = {
        {ESP_OK, 0},
        {ESP_FAIL, -1},
        {ESP_ERR_NO_MEM, 0x101},
        {ESP_ERR_NOT_ALLOWED, 0x10D},
        {ESP_ERR_NVS_BASE, 0x1100},
        {ESP_ERR_ULP_BASE, 0x1200},
        {ESP_ERR_OTA_BASE, 0x1500},
        {ESP_ERR_EFUSE, 0x1600},
        {ESP_ERR_IMAGE_BASE, 0x2000},
        {ESP_ERR_WIFI_BASE, 0x3000},
        {ESP_ERR_MESH_BASE, 0x4000},
        {ESP_ERR_FLASH_BASE, 0x6000},
        {ESP_ERR_HTTP_BASE, 0x7000},
        {ESP_ERR_ESP_TLS_BASE, 0x8000},
        {ESP_ERR_HTTPS_OTA_BASE, 0x9000},
        {ESP_ERR_PING_BASE, 0xA000},
        {ESP_ERR_HTTPD_BASE, 0xB000},
        {ESP_ERR_HW_CRYPTO_BASE, 0xC000},
        {ESP_ERR_MEMPROT_BASE, 0xD000},
        {ESP_ERR_TCP_TRANSPORT_BASE, 0xE000},
        {ESP_ERR_NVS_SEC_BASE, 0xF000},
    };
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        assert_int_equal(bases[i].value, bases[i].expected);
    }
}

static void unknown_codes_have_a_name_too(void **state)
{
    (void)state;
    char buf[64];
    assert_string_equal(esp_err_to_name(0x7777777), "ERROR");
    assert_string_equal(esp_err_to_text(0x7777777), "unknown error");
    assert_string_equal(esp_err_to_name_r(0x7777, buf, sizeof(buf)), "ERROR 0x7777(30583)");
    assert_string_equal(esp_err_to_name_r(ENOENT, buf, sizeof(buf)), strerror(ENOENT));
    assert_ptr_equal(esp_err_to_name_r(ESP_FAIL, buf, sizeof(buf)), buf);
    assert_string_equal(buf, "ESP_FAIL");
    assert_string_equal(esp_err_to_name_r(ESP_ERR_NO_MEM, buf, 8), "ESP_ERR");
}

/** Runs check in a child with standard error in `text`. @return the wait status */
static int run_apart(void (*check)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        check();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len<size - 1; len += got> 0 ? (size_t)got : 0) {
        got = read(ends[0], text + len, size - 1 - len);
    }
    text[len] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int s_calls;

static esp_err_t fail_and_count(void)
{
    s_calls++;
    return ESP_ERR_NO_MEM;
}

static void check_a_failure(void)
{
    ESP_ERROR_CHECK(fail_and_count());
}

static void check_a_success(void)
{
    ESP_ERROR_CHECK(ESP_OK);
}

static void error_check_says_what_failed_and_aborts(void **state)
{
    (void)state;
    char text[512];
#ifdef NDEBUG
    assert_int_equal(run_apart(check_a_failure, text, sizeof(text)), 0);
#else
    int status = run_apart(check_a_failure, text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "ESP_ERR_NO_MEM (0x101)"));
    assert_non_null(strstr(text, "fail_and_count()"));
    assert_non_null(strstr(text, "check_a_failure"));
#endif
    assert_int_equal(run_apart(check_a_success, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void check_without_abort(void)
{
    if (ESP_ERROR_CHECK_WITHOUT_ABORT(fail_and_count()) != ESP_ERR_NO_MEM || s_calls != 1 ||
        ESP_ERROR_CHECK_WITHOUT_ABORT(ESP_OK) != ESP_OK) {
        _exit(1);
    }
}

static void the_check_without_abort_yields_the_code(void **state)
{
    (void)state;
    char text[512];
    s_calls = 0;
    assert_int_equal(run_apart(check_without_abort, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "ESP_ERR_NO_MEM"));
}

static void versions_compare_as_numbers(void **state)
{
    (void)state;
    assert_int_equal(ESP_IDF_VERSION_VAL(5, 4, 3), 5 * 65536 + 4 * 256 + 3);
    assert_true(ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 0, 0));
    char text[16];
    snprintf(text, sizeof(text), "v%d.%d.%d", ESP_IDF_VERSION_MAJOR, ESP_IDF_VERSION_MINOR,
             ESP_IDF_VERSION_PATCH);
    assert_string_equal(esp_get_idf_version(), text);
    assert_int_equal(BIT31, 0x80000000u);
    assert_true(BIT64(40) == UINT64_C(1) << 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_names_in_the_list_are_unique),
        cmocka_unit_test(every_code_knows_its_name_and_has_a_sentence),
        cmocka_unit_test(the_families_start_where_esp_idf_starts_them),
        cmocka_unit_test(unknown_codes_have_a_name_too),
        cmocka_unit_test(error_check_says_what_failed_and_aborts),
        cmocka_unit_test(the_check_without_abort_yields_the_code),
        cmocka_unit_test(versions_compare_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
