// How a life ends is what the next boot hears. The program in the slot is this test program itself: started with a ticket,
// it ends in the way that the version of its image says.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_life.h"
#include "device_ticket.h"
#include "esp_app_desc.h"
#include "esp_log.h"
#include "esp_sleep.h"
#include "host_image.h"
#include "nor_flash.h"
#include "supervisor_line.h"
#include "system_port.h"

#define FLASH_SIZE 0x1000000u
#define OTADATA    0xD000u
#define OTA_0      0x10000u
#define OTA_1      0x800000u

// ----------------------------------------------------------------------- the firmware

static int run_as_firmware(const char *text)
{
    static struct device_ticket s_ticket;
    struct device *device;
    if (device_ticket_parse(text, &s_ticket) != ESP_OK) {
        return 1;
    }
    supervisor_line_open(s_ticket.line_fd);
    if (device_enter(&s_ticket, &device) != ESP_OK) {
        return 1;
    }
    const char *version = esp_app_get_description()->version;
    long number = strtol(version + 1, NULL, 10);
    if (version[0] == 's') {
        (void)raise((int)number);
    } else if (version[0] == 'd') {
        esp_deep_sleep((uint64_t)number);
    } else if (version[0] == 'r') { // ends well if it hears the reason that its version names
        number = (long)esp_reset_reason() == number ? 0 : 1;
    }
    while (version[0] == 'w') {
        (void)pause(); // says nothing, for ever
    }
    _exit((int)number);
}

// ----------------------------------------------------------------------- the device

struct fixture {
    char folder[64];
    char path[96];
    char efuse_path[112];
};

static struct fixture s_fixture; // one test at a time

static void put_entry(esp_partition_info_t *entry, uint8_t type, uint8_t subtype, uint32_t offset,
                      uint32_t size)
{
    *entry = (esp_partition_info_t){.magic = ESP_PARTITION_MAGIC,
                                    .type = type,
                                    .subtype = subtype,
                                    .pos = {offset, size},
                                    .label = "x"};
}

static int create_device(void **state)
{
    struct fixture *f = &s_fixture;
    esp_partition_info_t entries[3];
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    esp_flash_t *flash;
    strcpy(f->folder, "/tmp/life.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/a dev.bin", f->folder);
    (void)snprintf(f->efuse_path, sizeof(f->efuse_path), "%.95s.efuse", f->path);
    put_entry(&entries[0], PART_TYPE_DATA, PART_SUBTYPE_DATA_OTA, OTADATA, 0x2000);
    put_entry(&entries[1], PART_TYPE_APP, 0x10, OTA_0, OTA_1 - OTA_0);
    put_entry(&entries[2], PART_TYPE_APP, 0x11, OTA_1, FLASH_SIZE - OTA_1);
    assert_int_equal(partition_table_encode(entries, 3, true, table), ESP_OK);
    assert_int_equal(nor_flash_create(f->path, FLASH_SIZE), ESP_OK);
    assert_int_equal(nor_flash_open(f->path, false, &flash), ESP_OK);
    assert_int_equal(esp_flash_write(flash, table, 0x8000, sizeof(table)), ESP_OK);
    nor_flash_close(flash);
    *state = f;
    return 0;
}

static int remove_device(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);       // the folder tells if it stays
    (void)unlink(f->efuse_path); // there is none
    return rmdir(f->folder);
}

static void put_program(const struct fixture *f, const char *version, uint32_t otadata_state)
{
    struct stat info;
    esp_app_desc_t desc = {.project_name = "life"};
    esp_ota_select_entry_t record;
    esp_flash_t *flash;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_not_equal(fd, -1);
    assert_int_equal(fstat(fd, &info), 0);
    size_t len = (size_t)info.st_size;
    uint8_t *elf = malloc(len);
    uint8_t *image = malloc(host_image_len(len));
    assert_non_null(elf);
    assert_non_null(image);
    assert_int_equal(read(fd, elf, len), len);
    (void)close(fd); // only read
    strcpy(desc.version, version);
    host_image_encode(elf, len, &desc, image);
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = 1;
    record.ota_state = otadata_state;
    record.crc = otadata_crc(1);
    assert_int_equal(nor_flash_open(f->path, false, &flash), ESP_OK);
    assert_int_equal(esp_flash_erase_region(flash, OTA_0, OTA_1 - OTA_0), ESP_OK);
    assert_int_equal(esp_flash_write(flash, image, OTA_0, host_image_len(len)), ESP_OK);
    assert_int_equal(otadata_write(flash, OTADATA, 0, &record), ESP_OK);
    nor_flash_close(flash);
    free(image);
    free(elf);
}

static struct device_death live(const struct fixture *f, struct device_life_options options)
{
    struct device_options open_options = {.rollback = true};
    struct device *device;
    struct boot_decision decision;
    struct device_death death;
    options.path = f->path;
    options.rollback = true;
    assert_int_equal(device_open(f->path, &open_options, &device), ESP_OK);
    assert_int_equal(device_boot(device, true, false, &decision), ESP_OK);
    assert_int_equal(decision.booted, 0);
    assert_int_equal(device_live(device, &decision, &options, &death), ESP_OK);
    device_close(device);
    return death;
}

