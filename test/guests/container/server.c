/* A small HTTP/1.1 server for tests of container functions: a thread for each connection, one behaviour for each path.
 *
 *   /            hello, and how many requests this process has answered
 *   /env?NAME    a variable of its environment       /sleep?ms    answers later
 *   /spin?ms     computes for so long, then answers
 *   /log?text    on both standard streams            /die         the process ends with 3
 *   /echo        the body of the request             /stream      three chunks, 100 ms apart
 *   /call?URL    what the proxy of HTTP_PROXY answers to "GET URL", head and all
 *   /connect?HOST:PORT    what it answers to CONNECT, and then the peer to "GET /"
 *   Upgrade: x   101, then every byte comes back
 *
 * CRASH=text: it says so and ends at once. DEAF: it never listens. DELAY=ms: it listens later. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16 * 1024 };

struct request {
  char head[HEAD_BYTES + 1];
  size_t head_size; /* with what was read beyond it */
  char* rest;
  size_t rest_size;
};

static _Atomic unsigned long answered;

static void pause_ms(long ms) {
  usleep((useconds_t)ms * 1000);
}

static int send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
    if (put <= 0) return -1;
    bytes += put;
    size -= (size_t)put;
  }
  return 0;
}

static void spin_ms(long ms) {
  struct timespec begun, now;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000 < ms);
}

