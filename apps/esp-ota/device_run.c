// esp-ota device run: a device lives. Power on, boot decision, the program in the slot, reset, and again.

#define _GNU_SOURCE // signalfd, F_DUPFD_CLOEXEC, strsignal

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "boot_report.h"
#include "chip_traits.h"
#include "device_life.h"
#include "esp_log.h"
#include "host_image.h"
#include "nor_flash.h"
#include "open_device.h"

#define WATCHDOG_DEFAULT_S                                                                         \
    30 // chosen: longer than the self-tests of ESP-IDF's examples, shorter than patience
#define WATCHDOG_MAX_S 86400 // chosen: a day
#define BOOTS_MAX      UINT32_MAX
#define SLEEP_MAX_MS   1000 // chosen: nobody has to wait for it

/** Everything about one run. */
struct run {
    const char *path;
    const char *chip;
    bool is_rollback_given; // else the image says
    bool rollback;
    bool anti_rollback;
    uint32_t attempts;
    uint32_t crash_limit;
    uint32_t max_boots; // 0: no limit
    uint32_t watchdog_s;
    int stop_fd;   // SIGINT, SIGTERM, SIGHUP
    int flash_fd;  // keeps the flash locked between two boots
    uint32_t life; // from 1
    esp_reset_reason_t reset;
    struct timespec power_on;
    struct device *device; // of this life
    struct boot_decision decision;
    struct device_death death;
    const char *ended; // word of why the run is over; NULL: it goes on
};

// ----------------------------------------------------------------------- the console

static unsigned ms_since_power_on(const struct run *r)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)((now.tv_sec - r->power_on.tv_sec) * 1000 +
                      (now.tv_nsec - r->power_on.tv_nsec) / 1000000);
}

static void print_line(void *context, char level, const char *text)
{
    if (!cli_is_json()) {
        printf("%c (%u) boot: %s\n", level, ms_since_power_on(context), text);
    }
}

static void say(struct run *r, char level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct run *r, char level, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // cut if a path is very long
    va_end(args);
    print_line(r, level, text);
}

static void tell_power_on(struct run *r)
{
    char size[32];
    char revision[16];
    say(r, 'I', "boot %u, reset reason %s", (unsigned)r->life, device_reset_name(r->reset));
    say(r, 'I', "chip %s %s, flash %s, rollback %s", chip_name(r->device->chip.chip_id),
        cli_revision_text(r->device->chip.chip_rev, revision),
        cli_size_text(r->device->flash_size, size), r->rollback ? "on" : "off");
    boot_report_table(r->device, print_line, r);
    boot_report_decision(&r->decision, print_line, r);
}

static void tell_death(struct run *r)
{
    const struct device_death *death = &r->death;
    const char *trial = death->is_unconfirmed ? "; the image was not confirmed" : "";
    switch (death->end) {
    case DEVICE_END_RESTART:
        say(r, 'I', "restart asked for by the application%s", trial);
        break;
    case DEVICE_END_PANIC:
        if (death->exec_errno) {
            say(r, 'E', "panic: the program does not start: %s%s", strerror(death->exec_errno),
                trial);
        } else if (death->signal) {
            say(r, 'E', "panic: the program was ended by signal %d, %s%s", death->signal,
                strsignal(death->signal), trial);
        } else {
            say(r, 'E', "panic: the program ended with code %d%s", death->exit_code, trial);
        }
        break;
    case DEVICE_END_WATCHDOG:
        say(r, 'E', "task watchdog: no sign of life%s", trial);
        break;
    case DEVICE_END_DEEP_SLEEP:
        if (death->sleep_us > 0) {
            say(r, 'I', "deep sleep for %llu us", (unsigned long long)death->sleep_us);
        } else {
            say(r, 'I', "deep sleep without a timer: nobody wakes the device");
        }
        break;
    case DEVICE_END_IDLE:
        say(r, 'I', "no task is left%s", trial);
        break;
    case DEVICE_END_SWITCHED_OFF:
        say(r, 'I', "switched off");
        break;
    default:
        say(r, 'E', "%s%s", device_end_name(death->end), trial);
        break;
    }
}

