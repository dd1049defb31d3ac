// A life is fork, exec of the sealed copy, and a wait for four things at once: the program's end, its messages, the power
// switch, the watchdog.
//
// The watchdog is about trials only. An image that is PENDING_VERIFY has to say something within the time: confirm itself,
// which shows in otadata, or feed. On a chip a hung trial ends when somebody power-cycles it; here nobody would.
#define _GNU_SOURCE // execveat by fexecve, pipe2, pidfd

#include "device_life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device_ticket.h"
#include "esp_log.h"
#include "host_image.h"
#include "nor_flash.h"
#include "system_port.h"

static const char *TAG = "device";

#define EXEC_FAILED 127 // fact: what shells answer; the line tells the reason
#define LAST_READS                                                                                 \
    256 // chosen: as much as a pipe of 64 KiB holds, should a stray process go on writing

struct life {
    const struct device *device;
    const struct boot_decision *decision;
    const struct device_life_options *options;
    int program_fd;
    int line[2]; // read end, write end
    pid_t pid;
    int pid_fd;
    int64_t started_ms;
    int64_t deadline_ms; // of the watchdog; INT64_MAX: none
    bool was_fed;        // since the watchdog was last set
    bool is_off;         // we switched it off
    bool is_bitten;      // the watchdog ended it
    char message[64];    // what came over the line of a message that is not whole yet
    size_t message_len;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

// Whether what runs is what otadata calls PENDING_VERIFY. The flash is shared with the program, so this is the present.
static bool is_on_trial(const struct life *life)
{
    const struct boot_slots *slots = &life->device->slots;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    if (!life->options->rollback || slots->otadata.size < OTADATA_MIN_SIZE ||
        slots->ota_count == 0 ||
        otadata_read(life->device->flash, slots->otadata.offset, records) != ESP_OK) {
        return false;
    }
    int active = otadata_active(records);
    return active != OTADATA_NONE && records[active].ota_state == ESP_OTA_IMG_PENDING_VERIFY &&
           (int)otadata_slot(records[active].ota_seq, slots->ota_count) == life->decision->booted;
}

// ----------------------------------------------------------------------- the child

static bool keep_open(int fd)
{
    return fcntl(fd, F_SETFD, 0) == 0;
}

// Signals as a program expects them, but for the two that a chip does not know: the end of a pipe, and Ctrl-C.
static void prepare_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); // cannot fail with a good set
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
}

// Runs in the child, between fork and exec.
ESP_NORETURN static void become_program(const struct life *life, pid_t parent, char *name,
                                        char *ticket)
{
    char *argv[] = {name, NULL};
    int flash_fd = nor_flash_descriptor(life->device->flash);
    prepare_signals();
    // A session of its own: what the program starts can be ended with it, and a terminal can still be read from.
    (void)setsid(); // a child just born leads no group, so it cannot fail
    // Power ends when the supply does: whoever kills the supervisor kills the device.
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool is_ready = getppid() == parent && keep_open(flash_fd) && keep_open(life->line[1]) &&
                    (!life->options->is_console_on_stderr ||
                     dup2(STDERR_FILENO, STDOUT_FILENO) == STDOUT_FILENO) &&
                    putenv(ticket) == 0;
    if (is_ready) {
        (void)fexecve(life->program_fd, argv, environ); // returns on failure only
    }
    char message[32];
    int len = snprintf(message, sizeof(message), "X %d\n", errno);
    ssize_t sent = write(life->line[1], message, (size_t)len);
    (void)sent; // the exit code tells without it
    _exit(EXEC_FAILED);
}

static void make_ticket(const struct life *life, char *out)
{
    struct device_ticket ticket = {
        .flash_fd = nor_flash_descriptor(life->device->flash),
        .line_fd = life->line[1],
        .app_address = life->decision->partition.offset,
        .table_offset = life->device->table_offset,
        .reset = life->options->reset,
        .rollback = life->options->rollback,
        .anti_rollback = life->device->anti_rollback,
    };
    (void)snprintf(ticket.chip, sizeof(ticket.chip), "%s",
                   life->options->chip ? life->options->chip : "");
    (void)snprintf(ticket.flash_key, sizeof(ticket.flash_key), "%s",
                   life->options->flash_key ? life->options->flash_key : "");
    (void)snprintf(ticket.path, sizeof(ticket.path), "%s", life->options->path);
    size_t len = strlen(DEVICE_TICKET_VARIABLE "=");
    memcpy(out, DEVICE_TICKET_VARIABLE "=", len);
    (void)device_ticket_encode(&ticket, out + len);
}

