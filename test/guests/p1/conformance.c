// The WASI p1 calls real programs use, one case each: prints "ok <case>" or "FAIL <case>" and exits with the number of
// failures. Expects what test/integration gives it: arguments "one" "two words", variable WASABI_CASE=conformance,
// stdin "0123456789", and test/integration/files as "/", which may be read only.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

#define ROOT 3  // the first preopened directory

static char buffer[4096];

// ---- helpers

static __wasi_errno_t open_at(const char* path, __wasi_oflags_t flags, __wasi_rights_t rights, __wasi_fd_t* file) {
  return __wasi_path_open(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, flags, rights, 0, 0, file);
}

static __wasi_errno_t open_to_read(const char* path, __wasi_fd_t* file) {
  return open_at(path, 0,
                 __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_FILESTAT_GET |
                     __WASI_RIGHTS_FD_ADVISE,
                 file);
}

static size_t read_some(__wasi_fd_t file, size_t size, __wasi_errno_t* error) {
  const __wasi_iovec_t vector = {(uint8_t*)buffer, size};
  __wasi_size_t got = 0;
  *error = __wasi_fd_read(file, &vector, 1, &got);
  return got;
}

static bool holds(const char* expected, size_t size) {
  return size == strlen(expected) && memcmp(buffer, expected, size) == 0;
}

// Denied, by whatever name: not permitted, no capability, read-only file system, access.
static bool denied(__wasi_errno_t error) {
  return error == __WASI_ERRNO_PERM || error == __WASI_ERRNO_NOTCAPABLE || error == __WASI_ERRNO_ROFS ||
         error == __WASI_ERRNO_ACCES;
}

static void close_file(__wasi_fd_t file) {
  if (__wasi_fd_close(file) != 0) __builtin_trap();
}

// ---- arguments, environment, clocks, random

static bool arguments(void) {
  __wasi_size_t count = 0;
  __wasi_size_t size = 0;
  if (__wasi_args_sizes_get(&count, &size) != 0 || count != 3 || size > sizeof buffer) return false;
  uint8_t* values[3];
  if (__wasi_args_get(values, (uint8_t*)buffer) != 0) return false;
  return strcmp((char*)values[1], "one") == 0 && strcmp((char*)values[2], "two words") == 0;
}

static bool environment(void) {
  static uint8_t* values[128];
  __wasi_size_t count = 0;
  __wasi_size_t size = 0;
  if (__wasi_environ_sizes_get(&count, &size) != 0 || count > 128 || size > sizeof buffer) return false;
  if (__wasi_environ_get(values, (uint8_t*)buffer) != 0) return false;
  for (size_t i = 0; i < count; ++i) {
    if (strcmp((char*)values[i], "WASABI_CASE=conformance") == 0) return true;
  }
  return false;
}

static __wasi_timestamp_t now(__wasi_clockid_t clock) {
  __wasi_timestamp_t time = 0;
  return __wasi_clock_time_get(clock, 1, &time) == 0 ? time : 0;
}

static bool realtime_clock(void) {
  return now(__WASI_CLOCKID_REALTIME) > 1600000000ull * 1000000000ull;
}

static bool monotonic_clock(void) {
  const __wasi_timestamp_t first = now(__WASI_CLOCKID_MONOTONIC);
  return now(__WASI_CLOCKID_MONOTONIC) >= first;
}

static bool clock_resolution(void) {
  __wasi_timestamp_t resolution = 0;
  return __wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &resolution) == 0 && resolution > 0;
}

static bool random_bytes(void) {
  uint8_t first[32] = {0};
  uint8_t second[32] = {0};
  return __wasi_random_get(first, 32) == 0 && __wasi_random_get(second, 32) == 0 && memcmp(first, second, 32) != 0;
}

static bool yields(void) {
  return __wasi_sched_yield() == 0;
}

// ---- standard streams

static bool stdin_in_pieces(void) {
  __wasi_errno_t error;
  size_t total = 0;
  while (total < 4) {
    const __wasi_iovec_t vector = {(uint8_t*)buffer + total, 4 - total};
    __wasi_size_t got = 0;
    if (__wasi_fd_read(0, &vector, 1, &got) != 0 || got == 0) return false;
    total += got;
  }
  if (!holds("0123", total)) return false;
  const size_t rest = read_some(0, 6, &error);
  return error == 0 && holds("456789", rest);
}

static bool stdin_ends(void) {
  __wasi_errno_t error;
  return read_some(0, 16, &error) == 0 && error == 0 && read_some(0, 16, &error) == 0 && error == 0;
}

