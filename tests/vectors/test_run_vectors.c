// The runner must notice what is wrong: planted faults in a small copy of the vectors.

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADING   "path\tkind\tparams\texpect\tmade_by\tcommand\tnote\tsize\tsha256\n"
#define GOOD_ROW  "t.bin\tpartition_table\tcsv=t.csv options=-\tok entries=3\ttool\t-\tnote\t0\t0\n"
#define OTHER_ROW "x.bin\tsome_kind\t\tok\ttool\t-\tnote\t0\t0\n"

static char s_folder[] = "/tmp/run_vectors_XXXXXX";
static char s_output[8192];

static void write_file(const char *name, const void *bytes, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", s_folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", s_folder, name);
    (void)unlink(path); // may not exist
}

static void copy_file(const char *from, const char *name)
{
    static uint8_t bytes[65536];
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", OTA_VECTORS_DEFAULT, from);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file); // opened for reading
    write_file(name, bytes, len);
}

/** Runs the runner over folder. @return its exit code; s_output holds what it printed */
static int run_over(const char *folder)
{
    assert_int_equal(setenv("OTA_VECTORS", folder, 1), 0);
    FILE *pipe = popen(RUN_VECTORS, "r");
    assert_non_null(pipe);
    size_t len = fread(s_output, 1, sizeof(s_output) - 1, pipe);
    s_output[len] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_manifest(const char *manifest)
{
    write_file("manifest.tsv", manifest, strlen(manifest));
    return run_over(s_folder);
}

static void assert_output_has(const char *text)
{
    if (!strstr(s_output, text)) {
        fail_msg("\"%s\" is not in:\n%s", text, s_output);
    }
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(s_folder)) {
        return -1;
    }
    copy_file("partitions/partitions_singleapp.bin", "t.bin");
    copy_file("partitions/partitions_singleapp.csv", "t.csv");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_file("t.bin");
    remove_file("t.csv");
    remove_file("manifest.tsv");
    return rmdir(s_folder);
}

static void passes_a_good_row_and_counts_it(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING GOOD_ROW), 0);
    assert_output_has("1 passed, 0 failed, 0 skipped");
}

static void names_the_row_whose_verdict_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING GOOD_ROW "t.bin\tpartition_table\tflash_size=0x400000\t"
                                                   "reject:md5\ttool\t-\tnote\t0\t0\n"),
                     1);
    assert_output_has("WRONG t.bin, kind partition_table, params \"flash_size=0x400000\": "
                      "expected \"reject:md5\", got \"ok\"");
    assert_output_has("1 passed, 1 failed");
}

static void notices_a_csv_that_gives_other_bytes(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING
                                  "t.bin\tpartition_table\tcsv=t.csv options=--offset 0x10000\t"
                                  "ok entries=3\ttool\t-\tnote\t0\t0\n"),
                     1);
    assert_output_has("WRONG t.bin");
}

static void notices_flash_encrypted_for_another_address(void **state)
{
    (void)state;
    copy_file("flash_enc/key_xts128.bin", "k.bin");
    copy_file("flash_enc/plain.bin", "p.bin");
    copy_file("flash_enc/xts128_at_10000.bin", "e.bin");
    assert_int_equal(
        run_manifest(HEADING "e.bin\tflash_encryption\talgo=aes-xts key=k.bin address=0x10000\t"
                             "decrypts_to=p.bin\ttool\t-\tnote\t0\t0\n"),
        0);
    assert_int_equal(
        run_manifest(HEADING "e.bin\tflash_encryption\talgo=aes-xts key=k.bin address=0x10010\t"
                             "decrypts_to=p.bin\ttool\t-\tnote\t0\t0\n"),
        1);
    assert_output_has("WRONG e.bin");
    remove_file("k.bin");
    remove_file("p.bin");
    remove_file("e.bin");
}

static void notices_an_accepted_csv_that_should_be_refused(void **state)
{
    (void)state;
    assert_int_equal(
        run_manifest(HEADING "t.csv\tpartition_csv\toptions=-\treject\ttool\t-\tnote\t0\t0\n"), 1);
    assert_output_has("expected \"reject\", got \"ok\"");
}

static void does_not_take_a_missing_file_for_a_refusal(void **state)
{
    (void)state;
    assert_int_equal(
        run_manifest(HEADING "gone.csv\tpartition_csv\toptions=-\treject\ttool\t-\tnote\t0\t0\n"),
        1);
    assert_output_has("WRONG gone.csv");
}

static void names_kinds_that_are_not_built_and_counts_them_as_skipped(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING GOOD_ROW OTHER_ROW OTHER_ROW), 0);
    assert_output_has("skipped: 2 rows of kind some_kind (not built yet)");
    assert_output_has("1 passed, 0 failed, 2 skipped");
}

static void fails_when_only_skipped_rows_were_found(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING OTHER_ROW), 1);
}

static void fails_on_a_manifest_without_rows(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(""), 1);
    assert_int_equal(run_manifest(HEADING), 1);
}

static void names_a_parameter_that_is_no_number(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING "t.bin\tpartition_table\tflash_size=4MB\tok\n"), 1);
    assert_output_has("got \"parameter flash_size is no number\"");
}

