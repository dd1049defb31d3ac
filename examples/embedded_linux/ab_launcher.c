// What starts the application: decides between A and B as ESP-IDF's bootloader does, runs a copy that nobody can change, and
// decides again when the application restarts or crashes. In a product this is what init or systemd starts.

#define _GNU_SOURCE // fexecve

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ab_device.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "host_image.h"
#include "system_port.h"

// ---- first installation ----

static esp_err_t write_file(FILE *file, esp_ota_handle_t ota)
{
    char buffer[16384];
    size_t len;
    esp_err_t err = ESP_OK;
    while (err == ESP_OK && (len = fread(buffer, 1, sizeof(buffer), file)) > 0) {
        err = esp_ota_write(ota, buffer, len);
    }
    return ferror(file) ? ESP_FAIL : err;
}

static int install(struct ab_device *device, const char *path)
{
    FILE *file = fopen(path, "rb");
    esp_ota_handle_t ota;
    if (!file || !ab_device_format(device)) {
        perror(path);
        return 1;
    }
    const esp_partition_t *slot =
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_0, NULL);
    esp_err_t err =
        slot ? esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &ota) : ESP_ERR_NOT_FOUND;
    if (err == ESP_OK) {
        err = write_file(file, ota);
        esp_err_t end_err = esp_ota_end(ota);
        err = err == ESP_OK ? end_err : err;
    }
    if (err == ESP_OK) {
        err = esp_ota_set_boot_partition(
            slot); // without rollback: what is installed first is not on trial
    }
    (void)fclose(file); // it was read
    fprintf(stderr, "launcher: installation: %s\n", esp_err_to_name(err));
    return err == ESP_OK ? 0 : 1;
}

// ---- running ----

static void become_application(int program, uint32_t address, char **argv)
{
    char running[32];
    (void)snprintf(running, sizeof(running), "0x%x", (unsigned)address);
    if (setenv("AB_RUNNING", running, 1) == 0) {
        (void)fexecve(program, argv, environ); // returns on failure only
    }
    perror("launcher: the application cannot be started");
    _exit(127);
}

// Runs one boot. Returns the application's wait status, or -1: nothing boots.
static int run_once(struct ab_device *device, char **argv)
{
    struct boot_request request = {.chip = &device->chip,
                                   .identity = {.chip_id = ESP_CHIP_ID_LINUX},
                                   .slots = &device->slots,
                                   .rollback = true};
    struct boot_decision decision;
    int program;
    int status = -1;
    if (boot_select(&request, &decision) != ESP_OK || decision.booted == BOOT_INDEX_NONE ||
        host_image_open_program(&device->chip, decision.partition.offset, &decision.image,
                                &program) != ESP_OK) {
        fprintf(stderr, "launcher: nothing to start\n");
        return -1;
    }
    fprintf(stderr, "launcher: slot %c starts: %s\n", decision.booted == 0 ? 'A' : 'B',
            boot_reason_text(decision.reason));
    pid_t child = fork();
    if (child == 0) {
        become_application(program, decision.partition.offset, argv);
    }
    (void)close(program); // a copy
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

// A crash of an application on trial leads back to the one before; a crash of a confirmed one is for init to handle.
static bool is_on_trial(const struct ab_device *device)
{
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    if (otadata_read(esp_flash_default_chip, device->slots.otadata.offset, records) != ESP_OK) {
        return false;
    }
    int active = otadata_active(records);
    return active != OTADATA_NONE && records[active].ota_state == ESP_OTA_IMG_PENDING_VERIFY;
}

static int run(struct ab_device *device, char **argv)
{
    for (;;) {
        int status = run_once(device, argv);
        if (status == -1) {
            return 1;
        }
        bool restarts = WIFEXITED(status) && WEXITSTATUS(status) == ESP_EXIT_RESTART;
        if (!restarts && !is_on_trial(device)) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (!restarts) {
            fprintf(stderr, "launcher: the new application ended before it was confirmed\n");
        }
    }
}

int main(int argc, char **argv)
{
    static struct ab_device s_device; // as long as the process
    bool installs = argc == 6 && strcmp(argv[1], "install") == 0;
    bool runs = argc == 5 && strcmp(argv[1], "run") == 0;
    if (!installs && !runs) {
        fprintf(stderr, "usage: ab_launcher install STATE A B IMAGE | ab_launcher run STATE A B\n");
        return 2;
    }
    struct ab_paths paths = {.state = argv[2], .slot = {argv[3], argv[4]}};
    if (!ab_device_open(&paths, &s_device)) {
        return 1;
    }
    if (installs) {
        return install(&s_device, argv[5]);
    }
    return ab_device_load(&s_device) ? run(&s_device, argv + 1) : 1;
}