static bool scattered_write(void) {
  const __wasi_ciovec_t vectors[3] = {
      {(const uint8_t*)"scat", 4}, {(const uint8_t*)"", 0}, {(const uint8_t*)"tered ", 6}};
  __wasi_size_t wrote = 0;
  return __wasi_fd_write(2, vectors, 3, &wrote) == 0 && wrote > 0 && wrote <= 10;  // a short write is allowed
}

static bool stream_stat(void) {
  __wasi_fdstat_t stat;
  return __wasi_fd_fdstat_get(1, &stat) == 0 && stat.fs_filetype != __WASI_FILETYPE_REGULAR_FILE;
}

static bool stream_does_not_seek(void) {
  __wasi_filesize_t position;
  return __wasi_fd_seek(1, 0, __WASI_WHENCE_CUR, &position) != 0;
}

static bool stdout_is_not_readable(void) {
  __wasi_errno_t error;
  read_some(1, 1, &error);
  return error != 0;
}

static bool stdin_is_not_writable(void) {
  const __wasi_ciovec_t vector = {(const uint8_t*)"x", 1};
  __wasi_size_t wrote;
  return __wasi_fd_write(0, &vector, 1, &wrote) != 0;
}

static bool bad_descriptor(void) {
  __wasi_errno_t error;
  read_some(99, 1, &error);
  return error == __WASI_ERRNO_BADF && __wasi_fd_close(99) == __WASI_ERRNO_BADF;
}

// ---- polling

static bool poll_clock(void) {
  const __wasi_timestamp_t start = now(__WASI_CLOCKID_MONOTONIC);
  const __wasi_subscription_t wait = {
      .userdata = 7,
      .u = {.tag = __WASI_EVENTTYPE_CLOCK, .u.clock = {.id = __WASI_CLOCKID_MONOTONIC, .timeout = 10000000}}};
  __wasi_event_t event;
  __wasi_size_t count = 0;
  if (__wasi_poll_oneoff(&wait, &event, 1, &count) != 0 || count != 1) return false;
  return event.userdata == 7 && event.error == 0 && now(__WASI_CLOCKID_MONOTONIC) - start >= 10000000;
}

static bool poll_absolute_clock(void) {
  const __wasi_timestamp_t start = now(__WASI_CLOCKID_MONOTONIC);
  const __wasi_subscription_t wait = {.userdata = 8,
                                      .u = {.tag = __WASI_EVENTTYPE_CLOCK,
                                            .u.clock = {.id = __WASI_CLOCKID_MONOTONIC,
                                                        .timeout = start + 10000000,
                                                        .flags = __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME}}};
  __wasi_event_t event;
  __wasi_size_t count = 0;
  return __wasi_poll_oneoff(&wait, &event, 1, &count) == 0 && count == 1 &&
         now(__WASI_CLOCKID_MONOTONIC) >= start + 10000000;
}

static bool poll_stdout(void) {
  const __wasi_subscription_t wait[2] = {
      {.userdata = 1, .u = {.tag = __WASI_EVENTTYPE_FD_WRITE, .u.fd_write = {.file_descriptor = 1}}},
      {.userdata = 2,
       .u = {.tag = __WASI_EVENTTYPE_CLOCK, .u.clock = {.id = __WASI_CLOCKID_MONOTONIC, .timeout = 2000000000}}}};
  __wasi_event_t events[2];
  __wasi_size_t count = 0;
  return __wasi_poll_oneoff(wait, events, 2, &count) == 0 && count >= 1 && events[0].userdata == 1;
}

static bool poll_nothing(void) {
  __wasi_event_t event;
  __wasi_size_t count = 0;
  return __wasi_poll_oneoff(NULL, &event, 0, &count) == __WASI_ERRNO_INVAL;
}

// ---- read-only files

static bool preopened_root(void) {
  __wasi_prestat_t stat;
  if (__wasi_fd_prestat_get(ROOT, &stat) != 0 || stat.u.dir.pr_name_len != 1) return false;
  return __wasi_fd_prestat_dir_name(ROOT, (uint8_t*)buffer, 1) == 0 && buffer[0] == '/';
}

static bool no_second_preopen(void) {
  __wasi_prestat_t stat;
  return __wasi_fd_prestat_get(ROOT + 1, &stat) == __WASI_ERRNO_BADF;
}

static bool read_file(void) {
  __wasi_fd_t file;
  __wasi_errno_t error;
  if (open_to_read("hello.txt", &file) != 0) return false;
  const size_t size = read_some(file, sizeof buffer, &error);
  const bool good = error == 0 && holds("hello from a file\n", size) && read_some(file, 8, &error) == 0;
  return __wasi_fd_close(file) == 0 && good;
}