// ----------------------------------------------------------------------- facts

static void every_end_has_its_reset_reason(void **state)
{
    static const struct {
        const char *version;
        enum device_end end;
        esp_reset_reason_t next;
        const char *name;
    } ENDS[] = {
        {"c0", DEVICE_END_IDLE, ESP_RST_PANIC, "idle"},
        {"c1", DEVICE_END_PANIC, ESP_RST_PANIC, "panic"},
        {"c127", DEVICE_END_PANIC, ESP_RST_PANIC, "panic"},
        {"c96", DEVICE_END_RESTART, ESP_RST_SW, "restart"},
        {"d1500", DEVICE_END_DEEP_SLEEP, ESP_RST_DEEPSLEEP, "deep_sleep"},
        {"c98", DEVICE_END_WATCHDOG, ESP_RST_TASK_WDT, "watchdog"},
        {"c99", DEVICE_END_INT_WATCHDOG, ESP_RST_INT_WDT, "int_watchdog"},
        {"c100", DEVICE_END_BROWNOUT, ESP_RST_BROWNOUT, "brownout"},
        {"c101", DEVICE_END_POWER_CUT, ESP_RST_POWERON, "power_cut"},
        {"s9", DEVICE_END_POWER_CUT, ESP_RST_POWERON, "power_cut"},
        {"s15", DEVICE_END_PANIC, ESP_RST_PANIC, "panic"},
        {"s6", DEVICE_END_PANIC, ESP_RST_PANIC, "panic"},
    };
    for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
        put_program(*state, ENDS[i].version, ESP_OTA_IMG_VALID);
        struct device_death death = live(*state, (struct device_life_options){.stop_fd = -1});
        assert_int_equal(death.end, ENDS[i].end);
        assert_int_equal(device_reset_after(death.end), ENDS[i].next);
        assert_string_equal(device_end_name(death.end), ENDS[i].name);
        assert_int_equal(death.sleep_us, ENDS[i].version[0] == 'd' ? 1500 : 0);
        assert_false(death.was_on_trial);
    }
}

static void the_program_hears_every_reason(void **state)
{
    char version[8];
    for (int reason = ESP_RST_UNKNOWN; reason <= ESP_RST_CPU_LOCKUP; reason++) {
        (void)snprintf(version, sizeof(version), "r%d", reason);
        put_program(*state, version, ESP_OTA_IMG_VALID);
        struct device_life_options options = {.stop_fd = -1, .reset = (esp_reset_reason_t)reason};
        struct device_death death = live(*state, options);
        assert_int_equal(death.end, DEVICE_END_IDLE);
    }
}

static void silence_on_trial_ends_with_the_watchdog(void **state)
{
    put_program(*state, "w", ESP_OTA_IMG_NEW);
    struct device_life_options options = {.stop_fd = -1, .watchdog_ms = 20};
    struct device_death death = live(*state, options);
    assert_int_equal(death.end, DEVICE_END_WATCHDOG);
    assert_true(death.was_on_trial && death.is_unconfirmed);
    assert_true(death.lived_ms >= 20);
}

static void the_power_switch_ends_a_program_that_says_nothing(void **state)
{
    int stop[2];
    put_program(*state, "w", ESP_OTA_IMG_VALID);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    assert_int_equal(write(stop[1], "x", 1), 1);
    struct device_life_options options = {.stop_fd = stop[0], .watchdog_ms = 1};
    struct device_death death = live(*state, options);
    assert_int_equal(death.end, DEVICE_END_SWITCHED_OFF);
    assert_false(death.was_on_trial);
    (void)close(stop[0]); // a test's own
    (void)close(stop[1]);
}

static void reasons_have_names(void **state)
{
    (void)state;
    assert_string_equal(device_reset_name(ESP_RST_POWERON), "POWERON");
    assert_string_equal(device_reset_name(ESP_RST_TASK_WDT), "TASK_WDT");
    assert_string_equal(device_reset_name(ESP_RST_CPU_LOCKUP), "CPU_LOCKUP");
    assert_string_equal(device_reset_name((esp_reset_reason_t)99), "UNKNOWN");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, create_device, remove_device)

int main(void)
{
    const char *ticket = getenv(DEVICE_TICKET_VARIABLE);
    const struct CMUnitTest tests[] = {
        FACT(every_end_has_its_reset_reason),
        FACT(the_program_hears_every_reason),
        FACT(silence_on_trial_ends_with_the_watchdog),
        FACT(the_power_switch_ends_a_program_that_says_nothing),
        cmocka_unit_test(reasons_have_names),
    };
    if (ticket) {
        return run_as_firmware(ticket);
    }
    esp_log_level_set("*", ESP_LOG_NONE); // nothing goes wrong but what is asked to
    return cmocka_run_group_tests(tests, NULL, NULL);
}