static void print_life(struct run *r, bool has_lived)
{
    const struct device_death *death = &r->death;
    json_t *root = json_object();
    json_object_set_new(root, "boot", json_integer(r->life));
    json_object_set_new(root, "reset", json_string(device_reset_name(r->reset)));
    json_object_set_new(root, "chip", json_string(chip_name(r->device->chip.chip_id)));
    json_object_set_new(root, "rollback", json_boolean(r->rollback));
    decision_to_json(root, r->device, &r->decision);
    if (has_lived) {
        json_object_set_new(root, "on_trial", json_boolean(death->was_on_trial));
        json_object_set_new(root, "unconfirmed", json_boolean(death->is_unconfirmed));
        json_object_set_new(root, "end", json_string(device_end_name(death->end)));
        json_object_set_new(root, "signal",
                            death->signal ? json_integer(death->signal) : json_null());
        json_object_set_new(root, "exit_code",
                            death->signal ? json_null() : json_integer(death->exit_code));
        json_object_set_new(root, "milliseconds", json_integer(death->lived_ms));
        json_object_set_new(root, "next_reset",
                            json_string(device_reset_name(device_reset_after(death->end))));
    }
    if (has_lived && death->end == DEVICE_END_DEEP_SLEEP) {
        json_object_set_new(root, "sleep_us", json_integer((json_int_t)death->sleep_us));
    }
    if (has_lived && death->exec_errno) {
        json_object_set_new(root, "exec_error", json_string(strerror(death->exec_errno)));
    }
    cli_print_json_line(root);
}

// ----------------------------------------------------------------------- one life

static bool is_crash(enum device_end end)
{
    return end == DEVICE_END_PANIC || end == DEVICE_END_WATCHDOG || end == DEVICE_END_INT_WATCHDOG;
}

// Time does not matter to who sleeps, but a device that does nothing else must leave the host some peace.
static bool is_switched_off_asleep(const struct run *r)
{
    struct pollfd stop = {.fd = r->stop_fd, .events = POLLIN};
    uint64_t ms = r->death.sleep_us / 1000;
    return poll(&stop, 1, ms < SLEEP_MAX_MS ? (int)ms : SLEEP_MAX_MS) > 0;
}

// What the end of a life means for the run. An image on trial that has nothing left to run has failed its trial.
static int after_life(struct run *r)
{
    enum device_end end = r->death.end;
    r->reset = device_reset_after(end);
    bool is_off = end == DEVICE_END_SWITCHED_OFF;
    if (end == DEVICE_END_DEEP_SLEEP && r->death.sleep_us == 0) {
        r->ended = "deep_sleep";
    } else if (end == DEVICE_END_IDLE && !r->death.is_unconfirmed) {
        r->ended = "idle";
    } else if (!is_off && r->max_boots > 0 && r->life >= r->max_boots) {
        r->ended = "max_boots";
        if (is_crash(end)) {
            return cli_fail("%s: the last of %u boots ended with a %s", r->path,
                            (unsigned)r->max_boots, device_end_name(end));
        }
    } else if (end == DEVICE_END_DEEP_SLEEP) {
        is_off = is_switched_off_asleep(r);
    }
    if (is_off) {
        r->ended = "switched_off";
    }
    return CLI_DONE;
}

static int fail_to_live(struct run *r, esp_err_t err)
{
    char name[8];
    const char *slot = boot_index_name(r->decision.booted, name);
    r->ended = "not_runnable";
    if (err != ESP_ERR_NOT_SUPPORTED) {
        return cli_fail_with(err, "%s: %s could not be started", r->path, slot);
    }
    if (r->decision.image.header.chip_id != ESP_CHIP_ID_LINUX) {
        return cli_fail("%s: %s holds a valid image for %s; it is code for that chip, so it was "
                        "verified and not run",
                        r->path, slot, chip_name(r->decision.image.header.chip_id));
    }
    return cli_fail("%s: %s holds a valid image that carries no program; pack one with "
                    "esp-ota image build --chip linux --elf PROGRAM",
                    r->path, slot);
}