static bool read_in_folder(void) {
  __wasi_fd_t file;
  __wasi_errno_t error;
  if (open_to_read("folder/inner.txt", &file) != 0) return false;
  const size_t size = read_some(file, sizeof buffer, &error);
  close_file(file);
  return holds("inner\n", size);
}

static bool pread_keeps_position(void) {
  __wasi_fd_t file;
  __wasi_filesize_t position = 99;
  __wasi_size_t got = 0;
  if (open_to_read("hello.txt", &file) != 0) return false;
  const __wasi_iovec_t vector = {(uint8_t*)buffer, 4};
  const bool good = __wasi_fd_pread(file, &vector, 1, 6, &got) == 0 && holds("from", got) &&
                    __wasi_fd_tell(file, &position) == 0 && position == 0;
  close_file(file);
  return good;
}

static bool seek_file(void) {
  __wasi_fd_t file;
  __wasi_filesize_t position = 0;
  __wasi_errno_t error;
  if (open_to_read("hello.txt", &file) != 0) return false;
  bool good = __wasi_fd_seek(file, -5, __WASI_WHENCE_END, &position) == 0 && position == 13;
  good = good && holds("file\n", read_some(file, sizeof buffer, &error));
  good = good && __wasi_fd_seek(file, -1, __WASI_WHENCE_SET, &position) == __WASI_ERRNO_INVAL;
  close_file(file);
  return good;
}

static bool stat_file(void) {
  __wasi_fd_t file;
  __wasi_filestat_t stat;
  if (open_to_read("hello.txt", &file) != 0) return false;
  const bool good =
      __wasi_fd_filestat_get(file, &stat) == 0 && stat.size == 18 && stat.filetype == __WASI_FILETYPE_REGULAR_FILE;
  close_file(file);
  return good;
}

static bool stat_path(void) {
  __wasi_filestat_t stat;
  return __wasi_path_filestat_get(ROOT, 0, "folder", &stat) == 0 && stat.filetype == __WASI_FILETYPE_DIRECTORY;
}

static bool advise(void) {
  __wasi_fd_t file;
  if (open_to_read("hello.txt", &file) != 0) return false;
  const bool good = __wasi_fd_advise(file, 0, 0, __WASI_ADVICE_SEQUENTIAL) == 0;
  close_file(file);
  return good;
}

static bool renumber(void) {
  __wasi_fd_t first;
  __wasi_fd_t second;
  __wasi_errno_t error;
  if (open_to_read("hello.txt", &first) != 0 || open_to_read("folder/inner.txt", &second) != 0) return false;
  bool good = __wasi_fd_renumber(second, first) == 0;
  good = good && holds("inner\n", read_some(first, sizeof buffer, &error));
  read_some(second, 1, &error);
  good = good && error == __WASI_ERRNO_BADF;
  close_file(first);
  return good;
}

static bool list_folder(void) {
  __wasi_size_t used = 0;
  if (__wasi_fd_readdir(ROOT, (uint8_t*)buffer, sizeof buffer, 0, &used) != 0) return false;
  bool hello = false;
  for (size_t at = 0; at + sizeof(__wasi_dirent_t) <= used;) {
    __wasi_dirent_t entry;
    memcpy(&entry, buffer + at, sizeof entry);
    at += sizeof entry;
    hello = hello || (entry.d_namlen == 9 && memcmp(buffer + at, "hello.txt", 9) == 0);
    at += entry.d_namlen;
  }
  return hello;
}

static bool missing_file(void) {
  __wasi_fd_t file;
  return open_to_read("nothing-here", &file) == __WASI_ERRNO_NOENT;
}

static bool no_escape_upwards(void) {
  __wasi_fd_t file;
  return denied(open_to_read("../conformance.toml", &file)) && denied(open_to_read("folder/../../x", &file));
}

static bool no_absolute_path(void) {
  __wasi_fd_t file;
  return denied(open_to_read("/etc/passwd", &file));
}

static bool no_escape_by_link(void) {
  __wasi_fd_t file;
  return open_to_read("link_outside", &file) != 0;
}

static bool file_is_no_folder(void) {
  __wasi_fd_t file;
  const __wasi_errno_t error = open_to_read("hello.txt/inner", &file);
  return error == __WASI_ERRNO_NOTDIR || error == __WASI_ERRNO_NOENT;
}

// ---- what is denied

