// ?how=NAME: asks the host for too much, in that way, and prints what it was told. What never ends by itself (spin_*,
// flood_*) is for the host to end.
#include <stdint.h>
#include <stdio.h>
#include <wasi/api.h>

#include "params.h"

#define ROOT 3  // the first preopened directory

static uint8_t block[64 * 1024];

static void say(const char* what, long number) {
  printf("%s=%ld\n", what, number);
}

static __wasi_errno_t open_path(const char* path, __wasi_fd_t* file) {
  return __wasi_path_open(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, 0,
                          __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_READDIR, 0, 0, file);
}

// ---- waiting

static void poll_many(void) {
  const size_t count = (size_t)param_number("count", 1000000);
  __wasi_subscription_t* wanted = calloc(count, sizeof *wanted);
  __wasi_event_t* events = calloc(count, sizeof *events);
  if (wanted == NULL || events == NULL) return say("errno", -1);
  for (size_t i = 0; i < count; ++i) {
    wanted[i].u.tag = __WASI_EVENTTYPE_CLOCK;
    wanted[i].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    wanted[i].u.u.clock.timeout = 1;
  }
  __wasi_size_t got = 0;
  say("errno", __wasi_poll_oneoff(wanted, events, count, &got));
  say("events", (long)got);
}

static void poll_once(uint64_t timeout, uint16_t flags) {
  __wasi_subscription_t wanted = {.u.tag = __WASI_EVENTTYPE_CLOCK};
  wanted.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
  wanted.u.u.clock.timeout = timeout;
  wanted.u.u.clock.flags = flags;
  __wasi_event_t event;
  __wasi_size_t got = 0;
  if (__wasi_poll_oneoff(&wanted, &event, 1, &got) != 0) __builtin_trap();
}

static void poll_for_ever(void) {
  poll_once(UINT64_MAX, 0);
}

static void spin_poll(void) {
  for (;;) poll_once(0, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
}

static void spin_clock(void) {
  __wasi_timestamp_t time = 0;
  while (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time) == 0) {
  }
}

static void spin_yield(void) {
  while (__wasi_sched_yield() == 0) {
  }
}

static void spin_sleep(void) {
  for (;;) poll_once(1, 0);
}

// ---- files

static void many_files(void) {
  long opened = 0;
  __wasi_fd_t file = 0;
  __wasi_errno_t error = 0;
  while (opened < 100000 && (error = open_path("hello.txt", &file)) == 0) ++opened;
  say("opened", opened);
  say("errno", error);
}

static void renumber(void) {
  say("to_nowhere", __wasi_fd_renumber(ROOT, 0x7fffffff));
  say("from_nowhere", __wasi_fd_renumber(0x7fffffff, ROOT));
  say("stdout_over_root", __wasi_fd_renumber(ROOT, 1) != 0);
  __wasi_fd_t file = 0;
  long left = 0;
  for (; left < 100000 && open_path("hello.txt", &file) == 0; ++left) {
    if (__wasi_fd_renumber(file, file) != 0 || __wasi_fd_close(file) != 0) break;
  }
  fprintf(stderr, "reopened %ld times\n", left);
}

static void tiny_readdir(void) {
  long calls = 0;
  __wasi_size_t used = 0;
  __wasi_dircookie_t cookie = 0;
  while (calls < 1000 && __wasi_fd_readdir(ROOT, block, 1, cookie, &used) == 0) ++calls;
  say("calls", calls);
  say("far", __wasi_fd_readdir(ROOT, block, sizeof block, UINT64_MAX, &used));
}

static void try_path(const char* path) {
  __wasi_fd_t file = 0;
  const __wasi_errno_t error = open_path(path, &file);
  printf("%.20s %s\n", path, error == 0 ? "opened" : "refused");
  if (error == 0 && __wasi_fd_close(file) != 0) __builtin_trap();
}