static void names_the_line_that_is_no_row(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(HEADING GOOD_ROW "\nt.bin image chip=esp32 ok\n" GOOD_ROW), 1);
    assert_output_has("WRONG manifest.tsv line 4: 1 columns");
    assert_output_has("2 passed, 1 failed");
    assert_int_equal(run_manifest(HEADING GOOD_ROW "t.bin\t\t\tok\n"), 1);
    assert_output_has("WRONG manifest.tsv line 3: 4 columns, kind \"\"");
}

static void a_row_in_the_first_line_is_no_heading(void **state)
{
    (void)state;
    assert_int_equal(run_manifest(GOOD_ROW GOOD_ROW), 0);
    assert_output_has("2 passed, 0 failed");
}

static void says_that_a_file_is_no_manifest(void **state)
{
    (void)state;
    assert_int_equal(run_manifest("no manifest\nat all\n"), 1);
    assert_output_has("WRONG manifest.tsv line 2: 1 columns");
    static const char torn[] = HEADING GOOD_ROW "\0" GOOD_ROW;
    write_file("manifest.tsv", torn, sizeof(torn) - 1);
    assert_int_equal(run_over(s_folder), 1);
    assert_output_has("manifest.tsv has a zero byte at");
}

/** Runs one boot decision: the text of its JSON object. */
static int run_decision(const char *text)
{
    char path[256];
    char json[512];
    (void)snprintf(path, sizeof(path), "%s/boot_decisions", s_folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(json, sizeof(json), "[%s]", text);
    write_file("boot_decisions/esp32_rollback_on.json", json, strlen(json));
    int status = run_manifest(HEADING);
    remove_file("boot_decisions/esp32_rollback_on.json");
    assert_int_equal(rmdir(path), 0);
    return status;
}

#define NOTHING_LOADS "\"otadata\":\"1:valid,2:pend\",\"corrupt_slots\":[\"0:0x40\",\"1:0x10000\"],"

static void knows_that_nothing_boots(void **state)
{
    (void)state;
    assert_int_equal(
        run_decision("{" NOTHING_LOADS "\"boots\":[],\"after\":\"1:VALID , 2:ABORTED\"}"), 0);
    assert_int_equal(
        run_decision("{" NOTHING_LOADS "\"boots\":[\"ota_0\"],\"after\":\"1:VALID , 2:ABORTED\"}"),
        1);
    assert_output_has("got: boots none, after 1:VALID , 2:ABORTED");
    assert_int_equal(
        run_decision("{" NOTHING_LOADS "\"boots\":[],\"after\":\"1:VALID , 2:PENDING_VERIFY\"}"),
        1);
}

static void reads_what_a_decision_says_of_the_records(void **state)
{
    (void)state;
#define SECOND_IS(record)                                                                          \
    "{\"otadata\":\"1:valid," record "\",\"boots\":[\"ota_0\"],\"after\":\"1:VALID , 2:ABORTED\"}"
    assert_int_equal(run_decision(SECOND_IS("2:pend")), 0);
    assert_int_equal(run_decision(SECOND_IS(" 2:pending")), 0);
    static const char *const WRONG[] = {SECOND_IS("2"), SECOND_IS("2:paused"), SECOND_IS("x:pend"),
                                        SECOND_IS("2:pend,3:new")};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        assert_int_equal(run_decision(WRONG[i]), 1);
        assert_output_has("got: records that are not understood");
    }
}

static void lets_a_device_on_which_nothing_boots_reset(void **state)
{
    (void)state; // ota_1 is tried, and given up at the reset that follows; so is ota_0 then
    assert_int_equal(
        run_decision("{\"otadata\":\"1:new,2:new\",\"corrupt_slots\":[\"0:0x40\",\"1:0x40\"],"
                     "\"boots\":[],\"after\":\"1:ABORTED , 2:ABORTED\"}"),
        0);
}

static void fails_on_an_empty_folder_and_on_a_missing_one(void **state)
{
    (void)state;
    remove_file("manifest.tsv");
    assert_int_equal(run_over(s_folder), 1);
    assert_output_has("manifest.tsv cannot be read");
    assert_int_equal(run_over("/nonexistent/vectors"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_a_good_row_and_counts_it),
        cmocka_unit_test(names_the_row_whose_verdict_is_wrong),
        cmocka_unit_test(notices_a_csv_that_gives_other_bytes),
        cmocka_unit_test(notices_flash_encrypted_for_another_address),
        cmocka_unit_test(notices_an_accepted_csv_that_should_be_refused),
        cmocka_unit_test(does_not_take_a_missing_file_for_a_refusal),
        cmocka_unit_test(names_kinds_that_are_not_built_and_counts_them_as_skipped),
        cmocka_unit_test(fails_when_only_skipped_rows_were_found),
        cmocka_unit_test(fails_on_a_manifest_without_rows),
        cmocka_unit_test(names_a_parameter_that_is_no_number),
        cmocka_unit_test(names_the_line_that_is_no_row),
        cmocka_unit_test(a_row_in_the_first_line_is_no_heading),
        cmocka_unit_test(says_that_a_file_is_no_manifest),
        cmocka_unit_test(knows_that_nothing_boots),
        cmocka_unit_test(reads_what_a_decision_says_of_the_records),
        cmocka_unit_test(lets_a_device_on_which_nothing_boots_reset),
        cmocka_unit_test(fails_on_an_empty_folder_and_on_a_missing_one),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