static void make_name(const struct life *life, char out[33])
{
    const esp_app_desc_t *desc = image_app_desc(&life->decision->image);
    (void)snprintf(out, 33, "%.32s", desc && desc->project_name[0] ? desc->project_name : "app");
}

static bool start(struct life *life)
{
    static char s_ticket[sizeof(DEVICE_TICKET_VARIABLE) + 1 + DEVICE_TICKET_TEXT_SIZE];
    char name[33];
    make_ticket(life,
                s_ticket); // static: one life at a time, and the child's environment points there
    make_name(life, name);
    (void)fflush(NULL); // or the child would write it again
    pid_t parent = getpid();
    life->started_ms = now_ms();
    life->pid = fork();
    if (life->pid == 0) {
        become_program(life, parent, name, s_ticket);
    }
    if (life->pid < 0) {
        return false;
    }
    life->pid_fd = (int)syscall(SYS_pidfd_open, life->pid, 0);
    return life->pid_fd >= 0;
}

// Cuts the power of the program and of what it started. Only before waitpid(), while the number is still ours.
static void cut_power(const struct life *life)
{
    (void)kill(life->pid, SIGKILL);  // it may not have become a group yet
    (void)kill(-life->pid, SIGKILL); // nobody may be left
}

// ----------------------------------------------------------------------- watching

static void set_watchdog(struct life *life)
{
    uint32_t timeout_ms = life->options->watchdog_ms;
    life->was_fed = false;
    life->deadline_ms = timeout_ms > 0 && is_on_trial(life) ? now_ms() + timeout_ms : INT64_MAX;
}

// The time is over: fine if it was fed or has confirmed meanwhile.
static void check_watchdog(struct life *life)
{
    if (now_ms() < life->deadline_ms) {
        return;
    }
    if (life->was_fed || !is_on_trial(life)) {
        set_watchdog(life);
        return;
    }
    life->is_bitten = true;
    life->deadline_ms = INT64_MAX;
    cut_power(life);
}

static void take_message(struct life *life, struct device_death *out)
{
    const char *text = life->message;
    if (text[0] == 'F') {
        life->was_fed = true;
    } else if (text[0] == 'S') {
        out->sleep_us = strtoull(text + 1, NULL, 10);
    } else if (text[0] == 'X') {
        out->exec_errno = (int)strtol(text + 1, NULL, 10);
    }
}

// Takes what is there; the program may write anything, so an overlong line is cut and what is unknown passes.
static bool read_line(struct life *life, struct device_death *out)
{
    char bytes[256];
    ssize_t len = read(life->line[0], bytes, sizeof(bytes));
    for (ssize_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            life->message[life->message_len] = 0;
            take_message(life, out);
            life->message_len = 0;
        } else if (life->message_len + 1 < sizeof(life->message)) {
            life->message[life->message_len++] = bytes[i];
        }
    }
    return len > 0;
}

static int poll_timeout(const struct life *life)
{
    if (life->deadline_ms == INT64_MAX) {
        return -1;
    }
    int64_t left = life->deadline_ms - now_ms();
    return left <= 0 ? 0 : left > 3600000 ? 3600000 : (int)left + 1;
}

static bool watch(struct life *life, struct device_death *out)
{
    struct pollfd fds[] = {{.fd = life->pid_fd, .events = POLLIN},
                           {.fd = life->line[0], .events = POLLIN},
                           {.fd = life->options->stop_fd, .events = POLLIN}};
    while (!(fds[0].revents & POLLIN)) {
        if (poll(fds, 3, poll_timeout(life)) < 0 && errno != EINTR) {
            return false;
        }
        if (fds[1].revents & POLLIN) {
            (void)read_line(life, out); // more comes with the next round
        }
        if ((fds[2].revents & (POLLIN | POLLHUP)) && !life->is_off) {
            life->is_off = true;
            fds[2].fd = -1;
            cut_power(life);
        }
        check_watchdog(life);
    }
    for (int i = 0; i < LAST_READS && read_line(life, out); i++) { // what was said last
    }
    return true;
}

// ----------------------------------------------------------------------- the end

static enum device_end end_of_code(int code)
{
    switch (code) {
    case 0:
        return DEVICE_END_IDLE;
    case ESP_EXIT_RESTART:
        return DEVICE_END_RESTART;
    case ESP_EXIT_DEEP_SLEEP:
        return DEVICE_END_DEEP_SLEEP;
    case ESP_EXIT_TASK_WDT:
        return DEVICE_END_WATCHDOG;
    case ESP_EXIT_INT_WDT:
        return DEVICE_END_INT_WATCHDOG;
    case ESP_EXIT_BROWNOUT:
        return DEVICE_END_BROWNOUT;
    case ESP_EXIT_POWER_CUT:
        return DEVICE_END_POWER_CUT;
    default:
        return DEVICE_END_PANIC;
    }
}

