#include "nginx_server.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "https_server.h"

struct nginx_server {
    char folder[32];
    int port;
    pid_t process;
};

static const char s_config[] =
    "%s daemon off; worker_processes 1; pid pid; error_log error.log;\n"
    "events { }\n"
    "http {\n"
    "  access_log off; keepalive_requests 1000; sendfile on;\n"
    "  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n"
    "  uwsgi_temp_path t4; scgi_temp_path t5;\n"
    "  types { text/plain txt; } default_type application/octet-stream; gzip on; gzip_types "
    "text/plain;\n"
    "  server {\n"
    "    listen 127.0.0.1:%d ssl http2;\n"
    "    ssl_certificate certificate.pem; ssl_certificate_key key.pem;\n"
    "    root .;\n"
    "    location = /connection { return 200 \"$connection $connection_requests\"; }\n"
    "    location = /version { return 200 \"$server_protocol\"; }\n"
    "    location /moved/ { absolute_redirect off; rewrite ^/moved(/.*)$ $1 redirect; }\n"
    "  }\n"
    "}\n";

static void require(bool ok)
{
    if (!ok) {
        perror("nginx_server");
        abort();
    }
}

static FILE *create(const struct nginx_server *server, const char *name)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/%s", server->folder, name);
    FILE *file = fopen(path, "w");
    require(file != NULL);
    return file;
}

static void put_text(const struct nginx_server *server, const char *name, const char *text)
{
    FILE *file = create(server, name);
    require(fputs(text, file) >= 0);
    fclose(file);
}

void nginx_server_put(struct nginx_server *server, const char *name, size_t len)
{
    FILE *file = create(server, name);
    for (size_t i = 0; i < len; i++) {
        putc(https_server_pattern(i), file);
    }
    require(fclose(file) == 0);
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    require(bind(listener, (struct sockaddr *)&address, len) == 0);
    require(listen(listener, 64) == 0);
    require(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return listener;
}

/* fact: nginx takes listening sockets over whose numbers are in NGINX, as for an upgrade without interruption. */
static void start_process(struct nginx_server *server, const char *program, int listener)
{
    char config[64];
    char inherited[16];
    snprintf(config, sizeof(config), "%s/nginx.conf", server->folder);
    snprintf(inherited, sizeof(inherited), "%d;", listener);
    server->process = fork();
    require(server->process >= 0);
    if (server->process == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        setenv("NGINX", inherited, 1);
        require(freopen("/dev/null", "w", stderr) != NULL);
        execl(program, program, "-e", "error.log", "-p", server->folder, "-c", config,
              (char *)NULL);
        _exit(127);
    }
    setpgid(server->process, server->process); // whoever comes first
}

struct nginx_server *nginx_server_start(const struct test_certificate *certificate)
{
    static const char *const programs[] = {"/usr/sbin/nginx", "/usr/bin/nginx",
                                           "/usr/local/sbin/nginx"};
    const char *program = NULL;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && !program; i++) {
        program = access(programs[i], X_OK) == 0 ? programs[i] : NULL;
    }
    if (!program) {
        return NULL;
    }
    struct nginx_server *server = calloc(1, sizeof(*server));
    require(server != NULL);
    strcpy(server->folder, "/tmp/nginx-XXXXXX");
    require(mkdtemp(server->folder) != NULL);
    put_text(server, "certificate.pem", certificate->pem);
    put_text(server, "key.pem", certificate->key_pem);
    int listener = listen_anywhere(&server->port);
    FILE *file = create(server, "nginx.conf");
    fprintf(file, s_config, geteuid() == 0 ? "user root;" : "",
            server->port); // paths count from the folder
    fclose(file);
    start_process(server, program, listener);
    close(listener);
    return server;
}

void nginx_server_kill(struct nginx_server *server)
{
    if (server->process > 0) {
        kill(-server->process, SIGKILL); // the worker, too
        waitpid(server->process, NULL, 0);
        server->process = 0;
    }
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

void nginx_server_stop(struct nginx_server *server)
{
    nginx_server_kill(server);
    require(nftw(server->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
    free(server);
}

int nginx_server_port(const struct nginx_server *server)
{
    return server->port;
}