static bool no_create(void) {
  __wasi_fd_t file;
  return denied(open_at("new.txt", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_WRITE, &file));
}

static bool no_open_to_write(void) {
  __wasi_fd_t file;
  return denied(open_at("hello.txt", 0, __WASI_RIGHTS_FD_WRITE, &file));
}

static bool no_truncate(void) {
  __wasi_fd_t file;
  return denied(open_at("hello.txt", __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_READ, &file));
}

static bool no_create_directory(void) {
  return denied(__wasi_path_create_directory(ROOT, "new"));
}
static bool no_unlink(void) {
  return denied(__wasi_path_unlink_file(ROOT, "hello.txt"));
}
static bool no_remove_directory(void) {
  return denied(__wasi_path_remove_directory(ROOT, "folder"));
}
static bool no_rename(void) {
  return denied(__wasi_path_rename(ROOT, "hello.txt", ROOT, "other.txt"));
}
static bool no_symlink(void) {
  return denied(__wasi_path_symlink("hello.txt", ROOT, "new_link"));
}
static bool no_hard_link(void) {
  return denied(__wasi_path_link(ROOT, 0, "hello.txt", ROOT, "new_link"));
}

static bool no_set_times(void) {
  return denied(__wasi_path_filestat_set_times(ROOT, 0, "hello.txt", 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
}

static bool no_write_by_descriptor(void) {
  __wasi_fd_t file;
  __wasi_size_t wrote;
  const __wasi_ciovec_t vector = {(const uint8_t*)"x", 1};
  if (open_to_read("hello.txt", &file) != 0) return false;
  const bool good = __wasi_fd_write(file, &vector, 1, &wrote) != 0 && __wasi_fd_filestat_set_size(file, 0) != 0;
  close_file(file);
  return good;
}

static bool no_sockets(void) {
  __wasi_roflags_t flags;
  __wasi_size_t got;
  const __wasi_iovec_t vector = {(uint8_t*)buffer, 1};
  return __wasi_sock_recv(0, &vector, 1, 0, &got, &flags) != 0 && __wasi_sock_shutdown(0, __WASI_SDFLAGS_RD) != 0;
}

static const struct {
  const char* name;
  bool (*run)(void);
} kCases[] = {
    {"arguments", arguments},
    {"environment", environment},
    {"realtime_clock", realtime_clock},
    {"monotonic_clock", monotonic_clock},
    {"clock_resolution", clock_resolution},
    {"random_bytes", random_bytes},
    {"yields", yields},
    {"stdin_in_pieces", stdin_in_pieces},
    {"stdin_ends", stdin_ends},
    {"scattered_write", scattered_write},
    {"stream_stat", stream_stat},
    {"stream_does_not_seek", stream_does_not_seek},
    {"stdout_is_not_readable", stdout_is_not_readable},
    {"stdin_is_not_writable", stdin_is_not_writable},
    {"bad_descriptor", bad_descriptor},
    {"poll_clock", poll_clock},
    {"poll_absolute_clock", poll_absolute_clock},
    {"poll_stdout", poll_stdout},
    {"poll_nothing", poll_nothing},
    {"preopened_root", preopened_root},
    {"no_second_preopen", no_second_preopen},
    {"read_file", read_file},
    {"read_in_folder", read_in_folder},
    {"pread_keeps_position", pread_keeps_position},
    {"seek_file", seek_file},
    {"stat_file", stat_file},
    {"stat_path", stat_path},
    {"advise", advise},
    {"renumber", renumber},
    {"list_folder", list_folder},
    {"missing_file", missing_file},
    {"no_escape_upwards", no_escape_upwards},
    {"no_absolute_path", no_absolute_path},
    {"no_escape_by_link", no_escape_by_link},
    {"file_is_no_folder", file_is_no_folder},
    {"no_create", no_create},
    {"no_open_to_write", no_open_to_write},
    {"no_truncate", no_truncate},
    {"no_create_directory", no_create_directory},
    {"no_unlink", no_unlink},
    {"no_remove_directory", no_remove_directory},
    {"no_rename", no_rename},
    {"no_symlink", no_symlink},
    {"no_hard_link", no_hard_link},
    {"no_set_times", no_set_times},
    {"no_write_by_descriptor", no_write_by_descriptor},
    {"no_sockets", no_sockets},
};

int main(void) {
  int failed = 0;
  for (size_t i = 0; i < sizeof kCases / sizeof kCases[0]; ++i) {
    const bool good = kCases[i].run();
    printf("%s %s\n", good ? "ok" : "FAIL", kCases[i].name);
    failed += !good;
  }
  return failed;
}
