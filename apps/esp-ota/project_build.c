// esp-ota project build: an ESP-IDF project, unedited, becomes firmware of a virtual device. CMake does the work
// (idf/tools/cmake/project.cmake); this runs it and packs what comes out.

#define _GNU_SOURCE // asprintf, program_invocation

#include "commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_pack.h"

#define SETTINGS_MAX 64   // chosen: more than any project sets by hand
#define TEXT_MAX     4096 // chosen: room for a path, or for many settings

struct project {
    const char *dir;
    const char *output;
    const char *flash;
    const char *version;
    const char *secure_version;
    const char *idf_version;
    char build_dir[PATH_MAX];
    char idf_path[PATH_MAX];
    char defaults[TEXT_MAX]; // CMake lists: elements between ';'
    char settings[TEXT_MAX];
    char source[PATH_MAX + 64]; // what CMake configures
    const char *component;      // DIR is a component, not a project; else NULL
    bool is_quiet;
};

// ----------------------------------------------------------------------- other programs

/** Runs a program with its output on our standard error; words ends with NULL. @return its exit code, 127: not found */
static int run_program(const struct project *project, char *const *words)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int out = project->is_quiet ? -1 : STDERR_FILENO;
        if (out < 0 ? !freopen("/dev/null", "w", stdout) : dup2(out, STDOUT_FILENO) < 0) {
            _exit(127);
        }
        execvp(words[0], words);
        _exit(127);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static bool is_on_path(const char *program)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t len = strcspn(path, ":");
        char name[PATH_MAX];
        if (snprintf(name, sizeof(name), "%.*s/%s", (int)len, path, program) < (int)sizeof(name) &&
            access(name, X_OK) == 0) {
            return true;
        }
        path += len + (path[len] == ':');
    }
    return false;
}

// ----------------------------------------------------------------------- steps

/** Where project.cmake stands: beside an installed esp-ota, or where ESP_OTA_IDF_PATH says. */
static int find_idf(struct project *project)
{
    const char *given = getenv("ESP_OTA_IDF_PATH");
    char self[PATH_MAX] = "";
    if (given) {
        (void)snprintf(project->idf_path, sizeof(project->idf_path), "%s", given);
    } else if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
        char *slash = strrchr(self, '/');
        *slash = '\0';
        if (snprintf(project->idf_path, sizeof(project->idf_path), "%s/../share/esp-https-ota/idf",
                     self) >= (int)sizeof(project->idf_path)) {
            return cli_fail("the path of esp-ota is too long");
        }
    }
    char file[PATH_MAX + 64];
    (void)snprintf(file, sizeof(file), "%s/tools/cmake/project.cmake", project->idf_path);
    if (access(file, R_OK) != 0) {
        return cli_fail("%s is missing: projects are built with an installed esp-ota; "
                        "cmake --install BUILD --prefix PREFIX, then use PREFIX/bin/esp-ota",
                        file);
    }
    return CLI_DONE;
}

/** Whether a CMakeLists.txt registers a component and makes no project. */
static bool is_component(const char *file)
{
    struct cli_bytes text;
    if (!cli_read_file(file, 1024 * 1024, &text)) {
        return false;
    }
    const char *words = (const char *)text.bytes;
    bool registers = strstr(words, "idf_component_register") || strstr(words, "register_component");
    bool has_project = strstr(words, "project.cmake") || strstr(words, "project(");
    free(text.bytes);
    return registers && !has_project;
}

static int check_project(struct project *project)
{
    char file[PATH_MAX];
    (void)snprintf(file, sizeof(file), "%s/CMakeLists.txt", project->dir);
    if (access(file, R_OK) != 0) {
        return cli_fail("%s is no ESP-IDF project: it has no CMakeLists.txt (%s)", project->dir,
                        strerror(errno));
    }
    (void)snprintf(project->source, sizeof(project->source), "%s", project->dir);
    if (is_component(file)) {
        project->component = project->dir;
        (void)snprintf(project->source, sizeof(project->source), "%s/tools/component_project",
                       project->idf_path);
    }
    if (!is_on_path("cmake")) {
        return cli_fail(
            "cmake is not on the PATH; it builds projects. Install cmake 3.25 or newer");
    }
    return CLI_DONE;
}

/** The word "-D<name>=<value>", allocated; value NULL: empty, so that an earlier run's is forgotten. */
static char *definition(const char *name, const char *value)
{
    char *word = NULL;
    return asprintf(&word, "-D%s=%s", name, value ? value : "") < 0 ? NULL : word;
}