static void odd_paths(void) {
  static const char* const paths[] = {"",
                                      "/",
                                      "//etc/passwd",
                                      "/etc/passwd",
                                      "..",
                                      "../",
                                      "./..",
                                      "folder/..",
                                      "hello.txt/",
                                      "hello.txt/.",
                                      "hello.txt/..",
                                      "link_outside",
                                      "link_up",
                                      "link_up/etc",
                                      "link_loop",
                                      "/proc/self/environ",
                                      "folder/../../",
                                      "folder/./../..",
                                      "....//",
                                      "..\\",
                                      "fifo",
                                      "device"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i) try_path(paths[i]);
}

static void long_path(void) {
  const size_t size = (size_t)param_number("bytes", 1 << 20);
  char* path = malloc(size + 1);
  if (path == NULL) return say("errno", -1);
  for (size_t i = 0; i < size; ++i) path[i] = i % 2 == 0 ? '.' : '/';
  path[size] = '\0';
  __wasi_fd_t file = 0;
  say("refused", open_path(path, &file) != 0);
}

static void huge_read(void) {
  const size_t size = (size_t)param_number("bytes", 64 << 20);
  __wasi_fd_t file = 0;
  uint8_t* memory = malloc(size);
  if (memory == NULL || open_path("hello.txt", &file) != 0) return say("errno", -1);
  const __wasi_iovec_t vector = {memory, size};
  __wasi_size_t got = 0;
  long calls = 0;
  while (calls < 100 && __wasi_fd_pread(file, &vector, 1, 0, &got) == 0) ++calls;
  say("calls", calls);
}

// ---- memory of the host

static void many_vectors(void) {
  const size_t count = (size_t)param_number("count", 1000000);
  __wasi_ciovec_t* vectors = malloc(count * sizeof *vectors);
  if (vectors == NULL) return say("errno", -1);
  for (size_t i = 0; i < count; ++i) vectors[i] = (__wasi_ciovec_t){block, sizeof block};
  __wasi_size_t written = 0;
  const __wasi_errno_t error = __wasi_fd_write(2, vectors, count, &written);
  say("errno", error);
}

static void random_of_all(void) {
  say("errno", __wasi_random_get((uint8_t*)0, SIZE_MAX));
}

static void outside(void) {
  const __wasi_ciovec_t vector = {(uint8_t*)0xfffffff0u, 0xffffu};
  __wasi_size_t written = 0;
  say("write", __wasi_fd_write(1, &vector, 1, &written));
  say("args", __wasi_args_get((uint8_t**)0xfffffff0u, (uint8_t*)0xfffffff0u));
}

static void flood(__wasi_fd_t fd) {
  const __wasi_ciovec_t vector = {block, sizeof block};
  __wasi_size_t written = 0;
  memset(block, 'x', sizeof block);
  while (__wasi_fd_write(fd, &vector, 1, &written) == 0) {
  }
}

static void flood_stdout(void) {
  flood(1);
}

static void flood_stderr(void) {
  flood(2);
}

static void flood_stderr_lines(void) {
  for (;;) fputs("a short line\n", stderr);
}

static const struct {
  const char* name;
  void (*run)(void);
} ways[] = {
    {"poll_many", poll_many},       {"poll_for_ever", poll_for_ever}, {"spin_poll", spin_poll},
    {"spin_clock", spin_clock},     {"spin_yield", spin_yield},       {"spin_sleep", spin_sleep},
    {"many_files", many_files},     {"renumber", renumber},           {"tiny_readdir", tiny_readdir},
    {"odd_paths", odd_paths},       {"long_path", long_path},         {"huge_read", huge_read},
    {"many_vectors", many_vectors}, {"random_of_all", random_of_all}, {"outside", outside},
    {"flood_stdout", flood_stdout}, {"flood_stderr", flood_stderr},   {"flood_stderr_lines", flood_stderr_lines},
};

int main(void) {
  const char* how = param_text("how", "");
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; ++i) {
    if (strcmp(how, ways[i].name) == 0) {
      ways[i].run();
      return 0;
    }
  }
  return 1;
}