static int live(struct run *r)
{
    struct device_life_options options = {
        .path = r->path,
        .chip = r->chip,
        .flash_key = cli_flash_key(),
        .reset = r->reset,
        .rollback = r->rollback,
        .watchdog_ms = r->watchdog_s * 1000,
        .stop_fd = r->stop_fd,
        .is_console_on_stderr = cli_is_json(),
    };
    tell_power_on(r);
    if (r->decision.booted == BOOT_INDEX_NONE) {
        r->ended = "nothing_boots";
        if (cli_is_json()) {
            print_life(r, false);
        }
        return cli_fail("%s: nothing to boot: no partition holds a valid image", r->path);
    }
    esp_err_t err = device_live(r->device, &r->decision, &options, &r->death);
    if (cli_is_json()) {
        print_life(r, err == ESP_OK);
    }
    if (err != ESP_OK) {
        return fail_to_live(r, err);
    }
    tell_death(r);
    return after_life(r);
}

// A power-on starts from what the files hold: table, eFuses and otadata are read again each time.
static int boot(struct run *r)
{
    struct device_options options = {.chip = r->chip,
                                     .rollback = r->rollback,
                                     .anti_rollback = r->anti_rollback,
                                     .attempts = r->attempts,
                                     .crash_limit = r->crash_limit,
                                     .flash_fd = r->flash_fd};
    r->life++;
    clock_gettime(CLOCK_MONOTONIC, &r->power_on);
    cli_forget_log();
    r->device = open_device(r->path, &options);
    if (!r->device) {
        r->ended = "unusable";
        return CLI_FAILED;
    }
    if (r->flash_fd == 0) {
        r->flash_fd = fcntl(nor_flash_descriptor(r->device->flash), F_DUPFD_CLOEXEC, 3);
    }
    r->rollback = r->is_rollback_given ? r->rollback : device_wants_rollback(r->device);
    r->rollback |= r->device->anti_rollback;
    esp_err_t err = device_boot(r->device, r->rollback, false, &r->decision);
    int code = err == ESP_OK && r->flash_fd > 0
                   ? live(r)
                   : cli_fail_with(err, "%s: the boot ended early", r->path);
    if (err != ESP_OK) {
        r->ended = "unusable";
    }
    device_close(r->device);
    return code;
}

// ----------------------------------------------------------------------- the run

// The power switch: a descriptor that becomes readable when somebody wants this program to end.
static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run_device(struct run *r)
{
    int code = CLI_DONE;
    r->stop_fd = catch_signals();
    r->reset = ESP_RST_POWERON;
    if (r->stop_fd < 0) {
        return cli_fail("signals cannot be caught: %s", strerror(errno));
    }
    while (!r->ended && code == CLI_DONE) {
        code = boot(r);
    }
    if (cli_is_json()) {
        cli_print_json_line(json_pack("{s:s, s:i, s:s?}", "ended", r->ended, "boots", (int)r->life,
                                      "error", cli_failure()));
    }
    if (r->flash_fd > 0) {
        (void)close(r->flash_fd); // gives up the lock
    }
    (void)close(r->stop_fd); // only a handle
    return code;
}