static int configure(struct project *project)
{
    char cache[PATH_MAX + 32];
    (void)snprintf(cache, sizeof(cache), "%s/CMakeCache.txt", project->build_dir);
    bool has_generator = access(cache, F_OK) == 0 || !is_on_path("ninja");
    char *definitions[] = {
        definition("OTA_VERSION", project->version),
        definition("OTA_SECURE_VERSION", project->secure_version),
        definition("OTA_IDF_VERSION", project->idf_version),
        definition("OTA_SDKCONFIG_DEFAULTS", project->defaults),
        definition("OTA_CONFIG", project->settings),
        definition("OTA_COMPONENT", project->component),
        definition("OTA_COMPONENT_NAME",
                   project->component ? strrchr(project->component, '/') + 1 : NULL)};
    enum { COUNT = sizeof(definitions) / sizeof(definitions[0]) };
    // Not every project looks at every definition, which is no news to its author.
    char *words[16] = {"cmake", "--no-warn-unused-cli", "-S", project->source,
                       "-B",    project->build_dir};
    size_t used = 6;
    bool has_memory = true;
    for (size_t i = 0; i < COUNT; i++) {
        has_memory = has_memory && definitions[i];
        words[used++] = definitions[i];
    }
    if (!has_generator) {
        words[used++] = "-GNinja";
    }
    words[used] = NULL;
    int code = has_memory && setenv("IDF_PATH", project->idf_path, 1) == 0
                   ? run_program(project, words)
                   : 126;
    for (size_t i = 0; i < COUNT; i++) {
        free(definitions[i]);
    }
    return code == 0 ? CLI_DONE
                     : cli_fail("cmake cannot configure %s (exit code %d); its words stand above",
                                project->dir, code);
}

static int compile(struct project *project)
{
    char *words[] = {"cmake", "--build", project->build_dir, NULL};
    int code = run_program(project, words);
    return code == 0
               ? CLI_DONE
               : cli_fail("%s does not build (exit code %d); the compiler's words stand above",
                          project->dir, code);
}

/** A word that CMake left in a file of the build folder. */
static bool read_word(const struct project *project, const char *name, char word[32])
{
    char path[PATH_MAX + 32];
    struct cli_bytes text;
    (void)snprintf(path, sizeof(path), "%s/%s", project->build_dir, name);
    if (!cli_read_file(path, 31, &text)) {
        return false;
    }
    (void)snprintf(word, 32, "%.*s", (int)strcspn((char *)text.bytes, "\n"), (char *)text.bytes);
    free(text.bytes);
    return true;
}

static int pack(struct project *project)
{
    char elf[PATH_MAX + 32];
    (void)snprintf(elf, sizeof(elf), "%s/firmware.stripped", project->build_dir);
    char rollback[32];
    if (!read_word(project, "rollback", rollback)) {
        return CLI_FAILED;
    }
    const struct image_encode_spec spec = {0}; // the program carries its descriptor
    const struct image_pack wanted = {
        .elf = elf,
        .spec = &spec,
        .rollback = strcmp(rollback, "on") == 0 ? HOST_IMAGE_ROLLBACK_ON : HOST_IMAGE_ROLLBACK_OFF,
        .out = project->output};
    return image_pack(&wanted);
}

/** "factory" when the table has such a partition, else "ota_0". */
static const char *first_application(const char *csv)
{
    struct cli_bytes text;
    if (!cli_read_file(csv, 64 * 1024, &text)) {
        return NULL;
    }
    const char *slot = strstr((const char *)text.bytes, "factory") ? "factory" : "ota_0";
    free(text.bytes);
    return slot;
}

static int make_flash(const struct project *project)
{
    char csv[PATH_MAX + 32];
    (void)snprintf(csv, sizeof(csv), "%s/partitions.csv", project->build_dir);
    char size[32];
    const char *slot = first_application(csv);
    if (!slot || !read_word(project, "flash_size", size)) {
        return CLI_FAILED;
    }
    char put[PATH_MAX + 32];
    (void)snprintf(put, sizeof(put), "%s=%s", slot, project->output);
    char *words[] = {"flash create",
                     (char *)project->flash,
                     "--chip",
                     "linux",
                     "--size",
                     size,
                     "--partitions",
                     csv,
                     "--put",
                     put,
                     NULL};
    optind = 0; // getopt begins anew
    cli_begin(&flash_create_command);
    return flash_create_command.run(10, words);
}

// ----------------------------------------------------------------------- the command line

/** Appends an element to a CMake list. @return false: no room */
static bool append(char *list, const char *element)
{
    size_t used = strlen(list);
    int len = snprintf(list + used, TEXT_MAX - used, "%s%s", used > 0 ? ";" : "", element);
    return len >= 0 && (size_t)len < TEXT_MAX - used;
}

static bool append_path(char *list, const char *path)
{
    char absolute[PATH_MAX];
    return append(list, realpath(path, absolute) ? absolute : path);
}

enum {
    OPT_BUILD_DIR = 1,
    OPT_VERSION,
    OPT_SECURE,
    OPT_DEFAULTS,
    OPT_CONFIG,
    OPT_IDF,
    OPT_FLASH,
    OPT_QUIET
};

static const struct option OPTIONS[] = {
    {"output", required_argument, NULL, 'o'},
    {"build-dir", required_argument, NULL, OPT_BUILD_DIR},
    {"version", required_argument, NULL, OPT_VERSION},
    {"secure-version", required_argument, NULL, OPT_SECURE},
    {"sdkconfig-defaults", required_argument, NULL, OPT_DEFAULTS},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"idf-version", required_argument, NULL, OPT_IDF},
    {"flash", required_argument, NULL, OPT_FLASH},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {0},
};

