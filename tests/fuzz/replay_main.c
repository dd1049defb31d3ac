// Runs a fuzz harness over every file of the folders named on the command line, so that a corpus is an ordinary test.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *load(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long end = -1;
    if (file && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0) {
        rewind(file);
        data = malloc((size_t)end + 1);
    }
    if (data && fread(data, 1, (size_t)end, file) != (size_t)end) {
        free(data);
        data = NULL;
    }
    if (file) {
        (void)fclose(file); // opened for reading
    }
    *len = data ? (size_t)end : 0;
    return data;
}

static int replay_file(const char *path)
{
    size_t len;
    uint8_t *data = load(path, &len);
    if (!data) {
        fprintf(stderr, "%s cannot be read\n", path);
        return 1;
    }
    (void)LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        const struct dirent *item;
        while (dir && (item = readdir(dir))) {
            char path[4096];
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], item->d_name);
            if (item->d_name[0] != '.') {
                count++;
                if (replay_file(path) != 0) {
                    return 1;
                }
            }
        }
        if (dir) {
            (void)closedir(dir); // opened for reading
        }
    }
    printf("%u inputs\n", count);
    return count ? 0 : 1;
}
