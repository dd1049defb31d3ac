// Runs one command and prints what the whole process cost: user and system CPU time, wall time, peak memory.
//
//     bench_measure COMMAND [ARGUMENT]...     one line of JSON on standard output; the command's own output is dropped
//
// A program of its own because a child's peak memory counts what its parent held when it was forked: forked from
// the benchmark script, every small program would seem as large as a Python interpreter.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at); // exists on every Linux
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void become(char **command)
{
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0) {
        execvp(command[0], command);
    }
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_measure COMMAND [ARGUMENT]...\n");
        return 2;
    }
    double started = now();
    pid_t child = fork();
    if (child == 0) {
        become(argv + 1);
    }
    struct rusage usage;
    int status = 0;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("bench_measure");
        return 2;
    }
    double wall = now() - started;
    printf("{\"user\": %.6f, \"system\": %.6f, \"wall\": %.6f, \"peak_kib\": %ld, \"exit_code\": "
           "%d}\n",
           seconds_of(usage.ru_utime), seconds_of(usage.ru_stime), wall, usage.ru_maxrss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