/* The value of a field, or NULL. */
static const char* field(const struct request* request, const char* name, char* into, size_t most) {
  size_t length = strlen(name);
  for (const char* line = strstr(request->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
    line += 2;
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
    const char* value = line + length + 1 + strspn(line + length + 1, " ");
    snprintf(into, most, "%.*s", (int)strcspn(value, "\r"), value);
    return into;
  }
  return NULL;
}

/* 1: there is one, with its head ended by a zero. */
static int read_head(int fd, struct request* request) {
  while (1) {
    request->head[request->head_size] = 0;
    char* end = strstr(request->head, "\r\n\r\n");
    if (end != NULL) {
      end[2] = 0;
      request->rest = end + 4;
      request->rest_size = request->head_size - (size_t)(request->rest - request->head);
      return 1;
    }
    if (request->head_size == HEAD_BYTES) return 0;
    ssize_t got = recv(fd, request->head + request->head_size, HEAD_BYTES - request->head_size, 0);
    if (got <= 0) return 0;
    request->head_size += (size_t)got;
  }
}

/* A short one in one piece: who is killed has then sent all of it or nothing. */
static int answer(int fd, const char* body, size_t size) {
  char whole[1024];
  int length =
      snprintf(whole, sizeof whole, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n\r\n", size);
  if ((size_t)length + size > sizeof whole)
    return send_all(fd, whole, (size_t)length) == 0 && send_all(fd, body, size) == 0;
  memcpy(whole + length, body, size);
  return send_all(fd, whole, (size_t)length + size) == 0;
}

static int echo(int fd, struct request* request) {
  char text[32];
  size_t size = field(request, "content-length", text, sizeof text) != NULL ? strtoul(text, NULL, 10) : 0;
  char* body = malloc(size + 1);
  size_t have = request->rest_size < size ? request->rest_size : size;
  memcpy(body, request->rest, have);
  request->rest += have;
  request->rest_size -= have;
  while (have < size) {
    ssize_t got = recv(fd, body + have, size - have, 0);
    if (got <= 0) break;
    have += (size_t)got;
  }
  int good = have == size && answer(fd, body, size);
  free(body);
  return good;
}

/* A connection to the proxy that the environment names, "http://127.0.0.1:PORT". */
static int to_proxy(void) {
  const char* proxy = getenv("HTTP_PROXY");
  const char* port = proxy != NULL ? strrchr(proxy, ':') : NULL;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port ? port + 1 : "1"))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static int call_out(int fd, const char* name, const char* whom) {
  char bytes[800];
  char got[900] = "no proxy\n";
  size_t have = 0;
  int through_tunnel = strcmp(name, "/connect") == 0;
  int proxy = to_proxy();
  if (proxy >= 0) {
    snprintf(bytes, sizeof bytes,
             through_tunnel ? "CONNECT %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
                            : "GET %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
             whom);
    send_all(proxy, bytes, strlen(bytes));
    for (ssize_t size; have < sizeof got - 1 && (size = recv(proxy, got + have, sizeof got - 1 - have, 0)) > 0;) {
      have += (size_t)size;
      got[have] = 0;
      if (through_tunnel && strncmp(got, "HTTP/1.1 200", 12) == 0 && strstr(got, "\r\n\r\n") != NULL) {
        through_tunnel = 0;
        const char* get = "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        send_all(proxy, get, strlen(get));
      }
    }
    close(proxy);
  }
  return answer(fd, got, strlen(got));
}

static int stream(int fd) {
  const char* head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  if (send_all(fd, head, strlen(head)) != 0) return 0;
  for (int i = 1; i <= 3; ++i) {
    char chunk[32];
    int size = snprintf(chunk, sizeof chunk, "6\r\nchunk%d\r\n", i);
    if (send_all(fd, chunk, (size_t)size) != 0) return 0;
    pause_ms(100);
  }
  return send_all(fd, "0\r\n\r\n", 5) == 0;
}

static void tunnel(int fd, const struct request* request, const char* protocol) {
  char bytes[4096];
  int size = snprintf(bytes, sizeof bytes,
                      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: %s\r\n\r\n", protocol);
  if (send_all(fd, bytes, (size_t)size) != 0) return;
  if (send_all(fd, request->rest, request->rest_size) != 0) return;
  for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;) {
    if (send_all(fd, bytes, (size_t)got) != 0) return;
  }
}

/* Whether the connection goes on. The function's prefix stands before the paths. */
static int serve(int fd, struct request* request) {
  char value[256];
  char text[512];
  ++answered;
  if (field(request, "upgrade", value, sizeof value) != NULL) {
    tunnel(fd, request, value);
    return 0;
  }
  char* target = strchr(request->head, ' ');
  if (target == NULL) return 0;
  char* end = strchr(++target, ' ');
  if (end != NULL) *end = 0;
  char* query = strchr(target, '?');
  if (query != NULL) *query++ = 0;
  const char* name = strrchr(target, '/') != NULL ? strrchr(target, '/') : target;
  if (strcmp(name, "/die") == 0) _exit(3);
  if (strcmp(name, "/echo") == 0) {
    if (end != NULL) *end = ' ';
    return echo(fd, request);
  }
  if (strcmp(name, "/stream") == 0) return stream(fd);
  if (query != NULL && (strcmp(name, "/call") == 0 || strcmp(name, "/connect") == 0)) return call_out(fd, name, query);
  if (strcmp(name, "/sleep") == 0) pause_ms(query != NULL ? atol(query) : 0);
  if (strcmp(name, "/spin") == 0) spin_ms(query != NULL ? atol(query) : 0);
  if (strcmp(name, "/env") == 0) {
    const char* told = query != NULL ? getenv(query) : NULL;
    snprintf(text, sizeof text, "%s\n", told != NULL ? told : "(none)");
  } else if (strcmp(name, "/log") == 0) {
    printf("out: %s\n", query != NULL ? query : "");
    fprintf(stderr, "err: %s\n", query != NULL ? query : "");
    snprintf(text, sizeof text, "logged\n");
  } else {
    snprintf(text, sizeof text, "hello from a container, request %lu\n", (unsigned long)answered);
  }
  return answer(fd, text, strlen(text));
}

static void* connection(void* argument) {
  int fd = (int)(long)argument;
  struct request* request = calloc(1, sizeof *request);
  while (read_head(fd, request) && serve(fd, request)) {
    memmove(request->head, request->rest, request->rest_size);
    request->head_size = request->rest_size;
  }
  free(request);
  close(fd);
  return NULL;
}

static void leave(int signal) {
  _exit(signal == SIGTERM ? 0 : 1);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGTERM, leave); /* the first process of a container ignores what it does not handle */
  const char* crash = getenv("CRASH");
  if (crash != NULL) {
    printf("%s\n", crash);
    return 4;
  }
  if (getenv("DEAF") != NULL) {
    while (1) pause();
  }
  if (getenv("DELAY") != NULL) pause_ms(atol(getenv("DELAY")));
  const char* port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(port != NULL ? port : "0"))};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 1024) != 0) {
    perror("listen");
    return 1;
  }
  printf("listens at %s\n", port);
  while (1) {
    int fd = accept(listener, NULL, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    pthread_t thread;
    if (fd >= 0 && pthread_create(&thread, NULL, connection, (void*)(long)fd) == 0) pthread_detach(thread);
  }
}