static void judge(const struct life *life, int status, struct device_death *out)
{
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    out->lived_ms = (uint32_t)(now_ms() - life->started_ms);
    out->is_unconfirmed = is_on_trial(life);
    if (life->is_bitten) {
        out->end = DEVICE_END_WATCHDOG;
    } else if (life->is_off) {
        out->end = DEVICE_END_SWITCHED_OFF;
    } else if (out->signal == SIGKILL) {
        out->end = DEVICE_END_POWER_CUT;
    } else {
        out->end = out->signal ? DEVICE_END_PANIC : end_of_code(out->exit_code);
    }
}

// Starts, watches and buries; every way out leaves no child behind.
static esp_err_t live(struct life *life, struct device_death *out)
{
    out->was_on_trial = is_on_trial(life);
    set_watchdog(life);
    bool is_good = start(life);
    if (is_good) {
        is_good = watch(life, out);
    }
    if (!is_good) {
        ESP_LOGE(TAG, "the program could not be started or watched: %s", strerror(errno));
    }
    int status = 0;
    if (life->pid > 0) {
        cut_power(life); // what ended by itself leaves nobody behind either
        while (waitpid(life->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (life->pid_fd >= 0) {
        (void)close(life->pid_fd); // only a handle
    }
    if (is_good) {
        judge(life, status, out);
    }
    return is_good ? ESP_OK : ESP_FAIL;
}

esp_err_t device_live(const struct device *device, const struct boot_decision *decision,
                      const struct device_life_options *options, struct device_death *out)
{
    struct life life = {.device = device,
                        .decision = decision,
                        .options = options,
                        .pid_fd = -1,
                        .deadline_ms = INT64_MAX};
    struct device_death death = {0};
    esp_err_t err = host_image_open_program(device->flash, decision->partition.offset,
                                            &decision->image, &life.program_fd);
    if (err != ESP_OK) {
        return err;
    }
    if (pipe2(life.line, O_CLOEXEC | O_NONBLOCK) != 0) {
        ESP_LOGE(TAG, "no pipe: %s", strerror(errno));
        (void)close(life.program_fd); // a copy
        return ESP_FAIL;
    }
    err = live(&life, &death);
    (void)close(life.line[0]); // nothing is left in there
    (void)close(life.line[1]);
    (void)close(life.program_fd);
    if (err == ESP_OK) {
        *out = death;
    }
    return err;
}

// ----------------------------------------------------------------------- words

esp_reset_reason_t device_reset_after(enum device_end end)
{
    switch (end) {
    case DEVICE_END_RESTART:
        return ESP_RST_SW;
    case DEVICE_END_WATCHDOG:
        return ESP_RST_TASK_WDT;
    case DEVICE_END_INT_WATCHDOG:
        return ESP_RST_INT_WDT;
    case DEVICE_END_BROWNOUT:
        return ESP_RST_BROWNOUT;
    case DEVICE_END_DEEP_SLEEP:
        return ESP_RST_DEEPSLEEP;
    case DEVICE_END_POWER_CUT:
    case DEVICE_END_SWITCHED_OFF:
        return ESP_RST_POWERON;
    default:
        return ESP_RST_PANIC; // what ended by itself on trial counts as a crash, too
    }
}

const char *device_end_name(enum device_end end)
{
    static const char *const NAMES[] = {
        [DEVICE_END_RESTART] = "restart",          [DEVICE_END_PANIC] = "panic",
        [DEVICE_END_WATCHDOG] = "watchdog",        [DEVICE_END_INT_WATCHDOG] = "int_watchdog",
        [DEVICE_END_BROWNOUT] = "brownout",        [DEVICE_END_POWER_CUT] = "power_cut",
        [DEVICE_END_DEEP_SLEEP] = "deep_sleep",    [DEVICE_END_IDLE] = "idle",
        [DEVICE_END_SWITCHED_OFF] = "switched_off"};
    return NAMES[end];
}

const char *device_reset_name(esp_reset_reason_t reason)
{
    static const char *const NAMES[] = {
        "UNKNOWN",   "POWERON",  "EXT",  "SW",  "PANIC", "INT_WDT", "TASK_WDT",   "WDT",
        "DEEPSLEEP", "BROWNOUT", "SDIO", "USB", "JTAG",  "EFUSE",   "PWR_GLITCH", "CPU_LOCKUP"};
    return (unsigned)reason < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[reason] : "UNKNOWN";
}