static bool is_version(const char *text)
{
    return text[strspn(text, "0123456789.")] == '\0' && text[0] != '\0';
}

static int take_list_option(int option, struct project *project)
{
    if (strchr(optarg, ';')) {
        return cli_usage("a ';' in \"%s\" cannot be passed on to CMake", optarg);
    }
    if (option == OPT_CONFIG && !strchr(optarg, '=')) {
        return cli_usage("--config wants NAME=VALUE, not \"%s\"", optarg);
    }
    bool has_room = option == OPT_CONFIG ? append(project->settings, optarg)
                                         : append_path(project->defaults, optarg);
    return has_room ? CLI_DONE : cli_usage("too many or too long options of this kind");
}

static int take_option(int option, struct project *project)
{
    uint64_t number;
    switch (option) {
    case 'o':
        project->output = optarg;
        return CLI_DONE;
    case OPT_BUILD_DIR:
        (void)snprintf(project->build_dir, sizeof(project->build_dir), "%s", optarg);
        return CLI_DONE;
    case OPT_VERSION:
        project->version = optarg;
        return strlen(optarg) <= 31
                   ? CLI_DONE
                   : cli_usage("--version holds 31 characters, not \"%s\"", optarg);
    case OPT_SECURE:
        project->secure_version = optarg;
        return cli_parse_number(optarg, UINT32_MAX, &number)
                   ? CLI_DONE
                   : cli_usage("--secure-version wants a number, not \"%s\"", optarg);
    case OPT_DEFAULTS:
    case OPT_CONFIG:
        return take_list_option(option, project);
    case OPT_IDF:
        project->idf_version = optarg;
        return is_version(optarg) ? CLI_DONE
                                  : cli_usage("--idf-version wants e.g. 5.4, not \"%s\"", optarg);
    case OPT_FLASH:
        project->flash = optarg;
        return CLI_DONE;
    case OPT_QUIET:
        project->is_quiet = true;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

/** Fills in what was not given: the output beside us, the build beside the output; the project is not written to. */
static int complete(struct project *project, char output[PATH_MAX])
{
    static char dir[PATH_MAX]; // one project a process
    if (!realpath(project->dir, dir)) {
        return cli_fail("%s: %s", project->dir, strerror(errno));
    }
    project->dir = dir;
    if (!project->output) {
        const char *name = strrchr(dir, '/') + 1;
        if (snprintf(output, PATH_MAX, "%s.bin", name) >= PATH_MAX) {
            return cli_fail("the name of the project is too long");
        }
        project->output = output;
    }
    if (project->build_dir[0] == '\0' &&
        snprintf(project->build_dir, sizeof(project->build_dir), "%s.build", project->output) >=
            (int)sizeof(project->build_dir)) {
        return cli_fail("the name of the output is too long");
    }
    return CLI_DONE;
}

static int build(struct project *project)
{
    char output[PATH_MAX];
    int (*const steps[])(struct project *) = {check_project, configure, compile, pack};
    int code = complete(project, output);
    code = code == CLI_DONE ? find_idf(project) : code;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && code == CLI_DONE; i++) {
        code = steps[i](project);
    }
    return code == CLI_DONE && project->flash ? make_flash(project) : code;
}

static int run(int argc, char **argv)
{
    static struct project project; // large, and one a process
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, &project);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    project.dir = argv[optind];
    return build(&project);
}

const struct cli_command project_build_command = {
    .name = "project build",
    .summary = "build an ESP-IDF project, unedited, as firmware of a virtual device",
    .usage = "project build DIR [-o FILE] [--version V] [--config NAME=VALUE]... [--flash FLASH]",
    .help =
        "Configures and compiles the project in DIR for this host and packs the program into an "
        "image for the\n"
        "chip linux. Nothing is written into DIR. Needs an installed esp-ota (cmake --install), "
        "cmake, a C and\n"
        "C++ compiler and python3. What CMake and the compiler say goes to standard error. A DIR "
        "that is "
        "a component\n"
        "with tests and no project becomes an application with their menu.\n\n"
        "  -o FILE                    the image; DIR's name and .bin if not given\n"
        "  --build-dir DIR            where to build; the image's name and .build if not given\n"
        "  --version V                application version; else as in ESP-IDF: PROJECT_VER, the\n"
        "                             configuration, version.txt, git describe, 1\n"
        "  --secure-version N         for anti-rollback; else the configuration's\n"
        "  --config NAME=VALUE        sets CONFIG_NAME over everything; once or more\n"
        "  --sdkconfig-defaults FILE  read behind the project's sdkconfig.defaults; once or more\n"
        "  --idf-version X.Y          the release that ESP_IDF_VERSION tells; 6.1 if not given\n"
        "  --flash FLASH              also makes a flash file with the configuration's partition "
        "table and size,\n"
        "                             and the image in its first application partition\n"
        "  --quiet                    do not show what goes well in CMake\n\n"
        "example:  esp-ota project build simple_ota_example -o v1.bin --version 1.0.0 --flash "
        "dev.bin\n"
        "          esp-ota device run --flash dev.bin\n",
    .run = run,
};
