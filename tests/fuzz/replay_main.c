// Runs a fuzz harness over every file of the folders named on the command line, so that a corpus is an ordinary test.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        return 1;
    }
    long len = ftell(file);
    rewind(file);
    uint8_t *data = malloc(len > 0 ? (size_t)len : 1);
    if (!data || len < 0 || fread(data, 1, (size_t)len, file) != (size_t)len) {
        fprintf(stderr, "%s cannot be read\n", path);
        return 1;
    }
    (void)fclose(file); // opened for reading
    (void)LLVMFuzzerTestOneInput(data, (size_t)len);
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
