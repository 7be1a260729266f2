/* Counts visits: what a container function is, any program that answers HTTP at $PORT. Its count lives as long as the
 * container, which is as long as somebody comes by now and then. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_CLIENTS = 1000, MOST_HEAD = 8192 };

struct client {
  char head[MOST_HEAD + 1];
  size_t size;
};

static struct pollfd polled[MOST_CLIENTS + 1]; /* the first is the listener */
static struct client* clients[MOST_CLIENTS + 1];
static nfds_t count = 1;
static unsigned long visits;

/* The first process of a container ignores the signals that it does not handle. */
static void leave(int signal) {
  _exit(signal == SIGTERM ? 0 : 1);
}

static void drop(nfds_t i) {
  close(polled[i].fd);
  free(clients[i]);
  --count;
  polled[i] = polled[count];
  clients[i] = clients[count];
}

static int answer(int fd) {
  char body[96], whole[256];
  const char* name = getenv("VISITORS");
  int size = snprintf(body, sizeof body, "%lu %s so far\n", ++visits, name != NULL ? name : "visits");
  int all = snprintf(whole, sizeof whole, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s",
                     size, body);
  return send(fd, whole, (size_t)all, MSG_NOSIGNAL) == all;
}

/* Requests without a body, one after the other. */
static int serve(nfds_t i) {
  struct client* client = clients[i];
  ssize_t got = recv(polled[i].fd, client->head + client->size, MOST_HEAD - client->size, 0);
  if (got <= 0) return 0;
  client->size += (size_t)got;
  client->head[client->size] = 0;
  for (char* end; (end = strstr(client->head, "\r\n\r\n")) != NULL;) {
    if (!answer(polled[i].fd)) return 0;
    client->size -= (size_t)(end + 4 - client->head);
    memmove(client->head, end + 4, client->size + 1);
  }
  return client->size < MOST_HEAD;
}

static void accept_one(void) {
  int fd = accept(polled[0].fd, NULL, NULL);
  if (fd < 0) return;
  if (count > MOST_CLIENTS) {
    close(fd);
    return;
  }
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  polled[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  clients[count] = calloc(1, sizeof(struct client));
  ++count;
}

int main(void) {
  signal(SIGTERM, leave);
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char* port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(port != NULL ? port : "8080"))};
  polled[0] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
  if (bind(polled[0].fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(polled[0].fd, 128) != 0) {
    perror("visits");
    return 1;
  }
  printf("counts visits at port %d\n", ntohs(address.sin_port));
  while (poll(polled, count, -1) > 0) {
    for (nfds_t i = count - 1; i > 0; --i) {
      if (polled[i].revents != 0 && !serve(i)) drop(i);
    }
    if (polled[0].revents != 0) accept_one();
  }
}