enum {
    OPT_FLASH = 256,
    OPT_CHIP,
    OPT_ROLLBACK,
    OPT_MAX_BOOTS,
    OPT_WATCHDOG,
    OPT_ANTI_ROLLBACK,
    OPT_ATTEMPTS,
    OPT_CRASH_LIMIT
};

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"anti-rollback", required_argument, NULL, OPT_ANTI_ROLLBACK},
    {"attempts", required_argument, NULL, OPT_ATTEMPTS},
    {"crash-limit", required_argument, NULL, OPT_CRASH_LIMIT},
    {"max-boots", required_argument, NULL, OPT_MAX_BOOTS},
    {"watchdog", required_argument, NULL, OPT_WATCHDOG},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static int take_option(int option, struct run *r)
{
    uint64_t number = 0;
    switch (option) {
    case OPT_FLASH:
        r->path = optarg;
        return CLI_DONE;
    case OPT_CHIP:
        r->chip = optarg;
        return CLI_DONE;
    case OPT_ROLLBACK:
        r->is_rollback_given = true;
        return cli_parse_switch(optarg, &r->rollback)
                   ? CLI_DONE
                   : cli_usage("--rollback is on or off, not \"%s\"", optarg);
    case OPT_ANTI_ROLLBACK:
        return cli_parse_switch(optarg, &r->anti_rollback)
                   ? CLI_DONE
                   : cli_usage("--anti-rollback is on or off, not \"%s\"", optarg);
    case OPT_ATTEMPTS:
        return cli_parse_count("--attempts", optarg, &r->attempts) ? CLI_DONE : CLI_USAGE;
    case OPT_CRASH_LIMIT:
        return cli_parse_count("--crash-limit", optarg, &r->crash_limit) ? CLI_DONE : CLI_USAGE;
    case OPT_MAX_BOOTS:
        if (!cli_parse_number(optarg, BOOTS_MAX, &number)) {
            return cli_usage("--max-boots wants a number, not \"%s\"", optarg);
        }
        r->max_boots = (uint32_t)number;
        return CLI_DONE;
    case OPT_WATCHDOG:
        if (!cli_parse_number(optarg, WATCHDOG_MAX_S, &number)) {
            return cli_usage("--watchdog wants seconds, at most %d, not \"%s\"", WATCHDOG_MAX_S,
                             optarg);
        }
        r->watchdog_s = (uint32_t)number;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int run(int argc, char **argv)
{
    static struct run r = {.rollback = true,
                           .watchdog_s = WATCHDOG_DEFAULT_S}; // large; one a process
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, &r);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    return r.path ? run_device(&r) : cli_usage("--flash FLASH is needed");
}

const struct cli_command device_run_command = {
    .name = "device run",
    .summary = "let a device live: boot, run the program in the slot, reset, boot again",
    .usage =
        "device run --flash FLASH [--max-boots N] [--rollback on|off] [--anti-rollback on|off] "
        "[--attempts N] [--crash-limit N] [--watchdog S] [--json]",
    .help =
        "Powers the device on and keeps it running. The program in the slot (image build --chip "
        "linux --elf) is\n"
        "verified and executed from a copy that nobody can change; esp_restart(), a crash or a "
        "hang on trial goes\n"
        "through the boot decision again. An image for real silicon is verified, not run. Ctrl-C "
        "is the power\n"
        "switch. The program's console is this one.\n\n"
        "  --flash FLASH      the device's flash file; it is locked as long as the device runs\n"
        "  --max-boots N      switch off after the end of the Nth boot; 0 or not given: never\n"
        "  --rollback on|off  whether the bootloader was built with rollback; if not given: on, "
        "unless the\n"
        "                     program that boots was packed with --app-rollback off\n"
        "  --anti-rollback on|off  whether it counts secure versions in FLASH.efuse; off if not "
        "given and\n"
        "                     FLASH.sdkconfig does not say so; on implies --rollback on\n"
        "  --attempts N       extension: start an unconfirmed image N times before it is given up\n"
        "  --crash-limit N    extension: give up an image that started N times without reporting "
        "itself healthy\n"
        "  --watchdog S       an image on trial that neither confirms itself nor feeds with\n"
        "                     esp_task_wdt_reset() for S seconds is reset; 30 if not given, 0: "
        "never\n"
        "  --chip C           its chip, if neither FLASH.efuse nor an image tells\n"
        "  --flash-key FILE   key of an encrypted flash, if it is not FLASH.key\n"
        "  --json             one object a boot, one a line, and one at the end; the program's "
        "output goes to\n"
        "                     standard error\n\n"
        "Exit code 0: switched off, --max-boots reached, deep sleep without a timer, or no task "
        "left; 1: nothing "
        "boots or can be\n"
        "run, or the last boot of --max-boots ended with a crash or a watchdog.\n\n"
        "example:  esp-ota device run --flash dev.bin --max-boots 3\n",
    .run = run,
};
