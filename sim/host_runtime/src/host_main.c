// A firmware program begins here: it takes its ticket, becomes that boot of that device, and runs app_main() as the task
// "main", as ESP-IDF's start-up does.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "device_ticket.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "supervisor_line.h"

#define MAIN_STACK                                                                                 \
    3584 // fact: CONFIG_ESP_MAIN_TASK_STACK_SIZE of ESP-IDF; the port gives a host thread more
#define MAIN_PRIORITY 1                  // fact: ESP_TASK_MAIN_PRIO
#define IDLE_LOOK_NS  (20 * 1000 * 1000) // chosen: how late the end of the last task is noticed

extern void app_main(void); // the application's

static void run_app_main(void *arg)
{
    (void)arg;
    app_main();
    vTaskDelete(NULL); // fact: app_main() may return, other tasks go on
}

// With no task left a chip idles for ever. Here the process ends and says so.
static void wait_for_the_last_task(void)
{
    const struct timespec pause = {.tv_nsec = IDLE_LOOK_NS};
    while (uxTaskGetNumberOfTasks() > 0) {
        (void)nanosleep(&pause, NULL); // early or late does not matter
    }
}

static int explain(const char *name)
{
    fprintf(stderr,
            "%s is firmware of a virtual device and does not start by itself. Pack it and run it:\n"
            "  esp-ota image build --chip linux --elf %s -o app.bin\n"
            "  esp-ota flash create dev.bin --chip linux --size 16MB --partitions TABLE.csv --put "
            "ota_0=app.bin\n"
            "  esp-ota device run --flash dev.bin\n",
            name, name);
    return 2;
}

int main(int argc, char **argv)
{
    static struct device_ticket s_ticket; // large, and alive as long as the boot
    struct device *device;
    const char *name = argc > 0 ? argv[0] : "this program";
    if (device_ticket_parse(getenv(DEVICE_TICKET_VARIABLE), &s_ticket) != ESP_OK) {
        return explain(name);
    }
    (void)unsetenv(DEVICE_TICKET_VARIABLE); // what the application starts is not the device
    (void)prctl(PR_SET_NAME, name);         // the memory file has no name of its own
    (void)setvbuf(stdout, NULL, _IOLBF,
                  0); // a serial port shows a line at once, and a crash keeps it
    supervisor_line_open(s_ticket.line_fd);
    if (device_enter(&s_ticket, &device) != ESP_OK) {
        return EXIT_FAILURE; // the log says why
    }
    if (xTaskCreate(run_app_main, "main", MAIN_STACK, NULL, MAIN_PRIORITY, NULL) != pdPASS) {
        return EXIT_FAILURE;
    }
    wait_for_the_last_task();
    (void)fflush(NULL);  // what cannot be written any more is lost
    _exit(EXIT_SUCCESS); // no exit handlers: on a chip nobody would call them
}
