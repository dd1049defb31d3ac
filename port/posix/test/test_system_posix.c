#include "esp_log.h"
#include "esp_random.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "supervisor_line.h"
#include "system_port.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int s_pipe[2];

static void say_goodbye(void)
{
    (void)!write(s_pipe[1], "bye", 3); // the parent sees what is missing
}

static void restarting_ends_the_process_with_its_own_code_and_the_buffered_output(void **state)
{
    (void)state;
    assert_int_equal(pipe(s_pipe), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(s_pipe[1], STDOUT_FILENO);
        printf("text ");
        if (esp_register_shutdown_handler(say_goodbye) != ESP_OK) {
            _exit(1);
        }
        esp_restart();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(s_pipe[1]);
    char text[32] = "";
    size_t len = 0;
    for (ssize_t got = 1; got > 0; len += (size_t)got) {
        got = read(s_pipe[0], text + len, sizeof(text) - 1 - len);
        assert_true(got >= 0);
    }
    close(s_pipe[0]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ESP_EXIT_RESTART);
    assert_string_equal(text, "byetext ");
}

static void sleep_for_a_second(int line)
{
    supervisor_line_open(line);
    printf("good night\n");
    esp_deep_sleep(1000000);
}

static void deep_sleep_says_for_how_long_and_ends_the_process_with_its_own_code(void **state)
{
    (void)state;
    int line[2];
    assert_int_equal(pipe(line), 0);
    pid_t child = fork();
    if (child == 0) {
        sleep_for_a_second(line[1]);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(line[1]);
    char text[32] = "";
    assert_int_equal(read(line[0], text, sizeof(text) - 1), strlen("S 1000000\n"));
    assert_string_equal(text, "S 1000000\n");
    close(line[0]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ESP_EXIT_DEEP_SLEEP);
}

static void feeding_never_blocks_even_if_nobody_listens(void **state)
{
    (void)state;
    int line[2];
    char text[4] = "";
    assert_int_equal(esp_task_wdt_reset(), ESP_OK); // there is no line at all
    assert_int_equal(pipe(line), 0);
    supervisor_line_open(line[1]);
    for (int i = 0; i < 100000; i++) { // more than a pipe holds
        assert_int_equal(esp_task_wdt_reset(), ESP_OK);
    }
    assert_int_equal(read(line[0], text, 3), 3);
    assert_string_equal(text, "F\nF");
    supervisor_line_open(-1);
    close(line[0]);
    close(line[1]);
}

/** Runs a boot in a process of its own. @return its wait status */
static int run_boot(void (*boot)(void))
{
    pid_t child = fork();
    if (child == 0) {
        boot();
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void restart_soon(void *arg)
{
    (void)arg;
    vTaskDelay(1);
    esp_restart();
}

static void end_the_first_thread(void)
{
    if (xTaskCreate(restart_soon, "restart", 4096, NULL, 5, NULL) == pdPASS) {
        vTaskDelete(NULL);
    }
}

static void tasks_live_on_when_the_first_thread_ends(void **state)
{
    (void)state;
    int status = run_boot(end_the_first_thread);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ESP_EXIT_RESTART);
}

static void return_at_once(void *arg)
{
    (void)arg;
}

static void start_a_task_that_returns(void)
{
    signal(SIGABRT, SIG_DFL);
    if (xTaskCreate(return_at_once, "returns", 4096, NULL, 5, NULL) == pdPASS) {
        vTaskDelay(portMAX_DELAY);
    }
}

static void a_task_that_returns_aborts_the_boot(void **state)
{
    (void)state;
    int status = run_boot(start_a_task_that_returns);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void free_memory_is_a_number_that_can_be_true(void **state)
{
    (void)state;
    assert_true(esp_get_free_heap_size() > 1024u * 1024u);
}

static void random_numbers_differ(void **state)
{
    (void)state;
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};
    esp_fill_random(first, sizeof(first));
    esp_fill_random(second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
    esp_fill_random(first, 0);
}

static void the_log_clock_goes_forward(void **state)
{
    (void)state;
    uint32_t before = esp_log_timestamp();
    assert_true(esp_log_timestamp() >= before);
    assert_true(before < 60 * 1000); // since the start of the process, not of the machine
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarting_ends_the_process_with_its_own_code_and_the_buffered_output),
        cmocka_unit_test(deep_sleep_says_for_how_long_and_ends_the_process_with_its_own_code),
        cmocka_unit_test(feeding_never_blocks_even_if_nobody_listens),
        cmocka_unit_test(tasks_live_on_when_the_first_thread_ends),
        cmocka_unit_test(a_task_that_returns_aborts_the_boot),
        cmocka_unit_test(free_memory_is_a_number_that_can_be_true),
        cmocka_unit_test(random_numbers_differ),
        cmocka_unit_test(the_log_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
